"""Both sides of an entity as keys and prints in temporary tables of our database, so that SQL finds what differs.

A million records a side cost memory only page by page. One connection holds the tables; each page is a transaction of
its own, so that nobody waits for a tie-out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Engine, MetaData, Table, Text, select, text

from isthmus.db import among, insert_rows
from isthmus.kernel.units import SIDES, Side
from isthmus.reconcile.shape import Cell
from isthmus.state.bindings import Stream
from isthmus.state.tables import alias, binding

_metadata = MetaData()
COLUMNS = (
    "pair", "id", "version", "print", "twin", "faulty", "currency", "month", "amount_minor", "party", "open_minor"
)  # fmt: skip
_TEXTS = frozenset(("id", "version", "currency", "month", "party"))


def _table(side: Side) -> Table:
    columns = (Column(name, Text if name in _TEXTS else BigInteger) for name in COLUMNS)
    return Table(f"tie_{side}", _metadata, *columns, prefixes=["TEMPORARY"])


TABLES: dict[Side, Table] = {side: _table(side) for side in SIDES}


@dataclass(frozen=True, slots=True)
class Glance:
    """A record as it was seen at first: ``version`` tells whether it moved since."""

    id: str
    version: str
    twin: int
    cell: Cell
    party: str | None  # whose document it is: the ERP's id


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair that may differ, by what was read of it; or a record without a pair."""

    pair: int | None
    glances: dict[Side, Glance]


@contextmanager
def scratch(engine: Engine) -> Iterator[Connection]:
    """A connection with both tables, empty. Use ``connection.begin()`` for each step."""
    with engine.connect() as connection:
        _drop(connection)
        with connection.begin():
            for table in TABLES.values():
                table.create(connection)
        try:
            yield connection
        finally:
            _drop(connection)


def _drop(connection: Connection) -> None:
    with connection.begin():
        for table in TABLES.values():
            connection.execute(text(f"DROP TABLE IF EXISTS {table.name}"))


def pairs_of(connection: Connection, stream: Stream, ids: Sequence[str]) -> dict[str, int]:
    """Id → pair of those that are bound and have not left."""
    own = binding.c[f"{stream.side}_id"]
    at = (binding.c.entity == stream.entity, binding.c[f"{stream.side}_org"] == stream.org)
    query = select(own, binding.c.id).where(*at, among(connection, own, ids))
    return {row[0]: row[1] for row in connection.execute(query)}


def aliases_of(connection: Connection, stream: Stream) -> dict[str, str]:
    """Id → the id that stands for it, of records of a stream that were merged into another."""
    query = select(alias.c.id, binding.c[f"{stream.side}_id"]).join(binding, binding.c.id == alias.c.binding_id)
    query = query.where(alias.c.entity == stream.entity, alias.c.org == stream.org)
    return {row[0]: row[1] for row in connection.execute(query)}


def put(connection: Connection, side: Side, rows: Sequence[Sequence[object]]) -> None:
    """Adds a page of rows in the order of `COLUMNS`."""
    insert_rows(connection, TABLES[side], COLUMNS, rows=rows)


def index(connection: Connection) -> None:
    """Both tables by pair, once they are full."""
    for side in SIDES:
        connection.execute(text(f"CREATE INDEX tie_{side}_pair ON tie_{side} (pair)"))
        connection.execute(text(f"ANALYZE tie_{side}"))


_GLANCE = "{0}.id, {0}.version, {0}.twin, {0}.currency, {0}.month, {0}.amount_minor, {0}.party"
_BOTH = f"""
SELECT c.pair, {_GLANCE.format("c")}, {_GLANCE.format("e")} FROM tie_crm c JOIN tie_erp e ON e.pair = c.pair
WHERE c.print <> e.print OR c.faulty = 1 OR e.faulty = 1 OR COALESCE(c.amount_minor, 0) <> COALESCE(e.amount_minor, 0)
ORDER BY c.pair
"""
_ONE = f"""
SELECT o.pair, {_GLANCE.format("o")} FROM tie_{{side}} o LEFT JOIN tie_{{across}} a ON a.pair = o.pair
WHERE a.pair IS NULL ORDER BY o.pair, o.id
"""


def differing(connection: Connection, most: int) -> list[Candidate]:
    """Pairs of which both sides were read and whose prints or amounts differ."""
    rows = connection.execute(text(f"{_BOTH} LIMIT {most}"))
    return [Candidate(row[0], {"crm": _glance(row[1:8]), "erp": _glance(row[8:15])}) for row in rows]


def one_sided(connection: Connection, side: Side, most: int) -> list[Candidate]:
    """Records that only this side has: of a pair, or without one."""
    query = _ONE.format(side=side, across="erp" if side == "crm" else "crm")
    return [Candidate(row[0], {side: _glance(row[1:8])}) for row in connection.execute(text(f"{query} LIMIT {most}"))]


def _glance(row: Sequence[Any]) -> Glance:
    key, version, twin, *cell, party = row
    return Glance(key, version, twin, Cell(*cell), party)


def twins(connection: Connection, side: Side, prints: Sequence[int]) -> dict[int, str]:
    """Print → id of a record of this side that is bound and shows the same."""
    table = TABLES[side]
    query = select(table.c.twin, table.c.id).where(table.c.pair.is_not(None), among(connection, table.c.twin, prints))
    return {row[0]: row[1] for row in connection.execute(query)}


def count_different(connection: Connection) -> int:
    """How many candidates there are in all."""
    both = f"SELECT count(*) FROM ({_BOTH}) AS d"
    ones = [f"SELECT count(*) FROM ({_ONE.format(side=a, across=b)}) AS d" for a, b in (("crm", "erp"), ("erp", "crm"))]
    return sum(int(connection.execute(text(one)).scalar_one()) for one in (both, *ones))
