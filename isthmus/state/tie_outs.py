"""Tie-outs that were made, and every difference they found: since when it is there, and when it was gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import BigInteger, Boolean, Column, Connection, Identity, Index, Integer, Table, Text, select, text

from isthmus.db import among, insert_rows, update_rows
from isthmus.state.tables import Key, metadata

tie_out = Table(
    "state_tie_out",
    metadata,
    Column("id", Key, Identity(always=False), primary_key=True),
    Column("kind", Text, nullable=False),  # totals, receivables or credit
    Column("who", Text, nullable=False),
    Column("as_of", Text, nullable=False),
    Column("ended_at", Text, nullable=False),
    Column("agrees", Boolean, nullable=False),
    Column("differences", Integer, nullable=False),
    Column("at_stake", Text, nullable=False),  # currency → minor units, JSON
    Column("report", Text, nullable=False),  # JSON
)
Index("state_tie_out_kind", tie_out.c.kind, tie_out.c.id)

difference = Table(
    "state_difference",
    metadata,
    Column("id", Key, Identity(always=False), primary_key=True),
    Column("entity", Text, nullable=False),
    Column("crm_id", Text, nullable=False),  # empty where that side has nothing
    Column("erp_id", Text, nullable=False),
    Column("field", Text, nullable=False),  # empty: the whole record
    Column("kind", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("crm_value", Text),
    Column("erp_value", Text),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text),
    Column("repair", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("first_seen", Text, nullable=False),
    Column("last_seen", Text, nullable=False),
    Column("closed_at", Text),
)
_open = difference.c.closed_at.is_(None)
Index(
    "state_difference_open",
    difference.c.entity, difference.c.crm_id, difference.c.erp_id, difference.c.field,
    unique=True, sqlite_where=_open, postgresql_where=_open,
)  # fmt: skip

Place = tuple[str, str, str, str]  # entity, CRM id, ERP id, field

_TOLD = ("kind", "cause", "crm_value", "erp_value", "amount_minor", "currency", "repair", "remedy")


@dataclass(frozen=True, slots=True)
class Seen:
    """One difference as a tie-out saw it; ``told`` is in the order of the columns from ``kind`` to ``remedy``."""

    place: Place
    told: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier tie-out: ``at_stake`` is in minor units by currency."""

    as_of: str
    agrees: bool
    differences: int
    at_stake: dict[str, int]


def open_repairs(connection: Connection, entities: Sequence[str]) -> dict[Place, tuple[str, str]]:
    """What is open of these entities, which repair it was promised, and in which words."""
    columns = difference.c
    query = select(columns.entity, columns.crm_id, columns.erp_id, columns.field, columns.repair, columns.remedy)
    rows = connection.execute(query.where(_open, among(connection, columns.entity, list(entities))))
    return {(row[0], row[1], row[2], row[3]): (row[4], row[5]) for row in rows}


def record(
    connection: Connection, entities: Sequence[str], seen: Sequence[Seen], *, now: str, parts: Sequence[str] = ()
) -> dict[Place, str]:
    """Stores what was seen now of these entities; what is open and was not seen is closed.

    Of ``parts`` only some records were looked at: nothing of them is closed. Returns for each difference since when it
    is there.
    """
    if connection.dialect.name == "postgresql":  # two that end together would each store it; SQLite has one writer
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('isthmus tie-out'))"))
    columns = difference.c
    query = select(columns.id, columns.entity, columns.crm_id, columns.erp_id, columns.field, columns.first_seen)
    query = query.where(_open, among(connection, columns.entity, [*entities, *parts]))
    known: dict[Place, tuple[int, str]] = {tuple(row[1:5]): (row[0], row[5]) for row in connection.execute(query)}
    fresh = [(*one.place, *one.told, now, now) for one in seen if one.place not in known]
    again = [(*one.told, now, known[one.place][0]) for one in seen if one.place in known]
    present = {one.place for one in seen}
    closed = [  # what another one saw that began later, and is through already, was not there yet
        (now, number)
        for place, (number, since) in known.items()
        if place not in present and place[0] not in parts and since <= now
    ]
    names = ("entity", "crm_id", "erp_id", "field", *_TOLD, "first_seen", "last_seen")
    insert_rows(connection, difference, names, rows=fresh)
    update_rows(connection, difference, (*_TOLD, "last_seen"), key="id", rows=again)
    update_rows(connection, difference, ("closed_at",), key="id", rows=closed)
    return {one.place: known[one.place][1] if one.place in known else now for one in seen}


def store(connection: Connection, past: Past, *, kind: str, who: str, ended_at: str, report: str) -> None:
    """Keeps a tie-out with its report."""
    connection.execute(
        tie_out.insert().values(
            kind=kind, who=who, as_of=past.as_of, ended_at=ended_at, agrees=past.agrees, differences=past.differences,
            at_stake=orjson.dumps(past.at_stake).decode(), report=report,
        )
    )  # fmt: skip


def history(connection: Connection, kind: str, most: int = 60) -> list[Past]:
    """The latest tie-outs of a kind, oldest first."""
    columns = (tie_out.c.as_of, tie_out.c.agrees, tie_out.c.differences, tie_out.c.at_stake)
    query = select(*columns).where(tie_out.c.kind == kind).order_by(tie_out.c.id.desc()).limit(most)
    return [Past(row[0], bool(row[1]), row[2], orjson.loads(row[3])) for row in connection.execute(query)][::-1]


def last_report(connection: Connection, kind: str) -> str | None:
    """The report of the latest tie-out of a kind, as JSON."""
    query = select(tie_out.c.report).where(tie_out.c.kind == kind).order_by(tie_out.c.id.desc()).limit(1)
    return connection.execute(query).scalar()
