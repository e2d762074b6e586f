"""How a record or a line of the ERP is shown, asked for and taken apart: the machinery behind `streams`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import Any, Literal

import orjson
from sqlalchemy import ColumnElement, Table

from isthmus.erp.computed import COMPUTED, Today
from isthmus.kernel.records import Fields

Kind = Literal["text", "amount", "micros", "truth", "day", "reference", "choice", "open", "count", "instant"]

#: What a field is when nobody says, or says null, and its column needs a value.
DEFAULTS: dict[str, Any] = {
    "active": True,
    "freight_minor": 0,
    "discount_minor": 0,
    "discount_percent_micros": 0,
    "minimum_quantity_micros": 1_000_000,
    "tax_category": "standard",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its path outside, its column inside. ``owned`` ones are the ERP's own, never written from outside."""

    path: str
    column: str
    kind: Kind
    length: int | None
    required: bool
    owned: bool
    refers_to: str | None = None
    values: tuple[str, ...] = ()


class _Members:
    """Names outside and columns inside, moved from one to the other without a loop in Python."""

    def __init__(self, names: tuple[str, ...], columns: tuple[str, ...]) -> None:
        self.names, self.columns = names, columns
        self.column = dict(zip(names, columns, strict=True))
        self._pick = itemgetter(*columns) if len(columns) > 1 else lambda row: (row[columns[0]],)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> _Members:
        listed = list(pairs)
        return cls(tuple(name for name, _ in listed), tuple(column for _, column in listed))

    def take(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """All columns; null where nothing is said. Names that are no member's are passed over."""
        return dict(zip(self.columns, map(fields.get, self.names), strict=True))

    def change(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of what is said. Raises KeyError for an unknown name."""
        return {self.column[name]: value for name, value in fields.items()}

    def show(self, row: Mapping[str, Any]) -> Fields:
        return dict(zip(self.names, self._pick(row), strict=True))


@dataclass(frozen=True)
class Shape:
    """The fields of a record or of a line, ready to be shown and taken apart fast."""

    table: Table
    fields: tuple[Field, ...]

    def column(self, name: str, today: Today) -> ColumnElement[Any]:
        """A column of the table, or the expression that stands for one."""
        expression = COMPUTED.get(self.table.name, {}).get(name)
        return expression(today) if expression else self.table.c[name]

    def narrow(self, wanted: frozenset[str]) -> Shape:
        """Only the fields that are asked for; all of a group when the group is."""
        return Shape(self.table, tuple(one for one in self.fields if _is_wanted(one.path, wanted)))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(field.column for field in self.fields)

    @cached_property
    def flat(self) -> _Members:
        """The fields that stand by themselves."""
        return _Members.of((field.path, field.column) for field in self.fields if "." not in field.path)

    @cached_property
    def groups(self) -> dict[str, _Members]:
        """The members of each group."""
        members: dict[str, list[tuple[str, str]]] = {}
        for one in self.fields:
            group, dot, member = one.path.partition(".")
            if dot:
                members.setdefault(group, []).append((member, one.column))
        return {group: _Members.of(pairs) for group, pairs in members.items()}

    @cached_property
    def references(self) -> tuple[tuple[str, str], ...]:
        """(path, column) of what refers to other records."""
        return tuple((field.path, field.column) for field in self.fields if field.kind == "reference")

    @cached_property
    def defaulted(self) -> tuple[str, ...]:
        """Paths whose null becomes a default."""
        return tuple(field.path for field in self.fields if field.column in DEFAULTS)

    @cached_property
    def defaults(self) -> tuple[tuple[str, Any], ...]:
        return tuple((column, DEFAULTS[column]) for column in self.columns if column in DEFAULTS)

    @cached_property
    def is_open(self) -> bool:
        """Whether records may have fields of the company's own, below ``custom``."""
        return "custom" in self.columns

    @cached_property
    def writable(self) -> dict[str, Field]:
        return {field.path: field for field in self.fields if not field.owned}

    @cached_property
    def known(self) -> frozenset[str]:
        """The names that a written record may have at its top."""
        return frozenset(path.partition(".")[0] for path in self.writable)

    def take(self, fields: Fields, present: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The columns that fields become. Absent fields keep what is present; without that they are null.

        Raises KeyError for a field that is unknown or the ERP's own, ValueError for a reference that is no id.
        """
        if not fields.keys() <= self.known:
            raise KeyError(*(fields.keys() - self.known))
        row = self._new(fields) if present is None else self._changed(fields, present)
        if self.is_open and isinstance(row["custom"], dict):
            row["custom"] = spell_custom(row["custom"])
        return row

    def keeps(self, fields: Fields, row: Mapping[str, Any]) -> bool:
        """Whether the new row that these fields became shows each of them just as it is."""
        if "custom" in fields or any(fields.get(path, True) is None for path in self.defaulted):
            return False
        for path, column in self.references:
            if (value := fields.get(path)) is not None and value != str(row[column]):
                return False
        for group, members in self.groups.items():
            if len(fields.get(group, members.names) or ()) < len(members.names):
                return False
        return True

    @cached_property
    def _new(self) -> Callable[[Fields], dict[str, Any]]:
        """fields → all columns; null where nothing is said, and the default where a column needs a value.

        Written out as one dict display: records come by the thousand, and a loop costs five times as much. The source
        holds only names of ours.
        """
        lines = [f"{group} = fields.get({group!r}) or empty" for group in self.groups]
        lines += [f"if not {group}.keys() <= {group}_known: raise KeyError(*({group}.keys() - {group}_known))"
                  for group in self.groups]  # fmt: skip
        cells = []
        for one in self.fields:
            group, _, member = one.path.rpartition(".")
            value = f"{group}.get({member!r})" if group else f"get({member!r})"
            if one.column in DEFAULTS:
                value = f"{DEFAULTS[one.column]!r} if (value := {value}) is None else value"
            elif one.kind == "reference":
                value = f"(value := {value}) and int(value)"
            cells.append(f"{one.column!r}: {value}")
        known = {f"{group}_known": members.column.keys() for group, members in self.groups.items()}
        body = ["get = fields.get", *lines, f"return {{{', '.join(cells)}}}"]
        return _function("fields", body, {"empty": {}, **known})

    @cached_property
    def _show(self) -> Callable[[Mapping[str, Any]], Fields]:
        """row → the fields outside, as one dict display as well."""

        def cell(path: str, column: str) -> str:
            value = f"row[{column!r}]"
            if (path, column) in self.references:
                value = f"None if (value := {value}) is None else str(value)"
            return f"{path!r}: {value}"

        cells = [cell(path, column) for path, column in self.flat.column.items()]
        for group, members in self.groups.items():
            inner = ", ".join(f"{name!r}: row[{column!r}]" for name, column in members.column.items())
            cells.append(f"{group!r}: {{{inner}}}")
        return _function("row", [f"return {{{', '.join(cells)}}}"], {})

    def _changed(self, fields: Fields, present: Mapping[str, Any]) -> dict[str, Any]:
        row = dict(present)
        row.update({self.flat.column[name]: value for name, value in fields.items() if name not in self.groups})
        for group, value in fields.items():
            if group in self.groups:
                members = self.groups[group]
                row.update(members.take({}) if value is None else members.change(value))
        for column, default in self.defaults:
            if row[column] is None:
                row[column] = default
        for _, column in self.references:
            row[column] = row[column] and int(row[column])
        return row

    def show(self, row: Mapping[str, Any]) -> Fields:
        """A row as the ERP shows it outside."""
        shown = self._show(row)
        if self.is_open and row["custom"] is not None:
            shown["custom"] = orjson.loads(row["custom"])
        return shown


@dataclass(frozen=True)
class Stream:
    """A stream of records, and of their lines if they have some (``parent`` is the lines' column for the record)."""

    name: str
    shape: Shape
    lines: Shape | None = None
    parent: str = ""
    find_by: Mapping[str, str] = field(default_factory=dict)  # path → column with its match text
    holds: ColumnElement[bool] | None = None  # which of its lines count
    shows: tuple[ColumnElement[bool], ...] = ()  # which of its records others are told of

    @property
    def table(self) -> Table:
        return self.shape.table

    def show(self, row: Mapping[str, Any]) -> Fields:
        """A record's own fields as the ERP shows them."""
        return self.shape.show(row)

    @cached_property
    def stored(self) -> tuple[str, ...]:
        """All columns of the records' table."""
        return tuple(column.name for column in self.table.columns)


def _is_wanted(path: str, wanted: frozenset[str]) -> bool:
    return path in wanted or path.partition(".")[0] in wanted or any(one.startswith(f"{path}.") for one in wanted)


def _function(argument: str, body: Sequence[str], scope: dict[str, Any]) -> Callable[[Any], dict[str, Any]]:
    """A function of one argument from its lines."""
    source = f"def made({argument}):\n" + "\n".join(f"    {line}" for line in body)
    exec(source, scope)  # noqa: S102
    made: Callable[[Any], dict[str, Any]] = scope["made"]
    return made


def spell_custom(fields: Mapping[str, Any]) -> str | None:
    """The one spelling of fields of the company's own: JSON with sorted names, without what is null."""
    filled = {name: value for name, value in fields.items() if value is not None}
    return orjson.dumps(filled, option=orjson.OPT_SORT_KEYS).decode() if filled else None
