"""What is asked of a system: a stream, its fields, its lines, and which records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from isthmus.kernel.clock import parse_stamp
from isthmus.kernel.money import parse_decimal
from isthmus.kernel.records import ABSENT, Fields

Operator = Literal["in", "not_in", "equals", "before", "after", "is_empty"]


@dataclass(frozen=True, slots=True)
class Term:
    """One condition on one field; the terms of a filter are AND-ed.

    ``values`` holds all values of ``in`` and ``not_in``, exactly one of the others; ``is_empty`` takes True or False.
    A null or absent field is outside ``in``, ``equals``, ``before``, ``after`` and inside ``not_in``.
    """

    field: str
    operator: Operator
    values: tuple[str | int | bool, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the lines of a document are: their stream, the field that names the header, their key and order."""

    stream: str
    parent: str
    key: str
    sort: str | None
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MovedBy:
    """A stream whose changes move our record: ``parent`` is its field that holds our record's id."""

    stream: str
    parent: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The records and fields that a mapping reads from one side. Fields are dotted paths (``Owner.Email``)."""

    stream: str
    fields: tuple[str, ...]
    lines: Lines | None = None
    where: tuple[Term, ...] = ()
    moved_by: tuple[MovedBy, ...] = ()


def passes(fields: Fields, term: Term) -> bool:
    """Whether a record is inside one term."""
    return value_test(term)(look_up(fields, steps_of(term.field)))


def value_test(term: Term) -> Callable[[Any], bool]:
    """What a term asks of the value of its field. All who filter records compare this way, and no other.

    Texts are compared without regard to case, as SOQL does; numbers as numbers, instants as instants. A null or absent
    value is outside ``in``, ``equals``, ``before`` and ``after``, and inside ``not_in``; it is empty, as is "".
    """
    first = term.values[0] if term.values else None
    match term.operator:
        case "in" | "equals":
            wanted = frozenset(map(_comparable, term.values))
            return lambda value: _comparable(value) in wanted
        case "not_in":
            unwanted = frozenset(map(_comparable, term.values))
            return lambda value: _comparable(value) not in unwanted
        case "before":
            return lambda value: _order(value, first) < 0
        case "after":
            return lambda value: _order(value, first) > 0
        case "is_empty":
            return lambda value: (value is None or value is ABSENT or value == "") is first


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


def _order(value: Any, limit: object) -> int:
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


def value_at(fields: Fields, path: str) -> object:
    """The value at a dotted path; None when there is none, or a whole group."""
    value = look_up(fields, steps_of(path))
    return None if value is ABSENT or isinstance(value, dict | list) else value


def look_up(fields: Fields, steps: tuple[str, ...]) -> Any:
    """The value at the end of a path: None below a null parent, ABSENT where a name is missing."""
    value: Any = fields
    for name in steps:
        if value is None or value is ABSENT:
            return value
        if not isinstance(value, dict):
            return ABSENT
        value = value.get(name, ABSENT)
    return value


@cache
def steps_of(path: str) -> tuple[str, ...]:
    """The names on a dotted path."""
    return tuple(path.split("."))
