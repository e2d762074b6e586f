"""What is asked of a system: a stream, its fields, its lines, and which records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
