"""First reads of large streams by Bulk API 2.0: one job, CSV in parts, and the same values as REST gives.

The job's own life cycle is ours: simple-salesforce's would copy the token, wait five seconds before its first look,
and decode by guess.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from connectors.salesforce.describing import Describer
from connectors.salesforce.limits import PAGE
from connectors.salesforce.query import all_of, select
from connectors.salesforce.reading import Reader, Window
from connectors.salesforce.rest import Rest
from connectors.salesforce.shaping import Maker, Row
from connectors.salesforce.values import rest_stamp
from isthmus.connect.http import Reply
from isthmus.kernel.description import FieldType
from isthmus.kernel.errors import Misconfigured, Refused, Unavailable
from isthmus.kernel.money import parse_decimal
from isthmus.kernel.records import Page
from isthmus.kernel.selection import Selection

_MARK = "bulk"
#: Rows of one download; five pages of ours.
_PART = 5 * PAGE
_LONGEST_FIELD = 1 << 22
_FIRST_LOOK_SECONDS = 0.5
_LONGEST_LOOK_SECONDS = 20.0
_PATIENCE_SECONDS = 4 * 3600


@dataclass(frozen=True, slots=True)
class Place:
    """Where an unfinished job is: the part's locator, rows of it already done, rows done in all, end of the window."""

    job: str
    high: str
    locator: str = ""
    done_of_part: int = 0
    done: int = 0

    def spell(self) -> str:
        return "|".join((_MARK, self.job, self.high, self.locator, str(self.done_of_part), str(self.done)))


def is_resume(position: str) -> bool:
    """Is this a place inside an unfinished job, rather than a watermark?"""
    return position.startswith(_MARK + "|")


class Bulk:
    """Reads by job."""

    def __init__(self, rest: Rest, describer: Describer, reader: Reader) -> None:
        self._rest = rest
        self._describer = describer
        self._reader = reader

    def pays(self, selection: Selection, window: Window) -> bool:
        """Is a job quicker than pages? Counted by the server. Documents are always read by pages, with their lines."""
        if selection.lines:
            return False
        maker = self._reader.maker(selection)
        where = all_of([window.on(maker.shape.stamp), self._reader.filter(selection, window)])
        answer = self._rest.query(f"SELECT COUNT() FROM {selection.stream} WHERE {where}", "low")
        return bool(answer["totalSize"] > self._rest.config.bulk_above)

    def read(self, selection: Selection, window: Window) -> Iterator[Page]:
        """All records of a first read, in no order; each page but the last can be resumed from."""
        maker = self._reader.maker(selection)
        where = all_of([window.on(maker.shape.stamp), self._reader.filter(selection, window)])
        asked = {"operation": "queryAll", "query": select(maker.columns(), selection.stream, where)}
        job = self._rest.send("POST", "jobs/query", asked, repeatable=True, priority="low").value
        yield from self._results(selection, maker, Place(str(job["id"]), window.high))

    def resume(self, selection: Selection, position: str) -> Iterator[Page]:
        """Goes on inside a job; begins anew when the job is no longer kept (seven days), or was made with another API
        version: its results are given out with that one only.
        """
        try:
            _, job, high, locator, done_of_part, done = position.split("|")
            place = Place(job, high, locator, int(done_of_part), int(done))
        except ValueError:
            raise Misconfigured(
                self._rest.where, "the place in an unfinished read is unreadable", "run with --full"
            ) from None
        if self._is_ours(place.job):
            yield from self._results(selection, self._reader.maker(selection), place)
        else:
            yield from self.read(selection, Window(None, high, "low"))

    def _is_ours(self, job: str) -> bool:
        try:
            told = self._rest.send("GET", f"jobs/query/{job}", priority="low").value
        except Refused:
            return False
        ours = self._rest.config.version
        return parse_decimal(told.get("apiVersion", ours)) == parse_decimal(ours)

    def _results(self, selection: Selection, maker: Maker, place: Place) -> Iterator[Page]:
        total = self._wait(place.job)
        while True:
            reply = self._part(place)
            rows = self._rows(selection, reply)
            following = reply.headers.get("Sforce-Locator", "null")
            last = following in ("null", "")
            if not last and (not rows or place.done + len(rows) - place.done_of_part > total):
                raise self._rest.torn(place.done + len(rows), total)  # or it would never end
            for start in range(place.done_of_part, max(len(rows), 1), PAGE):
                part = rows[start : start + PAGE]
                place = replace(place, done_of_part=start + len(part), done=place.done + len(part))
                if last and place.done_of_part >= len(rows):
                    self._check_total(place, total)
                    yield Page(maker.records(part), len(part), complete_to=place.high)
                    return
                if place.done_of_part >= len(rows):
                    place = replace(place, locator=following, done_of_part=0)
                yield Page(maker.records(part), len(part), resume=place.spell())

    def _wait(self, job: str) -> int:
        """Looks at the job ever more rarely until it is done; the number of its records."""
        waited, pause = 0.0, _FIRST_LOOK_SECONDS
        while True:
            told = self._rest.send("GET", f"jobs/query/{job}", priority="low").value
            state = told.get("state")
            if state == "JobComplete":
                return int(told.get("numberRecordsProcessed") or 0)
            if state in ("Failed", "Aborted"):
                said = told.get("errorMessage") or state
                raise Unavailable(self._rest.where, f"the bulk query did not end well: {said}", "run again")
            if waited > _PATIENCE_SECONDS:
                raise Unavailable(self._rest.where, "the bulk query takes longer than four hours", "run again")
            self._rest.ports.sleep(pause)
            waited, pause = waited + pause, min(pause * 1.5, _LONGEST_LOOK_SECONDS)

    def _part(self, place: Place) -> Reply:
        params = {"maxRecords": str(_PART), **({"locator": place.locator} if place.locator else {})}
        path = f"jobs/query/{place.job}/results"
        headers = {"Accept": "text/csv"}
        return self._rest.send("GET", path, expects="csv", params=params, headers=headers, priority="low")

    def _rows(self, selection: Selection, reply: Reply) -> list[Row]:
        """The CSV as rows like REST's. The count of the answer's own header must be met."""
        try:
            text = reply.body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Unavailable(self._rest.where, "a bulk result is not UTF-8", "run again") from None
        csv.field_size_limit(_LONGEST_FIELD)
        table = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            names = next(table, [])
            make = self._row_maker(selection, names)
            rows = [make(values) for values in table]
        except (csv.Error, ValueError):
            raise Unavailable(self._rest.where, "a bulk result is not whole CSV", "run again") from None
        told = reply.headers.get("Sforce-NumberOfRecords", "")
        if told != str(len(rows)):
            raise self._rest.torn(len(rows), told or "no number of")
        return rows

    def _row_maker(self, selection: Selection, names: list[str]) -> Callable[[list[str]], Row]:
        """A function from cells to a row: typed, and nested where a name is a path."""
        kinds = [self._describer.type_of(selection.stream, name) for name in names]
        typed = [(place, _READERS[kind]) for place, kind in enumerate(kinds) if kind in _READERS]
        paths = [name for name in names if "." in name]

        def make(cells: list[str]) -> Row:
            if len(cells) != len(names):
                raise ValueError("a row has another number of cells than the heading")
            values: list[Any] = [cell or None for cell in cells]
            for place, read in typed:
                if cells[place]:
                    values[place] = read(cells[place])
            row = dict(zip(names, values, strict=True))
            for path in sorted(paths, key=lambda one: row[one] is None):  # a filled one says that the relation is there
                _nest(row, path)
            return row

        return make

    def _check_total(self, place: Place, total: int) -> None:
        if place.done != total:
            raise self._rest.torn(place.done, total)


def _number(text: str) -> Any:
    number = parse_decimal(text)
    return number if set(text) & set(".eE") else int(number)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


_READERS: dict[FieldType, Callable[[str], Any]] = {"number": _number, "boolean": _boolean, "datetime": rest_stamp}


def _nest(row: Row, path: str) -> None:
    """``Owner.Email`` → ``{"Owner": {"Email": …}}``; a relation without any value is null, as in REST."""
    value = row.pop(path)
    *heads, last = path.split(".")
    inner = row
    for head in heads:
        if value is None:
            inner.setdefault(head, None)
        elif inner.get(head) is None:
            inner[head] = {}
        below = inner[head]
        if below is None:
            return
        inner = below
    inner[last] = value
