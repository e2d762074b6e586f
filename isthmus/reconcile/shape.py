"""What of an entity is compared, counted and added up: worked out once per mapping. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from isthmus.kernel.money import line_amount_minor
from isthmus.kernel.records import ABSENT, Fields, form_text, text_hash
from isthmus.kernel.units import Side, Unit, other_side
from isthmus.mapping.compile import CompiledMapping, Reference
from isthmus.mapping.entities import load_entity, schemas_folder
from isthmus.mapping.spec import Row

Term = tuple[int, str]  # +1 or -1, and a row
Known = Mapping[tuple[str, str], str]  # (entity, CRM id) → ERP id

#: What a document comes to, in the entity's own words. Each side uses the first sum whose first row it has. Orders and
#: quotes are compared net: tax is the ERP's business.
_SUMS: Mapping[str, tuple[tuple[Term, ...], ...]] = {
    **dict.fromkeys(
        ("quote", "order"), (((1, "lines_total"), (1, "freight"), (-1, "discount")), ((1, "total"), (-1, "tax")))
    ),
    "invoice": (((1, "total"),),),
    "payment": (((1, "amount"),),),
    "credit_status": (((1, "exposure"),),),
}
#: What of a document is still open: it counts for the customer's balance.
_OPEN: Mapping[str, Term] = {
    "invoice": (1, "outstanding"),
    "payment": (-1, "unapplied"),
    "credit_status": (1, "outstanding"),  # the balance as the customer's own record states it
}
NUMBERS = frozenset(("money", "price", "decimal", "integer"))
_EMPTY: tuple[Any, ...] = (None, "")
_KEY = frozenset(("key",))
UNKNOWN = "?"  # before the id of a reference that does not cross


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a record counts in the totals. ``amount_minor`` is None for what has no amount."""

    currency: str | None
    month: str | None  # YYYY-MM
    amount_minor: int | None


class Shape:
    """The rows of a mapping that both sides have and that do not change by themselves."""

    def __init__(self, mapping: CompiledMapping) -> None:
        self.mapping = mapping
        self.entity = mapping.entity
        self.units: tuple[Unit, ...] = tuple(
            unit for unit in mapping.units if len(unit.sides) == 2 and not unit.volatile
        )
        self.rows = {row.path: row for row in mapping.spec.rows}
        self.line_rows = {row.name: row for row in mapping.spec.lines}
        self.references: Mapping[str, Reference] = {one.row: one for one in mapping.references if not one.in_lines}

    # --- forms --------------------------------------------------------------------------------------------------------

    def shown(self, form: Fields) -> Fields:
        """What both sides can show of a form: an empty number is 0, an empty text is null, lines stand by key."""
        found: Fields = {}
        for unit in self.units:
            value = form.get(unit.name, ABSENT)
            if value is ABSENT:
                continue
            if unit.name == "lines":
                found["lines"] = sorted((self._members(unit, line) for line in value or ()), key=_key)
            elif unit.members is None:
                found[unit.name] = (0 if unit.name in self._numbers else None) if value in _EMPTY else value
            else:
                found[unit.name] = self._members(unit, value or {})
        return found

    def _members(self, unit: Unit, value: Fields) -> Fields:
        numbers, members = self._numbers_of[unit.name], self._members_of[unit.name]
        return {
            name: (0 if name in numbers else None) if one in _EMPTY else one
            for name, one in value.items()
            if name in members
        }

    @cached_property
    def _numbers(self) -> frozenset[str]:
        return frozenset(path for path, row in self.rows.items() if is_number(row))

    @cached_property
    def _members_of(self) -> Mapping[str, frozenset[str]]:
        return {unit.name: unit.members | _KEY for unit in self.units if unit.members is not None}

    @cached_property
    def _numbers_of(self) -> Mapping[str, frozenset[str]]:
        """The rows of each group, and of the lines, that hold numbers."""
        found: dict[str, frozenset[str]] = {}
        for unit in self.units:
            rows = [self.line_rows.get(name) if unit.name == "lines" else self.rows.get(f"{unit.name}.{name}")
                    for name in unit.members or ()]  # fmt: skip
            found[unit.name] = frozenset(row.name for row in rows if row is not None and is_number(row))
        return found

    def cross(self, form: Fields, known: Known) -> Fields:
        """A CRM form with the ERP's ids. What does not cross is marked: it equals nothing."""
        return self._referring(form, lambda what: known.get(what) or f"{UNKNOWN}{what[1]}")

    def rename(self, form: Fields, merged: Known) -> Fields:
        """An ERP form with the ids of those that stand for what was merged."""
        return self._referring(form, lambda what: merged.get(what, what[1]))

    def _referring(self, form: Fields, to: Callable[[tuple[str, str]], str]) -> Fields:
        found = dict(form)
        for row in self.mapping.references:
            holders = [found]
            if row.in_lines:
                holders = found["lines"] = [dict(line) for line in found.get("lines") or ()]
            for holder in holders:
                if (value := holder.get(row.row)) is not None:
                    holder[row.row] = to((row.refers_to, value))
        return found

    def references_of(self, form: Fields) -> set[tuple[str, str]]:
        """(entity, id) of everything that a form refers to."""
        found: set[tuple[str, str]] = set()
        for row in self.mapping.references:
            holders = form.get("lines") or () if row.in_lines else (form,)
            found.update((row.refers_to, value) for one in holders if (value := one.get(row.row)))
        return found

    # --- prints -------------------------------------------------------------------------------------------------------

    def print(self, shown: Fields) -> int:
        """A number that differs when two shown forms differ."""
        return _number(form_text(shown))

    def twin_print(self, shown: Fields, side: Side) -> int:
        """A number that two copies of one record have in common: without what the side itself gives each record."""
        kept = {unit.name for unit in self.units if unit.owner != side and unit.name != "lines"}
        copied: Fields = {name: value for name, value in shown.items() if name in kept}
        lines = [orjson.dumps({**line, "key": None}, option=orjson.OPT_SORT_KEYS) for line in shown.get("lines") or ()]
        copied["lines"] = [one.decode() for one in sorted(lines)]
        return _number(form_text(copied))

    # --- figures ------------------------------------------------------------------------------------------------------

    def terms(self, side: Side) -> tuple[Term, ...]:
        """The rows of a side whose sum is what a document comes to; none for what has no amount."""
        for terms in _SUMS.get(self.entity, ()):
            if self._has(side, terms[0][1]):
                return tuple(term for term in terms if self._has(side, term[1]))
        return ()

    @cached_property
    def terms_of(self) -> Mapping[Side, tuple[Term, ...]]:
        """The sums of both sides; none at all unless both have one."""
        found: dict[Side, tuple[Term, ...]] = {"crm": self.terms("crm"), "erp": self.terms("erp")}
        return found if all(found.values()) else {"crm": (), "erp": ()}

    @cached_property
    def is_money(self) -> bool:
        """Whether records of this entity come to an amount."""
        return bool(self.terms_of["crm"])

    @cached_property
    def day(self) -> str | None:
        """The row whose month a document counts in."""
        name = f"{self.entity}_date"
        row = self.rows.get(name)
        return name if row is not None and row.two_sided else None

    @cached_property
    def party(self) -> str | None:
        """The row that says whose document it is."""
        return next((path for path, row in self.rows.items() if row.refers_to == "customer" and row.two_sided), None)

    def _has(self, side: Side, path: str) -> bool:
        row = self.rows.get(path)
        return row is not None and row.source(side) is not None

    def cell(self, side: Side, form: Fields) -> Cell:
        """Where a record counts."""
        day = form.get(self.day) if self.day else None
        currency = form.get("currency")
        if not self.is_money or currency is None:
            return Cell(None, day and day[:7], None)
        amount = sum(sign * (form.get(name) or 0) for sign, name in self.terms_of[side])
        return Cell(currency, day and day[:7], amount)

    def open_minor(self, form: Fields) -> int:
        """What the record adds to its customer's balance, in minor units. Credit notes and payments lessen it."""
        sign, name = _OPEN.get(self.entity, (0, ""))
        amount = form.get(name) or 0
        return (-abs(amount) if form.get("kind") == "credit_note" else amount) * sign

    def line_worth_minor(self, line: Fields, currency: str) -> int:
        """What a line comes to: its own amount where both sides have it, else quantity × price less discount."""
        amount = self.line_rows.get("amount")
        if amount is not None and amount.two_sided:
            return int(line.get("amount") or 0)
        quantity, price = line.get("quantity"), line.get("unit_price")
        if quantity is None or price is None:
            return 0
        return line_amount_minor(
            quantity, price, currency, discount_percent_micros=int(line.get("discount_percent") or 0)
        )

    def is_choice(self, path: str) -> bool:
        """Whether the entity knows only some values of a row."""
        described = load_entity(self.entity, schemas_folder()).fields.get(path)
        return described is not None and bool(described.values)

    def owner(self, path: str) -> str:
        """Who owns a leaf: the owner of its unit."""
        name = path.partition(".")[0].partition("[")[0]
        return next((unit.owner for unit in self.units if unit.name == name), "both")

    def births(self) -> tuple[Side, ...]:
        """The sides where records of this entity are born; what another entity shows of itself comes from its owner."""
        if self.mapping.spec.same_as:
            return ("crm",) if self.mapping.spec.owner == "crm" else ("erp",)
        return tuple(other_side(side) for side in self.mapping.spec.creates)


def _key(line: Fields) -> str:
    return str(line["key"])


def is_number(row: Row) -> bool:
    """Whether the values of a row are amounts, micros or whole numbers."""
    return row.type in NUMBERS and not row.refers_to


def _number(text: bytes) -> int:
    """The first 8 bytes of a hash, as the databases' signed integer."""
    return int.from_bytes(text_hash(text)[:8], "big", signed=True)
