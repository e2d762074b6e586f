"""What can be planted, and as what it must be told.

Said here once more, from the mapping files and the systems' own tables, so that the tie-out is not asked about itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from isthmus.erp.streams import STREAMS
from isthmus.kernel.units import SIDES, Side
from isthmus.mapping.compile import CompiledMapping
from isthmus.mapping.spec import MappingSpec, Row
from isthmus.playground.objects import OBJECTS
from isthmus.state.bindings import Binding
from tests.reconcile.lab import Lab

Plant = Callable[[Lab, Binding], int]  # → what is at stake, in minor units
CENT, MORE = 1, 1234
BOTH = frozenset(SIDES)


def anything(_lab: Lab, _pair: Binding) -> bool:
    return True


@dataclass(frozen=True)
class Case:
    """One fault to plant in one pair, and what it must be told as. ``field``: `*` stands for the key of the line."""

    name: str
    entity: str
    field: str
    told: str
    plant: Plant
    repair: str = "due"
    sides: frozenset[Side] = BOTH  # whose ids the difference has
    fits: Callable[[Lab, Binding], bool] = anything
    follow: frozenset[str] = frozenset()  # fields that the system itself works out of this one


@dataclass(frozen=True)
class Spot:
    """Where a row stands in one side's tables."""

    mapping: CompiledMapping
    row: Row
    side: Side

    @property
    def spec(self) -> MappingSpec:
        return self.mapping.spec

    @property
    def is_line(self) -> bool:
        return self.row in self.spec.lines

    @property
    def field(self) -> str:
        source = self.row.source(self.side)
        assert source is not None
        return source.fields[0]

    @property
    def object(self) -> str:
        lines = self.spec.crm.lines
        return lines.stream if self.is_line and lines else self.spec.crm.stream

    def described(self) -> Any:
        """The field's own description; None where it is no column."""
        if self.side == "crm":
            return OBJECTS_BY_NAME[self.object].fields.get(self.field)
        stream = STREAMS[self.spec.erp.stream]
        shape = stream.lines if self.is_line else stream.shape
        found = [one for one in shape.fields if one.path == self.field] if shape else []
        return found[0] if found and shape and found[0].column in shape.table.c else None

    def place(self, lab: Lab, pair: Binding) -> tuple[str, str]:
        """Table and condition of the record, or of its first line."""
        if self.side == "crm":
            if not self.is_line:
                return self.object, f"\"Id\" = '{pair.crm.id}'"
            table, where = lab.lines_of(self.mapping.entity, pair)
            line = lab.one("crm", table, where)
            key = str(line[self.spec.crm.lines.key])  # type: ignore[union-attr]
            lab.line_keys[pair.crm.id] = key.rpartition("/")[2]  # an external key ends with the line's own
            return table, f"\"Id\" = '{line['Id']}'"
        stream = STREAMS[self.spec.erp.stream]
        if not self.is_line or stream.lines is None:
            return stream.table.name, f"id = {pair.erp.id}"
        table = stream.lines.table.name
        key = next(one.column for one in stream.lines.fields if one.path == "key")
        line = lab.one("erp", table, f"{stream.parent} = {pair.erp.id}")
        lab.line_keys[pair.crm.id] = str(line[key])
        return table, f"{stream.parent} = {pair.erp.id} AND \"{key}\" = '{line[key]}'"


#: What the ERP works out of its own columns each time it is asked.
FOLLOW = {
    ("invoice", "total"): frozenset(("outstanding", "status")),
    ("invoice", "kind"): frozenset(("outstanding", "status")),
    ("payment", "amount"): frozenset(("unapplied",)),
    ("payment", "lines[*].amount"): frozenset(("unapplied",)),
}
OBJECTS_BY_NAME = {one.name: one for one in OBJECTS}


def field_cases(mapping: CompiledMapping) -> Iterator[Case]:
    """Every row that both sides have, changed on either side."""
    watched = {term.field for side in SIDES for term in mapping.spec.system(side).where}
    for row in mapping.spec.all_rows():
        for side in SIDES if row.two_sided and not row.volatile else ():
            spot = Spot(mapping, row, side)
            # Another object's field, a filter's (a case of its own), or what is no column.
            if spot.field in watched or spot.described() is None:
                continue
            yield from _cases_of(spot)


def _cases_of(spot: Spot) -> Iterator[Case]:
    row, side, entity = spot.row, spot.side, spot.mapping.entity
    path = f"lines[*].{row.name}" if spot.is_line else row.path
    unit_name = "lines" if spot.is_line else row.group or row.name
    owner = next(unit.owner for unit in spot.mapping.units if unit.name == unit_name)
    told = "late" if owner in (side, "both") else f"edited in {side.upper()}"
    name = f"{entity}.{path} in the {side}"

    def fits(lab: Lab, pair: Binding) -> bool:
        return not spot.is_line or bool(lab.all("crm", *lab.lines_of(entity, pair)))

    follow = FOLLOW.get((entity, path), frozenset()) if side == "erp" else frozenset()
    yield Case(name, entity, path, told, _changer(spot, MORE), fits=fits, follow=follow)
    if row.type == "money" and not row.refers_to:
        yield Case(f"{name} by a cent", entity, path, "rounding", _changer(spot, CENT), fits=fits, follow=follow)


def _changer(spot: Spot, by: int) -> Plant:
    def plant(lab: Lab, pair: Binding) -> int:
        table, where = spot.place(lab, pair)
        column = spot.described().column
        before = lab.one(spot.side, table, where)
        currency = lab.one("erp", STREAMS[spot.spec.erp.stream].table.name, f"id = {pair.erp.id}").get("currency")
        lab.set(spot.side, table, where, **{column: _another(lab, spot, before[column], minor=by, currency=currency)})
        return _stake(lab, spot, pair, by=by)

    return plant


def _amount(minor: int, currency: str | None) -> Decimal:
    """So many minor units, as people write them."""
    return Decimal(minor).scaleb(0 if currency == "JPY" else -2)


def _another(lab: Lab, spot: Spot, now: Any, *, minor: int, currency: str | None) -> Any:
    """Another value that the field may hold."""
    row, side, described = spot.row, spot.side, spot.described()
    if row.refers_to:
        return _other_id(lab, spot, now)
    if row.type in ("money", "price", "decimal", "integer"):
        if side == "erp":
            return (now or 0) + (minor if row.type == "money" else 1_000_000)
        step = _amount(minor, currency) if row.type == "money" else Decimal(1)
        return (now or 0) + int(step.scaleb(described.scale))
    if row.type == "boolean":
        return int(not now)
    if row.type == "date":
        day = "2026-01-31" if str(now)[:10] != "2026-01-31" else "2026-01-30"
        return f"{day}T10:00:00" if side == "crm" and described.type == "datetime" else day
    fixed = {"currency": ("CHF", "EUR"), "country": ("NO", "SE")}.get(row.name)
    source = row.source(side)
    values = [system for system, _ in source.values] if side == "crm" and source else []
    choices = fixed or tuple(values) or tuple(described.values)
    return next((one for one in choices if one != now), f"DRIFT {lab.unique()}")


def _other_id(lab: Lab, spot: Spot, now: Any) -> Any:
    assert spot.row.refers_to is not None
    taken: set[Any] = set()
    if spot.row.refers_to == "quote" and spot.side == "erp":  # the ERP itself lets no quote have two orders
        taken = {row["quote_id"] for row in lab.all("erp", "erp_order", "quote_id IS NOT NULL")}
    ids = [pair.seen(spot.side).id for pair in lab.pairs(spot.row.refers_to)]
    keys = [int(one) for one in ids] if spot.side == "erp" else ids
    return next(one for one in keys if one != now and one not in taken)


def _stake(lab: Lab, spot: Spot, pair: Binding, *, by: int) -> int:
    """What the change is worth, by the tables themselves."""
    row, entity = spot.row, spot.mapping.entity
    if row.refers_to or row.name in ("status", "currency"):
        return 0 if spot.is_line else lab.worth(entity, pair)
    if row.type == "money":
        return by
    counts = spot.is_line and row.name in ("quantity", "unit_price", "discount_percent") and entity != "product"
    if not counts or any(one.name == "amount" and one.two_sided for one in spot.spec.lines):
        return 0
    return _line_stake(lab, spot, pair)


def _line_stake(lab: Lab, spot: Spot, pair: Binding) -> int:
    """The line with the CRM's value less the line as the ERP has it."""
    entity, key = spot.mapping.entity, lab.line_keys[pair.crm.id]
    erp = lab.one("erp", f"erp_{entity}_line", f"{entity}_id = {pair.erp.id} AND key = '{key}'")
    crm = Spot(spot.mapping, spot.row, "crm")
    theirs = lab.one("crm", crm.object, f"\"Id\" = '{key}'")[crm.field] or 0
    changed = {spot.row.name: Decimal(theirs).scaleb(-crm.described().scale)}
    return abs(line_amount(erp, **changed) - line_amount(erp))


def line_amount(line: dict[str, Any], **changed: Decimal) -> int:
    """Quantity × price less discount, rounded half up to cents."""
    names = ("quantity", "unit_price", "discount_percent")
    values = {name: Decimal(line[f"{name}_micros"] or 0).scaleb(-6) for name in names} | changed
    exact = values["quantity"] * values["unit_price"] * (1 - values["discount_percent"] / 100)
    return int(exact.quantize(Decimal("0.01"), ROUND_HALF_UP) * 100)
