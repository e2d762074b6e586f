"""Whose a pair is: merges, records that live again or are entered anew, and who waits for a pair. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import orjson

from isthmus.connect.protocol import Change
from isthmus.kernel.errors import Fault
from isthmus.kernel.records import Fields, form_text
from isthmus.state.bindings import Binding
from isthmus.sync.crossing import listed
from isthmus.sync.decision import Case, Decision, Direction, Read
from isthmus.sync.match import Hit


def plan_alias(case: Case, binding: Binding) -> Decision:
    """Another record has its pair, and it shows up again. If that one is gone it gets its pair back; if both live, only
    a person knows what it is now.
    """
    read, winner = case.read, binding.seen(case.direction.source).id
    if read.record.deleted or not read.is_inside:
        return Decision(read, "unchanged")
    if _is_left_alone(case, binding):
        return go_over(case, binding, read.id)
    entity = case.direction.mapping.entity
    fault = Fault(
        case.where,
        f"went over to {winner}, and is a record of its own again",
        f"merge it into {winner}; if it is another {entity}, enter it anew",
    )
    decision = listed(read, "ambiguous", fault)
    if decision.item:
        decision.item.waits_for = f"{entity} {winner}"  # and is tried again when that one moves
    return decision


def _is_left_alone(case: Case, binding: Binding) -> bool:
    """Whether the source has no record of a pair any more: neither its own, nor an heir, nor its own that is back."""
    direction, adopted = case.direction, case.sights.matches.adopted
    if binding.seen(direction.source).is_erased or binding.seen(direction.target).id in adopted:
        return False
    return binding.left(direction.source) == "deleted"


def plan_merged(case: Case) -> Decision:
    """The loser of a merge: its pair goes over to the winner, or its id becomes a second name of the winner's pair."""
    direction, read, sights = case.direction, case.read, case.sights
    winner = read.record.merged_into or ""
    mine, winners = sights.bindings.get(read.id), sights.bindings.get(winner)
    if mine is not None and mine.seen(direction.source).id != read.id:
        return Decision(read, "unchanged")  # known: it is an alias already
    if mine is None and winners is None:
        return Decision(read, "filtered")
    if mine is None:
        return Decision(read, "rebound", binding=winners, alias=read.id)
    if winners is None or winners.id == mine.id:  # the winner was merged into this one before, and is back
        return go_over(case, mine, winner)
    return _both_bound(case, mine, winners)


def go_over(case: Case, binding: Binding, heir: str) -> Decision:
    """The pair becomes the heir's; who had it before is another name of it from now on. Whatever was decided of it
    before in this page keeps it as it was: it goes over only if the target agrees.
    """
    direction, sights = case.direction, case.sights
    binding = replace(binding, crm=replace(binding.crm), erp=replace(binding.erp))
    seen = binding.seen(direction.source)
    known: Fields = orjson.loads(seen.form)
    shown = {name: value for name, value in known.items() if name not in direction.kept}
    former, seen.id = seen.id, heir
    if binding.left(direction.source) == "deleted":
        binding.gone = f"{direction.source} outside"  # the heir is there, and is let in or not when it is planned
    binding.regardless = binding.regardless or (case.read.outside is not None and case.read.is_inside)  # pulled
    seen.version, seen.hash, seen.wrote = "", b"", ""  # whatever the heir shows next is news
    seen.form = form_text(shown).decode()  # what the target owns was told to the one before only
    sights.bindings[heir] = sights.bindings[former] = binding
    sights.matches.adopted[binding.seen(direction.target).id] = heir
    change = Change("update", case.key(heir), {}, id=binding.seen(direction.target).id)
    return Decision(case.read, "rebound", change, binding, alias=former)


def _both_bound(case: Case, mine: Binding, winners: Binding) -> Decision:
    read, entity, target = case.read, case.direction.mapping.entity, case.direction.target
    left, right = mine.seen(target).id, winners.seen(target).id
    winner, there = read.record.merged_into, target.upper()
    fault = Fault(
        case.where,
        f"was merged into {winner}, but both have a {entity} in the {there}: {left} and {right}",
        f"say which {there} {entity} stays: `isthmus worklist resolve NUMBER --take {left}|{right}`",
    )
    detail = orjson.dumps({"candidates": [left, right], "winner": winner}).decode()
    decision = listed(read, "ambiguous", fault, binding=mine)
    if decision.item:
        decision.item.detail = detail
    return decision


def wait_for_answer(case: Case, binding: Binding) -> Decision:
    """Its twin was merged into another, and people are asked which of two stays: then it is shown there, or closed."""
    decision = listed(case.read, "waiting", case.sights.asked[case.read.id], binding=binding)
    if decision.item:
        decision.item.waits_for = case.where
    return decision


def left_by_another(case: Case, hits: Sequence[Hit]) -> Binding | None:
    """The pair of a record that was deleted, if that is all that fits: the same company was entered anew."""
    if len(hits) > 1 or not hits[0].taken_by:
        return None
    pair = case.sights.bindings.get(hits[0].taken_by)
    return pair if pair is not None and _is_left_alone(case, pair) else None


def take_over(case: Case, pair: Binding) -> Decision:
    """Who is entered anew was never told what both may change: that is filled, or asked about, as for any match."""
    decision = go_over(case, pair, case.read.id)
    for seen in (decision.binding.crm, decision.binding.erp) if decision.binding else ():
        form: Fields = orjson.loads(seen.form)
        left = {name: value for name, value in form.items() if name not in case.direction.shared}
        seen.hash, seen.form = b"", form_text(left).decode()
    return decision


def hold_heirs(direction: Direction, decisions: Sequence[Decision], doubted: Mapping[str, str]) -> list[Decision]:
    """Who takes over a pair in this very page follows when that is stored: a key is sent once a page. So does who was
    to take it over in an earlier one, of which nobody has heard (``doubted``: heir → loser).
    """
    heirs = {
        one.binding.seen(direction.source).id: one.read.id
        for one in decisions
        if one.outcome == "rebound"
        and one.read.record.merged_into
        and one.change is not None
        and one.binding is not None
    }
    heirs = {**doubted, **heirs}
    return [
        _hold(direction, one.read, heirs[one.read.id])
        if one.read.id in heirs and not one.read.record.merged_into
        else one
        for one in decisions
    ]


def _hold(direction: Direction, read: Read, loser: str) -> Decision:
    entity = direction.mapping.entity
    fault = Fault(
        f"{entity} {read.id}", f"takes over the pair of {loser}", "nothing to do: it follows when that is done"
    )
    decision = listed(read, "waiting", fault)
    if decision.item:
        decision.item.waits_for = f"{entity} {loser}"
    return decision
