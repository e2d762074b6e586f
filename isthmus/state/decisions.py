"""What people decided, asked for and were refused. Rows are only added: the database itself refuses anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Literal

from sqlalchemy import BigInteger, CheckConstraint, Column, Connection, Identity, Index, Table, Text, select

from isthmus.state.tables import Key, metadata

Outcome = Literal["done", "asked", "refused"]

table = Table(
    "state_decision",
    metadata,
    Column("id", Key, Identity(always=False), primary_key=True),
    Column("at", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("verb", Text, nullable=False),  # resolve, dismiss, retry, accept, pause, resume, release
    Column("mapping", Text, nullable=False),  # empty where no mapping is meant
    Column("item", BigInteger),  # the number on the worklist
    Column("record", Text),  # entity and id, separated by a blank
    Column("version", Text),  # hash of what the record showed, and of what was wrong with it
    Column("answer", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("outcome", Text, nullable=False),  # asked: a second person must give the same answer
    Column("told", Text, nullable=False),  # why it was refused, or what a second person must know
    CheckConstraint("outcome IN ('done', 'asked', 'refused')"),
)
Index("state_decision_item", table.c.item)


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision of one person; ``answer`` and ``why`` in the words of the verb."""

    at: str
    who: str
    verb: str
    mapping: str = ""
    item: int | None = None
    record: str | None = None
    version: str | None = None
    answer: str = ""
    why: str = ""
    outcome: Outcome = "done"
    told: str = ""


_NAMES = tuple(one.name for one in fields(Decided))
_COLUMNS = tuple(table.c[name] for name in _NAMES)


def add(connection: Connection, decided: Decided) -> None:
    connection.execute(table.insert().values(dict(zip(_NAMES, astuple(decided), strict=True))))


def history(
    connection: Connection, *, item: int | None = None, records: Sequence[str] | None = None, most: int = 100
) -> list[Decided]:
    """The newest first; only those about one item of the worklist, or about these records, if they are given."""
    query = select(*_COLUMNS).order_by(table.c.id.desc()).limit(most)
    if item is not None:
        query = query.where(table.c.item == item)
    if records is not None:
        query = query.where(table.c.record.in_(records))
    return [Decided(*row) for row in connection.execute(query)]


def open_request(connection: Connection, item: int | None, version: str, *, record: str = "") -> Decided | None:
    """What somebody asked for and a second person has not answered yet, for what the record shows now.

    About an item of the worklist, or about a record that is on none.
    """
    about = table.c.record == record if item is None else table.c.item == item
    query = select(*_COLUMNS).where(about, table.c.version == version, table.c.outcome != "refused")
    row = connection.execute(query.where(table.c.verb != "retry").order_by(table.c.id.desc()).limit(1)).first()
    last = Decided(*row) if row else None
    return last if last is not None and last.outcome == "asked" else None
