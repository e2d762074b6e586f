"""Counts and sums. Tryton's API counts by itself but adds nothing up, so the amounts alone are read, page by page.

That is not the reading that is to be proved: no lines, no order of moves, and Tryton's own count at the end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from connectors.tryton.rpc import Rpc
from connectors.tryton.streams import Stream
from isthmus.connect.protocol import Group, Measure
from isthmus.kernel.errors import Misconfigured, Refused
from isthmus.kernel.records import Fields
from isthmus.kernel.selection import passes, value_at

PAGE = 1_000
MOST = 100_000  # records: a hundred calls

Cell = tuple[str | None, str | None]  # currency, month


def measure(rpc: Rpc, stream: Stream, ask: Measure) -> list[Group]:
    """Groups in no order. Raises Refused for more than MOST records, or when some came or went meanwhile."""
    _check(stream, ask)
    domain = [*stream.domain, *stream.live]
    number = rpc.search_count(stream.model, domain)
    if not any((ask.amount, ask.currency, ask.day, ask.where)):
        return [Group(None, None, number, None)]
    if number > MOST:
        what = f"has {number} records, and Tryton adds nothing up by itself: that would take {number // PAGE} calls"
        raise Refused(f"stream {stream.name}", what, "they are read instead")
    counts, sums, seen = defaultdict[Cell, int](int), defaultdict[Cell, Decimal](Decimal), 0
    for fields in _pages(rpc, stream, ask):
        seen += 1
        if all(passes(fields, term) for term in ask.where):
            cell = _cell(fields, ask)
            counts[cell] += 1
            sums[cell] += fields[ask.amount] or 0 if ask.amount else 0
    if seen != number:
        raise Refused(f"stream {stream.name}", "moved while it was counted", "it is read instead")
    return [Group(*cell, count, sums[cell] if ask.amount else None) for cell, count in counts.items()]


def _check(stream: Stream, ask: Measure) -> None:
    for name in filter(None, (ask.amount, ask.currency, ask.day, *(term.field for term in ask.where))):
        if name not in stream.fields:
            raise Misconfigured(f"stream {stream.name}", f"has no field {name!r}", "correct the mapping")
    if ask.amount and stream.fields[ask.amount].type != "number":
        raise Misconfigured(f"stream {stream.name}", f"{ask.amount} is no amount", "correct the mapping")


def _pages(rpc: Rpc, stream: Stream, ask: Measure) -> Iterator[Fields]:
    names = (ask.amount, ask.currency, ask.day, *(term.field for term in ask.where))
    asked = frozenset(("id", *(name.partition(".")[0] for name in names if name)))
    last = 0
    while True:
        page = stream.records(rpc, [["id", ">", last], *stream.live], asked, limit=PAGE)
        yield from (record.fields for record in page)
        if len(page) < PAGE:
            return
        last = max(int(record.id) for record in page)


def _cell(fields: Fields, ask: Measure) -> Cell:
    currency, day = (value_at(fields, name) if name else None for name in (ask.currency, ask.day))
    return None if currency is None else str(currency), None if day is None else str(day)[:7]
