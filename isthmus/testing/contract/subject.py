"""What the contract needs of a connector's test: the connector itself, and somebody who works in its system."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from unittest import SkipTest

from isthmus.connect.protocol import Answer, Change, Connector
from isthmus.kernel.records import Fields, Page, Record
from isthmus.kernel.selection import Selection

NONE = timedelta(0)


class PromiseBroken(AssertionError):
    """The connector does not keep its word; the text says which and how."""


def keep(is_kept: object, what: str) -> None:
    """A promise holds, or is broken."""
    if not is_kept:
        raise PromiseBroken(what)


class Subject:
    """A connector under test, on a system with at least three records of one stream that can be written.

    Subclasses set the class's variables and the methods below. What a system does not know (deletions, merges, filters)
    stays as it is: those promises are skipped, and say so.
    """

    connector: Connector
    selection: Selection  # stream and fields that are read and written; no lines are needed
    text_field: str  # a free text of the stream, in the selection
    secrets: tuple[str, ...] = ()  # what must never leave the connector

    def fields(self, text: str) -> Fields:  # noqa: ARG002
        """Fields of a new record that the system takes, with this text in the text field."""
        raise AssertionError("say what a new record has")

    def refused(self) -> Fields:
        """Fields of a new record that the system refuses."""
        raise AssertionError("say what the system refuses")

    def edit(self, record_id: str, text: str) -> None:  # noqa: ARG002
        """Another user edits the text of a record."""
        raise AssertionError("say how a person edits a record")

    def rest(self) -> None:
        """Lets the system's clock go on, so that what was done can be read."""

    def delete(self, record_id: str) -> None:  # noqa: ARG002
        """Another user deletes a record."""
        raise SkipTest("this system deletes nothing")

    def merge(self, winner: str, loser: str) -> None:  # noqa: ARG002
        """Another user merges two records."""
        raise SkipTest("this system merges nothing")

    def edit_together(self, ids: Sequence[str], text: str) -> None:
        """Another user edits records at one and the same moment."""
        for record_id in ids:
            self.edit(record_id, text)

    def filtered(self) -> tuple[Selection, Fields]:
        """A selection with a filter, and fields of a record outside it."""
        raise SkipTest("this system has nothing to filter by")

    def provoke(self) -> None:
        """Makes the connector fail in a way that could show a secret. Raises what it raises."""
        raise SkipTest("this connector has no secrets")

    # --- short words for the promises -----------------------------------------------------------------------------

    @property
    def stream(self) -> str:
        return self.selection.stream

    def pages(self, since: str | None = None, overlap: timedelta = NONE) -> list[Page]:
        self.rest()
        return list(self.connector.read(self.selection, since, overlap))

    def read(self, since: str | None = None, overlap: timedelta = NONE) -> list[Record]:
        return [record for page in self.pages(since, overlap) for record in page.records]

    def mark(self) -> str:
        """The position behind everything that is there."""
        last = self.pages()[-1].complete_to
        keep(last is not None, "the last page of a read has no `complete_to`")
        return last or ""

    def write(self, *changes: Change) -> list[Answer]:
        return self.connector.write(self.stream, list(changes))

    def create(self, text: str, key: str = "") -> Answer:
        """One new record; the promise is broken when it is not created."""
        (answer,) = self.write(Change("create", key or f"org/{self.stream}/{text}", self.fields(text)))
        keep(answer.result == "created" and answer.id, f"a sound create was answered {answer.result}: {answer.fault}")
        return answer

    def now(self, record_id: str) -> Record:
        """A record as it is now."""
        found = self.connector.fetch(self.selection, [record_id])
        keep(len(found) == 1, f"fetch of {record_id} gave {len(found)} records")
        return found[0]

    def text_of(self, record: Record) -> object:
        """The text field of a record; a dotted path leads into a group."""
        value: object = record.fields
        for name in self.text_field.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value
