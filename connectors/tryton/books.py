"""Invoices as Tryton's books have them. They are only read: nobody but Tryton posts.

An outgoing invoice with a negative total is a credit note.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from connectors.tryton.rpc import Rpc
from connectors.tryton.streams import (
    STAMP,
    Stream,
    Watched,
    children,
    described,
    given,
    needed_by,
    one,
    record_of,
    stamped,
)
from connectors.tryton.values import Row
from isthmus.kernel.records import Fields, Record

_ZERO = Decimal(0)
STATUSES = ("open", "partly_paid", "paid", "cancelled")
_LINE = ("type", "product", "quantity", "unit_price", "description", "amount", "origin")
COLUMNS = (
    "number", "state", "party", "currency.code", "invoice_date", "untaxed_amount", "tax_amount", "total_amount",
    "amount_to_pay", "sales", "lines_to_pay.maturity_date", *STAMP, *stamped("lines", *_LINE),
)  # fmt: skip
DEAR = {
    **needed_by(["untaxed_amount"], "net"), **needed_by(["tax_amount"], "tax"),
    **needed_by(["total_amount"], "net", "tax", "total", "outstanding", "kind", "credits_id", "status", "days_overdue",
                "lines"),
    **needed_by(["amount_to_pay"], "outstanding", "status", "days_overdue"),
    **needed_by((f"lines.{name}" for name in _LINE), "lines", "credits_id"),
}  # fmt: skip


def invoices() -> Stream:
    """The stream of posted customer invoices and credit notes."""
    amounts = ("net", "tax", "total", "outstanding")
    return Stream(
        "invoice", "account.invoice", COLUMNS, _invoices,
        described(
            given("number", unique=True), given("kind", "picklist", values=("invoice", "credit_note"), restricted=True),
            given("customer_id", "reference"), given("order_id", "reference"), given("credits_id", "reference"),
            given("invoice_date", "date"), given("due_date", "date"), given("currency", "reference"),
            given("status", "picklist", values=STATUSES, restricted=True), given("days_overdue", "number"),
            given("as_of", "date"), *(given(name, "number") for name in amounts),
        ),
        {
            line.name: line
            for line in (
                given("key"), given("product_id", "reference"), given("description"), given("quantity", "number"),
                given("unit_price", "number"), given("amount", "number"),
            )
        },
        (["type", "=", "out"], ["number", "!=", None], ["state", "in", ["posted", "paid", "cancelled"]]),
        (Watched("account.move.line", "invoice_payment", (["invoice_payment", "!=", None],)),), dear=DEAR,
    )  # fmt: skip


def _invoices(rpc: Rpc, rows: list[Row]) -> list[Record]:
    today = rpc.day_of(rpc.ports.clock.now())
    credited = _credited(rpc, rows)
    return [record_of(rpc, row, _invoice(row, today, credited), lines=_lines(row), also=("lines",)) for row in rows]


def _invoice(row: Row, today: date, credited: dict[int, str]) -> Fields:
    due = min((str(it["maturity_date"]) for it in children(row, "lines_to_pay") if it["maturity_date"]), default=None)
    status = _status(row)
    days = (today - date.fromisoformat(due)).days if due and status in ("open", "partly_paid") else 0
    sales: Sequence[int] = row["sales"] or ()
    return {
        "number": row["number"],
        "kind": "credit_note" if _is_note(row) else "invoice",
        "customer_id": str(row["party"]),
        "order_id": str(sales[0]) if len(sales) == 1 else None,
        "credits_id": credited.get(int(row["id"])),
        "invoice_date": row["invoice_date"],
        "due_date": due,
        "currency": one(row, "currency", "code"),
        "status": status,
        "net": _told(row, "untaxed_amount"),
        "tax": _told(row, "tax_amount"),
        "total": _told(row, "total_amount"),
        "outstanding": _told(row, "amount_to_pay") if row["state"] == "posted" else _ZERO,
        "days_overdue": max(days, 0),
        "as_of": today.isoformat(),
    }


def _status(row: Row) -> str:
    if row["state"] in ("paid", "cancelled"):
        return str(row["state"])
    total, left = _told(row, "total_amount"), _told(row, "amount_to_pay")
    if left <= _ZERO < total:
        return "paid"
    return "partly_paid" if left < total else "open"


def _is_note(row: Row) -> bool:
    return (row["total_amount"] or _ZERO) < 0


def _told(row: Row, name: str) -> Decimal:
    """An amount as its kind of document tells it; what was not asked for counts as nothing, and is not shown.

    Tryton keeps those of a credit note below zero, and what was paid too much of an invoice.
    """
    amount: Decimal = row[name] or _ZERO
    return -amount if _is_note(row) else amount


def _goods(row: Row) -> list[Row]:
    return [it for it in children(row, "lines") if it.get("type") == "line"]


def _lines(row: Row) -> list[Fields]:
    return [_line(it, -1 if _is_note(row) else 1) for it in _goods(row)]


def _line(row: Row, sign: int) -> Fields:
    return {
        "key": str(row["id"]),
        "product_id": str(row["product"]) if row["product"] else None,
        "description": row["description"] or None,
        "quantity": sign * Decimal(str(row["quantity"])),
        "unit_price": row["unit_price"],
        "amount": sign * row["amount"],
    }


def _credited(rpc: Rpc, rows: list[Row]) -> dict[int, str]:
    """Credit note → the invoice that its lines come from, where it is one."""
    origins = {
        int(row["id"]): {
            it["origin"] for it in _goods(row) if str(it["origin"] or "").startswith("account.invoice.line,")
        }
        for row in rows
        if _is_note(row)
    }
    ids = sorted({int(origin.partition(",")[2]) for found in origins.values() for origin in found})
    lines = rpc.search_read("account.invoice.line", [["id", "in", ids]], ["invoice"]) if ids else []
    invoice = {f"account.invoice.line,{it['id']}": it["invoice"] for it in lines}
    found: dict[int, str] = {}
    for note, told in origins.items():
        made = {invoice[origin] for origin in told if invoice.get(origin)}
        if len(made) == 1:
            found[note] = str(made.pop())
    return found
