"""A person is erased by a decision: from the state, the audit's values and the ERP in the same database, at once.

Each person goes in a transaction of its own, while no mapping runs. What goes is said by the rooms that hold it
(`isthmus.state.erasing`, and the ERP behind `Books`); who may, in which order and what is kept of it is said here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sqlalchemy import Connection, Engine

from isthmus.db import writing
from isthmus.kernel.clock import Clock, format_stamp
from isthmus.kernel.errors import Refused, Unavailable
from isthmus.kernel.units import SIDES
from isthmus.mapping.spec import MappingSpec
from isthmus.settings import Settings, require
from isthmus.state import decisions, erasing, guards, leases, traces
from isthmus.state.decisions import Decided
from isthmus.state.erasing import Erased, Kind, Order, Person
from isthmus.state.leases import Lease

PERSON = "customer"  # the entity that people are


class Emptied(Protocol):
    """What an ERP found of a person: ids by stream, those of which something was taken, and texts that point to it."""

    @property
    def documents(self) -> Mapping[str, Sequence[int]]: ...

    @property
    def changed(self) -> Mapping[str, Sequence[int]]: ...

    @property
    def texts(self) -> set[str]: ...


class Books(Protocol):
    """An ERP in our own database, as far as a person leaves it."""

    @property
    def guarded(self) -> Sequence[str]:
        """The tables whose guards are to be lifted."""
        ...

    def customer_id(self, connection: Connection, number: str) -> str | None:
        """The customer of a number, if there is one."""
        ...

    def erase(self, connection: Connection, ids: set[str], by: str) -> Emptied:
        """Takes everything personal from these customers. Raises Refused while anything is open."""
        ...


@dataclass(frozen=True, slots=True)
class Eraser:
    """The store, the mappings, and the ERP where it is in the same database."""

    settings: Settings
    engine: Engine
    specs: Sequence[MappingSpec]
    clock: Clock
    program: str
    books: Books | None

    def erase(self, ids: Sequence[str], who: str, why: str) -> Iterator[tuple[str, Erased]]:
        """Erases one person after the other, and tells each as soon as it is done.

        Raises Refused for who may not, who is owed and who is unknown, which is kept; Unavailable while a mapping runs.
        """
        order = Order(who, why.strip(), format_stamp(self.clock.now()), self.program)
        with _alone(self.engine, self.specs) as held:
            for one in ids:
                try:
                    erased = self._erase(one, order, held)
                except Refused as error:
                    self._keep_refusal(one, order, error)
                    raise
                yield one, erased

    def shred(self) -> bool:
        """SQLite leaves what was deleted in free space until the file is written anew; False where that is not done."""
        if self.engine.dialect.name != "sqlite":
            return False
        raw = self.engine.raw_connection()
        try:
            for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                raw.cursor().execute(statement)
        except sqlite3.OperationalError:  # somebody reads, or the disk is full: it can be done later
            return False
        finally:
            raw.close()
        return True

    def close(self) -> None:
        self.engine.dispose()

    def _erase(self, record_id: str, order: Order, held: Sequence[Lease]) -> Erased:
        require(self.settings, order.who, "erase")
        if not order.why:
            raise Refused("a reason", "is missing", "say why; it is kept in the audit")
        with writing(self.engine) as connection:
            for one in held:
                leases.confirm(connection, one)
            person = self._find(connection, record_id)
            texts = erasing.texts_of(connection, person)
            with guards.lifted(connection, [*erasing.GUARDED, *(self.books.guarded if self.books else ())]):
                changed = self._empty_books(connection, person, texts, by=order.who)
                kinds = kinds_of(self.specs)
                erasing.gather(connection, person, kinds)
                erased = erasing.erase(connection, person, kinds, order=order, changed=changed)
                traces.sweep(connection, texts)
        return erased

    def _keep_refusal(self, record_id: str, order: Order, error: Refused) -> None:
        asked = Decided(order.now, order.who, "erase", record=f"{PERSON} {record_id}", why=order.why)
        with writing(self.engine) as connection:
            decisions.add(connection, replace(asked, outcome="refused", told=str(error)))

    def _find(self, connection: Connection, record_id: str) -> Person:
        """Raises Refused for an id that nothing here knows."""
        found = erasing.find(connection, PERSON, record_id)
        if found is None and self.books and (erp_id := self.books.customer_id(connection, record_id)):
            found = erasing.find(connection, PERSON, erp_id) or Person(PERSON, {"crm": set(), "erp": {erp_id}})
        if found is None and erasing.is_told(connection, PERSON, record_id):
            found = Person(PERSON, {"crm": {record_id}, "erp": set()})
        if found is None:
            remedy = "check the id; what was never synchronised is only in the CRM"
            raise Refused(f"{PERSON} {record_id}", "is not known here", remedy)
        return found

    def _empty_books(
        self, connection: Connection, person: Person, texts: set[str], *, by: str
    ) -> dict[str, list[str]] | None:
        """Adds what the ERP knows of the person to the person and the texts. The documents that changed, by entity."""
        if self.books is None:
            return None
        entities = {spec.erp.stream: spec.entity for spec in self.specs if not spec.same_as}
        emptied = self.books.erase(connection, person.ids["erp"], by)
        texts |= emptied.texts
        for stream, ids in emptied.documents.items():
            for one in ids:
                person.add(entities.get(stream, stream), "erp", str(one))
        return {entities.get(stream, stream): [str(one) for one in ids] for stream, ids in emptied.changed.items()}


def kinds_of(specs: Sequence[MappingSpec]) -> list[Kind]:
    """Which mappings carry the person, or what refers to the person."""
    kinds = []
    for spec in specs:
        is_born = "erp" in spec.creates
        if PERSON in (spec.entity, spec.same_as):
            kinds.append(Kind(spec.name, spec.entity, is_born_in_crm=is_born, is_person=True))
            continue
        rows = [row for row in spec.rows if row.refers_to == PERSON]
        fields: dict[Any, tuple[str, ...]] = {
            side: tuple(name for row in rows if (source := row.source(side)) for name in source.fields)
            for side in SIDES
        }
        if rows:
            kinds.append(Kind(spec.name, spec.entity, is_born, rows=tuple(row.name for row in rows), fields=fields))
    return kinds


@contextmanager
def _alone(engine: Engine, specs: Sequence[MappingSpec]) -> Iterator[list[Lease]]:
    """No mapping runs meanwhile. Raises Unavailable when one does."""
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
