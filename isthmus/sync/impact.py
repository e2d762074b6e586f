"""What a run would do, without doing it: sync without apply, by the same code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from isthmus.db import reading
from isthmus.kernel.errors import Unavailable
from isthmus.kernel.units import SIDES, Side
from isthmus.mapping.compile import CompiledMapping
from isthmus.state import bindings, mappings, progress, worklist
from isthmus.state.leases import Lease
from isthmus.state.progress import Due
from isthmus.state.runs import Run
from isthmus.sync.asked import as_written, on_side
from isthmus.sync.decision import Decision, Direction
from isthmus.sync.leg import Leg
from isthmus.sync.ports import Ports


@dataclass(frozen=True, slots=True)
class Impact:
    """How much of what is bound a run would change."""

    bound: int
    changed: int
    posted: int


def plan_mapping(
    ports: Ports, mapping: CompiledMapping, *, full: bool, ids: tuple[str, ...] = ()
) -> Iterator[tuple[Direction, list[Decision]]]:
    """Page by page what a run would decide, in both directions. Nothing is stored and no lease is needed.

    Raises Unavailable when a page had fewer records than it said: a run would tell of it, and read all again.
    """
    ids = tuple(as_written(ports, mapping, ids))
    owed: dict[Side, dict[str, Due]] = {side: {} for side in SIDES}
    written: dict[str, frozenset[str]] = {}  # by the ERP's id: what of it the way there puts right by itself
    legs = {
        side: Leg(ports, ports.direction(mapping, side), _nobody(mapping), Lease(mapping.name, 0)) for side in SIDES
    }
    for side, leg in legs.items():
        for decisions in _plan_side(leg, full=full, ids=ids, owed=owed[side]) if leg.direction.has_work else ():
            owed[leg.direction.target].update((one.id, one) for one in _undone(leg.direction, decisions, written))
            if side == "crm":
                written.update((one.change.id, one.units) for one in decisions if one.change and one.change.id)
            yield leg.direction, decisions
    if asked := list(owed["crm"].values()):  # by the way back: the run goes on with them, or the next one does
        with reading(ports.engine) as connection:
            yield legs["crm"].direction, legs["crm"].plan(legs["crm"].fetch(asked), asked, connection)


def _undone(
    direction: Direction, decisions: Sequence[Decision], written: Mapping[str, frozenset[str]]
) -> Iterator[Due]:
    """Records of the target that a run would plan as well: to undo an edit, or as they are to be looked at."""
    for one in decisions:
        edited = {each.unit for each in one.overruled} - written.get(one.read.id, frozenset())
        if one.binding is not None and (edited or one.asks_back):
            why = one.asks_back or f"{', '.join(sorted(edited))} is to be put right"
            yield Due(one.binding.seen(direction.target).id, why, "", force=True)


def _plan_side(leg: Leg, *, full: bool, ids: tuple[str, ...], owed: dict[str, Due]) -> Iterator[list[Decision]]:
    ports, direction = leg.ports, leg.direction
    source, selection = ports.system(direction.source), direction.mapping.selection(direction.source)
    with reading(ports.engine) as connection:
        leg.unknown = mappings.unknown_units(connection, direction.mapping)
        dues = (
            [Due(key, "asked for", "") for key in on_side(leg, ids)]
            if ids
            else progress.load_due(connection, direction.lane)
        )
        asked = {due.id: due for due in dues} | owed
        if dues := list(asked.values()):
            yield leg.plan(leg.fetch(dues), dues, connection)
        if ids:
            return
        mark = progress.load_watermark(connection, direction.lane)
        since = None if full or mark is None else mark.position
        missing = set(bindings.all_ids(connection, ports.stream(direction.mapping.entity, direction.source)))
        missing = missing.union(worklist.ids(connection, direction.lane)) - asked.keys()
        for page in source.read(selection, since, timedelta(minutes=ports.limits.overlap_minutes)):
            if page.read != len(page.records):
                where = f"{direction.mapping.name} of the {direction.source.upper()}"
                raise Unavailable(where, "a page had fewer records than it said", "nothing was changed: try again")
            missing.difference_update(record.id for record in page.records)
            yield [one for one in leg.plan(page, (), connection) if one.read.id not in asked]  # it is through by then
        if full and missing:  # a run would look at them one by one: deleted, or outside a filter that was changed
            dues = [Due(key, "it is not among all records", "") for key in sorted(missing)]
            yield leg.plan(leg.fetch(dues), dues, connection)


def changed(ports: Ports, mapping: CompiledMapping) -> Iterator[tuple[Direction, list[Decision]]]:
    """Page by page what a full run of a changed mapping would do to the records that are bound."""
    for direction, decisions in plan_mapping(ports, mapping, full=True):
        yield direction, [one for one in decisions if one.change and one.binding and one.binding.id]


def measure(ports: Ports, mapping: CompiledMapping) -> Impact:
    """How much that is."""
    pairs: set[int | None] = set()  # one that changes on both sides, or is due and read as well, counts once
    posted: set[tuple[Side, str]] = set()
    for direction, known in changed(ports, mapping):
        pairs.update(one.binding.id for one in known if one.binding)
        target = ports.system(direction.target)
        ids = [one.change.id for one in known if one.change and one.change.id]
        posted.update((direction.target, key) for key in target.posted(direction.target_stream, ids))
    with reading(ports.engine) as connection:
        return Impact(bindings.count(connection, mapping.entity), len(pairs), len(posted))


def _nobody(mapping: CompiledMapping) -> Run:
    return Run(0, mapping.name, "", "plan", mapping.hash, "", 0, "")
