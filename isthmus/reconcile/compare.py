"""Two records of one pair → where they differ, why, and how much money that is. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from isthmus.kernel.records import ABSENT, Fields
from isthmus.kernel.units import SIDES, Side, Unit, other_side
from isthmus.mapping.spec import Row
from isthmus.reconcile.shape import Shape, is_number

Kind = Literal["missing", "extra", "amount", "status", "currency", "allocation", "field", "balance"]
Cause = Literal["late", "edited in CRM", "edited in ERP", "never arrived", "rounding", "duplicate", ""]
Spelling = Literal["minor", "micros", "line", ""]  # what the numbers of a value are
Values = dict[Side, Any]

COMES_TO = "comes to"  # the field of a difference in what all the rows come to
TOLERANCE_MINOR = 1  # a line: what two honest roundings may differ by


@dataclass(frozen=True, slots=True)
class Leaf:
    """One field that differs. ``own`` are the values as each side shows them, ids of its own included."""

    path: str
    own: Values
    kind: Kind
    cause: Cause
    amount_minor: int
    changed: frozenset[Side] = frozenset()  # the sides that show something else than they last did
    spelling: Spelling = ""


@dataclass(slots=True)
class Pair:
    """Both forms of a pair: as each side shows them, with the ids of the ERP throughout, and as they were last seen."""

    shape: Shape
    own: dict[Side, Fields]
    crossed: dict[Side, Fields]
    base: dict[Side, Fields] = field(default_factory=dict)

    @property
    def currency(self) -> str | None:
        """The document's currency; that of the ERP if the sides differ."""
        return self.crossed["erp"].get("currency") or self.crossed["crm"].get("currency")

    @property
    def worth_minor(self) -> int:
        """What the document comes to: the greater of both sides'."""
        cells = (self.shape.cell(side, self.crossed[side]) for side in SIDES)
        return max((abs(cell.amount_minor or 0) for cell in cells), default=0)


def changed_units(pair: Pair, side: Side) -> set[str]:
    """The units that a side shows otherwise than it last did."""
    shape, now, base = pair.shape, pair.own[side], pair.base[side]
    shown, before = shape.shown(now), shape.shown(base)
    return {name for name, value in shown.items() if before.get(name, ABSENT) != value}


def find_leaves(pair: Pair) -> list[Leaf]:
    """Every field in which the two sides differ, in the order of the mapping."""
    shown = {side: pair.shape.shown(pair.crossed[side]) for side in SIDES}
    moved = {side: changed_units(pair, side) for side in SIDES}
    found: list[Leaf] = []
    for unit in pair.shape.units:
        values = {side: shown[side].get(unit.name, ABSENT) for side in SIDES}
        if values["crm"] == values["erp"] or any(value is ABSENT for value in values.values()):
            continue
        changed = frozenset(side for side in SIDES if unit.name in moved[side])
        found.extend(_leaves_of(pair, unit, values, changed=changed))
    return found or _compare_sums(pair)


def _leaves_of(pair: Pair, unit: Unit, values: Values, *, changed: frozenset[Side]) -> Iterator[Leaf]:
    if unit.name == "lines":
        yield from _line_leaves(pair, values, changed)
    elif unit.members is None:
        if not _is_default(pair, unit.name, values, changed=changed):
            yield _header_leaf(pair, unit.name, values, changed=changed)
    else:
        for name in unit.members:
            one = {side: values[side].get(name, ABSENT) for side in SIDES}
            if one["crm"] != one["erp"] and not any(value is ABSENT for value in one.values()):
                yield _header_leaf(pair, f"{unit.name}.{name}", one, changed=changed)


def _is_default(pair: Pair, path: str, values: Values, *, changed: frozenset[Side]) -> bool:
    """An empty value of the owner is what the other side shows when nobody says: as long as that one did not move."""
    owner = pair.shape.owner(path)
    if owner == "both" or changed or values[_side(owner)] is not None:
        return False
    return pair.shape.rows[path].type == "boolean" or pair.shape.is_choice(path)


def _side(owner: str) -> Side:
    return "crm" if owner == "crm" else "erp"


def _header_leaf(pair: Pair, path: str, values: Values, *, changed: frozenset[Side]) -> Leaf:
    row = pair.shape.rows[path]
    is_money = row.type == "money" and not row.refers_to
    amount = abs(values["crm"] - values["erp"]) if is_money else 0
    kind = _kind(path, is_number=is_number(row))
    if kind in ("status", "currency") or row.refers_to:
        amount = pair.worth_minor
    few = TOLERANCE_MINOR * max(1, len(pair.own["erp"].get("lines") or ()))
    is_rounding = is_money and amount <= few
    cause = "rounding" if is_rounding else _cause(pair, path, changed)
    return Leaf(path, _own(pair, path, values), kind, cause, amount, changed, _spelling(row))


def _spelling(row: Row) -> Spelling:
    if row.refers_to:
        return ""
    return "minor" if row.type == "money" else "micros" if row.type in ("price", "decimal") else ""


def _own(pair: Pair, path: str, values: Values) -> Values:
    """References are told by each side's own ids, everything else as it is compared."""
    if path not in pair.shape.references:
        return values
    return {side: pair.own[side].get(path) for side in SIDES}


def _kind(path: str, *, is_number: bool) -> Kind:
    if path == "currency":
        return "currency"
    if path == "status":
        return "status"
    return "amount" if is_number else "field"


def _cause(pair: Pair, path: str, changed: frozenset[Side]) -> Cause:
    """What the last forms say: the owner moved and it did not cross, or the other side was edited. What was never seen
    there (the mapping file was edited since) is nobody's edit.
    """
    owner = pair.shape.owner(path)
    if owner == "both":
        return "late" if changed else ""
    across = other_side(_side(owner))
    if across in changed and path.partition(".")[0].partition("[")[0] in pair.base[across]:
        return "edited in CRM" if across == "crm" else "edited in ERP"
    return "late" if changed else ""


# --- lines --------------------------------------------------------------------------------------------------------


def _line_leaves(pair: Pair, values: Values, changed: frozenset[Side]) -> Iterator[Leaf]:
    lines = {side: {line["key"]: line for line in values[side]} for side in SIDES}
    for key in dict.fromkeys([*lines["crm"], *lines["erp"]]):
        crm, erp = lines["crm"].get(key), lines["erp"].get(key)
        if crm is None or erp is None:
            yield _whole_line(pair, key, {"crm": crm, "erp": erp}, changed=changed)
            continue
        for name in dict.fromkeys([*crm, *erp]):
            one: Values = {"crm": crm.get(name, ABSENT), "erp": erp.get(name, ABSENT)}
            if one["crm"] != one["erp"] and not any(value is ABSENT for value in one.values()):
                yield _line_leaf(pair, (key, name), one, line=(erp, changed))


def _whole_line(pair: Pair, key: str, lines: Values, *, changed: frozenset[Side]) -> Leaf:
    line = lines["crm"] or lines["erp"]
    amount = abs(pair.shape.line_worth_minor(line, pair.currency)) if pair.currency else 0
    path = f"lines[{key}]"
    return Leaf(path, lines, _line_kind(pair, "amount"), _cause(pair, path, changed), amount, changed, "line")


def _line_leaf(pair: Pair, place: tuple[str, str], values: Values, *, line: tuple[Fields, frozenset[Side]]) -> Leaf:
    (key, name), (erp, changed) = place, line
    row = pair.shape.line_rows[name]
    is_money = row.type == "money" and not row.refers_to
    amount = abs(values["crm"] - values["erp"]) if is_money else 0
    if pair.currency and not is_money:
        worths = [pair.shape.line_worth_minor({**erp, name: values[side]}, pair.currency) for side in SIDES]
        amount = abs(worths[0] - worths[1])
    is_rounding = is_money and amount <= TOLERANCE_MINOR
    path = f"lines[{key}].{name}"
    cause = "rounding" if is_rounding else _cause(pair, path, changed)
    kind = _kind(name, is_number=is_number(row))
    return Leaf(path, values, _line_kind(pair, kind), cause, amount, changed, _spelling(row))


def _line_kind(pair: Pair, kind: Kind) -> Kind:
    return "allocation" if pair.shape.entity == "payment" else kind


# --- what the rows come to ----------------------------------------------------------------------------------------


def _compare_sums(pair: Pair) -> list[Leaf]:
    """All rows are equal, and yet the two sides come to different amounts: each computes its own."""
    cells = {side: pair.shape.cell(side, pair.crossed[side]) for side in SIDES}
    own: Values = {side: cell.amount_minor for side, cell in cells.items()}
    if own["crm"] is None or own["erp"] is None or own["crm"] == own["erp"]:
        return []
    amount = abs(own["crm"] - own["erp"])
    few = TOLERANCE_MINOR * max(1, len(pair.own["erp"].get("lines") or ()))
    return [Leaf(COMES_TO, own, "amount", "rounding" if amount <= few else "", amount, spelling="minor")]
