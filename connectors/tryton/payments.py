"""Payments as Tryton's books have them: lines of cash, bank and statement journals on receivable accounts. Only read.

Where Tryton itself was told what a payment is for, it books a line for each invoice. Else a clerk reconciles a line
with open items, as many as he likes: it pays the oldest first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import product

from connectors.tryton.rpc import Rpc
from connectors.tryton.streams import STAMP, Stream, described, given, one, record_of
from connectors.tryton.values import Row
from isthmus.kernel.records import Fields, Record

_ZERO = Decimal(0)
_AMOUNTS = ("debit", "credit", "amount_second_currency", "second_currency.code", "currency.code")
COLUMNS = (
    "move.number", "date", "party", "description", "reconciliation", "invoice_payment", "move.description",
    *_AMOUNTS, *STAMP,
)  # fmt: skip
_ITEM = ("date", "maturity_date", "reconciliation", "invoice_payment", "move_origin", *_AMOUNTS)
#: What a company's bank or cash account books against its customers; opening balances are no payments.
_PAID = ["journal.type", "in", ["cash", "bank", "statement"]]
_INVOICE = "account.invoice,"

Shares = Mapping[int, Sequence[tuple[str, Decimal]]]  # payment → invoices and what it pays of each


def payments() -> Stream:
    """The stream of what customers paid, and got back."""
    return Stream(
        "payment", "account.move.line", COLUMNS, _payments,
        described(
            given("number"), given("customer_id", "reference"), given("payment_date", "date"),
            given("currency", "reference"), given("amount", "number"), given("unapplied", "number"),
            given("reference"),
            given("status", "picklist", values=("posted", "reversed"), restricted=True),
        ),
        {line.name: line for line in (given("key"), given("invoice_id", "reference"), given("amount", "number"))},
        (["account.type.receivable", "=", True], ["party", "!=", None], ["move_state", "=", "posted"], _PAID),
    )  # fmt: skip


def _payments(rpc: Rpc, rows: list[Row]) -> list[Record]:
    shares = _shares(rpc, rows)
    return [_payment(rpc, row, shares.get(int(row["id"]), ())) for row in rows]


def _payment(rpc: Rpc, row: Row, shares: Sequence[tuple[str, Decimal]]) -> Record:
    currency, amount = _currency(row), -_worth(row)
    if row["invoice_payment"]:
        shares = [(str(row["invoice_payment"]), amount)]
    fields: Fields = {
        "number": f"{one(row, 'move', 'number')}-{row['id']}",
        "customer_id": str(row["party"]),
        "payment_date": row["date"],
        "currency": currency,
        "amount": amount,
        "unapplied": _ZERO if shares or row["reconciliation"] else amount,
        "reference": row["description"] or one(row, "move", "description"),
        "status": "posted",
    }
    lines = [{"key": f"{row['id']}-{invoice}", "invoice_id": invoice, "amount": part} for invoice, part in shares]
    return record_of(rpc, row, fields, lines=lines)


def _currency(row: Row) -> str:
    return str(one(row, "second_currency" if row["amount_second_currency"] is not None else "currency", "code"))


def _worth(row: Row) -> Decimal:
    """What the customer owes by this line, in its currency; less than nothing is paid."""
    second: Decimal | None = row["amount_second_currency"]
    owed: Decimal = row["debit"] - row["credit"] if second is None else second
    return owed


def _shares(rpc: Rpc, rows: Sequence[Row]) -> Shares:
    """What the payments pay that a clerk reconciled by hand: one call a page, none where nobody did."""
    loose = {int(row["reconciliation"]) for row in rows if row["reconciliation"] and not row["invoice_payment"]}
    if not loose:
        return {}
    groups: dict[int, list[Row]] = defaultdict(list)
    for row in rpc.search_read("account.move.line", [["reconciliation", "in", sorted(loose)]], _ITEM):
        groups[int(row["reconciliation"])].append(row)
    return {payment: told for group in groups.values() for payment, told in share_out(group).items()}


def share_out(group: Sequence[Row]) -> dict[int, list[tuple[str, Decimal]]]:
    """The lines of one reconciliation → what each payment pays of each invoice, less than nothing if it pays back.

    Nothing where currencies meet: nobody can say in which one of them a part was paid.
    """
    if len({_currency(row) for row in group}) > 1:
        return {}
    open_ = {int(row["id"]): _worth(row) for row in group}
    found: dict[int, list[tuple[str, Decimal]]] = defaultdict(list)
    for payment, item in _meetings(group):
        pays, owes = open_[payment["id"]], open_[item["id"]]
        if pays * owes < 0:
            part = min(abs(pays), abs(owes)).copy_sign(owes)
            open_[payment["id"]], open_[item["id"]] = pays + part, owes - part
            found[int(payment["id"])].append((_invoice_of(item), part))
    return found


def _meetings(group: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Each payment with each item, in the order in which they are settled: what was paid for one invoice goes there."""
    items = sorted((row for row in group if _invoice_of(row)), key=lambda row: (_due(row), row["id"]))
    others = [row for row in group if not _invoice_of(row)]
    others.sort(key=lambda row: (not row["invoice_payment"], row["date"], row["id"]))
    for payment, item in product(others, items):
        if not payment["invoice_payment"] or str(payment["invoice_payment"]) == _invoice_of(item):
            yield payment, item


def _invoice_of(row: Row) -> str:
    """The invoice that made this open item; empty for what none did."""
    origin = str(row["move_origin"] or "")
    return origin.removeprefix(_INVOICE) if origin.startswith(_INVOICE) else ""


def _due(row: Row) -> str:
    return str(row["maturity_date"] or row["date"])
