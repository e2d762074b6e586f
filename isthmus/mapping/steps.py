"""The steps of one row on one side, as closures: what the generated functions call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from isthmus.kernel.errors import Fault, Refused
from isthmus.kernel.money import CURRENCIES
from isthmus.kernel.records import ABSENT, Fields
from isthmus.kernel.selection import look_up
from isthmus.kernel.units import Side, other_side
from isthmus.mapping.filters import compile_terms
from isthmus.mapping.formula import parse_formula
from isthmus.mapping.functions import Step, Unfit, function_table
from isthmus.mapping.spec import LinesSum, Row, Source
from isthmus.mapping.values import Convert, ConvertMoney, Numbers, clean_text, money_pair, type_pair


@dataclass(frozen=True, slots=True)
class Setting:
    """What a side's values depend on besides the file: how numbers are written, and where a day begins."""

    side: Side
    numbers: Numbers
    time_zone: str

    @property
    def name(self) -> str:
        return self.side.upper()


def row_kind(row: Row) -> str:
    """The type of a row; an id is its own type."""
    return "reference" if row.refers_to else row.type


def is_money(row: Row) -> bool:
    return row.type == "money" and not row.refers_to


def is_plain_text(row: Row, source: Source, known: tuple[str, ...]) -> bool:
    """A text that only has to be clean: the generated code looks itself."""
    return row_kind(row) in {"text", "reference"} and not (
        source.via or source.values or known or row.name == "currency"
    )


def value_getter(source: Source) -> Callable[[Fields], Any] | None:
    """How a value is found that is not at one short path: a formula, a list of fields, a condition, a long path."""
    getter = _plain_getter(source)
    if not source.when:
        return getter
    if getter is None:
        path = tuple(source.fields[0].split("."))
        getter = lambda fields: look_up(fields, path)  # noqa: E731
    failed, found = compile_terms(source.when), getter
    return lambda fields: ABSENT if failed(fields) else found(fields)


def _plain_getter(source: Source) -> Callable[[Fields], Any] | None:
    if source.formula is not None:
        return parse_formula(source.formula).evaluate
    paths = tuple(tuple(field.split(".")) for field in source.fields)
    if len(paths) > 1:
        return _first_filled(paths)
    return (lambda fields: look_up(fields, paths[0])) if len(paths[0]) > 2 else None


def _first_filled(paths: tuple[tuple[str, ...], ...]) -> Callable[[Fields], Any]:
    def first(fields: Fields) -> Any:
        nothing: Any = None
        for path in paths:
            value = look_up(fields, path)
            if value is ABSENT:
                nothing = ABSENT  # nothing filled and one not told: we do not know that it is empty
            elif value is not None and value != "":
                return value
        return nothing

    return first


def read_step(row: Row, source: Source, known: tuple[str, ...], *, setting: Setting) -> Convert | ConvertMoney:
    """System value → entity value. ``known`` are the only values that the entity, or the other side's map, has."""
    if is_money(row):
        return money_pair(setting.numbers)[0]
    steps: list[Convert] = []
    if source.via:
        steps += [clean_text, *(_forward(source))]
    if source.values:
        steps.append(_value_map(dict(source.values)))
    else:
        steps.append(type_pair(row_kind(row), setting.numbers, setting.time_zone)[0])
        if known:
            steps.append(_one_of(known))
        elif row.name == "currency":
            steps.append(_currency)
    return _chain(steps)


def write_step(row: Row, source: Source, setting: Setting) -> Convert | ConvertMoney | None:
    """Entity value → system value; None when it is written as it is."""
    if is_money(row):
        return money_pair(setting.numbers)[1] if setting.numbers == "decimal" else None
    steps: list[Convert] = []
    if source.values:
        steps.append(_value_map({value: system for system, value in source.values}))
    elif row_kind(row) in {"price", "decimal"} and setting.numbers == "decimal":
        steps.append(type_pair(row_kind(row), setting.numbers, setting.time_zone)[1])
    for call in reversed(source.via):
        backward = function_table()[call.function].backward
        if backward is not None:
            steps.append(backward(**dict(call.arguments)))
    return _chain(steps) if steps else None


def _forward(source: Source) -> list[Step]:
    return [function_table()[call.function].forward(**dict(call.arguments)) for call in source.via]


def _chain(steps: list[Convert]) -> Convert:
    if len(steps) == 1:
        return steps[0]
    if len(steps) == 2:
        first, second = steps
        return lambda value: second(first(value))
    whole = tuple(steps)

    def run(value: Any) -> Any:
        for step in whole:
            value = step(value)
        return value

    return run


def _value_map(table: dict[Any, Any]) -> Convert:
    names = ", ".join(_plain(key) for key in table)

    def convert(value: Any) -> Any:
        try:
            return table[value]
        except (KeyError, TypeError):
            raise Unfit(f"{_quoted(value)} is not one of {names}", _MAP_IT) from None

    return convert


def _one_of(known: tuple[str, ...]) -> Convert:
    names, members = ", ".join(known), frozenset(known)

    def convert(value: Any) -> Any:
        if value in members:
            return value
        raise Unfit(f"{_quoted(value)} is not one of {names}", _MAP_IT)

    return convert


_MAP_IT = "correct the {system} or add it to 'values'"


def _currency(value: str) -> str:
    if value in CURRENCIES:
        return value
    raise Unfit(f"{_quoted(value)} is not an ISO 4217 currency", _MAP_IT)


def _quoted(value: Any) -> str:
    return f"'{value[:60]}'" if isinstance(value, str) else _plain(value)


def _plain(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)[:60]


class Blame:
    """Turns what went wrong in a row into a fault with its remedy."""

    def __init__(self, setting: Setting) -> None:
        self._system = setting.name
        self._across = other_side(setting.side).upper()

    def wrong(self, faults: list[Fault], where: str, error: ValueError | ArithmeticError) -> None:
        what, remedy = _words(error)
        faults.append(Fault(where, what, (remedy or "correct the {system}").replace("{system}", self._system)))

    def empty(self, faults: list[Fault], where: str, field: str) -> None:
        faults.append(Fault(where, "is empty", f"fill {field} in the {self._system}"))

    def no_currency(self, faults: list[Fault], where: str) -> None:
        if not any(fault.where == "currency" for fault in faults):
            faults.append(Fault(where, "is an amount without a currency", f"fill the currency in the {self._system}"))

    def no_key(self, faults: list[Fault], where: str) -> None:
        faults.append(Fault(where, "has no key", "read the field that 'lines' names as its key"))

    def refuse(self, where: str, error: ValueError | ArithmeticError) -> Refused:
        """A value that cannot be written to this side."""
        return Refused(
            where, f"{_words(error)[0]} and cannot be written to the {self._system}", f"correct the {self._across}"
        )


def _words(error: ValueError | ArithmeticError) -> tuple[str, str]:
    """What is wrong, and the remedy where it is known."""
    if isinstance(error, Unfit):
        return error.what, error.remedy
    return ("is too great", "") if isinstance(error, ArithmeticError) else (str(error), "")


def sum_check(total: LinesSum, setting: Setting) -> Callable[[Fields, list[Fault]], None]:
    """Compares the header's total with its lines, where both are there."""

    def check(form: Fields, faults: list[Fault]) -> None:
        expected, lines = form.get(total.field), form.get("lines")
        if expected is None or lines is None or faults:
            return
        parts = [line.get(total.of) for line in lines]
        if any(part is None for part in parts):
            return
        if abs(sum(parts) - expected) > total.tolerance_minor:
            write = money_pair("decimal")[1]
            currency = form["currency"]
            what = f"the lines add up to {write(sum(parts), currency)} {currency}, not to {write(expected, currency)}"
            faults.append(Fault(total.field, what, f"correct the {setting.name}"))

    return check
