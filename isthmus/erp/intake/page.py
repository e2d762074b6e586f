"""A page of changes on its way into the ERP: its items and their answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from isthmus.connect.protocol import Answer, Change, Result
from isthmus.erp.changes import write_version
from isthmus.erp.desk import Desk
from isthmus.erp.records import Row, record_of
from isthmus.erp.shapes import Stream
from isthmus.kernel.errors import Fault
from isthmus.kernel.records import Fields


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

    def refuse(self, item: Item, fault: Fault) -> None:
        """Answers that an item was not written, and why."""
        self.answers[item.index] = Answer(item.change.key, "refused", id=item.change.id, fault=fault)

    def answer(self, item: Item, result: Result) -> None:
        """Answers with the record as it now shows itself."""
        record = record_of(self.stream, item.row, item.lines, by=self.desk.by)
        self.answers[item.index] = Answer(item.change.key, result, record.id, record.version, record)

    def answer_created(self, item: Item) -> None:
        """Answers with the new record, unless it shows just what was written: then saying so is enough."""
        change, row = item.change, item.row
        if change.lines is None and self.stream.shape.keeps(change.fields, row):
            version = write_version(row["version"])
            self.answers[item.index] = Answer(change.key, "created", str(row["id"]), version, as_written=True)
        else:
            self.answer(item, "created")

    def left(self, items: Iterable[Item]) -> list[Item]:
        """The items that have no answer yet."""
        return [item for item in items if item.index not in self.answers]


def drop_doubles(items: list[Item]) -> tuple[list[Item], list[tuple[Item, Item]]]:
    """Items whose key stands here for the first time, and (a later one of the same key, the first one)."""
    first: dict[str, Item] = {}
    doubles = []
    for item in items:
        known = first.setdefault(item.change.key, item)
        if known is not item:
            doubles.append((item, known))
    return list(first.values()), doubles
