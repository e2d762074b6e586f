"""Counting and adding up a stream in the database: one query, however many records there are.

What the database would compare otherwise than we do (texts) it groups by, and we look at each group.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, func, null, select

from isthmus.connect.protocol import Group, Measure
from isthmus.erp.computed import Today
from isthmus.erp.filters import split
from isthmus.erp.shapes import Kind, Stream
from isthmus.kernel.errors import Refused
from isthmus.kernel.selection import value_test

_REMEDY = "read the records instead"
_AT_ONCE = 10_000  # groups


def measure(connection: Connection, stream: Stream, ask: Measure, *, today: Today) -> list[Group]:
    """The records of a stream by currency and month. Raises Refused for what the database cannot group by."""
    conditions, rest = split(stream, ask.where, today)
    texts = [_column(stream, term.field, ("text", "choice"), today=today) for term in rest]
    looked = [column.label(f"looked_{number}") for number, column in enumerate(texts)]
    currency = _column(stream, ask.currency, ("text",), today=today)
    day = _column(stream, ask.day, ("day",), today=today)
    amount = _column(stream, ask.amount, ("amount", "micros", "count"), today=today)
    spelled = func.to_char(day, "YYYY-MM") if today.dialect == "postgresql" else func.substr(day, 1, 7)
    month: ColumnElement[Any] = spelled if ask.day else null()
    numbers = amount if ask.amount else cast(null(), BigInteger)
    query = select(currency.label("currency"), month.label("month"), numbers.label("amount"), *looked)
    item = query.select_from(stream.table).where(*stream.shows, *conditions).subquery().c
    keys = [item.currency, item.month, *(item[one.name] for one in looked)]
    grouped = select(func.count(), func.sum(item.amount), *keys).group_by(*keys).order_by(*keys)
    found = connection.execute(grouped.execution_options(yield_per=_AT_ONCE))
    tests = [value_test(term) for term in rest]
    return _added(row[:4] for row in found if all(test(one) for test, one in zip(tests, row[4:], strict=True)))


def _added(rows: Iterable[Sequence[Any]]) -> list[Group]:
    """Neighbours of the same currency and month as one group."""
    found: list[Group] = []
    for (currency, month), parts in groupby(rows, itemgetter(2, 3)):
        counts, sums = zip(*((count, total) for count, total, *_ in parts), strict=True)
        told = [int(total) for total in sums if total is not None]
        found.append(Group(currency, month, sum(counts), sum(told) if told else None))
    return found


def _column(stream: Stream, path: str | None, kinds: tuple[Kind, ...], *, today: Today) -> ColumnElement[Any]:
    if path is None:
        return null()
    for field in stream.shape.fields:
        if field.path == path and field.kind in kinds:
            return stream.shape.column(field.column, today)
    raise Refused(f"stream {stream.name}", f"has no {path!r} that could be used so", _REMEDY)
