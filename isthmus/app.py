"""The composition root: the only place that knows every room. The CLI, the DAGs and the simulation start here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Engine, inspect

from isthmus import __version__
from isthmus.connect.protocol import Connector
from isthmus.connect.registry import connect
from isthmus.db import engine_for, reading, require_current, upgrade
from isthmus.kernel.clock import Clock, SystemClock
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import Misconfigured
from isthmus.kernel.units import SIDES
from isthmus.mapping.compile import CompiledMapping, compile_mapping, named
from isthmus.mapping.load import load_mappings
from isthmus.settings import BUILTIN, Settings
from isthmus.settings import connection as connection_from
from isthmus.state import mappings as remembered
from isthmus.state import progress, runs, tie_outs, worklist
from isthmus.state.tie_outs import Past
from isthmus.state.worklist import Item
from isthmus.sync.decision import Decision, Direction
from isthmus.sync.ports import Ports
from isthmus.sync.preflight import preflight, reads_all
from isthmus.sync.report import Report
from isthmus.sync.run import Order, run_mapping

if TYPE_CHECKING:
    from isthmus.reconcile.erasing import Eraser
    from isthmus.reconcile.resolve import Office
    from isthmus.reconcile.run import Asked, TieOut
    from isthmus.sync.explain import Story

#: What the DAGs and the CLI take from here, so that they need not know the rooms below.
__all__ = ["Order", "Report", "Standing", "Workshop", "is_empty", "open_database", "open_workshop", "standings"]

PASSES_MOST = 4  # how often `sync` goes on when one mapping made records of another due


@dataclass(slots=True)
class Workshop:
    """Both systems, the store and the mappings, opened. Close it when done."""

    settings: Settings
    engine: Engine
    ports: Ports

    def mapping(self, name: str) -> CompiledMapping:
        """A mapping by its name. Raises Misconfigured for an unknown one."""
        return named(self.ports.mappings.values(), name)

    def names(self) -> list[str]:
        """All mappings, in the order in which their entities refer to each other."""
        return [mapping.name for mapping in self.ports.mappings.values()]

    def preflight(self, name: str) -> None:
        """Everything that must hold before a run. Raises Misconfigured."""
        preflight(self.ports, self.mapping(name))

    def sync(self, name: str, order: Order) -> Report:
        """One run of one mapping."""
        return run_mapping(self.ports, self.mapping(name), order)

    def sync_all(self, names: Sequence[str], order: Order) -> Iterable[Report]:
        """Runs mappings in reference order, and again those for which records became due meanwhile."""
        wanted = [name for name in self.names() if name in names]
        for _ in range(PASSES_MOST):
            before, touched = self.due_counts(), set()
            for name in wanted:
                report = self.sync(name, order)
                yield report
                if report.moved:  # an order accepts its quote in the ERP: what it refers to may have moved as well
                    touched.update(self.referred_to(name))
            after = self.due_counts()
            touched.update(name for name in after if after != before)
            wanted = [name for name in self.names() if name in names and name in touched]
            order = Order(order.who, on_page=order.on_page)
            if not wanted:
                return

    def referred_to(self, name: str) -> set[str]:
        """The mappings of the entities that a mapping's records refer to."""
        entities = self.mapping(name).spec.references()
        return {self.ports.mappings[entity].name for entity in entities if entity in self.ports.mappings}

    def due_counts(self) -> dict[str, int]:
        """Mapping → how many records are due, on either side."""
        with reading(self.engine) as connection:
            counts: dict[str, int] = {}
            for (name, _), number in progress.count_due(connection).items():
                counts[name] = counts.get(name, 0) + number
            return counts

    def worklist_counts(self) -> dict[str, dict[str, int]]:
        """Mapping → reason → how many are not through and were not dismissed, in reference order."""
        with reading(self.engine) as connection:
            counts = worklist.count(connection)
        return {
            name: {reason: number for (of, reason), number in counts.items() if of == name} for name in self.names()
        }

    def plan(self, name: str, *, full: bool, ids: tuple[str, ...] = ()) -> Iterable[tuple[Direction, list[Decision]]]:
        """What a sync would do, page by page."""
        from isthmus.sync.impact import plan_mapping

        mapping = self.mapping(name)
        return plan_mapping(self.ports, mapping, full=full or reads_all(self.ports, mapping), ids=ids)

    def explain(self, entity: str, record_id: str) -> Story:
        """The life of one record. Raises Misconfigured for an entity that nothing maps."""
        from isthmus.sync.explain import explain

        known = ", ".join(self.ports.mappings)
        if entity not in self.ports.mappings:
            raise Misconfigured(f"entity {entity}", "no mapping carries it", f"use one of {known}")
        return explain(self.ports, self.ports.mappings[entity], record_id)

    def reconcile(self, kind: Asked, who: str, *, repair: bool = True) -> TieOut:
        """Compares both systems and makes due what can be repaired."""
        from isthmus.reconcile.run import reconcile  # a quiet day's run compares nothing

        return reconcile(self.ports, kind, who, repair=repair, time_zone=self.settings.time_zone)

    # --- decisions of people --------------------------------------------------------------------------------------

    @property
    def office(self) -> Office:
        """Where people decide; what each decision means is said there."""
        from isthmus.reconcile.resolve import Office

        ports = self.ports
        return Office(self.settings, self.engine, ports.clock, {"crm": ports.crm, "erp": ports.erp}, ports.mappings)

    def accept(self, name: str, who: str, why: str) -> str | None:
        """Lets a changed mapping change as much as it will. Returns its hash; None: it takes a second person.

        Where a limit in money is set, what counts is what the documents come to that would change.
        """
        from isthmus.reconcile.question import add_up
        from isthmus.reconcile.question import worth as worth_of
        from isthmus.sync.impact import changed

        mapping = self.mapping(name)

        def worth() -> list[tuple[int, str]]:
            sums: list[tuple[int, str]] = []
            seen: set[int | None] = set()  # pairs: one that changes on both sides counts once
            for _, decisions in changed(self.ports, mapping):
                pairs = {one.binding.id: one.read.form for one in decisions if one.binding}
                sums = add_up([*sums, *worth_of(form for pair, form in pairs.items() if pair not in seen)])
                seen.update(pairs)
            return sums

        return self.office.accept(name, who, why, worth=worth)

    def worklist(self, name: str | None = None) -> list[Item]:
        """What is not through, oldest first."""
        with reading(self.engine) as connection:
            return worklist.load_all(connection, name)

    # --- state of affairs -----------------------------------------------------------------------------------------

    def status(self) -> list[Standing]:
        """Where each mapping stands."""
        return standings(self.engine, self.ports.mappings.values())

    def close(self) -> None:
        self.ports.crm.close()
        self.ports.erp.close()
        self.engine.dispose()


@dataclass(frozen=True, slots=True)
class Standing:
    """One mapping: its last run, when each side was read last, what is open, what is due, who paused it."""

    mapping: str
    last: runs.Run | None
    read_at: Mapping[str, str | None]
    worklist: Mapping[str, int]
    due: int
    paused: str | None


class _Named(Protocol):
    """A mapping as far as its state is concerned: as it is in the file, or compiled."""

    @property
    def name(self) -> str: ...

    @property
    def entity(self) -> str: ...


def standings(engine: Engine, mappings: Iterable[_Named]) -> list[Standing]:
    """Where each mapping stands, by the state alone: neither system is opened."""
    found = []
    with reading(engine) as connection:
        open_items, due = worklist.count(connection), progress.count_due(connection)
        for mapping in mappings:
            known = remembered.load(connection, mapping.name, mapping.entity)
            last = runs.recent_runs(connection, mapping.name)
            marks = progress.load_watermarks(connection, mapping.name)
            found.append(
                Standing(
                    mapping.name,
                    last[0] if last else None,
                    {side: marks[side].moved_at if side in marks else None for side in SIDES},
                    {reason: number for (name, reason), number in open_items.items() if name == mapping.name},
                    sum(due.get((mapping.name, side), 0) for side in SIDES),
                    f"by {known.paused_by}: {known.paused_why}" if known.paused_at else None,
                )
            )
    return found


def last_tie_outs(engine: Engine) -> dict[str, Past]:
    """The latest tie-out of each kind that was ever made."""
    with reading(engine) as connection:
        found = {kind: tie_outs.history(connection, kind, 1) for kind in ("totals", "receivables", "credit")}
    return {kind: past[0] for kind, past in found.items() if past}


def held_back_since(engine: Engine) -> str | None:
    """Since when an open transaction keeps from us what is done in the built-in ERP; None if none does."""
    if engine.dialect.name != "postgresql":  # on SQLite writers wait for each other
        return None
    from isthmus.erp.reading import oldest_unseen

    return oldest_unseen(engine)


# --- opening ------------------------------------------------------------------------------------------------------


def open_workshop(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    connections: Mapping[str, Connection] | None = None,
    clock: Clock | None = None,
    prepare: bool = True,
) -> Workshop:
    """Opens both systems as ``isthmus.yaml`` names them. Nothing is sent to a remote system yet.

    ``connections`` (from Airflow) win over the environment. ``prepare`` brings an empty database to the present
    schema; one that has older tables asks for `isthmus db upgrade`. Raises Misconfigured.
    """
    clock = clock or SystemClock()

    def named(name: str) -> Connection:
        return (connections or {}).get(name) or connection_from(settings, name, environ)

    # What is only read comes first: a wrong file or connection leaves not even empty tables behind.
    specs = load_mappings(settings.mappings)
    crm: Connector = connect(named(settings.crm), clock=clock)
    remote = None if settings.erp == BUILTIN else connect(named(settings.erp), clock=clock)
    engine = open_database(settings, prepare=prepare)
    erp = remote or connect(
        Connection(BUILTIN, "builtin_erp"), engine=engine, clock=clock, time_zone=settings.time_zone
    )
    compiled = [
        compile_mapping(
            spec,
            crm_numbers=crm.capabilities.numbers,
            erp_numbers=erp.capabilities.numbers,
            time_zone=settings.time_zone,
        )
        for spec in specs
    ]
    ports = Ports(
        engine, crm, erp, clock, {mapping.entity: mapping for mapping in compiled}, settings.limits, __version__
    )
    return Workshop(settings, engine, ports)


def open_eraser(settings: Settings) -> Eraser:
    """What erases people. It opens neither system: only the state, and the ERP that is in the same database."""
    from isthmus.erp.erasing import Books
    from isthmus.reconcile.erasing import Eraser

    specs, clock = load_mappings(settings.mappings), SystemClock()
    books = Books(clock, settings.time_zone) if settings.erp == BUILTIN else None
    return Eraser(settings, open_database(settings), specs, clock, __version__, books)


def open_database(settings: Settings, *, prepare: bool = True) -> Engine:
    """The database of state and built-in ERP, with the tables that this program needs. Raises Misconfigured."""
    engine = engine_for(settings.database)
    try:
        _require_tables(engine, prepare=prepare)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _require_tables(engine: Engine, *, prepare: bool) -> None:
    """Looks whether the database is empty only when its tables are not the present ones: they nearly always are."""
    try:
        require_current(engine)
    except Misconfigured:
        if not prepare or not is_empty(engine):
            raise
        upgrade(engine)


def is_empty(engine: Engine) -> bool:
    """Whether the database has none of our tables. Raises Unavailable when it cannot be reached."""
    with reading(engine) as connection:
        names = inspect(connection).get_table_names()
    return not any(name.startswith(("erp_", "state_")) for name in names)
