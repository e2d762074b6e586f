"""How the ERP shows its records: one declaration per stream that describing, reading and writing follow.

A field's unit lives in its column's name (``freight`` is ``freight_minor``, ``quantity`` is ``quantity_micros``);
groups such as ``billing`` are columns with a prefix. Ids and references are text outside and whole numbers inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Column, String, Table

from isthmus.erp.columns import Day, Flag, Model
from isthmus.erp.computed import COMPUTED, holds
from isthmus.erp.parties import Customer, is_merged
from isthmus.erp.products import Price, Product
from isthmus.erp.receivables import Allocation, Invoice, InvoiceLine, Payment
from isthmus.erp.sales import QUOTE_STATES, Order, OrderLine, Quote, QuoteLine
from isthmus.erp.shapes import DEFAULTS, Field, Kind, Shape, Stream

CHOICES: dict[str, tuple[str, ...]] = {
    "tax_category": ("standard", "reduced", "zero"),
    "quote.status": QUOTE_STATES,
    "order.status": ("draft", "confirmed", "held", "partly_invoiced", "invoiced", "closed", "cancelled"),
    "invoice.status": ("open", "partly_paid", "paid", "cancelled"),
    "payment.status": ("posted", "reversed"),
    "kind": ("invoice", "credit_note"),
    "terms": ("PREPAID", "NET14", "NET30", "NET60"),
}


def _kind(column: Column[Any]) -> Kind:
    if column.name == "custom":
        return "open"
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
    names = (_ALIASES.get((table.name, path), stem), f"{stem}_minor", f"{stem}_micros")
    computed = COMPUTED.get(table.name, {})
    name = next(name for name in names if name in table.c or name in computed)
    column = None if name in computed else table.c[name]
    values = CHOICES.get(path) or CHOICES.get(f"{stream}.{path}") or ()
    return Field(
        path=path,
        column=name,
        kind="choice" if values else _WORKED_OUT[path] if column is None else _kind(column),
        length=column.type.length if column is not None and isinstance(column.type, String) else None,
        required=column is not None and not column.nullable and name not in DEFAULTS,
        owned=path in owned,
        refers_to=references.get(path),
        values=values,
    )


#: The kinds of what is worked out.
_WORKED_OUT: dict[str, Kind] = {
    "outstanding": "amount",
    "unapplied": "amount",
    "refunded": "amount",
    "invoice_amount": "micros",
    "invoice_currency": "text",
    "refunds_id": "reference",
    "refunds_note_id": "reference",
    "days_overdue": "count",
    "as_of": "day",
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
    "refunds_id": "payment",
    "refunds_note_id": "invoice",
}
#: Fields whose column has another name than theirs.
_ALIASES = {
    ("erp_allocation", "key"): "id",
    ("erp_allocation", "amount"): "source_minor",
    ("erp_invoice_line", "amount"): "net_minor",
}
_ADDRESS = ("street", "city", "state", "postal_code", "country")
_CONTACT = ("first_name", "last_name", "email", "phone")


def _shape(model: type[Model], paths: str, *, stream: str = "", **groups: Sequence[str]) -> Shape:
    table = cast(Table, model.__table__)
    every = [*paths.split(), *(f"{group}.{member}" for group, members in groups.items() for member in members)]
    owned = _OWNED.get(stream, () if stream in ("price", "line") else every)
    fields = [_field(table, path, owned=owned, references=_REFERENCES, stream=stream) for path in every]
    return Shape(table, tuple(fields))


_LINE = "key product_id quantity unit_price discount_percent description"
STREAMS: dict[str, Stream] = {
    "customer": Stream(
        "customer",
        _shape(
            Customer,
            "number name tax_id currency terms email phone website parent_id active custom",
            stream="customer",
            billing=_ADDRESS,
            shipping=_ADDRESS,
            contact=_CONTACT,
        ),
        find_by={"tax_id": "match_tax_id", "name": "match_name"},
        shows=(~is_merged(cast(Table, Customer.__table__).c.id),),
    ),
    "product": Stream(
        "product",
        _shape(Product, "number name sku description unit tax_category active custom", stream="product"),
        _shape(Price, "key price_list currency minimum_quantity unit_price valid_from active", stream="price"),
        "product_id",
        find_by={"sku": "match_sku"},
    ),
    "quote": Stream(
        "quote",
        _shape(
            Quote,
            "number status customer_id quote_date valid_until currency customer_reference salesperson freight discount"
            " tax total custom",
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
            " discount tax total custom",
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
            "number kind order_id customer_id credits_id invoice_date due_date currency freight discount net tax total"
            " outstanding status days_overdue as_of",
            stream="invoice",
        ),
        _shape(InvoiceLine, "key product_id quantity unit_price discount_percent description amount tax"),
        "invoice_id",
    ),
    "payment": Stream(
        "payment",
        _shape(
            Payment,
            "number customer_id payment_date currency amount reference unapplied refunded refunds_id refunds_note_id"
            " status",
            stream="payment",
        ),
        _shape(Allocation, "key invoice_id amount invoice_amount invoice_currency"),
        "payment_id",
        holds=holds(),
    ),
}
#: The streams that others may write.
WRITABLE = tuple(_OWNED)
#: The streams of which time alone makes news.
AGEING = ("invoice",)


@lru_cache(maxsize=256)
def narrow(name: str, fields: tuple[str, ...], line_fields: tuple[str, ...] | None) -> Stream:
    """A stream with these fields only, and without lines when None of theirs are asked for. No fields: all of it."""
    stream = STREAMS[name]
    if not fields:
        return stream
    lines = None
    if stream.lines is not None and line_fields is not None:
        lines = stream.lines.narrow(frozenset(("key", *line_fields)))
    return replace(stream, shape=stream.shape.narrow(frozenset(fields)), lines=lines)
