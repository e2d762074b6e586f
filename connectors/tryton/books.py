"""Invoices and payments as Tryton's books have them. They are only read: nobody but Tryton posts.

An outgoing invoice with a negative total is a credit note. A payment is a line on the receivable account that no
invoice made: Tryton books one for each invoice that a payment pays, so each pays at most one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.tryton.rpc import Rpc
from connectors.tryton.streams import STAMP, Stream, Watched, children, described, given, one, record_of, stamped
from connectors.tryton.values import Row
from isthmus.kernel.records import Fields, Record

_ZERO = Decimal(0)
STATUSES = ("open", "partly_paid", "paid", "cancelled")
INVOICE_COLUMNS = (
    "number", "state", "party", "currency.code", "invoice_date", "untaxed_amount", "tax_amount", "total_amount",
    "amount_to_pay", "sales", "lines_to_pay.maturity_date", "payment_lines", "cancel_move", *STAMP,
    *stamped("lines", "type", "product", "quantity", "unit_price", "description", "amount", "origin"),
)  # fmt: skip
PAYMENT_COLUMNS = (
    "move.number", "date", "party", "debit", "credit", "second_currency.code", "currency.code",
    "amount_second_currency",
    "description", "reconciliation", "invoice_payment", "invoice_payment.currency.code", "move.description", *STAMP,
)  # fmt: skip
#: What a company's bank or cash account books against its customers; opening balances are no payments.
_PAID = ["journal.type", "in", ["cash", "bank", "statement"]]


def invoices() -> Stream:
    """The stream of posted customer invoices and credit notes."""
    amounts = ("net", "tax", "total", "outstanding")
    return Stream(
        "invoice", "account.invoice", INVOICE_COLUMNS, _invoices,
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
        (Watched("account.move.line", "invoice_payment", (["invoice_payment", "!=", None],)),),
    )  # fmt: skip


def payments() -> Stream:
    """The stream of what customers paid, and got back."""
    return Stream(
        "payment", "account.move.line", PAYMENT_COLUMNS, _payments,
        described(
            given("number"), given("customer_id", "reference"), given("payment_date", "date"),
            given("currency", "reference"), given("amount", "number"), given("unapplied", "number"),
            given("reference"),
            given("status", "picklist", values=("posted", "reversed"), restricted=True),
        ),
        {line.name: line for line in (given("key"), given("invoice_id", "reference"), given("amount", "number"))},
        (["account.type.receivable", "=", True], ["party", "!=", None], ["move_state", "=", "posted"], _PAID),
    )  # fmt: skip


def _invoices(rpc: Rpc, rows: list[Row]) -> list[Record]:
    today = rpc.ports.clock.now().date()
    credited = _credited(rpc, rows)
    return [
        record_of(rpc, row, _invoice(row, today, credited), lines=[_line(it) for it in _goods(row)], also=("lines",))
        for row in rows
    ]


def _invoice(row: Row, today: date, credited: dict[int, str]) -> Fields:
    due = min((str(it["maturity_date"]) for it in children(row, "lines_to_pay") if it["maturity_date"]), default=None)
    status = _status(row)
    days = (today - date.fromisoformat(due)).days if due and status in ("open", "partly_paid") else 0
    sales: Sequence[int] = row["sales"] or ()
    return {
        "number": row["number"],
        "kind": "credit_note" if row["total_amount"] < 0 else "invoice",
        "customer_id": str(row["party"]),
        "order_id": str(sales[0]) if len(sales) == 1 else None,
        "credits_id": credited.get(int(row["id"])),
        "invoice_date": row["invoice_date"],
        "due_date": due,
        "currency": one(row, "currency", "code"),
        "status": status,
        "net": abs(row["untaxed_amount"]),
        "tax": abs(row["tax_amount"]),
        "total": abs(row["total_amount"]),
        "outstanding": abs(row["amount_to_pay"]) if row["state"] == "posted" else _ZERO,
        "days_overdue": max(days, 0),
        "as_of": today.isoformat(),
    }


def _status(row: Row) -> str:
    if row["state"] in ("paid", "cancelled"):
        return str(row["state"])
    return "partly_paid" if abs(row["amount_to_pay"]) < abs(row["total_amount"]) else "open"


def _goods(row: Row) -> list[Row]:
    return [it for it in children(row, "lines") if it["type"] == "line"]


def _line(row: Row) -> Fields:
    return {
        "key": str(row["id"]),
        "product_id": str(row["product"]) if row["product"] else None,
        "description": row["description"] or None,
        "quantity": Decimal(str(row["quantity"])),
        "unit_price": row["unit_price"],
        "amount": row["amount"],
    }


def _credited(rpc: Rpc, rows: list[Row]) -> dict[int, str]:
    """Credit note → the invoice that its lines come from, where it is one."""
    origins = {
        int(row["id"]): {
            it["origin"] for it in _goods(row) if str(it["origin"] or "").startswith("account.invoice.line,")
        }
        for row in rows
        if row["total_amount"] < 0
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


def _payments(rpc: Rpc, rows: list[Row]) -> list[Record]:
    return [_payment(rpc, row) for row in rows]


def _payment(rpc: Rpc, row: Row) -> Record:
    currency, amount = _paid(row)
    lines: list[Fields] = []
    if row["invoice_payment"]:
        lines.append({"key": str(row["id"]), "invoice_id": str(row["invoice_payment"]), "amount": amount})
    is_applied = bool(lines) or bool(row["reconciliation"])
    fields: Fields = {
        "number": f"{one(row, 'move', 'number')}-{row['id']}",
        "customer_id": str(row["party"]),
        "payment_date": row["date"],
        "currency": currency,
        "amount": amount,
        "unapplied": _ZERO if is_applied else amount,
        "reference": row["description"] or one(row, "move", "description"),
        "status": "posted",
    }
    return record_of(rpc, row, fields, lines=lines)


def _paid(row: Row) -> tuple[str, Decimal]:
    """Currency and amount of a payment; less than nothing is paid back."""
    second: Any = row["amount_second_currency"]
    if second is not None:
        return str(one(row, "second_currency", "code")), -second
    return str(one(row, "currency", "code")), row["credit"] - row["debit"]
