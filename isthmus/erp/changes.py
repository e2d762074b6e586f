"""The log of changes: which record of which stream changed, in which transaction, by whom.

A reader on PostgreSQL sees only what lies below the oldest running transaction: whatever commits later has a higher
position, so nothing ever appears behind a position that was once read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import ColumnElement, Connection, Table, and_, or_, text
from sqlalchemy.orm import Mapped, mapped_column

from isthmus.db import insert_rows
from isthmus.erp.columns import At, Code, Model, Short, Whole
from isthmus.erp.positions import WIDTH, Position
from isthmus.erp.sequences import take_numbers


class Change(Model):
    """One change of one record. ``number`` is the version that the record then has."""

    __tablename__ = "erp_change"
    stream: Mapped[Code] = mapped_column(primary_key=True)
    transaction: Mapped[Whole] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[Whole] = mapped_column(primary_key=True, autoincrement=False)
    record_id: Mapped[Whole]
    at: Mapped[At]
    by: Mapped[Short]
    __table_args__ = ({"sqlite_with_rowid": False},)


change = cast(Table, Change.__table__)
COLUMNS = ("stream", "transaction", "number", "record_id", "at", "by")


def log_changes(connection: Connection, stream: str, ids: Sequence[int], *, at: str, by: str) -> list[int]:
    """Logs a change of each of these records and answers their new versions, in the same order."""
    if not ids:
        return []
    if connection.dialect.name == "postgresql":
        logged = connection.execute(_LOG, {"stream": stream, "ids": list(ids), "at": at, "by": by}).one()
        versions = dict(zip(*logged, strict=True))
        return [versions[record_id] for record_id in ids]
    numbers = take_numbers(connection, "change", len(ids))
    # SQLite has one writer at a time: numbers come in the order of commits, and no transaction is needed.
    rows = [(stream, 0, number, record_id, at, by) for number, record_id in zip(numbers, ids, strict=True)]
    insert_rows(connection, change, COLUMNS, rows=rows)
    return numbers


_LOG = text("""
WITH logged AS (
    INSERT INTO erp_change (stream, transaction, number, record_id, at, by)
    SELECT :stream, CAST(CAST(pg_current_xact_id() AS text) AS bigint), nextval('erp_change_number'), id,
        CAST(:at AS timestamptz), :by
    FROM unnest(CAST(:ids AS bigint[])) AS id
    RETURNING record_id, number
)
SELECT array_agg(record_id), array_agg(number) FROM logged
""")


def horizon(connection: Connection) -> int:
    """The first transaction whose changes may not be complete yet."""
    if connection.dialect.name != "postgresql":
        return 1
    query = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    return int(connection.execute(query).scalar_one())


def is_of_another_server(connection: Connection) -> bool:
    """PostgreSQL: whether the log holds transactions that this server has not counted to: a copy brought them along.

    Ask it while nobody writes.
    """
    return connection.dialect.name == "postgresql" and bool(connection.execute(_AHEAD).scalar_one())


def count_anew(connection: Connection) -> None:
    """Puts what another server counted at the beginning of the log, where whoever reads everything finds it.

    Call it with the guard of ``erp_change`` lifted. No transaction has the number 0.
    """
    connection.execute(_TO_THE_BEGINNING)


_NOT_BEGUN = "transaction >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
_AHEAD = text(f"SELECT EXISTS (SELECT 1 FROM erp_change WHERE {_NOT_BEGUN})")
_TO_THE_BEGINNING = text(f"UPDATE erp_change SET transaction = 0 WHERE {_NOT_BEGUN}")


def write_version(number: int) -> str:
    """A version as text that sorts like its number."""
    return f"{number:0{WIDTH}d}"


def latest(connection: Connection) -> Position:
    """The end of what a reader sees now: nothing at or before it is still to come."""
    if connection.dialect.name == "postgresql":
        return Position(horizon(connection) - 1, GREATEST_NUMBER)
    return Position(0, int(connection.execute(_LAST).scalar_one()))


def between(since: Position, until: Position) -> tuple[ColumnElement[bool], ...]:
    """Of changes: those after one position and at or before another."""
    column = change.c
    after = or_(
        column.transaction > since.transaction,
        and_(column.transaction == since.transaction, column.number > since.number),
    )
    before = or_(
        column.transaction < until.transaction,
        and_(column.transaction == until.transaction, column.number <= until.number),
    )
    # The bounds of the transaction alone are what an index can answer.
    return column.transaction >= since.transaction, column.transaction <= until.transaction, after, before


_LAST = text("SELECT last FROM erp_sequence WHERE name = 'change'")
GREATEST_NUMBER = 2**63 - 1
