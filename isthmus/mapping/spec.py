"""A mapping as plain values: what the loader gives and everything else reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from isthmus.kernel.selection import MovedBy, Term
from isthmus.kernel.units import IfBothChanged, Owner, Side
from isthmus.mapping.document import Place

Type = Literal["text", "date", "datetime", "money", "price", "decimal", "boolean", "integer"]
Vanished = Literal["cancel", "deactivate", "ask", "keep", "restore"]
Plain = str | bool | int


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the closed set with its arguments."""

    function: str
    arguments: tuple[tuple[str, Plain], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Source:
    """A row's side: where the value stands in one system. Exactly one of ``fields`` and ``formula`` is filled."""

    fields: tuple[str, ...]
    formula: str | None
    via: tuple[Call, ...]
    values: tuple[tuple[Plain, Plain], ...]  # the system's value, the entity's value
    when: tuple[Term, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Row:
    """One field on both sides, or on one. ``required`` is what the file says, or the rule for references.

    ``whole`` is false while a key of the row could not be read: nothing is concluded from what it does not say.
    """

    name: str
    crm: Source | None
    erp: Source | None
    type: Type
    owner: Owner
    if_both_changed: IfBothChanged
    refers_to: str | None
    pull: bool
    required: bool
    volatile: bool
    place: Place
    group: str | None = None
    whole: bool = True

    @property
    def path(self) -> str:
        """``bill_to.country`` in a group, the name itself elsewhere."""
        return f"{self.group}.{self.name}" if self.group else self.name

    @property
    def two_sided(self) -> bool:
        return self.crm is not None and self.erp is not None

    def source(self, side: Side) -> Source | None:
        return self.crm if side == "crm" else self.erp


@dataclass(frozen=True, slots=True)
class LinesAt:
    """Where the lines of a document are in a system."""

    stream: str
    parent: str
    key: str
    sort: str | None


@dataclass(frozen=True, slots=True)
class System:
    """One side of the mapping."""

    stream: str
    where: tuple[Term, ...]
    lines: LinesAt | None
    moved_by: tuple[MovedBy, ...]
    place: Place


def lines_stream(stream: str) -> str:
    """How the lines are called that stand inside the records of a stream."""
    return f"{stream}.lines"


@dataclass(frozen=True, slots=True)
class LinesSum:
    """The header's row ``field`` equals the sum of the lines' row ``of``, within a tolerance in minor units."""

    field: str
    of: str
    tolerance_minor: int
    place: Place


@dataclass(frozen=True, slots=True)
class Case:
    """A test of the mapping's own: plain values as they stand in the file."""

    name: str
    given: dict[Side, dict[str, Any]]
    before: dict[Side, dict[str, Any]] | None
    after: dict[Side, dict[str, Any]] | None
    expects: dict[str, Any] | None
    refuses: str | None
    filtered: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """One entity between one CRM and one ERP."""

    name: str
    about: str
    entity: str
    maintainer: str | None
    schedule: str | None
    same_as: str | None  # the entity whose pairs this mapping's records share
    owner: Owner
    creates: tuple[Side, ...]
    gone: dict[Side, Vanished]
    crm: System
    erp: System
    match: tuple[tuple[str, ...], ...]
    rows: tuple[Row, ...]
    lines: tuple[Row, ...]
    lines_sum_to: LinesSum | None
    tests: tuple[Case, ...]
    place: Place

    def system(self, side: Side) -> System:
        return self.crm if side == "crm" else self.erp

    def row(self, path: str) -> Row | None:
        """The row of the header with this path (``name``, ``billing.country``)."""
        return next((row for row in self.rows if row.path == path), None)

    def all_rows(self) -> Iterator[Row]:
        """The rows of the header, then those of the lines."""
        yield from self.rows
        yield from self.lines

    def references(self) -> tuple[str, ...]:
        """The entities it refers to, each once, its own entity left out; what it is the same as comes first."""
        names = dict.fromkeys([self.same_as, *(row.refers_to for row in self.all_rows())])
        return tuple(name for name in names if name and name != self.entity)
