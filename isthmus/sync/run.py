"""A run: one mapping under one lease, CRM→ERP first, then ERP→CRM; at the end it adds up or it fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqlalchemy import Connection

from isthmus.connect.protocol import Note
from isthmus.db import reading, writing
from isthmus.kernel.errors import IsthmusError
from isthmus.kernel.records import Page, collector_at_rest
from isthmus.kernel.units import SIDES
from isthmus.mapping.compile import CompiledMapping
from isthmus.state import bindings, chain, leases, mappings, progress, runs, worklist
from isthmus.state.progress import Due
from isthmus.state.runs import Run
from isthmus.sync.asked import as_written, on_side
from isthmus.sync.decision import Direction, Read, translate
from isthmus.sync.doubts import settle
from isthmus.sync.leg import Leg
from isthmus.sync.look import ids_across
from isthmus.sync.marks import fell_back, next_mark
from isthmus.sync.ports import Ports, Stage
from isthmus.sync.preflight import Clearance, preflight
from isthmus.sync.report import Report, report_of

DUE_BATCH = 500
PIECE = 50  # records that are translated without a pause: about a millisecond
DRAINS_MOST = 8  # a chain of customers, each the parent of the next, goes through in this many steps at most a run

Progress = Callable[[str, str, int], None]  # mapping, direction, records passed so far
Wishes = tuple[str | None, str | None]  # why this run was to read everything, and why the next one is to


@dataclass(frozen=True, slots=True)
class Order:
    """How a run was asked for. ``ids`` are CRM ids: only these are fetched and passed."""

    who: str
    full: bool = False
    ids: Sequence[str] = ()
    on_page: Progress = field(default=lambda _mapping, _direction, _passed: None)


def run_mapping(ports: Ports, mapping: CompiledMapping, order: Order) -> Report:
    """Runs one mapping. The report says whether it adds up, or that another run holds the lease.

    Raises Misconfigured before any effect, Unavailable and Broken with the watermark kept.
    """
    held = leases.take(ports.engine, mapping.name)
    if isinstance(held, leases.Taken):
        return Report(mapping.name, skipped=f"another run holds the lease ({held.holder}, until {held.expires_at})")
    try:
        with ports.keep(ports.engine, held), collector_at_rest():
            return _run(ports, mapping, order, held=held)
    finally:
        leases.release(ports.engine, held)


def _run(ports: Ports, mapping: CompiledMapping, order: Order, *, held: leases.Lease) -> Report:
    clearance = preflight(ports, mapping, full=order.full)
    if clearance.skip:
        return Report(mapping.name, skipped=clearance.skip)
    order = replace(order, ids=as_written(ports, mapping, order.ids))
    run = _begin(ports, mapping, order, held=held, clearance=clearance)
    anew: str | None = None
    try:
        for side in SIDES:
            leg = Leg(ports, ports.direction(mapping, side), run, held)
            if leg.direction.has_work:
                _travel(leg, order, clearance)
                anew = anew or leg.anew
        return _finish(ports, mapping, order, run=run, held=held, wishes=(clearance.full, anew))
    except IsthmusError as error:
        _end(ports, run, status="stopped", error=str(error))
        raise
    except BaseException:
        _end(ports, run, status="stopped", error="interrupted")
        raise


def _finish(
    ports: Ports, mapping: CompiledMapping, order: Order, *, run: Run, held: leases.Lease, wishes: Wishes
) -> Report:
    """The run ends, and says where the chain stands: unless another run has taken over, whose chain it is by now."""
    granted, anew = wishes
    with writing(ports.engine) as connection:
        leases.confirm(connection, held)
        report = report_of(run, runs.add_up(connection, run.id))
        told = json.dumps({**report.as_json(), "chain": chain.head(connection, mapping.name)})
        if not report.adds_up:
            mappings.store(connection, mapping.name, mapping.entity, full_wanted=f"run {run.id} did not add up")
        elif not order.ids:
            wanted = mappings.load(connection, mapping.name, mapping.entity).full_wanted
            wanted = anew or (None if wanted == granted else wanted)  # a person may have said so while it ran
            mappings.store(connection, mapping.name, mapping.entity, hash=mapping.hash, full_wanted=wanted)
        status = "done" if report.adds_up else "stopped"
        runs.end_run(connection, run.id, ended_at=ports.now(), status=status, report=told)
    return report


def _begin(ports: Ports, mapping: CompiledMapping, order: Order, *, held: leases.Lease, clearance: Clearance) -> Run:
    new = Run(
        0, mapping.name, order.who, "full" if clearance.full else "incremental",
        mapping_hash=mapping.hash, program=ports.program, token=held.token, started_at=ports.now(),
    )  # fmt: skip
    with writing(ports.engine) as connection:
        leases.confirm(connection, held)
        _forget(connection, mapping)
        return runs.begin_run(connection, new)


def _forget(connection: Connection, mapping: CompiledMapping) -> None:
    """What was seen by an earlier file is forgotten where another field is meant by now: what that shows is no edit of
    anybody, and the owner's value is not there yet. This is done before the first page, and once.
    """
    units = mappings.unknown_units(connection, mapping)
    if units:
        bindings.forget_units(connection, mapping.entity, units)
        progress.forget_units(connection, mapping.name, units)
    now = json.dumps(mapping.meanings)
    if mappings.load(connection, mapping.name, mapping.entity).units != now:
        mappings.store(connection, mapping.name, mapping.entity, units=now)


def _end(ports: Ports, run: Run, **what: str | None) -> None:
    with writing(ports.engine) as connection:
        runs.end_run(connection, run.id, ended_at=ports.now(), **what)


# --- one direction ------------------------------------------------------------------------------------------------


def _travel(leg: Leg, order: Order, clearance: Clearance) -> None:
    """Settle, what is due, what moved, what became due meanwhile; then tell the records.

    Before the read, and first of those that are asked for, only known records are passed: the read tells of merges, and
    the winner of one that is due would otherwise be born a second time.
    """
    settle(leg)
    _recall(leg)
    if order.ids:
        _make_due(leg, order)
    _drain(leg, order, bound_only=True)
    if not order.ids:
        _read(leg, order, clearance)
    _drain(leg, order)
    if leg.direction.source == "crm":
        _tell(leg)


def _recall(leg: Leg) -> None:
    """What waits for a record that is bound by now becomes due: another mapping bound it while this one was looking,
    and woke nobody, as nobody was listed yet.
    """
    lane = leg.direction.lane
    wanted: dict[str, dict[str, list[str]]] = {}
    with reading(leg.ports.engine) as connection:
        for key, entity, target in worklist.waiting(connection, lane):
            wanted.setdefault(entity, {}).setdefault(target, []).append(key)
        there: list[str] = []
        for entity in wanted.keys() & {row.refers_to for row in leg.direction.mapping.references}:
            ids = wanted[entity]
            bound = ids_across(Stage(leg.ports, leg.direction, connection), entity, ids.keys())
            there += [key for target in bound for key in ids[target]]
    if there:
        with writing(leg.ports.engine) as connection:
            leases.confirm(connection, leg.held)
            dues = [Due(key, "what it waited for is there", leg.ports.now()) for key in sorted(there)]
            progress.add_due(connection, lane, dues)


def _make_due(leg: Leg, order: Order) -> None:
    ids = on_side(leg, order.ids)
    with writing(leg.ports.engine) as connection:
        dues = [Due(key, f"asked for by {order.who}", leg.ports.now()) for key in ids]
        progress.add_due(connection, leg.direction.lane, dues)


def _drain(leg: Leg, order: Order, *, bound_only: bool = False) -> None:
    """Passes what is due until nothing new becomes due, or only what just failed again."""
    stream = leg.ports.stream(leg.direction.mapping.entity, leg.direction.source)
    tried: set[tuple[str, str]] = set()
    for _ in range(DRAINS_MOST):
        with reading(leg.ports.engine) as connection:
            dues = progress.load_due(connection, leg.direction.lane)
            if bound_only and dues:
                known = bindings.translate_ids(connection, stream, [due.id for due in dues])
                dues = [due for due in dues if due.id in known]
        fresh = [due for due in dues if (due.id, due.since) not in tried and due.id not in leg.later]
        if not fresh:
            return
        for start in range(0, len(fresh), DUE_BATCH):
            batch = fresh[start : start + DUE_BATCH]
            page = leg.fetch(batch)
            leg.pass_page(page, leg.translate(page, batch), batch)
            _say(leg, order)
        tried.update((due.id, due.since) for due in fresh)


def _read(leg: Leg, order: Order, clearance: Clearance) -> None:
    direction = leg.direction
    stream = leg.ports.stream(direction.mapping.entity, direction.source)
    with reading(leg.ports.engine) as connection:
        mark = progress.load_watermark(connection, direction.lane)
        known = set(bindings.all_ids(connection, stream)) if clearance.full else set()
        known.update(worklist.ids(connection, direction.lane) if clearance.full else ())
    since = None if clearance.full or mark is None else mark.resume or mark.position
    resumes = since is not None and mark is not None and since == mark.resume  # it ends with what was told long ago
    overlap = timedelta(minutes=leg.ports.limits.overlap_minutes)
    began = leg.ports.now()
    pages = leg.ports.system(direction.source).read(direction.mapping.selection(direction.source), since, overlap)
    for page, reads, is_last in _told_last(filter(None, leg.ports.ahead(_translated(direction, pages)))):
        known.difference_update(record.id for record in page.records)
        is_told = is_last and not resumes
        before, mark = mark, next_mark(mark, page, began=began, is_told=is_told) or mark
        if is_told and since is not None and mark and fell_back(before, mark, overlap):
            _want_anew(leg, f"the clock of the {leg.direction.source.upper()} was set back")
        if page.read != len(page.records):
            _want_anew(leg, f"a page of the {leg.direction.source.upper()} had fewer records than it said")
        leg.pass_page(page, reads, mark=mark)
        _say(leg, order)
    if known:
        _miss(leg, sorted(known))


def _told_last(pages: Iterable[tuple[Page, list[Read]]]) -> Iterator[tuple[Page, list[Read], bool]]:
    """Each page with whether it is the last: it alone says how far the source's clock has come."""
    before: tuple[Page, list[Read]] | None = None
    for one in pages:
        if before is not None:
            yield *before, False
        before = one
    if before is not None:
        yield *before, True


def _want_anew(leg: Leg, why: str) -> None:
    """Kept before the watermark moves: a run that stops behind it would leave nobody who knows."""
    leg.anew = why
    mapping = leg.direction.mapping
    with writing(leg.ports.engine) as connection:
        leases.confirm(connection, leg.held)
        mappings.store(connection, mapping.name, mapping.entity, full_wanted=leg.anew)


def _translated(direction: Direction, pages: Iterable[Page]) -> Iterator[tuple[Page, list[Read]] | None]:
    """Each page with its records as entities; None after each piece of it."""
    for page in pages:
        reads: list[Read] = []
        for start in range(0, len(page.records), PIECE):
            reads += [translate(direction, record) for record in page.records[start : start + PIECE]]
            yield None
        yield page, reads


def _miss(leg: Leg, ids: Sequence[str]) -> None:
    """Bound or listed, but not in a full read: deleted without a trace, or outside the filter. Each is looked at.

    All of them are looked at before the first is withdrawn: too many gone stop the run with nothing done.
    """
    dues = [Due(key, "it was not among all records of a full read", leg.ports.now()) for key in ids]
    for start in range(0, len(dues), DUE_BATCH):
        leg.foresee(dues[start : start + DUE_BATCH])
    with writing(leg.ports.engine) as connection:
        leases.confirm(connection, leg.held)
        progress.add_due(connection, leg.direction.lane, dues)


def _say(leg: Leg, order: Order) -> None:
    order.on_page(leg.direction.mapping.name, leg.direction.name, sum(leg.outcomes.values()))


# --- the reason on the record itself ------------------------------------------------------------------------------


def _tell(leg: Leg) -> None:
    """Shows on each CRM record why it is not through. What cannot be shown now is tried again by the next run."""
    crm, name = leg.ports.crm, leg.direction.mapping.name
    if not crm.capabilities.annotates:
        return
    stream = leg.direction.spec.crm.stream
    with reading(leg.ports.engine) as connection:
        notes = worklist.untold_notes(connection, name, 10_000)
    size = crm.capabilities.batch_size
    for start in range(0, len(notes), size):
        batch = notes[start : start + size]
        with writing(leg.ports.engine) as connection:  # who was succeeded shows nothing any more
            leases.confirm(connection, leg.held)
        faults = crm.annotate(stream, [Note(*note) for note in batch])
        told = [note for note, fault in zip(batch, faults, strict=True) if fault is None]
        with writing(leg.ports.engine) as connection:
            leases.confirm(connection, leg.held)
            worklist.notes_shown(connection, name, told)
