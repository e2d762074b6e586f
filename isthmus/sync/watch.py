"""A side that owns nothing of a mapping is only watched: edits are undone, what vanished is restored. Pure."""

from __future__ import annotations

import re

from isthmus.kernel.records import Fields
from isthmus.merge import Overruled
from isthmus.state.bindings import Binding
from isthmus.sync.crossing import join_faults, listed
from isthmus.sync.decision import Case, Decision


def plan_watched(case: Case) -> Decision:
    """Nothing is written from here: what is to be put right becomes due in the other direction."""
    read, binding = case.read, case.binding()
    if binding is None or binding.seen(case.direction.source).id != read.id:
        return Decision(read, "filtered")  # who lost a merge says nothing of the winner's pair, nor does its deletion
    seen = binding.seen(case.direction.source)
    if read.record.deleted:
        return _see_vanished(case, binding)
    if read.record.version < seen.version and not case.is_believed(seen):
        return Decision(read, "superseded", binding=binding)
    if binding.left(case.direction.source):
        return Decision(read, "unchanged", binding=binding, gone="", asks_back="it is back")
    if seen.hash == read.hash:
        return Decision(read, "unchanged", binding=binding)
    if faults := case.faults:
        if read.record.by_us:
            return listed(read, "invalid", join_faults(faults), binding=binding)
        return Decision(read, "unchanged", binding=binding, left=True, overruled=_unreadable(case, binding))
    before, after = case.forms(binding)
    found = case.direction.merge(before, after).overruled
    overruled = [one for one in found if case.is_edit(binding, one)]
    return Decision(read, "unchanged", None, binding, overruled=overruled, asks_back=case.asks_back(binding, found))


def _see_vanished(case: Case, binding: Binding) -> Decision:
    read, side = case.read, case.direction.source
    if binding.left(side) == "deleted":
        return Decision(read, "unchanged", binding=binding, left=True)
    restores = case.direction.spec.gone[side] == "restore"
    by = f" by {read.record.changed_by}" if read.record.changed_by else ""
    why = f"it was deleted in the {side.upper()}{by}, which does not own it" if restores else None
    return Decision(read, "unchanged", binding=binding, gone=f"{side} deleted", left=True, asks_back=why)


def _unreadable(case: Case, binding: Binding) -> list[Overruled]:
    """Somebody entered what the entity cannot hold: there is no new value, only what is wrong with it."""
    side = case.direction.source
    before: Fields = case.forms(binding)[0][side]
    faults = case.faults
    units = {re.split(r"[.[]", fault.where)[0]: fault.what for fault in faults}  # ``lines[1].amount`` is of ``lines``
    return [Overruled(unit, side, before.get(unit), what) for unit, what in units.items()]
