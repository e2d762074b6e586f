"""A page of changes on its way into the ERP: its items, their answers, and what happens when the database says no."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import psycopg
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from isthmus.connect.protocol import Answer, Change, Result
from isthmus.erp.changes import write_version
from isthmus.erp.desk import Desk
from isthmus.erp.intake.checks import faults_of
from isthmus.erp.records import Row
from isthmus.erp.streams import Stream
from isthmus.kernel.errors import Fault
from isthmus.kernel.records import Fields, Record

#: What says that a record, and not the database, is at fault.
_REFUSALS = (IntegrityError, DataError, psycopg.IntegrityError, psycopg.DataError)
#: …or that a value has a type that only a look at each record can name.
_CONFUSIONS = (*_REFUSALS, DBAPIError, OverflowError, psycopg.ProgrammingError, TypeError, AttributeError, ValueError, KeyError)


@dataclass(slots=True)
class Item:
    """One change and its place in the page: what the record is at present, and what becomes of it."""

    index: int
    change: Change
    present: Row = field(default_factory=dict)
    present_lines: list[Fields] | None = None
    row: Row = field(default_factory=dict)
    lines: list[Fields] | None = None
    line_rows: list[Row] = field(default_factory=list)  # of documents


@dataclass(slots=True)
class Page:
    """A page being written: each item gets exactly one answer."""

    desk: Desk
    stream: Stream
    answers: dict[int, Answer] = field(default_factory=dict)

    def refuse(self, item: Item, where: str, what: str, remedy: str) -> None:
        """Answers that an item was not written, and why."""
        fault = Fault(where, what, remedy)
        self.answers[item.index] = Answer(item.change.key, "refused", id=item.change.id, fault=fault)

    def answer(self, item: Item, result: Result) -> None:
        """Answers with the record as it now shows itself."""
        record = record_of(self.stream, item.row, item.lines, by=self.desk.by)
        self.answers[item.index] = Answer(item.change.key, result, record.id, record.version, record)

    def left(self, items: Iterable[Item]) -> list[Item]:
        """The items that have no answer yet."""
        return [item for item in items if item.index not in self.answers]


def record_of(stream: Stream, row: Row, lines: list[Fields] | None, *, by: str) -> Record:
    """A row as a record. ``by`` is who we are, so that the record can say whether we wrote last."""
    writer = row["changed_by"]
    return Record(
        id=str(row["id"]),
        version=write_version(row["version"]),
        fields=stream.shape.show(row),
        lines=lines,
        by_us=writer == by,
        changed_by=writer,
    )


def attempt(page: Page, items: list[Item], write: Callable[[Page, list[Item]], None]) -> None:
    """Writes items under a savepoint. If the database refuses, those at fault are found and the others written."""
    if not items:
        return
    try:
        _under_savepoint(page, items, write)
        return
    except _CONFUSIONS as error:
        cause = error
    for item in items:
        for fault in faults_of(page.stream, item.change)[:1]:
            page.refuse(item, fault.where, fault.what, fault.remedy)
    sound = page.left(items)
    if len(sound) < len(items):
        attempt(page, sound, write)
        return
    if not isinstance(cause, _REFUSALS):
        raise cause
    if len(items) == 1:
        page.refuse(items[0], page.stream.name, _words(cause), "correct the record")
        return
    half = len(items) // 2
    attempt(page, items[:half], write)
    attempt(page, items[half:], write)


def _under_savepoint(page: Page, items: list[Item], write: Callable[[Page, list[Item]], None]) -> None:
    answers = dict(page.answers)
    try:
        with page.desk.connection.begin_nested():
            write(page, items)
    except BaseException:
        page.answers = answers
        raise


def _words(error: BaseException) -> str:
    """The database's reason without the values that it may quote."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, psycopg.Error):
        if cause.diag.constraint_name:
            return f"the database refuses it: {cause.diag.constraint_name}"
        return f"the database refuses it: {cause.diag.message_primary}"
    return f"the database refuses it: {cause}"


def drop_doubles(page: Page, items: list[Item]) -> tuple[list[Item], list[tuple[Item, Item]]]:
    """Items whose key stands here for the first time, and (a later one of the same key, the first one)."""
    first: dict[str, Item] = {}
    doubles = []
    for item in items:
        known = first.setdefault(item.change.key, item)
        if known is not item:
            doubles.append((item, known))
    return list(first.values()), doubles
