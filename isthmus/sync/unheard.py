"""Writes of ours whose answer nobody heard: what was announced of them, and how they are told from edits. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import orjson

from isthmus.kernel.errors import Broken
from isthmus.kernel.records import Fields, form_text
from isthmus.kernel.units import Side, other_side
from isthmus.state.bindings import Binding
from isthmus.state.progress import Announced, Intent
from isthmus.sync.decision import Decision, Direction

#: By the side that is written, and the record's id there.
Unheard = Mapping[tuple[Side, str], Sequence[Announced]]


def announce(direction: Direction, decision: Decision) -> Announced:
    """What is stored of a change before it is sent."""
    change, read = decision.change, decision.read
    if change is None:
        raise Broken(f"{direction.mapping.entity} {read.id}", "is announced without a change", "report this")
    is_plain = change.verb in ("create", "update")  # the other verbs may change whatever the source owns
    units = decision.units if is_plain else decision.units | direction.given
    regardless = decision.binding is not None and decision.binding.regardless
    return Announced(
        read.id, change.key, change.verb, change.id, ",".join(sorted(units)), _values(direction, decision), regardless
    )


def _values(direction: Direction, decision: Decision) -> dict[str, tuple[object, object, object]]:
    units = decision.units & decision.target_form.keys() & decision.read.form.keys()
    if decision.outcome == "created":
        units &= direction.shared
    if not units or decision.binding is None:
        return {}
    base: Fields = orjson.loads(decision.binding.seen(direction.target).form)
    return {unit: (base.get(unit), decision.target_form[unit], decision.read.form[unit]) for unit in sorted(units)}


def by_place(intents: Mapping[Side, Iterable[Intent]]) -> Unheard:
    """What was announced, by the records that it writes to; intents by the side that they write to."""
    found: dict[tuple[Side, str], list[Announced]] = {}
    for side, those in intents.items():
        for entry in (entry for intent in those for entry in intent.entries):
            if entry.id is not None:
                found.setdefault((side, entry.id), []).append(entry)
    return found


def units_of(entries: Iterable[Announced]) -> frozenset[str]:
    """The units that these write."""
    return frozenset(unit for entry in entries for unit in entry.units.split(",") if unit)


def shown_of(entries: Iterable[Announced], present: Fields) -> frozenset[str]:
    """Of the units that these write, those that show now what was to be written."""
    return frozenset(
        unit
        for entry in entries
        for unit, (_, shows, _) in entry.values.items()
        if unit in present and present[unit] == shows
    )


def acknowledge(binding: Binding, side: Side, entries: Sequence[Announced], *, present: Fields) -> frozenset[str]:
    """What a side shows now and we wrote there is no news: both sides are taken to have shown it, as if it was heard.
    Answers which units have come to show it.

    Only where this side is still known as it was when the write was planned: a value that comes back later is an edit.
    """
    written = [(unit, *values) for entry in entries for unit, values in entry.values.items()]
    if not any(unit in present and present[unit] == shows for unit, _, shows, _ in written):
        return frozenset()
    here, there = binding.seen(side), binding.seen(other_side(side))
    forms: tuple[Fields, Fields] = (orjson.loads(here.form), orjson.loads(there.form))
    landed: set[str] = set()
    for unit, before, shows, told in written:
        if present.get(unit) == shows and forms[0].get(unit) == before:
            forms[0][unit], forms[1][unit] = shows, told
            landed.update({unit} if before != shows else ())
    for seen, form in zip((here, there), forms, strict=True):
        seen.form, seen.hash = form_text(form).decode(), b""  # whatever it shows is looked at
    return frozenset(landed)
