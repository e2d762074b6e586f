"""``isthmus audit erase``: a person leaves our state and the built-in ERP, in one transaction, sealed in the audit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus import __version__
from isthmus.cli.call import Call, command, one_of
from isthmus.cli.deciding import decider
from isthmus.kernel.errors import Refused, Unavailable
from isthmus.settings import BUILTIN, require

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from isthmus.mapping.spec import MappingSpec
    from isthmus.state.erasing import Erased, Kind, Order, Person
    from isthmus.state.leases import Lease

PERSON = "customer"  # the entity that people are


def erase(
    call: Call,
    entity: Annotated[str, typer.Argument(help="customer: the entity that people are.")],
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Ids in either system, or numbers in the ERP.")],
    *,
    why: Annotated[str, typer.Option("--why", help="The reason, without personal words; it is kept.")],
) -> None:
    """Erase a person for good: from our state, the audit's values and the built-in ERP. Numbers and amounts stay.

    Example: isthmus audit erase customer 001xx0000000001 --why "request of 2026-11-20, Art. 17 GDPR"
    """
    from isthmus.app import open_database
    from isthmus.kernel.clock import SystemClock, format_stamp
    from isthmus.mapping.load import load_mappings
    from isthmus.state.erasing import Order

    one_of("ENTITY", entity, (PERSON,))
    order = Order(decider(call), why.strip(), format_stamp(SystemClock().now()), __version__)
    specs = load_mappings(call.settings.mappings)
    engine = open_database(call.settings)
    work = _Work(call, engine, specs, order)
    try:
        with _alone(engine, specs) as work.held:
            for one in ids:
                work.erase(one)
    finally:
        shredded = bool(work.erased) and _shred(engine)
        engine.dispose()
        call.told["erased"] = work.told()
    call.finish({"shredded": shredded}, lambda: work.tell(shredded=shredded))


def kinds_of(specs: Sequence[MappingSpec]) -> list[Kind]:
    """Which mappings carry the person, or what refers to the person."""
    from isthmus.state.erasing import Kind

    kinds = []
    for spec in specs:
        is_born = "erp" in spec.creates
        if PERSON in (spec.entity, spec.same_as):
            kinds.append(Kind(spec.name, spec.entity, is_born_in_crm=is_born, is_person=True))
            continue
        rows = [row for row in spec.rows if row.refers_to == PERSON]
        fields: dict[Any, tuple[str, ...]] = {
            side: tuple(name for row in rows if (source := row.source(side)) for name in source.fields)
            for side in ("crm", "erp")
        }
        if rows:
            kinds.append(Kind(spec.name, spec.entity, is_born, rows=tuple(row.name for row in rows), fields=fields))
    return kinds


@dataclass(slots=True)
class _Work:
    """People being erased, each in a transaction of its own, under the leases of all mappings."""

    call: Call
    engine: Engine
    specs: Sequence[MappingSpec]
    order: Order
    held: Sequence[Lease] = ()
    erased: dict[str, Erased] = field(default_factory=dict)

    @property
    def is_own(self) -> bool:
        """Whether the ERP is in our database."""
        return self.call.settings.erp == BUILTIN

    def erase(self, record_id: str) -> None:
        """One person. An attempt that is refused is kept as well."""
        from isthmus.db import writing
        from isthmus.state import decisions
        from isthmus.state.decisions import Decided

        order = self.order
        try:
            require(self.call.settings, order.who, "erase")
            if not order.why:
                raise Refused("a reason", "is missing", "say why; it is kept in the audit")
            self.erased[record_id] = self._erase(record_id)
        except Refused as error:
            asked = Decided(order.now, order.who, "erase", record=f"{PERSON} {record_id}", why=order.why)
            with writing(self.engine) as connection:
                decisions.add(connection, replace(asked, outcome="refused", told=str(error)))
            raise

    def _erase(self, record_id: str) -> Erased:
        from isthmus.db import writing
        from isthmus.erp.erasing import GUARDED
        from isthmus.state import erasing, guards, leases, traces

        with writing(self.engine) as connection:
            for one in self.held:
                leases.confirm(connection, one)
            person = self._find(connection, record_id)
            texts = erasing.texts_of(connection, person)
            with guards.lifted(connection, [*erasing.GUARDED, *(GUARDED if self.is_own else ())]):
                changed = self._empty_erp(connection, person, texts) if self.is_own else None
                kinds = kinds_of(self.specs)
                erasing.gather(connection, person, kinds)
                erased = erasing.erase(connection, person, kinds, order=self.order, changed=changed)
                traces.sweep(connection, texts)
        return erased

    def _find(self, connection: Connection, record_id: str) -> Person:
        """Raises Refused for an id that nothing here knows."""
        from isthmus.state import erasing
        from isthmus.state.erasing import Person

        found = erasing.find(connection, PERSON, record_id)
        if found is None and self.is_own and (erp_id := _erp_id(connection, record_id)):
            found = erasing.find(connection, PERSON, erp_id) or Person(PERSON, {"crm": set(), "erp": {erp_id}})
        if found is None and erasing.is_told(connection, PERSON, record_id):
            found = Person(PERSON, {"crm": {record_id}, "erp": set()})
        if found is None:
            remedy = "check the id; what was never synchronised is only in the CRM"
            raise Refused(f"{PERSON} {record_id}", "is not known here", remedy)
        return found

    def _empty_erp(self, connection: Connection, person: Person, texts: set[str]) -> dict[str, list[str]]:
        """Adds what the ERP knows of the person to the person and the texts. The documents that it changed."""
        from isthmus.erp.desk import sit_down
        from isthmus.erp.erasing import erase_customers
        from isthmus.kernel.clock import SystemClock

        entities = {spec.erp.stream: spec.entity for spec in self.specs if not spec.same_as}
        desk = sit_down(connection, by=self.order.who, clock=SystemClock(), time_zone=self.call.settings.time_zone)
        emptied = erase_customers(desk, sorted(int(one) for one in person.ids["erp"] if one.isdigit()))
        texts |= emptied.texts
        for stream, ids in emptied.documents.items():
            for one in ids:
                person.add(entities.get(stream, stream), "erp", str(one))
        return {entities.get(stream, stream): [str(one) for one in ids] for stream, ids in emptied.changed.items()}

    # --- what was done --------------------------------------------------------------------------------------------

    def told(self) -> list[dict[str, Any]]:
        return [
            {"id": one, "entries": what.entries, "records": what.records,
             "still_in_crm": [{"entity": entity, "id": key} for entity, key in what.listed]}
            for one, what in self.erased.items()
        ]  # fmt: skip

    def tell(self, *, shredded: bool) -> None:
        line = self.call.screen.line
        for one, what in self.erased.items():
            line(f"{one}: {what.records} records are closed for good, {what.entries} audit entries emptied and sealed")
            if what.listed:
                named = ", ".join(f"{entity} {key}" for entity, key in what.listed[:5])
                more = f" and {len(what.listed) - 5} more" if len(what.listed) > 5 else ""
                line(f"    delete or anonymise {named}{more} in the CRM; the worklist asks for it", style="yellow")
        if not self.is_own:
            line(f"the ERP is {self.call.settings.erp}: erase there as well", style="yellow")
        left = "" if shredded else "what was overwritten leaves the files with VACUUM (PostgreSQL: VACUUM FULL); "
        line(f"{left}backups keep it until they expire")


def _erp_id(connection: Connection, number: str) -> str | None:
    from sqlalchemy import select

    from isthmus.erp.parties import Customer

    found = connection.execute(select(Customer.id).where(Customer.number == number.upper())).scalar()
    return None if found is None else str(found)


@contextmanager
def _alone(engine: Engine, specs: Sequence[MappingSpec]) -> Iterator[list[Lease]]:
    """No mapping runs meanwhile. Raises Unavailable when one does."""
    from isthmus.state import leases

    held: list[Lease] = []
    try:
        for spec in specs:
            one = leases.take(engine, spec.name)
            if isinstance(one, leases.Taken):
                raise Unavailable(f"mapping {spec.name}", "is running", "try again when it is done")
            held.append(one)
        yield held
    finally:
        for one in held:
            leases.release(engine, one)


def _shred(engine: Engine) -> bool:
    """SQLite leaves what was deleted in free space until the file is written anew; False where that is not done."""
    if engine.dialect.name != "sqlite":
        return False
    raw = engine.raw_connection()
    try:
        for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            raw.cursor().execute(statement)
    except sqlite3.OperationalError:  # somebody reads, or the disk is full: it can be done later
        return False
    finally:
        raw.close()
    return True


def register(app: typer.Typer) -> None:
    command(app, audited=True)(erase)
