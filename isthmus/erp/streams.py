"""How the ERP shows its records: one declaration per stream that describing, reading and writing follow.

A field's unit lives in its column's name (``freight`` is ``freight_minor``, ``quantity`` is ``quantity_micros``);
groups such as ``billing`` are columns with a prefix. Ids and references are text outside and whole numbers inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, cast

from sqlalchemy import Column, String, Table

from isthmus.erp.columns import Day, Flag, Model
from isthmus.erp.parties import Customer
from isthmus.erp.products import Price, Product
from isthmus.erp.receivables import Allocation, Invoice, InvoiceLine, Payment
from isthmus.erp.sales import QUOTE_STATES, Order, OrderLine, Quote, QuoteLine
from isthmus.kernel.records import Fields

Kind = Literal["text", "amount", "micros", "truth", "day", "reference", "choice"]

CHOICES: dict[str, tuple[str, ...]] = {
    "tax_category": ("standard", "reduced", "zero"),
    "quote.status": QUOTE_STATES,
    "order.status": ("draft", "confirmed", "held", "partly_invoiced", "invoiced", "closed", "cancelled"),
    "terms": ("PREPAID", "NET14", "NET30", "NET60"),
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


@dataclass(frozen=True)
class Shape:
    """The fields of a record or of a line, ready to be shown and taken apart fast."""

    table: Table
    fields: tuple[Field, ...]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(field.column for field in self.fields)

    @cached_property
    def flat(self) -> tuple[tuple[str, str], ...]:
        return tuple((field.path, field.column) for field in self.fields if "." not in field.path)

    @cached_property
    def groups(self) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
        members: dict[str, list[tuple[str, str]]] = {}
        for one in self.fields:
            group, dot, member = one.path.partition(".")
            if dot:
                members.setdefault(group, []).append((member, one.column))
        return tuple((group, tuple(pairs)) for group, pairs in members.items())

    @cached_property
    def references(self) -> tuple[str, ...]:
        return tuple(field.path for field in self.fields if field.kind == "reference")

    @cached_property
    def reference_columns(self) -> tuple[str, ...]:
        return tuple(field.column for field in self.fields if field.kind == "reference")

    @cached_property
    def defaults(self) -> tuple[tuple[str, Any], ...]:
        return tuple((column, DEFAULTS[column]) for column in self.columns if column in DEFAULTS)

    @cached_property
    def targets(self) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """Where a written field goes: its column; for a group the columns of its members."""
        flat = {name: column for name, column in self.flat if name in self.writable}
        return flat, {group: dict(members) for group, members in self.groups}

    @cached_property
    def writable(self) -> dict[str, Field]:
        return {field.path: field for field in self.fields if not field.owned}

    def take(self, fields: Fields, present: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The columns that fields become. Absent fields keep what is present; without that they are null.

        Raises KeyError for a field that is unknown or the ERP's own, ValueError for a reference that is no id.
        """
        row: dict[str, Any] = dict.fromkeys(self.columns) if present is None else dict(present)
        columns, members = self.targets
        for name, value in fields.items():
            if name in columns:
                row[columns[name]] = value
            else:
                _take_group(row, members[name], value)
        for column, default in self.defaults:
            if row[column] is None:
                row[column] = default
        for column in self.reference_columns:
            row[column] = row[column] and int(row[column])
        return row

    def show(self, row: Mapping[str, Any]) -> Fields:
        """A row as the ERP shows it outside."""
        shown: Fields = {name: row[column] for name, column in self.flat}
        for group, members in self.groups:
            shown[group] = {name: row[column] for name, column in members}
        for name in self.references:
            if shown[name] is not None:
                shown[name] = str(shown[name])
        return shown


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of records, and of their lines if they have some (``parent`` is the lines' column for the record)."""

    name: str
    shape: Shape
    lines: Shape | None = None
    parent: str = ""
    find_by: Mapping[str, str] = field(default_factory=dict)  # path → column with its match text

    @property
    def table(self) -> Table:
        return self.shape.table


def _take_group(row: dict[str, Any], columns: Mapping[str, str], value: Fields | None) -> None:
    if value is None:
        row.update(dict.fromkeys(columns.values()))
    else:
        row.update({columns[member]: inner for member, inner in value.items()})


def _kind(column: Column[Any]) -> Kind:
    if column.name.endswith("_minor"):
        return "amount"
    if column.name.endswith("_micros"):
        return "micros"
    if isinstance(column.type, Flag):
        return "truth"
    if isinstance(column.type, Day):
        return "day"
    if isinstance(column.type, String):
        return "text"
    return "reference"


def _field(table: Table, path: str, *, owned: Sequence[str], references: Mapping[str, str], stream: str) -> Field:
    stem = path.replace(".", "_")
    name = next(name for name in (stem, f"{stem}_minor", f"{stem}_micros") if name in table.c)
    column = table.c[name]
    values = CHOICES.get(path) or CHOICES.get(f"{stream}.{path}") or ()
    return Field(
        path=path,
        column=name,
        kind="choice" if values else _kind(column),
        length=column.type.length if isinstance(column.type, String) else None,
        required=not column.nullable and name not in DEFAULTS,
        owned=path in owned,
        refers_to=references.get(path),
        values=values,
    )


#: What a field is when nobody says, or says null, and its column needs a value.
DEFAULTS: dict[str, Any] = {
    "active": True,
    "freight_minor": 0,
    "discount_minor": 0,
    "discount_percent_micros": 0,
    "minimum_quantity_micros": 1_000_000,
    "tax_category": "standard",
}
_OWNED = {
    "customer": ("number",),
    "product": ("number",),
    "quote": ("number", "status", "tax", "total"),
    "order": ("number", "status", "hold_reason", "tax", "total"),
}
_REFERENCES = {
    "parent_id": "customer",
    "customer_id": "customer",
    "quote_id": "quote",
    "product_id": "product",
    "order_id": "order",
    "credits_id": "invoice",
    "invoice_id": "invoice",
}
_ADDRESS = ("street", "city", "state", "postal_code", "country")
_CONTACT = ("first_name", "last_name", "email", "phone")


def _shape(model: type[Model], paths: str, *, stream: str = "", **groups: Sequence[str]) -> Shape:
    table = cast(Table, model.__table__)
    every = [*paths.split(), *(f"{group}.{member}" for group, members in groups.items() for member in members)]
    owned = _OWNED.get(stream, () if stream else every)
    fields = [_field(table, path, owned=owned, references=_REFERENCES, stream=stream) for path in every]
    return Shape(table, tuple(fields))


_LINE = "key product_id quantity unit_price discount_percent description"
STREAMS: dict[str, Stream] = {
    "customer": Stream(
        "customer",
        _shape(
            Customer,
            "number name tax_id currency terms email phone website parent_id active",
            stream="customer",
            billing=_ADDRESS,
            shipping=_ADDRESS,
            contact=_CONTACT,
        ),
        find_by={"tax_id": "match_tax_id", "name": "match_name"},
    ),
    "product": Stream(
        "product",
        _shape(Product, "number name sku description unit tax_category active", stream="product"),
        _shape(Price, "key price_list currency minimum_quantity unit_price valid_from active", stream="price"),
        "product_id",
        find_by={"sku": "match_sku"},
    ),
    "quote": Stream(
        "quote",
        _shape(
            Quote,
            "number status customer_id quote_date valid_until currency customer_reference salesperson freight discount"
            " tax total",
            stream="quote",
        ),
        _shape(QuoteLine, _LINE, stream="line"),
        "quote_id",
    ),
    "order": Stream(
        "order",
        _shape(
            Order,
            "number status hold_reason customer_id quote_id order_date currency customer_reference salesperson freight"
            " discount tax total",
            stream="order",
            bill_to=_ADDRESS,
            ship_to=_ADDRESS,
        ),
        _shape(OrderLine, _LINE, stream="line"),
        "order_id",
    ),
    "invoice": Stream(
        "invoice",
        _shape(
            Invoice,
            "number kind order_id customer_id credits_id invoice_date due_date currency freight net tax total",
        ),
        _shape(InvoiceLine, "key product_id quantity unit_price description net tax"),
        "invoice_id",
    ),
    "payment": Stream(
        "payment",
        _shape(Payment, "number customer_id payment_date currency amount reference"),
        _shape(Allocation, "invoice_id amount"),
        "payment_id",
    ),
}
#: The streams that others may write.
WRITABLE = tuple(_OWNED)
