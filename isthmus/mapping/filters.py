"""The terms of ``where`` and ``when``, evaluated on a record exactly as a system evaluates them.

Texts are compared without regard to case, as SOQL does. A null or absent field is outside ``in``, ``equals``,
``before`` and ``after``, and inside ``not_in``; null, absent and the empty text are empty.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from isthmus.kernel.clock import parse_stamp
from isthmus.kernel.money import parse_decimal
from isthmus.kernel.records import ABSENT, Fields
from isthmus.kernel.selection import Term, look_up, steps_of

Test = Callable[[Fields], bool]
Plain = str | bool | int


def compile_terms(terms: tuple[Term, ...]) -> Callable[[Fields], Term | None]:
    """A function that gives the first term a record fails, or None when it passes all."""
    tests = tuple((term, _compile_term(term)) for term in terms)

    def first_failed(fields: Fields) -> Term | None:
        for term, test in tests:
            if not test(fields):
                return term
        return None

    return first_failed


def _compile_term(term: Term) -> Test:
    path = steps_of(term.field)
    match term.operator:
        case "in" | "equals":
            wanted = frozenset(_comparable(value) for value in term.values)
            return lambda fields: _comparable(look_up(fields, path)) in wanted
        case "not_in":
            unwanted = frozenset(_comparable(value) for value in term.values)
            return lambda fields: _comparable(look_up(fields, path)) not in unwanted
        case "before":
            return lambda fields: _order(look_up(fields, path), term.values[0]) < 0
        case "after":
            return lambda fields: _order(look_up(fields, path), term.values[0]) > 0
        case "is_empty":
            return lambda fields: (look_up(fields, path) in {None, ABSENT, ""}) is term.values[0]


def _comparable(value: Any) -> object:
    """Equal for what a system calls equal; never equal across kinds, and an empty field equals nothing."""
    if value is None or value is ABSENT:
        return None
    if isinstance(value, str):
        return ("text", value.casefold())
    if isinstance(value, bool):
        return ("flag", value)
    if isinstance(value, (int, Decimal)):
        return ("number", Decimal(value))
    return ("other", id(value))


def _order(value: Any, limit: Plain) -> int:
    """Below, at or above; 0 for what cannot be compared, which is then neither before nor after."""
    try:
        if isinstance(limit, str) and isinstance(value, str):
            left, right = _instants(value, limit)
            return int(left > right) - int(left < right)
        if isinstance(limit, int) and not isinstance(limit, bool):
            number = parse_decimal(value)
            return (number > limit) - (number < limit)
    except ValueError:
        return 0
    return 0


def _instants(value: str, limit: str) -> tuple[Any, Any]:
    """Both as instants when both have a time of day, else both as the text of a date."""
    if "T" in value and "T" in limit:
        return parse_stamp(value), parse_stamp(limit)
    return value[:10], limit[:10]
