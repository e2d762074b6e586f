"""Reading one side whole, page by page, into the scratch tables; and reading single records again."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection

from isthmus.db import reading
from isthmus.kernel.errors import Fault
from isthmus.kernel.records import Fields, Record, collector_at_rest
from isthmus.kernel.selection import Selection
from isthmus.kernel.units import SIDES, Side
from isthmus.reconcile import scratch
from isthmus.reconcile.ports import Ports
from isthmus.reconcile.shape import Known, Shape
from isthmus.state import bindings, progress

AT_ONCE = timedelta(0)
Crossing = Callable[[Fields], Fields]


@dataclass(frozen=True, slots=True)
class Look:
    """A record as it is now. ``form`` has the side's own ids, ``crossed`` those of the ERP."""

    record: Record
    form: Fields
    crossed: Fields
    faults: Sequence[Fault]
    is_inside: bool

    @property
    def is_live(self) -> bool:
        return not self.record.deleted


@dataclass(frozen=True, slots=True)
class Moved:
    """Ids that moved since the last run, by side. Of a side that was never read to its end, everything did."""

    ids: Mapping[Side, frozenset[str]]

    def has(self, side: Side, record_id: str) -> bool:
        return side not in self.ids or record_id in self.ids[side]


@dataclass(frozen=True, slots=True)
class Readers:
    """What reads an entity: the systems, and the shape of what is compared."""

    ports: Ports
    shape: Shape

    def read_into(self, connection: Connection, side: Side, selection: Selection | None = None) -> int:
        """Reads all records that are inside the filter into the scratch table; how many they are."""
        mapping, system, number = self.shape.mapping, self.ports.system(side), 0
        with collector_at_rest():
            for page in system.read(selection or mapping.selection(side), None, AT_ONCE):
                live = [one for one in page.records if not one.deleted and mapping.inside(side, one) is None]
                with connection.begin():
                    scratch.put(connection, side, self._rows(connection, side, live))
                number += len(live)
                gc.collect(0)
        return number

    def _rows(self, connection: Connection, side: Side, records: Sequence[Record]) -> list[tuple[object, ...]]:
        looks = self._looks(connection, side, records)
        stream = self.ports.stream(self.shape.entity, side)
        ids = [record.id for record in records]
        pairs = scratch.pairs_of(connection, stream, ids)
        same_as, parties = self.shape.mapping.spec.same_as, dict[str, str]()
        if same_as:  # of those that are no customer nothing is shown anywhere
            parties = self._parties(connection, side, ids, same_as=same_as)
            looks = [one for one in looks if one.record.id in pairs or (side == "erp" and one.record.id in parties)]
        return [self._row(side, one, pairs.get(one.record.id), party=parties.get(one.record.id)) for one in looks]

    def _parties(self, connection: Connection, side: Side, ids: Sequence[str], *, same_as: str) -> dict[str, str]:
        """Of records that another entity's pair shares: id → the ERP's id of that pair."""
        across = bindings.translate_ids(connection, self.ports.stream(same_as, side), ids)
        return across if side == "crm" else {key: key for key in across}

    def _row(self, side: Side, look: Look, pair: int | None, *, party: str | None) -> tuple[object, ...]:
        shape, crossed = self.shape, look.crossed
        shown, cell = shape.shown(crossed), shape.cell(side, crossed)
        twin = 0 if side in shape.births() else shape.twin_print(shown, side)  # only copies can be copied twice
        if party is None and shape.party:
            party = crossed.get(shape.party)
        return (
            pair, look.record.id, look.record.version, shape.print(shown), twin,
            int(bool(look.faults)), cell.currency, cell.month, cell.amount_minor, party, shape.open_minor(crossed),
        )  # fmt: skip

    def _looks(self, connection: Connection, side: Side, records: Iterable[Record]) -> list[Look]:
        found: list[Look] = []
        for record in records:
            if record.deleted:
                found.append(Look(record, {}, {}, (), is_inside=False))
                continue
            translated = self.shape.mapping.to_entity(side, record)
            is_inside = self.shape.mapping.inside(side, record) is None
            found.append(Look(record, translated.form, translated.form, translated.faults, is_inside))
        cross = self._crossing(connection, side, found)
        return [replace(one, crossed=cross(one.form)) for one in found] if cross else found

    def _crossing(self, connection: Connection, side: Side, looks: Iterable[Look]) -> Crossing | None:
        """How forms of a side come to the ERP's ids; None where they have them already."""
        if side == "crm":
            return partial(self.shape.cross, known=self._known(connection, looks))
        entities = {one.refers_to for one in self.shape.mapping.references}
        merged = {
            (entity, key): stays
            for entity in entities
            for key, stays in scratch.aliases_of(connection, self.ports.stream(entity, "erp")).items()
        }
        return partial(self.shape.rename, merged=merged) if merged else None

    def _known(self, connection: Connection, looks: Iterable[Look]) -> Known:
        """How the references of these CRM records cross: one query an entity."""
        wanted: dict[str, set[str]] = {}
        for look in looks:
            for entity, key in self.shape.references_of(look.form):
                wanted.setdefault(entity, set()).add(key)
        known: dict[tuple[str, str], str] = {}
        for entity, ids in wanted.items():
            across = bindings.translate_ids(connection, self.ports.stream(entity, "crm"), sorted(ids))
            known.update({(entity, key): target for key, target in across.items()})
        return known

    def fetch(self, side: Side, ids: Sequence[str]) -> dict[str, Look]:
        """These records as they are now, whatever the filter says; what is not there is left out."""
        selection = self.shape.mapping.selection(side)
        records = self.ports.system(side).fetch(selection, ids) if ids else []
        with reading(self.ports.engine) as connection:
            return {look.record.id: look for look in self._looks(connection, side, records)}

    def moved(self) -> Moved:
        """What the next run of the mapping would read because it moved since the last one."""
        with reading(self.ports.engine) as connection:
            marks = progress.load_watermarks(connection, self.shape.mapping.name)
        known = {side: since for side in SIDES if side in marks and (since := marks[side].position)}
        return Moved({side: self._moved(side, since) for side, since in known.items()})

    def _moved(self, side: Side, since: str) -> frozenset[str]:
        own = self.shape.mapping.selection(side)
        lean = Selection(own.stream, own.fields[:1], own.lines, (), own.moved_by)
        pages = self.ports.system(side).read(lean, since, AT_ONCE)
        return frozenset(record.id for page in pages for record in page.records)
