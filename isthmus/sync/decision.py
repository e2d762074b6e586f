"""The words of planning: a direction, a record as read, what was looked up, and what was decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

import orjson

from isthmus.connect.protocol import Change, Verb
from isthmus.kernel.errors import Fault
from isthmus.kernel.records import Fields, Record, form_text, text_hash
from isthmus.kernel.selection import Term
from isthmus.kernel.units import Side, Unit
from isthmus.mapping.compile import CompiledMapping
from isthmus.mapping.spec import MappingSpec
from isthmus.merge import Forms, Merged, Overruled, merge
from isthmus.state.bindings import Binding, Lane, Sight
from isthmus.state.progress import Due
from isthmus.state.worklist import Item
from isthmus.sync.match import Keys, Matches, keys_of

Outcome = Literal[
    "created", "updated", "withdrawn", "rebound", "unchanged", "superseded", "filtered", "worklisted"
]  # fmt: skip
Editor = tuple[str | None, str]  # who changed a record last, if it was not us, and at which version
Reference = tuple[str, str]  # entity, id on the side that was read


@dataclass(frozen=True)
class Direction:
    """One way of a mapping: which side is read, and in whose name ids are keys."""

    mapping: CompiledMapping
    source: Side
    target: Side
    source_org: str
    target_org: str

    @cached_property
    def spec(self) -> MappingSpec:
        return self.mapping.spec

    @cached_property
    def creates(self) -> bool:
        """Whether this way may create records on the target."""
        return self.target in self.spec.creates

    @cached_property
    def lane(self) -> Lane:
        return Lane(self.mapping.name, self.source)

    @property
    def name(self) -> str:
        return f"{self.source}→{self.target}"

    @property
    def has_work(self) -> bool:
        """Whether this way carries anything, or watches over what the other way wrote."""
        return self.writes or bool(self.kept)

    @property
    def writes(self) -> bool:
        """Whether this way may write to the target. If not, its source is only watched."""
        return self.creates or bool(self.given | self.shared)

    @property
    def target_stream(self) -> str:
        return self.spec.system(self.target).stream

    @cached_property
    def shared(self) -> frozenset[str]:
        """Units that both sides may change."""
        return frozenset(unit.name for unit in self._two_sided if unit.owner == "both")

    @cached_property
    def given(self) -> frozenset[str]:
        """Units that the source owns: what this way writes."""
        return frozenset(unit.name for unit in self._two_sided if unit.owner == self.source)

    @cached_property
    def kept(self) -> frozenset[str]:
        """Units that the target owns: this way writes them at creation only, and does not take them for news."""
        return frozenset(unit.name for unit in self._two_sided if unit.owner == self.target)

    @cached_property
    def given_or_shared(self) -> frozenset[str]:
        return self.given | self.shared

    @cached_property
    def carried(self) -> frozenset[str]:
        """Everything that a creation writes."""
        return self.given | self.shared | self.kept

    @cached_property
    def volatile(self) -> frozenset[str]:
        """Units that are written along but are never a reason to write."""
        return frozenset(unit.name for unit in self.mapping.units if unit.volatile)

    @property
    def _two_sided(self) -> list[Unit]:
        return [unit for unit in self.mapping.units if len(unit.sides) == 2]

    @cached_property
    def _stem(self) -> str:
        return f"{self.source_org}/{self.spec.system(self.source).stream}/"

    def key(self, record_id: str) -> str:
        """The external key of a record of the source: organisation, stream, id."""
        return self._stem + record_id

    def merge(self, before: Forms, after: Forms) -> Merged:
        return merge(self.mapping.units, before, after)

    def new_binding(self, source: Sight, target_id: str) -> Binding:
        """A pair that is bound for the first time; the target has shown nothing yet."""
        across = Sight(self.target_org, target_id, "", b"", "{}")
        crm, erp = (source, across) if self.source == "crm" else (across, source)
        return Binding(None, self.mapping.entity, crm, erp)


@dataclass(slots=True)
class Read:
    """A record of the source after translation. A deleted one has an empty form."""

    record: Record
    form: Fields
    hash: bytes
    text: str
    faults: tuple[Fault, ...]
    outside: Term | None
    due: Due | None = None
    keys: Keys = ()  # for the match rules, where this way may create records
    sound: bool = False  # its form is as the entity's schema wants it
    id: str = field(init=False)

    def __post_init__(self) -> None:
        self.id = self.record.id

    @property
    def face(self) -> str:
        """What it showed, as text: unlike its stamp, this does not move when our own notes are written."""
        return self.hash.hex()

    @property
    def forced(self) -> bool:
        return self.due is not None and self.due.force

    @property
    def editor(self) -> Editor:
        return editor_of(self.record)

    @property
    def is_inside(self) -> bool:
        """Whether it may be born or stay: inside the filter, or pulled by what refers to it."""
        return not self.record.deleted and (self.outside is None or (self.due is not None and self.due.regardless))


@dataclass(frozen=True, slots=True)
class Credit:
    """How the customers of a page's orders stand in an ERP that does not gate them itself."""

    standings: Mapping[str, Fields]  # by the customer's id in the CRM → a form of credit_status
    looked_at: datetime
    greatest_age: timedelta


@dataclass(slots=True)
class Sights:
    """What the look-up step found for a page."""

    bindings: dict[str, Binding] = field(default_factory=dict)  # by the source's id, aliases too
    references: dict[Reference, str] = field(default_factory=dict)  # → the target's id
    missing: dict[Reference, Fault] = field(default_factory=dict)  # why a reference cannot cross yet
    matches: Matches = field(default_factory=Matches)
    targets: dict[str, tuple[str, Fields]] = field(default_factory=dict)  # id → version, form; where needed
    editors: dict[str, Editor] = field(default_factory=dict)  # who changed a target last
    lost: set[Reference] = field(default_factory=set)  # deleted on the source: not to be pulled
    credit: Credit | None = None  # None: the target gates orders itself
    confirms: bool = True  # the source confirms what it held as soon as the credit is free
    graves: dict[str, int] = field(default_factory=dict)  # how many keys of a record the target has buried
    late: dict[str, frozenset[str]] = field(default_factory=dict)  # units that a write of ours may have changed unheard
    landed: dict[str, frozenset[str]] = field(default_factory=dict)  # …, and that show what it wrote
    heard: dict[str, frozenset[str]] = field(default_factory=dict)  # …, and that nobody knew of until now
    unheard: dict[str, frozenset[str]] = field(default_factory=dict)  # verbs that its target may have carried out so
    heirs: dict[Reference, str] = field(default_factory=dict)  # merged → the source's id that stands for it by now
    merging: dict[Reference, str] = field(default_factory=dict)  # …, of which nobody knows yet what stays
    asked: dict[str, Fault] = field(default_factory=dict)  # what people are asked of the merge of a record's twin
    erased: frozenset[str] = frozenset()  # those without a pair that were erased: the worklist keeps that

    def winners(self, reference: Reference, merges: Mapping[Reference, str]) -> list[str]:
        """Into whom it was merged, into whom that one was, and so on. Who was merged back and forth ends it."""
        entity, key = reference
        found = [key]
        while (winner := merges.get((entity, found[-1]))) is not None and winner not in found:
            found.append(winner)
        return found[1:]

    def stands_for(self, reference: Reference, merges: Mapping[Reference, str]) -> str:
        """The id that stands for it after these merges: its own where there were none."""
        return [reference[1], *self.winners(reference, merges)][-1]


@dataclass(slots=True)
class Decision:
    """What is to happen to one record. ``target_form`` is in the target's ids; ``units`` are those to be written."""

    read: Read
    outcome: Outcome
    change: Change | None = None
    binding: Binding | None = None  # the pair as it is now; its sights move on when the change is answered
    target_form: Fields = field(default_factory=dict)
    units: frozenset[str] = frozenset()
    unresolved: frozenset[str] = frozenset()  # optional references that cannot cross yet
    item: Item | None = None
    overruled: Sequence[Overruled] = ()
    alias: str | None = None  # an id of the CRM that from now on stands for the binding
    pulls: Sequence[Reference] = ()
    target_seen: Fields | None = None  # the target's present form, where it was fetched for the plan
    target_version: str = ""  # the version at which that was
    gone: str | None = None  # what the pair's `gone` is to be; None leaves it
    before: Fields = field(default_factory=dict)  # the form that the target showed before, for the audit
    left: bool = False  # a side has it no more: what is shown meanwhile is news when it is back
    undecided: frozenset[str] = frozenset()  # shared units of an adopted record that differ: they have no base yet
    agreed: frozenset[str] = frozenset()  # shared units that both sides changed to the same value
    yielded: frozenset[str] = frozenset()  # units of which a person took the target's value
    is_answer: bool = False  # a person's answer to a conflict was carried out
    until: tuple[Reference, Fault] | None = None  # it went over with a merge that is not decided: it may be refused yet
    asks_back: str | None = None  # why the target's own record is to be planned too, though it did not move


@dataclass(frozen=True, slots=True)
class Case:
    """One record in the light of what was looked up."""

    direction: Direction
    sights: Sights
    read: Read

    @property
    def where(self) -> str:
        return f"{self.direction.mapping.entity} {self.read.id}"

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is wrong with the record by itself."""
        read = self.read
        return read.faults or (() if read.sound else tuple(self.direction.mapping.validate(read.form)))

    def binding(self) -> Binding | None:
        return self.sights.bindings.get(self.read.id)

    def forms(self, binding: Binding) -> tuple[Forms, Forms]:
        """What each side showed last and shows now; a target that was not fetched is taken as it was."""
        before: Forms = {"crm": orjson.loads(binding.crm.form), "erp": orjson.loads(binding.erp.form)}
        present = self.sights.targets.get(binding.seen(self.direction.target).id)
        after = dict(before)
        after[self.direction.source] = self.read.form
        if present is not None:
            after[self.direction.target] = present[1]
        return before, after

    def is_believed(self, seen: Sight) -> bool:
        """Whether it counts under an older stamp: fetched by id it is no old look. What was erased stays so."""
        return self.read.due is not None and not seen.is_erased

    def is_edit(self, binding: Binding, one: Overruled) -> bool:
        """Whether somebody edited what the other side owns: not when it shows, in its own spelling, what we wrote.

        What is no newer than what we wrote over does not show it: the source was brought back from a backup.
        """
        seen, record = binding.seen(self.direction.source), self.read.record
        is_echo = record.by_us and one.unit in seen.wrote.split(",") and record.version > seen.version
        is_ours = self._is_late(binding, one) or self._went_over(one, self.sights.heirs | self.sights.merging)
        return one.side == self.direction.source and not is_echo and not is_ours

    def asks_back(self, binding: Binding, overruled: Sequence[Overruled]) -> str | None:
        """Why the target's own record is to be planned: what a late write of ours left here is no edit, but stands, or
        was what the target showed then: by now it may show what stood there before. Nor is what went over with a merge
        of which nobody knows yet how it ends.
        """
        late = [one.unit for one in overruled if self._is_late(binding, one)]
        late += sorted(self.sights.heard.get(self.read.id, ()))
        if late:
            return f"a write of {', '.join(late)} that nobody heard of may have landed late"
        heirs, merges = self.sights.heirs, self.sights.heirs | self.sights.merging
        went = [one.unit for one in overruled if self._went_over(one, merges) and not self._went_over(one, heirs)]
        return f"its {', '.join(went)} was merged into another" if went else None

    def _went_over(self, one: Overruled, merges: Mapping[Reference, str]) -> bool:
        """Whether it names whom the one that it named before was merged into: the merge did that, and no edit."""
        entity = next((row.refers_to for row in self.direction.mapping.references if row.row == one.unit), None)
        if entity is None or one.side != self.direction.source:
            return False
        winners, now = self.sights.winners((entity, str(one.old)), merges), str(one.new)
        return not {now, self.sights.stands_for((entity, now), merges)}.isdisjoint(winners)

    def merge_behind(self, binding: Binding, units: Collection[str]) -> tuple[Reference, Fault] | None:
        """Who lost a merge with which one of these units went over, while nobody knows yet what stays."""
        sights = self.sights
        before: Fields = orjson.loads(binding.seen(self.direction.source).form) if sights.merging else {}
        for row in self.direction.mapping.references if before else ():
            was, now = ((row.refers_to, str(form.get(row.row))) for form in (before, self.read.form))
            loser = (row.refers_to, sights.stands_for(was, sights.heirs))  # what is decided by now is behind it
            last, present = (sights.stands_for(one, sights.heirs | sights.merging) for one in (loser, now))
            if row.row in units and loser != now and last == present and loser in sights.missing:
                return loser, sights.missing[loser]
        return None

    def _is_late(self, binding: Binding, one: Overruled) -> bool:
        """Whether it comes of a write of ours that nobody heard of: it shows what that wrote, whoever came after it; or
        it may, in the source's spelling, if we came last and the unit is none of those that we were heard to write.
        """
        read, wrote = self.read, binding.seen(self.direction.source).wrote.split(",")
        if one.side != self.direction.source:
            return False
        may = read.record.by_us and one.unit not in wrote and one.unit in self.sights.late.get(read.id, ())
        return may or one.unit in self.sights.landed.get(read.id, ())

    def may_have(self, verb: Verb) -> bool:
        """Whether the target did something for this record, perhaps, of which nobody heard."""
        return verb in self.sights.unheard.get(self.read.id, ())

    def key(self, record_id: str) -> str:
        """The external key of a record of the source: another one after each that the target has buried."""
        buried = self.sights.graves.get(record_id, 0)
        return self.direction.key(f"{record_id}~{buried + 1}" if buried else record_id)


def editor_of(record: Record) -> Editor:
    """Who changed it last; nobody when our own later write covers the name."""
    return None if record.by_us else record.changed_by, record.version


def translate(direction: Direction, record: Record, due: Due | None = None) -> Read:
    """A record as its entity, with the hash by which changes are noticed.

    Whatever needs the record alone is done here: pages are translated while those before them are being written.
    """
    if record.deleted:
        return Read(record, {}, b"", "{}", (), None, due)
    translated = direction.mapping.to_entity(direction.source, record)
    outside = direction.mapping.inside(direction.source, record)
    text = spell(direction, translated.form)
    keys = keys_of(translated.form, direction.spec.match) if direction.creates else ()
    sound = direction.mapping.is_sound(translated.form)
    faults = tuple(translated.faults)
    return Read(record, translated.form, text_hash(text), text.decode(), faults, outside, due, keys, sound)


def spell(direction: Direction, form: Fields) -> bytes:
    """The text of a form by which changes are noticed: without what is volatile."""
    if direction.volatile:
        form = {name: value for name, value in form.items() if name not in direction.volatile}
    return form_text(form)


_WORDS = {
    "in": "must be one of",
    "not_in": "must be none of",
    "equals": "must be",
    "before": "must be before",
    "after": "must be after",
    "is_empty": "must be empty:",
}


def tell_term(term: Term) -> str:
    """What a filter wants, in words: ``Type must be Customer``."""
    word = "must be" if term.operator == "in" and len(term.values) == 1 else _WORDS[term.operator]
    return f"{term.field} {word} {', '.join(str(value) for value in term.values)}"
