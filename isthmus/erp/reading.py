"""Reading a stream from where a reader stands: page by page, each with how far the reader has come with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Engine, func, select

from isthmus.db import reading
from isthmus.erp.changes import change, horizon, latest
from isthmus.erp.computed import Today
from isthmus.erp.derived import DERIVED, Derived, ids_on, records
from isthmus.erp.filters import split
from isthmus.erp.news import Days, invoices_of_time
from isthmus.erp.positions import START, Position, Way, read_way
from isthmus.erp.records import Ask, lines_of, moved_since, record_of, rows_by_id
from isthmus.erp.shapes import Stream
from isthmus.erp.streams import AGEING, STREAMS
from isthmus.kernel.errors import Misconfigured
from isthmus.kernel.records import Page, Record
from isthmus.kernel.selection import Term, passes

PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, and as of when. ``since`` is where a reader stands: with None everything is read, where it passes."""

    engine: Engine
    by: str
    today: Today

    def read(self, stream: Stream, since: str | None, where: Sequence[Term]) -> Iterator[Page]:
        """What moved, in the order of the log; then, where time makes news, what passed an edge since the last day.

        Raises ValueError for a ``since`` that is no position, Misconfigured for one of another server.
        """
        way = self._way(since)
        position = way.since or (replace(START, day=self.today.day) if stream.name in AGEING else START)
        conditions, rest = split(stream, where if since is None else (), self.today)
        ask = Ask(self.today, PAGE, conditions)
        while True:
            with reading(self.engine) as connection:
                moved = moved_since(connection, stream, position, until=way.until, ask=ask)
            found = [record_of(stream, one.row, one.lines, by=self.by) for one in moved]
            position = moved[-1].position if moved else position
            if len(moved) < PAGE:
                break
            yield _page(found, rest, position)
        aged = self._aged(stream, position)
        end = replace(position, day=self.today.day) if stream.name in AGEING else position
        yield _page(found, rest, position if aged else end)
        for start in range(0, len(aged), PAGE):
            last = start + PAGE >= len(aged)
            yield _page(self.fetch(stream, aged[start : start + PAGE]), (), end if last else position)

    def read_derived(self, stream: Derived, since: str | None, where: Sequence[Term]) -> Iterator[Page]:
        """In the order of ids, as many as lie on the way. Raises ValueError for a ``since`` that is no position."""
        way = self._way(since)
        until = way.until if way.until.day else replace(way.until, day=self.today.day)  # of the day it was begun on
        rest = where if since is None else ()
        with reading(self.engine) as connection:
            ids = ids_on(connection, stream, replace(way, until=until))
        for start in range(0, len(ids) or 1, PAGE):
            chosen = ids[start : start + PAGE]
            with reading(self.engine) as connection:
                found = records(connection, stream, chosen, today=self.today, until=until)
            last = start + PAGE >= len(ids)
            yield _page(found, rest, until if last else Way(way.since, until, chosen[-1]))

    def fetch(self, stream: Stream, ids: Sequence[int]) -> list[Record]:
        """These records as they are now, in this order; ids that are not there are left out."""
        with reading(self.engine) as connection:
            rows = rows_by_id(connection, stream, ids, today=self.today)
            lines = lines_of(connection, stream, list(rows))
        return [record_of(stream, rows[one], lines.get(one), by=self.by) for one in ids if one in rows]

    def fetch_derived(self, stream: Derived, ids: Sequence[int]) -> list[Record]:
        """These records as they are now; ids that are not there are left out."""
        with reading(self.engine) as connection:
            return records(connection, stream, ids, today=self.today, until=latest(connection))

    def _way(self, since: str | None) -> Way:
        with reading(self.engine) as connection:
            end = latest(connection)
        way = read_way(since, end)
        if max(one.transaction for one in (way.since or START, way.until)) > end.transaction:
            what = "counts its transactions anew: it is on another PostgreSQL server now"
            raise Misconfigured("ERP database", what, 'say `isthmus db restored --why "…"` as the owner of its tables')
        return way

    def _aged(self, stream: Stream, position: Position) -> list[int]:
        if stream.name not in AGEING or not "" < position.day < self.today.day:
            return []
        with reading(self.engine) as connection:
            return invoices_of_time(connection, Days(position.day, self.today.day))


def _page(records: list[Record], where: Sequence[Term], reached: Position | Way) -> Page:
    inside = [one for one in records if all(passes(one.fields, term) for term in where)] if where else records
    return Page(inside, read=len(inside), complete_to=str(reached))


def oldest_unseen(engine: Engine) -> str | None:
    """PostgreSQL: when the oldest change was made that no reader sees yet; None if readers see all of them.

    An open transaction, whoever's it is, holds back all that was written since it began to write.
    """
    streams = (*DERIVED, *STREAMS)  # the key begins with the stream: without it every change would be looked at
    with reading(engine) as connection:
        unseen = change.c.stream.in_(streams) & (change.c.transaction >= horizon(connection))
        return connection.execute(select(func.min(change.c.at)).where(unseen)).scalar()
