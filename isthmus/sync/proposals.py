"""Going live on two filled systems: pairs that the match rules propose, and pairs that a person has confirmed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from isthmus.db import reading, writing
from isthmus.kernel.errors import Fault, Misconfigured, Unavailable
from isthmus.kernel.records import Fields, Record
from isthmus.kernel.units import Side
from isthmus.mapping.compile import CompiledMapping
from isthmus.state import bindings, leases, progress, runs, worklist
from isthmus.state.bindings import Binding, Lane, Sight
from isthmus.state.progress import Due
from isthmus.state.runs import Entry, PageFacts, Run
from isthmus.sync.commit import wake_same
from isthmus.sync.decision import Direction, Read, Sights, translate
from isthmus.sync.look import look
from isthmus.sync.match import Hit, Rule
from isthmus.sync.ports import Ports, Stage

FETCHED = 500  # ids of one request


@dataclass(frozen=True, slots=True)
class Proposal:
    """A source record and an existing record of the target that a rule holds for the same. ``note``: why to look."""

    source_id: str
    source_name: str
    rule: str
    target_id: str
    target_name: str
    note: str = ""


@dataclass(slots=True)
class Proposals:
    """What the rules found in all unbound records of the source."""

    direction: Direction
    pairs: list[Proposal] = field(default_factory=list)
    read: int = 0
    bound: int = 0
    unmatched: int = 0
    invalid: int = 0
    filtered: int = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that a person says are the same. ``where`` is the place that says so."""

    source_id: str
    target_id: str
    where: str


def direction_of(ports: Ports, mapping: CompiledMapping) -> Direction:
    """The way in which this mapping creates records: its source is matched against its target.

    Raises Misconfigured for a mapping without rules: its records are never guessed.
    """
    name = mapping.name
    if not mapping.spec.match:
        what = "has no match rules, so nothing is proposed"
        raise Misconfigured(f"mapping {name}", what, f"write `match` in {name}.yaml, or let a sync create the records")
    if not mapping.spec.creates:
        raise Misconfigured(f"mapping {name}", "creates no records", f"write `creates` in {name}.yaml")
    return ports.direction(mapping, "crm" if "erp" in mapping.spec.creates else "erp")


# --- proposing ----------------------------------------------------------------------------------------------------


def propose(ports: Ports, mapping: CompiledMapping) -> Proposals:
    """Reads all records of the source that may be born and finds what fits them in the target. Nothing is stored."""
    direction = direction_of(ports, mapping)
    found = Proposals(direction)
    source, selection = ports.system(direction.source), mapping.selection(direction.source)
    with reading(ports.engine) as connection:
        stage = Stage(ports, direction, connection)
        for page in source.read(selection, None, timedelta()):
            _propose_page(stage, [translate(direction, record) for record in page.records], found)
    found.pairs = _warn_of_rivals(direction, found.pairs)
    return found


def _propose_page(stage: Stage, reads: Sequence[Read], found: Proposals) -> None:
    sights = look(stage, reads)
    hits: dict[str, tuple[Rule, list[Hit]]] = {}
    for read in reads:
        found.read += 1
        if read.id in sights.bindings:
            found.bound += 1
        elif not read.is_inside:
            found.filtered += 1
        elif read.faults:
            found.invalid += 1
        elif match := sights.matches.find(read.keys):
            hits[read.id] = (match[0], match[2])
        else:
            found.unmatched += 1
    names = _target_names(stage, sights, [hit.id for _, every in hits.values() for hit in every])
    for read in reads:
        if read.id in hits:
            rule, candidates = hits[read.id]
            found.pairs.extend(_pairs(stage.direction, read, rule=rule, candidates=candidates, names=names))


def _pairs(
    direction: Direction, read: Read, *, rule: Rule, candidates: Sequence[Hit], names: Mapping[str, str]
) -> Iterable[Proposal]:
    """One proposal for each candidate; more than one, or one that is taken, is for a person to untangle."""
    for hit in candidates:
        note = ""
        if hit.taken_by is not None:
            note = f"is bound to {direction.source.upper()} {hit.taken_by} already"
        elif len(candidates) > 1:
            note = f"ambiguous: fits {len(candidates)} records of the {direction.target.upper()}"
        yield Proposal(read.id, name_of(read.form), " + ".join(rule), hit.id, names.get(hit.id, ""), note)


def _target_names(stage: Stage, sights: Sights, ids: Sequence[str]) -> dict[str, str]:
    """Names of the candidates; `look` has fetched most of them already."""
    names = {key: name_of(form) for key, (_, form) in sights.targets.items()}
    missing = sorted(set(ids) - names.keys())
    target, mapping = stage.direction.target, stage.direction.mapping
    for record in _fetch(stage.ports, stage.direction, target, ids=missing).values():
        names[record.id] = name_of(mapping.to_entity(target, record).form)
    return names


def name_of(form: Fields) -> str:
    """What a person knows a record by."""
    return next((str(form[name]) for name in ("name", "number", "customer_reference") if form.get(name)), "")


def _warn_of_rivals(direction: Direction, pairs: Sequence[Proposal]) -> list[Proposal]:
    """Two records of the source that fit the same record of the target: at most one of them is right."""
    wanted: dict[str, set[str]] = {}
    for one in pairs:
        wanted.setdefault(one.target_id, set()).add(one.source_id)
    told = []
    for one in pairs:
        rivals = sorted(wanted[one.target_id] - {one.source_id})
        if rivals and not one.note:
            note = f"ambiguous: {direction.source.upper()} {', '.join(rivals)} fits the same record"
            told.append(replace(one, note=note))
        else:
            told.append(one)
    return told


# --- binding ------------------------------------------------------------------------------------------------------


def bind(ports: Ports, mapping: CompiledMapping, pairs: Sequence[Pair], *, who: str) -> int:
    """Binds exactly these pairs, all or none, and makes them due: the next run merges each as the mapping says.

    A new pair has no base, so the owner's value of each row counts. Returns how many were bound; pairs that are bound
    to each other already are passed over. Raises Misconfigured with everything that is wrong with the pairs, and
    Unavailable while a run of the mapping holds the lease.
    """
    direction = direction_of(ports, mapping)
    faults = [*_doubled(pairs), *_missing(ports, direction, pairs)]
    held = leases.take(ports.engine, mapping.name)
    if isinstance(held, leases.Taken):
        what = f"a run holds the lease ({held.holder}, until {held.expires_at})"
        raise Unavailable(f"mapping {mapping.name}", what, "try again when it is done")
    try:
        return _bind(ports, direction, pairs, who=who, held=held, faults=faults)
    finally:
        leases.release(ports.engine, held)


def _bind(
    ports: Ports, direction: Direction, pairs: Sequence[Pair], *, who: str, held: leases.Lease, faults: list[Fault]
) -> int:
    with writing(ports.engine) as connection:
        leases.confirm(connection, held)
        stage = Stage(ports, direction, connection)
        fresh, taken = _split(stage, pairs)
        faults += taken
        if faults:
            raise Misconfigured(faults[0].where, faults[0].what, faults[0].remedy, faults=tuple(faults))
        if fresh:
            bound = [_binding(direction, pair) for pair in fresh]
            bindings.insert(connection, bound)
            wake_same(stage, bound, ports.now())
            _make_due(stage, fresh, who)
            _record(stage, fresh, who=who, held=held)
    return len(fresh)


def _binding(direction: Direction, pair: Pair) -> Binding:
    """Neither side has shown anything yet: whatever the next run reads is news."""
    return direction.new_binding(Sight(direction.source_org, pair.source_id, "", b"", "{}"), pair.target_id)


def _make_due(stage: Stage, pairs: Sequence[Pair], who: str) -> None:
    """Both sides are read again, and so is whatever waited for these records."""
    direction, now = stage.direction, stage.ports.now()
    why = f"{who} confirmed the pair"
    name, entity = direction.mapping.name, direction.mapping.entity
    ids: dict[Side, list[str]] = {
        direction.source: [pair.source_id for pair in pairs],
        direction.target: [pair.target_id for pair in pairs],
    }
    for side, keys in ids.items():
        progress.add_due(stage.connection, Lane(name, side), [Due(key, why, now) for key in keys])
    waiting = worklist.waiting_for(stage.connection, [f"{entity} {key}" for keys in ids.values() for key in keys])
    for lane, key in waiting:
        progress.add_due(stage.connection, lane, [Due(key, f"the {entity} it waited for is bound", now)])


def _record(stage: Stage, pairs: Sequence[Pair], *, who: str, held: leases.Lease) -> None:
    """The audit: one link of the mapping's chain, one entry a pair."""
    ports, mapping, now = stage.ports, stage.direction.mapping, stage.ports.now()
    new = Run(
        0, mapping.name, who, "match",
        mapping_hash=mapping.hash, program=ports.program, token=held.token, started_at=now,
    )  # fmt: skip
    run = runs.begin_run(stage.connection, new)
    entries = [
        Entry(one.source_id, one.target_id, "rebound", "", {"bound_by": who, "said": one.where}) for one in pairs
    ]
    facts = PageFacts(stage.direction.source, len(pairs), {}, {}, None, entries)
    runs.add_page(stage.connection, run, facts, entity=mapping.entity, now=now)
    report = json.dumps({"mapping": mapping.name, "run": run.id, "bound": len(pairs)})
    runs.end_run(stage.connection, run.id, ended_at=now, status="done", report=report)


# --- what may be wrong with confirmed pairs -----------------------------------------------------------------------


def _doubled(pairs: Sequence[Pair]) -> Iterable[Fault]:
    sources: dict[str, str] = {}
    targets: dict[str, str] = {}
    for pair in pairs:
        for key, seen in ((pair.source_id, sources), (pair.target_id, targets)):
            if key in seen:
                yield Fault(pair.where, f"{key} is confirmed twice, first in {seen[key]}", "confirm one of them")
            seen.setdefault(key, pair.where)


def _missing(ports: Ports, direction: Direction, pairs: Sequence[Pair]) -> Iterable[Fault]:
    ids = {direction.source: [pair.source_id for pair in pairs], direction.target: [pair.target_id for pair in pairs]}
    there = {side: _fetch(ports, direction, side, ids=keys) for side, keys in ids.items()}
    for pair in pairs:
        for side, key in ((direction.source, pair.source_id), (direction.target, pair.target_id)):
            record = there[side].get(key)
            if record is None or record.deleted:
                what = f"{direction.mapping.entity} {key} is not in the {side.upper()}"
                yield Fault(pair.where, what, "correct the id, or take the confirmation away")


def _fetch(ports: Ports, direction: Direction, side: Side, *, ids: Sequence[str]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    selection = direction.mapping.selection(side)
    for start in range(0, len(ids), FETCHED):
        batch = list(dict.fromkeys(ids[start : start + FETCHED]))
        found.update((record.id, record) for record in ports.system(side).fetch(selection, batch))
    return found


def _split(stage: Stage, pairs: Sequence[Pair]) -> tuple[list[Pair], list[Fault]]:
    """Pairs that are not bound yet, and faults for those of which one half belongs to another record."""
    direction = stage.direction
    across = {
        side: bindings.translate_ids(stage.connection, stage.stream(side), ids)
        for side, ids in (
            (direction.source, [pair.source_id for pair in pairs]),
            (direction.target, [pair.target_id for pair in pairs]),
        )
    }
    fresh, faults = [], []
    for pair in pairs:
        there, back = across[direction.source].get(pair.source_id), across[direction.target].get(pair.target_id)
        if there is None and back is None:
            fresh.append(pair)
        elif there != pair.target_id:
            faults.append(_taken(pair, pair.source_id if there else pair.target_id, there or str(back)))
    return fresh, faults


def _taken(pair: Pair, key: str, other: str) -> Fault:
    return Fault(pair.where, f"{key} is bound to {other} already", "take the confirmation away, or merge the records")
