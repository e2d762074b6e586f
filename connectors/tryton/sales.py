"""Quotes and orders: both are sales of Tryton, told apart by the reference that we give them.

A quote is quoted and stays so, and is accepted when an order names it; an order is quoted and confirmed. What Tryton
will not confirm for the customer's credit stays a quotation there, and is told as held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from connectors.tryton.config import Config
from connectors.tryton.pricing import told_by
from connectors.tryton.rpc import Rpc
from connectors.tryton.streams import (
    STAMP,
    Stream,
    Watched,
    children,
    described,
    field,
    given,
    needed_by,
    one,
    record_of,
    stamped,
)
from connectors.tryton.values import Row
from isthmus.kernel.records import Fields, Record

STATUSES = ("draft", "confirmed", "held", "partly_invoiced", "invoiced", "closed", "cancelled")
#: An order names its quote as its origin; a sale's origin can only be another sale.
_NAMES_ONE = ["origin", "like", "sale.sale,%"]
QUOTE_STATUSES = ("draft", "open", "accepted", "expired", "cancelled")
#: Lines without a product: amounts of the whole document.
EXTRAS = {"freight": "Freight", "discount": "Discount"}
ROUNDING = "Rounding"  # what Tryton's way of rounding a line leaves out; its note is the key of that line
_PLACE = ("street", "city", "postal_code", "country.code")
_LINE = ("type", "product", "quantity", "unit_price", "description", "note", "sequence", "amount")
COLUMNS = (
    "number", "reference", "state", "invoice_state", "party", "currency.code", "origin", "sale_date",
    "quotation_date", "quotation_expire", "untaxed_amount", "tax_amount", "total_amount", *STAMP,
    *(f"{name}.{part}" for name in ("invoice_address", "shipment_address") for part in _PLACE),
    "invoice_party", "shipment_party",
    *stamped("lines", *_LINE),
)  # fmt: skip
_PLACES = {"bill_to": "invoice", "ship_to": "shipment"}
#: Tryton works out amounts when they are asked for, and brings along lines and addresses row by row.
DEAR = {
    **needed_by(["untaxed_amount"], "net"), **needed_by(["tax_amount"], "tax"), **needed_by(["total_amount"], "total"),
    **needed_by((f"lines.{name}" for name in _LINE), "lines", *EXTRAS),
    **{column: need for name, across in _PLACES.items()
       for column, need in needed_by((f"{across}_address.{part}" for part in _PLACE), name).items()},
}  # fmt: skip


def reference_field(config: Config) -> str:
    """Where a sale carries our reference: a unique field if the small module is there, else its description."""
    return config.reference or "description"


def reference(stream: str, key: str) -> str:
    """What stands there."""
    return f"{stream}:{quote(key)}"


def orders(config: Config) -> Stream:
    """The stream of orders: every sale that is not one of our quotes."""
    name = reference_field(config)
    domain = (["OR", [name, "=", None], [name, "not like", "quote:%"]],)
    header = (field("customer_id", "reference", required=True), field("quote_id", "reference"),
              field("order_date", "date"), field("customer_reference"), given("hold_reason"),
              given("status", "picklist", values=STATUSES, restricted=True))  # fmt: skip
    return _sales("order", domain, header, make=_order_records)


def quotes(config: Config) -> Stream:
    """The stream of quotes."""
    header = (field("customer_id", "reference", required=True), field("quote_date", "date"),
              field("valid_until", "date"), field("customer_reference"),
              given("status", "picklist", values=QUOTE_STATUSES, restricted=True))  # fmt: skip
    stream = _sales("quote", ([reference_field(config), "like", "quote:%"],), header, make=_quote_records)
    return replace(stream, watched=(*stream.watched, Watched("sale.sale", "origin", (_NAMES_ONE,))))


def _sales(name: str, domain: tuple[Any, ...], header: Sequence[Any], *, make: Any) -> Stream:
    shared = (
        field("currency", "reference", required=True), field("freight", "number"), field("discount", "number"),
        *(field(f"{group}.{part}") for group in _PLACES for part in ("street", "city", "postal_code", "country")),
        given("number", unique=True), given("net", "number"), given("tax", "number"), given("total", "number"),
    )  # fmt: skip
    lines = (
        field("key"), field("product_id", "reference"), field("quantity", "number"),
        field("unit_price", "number", decimals=4), field("discount_percent", "number"), field("description"),
        field("amount", "number"),
    )  # fmt: skip
    return Stream(
        name, "sale.sale", COLUMNS, make, described(*header, *shared), {one.name: one for one in lines},
        domain, (Watched("sale.line", "sale"),), dear=DEAR,
    )  # fmt: skip


def _order_records(rpc: Rpc, rows: list[Row]) -> list[Record]:
    return [_record(rpc, row, {**_fields(row), **_order_fields(row)}) for row in rows]


def _quote_records(rpc: Rpc, rows: list[Row]) -> list[Record]:
    today = rpc.day_of(rpc.ports.clock.now()).isoformat()
    named = _named_by_orders(rpc, [f"sale.sale,{row['id']}" for row in rows])
    return [_record(rpc, row, {**_fields(row), **_quote_fields(row, today, named)}) for row in rows]


def _named_by_orders(rpc: Rpc, quotes: Sequence[str]) -> set[str]:
    """Which of the quotes a live order names: one call a page."""
    domain = [["origin", "in", list(quotes)], ["state", "!=", "cancelled"]]
    return {str(row["origin"]) for row in rpc.search_read("sale.sale", domain, ["origin"])} if quotes else set()


def _record(rpc: Rpc, row: Row, fields: Fields) -> Record:
    rounding: dict[str, Decimal] = defaultdict(Decimal)
    for it in _texts(row, ROUNDING):
        rounding[it["note"]] += it["amount"]
    return record_of(rpc, row, fields, lines=[_line(it, rounding) for it in product_lines(row)], also=("lines",))


def _fields(row: Row) -> Fields:
    extras = {name: _extra(row, title) for name, title in EXTRAS.items()}
    places = {name: _place(row, across) for name, across in _PLACES.items()}
    return {
        "customer_id": str(row["party"]),
        "currency": one(row, "currency", "code"),
        "customer_reference": row["reference"],
        "number": row["number"],
        "net": row["untaxed_amount"],
        "tax": row["tax_amount"],
        "total": row["total_amount"],
        "line_ids": [str(it["id"]) for it in children(row, "lines")],
        **extras,
        **places,
    }


def _order_fields(row: Row) -> Fields:
    status = _status(row)
    quote = str(row["origin"] or "").partition(",")[2]
    return {
        "quote_id": quote or None,
        "order_date": row["sale_date"],
        "status": status,
        "hold_reason": _hold_reason(row, status),
    }


def _status(row: Row) -> str:
    """Tryton's states of sale and invoices as one word."""
    state, invoiced = row["state"], row["invoice_state"]
    if state in ("draft", "cancelled"):
        return str(state)
    if state in ("quotation", "confirmed"):
        return "held"
    if state == "done":
        return "closed"
    return "invoiced" if invoiced in ("awaiting payment", "partially paid", "paid") else "confirmed"


def _hold_reason(row: Row, status: str) -> str | None:
    if status != "held":
        return None
    if row["state"] == "confirmed":
        return "Tryton confirmed it but has not processed it; see Administration > Errors there"
    return "Tryton has not confirmed it: the customer's credit limit or dunning"


def _quote_fields(row: Row, today: str, named: Collection[str]) -> Fields:
    expires = row["quotation_expire"]
    status = {"draft": "draft", "quotation": "open", "cancelled": "cancelled"}.get(row["state"], "accepted")
    if status == "open" and f"sale.sale,{row['id']}" in named:
        status = "accepted"
    elif status == "open" and expires and expires < today:
        status = "expired"
    return {"quote_date": row["quotation_date"], "valid_until": expires, "status": status}


def _place(row: Row, across: str) -> Fields:
    """Where invoice or goods go, if the sale itself says so: else it is the customer's usual address."""
    address = row.get(f"{across}_address.") if row[f"{across}_party"] else None
    if not address:
        return dict.fromkeys(("street", "city", "postal_code", "country"))
    found = {name: address.get(name) or None for name in ("street", "city", "postal_code")}
    return {**found, "country": one(address, "country", "code")}


def product_lines(row: Row) -> list[Row]:
    """The lines of goods, in order."""
    found = [it for it in children(row, "lines") if it.get("type") == "line" and it["product"]]
    return sorted(found, key=lambda it: (it["sequence"] is None, it["sequence"] or 0, it["id"]))


def _extra(row: Row, title: str) -> Decimal | None:
    mine = _texts(row, title)
    return abs(sum((it["amount"] for it in mine), Decimal(0))) if mine else None


def _texts(row: Row, title: str) -> list[Row]:
    """Lines without a product, of this text."""
    texts = (it for it in children(row, "lines") if it.get("type") == "line" and not it["product"])
    return [it for it in texts if it["description"] == title]


def _line(row: Row, rounding: Mapping[str, Decimal]) -> Fields:
    key, price, percent = told_by(row["note"], row["unit_price"])
    return {
        "key": key or str(row["id"]),
        "product_id": str(row["product"]),
        "quantity": Decimal(str(row["quantity"])),
        "unit_price": price,
        "discount_percent": percent,
        "description": row["description"] or None,
        "amount": row["amount"] + rounding.get(key or "", 0),
    }


# --- writing ------------------------------------------------------------------------------------------------------


def validity(quoted: str | None, until: str | None) -> timedelta | None:
    """How long a quotation is valid, as Tryton keeps it."""
    if not (quoted and until):
        return None
    return date.fromisoformat(until) - date.fromisoformat(quoted)
