"""Three-way merge, unit by unit.

A side changed when its present form differs from the form that same side last showed. The two sides are compared with
each other only where both may change a unit and both did: then equal values need no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from isthmus.kernel.records import ABSENT, Fields
from isthmus.kernel.units import SIDES, Side, Unit, other_side

#: The form of each side. An absent unit says nothing: absent keeps, null clears.
Forms = Mapping[Side, Fields]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Both sides changed a unit that both may change, to different values. A base is None when there was none."""

    unit: str
    base_crm: Any
    base_erp: Any
    crm: Any
    erp: Any


@dataclass(frozen=True, slots=True)
class Overruled:
    """An edit that does not last: ``side`` made it and the other side's value is written over it."""

    unit: str
    side: Side
    old: Any
    new: Any


@dataclass(slots=True)
class Merged:
    """Which units are to be written to each side, from the other side's present form."""

    writes: dict[Side, set[str]] = field(default_factory=lambda: {"crm": set(), "erp": set()})
    agreed: set[str] = field(default_factory=set)
    conflicts: list[Conflict] = field(default_factory=list)
    overruled: list[Overruled] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Seen:
    """One unit on one side: what it showed last and what it shows now."""

    base: Any
    now: Any

    @property
    def changed(self) -> bool:
        """A side that says nothing did not change; neither did one that was never seen."""
        return self.now is not ABSENT and self.base is not ABSENT and self.now != self.base


def merge(units: Iterable[Unit], before: Forms, after: Forms) -> Merged:
    """Decides every two-sided unit.

    A unit that a side has not shown before has no base: the owner's value counts; where both own it, the filled value
    does, and two different values are a conflict unless the unit says which side wins.
    """
    merged = Merged()
    volatile: list[Unit] = []
    for unit in units:
        if len(unit.sides) != 2:
            continue
        if unit.volatile:
            volatile.append(unit)
            continue
        seen = {side: _see(unit, before[side], after[side]) for side in SIDES}
        if unit.owner == "both":
            _merge_shared(unit, seen, merged)
        else:
            _merge_owned(unit, unit.owner, seen, merged=merged)
    for unit in volatile:
        _write_along(unit, after, merged)
    return merged


def _see(unit: Unit, base: Fields, now: Fields) -> _Seen:
    return _Seen(_value(unit, base), _value(unit, now))


def _value(unit: Unit, form: Fields) -> Any:
    """The value of a unit: of a group or of lines only what both sides have."""
    value = form.get(unit.name, ABSENT)
    if unit.members is None or value is ABSENT or value is None:
        return value
    if isinstance(value, list):
        return [{name: line[name] for name in line if name == "key" or name in unit.members} for line in value]
    return {name: value[name] for name in value if name in unit.members}


def _merge_owned(unit: Unit, owner: Side, seen: dict[Side, _Seen], *, merged: Merged) -> None:
    across = other_side(owner)
    if seen[owner].now is ABSENT:
        return  # the owner says nothing, so there is nothing to write
    if seen[across].changed:
        merged.overruled.append(Overruled(unit.name, across, seen[across].base, seen[across].now))
    is_new = seen[owner].base is ABSENT or seen[across].base is ABSENT
    if is_new or seen[owner].changed or seen[across].changed:
        merged.writes[across].add(unit.name)


def _merge_shared(unit: Unit, seen: dict[Side, _Seen], merged: Merged) -> None:
    if any(seen[side].now is ABSENT for side in SIDES):
        _merge_half_told(unit, seen, merged)
        return
    if any(seen[side].base is ABSENT for side in SIDES):
        _merge_new(unit, seen, merged)
        return
    changed = [side for side in SIDES if seen[side].changed]
    if len(changed) == 1:
        merged.writes[other_side(changed[0])].add(unit.name)
    elif changed:
        _settle(unit, seen, merged)


def _merge_half_told(unit: Unit, seen: dict[Side, _Seen], merged: Merged) -> None:
    """One side says nothing: a change of the other, or its first value, still goes over."""
    for side in SIDES:
        one = seen[side]
        first_value = one.base is ABSENT and one.now is not ABSENT and one.now is not None
        if one.changed or first_value:
            merged.writes[other_side(side)].add(unit.name)


def _merge_new(unit: Unit, seen: dict[Side, _Seen], merged: Merged) -> None:
    """Nobody knows who moved. A null that nobody is known to have cleared loses nothing by giving way to a value."""
    empty = [side for side in SIDES if seen[side].now is None and not seen[side].changed]
    if len(empty) == 1 and seen[other_side(empty[0])].now is not None:
        merged.writes[empty[0]].add(unit.name)
    else:
        _settle(unit, seen, merged)


def _settle(unit: Unit, seen: dict[Side, _Seen], merged: Merged) -> None:
    crm, erp = seen["crm"], seen["erp"]
    if crm.now == erp.now:
        merged.agreed.add(unit.name)
    elif unit.if_both_changed == "ask":
        merged.conflicts.append(Conflict(unit.name, _told(crm.base), _told(erp.base), crm.now, erp.now))
    else:
        loser = other_side(unit.if_both_changed)
        merged.writes[loser].add(unit.name)
        merged.overruled.append(Overruled(unit.name, loser, _told(seen[loser].base), seen[loser].now))


def _told(base: Any) -> Any:
    return None if base is ABSENT else base


def _write_along(unit: Unit, after: Forms, merged: Merged) -> None:
    """A volatile unit goes where something is written anyway, if its owner tells it."""
    for side in SIDES:
        source = other_side(side)
        if merged.writes[side] and unit.owner == source and unit.name in after[source]:
            merged.writes[side].add(unit.name)
