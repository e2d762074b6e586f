"""Reading records: all that moved, some by id, or those that might match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, select

from isthmus.db import among
from isthmus.erp.changes import between, change, write_version
from isthmus.erp.computed import Today
from isthmus.erp.positions import Position
from isthmus.erp.shapes import Stream
from isthmus.kernel.records import Fields, Record, match_text

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moved:
    """A record that moved, its row, its lines, and where its last change stands in the log."""

    row: Row
    lines: list[Fields] | None
    position: Position


@dataclass(frozen=True, slots=True)
class Ask:
    """Which of the records that moved, how many at most, and as of when."""

    today: Today
    limit: int
    where: Sequence[ColumnElement[bool]] = ()


def record_of(stream: Stream, row: Row, lines: list[Fields] | None, *, by: str) -> Record:
    """A row as a record. ``by`` is who we are, so that the record can say whether we wrote last."""
    writer = row["changed_by"]
    return Record(
        id=str(row["id"]),
        version=write_version(row["version"]),
        fields=stream.show(row),
        lines=lines,
        by_us=writer == by,
        changed_by=writer,
    )


def row_columns(stream: Stream) -> tuple[str, ...]:
    """The columns that a record's row needs to be shown."""
    return tuple(dict.fromkeys(("id", "version", "changed_by", *stream.shape.columns)))


def _picked(stream: Stream, today: Today) -> list[ColumnElement[Any]]:
    return [stream.shape.column(name, today).label(name) for name in row_columns(stream)]


def moved_since(connection: Connection, stream: Stream, since: Position, *, until: Position, ask: Ask) -> list[Moved]:
    """The next records that changed last after one position and at or before another, in the log's order."""
    table = stream.table
    query = (
        select(change.c.transaction, *_picked(stream, ask.today))
        .join(table, and_(table.c.id == change.c.record_id, table.c.version == change.c.number))
        .where(change.c.stream == stream.name, *between(since, until), *stream.shows, *ask.where)
        .order_by(change.c.transaction, change.c.number)
        .limit(ask.limit)
    )
    names = row_columns(stream)
    found = [(values[0], dict(zip(names, values[1:], strict=True))) for values in connection.execute(query)]
    lines = lines_of(connection, stream, [row["id"] for _, row in found])
    return [Moved(row, lines.get(row["id"]), Position(at, row["version"], since.day)) for at, row in found]


def rows_by_id(
    connection: Connection, stream: Stream, ids: Sequence[int], *, lock: bool = False, today: Today | None = None
) -> dict[int, Row]:
    """The rows of these records by id. ``lock`` keeps others from changing them until the transaction ends.

    ``today`` is needed of streams that work fields out by it.
    """
    if not ids:
        return {}
    columns = _picked(stream, today or Today(connection.dialect.name, "", ""))
    query: Select[Any] = select(*columns).where(among(connection, stream.table.c.id, list(ids)))
    if lock and connection.dialect.name == "postgresql":
        query = query.order_by(stream.table.c.id).with_for_update(key_share=True)
    names = row_columns(stream)
    return {values[0]: dict(zip(names, values, strict=True)) for values in connection.execute(query)}


def lines_of(connection: Connection, stream: Stream, ids: Sequence[int]) -> dict[int, list[Fields]]:
    """The lines of these records, shown and in their order, by id; every id is there if the stream has lines."""
    if stream.lines is None:
        return {}
    shape = stream.lines
    lines: dict[int, list[Fields]] = {record_id: [] for record_id in ids}
    if not ids:
        return lines
    parent = shape.table.c[stream.parent]
    order = shape.table.c["position" if "position" in shape.table.c else "id"]
    today = Today(connection.dialect.name, "", "")
    query = select(parent, *(shape.column(name, today).label(name) for name in shape.columns))
    query = query.where(among(connection, parent, list(ids))).order_by(parent, order)
    if stream.holds is not None:
        query = query.where(stream.holds)
    for values in connection.execute(query):
        lines[values[0]].append(shape.show(dict(zip(shape.columns, values[1:], strict=True))))
    return lines


def find_rows(
    connection: Connection, stream: Stream, paths: Sequence[str], *, values: Sequence[tuple[str, ...]]
) -> Iterator[tuple[int, tuple[str | None, ...]]]:
    """Records whose fields equal one of the tuples after `match_text`: (id, the fields' values as they are).

    ``values`` are spelled by `match_text` already.
    """
    columns = {one.path: stream.table.c[one.column] for one in stream.shape.fields}
    asked = [columns[path] for path in paths]
    query = select(stream.table.c.id, *asked).where(_narrow(connection, stream, paths, values=values), *stream.shows)
    wanted = set(values)
    for record_id, *found in connection.execute(query.order_by(stream.table.c.id)):
        texts = tuple(None if value is None else str(value) for value in found)
        if all(texts) and tuple(match_text(text or "") for text in texts) in wanted:
            yield record_id, texts


def _narrow(
    connection: Connection, stream: Stream, paths: Sequence[str], *, values: Sequence[tuple[str, ...]]
) -> ColumnElement[bool]:
    """The condition that an index can answer, if one of the fields keeps its match text."""
    for position, path in enumerate(paths):
        if path in stream.find_by:
            column = stream.table.c[stream.find_by[path]]
            return among(connection, column, list(dict.fromkeys(texts[position] for texts in values)))
    return stream.table.c[{one.path: one.column for one in stream.shape.fields}[paths[0]]].is_not(None)
