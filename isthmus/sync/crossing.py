"""References cross from the source's ids to the target's; those that cannot yet make a record wait. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

import orjson

from isthmus.kernel.errors import Fault
from isthmus.kernel.records import Fields
from isthmus.mapping.compile import Reference as ReferenceRow
from isthmus.state.bindings import Binding
from isthmus.state.worklist import Item, Reason
from isthmus.sync.decision import Decision, Direction, Read, Reference, Sights


@dataclass(slots=True)
class Crossing:
    """A form with the target's ids. ``blocked`` are required references that cannot cross yet."""

    form: Fields
    sights: Sights
    blocked: list[Reference] = field(default_factory=list)
    soft: list[Reference] = field(default_factory=list)
    unresolved: frozenset[str] = frozenset()
    pulls: list[Reference] = field(default_factory=list)


def cross(direction: Direction, form: Fields, sights: Sights, *, units: Collection[str]) -> Crossing:
    """Replaces the source's ids by the target's, in the units that are to be written."""
    crossing = Crossing(dict(form), sights)
    for row in direction.mapping.references:
        if ("lines" if row.in_lines else row.row) not in units:
            continue
        if row.in_lines:
            lines = [dict(line) for line in crossing.form.get("lines") or ()]
            for line in lines:
                _cross_one(row, line, crossing)
            if "lines" in crossing.form:
                crossing.form["lines"] = lines
        elif _cross_one(row, crossing.form, crossing):
            crossing.unresolved |= {row.row}
    for name in crossing.unresolved:
        del crossing.form[name]
    return crossing


def _cross_one(row: ReferenceRow, holder: Fields, crossing: Crossing) -> bool:
    """Translates one reference in place; True when it is optional and cannot cross yet."""
    value = holder.get(row.row)
    if value is None:
        return False
    reference = (row.refers_to, value)
    across = crossing.sights.references.get(reference)
    if across is not None:
        holder[row.row] = across
        return False
    if row.pull and reference not in crossing.sights.lost:
        crossing.pulls.append(reference)
    is_soft = not row.required and not row.in_lines  # a line without what it refers to would be another line
    (crossing.soft if is_soft else crossing.blocked).append(reference)
    return is_soft


def references_of(direction: Direction, reads: Iterable[Read]) -> dict[str, set[str]]:
    """Which ids of which entities a page refers to."""
    wanted: dict[str, set[str]] = {}
    for row in direction.mapping.references:
        ids = wanted.setdefault(row.refers_to, set())
        for read in reads:
            holders = read.form.get("lines") or () if row.in_lines else (read.form,)
            ids.update(value for holder in holders if (value := holder.get(row.row)) is not None)
    return wanted


def listed(read: Read, reason: Reason, fault: Fault, *, binding: Binding | None = None) -> Decision:
    item = Item(read.id, reason, fault, read.face)
    return Decision(read, "worklisted", binding=binding, item=item)


def join_faults(faults: Sequence[Fault]) -> Fault:
    """All faults of a record as one: the first tells, the others follow."""
    first = faults[0]
    if len(faults) == 1:
        return first
    others = "; ".join(f"{fault.where}: {fault.what}" for fault in faults[1:4])
    more = f" and {len(faults) - 4} more" if len(faults) > 4 else ""
    return replace(first, what=f"{first.what}; also {others}{more}")


def waiting(read: Read, crossing: Crossing, *, binding: Binding | None = None) -> Decision:
    first = crossing.blocked[0]
    decision = listed(read, "waiting", _why(first, crossing), binding=binding)
    if decision.item:
        decision.item.waits_for = " ".join(first)
    decision.pulls = crossing.pulls
    return decision


def follow_later(direction: Direction, decision: Decision, crossing: Crossing) -> Decision:
    """An optional reference does not hold its record back: it is through without, and listed until it can follow."""
    decision.unresolved = crossing.unresolved
    decision.pulls = crossing.pulls
    if crossing.soft:
        first = crossing.soft[0]
        fault = _why(first, crossing)
        fault = replace(fault, what=f"{fault.what}; the {direction.mapping.entity} is through without it")
        waits_for, *also = dict.fromkeys(" ".join(one) for one in crossing.soft)
        decision.item = Item(decision.read.id, "waiting", fault, decision.read.face, waits_for)
        if also:  # each follows by itself: the first may never come
            decision.item.detail = orjson.dumps({"also": also}).decode()
    return decision


def _why(reference: Reference, crossing: Crossing) -> Fault:
    known = crossing.sights.missing.get(reference)
    if known is not None:
        return known
    entity, key = reference
    return Fault(
        f"{entity} {key}", "was not read yet", f"nothing to do: it follows when {entity} has been synchronised"
    )
