"""What each of our streams is in Tryton: its model, what is read of it, and whose moves are moves of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date
from typing import Any

from connectors.tryton.rpc import Rpc
from connectors.tryton.values import Row
from isthmus.kernel.description import FieldDescription, FieldType
from isthmus.kernel.records import Fields, Record
from isthmus.kernel.selection import Selection

STAMP = ("last_modified_at", "write_uid", "create_uid")
ANY_ACTIVITY = ["active", "in", [True, False]]  # without it, Tryton leaves out what is inactive

Make = Callable[[Rpc, list[Row]], list[Record]]


@dataclass(frozen=True, slots=True)
class Watched:
    """A model whose changes move our record: ``parent`` is its field with our record's id."""

    model: str
    parent: str
    domain: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream. ``aged`` finds records that moved because a day has passed, between two days.

    ``dear`` says of columns that cost something which of our fields need them (``lines``: all lines): they are read
    only when one of those is asked for. ``live`` leaves out what counts as deleted.
    """

    name: str
    model: str
    columns: tuple[str, ...]
    make: Make
    fields: Mapping[str, FieldDescription]
    lines: Mapping[str, FieldDescription] | None = None
    domain: tuple[Any, ...] = ()
    watched: tuple[Watched, ...] = ()
    aged: Callable[[Rpc, date, date], set[int]] | None = None
    dear: Mapping[str, frozenset[str]] = dataclass_field(default_factory=dict)
    live: tuple[Any, ...] = ()

    def records(self, rpc: Rpc, domain: Sequence[Any], asked: Asked, *, limit: int | None = None) -> list[Record]:
        """The records of a domain in the order of their ids, with what is asked for and no more."""
        columns = [one for one in self.columns if asked is None or one not in self.dear or self.dear[one] & asked]
        rows = rpc.search_read(self.model, [*domain, *self.domain], columns, limit=limit)
        left_out = dict.fromkeys(one for one in self.columns if "." not in one and one not in columns)
        found = self.make(rpc, [{**left_out, **row} for row in rows])
        if asked is not None:
            for record in found:
                record.fields = {name: value for name, value in record.fields.items() if name in asked}
                record.lines = record.lines if "lines" in asked else None
        return found


#: The first names of the fields that are asked for, ``lines`` for lines; None: everything.
Asked = frozenset[str] | None


def asked_of(selection: Selection) -> Asked:
    """What a selection names. One that names nothing asks for everything."""
    if not selection.fields and selection.lines is None:
        return None
    names = (*selection.fields, *(term.field for term in selection.where), *(("lines",) if selection.lines else ()))
    return frozenset(("id", *(name.partition(".")[0] for name in names)))


def needed_by(columns: Iterable[str], *names: str) -> dict[str, frozenset[str]]:
    """Columns that only these fields need."""
    return dict.fromkeys(columns, frozenset(names))


def field(name: str, kind: FieldType = "text", **more: Any) -> FieldDescription:
    """A field that can be written."""
    return FieldDescription(name, kind, **more)


def given(name: str, kind: FieldType = "text", **more: Any) -> FieldDescription:
    """A field that only Tryton fills."""
    return FieldDescription(name, kind, creatable=False, updatable=False, **more)


def described(*fields: FieldDescription) -> dict[str, FieldDescription]:
    """Descriptions by name; every stream has its id."""
    own = given("id", "id", unique=True)
    return {one.name: one for one in (own, *fields)}


def stamped(child: str, *names: str) -> tuple[str, ...]:
    """The columns of a child, with its stamps."""
    return tuple(f"{child}.{name}" for name in (*names, *STAMP))


def children(row: Row, name: str) -> list[Row]:
    """The rows behind a One2Many that was read with dots."""
    found: list[Row] = row.get(f"{name}.") or []
    return sorted(found, key=lambda one: int(one["id"]))


def one(row: Row, name: str, part: str) -> Any:
    """A field of the record behind a Many2One that was read with dots; None without one."""
    across = row.get(f"{name}.")
    return across.get(part) if across else None


def record_of(
    rpc: Rpc, row: Row, fields: Fields, *, lines: list[Fields] | None = None, also: Sequence[str] = ()
) -> Record:
    """A record with the latest of its own and its children's stamps; at equal ones a stranger counts as the writer."""
    us = rpc.session.user()
    version, writer = row["last_modified_at"], _writer(row)
    for child in (one for name in also for one in children(row, name)):
        stamp, other = child["last_modified_at"], _writer(child)
        if stamp > version or (stamp == version and writer == us):
            version, writer = stamp, other
    fields["id"] = str(row["id"])
    return Record(str(row["id"]), version, fields, lines, by_us=writer == us, changed_by=f"user {writer}")


def _writer(row: Row) -> int:
    return int(row.get("write_uid") or row.get("create_uid") or 0)


def text_ids(ids: Iterable[str]) -> list[int]:
    """Our ids as Tryton's numbers; what is none is not there."""
    return list(dict.fromkeys(int(one) for one in ids if one.isascii() and one.isdigit() and len(one) < 19))
