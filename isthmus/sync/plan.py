"""What is to happen to each record of a page: exactly one outcome. Pure: no clock, network, random or database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from isthmus.connect.protocol import Change, Verb
from isthmus.kernel.errors import Fault, Refused
from isthmus.kernel.records import Fields, form_hash
from isthmus.merge import Conflict, Forms, Overruled
from isthmus.state.bindings import Binding, Sight
from isthmus.state.worklist import Item
from isthmus.sync.crossing import Crossing, cross, follow_later, join_faults, listed, waiting
from isthmus.sync.decision import Case, Decision, Direction, Read, Sights, tell_term
from isthmus.sync.gate import gate
from isthmus.sync.match import Hit, Key, Rule
from isthmus.sync.succession import left_by_another, plan_alias, plan_merged, take_over, wait_for_answer
from isthmus.sync.watch import plan_watched


def plan_page(direction: Direction, reads: Sequence[Read], sights: Sights) -> list[Decision]:
    """One decision for each record, in an order in which they may be applied: merges first."""
    if not direction.writes:
        return [plan_watched(Case(direction, sights, read)) for read in reads]
    merged = [read for read in reads if read.record.merged_into and not _is_erased(sights, read)]
    others = [read for read in reads if not read.record.merged_into or _is_erased(sights, read)]
    decisions = [plan_merged(Case(direction, sights, read)) for read in merged]
    decisions.extend(_plan_safely(Case(direction, sights, read)) for read in others)
    if direction.source == "erp":
        for decision in decisions:
            _show_hold(direction, decision, confirms=sights.confirms)
    return decisions if sights.credit is None else gate(direction, sights.credit, decisions)


def _is_erased(sights: Sights, read: Read) -> bool:
    """Whether a merge is with somebody who was erased: nothing goes over then, and the loser counts as deleted."""
    pairs = (sights.bindings.get(key) for key in (read.id, read.record.merged_into or ""))
    return any(pair is not None and (pair.crm.is_erased or pair.erp.is_erased) for pair in pairs)


def _show_hold(direction: Direction, decision: Decision, *, confirms: bool) -> None:
    """An order on credit hold is through, and is shown on the worklist for as long as the ERP holds it."""
    form = decision.read.form
    if decision.item is None and form.get("status") == "held" and decision.outcome != "filtered":
        what = form.get("hold_reason") or "is on credit hold"
        free = "collect what is overdue or raise the limit, "
        alone, by_hand = "or release the order in the ERP; it then confirms itself", "then confirm the order in the ERP"
        remedy = free + (alone if confirms else by_hand)
        fault = Fault(f"{direction.mapping.entity} {form.get('number') or decision.read.id}", str(what), remedy)
        decision.item = Item(decision.read.id, "held", fault, decision.read.face)


def _plan_safely(case: Case) -> Decision:
    """A value that has no way to the target is that record's fault: it stops no neighbour."""
    try:
        return _plan_one(case)
    except Refused as error:
        return listed(case.read, "invalid", error.fault, binding=case.binding())


def _plan_one(case: Case) -> Decision:
    read, binding = case.read, case.binding()
    if case.direction.spec.same_as:
        binding = _share_pair(case, binding)
    if binding is None:
        return _plan_unbound(case)
    if binding.seen(case.direction.source).id != read.id:
        return plan_alias(case, binding)
    return _plan_pair(case, binding)


def _plan_pair(case: Case, binding: Binding) -> Decision:
    read, seen = case.read, binding.seen(case.direction.source)
    if read.record.version < seen.version and not read.record.deleted and not case.is_believed(seen):
        return Decision(read, "superseded", binding=binding)
    if read.record.deleted or not (read.is_inside or binding.regardless):
        return _plan_gone(case, binding)
    if binding.left(case.direction.target) == "deleted":
        return _plan_lost(case, binding)
    if seen.hash == read.hash and not binding.left(case.direction.source) and not read.forced:
        return Decision(read, "unchanged", binding=binding)
    if read.id in case.sights.asked:
        return wait_for_answer(case, binding)
    return _plan_bound(case, binding)


# --- records that leave -------------------------------------------------------------------------------------------


def _plan_gone(case: Case, binding: Binding) -> Decision:
    """Deleted, or no longer in the filter: as the mapping's ``gone`` says."""
    direction, read = case.direction, case.read
    gone = f"{direction.source} {'deleted' if read.record.deleted else 'outside'}"
    if binding.gone and not case.may_have("reopen"):
        stays = gone if binding.left(direction.source) else None
        decision = Decision(read, "unchanged", binding=binding, gone=stays, left=True)
        is_news = binding.left(direction.source) == "deleted" or not binding.seen(direction.source).version
        if is_news and not read.record.deleted:  # what was said to it meanwhile was not written anywhere
            decision.asks_back = f"{case.where} is there, though outside the filter"
        return decision
    policy = direction.spec.gone.get(direction.source, "ask")
    why = "was deleted" if read.outside is None else f"left the filter ({tell_term(read.outside)})"
    if policy == "keep":
        return Decision(read, "unchanged", binding=binding, gone=gone, left=True)
    if policy in ("ask", "restore"):  # a source's own records are never restored: the loader sees to that
        remedy = f"restore it, or withdraw {direction.mapping.entity} {binding.seen(direction.target).id} by hand"
        fault = Fault(case.where, f"{why} in the {direction.source.upper()}", remedy)
        decision = listed(read, "conflict", fault, binding=binding)
        decision.left = True
        return decision
    change = _change(case, "withdraw", binding)
    change.how = "cancel" if policy == "cancel" else "deactivate"
    return Decision(read, "withdrawn", change, binding, gone=gone, left=True)


def _plan_lost(case: Case, binding: Binding) -> Decision:
    """The target has it no more: a copy is made again under the same key, of everything else nothing can be written."""
    direction, read = case.direction, case.read
    if direction.spec.gone[direction.target] != "restore":
        return Decision(read, "unchanged", binding=binding, left=True)
    if faults := case.faults:
        return listed(read, "invalid", join_faults(faults), binding=binding)
    binding.forget(direction.target)
    decision = _create(case, binding)
    decision.gone = "" if decision.change else None
    return decision


def _share_pair(case: Case, binding: Binding | None) -> Binding | None:
    """The pair of a record that is another entity's as well: it goes wherever that one's pair goes."""
    direction, read = case.direction, case.read
    target_id = case.sights.references.get((direction.spec.same_as or "", read.id))
    if binding is None and target_id is not None and not read.record.deleted:
        source = Sight(direction.source_org, read.id, "", b"", "{}")
        return direction.new_binding(source, target_id)
    if binding is not None and target_id is not None and binding.seen(direction.target).id != target_id:
        binding.forget(direction.target, target_id)
        binding.gone, binding.seen(direction.source).hash = "", b""  # the other record was told nothing yet
    return binding


# --- records that are new -----------------------------------------------------------------------------------------


def _plan_unbound(case: Case) -> Decision:
    direction, read, sights = case.direction, case.read, case.sights
    if read.record.deleted or not read.is_inside or not direction.creates:
        return Decision(read, "filtered")
    if read.id in sights.erased:
        return Decision(read, "superseded")
    if faults := case.faults:
        return listed(read, "invalid", join_faults(faults))
    found = sights.matches.find(read.keys)
    if found and (left := left_by_another(case, found[2])):
        return take_over(case, left)
    if found and (len(found[2]) > 1 or found[2][0].taken_by is not None):
        return _ambiguous(case, found)
    source = Sight(direction.source_org, read.id, read.record.version, read.hash, read.text)
    target_id = found[2][0].id if found else ""
    binding = direction.new_binding(source, target_id)
    binding.regardless = read.outside is not None
    return _adopt(case, binding) if found else _create(case, binding)


def _create(case: Case, binding: Binding) -> Decision:
    direction, read, sights = case.direction, case.read, case.sights
    crossing = cross(direction, read.form, sights, units=direction.carried)
    if crossing.blocked:
        return waiting(read, crossing, binding=binding if binding.id else None)
    sights.matches.will_exist(read.keys, read.id)
    fields, lines = direction.mapping.to_fields(direction.target, crossing.form, None)
    change = Change("create", case.key(read.id), fields, lines)
    decision = Decision(read, "created", change, binding, crossing.form, direction.carried)
    return follow_later(direction, decision, crossing)


def _adopt(case: Case, binding: Binding) -> Decision:
    """Binds an existing record of the target and brings it up to date with what the source owns."""
    direction, read = case.direction, case.read
    crossing = cross(direction, read.form, case.sights, units=direction.carried)
    if crossing.blocked:
        return waiting(read, crossing)
    target_seen = case.sights.targets.get(binding.seen(direction.target).id, ("", {}))[1]
    after: Forms = {direction.source: read.form, direction.target: target_seen}
    merged = direction.merge({"crm": {}, "erp": {}}, after)
    case.sights.matches.adopted[binding.seen(direction.target).id] = read.id
    decision = _write(case, binding, Intended(crossing, merged.writes[direction.target], (), target_seen))
    asked = {one.unit for one in merged.conflicts}  # by the way back: the pair is known then
    decision.undecided = frozenset(asked | merged.writes[direction.source] & direction.shared)
    return decision


def _ambiguous(case: Case, found: tuple[Rule, Key, list[Hit]]) -> Decision:
    rule, key, hits = found
    direction, read = case.direction, case.read
    entity, target = direction.mapping.entity, direction.target.upper()
    told = " and ".join(f"{path} {value!r}" for path, value in zip(rule, key, strict=True))
    taken = [hit for hit in hits if hit.taken_by]
    if taken:
        what = f"{told} already belongs to {entity} {taken[0].taken_by}"
        remedy = f"merge {read.id} and {taken[0].taken_by} in the {direction.source.upper()}, or correct {rule[0]}"
    else:
        what = f"{told} fits {len(hits)} records of the {target}: {', '.join(hit.id for hit in hits)}"
        remedy = f"merge them in the {target}, or correct {rule[0]}"
    decision = listed(read, "ambiguous", Fault(case.where, what, remedy))
    if decision.item:
        decision.item.detail = orjson.dumps({"candidates": [hit.id or hit.taken_by for hit in hits]}).decode()
        decision.item.waits_for = f"{entity} {taken[0].taken_by}" if taken else None
    return decision


# --- records that are known ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Intended:
    """Which units are to be written, what was overruled, and the target's present form if it was fetched."""

    crossing: Crossing
    units: Iterable[str]
    overruled: Sequence[Overruled]
    target_seen: Fields | None


def _plan_bound(case: Case, binding: Binding) -> Decision:
    direction, read = case.direction, case.read
    if binding.id is not None and binding.left(direction.source) == "deleted":
        case.sights.matches.adopted[binding.seen(direction.target).id] = read.id  # it is back: nobody takes it over
    if faults := case.faults:
        return listed(read, "invalid", join_faults(faults), binding=binding)
    before, after = case.forms(binding)
    merged = direction.merge(before, after)
    settled = _resolution(case, merged.conflicts)
    if any(conflict.unit not in settled for conflict in merged.conflicts):
        return _conflicting(case, binding, merged.conflicts)
    units = set(merged.writes[direction.target])
    units |= {unit for unit, side in settled.items() if side == direction.source}
    if read.forced or binding.left(direction.source):
        units |= direction.given
    crossing = cross(direction, read.form, case.sights, units=units)
    if crossing.blocked:
        return waiting(read, crossing, binding=binding)
    overruled = [one for one in merged.overruled if case.is_edit(binding, one)]
    decision = _write(case, binding, Intended(crossing, units, overruled, after[direction.target]))
    decision.agreed, decision.is_answer = frozenset(merged.agreed), bool(settled)
    decision.yielded = frozenset(unit for unit, side in settled.items() if side == direction.target)
    # What the way back is to fill here was not shown to the target: stored as shown, it would be no news to fill it.
    decision.undecided = frozenset(
        unit for unit in merged.writes[direction.source] & direction.shared if unit not in before[direction.source]
    )
    decision.until = case.merge_behind(binding, units)
    decision.asks_back = _owed_back(case, binding, before[direction.source]) or case.asks_back(
        binding, merged.overruled
    )
    if decision.undecided and not decision.asks_back:
        decision.asks_back = f"{', '.join(sorted(decision.undecided))} of {case.where} is to be filled"
    return decision


def _owed_back(case: Case, binding: Binding, before: Fields) -> str | None:
    """Why a record is to be told what the target owns, though nothing moves there."""
    direction = case.direction
    if direction.kept and direction.kept.isdisjoint(before):
        return f"{case.where} was told nothing yet of what the {direction.target.upper()} owns"
    if binding.left(direction.source) == "deleted":
        return f"{case.where} is back, and was told nothing meanwhile"
    return None


def _resolution(case: Case, conflicts: Sequence[Conflict]) -> dict[str, str]:
    """A person's answer, unit → side; void when either side shows something else than when the question was asked."""
    due = case.read.due
    if due is None or due.resolution is None:
        return {}
    answer = orjson.loads(due.resolution)
    units: dict[str, str] = answer["take"]
    if answer["versions"] != _versions([one for one in conflicts if one.unit in units]):
        return {}
    return units


def _versions(conflicts: Sequence[Conflict]) -> list[str]:
    """What both sides show, as a question is bound to it. Their stamps would not do: our own notes move them."""
    sides = ({one.unit: one.crm for one in conflicts}, {one.unit: one.erp for one in conflicts})
    return [form_hash(shown).hex() for shown in sides]


def _conflicting(case: Case, binding: Binding, conflicts: Sequence[Conflict]) -> Decision:
    names = ", ".join(sorted(conflict.unit for conflict in conflicts))
    fault = Fault(
        case.where,
        f"{names} was changed on both sides",
        "say which value holds: `isthmus worklist resolve NUMBER --take crm|erp`",
    )
    decision = listed(case.read, "conflict", fault, binding=binding)
    if decision.item:
        values = {
            one.unit: {"base_crm": one.base_crm, "base_erp": one.base_erp, "crm": one.crm, "erp": one.erp}
            for one in conflicts
        }
        target = case.direction.target
        edits = {
            case.direction.source: case.read.editor,
            target: case.sights.editors.get(binding.seen(target).id, (None, "")),
        }
        detail = {"values": values, "versions": _versions(conflicts), "edits": edits}
        decision.item.detail = orjson.dumps(detail).decode()
    return decision


def _write(case: Case, binding: Binding, intended: Intended) -> Decision:
    """An update of the units that are to be written; nothing to write leaves the record unchanged."""
    direction, read, crossing = case.direction, case.read, intended.crossing
    binding.regardless = binding.regardless or (read.outside is not None and read.is_inside)  # pulled, and stays so
    fresh = binding.id is None
    units = frozenset(intended.units) - crossing.unresolved
    verb: Verb = "reopen" if binding.left(direction.source) else "update"
    if case.may_have("withdraw"):
        verb = "reopen"
    if not units and verb == "update" and not fresh:
        decision = Decision(read, "unchanged", None, binding, crossing.form, units, target_seen=intended.target_seen)
    else:
        change = _change(case, verb, binding)
        change.fields, change.lines = direction.mapping.to_fields(direction.target, crossing.form, units)
        change.expects = _expected(case, units, binding)
        decision = Decision(read, "updated", change, binding, crossing.form, units, target_seen=intended.target_seen)
    decision.overruled = intended.overruled
    decision.gone = "" if verb == "reopen" else None
    decision.before = intended.target_seen or {}
    decision.target_version = case.sights.targets.get(binding.seen(direction.target).id, ("", {}))[0]
    return follow_later(direction, decision, crossing)


def _expected(case: Case, units: frozenset[str], binding: Binding) -> str | None:
    """Only a shared row can lose a foreign edit: then the target must still be at the version it was fetched at."""
    target = binding.seen(case.direction.target)
    version = case.sights.targets.get(target.id, (target.version, {}))[0]
    return version or None if units & case.direction.shared else None


def _change(case: Case, verb: Verb, binding: Binding) -> Change:
    return Change(verb, case.key(case.read.id), {}, id=binding.seen(case.direction.target).id)
