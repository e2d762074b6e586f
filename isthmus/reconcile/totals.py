"""Each system counts and adds up by itself: proof that the reading lost nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, func, select

from isthmus.connect.protocol import Measure
from isthmus.kernel.errors import Misconfigured, Refused
from isthmus.kernel.money import to_minor
from isthmus.kernel.units import SIDES, Side
from isthmus.reconcile.findings import Own
from isthmus.reconcile.ports import Ports
from isthmus.reconcile.scratch import TABLES
from isthmus.reconcile.shape import Shape

Counted = dict[str | None, tuple[int, int | None]]  # currency → count, minor units


@dataclass(frozen=True, slots=True)
class Meter:
    """Asks both systems for their own figures of an entity."""

    ports: Ports
    shape: Shape

    def ask(self, side: Side) -> Counted | None:
        """Counts and sums by currency. None where the system cannot tell: what is read is all there is."""
        currency = self._field(side, "currency")
        if self.shape.mapping.spec.same_as or (currency is None and self.shape.is_money):
            return None
        found: Counted = {}
        try:
            for sign, name in self.shape.terms_of[side] or ((1, ""),):
                amount = self._field(side, name) if name else None
                if name and amount is None:
                    return None
                where = self.shape.mapping.spec.system(side).where
                self._add(found, side, Measure(amount, currency if name else None, None, where), sign=sign)
        except (Refused, Misconfigured, AttributeError):
            return None
        return found

    def _add(self, found: Counted, side: Side, ask: Measure, *, sign: int) -> None:
        system, stream = self.ports.system(side), self.shape.mapping.spec.system(side).stream
        for group in system.measure(stream, ask):
            added = None if ask.amount is None else sign * _minor(group.sum, group.currency)
            before = found.get(group.currency)
            total = added if before is None or added is None else (before[1] or 0) + added
            found[group.currency] = (group.count, total)

    def _field(self, side: Side, path: str) -> str | None:
        """The one field that a row is, if it is taken as it stands."""
        row = self.shape.rows.get(path)
        source = row.source(side) if row else None
        plain = source is not None and len(source.fields) == 1 and not source.via and not source.values
        return source.fields[0] if source is not None and plain and not source.when else None


def _minor(added: Decimal | int | None, currency: str | None) -> int:
    if isinstance(added, Decimal):
        return to_minor(added, currency or "")
    return added or 0


def read_figures(connection: Connection, side: Side) -> Counted:
    """Counts and sums of what was read, by currency. A record that could not be understood has no amount."""
    table = TABLES[side].c
    query = select(table.currency, func.count(), func.sum(table.amount_minor)).group_by(table.currency)
    return {row[0]: (row[1], None if row[2] is None else int(row[2])) for row in connection.execute(query)}


def compare_figures(meter: Meter, before: Mapping[Side, Counted | None], read: Mapping[Side, Counted]) -> list[Own]:
    """The systems' own figures against what was read. One that moved meanwhile cannot be compared."""
    found: list[Own] = []
    for side in SIDES:
        counted = before.get(side)
        if counted is None:
            continue
        if _differ(counted, read[side]) and meter.ask(side) != counted:
            continue
        for currency in sorted({*counted, *read[side]}, key=str):
            own, seen = counted.get(currency, (0, None)), read[side].get(currency, (0, None))
            found.append(Own(side, currency, own[0], own[1], seen[0], None if own[1] is None else seen[1] or 0))
    return found


def _differ(counted: Counted, read: Counted) -> bool:
    return any(counted.get(one, (0, 0)) != read.get(one, (0, 0)) for one in {*counted, *read})
