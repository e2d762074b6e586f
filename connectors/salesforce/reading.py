"""Reading: by (stamp, id) from a position up to the server's own clock less a settle time, documents whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from connectors.salesforce.describing import Describer
from connectors.salesforce.errors import LocatorLost
from connectors.salesforce.limits import IDS, PAGE
from connectors.salesforce.query import after_key, all_of, id_list, select, term_text
from connectors.salesforce.rest import Rest
from connectors.salesforce.shaping import Maker, Row
from connectors.salesforce.values import before, spell, version_of, whole_id
from isthmus.connect.budget import Priority
from isthmus.kernel.clock import parse_stamp
from isthmus.kernel.errors import Misconfigured
from isthmus.kernel.records import Page, Record
from isthmus.kernel.selection import Lines, MovedBy, Selection

_RESTARTS = 3
_DRIFT = timedelta(minutes=1)  # by which two servers of one organisation may differ
_BEGINNING = (
    "1970-01-01T00:00:00.000Z"  # before any stamp, but a read from here is not a first one: no filter is pushed
)


@dataclass(frozen=True, slots=True)
class Window:
    """The stamps of one read: from ``low`` (None: the beginning) up to, not including, ``high``."""

    low: str | None
    high: str
    priority: Priority = "normal"

    def on(self, stamp: str) -> str:
        return all_of([f"{stamp} >= {self.low}" if self.low else "", f"{stamp} < {self.high}"])


class Reader:
    """Reads records whole: header, lines, and to whom a merged one went."""

    def __init__(self, rest: Rest, describer: Describer, our_user: Callable[[], str]) -> None:
        self._rest = rest
        self._describer = describer
        self._our_user = our_user

    def maker(self, selection: Selection) -> Maker:
        """Checks the selection against what our user sees."""
        self._describer.check_fields(selection.stream, selection.fields)
        if selection.lines:
            self._describer.check_fields(selection.lines.stream, (*selection.lines.fields, selection.lines.parent))
        return Maker(selection, self._describer, self._our_user)

    def window(self, since: str | None, overlap: timedelta) -> Window:
        """What to read now. A position is an instant; the upper bound is the server's clock less the settle time.

        A position that is yet to come says that the server's clock was set back: what moved since has older stamps
        than what was read, so all of it is read again.
        """
        now = self._rest.server_time()
        high = spell(now - self._rest.config.settle)
        if since is None:
            return Window(None, high, "low")
        try:
            if parse_stamp(since) > now + _DRIFT:
                return Window(_BEGINNING, high, "low")
            low = spell(parse_stamp(since) - overlap)
        except (ValueError, OverflowError):
            raise Misconfigured(
                self._rest.where, f"the watermark {since!r} is not one of Salesforce", "run with --full"
            ) from None
        return Window(low, high)

    def read(self, selection: Selection, window: Window) -> Iterator[Page]:
        """Pages in the order of (stamp, id); the last one is complete to the end of the window."""
        maker = self.maker(selection)
        moving = window.low is not None and (selection.lines or selection.moved_by)
        if moving:
            yield from self._moved_documents(selection, window, maker)
            return
        for rows, done in self._sweep(maker, window, self.filter(selection, window)):
            complete_to = window.high if done else before(version_of(rows[-1][maker.shape.stamp]))
            read = len(rows)
            records = self._finish(selection, maker, maker.records(rows))
            yield Page(records, read, complete_to)

    def fetch(self, selection: Selection, ids: Sequence[str], maker: Maker | None = None) -> list[Record]:
        """These records as they are now, deleted ones marked; what is not there is left out."""
        maker = maker or self.maker(selection)
        whole = list(dict.fromkeys(filter(None, map(whole_id, ids))))
        return self._finish(selection, maker, maker.records(self._rows_of(maker, whole)))

    def filter(self, selection: Selection, window: Window) -> str:
        """The filter of a first read. Deleted records pass: one of ours may have vanished before a full read."""
        if window.low is not None:
            return ""
        kind = self._describer.type_of
        terms = [term_text(term, kind(selection.stream, term.field)) for term in selection.where]
        where = all_of(terms)
        deleted = self._describer.shape(selection.stream).has_deleted
        return f"(IsDeleted = true OR ({where}))" if where and deleted else where

    def _rows_of(self, maker: Maker, ids: Sequence[str]) -> list[Row]:
        rows: list[Row] = []
        for start in range(0, len(ids), IDS):
            where = f"Id IN {id_list(ids[start : start + IDS])}"
            rows += self._rest.query_all(select(maker.columns(), maker.shape.stream, where))
        return rows

    def _sweep(self, maker: Maker, window: Window, where: str) -> Iterator[tuple[list[Row], bool]]:
        """All rows of the window page by page; begins anew behind the last row when the server lost our place."""
        stamp, key = maker.shape.stamp, None
        for restart in range(_RESTARTS + 1):
            condition = all_of([window.on(stamp), after_key(stamp, key), where])
            soql = select(maker.columns(), maker.shape.stream, condition, order=f"{stamp}, Id")
            try:
                for rows, done in self._rest.pages(soql, window.priority):
                    key = (version_of(rows[-1][stamp]), rows[-1]["Id"]) if rows else key
                    yield rows, done
            except LocatorLost:
                if restart == _RESTARTS:
                    raise
            else:
                return

    def _moved_documents(self, selection: Selection, window: Window, maker: Maker) -> Iterator[Page]:
        """Headers that moved, and parents of lines and other records that moved: one slice per page of headers."""
        low, stamp = window.low, maker.shape.stamp
        for rows, done in self._sweep(maker, window, ""):
            high = window.high if done else version_of(rows[-1][stamp])
            here = {row["Id"] for row in rows}
            slice_ = Window(low, high if done else spell(parse_stamp(high) + timedelta(milliseconds=1)))
            touched = sorted(self._touched(selection, slice_) - here)
            complete_to = high if done else before(high)
            yield from self._slice_pages(selection, maker, (rows, touched, complete_to))
            low = high

    def _slice_pages(
        self, selection: Selection, maker: Maker, slice_: tuple[list[Row], list[str], str]
    ) -> Iterator[Page]:
        """One page, or several when many others moved as well: only the end of the last one is complete."""
        rows, touched, complete_to = slice_
        room = max(PAGE - len(rows), 0)
        parts = [touched[:room], *(touched[start : start + PAGE] for start in range(room, len(touched), PAGE))]
        for number, ids in enumerate(parts, 1):
            whole = [*rows, *self._rows_of(maker, ids)] if number == 1 else self._rows_of(maker, ids)
            read = len(whole)
            records = self._finish(selection, maker, maker.records(whole))
            yield Page(records, read, complete_to if number == len(parts) else None)

    def _touched(self, selection: Selection, window: Window) -> set[str]:
        """Parents of lines and ``moved_by`` records that moved, appeared or were deleted."""
        streams = [(one.stream, one.parent) for one in selection.moved_by]
        if selection.lines:
            streams.append((selection.lines.stream, selection.lines.parent))
        found: set[str] = set()
        for stream, parent in dict.fromkeys(streams):
            self._describer.check_fields(stream, (parent,))
            stamp = self._describer.shape(stream).stamp
            where = all_of([window.on(stamp), f"{parent} != null"])
            for rows, _ in self._rest.pages(
                select(["Id", parent], stream, where, order=f"{stamp}, Id"), window.priority
            ):
                found.update(_at(row, parent) for row in rows)
        return found

    def _finish(self, selection: Selection, maker: Maker, records: list[Record]) -> list[Record]:
        if selection.lines:
            self._add_lines(selection.lines, maker, records)
            records.sort(key=lambda one: (one.version, one.id))
        if maker.shape.has_master:
            self._follow_merges(maker.shape.stream, records)
        if selection.moved_by:
            self._doubt_writers(selection, records)
        return records

    def _add_lines(self, lines: Lines, maker: Maker, records: list[Record]) -> None:
        """All live lines of each record, in order. Deleted lines count for the version: their going moved it."""
        shape = maker.lines_shape or maker.shape
        stamp, columns, us = shape.stamp, maker.line_columns(lines), self._our_user()
        by_parent: dict[str, list[Row]] = defaultdict(list)
        owners = [record.id for record in records]
        for start in range(0, len(owners), IDS):
            where = f"{lines.parent} IN {id_list(owners[start : start + IDS])}"
            for rows, _ in self._rest.pages(select(columns, shape.stream, where), "normal"):
                for row in rows:
                    by_parent[_at(row, lines.parent)].append(row)
        for record in records:
            mine = by_parent.get(record.id, [])
            for row in mine:
                _take_stamp(record, version_of(row[stamp]), (row.get("LastModifiedById"), us))
            live = [maker.line(row, record.fields) for row in mine if row.get("IsDeleted") is not True]
            record.lines = sorted(live, key=lambda row: _order(row, lines))

    def _follow_merges(self, stream: str, records: list[Record]) -> None:
        """``merged_into`` becomes the id at the end of the chain: A into B, B into C."""
        asked: dict[str, str | None] = {}
        ahead = {record.merged_into for record in records if record.merged_into}
        while ahead:
            rows: list[Row] = []
            ids = sorted(ahead)
            for start in range(0, len(ids), IDS):
                where = f"Id IN {id_list(ids[start : start + IDS])}"
                rows += self._rest.query_all(select(["Id", "MasterRecordId"], stream, where))
            asked |= dict.fromkeys(ids) | {row["Id"]: row["MasterRecordId"] for row in rows}
            ahead = {one for one in asked.values() if one and one not in asked}
        for record in records:
            seen = {record.id}
            while record.merged_into and (after := asked.get(record.merged_into)) and after not in seen:
                seen.add(record.merged_into)
                record.merged_into = after

    def _doubt_writers(self, selection: Selection, records: list[Record]) -> None:
        """A record that shows others' values was last written by us only if nobody else wrote those later."""
        ours = {record.id: record for record in records if record.by_us}
        for one in selection.moved_by if ours else ():
            stamp = self._describer.shape(one.stream).stamp
            for row in self._rows_under(one, list(ours), ("Id", one.parent, stamp, "LastModifiedById")):
                record = ours[_at(row, one.parent)]
                if row["LastModifiedById"] != self._our_user() and version_of(row[stamp]) >= record.version:
                    record.by_us = False

    def _rows_under(self, moved_by: MovedBy, parents: list[str], columns: tuple[str, ...]) -> Iterator[Row]:
        for start in range(0, len(parents), IDS):
            where = f"{moved_by.parent} IN {id_list(parents[start : start + IDS])}"
            yield from self._rest.query_all(select(columns, moved_by.stream, where))


def _take_stamp(record: Record, version: str, writers: tuple[str | None, str]) -> None:
    """A line's stamp and writer become the document's when they are later; at the same stamp a stranger counts."""
    writer, us = writers
    if version > record.version or (version == record.version and record.by_us):
        record.version, record.changed_by, record.by_us = version, writer, writer == us


def _at(row: Row, path: str) -> str:
    """The id at a dotted path, in 18 characters."""
    value: object = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return whole_id(value) or "" if isinstance(value, str) else ""


def _order(row: Row, lines: Lines) -> tuple[bool, object, str]:
    value = row.get(lines.sort) if lines.sort else None
    return (value is None, value if value is not None else "", str(row[lines.key]))
