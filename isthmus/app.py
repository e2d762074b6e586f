"""The composition root: the only place that knows every room. The CLI, the DAGs and the simulation start here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson
from sqlalchemy import Engine, inspect

from isthmus import __version__
from isthmus.connect.protocol import Connector
from isthmus.connect.registry import connect
from isthmus.db import engine_for, reading, require_current, upgrade, writing
from isthmus.kernel.clock import Clock, SystemClock
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import Misconfigured, Refused
from isthmus.kernel.units import Side
from isthmus.mapping.compile import CompiledMapping, compile_mapping
from isthmus.mapping.load import load_mappings
from isthmus.settings import BUILTIN, Settings
from isthmus.settings import connection as connection_from
from isthmus.state import mappings as remembered
from isthmus.state import progress, runs, worklist
from isthmus.state.bindings import Lane
from isthmus.state.progress import Due
from isthmus.state.worklist import Item
from isthmus.sync.decision import Decision, Direction
from isthmus.sync.explain import Story, explain
from isthmus.sync.impact import plan_mapping
from isthmus.sync.ports import Ports
from isthmus.sync.preflight import preflight
from isthmus.sync.report import Report
from isthmus.sync.run import Order, run_mapping

#: What the DAGs and the CLI take from here, so that they need not know the rooms below.
__all__ = ["Order", "Report", "Standing", "Workshop", "is_empty", "open_database", "open_workshop", "standings"]

SIDES: tuple[Side, Side] = ("crm", "erp")
PASSES_MOST = 4  # how often `sync` goes on when one mapping made records of another due
RETRIED = ("waiting", "refused", "in_doubt", "ambiguous")  # what may become possible without an edit in the CRM


@dataclass(slots=True)
class Workshop:
    """Both systems, the store and the mappings, opened. Close it when done."""

    settings: Settings
    engine: Engine
    ports: Ports

    def mapping(self, name: str) -> CompiledMapping:
        """A mapping by its name. Raises Misconfigured for an unknown one."""
        for mapping in self.ports.mappings.values():
            if mapping.name == name:
                return mapping
        known = ", ".join(mapping.name for mapping in self.ports.mappings.values())
        raise Misconfigured(f"mapping {name}", "there is no such mapping", f"use one of {known}")

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

    def plan(self, name: str, *, full: bool, ids: tuple[str, ...] = ()) -> Iterable[tuple[Direction, list[Decision]]]:
        """What a sync would do, page by page."""
        mapping = self.mapping(name)
        with reading(self.engine) as connection:
            known = remembered.load(connection, mapping.name, mapping.entity)
        changed = known.hash is not None and known.hash != mapping.hash
        return plan_mapping(self.ports, mapping, full=full or changed, ids=ids)

    def explain(self, entity: str, record_id: str) -> Story:
        """The life of one record. Raises Misconfigured for an entity that nothing maps."""
        known = ", ".join(self.ports.mappings)
        if entity not in self.ports.mappings:
            raise Misconfigured(f"entity {entity}", "no mapping carries it", f"use one of {known}")
        return explain(self.ports, self.ports.mappings[entity], record_id)

    # --- decisions of people --------------------------------------------------------------------------------------

    def accept(self, name: str, who: str, why: str) -> str:
        """Lets the mapping as it is now change as much as it will. Returns its hash."""
        mapping = self.mapping(name)
        _need(why, "a reason")
        now = self.ports.now()
        with writing(self.engine) as connection:
            remembered.store(
                connection, mapping.name, mapping.entity, accepted_hash=mapping.hash, accepted_by=who,
                accepted_why=why, accepted_at=now, crm_print=None, erp_print=None,
            )  # fmt: skip
        return mapping.hash

    def pause(self, name: str, who: str, why: str) -> None:
        """Runs of the mapping are skipped until `resume`; nothing that waits is lost."""
        _need(why, "a reason")
        self._set_pause(name, paused_by=who, paused_why=why, paused_at=self.ports.now())

    def resume(self, name: str, who: str) -> None:
        self._set_pause(name, paused_by=None, paused_why=f"resumed by {who}", paused_at=None)

    def _set_pause(self, name: str, **what: str | None) -> None:
        mapping = self.mapping(name)
        with writing(self.engine) as connection:
            remembered.store(connection, mapping.name, mapping.entity, **what)

    def worklist(self, name: str | None = None) -> list[Item]:
        """What is not through, oldest first."""
        with reading(self.engine) as connection:
            return worklist.load_all(connection, name)

    def item(self, number: int) -> Item:
        """One item of the worklist. Raises Refused for an unknown number."""
        with reading(self.engine) as connection:
            item = worklist.find(connection, number)
        if item is None:
            raise Refused(f"worklist {number}", "there is no such item", "see `isthmus worklist show`")
        return item

    def retry(self, who: str, number: int | None = None) -> list[str]:
        """Makes items due: one, or all that may have become possible. Returns the mappings to be run."""
        items = [self.item(number)] if number is not None else [i for i in self.worklist() if i.reason in RETRIED]
        now = self.ports.now()
        with writing(self.engine) as connection:
            for item in items:
                due = Due(item.source_id, f"retried by {who}", now)
                progress.add_due(connection, _lane(item), [due])
        touched = {item.mapping for item in items}
        return [name for name in self.names() if name in touched]

    def resolve(self, number: int, take: Side, who: str) -> str:
        """Answers a conflict for both versions that were asked about. Returns the mapping to be run.

        If either side moves again before the next run, the question is asked anew.
        """
        item = self.item(number)
        asked = orjson.loads(item.detail) if item.detail else {}
        if item.reason != "conflict" or "values" not in asked:
            raise Refused(f"worklist {number}", f"{item.reason} is no choice between two values", item.fault.remedy)
        answer = {"take": dict.fromkeys(asked["values"], take), "versions": asked["versions"]}
        why = f"{who} took the value of the {take.upper()}"
        due = Due(item.source_id, why, self.ports.now(), resolution=orjson.dumps(answer).decode())
        with writing(self.engine) as connection:
            progress.add_due(connection, _lane(item), [due])
        return item.mapping

    def dismiss(self, number: int, who: str, why: str) -> None:
        """Hides an item until its record changes. Raises Refused without a reason."""
        _need(why, "a reason")
        self.item(number)
        with writing(self.engine) as connection:
            worklist.dismiss(connection, number, who=who, why=why)

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
            marks = {side: progress.load_watermark(connection, Lane(mapping.name, side)) for side in SIDES}
            found.append(
                Standing(
                    mapping.name,
                    last[0] if last else None,
                    {side: mark.moved_at if mark else None for side, mark in marks.items()},
                    {reason: number for (name, reason), number in open_items.items() if name == mapping.name},
                    sum(due.get((mapping.name, side), 0) for side in SIDES),
                    f"by {known.paused_by}: {known.paused_why}" if known.paused_at else None,
                )
            )
    return found


def _need(text: str, what: str) -> None:
    if not text.strip():
        raise Refused(what, "is missing", "say why; it is kept in the audit")


def _lane(item: Item) -> Lane:
    return Lane(item.mapping, "crm" if item.side == "crm" else "erp")


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


def open_database(settings: Settings, *, prepare: bool = True) -> Engine:
    """The database of state and built-in ERP, with the tables that this program needs. Raises Misconfigured."""
    engine = engine_for(settings.database)
    try:
        if prepare and is_empty(engine):
            upgrade(engine)
        require_current(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def is_empty(engine: Engine) -> bool:
    """Whether the database has none of our tables. Raises Unavailable when it cannot be reached."""
    with reading(engine) as connection:
        names = inspect(connection).get_table_names()
    return not any(name.startswith(("erp_", "state_")) for name in names)
