"""Quotes and orders: both are sales of Tryton, told apart by the reference that we give them.

A quote is quoted and stays so; an order is quoted and confirmed. What Tryton will not confirm for the customer's credit
stays a quotation there, and is told as held.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from connectors.tryton.config import Config
from connectors.tryton.rpc import Rpc
from connectors.tryton.streams import STAMP, Stream, Watched, children, described, field, given, one, record_of, stamped
from connectors.tryton.values import Row
from isthmus.kernel.records import Fields, Record

STATUSES = ("draft", "confirmed", "held", "partly_invoiced", "invoiced", "closed", "cancelled")
QUOTE_STATUSES = ("draft", "open", "accepted", "expired", "cancelled")
#: Lines without a product: amounts of the whole document.
EXTRAS = {"freight": "Freight", "discount": "Discount"}
ROUNDING = "Rounding"  # what Tryton's way of rounding lines leaves out
_PLACE = ("street", "city", "postal_code", "country.code")
_LINE = ("type", "product", "quantity", "unit_price", "description", "note", "sequence", "taxes", "amount")
COLUMNS = (
    "number", "reference", "state", "invoice_state", "shipment_state", "party", "currency.code", "currency",
    "sale_date", "quotation_date", "quotation_expire", "untaxed_amount", "tax_amount", "total_amount", *STAMP,
    *(f"{name}.{part}" for name in ("invoice_address", "shipment_address") for part in _PLACE),
    *stamped("lines", *_LINE),
)  # fmt: skip
_PLACES = {"bill_to": "invoice_address", "ship_to": "shipment_address"}


def reference_field(config: Config) -> str:
    """Where a sale carries our reference: a unique field if the small module is there, else its description."""
    return config.reference or "description"


def reference(stream: str, key: str) -> str:
    """What stands there."""
    return f"{stream}:{key}"


def orders(config: Config) -> Stream:
    """The stream of orders: every sale that is not one of our quotes."""
    name = reference_field(config)
    domain = (["OR", [name, "=", None], [name, "not like", "quote:%"]],)
    header = (field("customer_id", "reference", required=True), field("order_date", "date"),
              field("customer_reference"), given("status", "picklist", values=STATUSES, restricted=True),
              given("hold_reason"))  # fmt: skip
    return _sales("order", domain, header, make=_order_records)


def quotes(config: Config) -> Stream:
    """The stream of quotes."""
    header = (field("customer_id", "reference", required=True), field("quote_date", "date"),
              field("valid_until", "date"), field("customer_reference"),
              given("status", "picklist", values=QUOTE_STATUSES, restricted=True))  # fmt: skip
    return _sales("quote", ([reference_field(config), "like", "quote:%"],), header, make=_quote_records)


def _sales(name: str, domain: tuple[Any, ...], header: Sequence[Any], *, make: Any) -> Stream:
    shared = (
        field("currency", "reference", required=True), field("freight", "number"), field("discount", "number"),
        *(field(f"{group}.{part}") for group in _PLACES for part in ("street", "city", "postal_code", "country")),
        given("number", unique=True), given("net", "number"), given("tax", "number"), given("total", "number"),
    )  # fmt: skip
    lines = (
        field("key"), field("product_id", "reference"), field("quantity", "number"),
        field("unit_price", "number", decimals=4), field("description"), given("amount", "number"),
    )  # fmt: skip
    return Stream(
        name, "sale.sale", COLUMNS, make, described(*header, *shared), {one.name: one for one in lines},
        domain, (Watched("sale.line", "sale"),),
    )  # fmt: skip


def _order_records(rpc: Rpc, rows: list[Row]) -> list[Record]:
    return [_record(rpc, row, {**_fields(row), **_order_fields(row)}) for row in rows]


def _quote_records(rpc: Rpc, rows: list[Row]) -> list[Record]:
    today = rpc.ports.clock.now().date().isoformat()
    return [_record(rpc, row, {**_fields(row), **_quote_fields(row, today)}) for row in rows]


def _record(rpc: Rpc, row: Row, fields: Fields) -> Record:
    return record_of(rpc, row, fields, lines=[_line(it) for it in product_lines(row)], also=("lines",))


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
    return {"order_date": row["sale_date"], "status": status, "hold_reason": _hold_reason(row, status)}


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


def _quote_fields(row: Row, today: str) -> Fields:
    expires = row["quotation_expire"]
    status = {"draft": "draft", "quotation": "open", "cancelled": "cancelled"}.get(row["state"], "accepted")
    if status == "open" and expires and expires < today:
        status = "expired"
    return {"quote_date": row["quotation_date"], "valid_until": expires, "status": status}


def _place(row: Row, across: str) -> Fields:
    address = row.get(f"{across}.") or {}
    country = (address.get("country.") or {}).get("code")
    return {"street": address.get("street") or None, "city": address.get("city") or None,
            "postal_code": address.get("postal_code") or None, "country": country}  # fmt: skip


def product_lines(row: Row) -> list[Row]:
    """The lines of goods, in order."""
    found = [it for it in children(row, "lines") if it["type"] == "line" and it["product"]]
    return sorted(found, key=lambda it: (it["sequence"] is None, it["sequence"] or 0, it["id"]))


def _extra(row: Row, title: str) -> Decimal | None:
    mine = [
        it for it in children(row, "lines") if it["type"] == "line" and not it["product"] and it["description"] == title
    ]
    return abs(sum((it["amount"] for it in mine), Decimal(0))) if mine else None


def _line(row: Row) -> Fields:
    return {
        "key": row["note"] or str(row["id"]),
        "product_id": str(row["product"]),
        "quantity": Decimal(str(row["quantity"])),
        "unit_price": row["unit_price"],
        "description": row["description"] or None,
        "amount": row["amount"],
    }


# --- writing ------------------------------------------------------------------------------------------------------


def validity(quoted: str | None, until: str | None) -> timedelta | None:
    """How long a quotation is valid, as Tryton keeps it."""
    if not (quoted and until):
        return None
    return date.fromisoformat(until) - date.fromisoformat(quoted)
