"""A system in memory that speaks the connectors' protocol: what the simulated CRM and the weak ERP share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from isthmus.connect.protocol import Answer, Candidate, Capabilities, Change, Group, Measure, Note
from isthmus.kernel.description import FieldDescription, StreamDescription
from isthmus.kernel.errors import Fault, Misconfigured
from isthmus.kernel.records import Fields, Page, Record, match_text
from isthmus.kernel.selection import Selection, Term

US = "isthmus"
Inside = Callable[[Fields, Sequence[Term]], bool]


@dataclass
class Thing:
    """One record as its system keeps it. ``version`` sorts as text; ``key`` is the external key that made it."""

    id: str
    fields: Fields
    lines: list[Fields]
    version: str
    by: str
    key: str | None = None
    deleted: bool = False
    merged_into: str | None = None
    lost: bool = False  # to a merge, at any time: it may live again
    purged: bool = False  # deleted, and not even in the bin


@dataclass
class Shelf:
    """Records by stream and id. Subclasses say what time it is to them, and what their writes do."""

    name: str
    columns: Mapping[str, Sequence[str]]
    lined: Mapping[str, Sequence[str]]
    page_size: int = 100
    things: dict[str, dict[str, Thing]] = field(default_factory=dict)
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            batch_size=100, external_key="enforced", numbers="decimal", remote=True, tells_writer=True, annotates=False
        )
    )
    numbered: int = 0
    written: int = 0  # changes that were carried out, whoever heard of it

    def __post_init__(self) -> None:
        for stream in self.columns:
            self.things.setdefault(stream, {})

    # --- what subclasses decide -----------------------------------------------------------------------------------

    def stamp(self) -> str:
        """The version of what is written now."""
        raise AssertionError("a system has its own stamps")

    def moved(self, stream: str, since: str | None, overlap: timedelta) -> tuple[list[Thing], str]:  # noqa: ARG002
        """What moved since a position, in order, and the position when everything of it is passed."""
        raise AssertionError("a system has its own positions")

    def short_of(self, version: str) -> str:
        """A position at which records of this version are still to come."""
        return version

    def apply(self, stream: str, change: Change) -> Answer:  # noqa: ARG002
        """Carries one change out."""
        raise AssertionError("a system has its own rules")

    # --- the protocol ---------------------------------------------------------------------------------------------

    def identity(self) -> str:
        return f"org-{self.name}"

    def streams(self) -> tuple[str, ...]:
        return tuple(self.columns)

    def describe(self, stream: str) -> StreamDescription:
        header, _, part = stream.partition(".")
        known = self.lined.get(header) if part == "lines" else self.columns.get(header) if not part else None
        if known is None:
            raise Misconfigured(f"stream {stream}", f"{self.name} has no such stream", "correct the mapping")
        return StreamDescription(stream, {one: FieldDescription(one, "other") for one in known})

    def read(self, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:
        """The answer is of one moment: who edits a record while the pages come changes nothing of it."""
        found, complete_to = self.moved(selection.stream, since, overlap)
        found = [replace(one, fields=dict(one.fields), lines=list(one.lines)) for one in found]
        if since is None and selection.where:
            found = self._born(selection, found)
        for start in range(0, len(found), self.page_size):
            part = found[start : start + self.page_size]
            last = start + self.page_size >= len(found)
            yield self._page(selection, part, complete_to if last else self.short_of(part[-1].version))
        if not found:
            yield Page([], 0, complete_to)

    def _born(self, selection: Selection, found: Sequence[Thing]) -> list[Thing]:
        return [one for one in found if one.deleted or passes(one.fields, selection.where)]

    def _page(self, selection: Selection, part: Sequence[Thing], complete_to: str) -> Page:
        return Page([self.show(selection, one) for one in part], len(part), complete_to)

    def fetch(self, selection: Selection, ids: Sequence[str]) -> list[Record]:
        kept = self.things[selection.stream]
        return [self.show(selection, kept[one]) for one in dict.fromkeys(ids) if one in kept and self.shows(kept[one])]

    def shows(self, thing: Thing) -> bool:
        """Whether a record, deleted or not, can still be seen."""
        return not thing.purged

    def show(self, selection: Selection, thing: Thing) -> Record:
        """A record as our user sees it: copied, so that nobody's later edit reaches it."""
        shown = {name: thing.fields.get(name) for name in selection.fields}
        names = selection.lines.fields if selection.lines else ()
        lines = [{"key": one["key"], **{name: one.get(name) for name in names}} for one in thing.lines]
        return Record(
            thing.id,
            thing.version,
            shown,
            lines if selection.lines else None,
            thing.deleted,
            self.survivor(selection.stream, thing),
            thing.by == US,
            thing.by,
        )

    def survivor(self, stream: str, thing: Thing) -> str | None:
        """The record at the end of a chain of merges."""
        winner = thing.merged_into
        while winner is not None and (after := self.things[stream][winner].merged_into) is not None:
            winner = after
        return winner

    def find(self, stream: str, fields: tuple[str, ...], values: Sequence[tuple[str, ...]]) -> list[Candidate]:
        wanted, found = set(values), []
        for thing in self.things[stream].values():
            texts = tuple(None if (value := thing.fields.get(name)) is None else str(value) for name in fields)
            if not thing.deleted and all(texts) and tuple(match_text(text or "") for text in texts) in wanted:
                found.append(Candidate(thing.id, texts))
        return found

    def find_keys(self, stream: str, keys: Sequence[str]) -> dict[str, str]:
        wanted = set(keys)
        return {
            one.key: one.id for one in self.things[stream].values() if one.key in wanted and one.key and not one.deleted
        }

    def measure(self, stream: str, ask: Measure) -> list[Group]:
        """Counts and sums over live records. What cannot be added up counts as nothing."""
        sums: dict[tuple[str | None, str | None], list[Any]] = {}
        for thing in self.things[stream].values():
            if thing.deleted or not passes(thing.fields, ask.where):
                continue
            day = thing.fields.get(ask.day) if ask.day else None
            place = (thing.fields.get(ask.currency) if ask.currency else None, str(day)[:7] if day else None)
            group = sums.setdefault(place, [0, 0])
            group[0] += 1
            group[1] += (thing.fields.get(ask.amount) or 0) if ask.amount else 0
        return [Group(currency, month, count, amount) for (currency, month), (count, amount) in sums.items()]

    def posted(self, stream: str, ids: Sequence[str]) -> set[str]:  # noqa: ARG002
        return set()

    def write(self, stream: str, changes: Sequence[Change], within: object | None = None) -> list[Answer]:
        if within is not None:
            raise AssertionError("a remote system cannot join a transaction of ours")
        return [self.apply(stream, change) for change in changes]

    def annotate(self, stream: str, notes: Sequence[Note]) -> list[Fault | None]:
        fault = Fault(stream, f"{self.name} takes no notes", "read the worklist")
        return [fault for _ in notes]

    def close(self) -> None:
        """Nothing to close."""

    # --- what people and writes have in common --------------------------------------------------------------------

    def new_id(self, prefix: str) -> str:
        self.numbered += 1
        return f"{prefix}{self.numbered:03d}"

    def put(self, stream: str, thing: Thing) -> Thing:
        self.things[stream][thing.id] = thing
        return thing

    def touch(self, thing: Thing, by: str, stamp: str | None = None) -> None:
        thing.version, thing.by = stamp or self.stamp(), by

    def copy_state(self) -> dict[str, Any]:
        return deepcopy({"things": self.things, "numbered": self.numbered, "written": self.written})

    def restore_state(self, state: Mapping[str, Any]) -> None:
        copied = deepcopy(dict(state))
        self.things, self.numbered, self.written = copied["things"], copied["numbered"], copied["written"]


def passes(fields: Fields, terms: Sequence[Term]) -> bool:
    """Whether fields pass a filter; the simulated systems know ``in`` and ``equals`` only."""
    return all(fields.get(term.field) in term.values for term in terms)


def plain(value: Any) -> Any:
    """A number as one of its kind, so that equal amounts are equal texts."""
    return value.normalize() if isinstance(value, Decimal) else value
