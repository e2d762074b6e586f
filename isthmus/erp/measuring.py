"""Counting and adding up a stream in the database: one query, however many records there are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, func, null, select

from isthmus.connect.protocol import Group, Measure
from isthmus.erp.computed import Today
from isthmus.erp.filters import split
from isthmus.erp.shapes import Kind, Stream
from isthmus.kernel.errors import Refused

_REMEDY = "read the records instead"


def measure(connection: Connection, stream: Stream, ask: Measure, *, today: Today) -> list[Group]:
    """The records of a stream by currency and month. Raises Refused for what the database cannot group by."""
    conditions, rest = split(stream, ask.where, today)
    if rest:
        raise Refused(f"stream {stream.name}", f"{rest[0].field} cannot be asked for here", _REMEDY)
    currency = _column(stream, ask.currency, ("text",), today=today)
    day = _column(stream, ask.day, ("day",), today=today)
    amount = _column(stream, ask.amount, ("amount", "micros", "count"), today=today)
    spelled = func.to_char(day, "YYYY-MM") if today.dialect == "postgresql" else func.substr(day, 1, 7)
    month: ColumnElement[Any] = spelled if ask.day else null()
    numbers = amount if ask.amount else cast(null(), BigInteger)
    query = select(currency.label("currency"), month.label("month"), numbers.label("amount"))
    item = query.select_from(stream.table).where(*stream.shows, *conditions).subquery().c
    grouped = select(item.currency, item.month, func.count(), func.sum(item.amount)).group_by(item.currency, item.month)
    found = connection.execute(grouped.order_by(item.currency, item.month))
    return [Group(money, when, count, None if total is None else int(total)) for money, when, count, total in found]


def _column(stream: Stream, path: str | None, kinds: tuple[Kind, ...], *, today: Today) -> ColumnElement[Any]:
    if path is None:
        return null()
    for field in stream.shape.fields:
        if field.path == path and field.kind in kinds:
            return stream.shape.column(field.column, today)
    raise Refused(f"stream {stream.name}", f"has no {path!r} that could be used so", _REMEDY)
