"""What a connector is: the words between the engine and one system.

A connector module (``connectors/<type>.py`` or a package) has a class named ``Connector`` that takes a ``Connection``
and keeps this protocol. It raises only the five errors of ``kernel.errors``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal, Protocol, runtime_checkable

from isthmus.kernel.description import StreamDescription
from isthmus.kernel.errors import Fault
from isthmus.kernel.records import Fields, Page, Record
from isthmus.kernel.selection import Selection, Term


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a connector can promise; `isthmus check` prints the guarantee that follows."""

    batch_size: int  # changes handed to one `write`
    external_key: Literal["enforced", "looked_up"]  # can the system itself refuse a second record of one key?
    numbers: Literal["decimal", "scaled"]  # Decimal and text as people write them, or minor units and micros
    remote: bool  # its writes cannot be part of our own transaction
    tells_writer: bool  # a record says whether our own user wrote last
    annotates: bool  # can show on its own records why they are not through
    gates_credit: bool = True  # it checks credit itself, in the transaction that confirms an order; else we do
    deletions_kept: timedelta | None = None  # how long a plain read still shows a deletion; None: for ever
    buries: bool = False  # it knows the verb ``bury``


Verb = Literal["create", "update", "withdraw", "reopen", "bury"]


@dataclass(slots=True)
class Change:
    """What one record of the target is to become. ``fields`` are the target's own names; absent ones stay as they are.

    ``key`` is the external key: the source's organisation, stream and id. ``id`` and ``expects`` (the version at
    which the target was seen last) are given for existing records. ``lines``, when given, are the whole set: each has
    ``key``; lines of other keys go. ``how`` says what a withdrawal does.

    ``bury`` has nothing but a key: no record carries it, and none ever shall, so that a create that is still on its way
    is refused when it lands. Answered by ``withdrawn``, or by ``moved`` if a record carries it after all.
    """

    verb: Verb
    key: str
    fields: Fields
    lines: list[Fields] | None = None
    id: str | None = None
    expects: str | None = None
    how: Literal["cancel", "deactivate"] | None = None


Result = Literal["created", "updated", "withdrawn", "refused", "moved", "in_doubt"]


@dataclass(slots=True)
class Answer:
    """The target's own answer to one change. ``record`` is how it shows itself now, if it says so at once.

    ``as_written`` says instead that all that was written shows just as it was written, and nothing else changed by it.
    ``created`` also answers a create that an earlier, unanswered call had already done. ``moved`` means that nothing
    was written because the version was not the expected one; ``in_doubt`` that nobody knows. ``busy`` says of a
    refusal that nothing is wrong with the change: it was in the way of somebody else, and may pass a moment later.
    """

    key: str
    result: Result
    id: str | None = None
    version: str | None = None
    record: Record | None = None
    fault: Fault | None = None
    as_written: bool = False
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """An existing record that may be the same thing, with the values of the fields that were asked for."""

    id: str
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """What a system is to count and add up by itself: fields of one stream. None leaves a dimension out."""

    amount: str | None = None
    currency: str | None = None
    day: str | None = None  # a date; groups are its months
    where: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """The records of one currency and month. ``sum`` is in the connector's own numbers: Decimal, or minor units."""

    currency: str | None
    month: str | None  # YYYY-MM
    count: int
    sum: Decimal | int | None


@dataclass(frozen=True, slots=True)
class Note:
    """What the owner of a record should read on it: a state and, if it is not through, why and what to do."""

    id: str
    status: str
    message: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A document that figures of a record are made of; its postings are (account, currency, minor units)."""

    figures: tuple[str, ...]
    document: str
    day: str
    currency: str
    amount_minor: int
    postings: tuple[tuple[str, str, int], ...]


@runtime_checkable
class Tracing(Protocol):
    """A connector that can say what its figures are made of, which few systems can."""

    def trace(self, stream: str, record_id: str) -> list[Evidence]:
        """The documents behind a record's figures, oldest first; none for a stream without figures."""
        ...


@runtime_checkable
class Merging(Protocol):
    """A connector that can make one record of two, with all that hangs on them."""

    def merge(self, stream: str, *, stays: str, goes: str, within: object | None = None) -> None:
        """From now on all that counted to the one counts to the other. ``within`` as in `Connector.write`.

        Safe to call again. Raises Refused for records that are not there, or that cannot be merged.
        """
        ...


@runtime_checkable
class Timely(Protocol):
    """A connector whose system does nothing by itself when a day comes."""

    def pass_time(self) -> None:
        """Does what time alone has made possible, such as releasing orders that a rate in force today lets through."""
        ...


class Connector(Protocol):
    """One system. Each method is safe to call again."""

    @property
    def capabilities(self) -> Capabilities: ...

    def identity(self) -> str:
        """The organisation behind the connection: part of every key. A test organisation has another."""
        ...

    def streams(self) -> tuple[str, ...]: ...

    def describe(self, stream: str) -> StreamDescription:
        """The stream as our user sees it. Raises Misconfigured for an unknown stream."""
        ...

    def read(self, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:
        """All records that moved since a position, less the overlap; all records when ``since`` is None.

        Deleted records are among them. Records come whole, each at most once a page, in the order of
        ``(version, id)`` where the system can; the upper bound is the system's own clock. Pages hold at most 2,000.
        A first read (``since`` None) applies ``selection.where``; later ones ignore it.
        The last page always carries ``complete_to``, also when it is empty.
        """
        ...

    def fetch(self, selection: Selection, ids: Sequence[str]) -> list[Record]:
        """These records as they are now, whatever the filter; ids that are not there are left out."""
        ...

    def find(self, stream: str, fields: tuple[str, ...], values: Sequence[tuple[str, ...]]) -> list[Candidate]:
        """Records whose fields might equal one of the value tuples, compared by ``match_text``.

        The values are spelled by ``match_text`` already. May return more than equal ones, never fewer: the caller
        compares.
        """
        ...

    def find_keys(self, stream: str, keys: Sequence[str]) -> dict[str, str]:
        """The live records that carry these external keys: key → id. Answers open intents and a lost answer."""
        ...

    def measure(self, stream: str, ask: Measure) -> list[Group]:
        """Counts and sums by currency and month, computed by the system itself over all its live records.

        Raises Refused when the system cannot group so (too many groups, no such field): the caller then reads.
        """
        ...

    def posted(self, stream: str, ids: Sequence[str]) -> set[str]:
        """Which of these documents are in the books, so that a changed mapping may not touch them unseen."""
        ...

    def write(self, stream: str, changes: Sequence[Change], within: object | None = None) -> list[Answer]:
        """Writes each change, one answer each in the same order. A refusal stops no neighbour.

        ``within`` is a database connection whose transaction the writes join, for a connector that is not remote.
        """
        ...

    def annotate(self, stream: str, notes: Sequence[Note]) -> list[Fault | None]:
        """Shows the notes on the system's own records; a fault for each that could not be."""
        ...

    def close(self) -> None: ...
