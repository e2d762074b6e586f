"""What is asked of a system: a stream, its fields, its lines, and which records."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

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
    """Whether a record is inside one term. Null is inside `not_in`, outside everything else but `is_empty`."""
    value = value_at(fields, term.field)
    first = term.values[0] if term.values else None
    if term.operator == "is_empty":
        return (value in (None, "")) is first
    if value is None:
        return term.operator == "not_in"
    if term.operator in ("in", "not_in", "equals"):
        return (value in term.values) is (term.operator != "not_in")
    return str(value) < str(first) if term.operator == "before" else str(value) > str(first)


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
