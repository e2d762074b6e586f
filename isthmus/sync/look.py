"""One set-based step that fetches what planning a page needs: never a query a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import orjson

from isthmus.kernel.errors import Fault, Unavailable
from isthmus.kernel.records import Record, match_text
from isthmus.kernel.units import Side
from isthmus.mapping.compile import CompiledMapping
from isthmus.state import bindings, graves, worklist
from isthmus.state.bindings import Binding, Lane
from isthmus.sync.crossing import references_of
from isthmus.sync.decision import Credit, Decision, Direction, Read, Reference, Sights, editor_of, tell_term
from isthmus.sync.match import Hit, Keys, Matches
from isthmus.sync.ports import Stage
from isthmus.sync.unheard import acknowledge, shown_of, units_of

#: How many missing references of a page are fetched to tell why they are missing; the others are told in general.
EXPLAINED_MOST = 200


def look(stage: Stage, reads: Sequence[Read]) -> Sights:
    """Bindings, references, match candidates, and present forms of targets where a plan needs them."""
    _remember_merges(stage, reads)
    ids = [read.id for read in reads]
    ids += [read.record.merged_into for read in reads if read.record.merged_into]
    direction = stage.direction
    sights = Sights(bindings=_pairs(stage, ids))
    news = [read for read in reads if _is_news(direction, read, sights)]
    sights.confirms = stage.source.capabilities.gates_credit
    _look_at_references(stage, news, sights)
    _look_at_merges(stage, news, sights)
    if direction.target == "crm":
        _look_at_asked(stage, news, sights)
    unbound = [read for read in news if read.id not in sights.bindings and read.is_inside and not read.faults]
    if direction.creates and any(read.id not in sights.bindings for read in news):
        listed = worklist.load(stage.connection, direction.lane, [read.id for read in reads])
        sights.erased = frozenset(key for key, item in listed.items() if item.version.startswith(bindings.LAST))
    if direction.creates and direction.spec.match and unbound:
        sights.matches = _look_for_matches(stage, unbound)
        takers = sorted({hit.taken_by for hits in sights.matches.hits.values() for hit in hits if hit.taken_by})
        if takers:  # all anew: a taker may have been found already, by another of its names
            sights.bindings = _pairs(stage, [*ids, *takers])
        sights.matches.adopted.update(_back(stage, sights, takers))
    _look_at_targets(stage, news, sights)
    if stage.target.capabilities.remote and stage.target.capabilities.buries:
        sights.graves = graves.load(stage.connection, stage.stream(direction.source), ids)
    if stage.unheard:
        _look_at_unheard(stage, news, sights)
    if direction.mapping.entity == "order" and direction.source == "crm" and not stage.target.capabilities.gates_credit:
        sights.credit = _look_at_credit(stage, news, sights)
    return sights


def _pairs(stage: Stage, ids: Sequence[str]) -> dict[str, Binding]:
    """The pairs of these ids, without what a changed file has made unknown, where a trial is to see it so."""
    found = bindings.load(stage.connection, stage.stream(stage.direction.source), ids)
    for pair in found.values() if stage.unknown else ():
        pair.forget_units(stage.unknown)
    return found


def _remember_merges(stage: Stage, reads: Sequence[Read]) -> None:
    """A merge that a person was asked about stays one, though the source has forgotten it by now."""
    gone = {read.id: read for read in reads if read.record.deleted and not read.record.merged_into}
    for key, item in worklist.load(stage.connection, stage.direction.lane, list(gone)).items() if gone else ():
        winner = orjson.loads(item.detail).get("winner") if item.detail and item.reason == "ambiguous" else None
        if winner:
            gone[key].record = replace(gone[key].record, merged_into=winner)


def _is_news(direction: Direction, read: Read, sights: Sights) -> bool:
    binding = sights.bindings.get(read.id)
    return binding is None or binding.seen(direction.source).hash != read.hash or read.forced or bool(binding.gone)


# --- references ---------------------------------------------------------------------------------------------------


def _look_at_references(stage: Stage, news: Sequence[Read], sights: Sights) -> None:
    side = stage.direction.source
    if not stage.direction.writes:
        return  # nothing crosses
    if same_as := stage.direction.spec.same_as:
        stream = stage.ports.stream(same_as, side)
        pairs = bindings.bound_across(stage.connection, stream, [read.id for read in news])  # never an alias's own
        sights.references.update({(same_as, key): target for key, target in pairs.items()})
    for entity, ids in references_of(stage.direction, news).items():
        across = ids_across(stage, entity, ids)
        if side == "erp" and any(read.forced for read in news):  # the CRM may have merged it away a moment ago
            merged = _merged_away(stage, entity, across)
            sights.missing.update({(entity, key): why for key, why in merged.items()})
            across = {key: other for key, other in across.items() if key not in merged}
        sights.references.update({(entity, key): target for key, target in across.items()})
        missing = sorted(ids - across.keys())
        if missing and entity in stage.ports.mappings:
            _explain_missing(stage, entity, missing, sights=sights)


def ids_across(stage: Stage, entity: str, ids: AbstractSet[str]) -> dict[str, str]:
    """The target's ids of what is referred to. Who went over to another record of the CRM, and lives again, is not that
    one any more: what refers to it waits until people have said what it is. So does what names the loser of a merge,
    or its twin, while they are asked which of two stays.
    """
    stream, mapping = stage.ports.stream(entity, stage.direction.source), stage.ports.mappings.get(entity)
    across = bindings.bound_across(stage.connection, stream, sorted(ids))
    former = bindings.translate_ids(stage.connection, stream, sorted(ids - across.keys()))
    if former and stream.side == "crm" and mapping:
        shown = stage.source.fetch(mapping.selection("crm"), sorted(former))
        for record in shown:
            if not record.deleted:
                former.pop(record.id, None)
    asked = worklist.merges(stage.connection, Lane(mapping.name, "crm")).keys() if mapping else set()
    return {key: other for key, other in (across | former).items() if asked.isdisjoint((key, other))}


def _merged_away(stage: Stage, entity: str, across: Mapping[str, str]) -> dict[str, Fault]:
    """Of records of the ERP, by their twins in the CRM: those on which the CRM shows nothing any more, and why."""
    mapping = stage.ports.mappings.get(entity)
    shown = stage.target.fetch(mapping.selection("crm"), sorted(set(across.values()))) if mapping and across else []
    winners = {record.id: record.merged_into for record in shown if record.merged_into}
    remedy = f"nothing to do: it follows when {entity} is synchronised; if both are in the ERP, people are asked first"
    return {
        key: Fault(f"{entity} {key}", f"was {other} in the CRM, which was merged into {winners[other]}", remedy)
        for key, other in across.items()
        if other in winners
    }


def look_at_refused(stage: Stage, refused: Sequence[Decision]) -> None:
    """What the CRM refuses because it has merged an account away a moment ago follows when that is settled. Where it
    cannot be asked just now what it said stands: the other answers of the page are not to be lost.
    """
    named: dict[str, dict[str, str]] = {}
    for one in refused:
        for (entity, key), other in _twins_of(stage.direction, one).items():
            named.setdefault(entity, {})[key] = other
    merged: dict[Reference, Fault] = {}
    with suppress(Unavailable):
        for entity, across in named.items():
            merged.update({(entity, key): why for key, why in _merged_away(stage, entity, across).items()})
    for one in refused if merged else ():
        behind = (place for place in _twins_of(stage.direction, one) if place in merged)
        one.until = next(((place, merged[place]) for place in behind), one.until)


def look_at_doubted(stage: Stage, decisions: Sequence[Decision]) -> dict[str, str]:
    """Who would be born though they were to take over a pair, and nobody heard whether they did: heir → loser."""
    entity, lane = stage.direction.mapping.entity, stage.direction.lane
    born = [f"{entity} {one.read.id}" for one in decisions if one.outcome == "created"]
    doubted = worklist.waiting_for(stage.connection, born, reasons=["in_doubt"]) if born else []
    items = worklist.load(stage.connection, lane, [key for at, key in doubted if at == lane])
    heirs = {str(item.waits_for).partition(" ")[2]: key for key, item in items.items()}
    return {heir: loser for heir, loser in heirs.items() if heir != loser}


def _twins_of(direction: Direction, decision: Decision) -> dict[Reference, str]:
    """A record of the ERP, and what it refers to in what was to be written: each with its id in the CRM."""
    pair, form = decision.binding, decision.read.form
    found = {(direction.mapping.entity, decision.read.id): pair.crm.id} if pair and pair.id else {}
    for row in direction.mapping.references:
        if not row.in_lines and row.row in decision.units and decision.target_form.get(row.row):
            found[row.refers_to, form[row.row]] = decision.target_form[row.row]
    return found


def _explain_missing(stage: Stage, entity: str, ids: list[str], *, sights: Sights) -> None:
    """Why a reference cannot cross: on the worklist itself, deleted, outside the filter, or simply not read yet."""
    mapping, side = stage.ports.mappings[entity], stage.direction.source
    told = sights.missing
    listed = worklist.load(stage.connection, Lane(mapping.name, side), ids)
    if side == "erp":  # its twin is the loser of a merge that is asked about
        twins = bindings.translate_ids(stage.connection, stage.ports.stream(entity, side), ids)
        asked = worklist.load(stage.connection, Lane(mapping.name, "crm"), list(twins.values()))
        listed |= {key: asked[twin] for key, twin in twins.items() if twin in asked}
    for key, item in listed.items():
        what = f"is itself on the worklist ({item.reason}): {item.fault.what}"
        told[(entity, key)] = Fault(f"{entity} {key}", what, item.fault.remedy)
    rest = [key for key in ids if (entity, key) not in told][:EXPLAINED_MOST]
    fetched = {record.id: record for record in stage.source.fetch(mapping.selection(side), rest)}
    for key in rest:
        told[(entity, key)] = _why_missing(mapping, side, key=key, record=fetched.get(key))
        if key not in fetched or fetched[key].deleted:
            sights.lost.add((entity, key))


def _why_missing(mapping: CompiledMapping, side: Side, *, key: str, record: Record | None) -> Fault:
    where, system = f"{mapping.entity} {key}", side.upper()
    if record is None or record.deleted:
        merged = f" (merged into {record.merged_into})" if record and record.merged_into else ""
        return Fault(where, f"is deleted in the {system}{merged}", "restore it, or refer to another record")
    term = mapping.inside(side, record)
    if term is not None:
        what = f"is outside the filter of {mapping.name}: {tell_term(term)}"
        return Fault(where, what, f"change {term.field} in the {system}, or the filter in {mapping.name}.yaml")
    return Fault(where, "was not read yet", f"nothing to do: it follows when {mapping.name} has been synchronised")


def _look_at_merges(stage: Stage, news: Iterable[Read], sights: Sights) -> None:
    """Who of those that records named before, and name no more, was merged into another: nobody edited these, and
    where the target refuses to take them along they wait.
    """
    for entity, ids in _renamed(stage.direction, news, sights).items():
        looked_at, fresh = set(ids), ids
        while fresh:  # a winner may have lost a merge itself
            fresh = _look_at_winners(stage, entity, sorted(fresh), sights=sights) - looked_at
            looked_at |= fresh
        if entity in stage.ports.mappings and stage.direction.source == "crm":
            _explain_merging(stage, entity, sights)


def _look_at_winners(stage: Stage, entity: str, ids: list[str], *, sights: Sights) -> set[str]:
    """Into whom these were merged, as far as anybody knows by now."""
    side, ports = stage.direction.source, stage.ports
    heirs = bindings.heirs(stage.connection, ports.stream(entity, side), ids)
    sights.heirs.update({(entity, key): heir for key, heir in heirs.items()})
    merging: dict[str, str] = {}
    if entity in ports.mappings:
        mapping, unknown = ports.mappings[entity], [key for key in ids if key not in heirs]
        shown = stage.source.fetch(mapping.selection(side), unknown)  # it may have been merged since it was read
        merging.update({one.id: one.merged_into for one in shown if one.merged_into})
        items = worklist.load(stage.connection, Lane(mapping.name, side), unknown)
        asked = ((key, orjson.loads(item.detail)) for key, item in items.items() if item.detail)
        merging.update({key: told["winner"] for key, told in asked if "winner" in told})
        sights.merging.update({(entity, key): winner for key, winner in merging.items()})
    return {*heirs.values(), *merging.values()}


def _explain_merging(stage: Stage, entity: str, sights: Sights) -> None:
    """Why what went over with a merge may be refused yet: both have a record in the ERP, so people are asked."""
    stream, mapping = stage.ports.stream(entity, "crm"), stage.ports.mappings[entity]
    losers = {key: winner for (of, key), winner in sights.merging.items() if of == entity}
    pairs = bindings.load(stage.connection, stream, sorted({*losers, *losers.values()}))
    for key, winner in losers.items():
        mine = pairs.get(key)
        other = next((pairs[one] for one in sights.winners((entity, key), sights.merging) if one in pairs), None)
        if mine and other and mine.id != other.id and mine.left("crm") != "deleted":
            what = f"was merged into {winner}, and both have a record in the ERP"
            remedy = f"nothing to do: it follows when {mapping.name} is synchronised, and it is decided which one stays"
            sights.missing[(entity, key)] = Fault(f"{entity} {key}", what, remedy)


def _look_at_asked(stage: Stage, news: Iterable[Read], sights: Sights) -> None:
    """Of whose twins people are asked after a merge: nothing can be shown on these, nor asked of them."""
    twins = {pair.crm.id: read.id for read in news if (pair := sights.bindings.get(read.id))}
    mapping = stage.direction.mapping
    for key, item in worklist.load(stage.connection, Lane(mapping.name, "crm"), list(twins)).items():
        if item.reason == "ambiguous" and "winner" in orjson.loads(item.detail or "{}"):
            what = f"its record in the CRM is on the worklist ({item.reason}): {item.fault.what}"
            sights.asked[twins[key]] = Fault(f"{mapping.entity} {twins[key]}", what, item.fault.remedy)


def _renamed(direction: Direction, news: Iterable[Read], sights: Sights) -> dict[str, set[str]]:
    """By entity: the ids in references that are not what they were."""
    found: dict[str, set[str]] = {}
    told = direction.kept | direction.given if direction.source == "crm" else direction.kept
    rows = [row for row in direction.mapping.references if not row.in_lines and row.row in told]
    for read in news if rows else ():
        binding = sights.bindings.get(read.id)
        before = orjson.loads(binding.seen(direction.source).form) if binding else {}
        for row in rows:
            ids = [str(key) for key in (before.get(row.row), read.form.get(row.row)) if key]
            if len(set(ids)) == 2:
                found.setdefault(row.refers_to, set()).update(ids)
    return found


# --- matches ------------------------------------------------------------------------------------------------------


def _look_for_matches(stage: Stage, unbound: Sequence[Read]) -> Matches:
    """Candidates of the target for each rule, and which of them are bound already."""
    direction = stage.direction
    matches = Matches(rules=direction.spec.match)
    found: dict[tuple[int, tuple[str, ...]], set[str]] = {}
    for index, fields in enumerate(direction.mapping.match_fields[direction.target]):
        keys = dict.fromkeys(key for read in unbound if (key := read.keys[index]))
        if not keys:
            continue
        for candidate in stage.target.find(direction.target_stream, fields, list(keys)):
            key = tuple(match_text(value or "") for value in candidate.values)
            if key in keys:
                found.setdefault((index, key), set()).add(candidate.id)
    every = sorted(set().union(*found.values())) if found else []
    taken = bindings.bound_across(stage.connection, stage.stream(direction.target), every)
    own = _keys_of(stage, matches, sorted({key for (index, _), ids in found.items() if index for key in ids}))
    matches.hits = {
        place: [Hit(key, taken.get(key), own.get(key, ())) for key in sorted(ids)] for place, ids in found.items()
    }
    return matches


def _back(stage: Stage, sights: Sights, takers: Sequence[str]) -> dict[str, str]:
    """The target's ids of those that were deleted and are back, but not through: they are listed; nobody takes over."""
    side = stage.direction.source
    left = {key: pair for key in takers if (pair := sights.bindings.get(key)) and pair.left(side) == "deleted"}
    listed = worklist.load(stage.connection, stage.direction.lane, list(left))
    return {left[key].seen(stage.direction.target).id: key for key in listed}


def _keys_of(stage: Stage, matches: Matches, ids: Sequence[str]) -> dict[str, Keys]:
    """All keys of candidates that a weaker rule found: a stronger one may say that they are somebody else."""
    mapping, target = stage.direction.mapping, stage.direction.target
    records = stage.target.fetch(mapping.selection(target), ids) if ids else []
    return {record.id: matches.keys(mapping.to_entity(target, record).form) for record in records}


# --- targets ------------------------------------------------------------------------------------------------------


def _look_at_targets(stage: Stage, news: Iterable[Read], sights: Sights) -> None:
    """Present forms of the targets: of bound pairs that share a row, and of records about to be adopted."""
    direction = stage.direction
    wanted = set()
    for read in news:
        binding = sights.bindings.get(read.id)
        if binding is not None and direction.shared:
            wanted.add(binding.seen(direction.target).id)
        elif binding is None and (found := sights.matches.find(read.keys)):
            wanted.update(hit.id for hit in found[2] if hit.taken_by is None)
    if not wanted:
        return
    selection = direction.mapping.selection(direction.target)
    for record in stage.target.fetch(selection, sorted(wanted)):
        form = direction.mapping.to_entity(direction.target, record).form
        sights.targets[record.id] = (record.version, form)
        sights.editors[record.id] = editor_of(record)


def _look_at_unheard(stage: Stage, news: Iterable[Read], sights: Sights) -> None:
    """Which of our own writes that nobody heard of show by now, or may: on the records and on their targets."""
    source, target = stage.direction.source, stage.direction.target
    for read in news:
        binding = sights.bindings.get(read.id)
        if binding is None or binding.seen(source).id != read.id:
            continue
        here = stage.unheard.get((source, read.id), ())
        sights.late[read.id], sights.landed[read.id] = units_of(here), shown_of(here, read.form)
        sights.heard[read.id] = acknowledge(binding, source, here, present=read.form)
        across = binding.seen(target).id
        there = stage.unheard.get((target, across), ())
        if not _is_somebodys_end(sights, across):
            sights.unheard[read.id] = frozenset(entry.verb for entry in there)
        acknowledge(binding, target, there, present=sights.targets.get(across, ("", {}))[1])


def _is_somebodys_end(sights: Sights, target_id: str) -> bool:
    """Whether people cancelled a target: who changed a cancelled document last did that. Other edits say nothing."""
    form = sights.targets.get(target_id, ("", {}))[1]
    return form.get("status") == "cancelled" and sights.editors[target_id][0] is not None


def _look_at_credit(stage: Stage, news: Iterable[Read], sights: Sights) -> Credit:
    """How the customers of these orders stand now, as the ERP tells it."""
    ports = stage.ports
    customers = {str(read.form.get("customer")) for read in news}
    across = {sights.references[("customer", key)]: key for key in customers if ("customer", key) in sights.references}
    standings = {}
    if mapping := ports.mappings.get("credit_status"):
        for record in stage.target.fetch(mapping.selection("erp"), sorted(across)):
            standings[across[record.id]] = mapping.to_entity("erp", record).form
    greatest = timedelta(minutes=ports.limits.credit_age_minutes)
    return Credit(standings, ports.clock.now(), greatest)
