"""Reading: what moved since a position less an overlap, in the order of (stamp, id), whole.

Tryton's stamp is the start of the transaction that wrote: what was committed late has an old one. The overlap must be
longer than the longest transaction, so ours is never shorter than the connection says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.tryton.rpc import Rpc
from connectors.tryton.streams import Asked, Stream, asked_of, text_ids
from isthmus.kernel.clock import format_stamp, parse_stamp
from isthmus.kernel.errors import Misconfigured
from isthmus.kernel.records import Page, Record
from isthmus.kernel.selection import Selection, passes

PAGE = 500  # records of one call: their lines come with them


class Reader:
    """Reads the records of one database."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def read(self, stream: Stream, selection: Selection, since: str | None, *, overlap: timedelta) -> Iterator[Page]:
        """See the protocol. The position is the server's clock when the read began."""
        high = self._rpc.server_time()
        low = self._low(since, max(overlap, self._rpc.config.overlap), high)
        where = selection.where if since is None else ()
        moved, asked = self._moved(stream, low, high), asked_of(selection)
        for start in range(0, len(moved), PAGE):
            part = moved[start : start + PAGE]
            records = self._fetch(stream, [number for _, number in part], asked)
            inside = [record for record in records if all(passes(record.fields, term) for term in where)]
            is_last = start + PAGE >= len(moved)
            yield Page(inside, len(inside), format_stamp(high) if is_last else _before(part[-1][0]))
        if not moved:
            yield Page([], 0, format_stamp(high))

    def fetch(self, stream: Stream, selection: Selection, ids: Sequence[str]) -> list[Record]:
        """These records as they are now."""
        numbers, asked = text_ids(ids), asked_of(selection)
        parts = (numbers[start : start + PAGE] for start in range(0, len(numbers), PAGE))
        return [record for part in parts for record in self._fetch(stream, part, asked)]

    def _fetch(self, stream: Stream, numbers: Sequence[int], asked: Asked) -> list[Record]:
        """One call; ids that are not there, or belong to another company or stream, are left out."""
        records = stream.records(self._rpc, [["id", "in", list(numbers)]], asked) if numbers else []
        return sorted(records, key=lambda one: (one.version, int(one.id)))

    def _low(self, since: str | None, overlap: timedelta, now: datetime) -> datetime | None:
        if since is None:
            return None
        try:
            at = parse_stamp(since)
        except ValueError:
            what = f"{since!r} is no position in Tryton"
            raise Misconfigured(self._rpc.where, what, "run with --full") from None
        # A position that is yet to come says that the server's clock was set back: all of it is read again.
        return None if at > now + timedelta(minutes=1) else at - overlap

    def _moved(self, stream: Stream, low: datetime | None, now: datetime) -> list[tuple[str, int]]:
        """(stamp, id) of every record that moved, by itself or by what belongs to it."""
        after: list[Any] = [["last_modified_at", ">=", low]] if low else []
        rows = self._rpc.search_read(stream.model, [*stream.domain, *after], ["last_modified_at"])
        stamps = {int(row["id"]): str(row["last_modified_at"]) for row in rows}
        for one in stream.watched if low else ():
            columns = [one.parent, "last_modified_at"]
            for row in self._rpc.search_read(one.model, [*one.domain, *after], columns):
                for parent in _ids(row[one.parent]):
                    stamps[parent] = max(stamps.get(parent, ""), row["last_modified_at"])
        if stream.aged and low:
            for number in stream.aged(self._rpc, self._rpc.day_of(low), self._rpc.day_of(now)):
                stamps.setdefault(number, format_stamp(now))
        return sorted((stamp, number) for number, stamp in stamps.items())


def _ids(value: Any) -> list[int]:
    """The ids behind a field that names one record or several; where it may name any kind, its id follows a comma."""
    found = value if isinstance(value, list) else [value]
    return [int(str(one).rpartition(",")[2]) for one in found if one]


def _before(stamp: str) -> str:
    """The last instant that is surely read when others of this stamp may follow."""
    return format_stamp(parse_stamp(stamp) - timedelta(microseconds=1))
