"""What Tryton books comes back: invoices, credit notes, payments, and how a customer stands."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from isthmus.kernel.records import Record
from isthmus.kernel.selection import Selection
from tests.tryton.erp import Erp, order, quote

TEN = timedelta(minutes=10)


def all_of(erp: Erp, stream: str, **fields: Any) -> list[Record]:
    """The records of a stream whose fields have these values."""
    pages = erp.connector.read(Selection(stream, ()), None, TEN)
    records = [record for page in pages for record in page.records]
    return [record for record in records if all(record.fields[name] == value for name, value in fields.items())]


def credit(erp: Erp, party: str) -> dict[str, Any]:
    return erp.one("credit_status", party).fields


def test_an_invoice_its_payments_and_its_end(erp: Erp) -> None:
    party, item = erp.customer(), erp.product()
    sale = erp.order(party, item, quantity="10")
    assert erp.one("order", sale).fields["status"] == "confirmed"
    invoice = erp.bill(sale)
    shown = erp.one("invoice", invoice)
    told = {
        name: shown.fields[name]
        for name in ("kind", "customer_id", "order_id", "credits_id", "invoice_date", "currency")
    }
    links = {"customer_id": party, "order_id": sale, "credits_id": None}
    assert told == {**links, "kind": "invoice", "invoice_date": erp.day(), "currency": "EUR"}
    assert money(shown) == ("open", Decimal(100), Decimal(19), Decimal(119), Decimal(119))
    assert shown.fields["due_date"] == erp.day(30)
    [goods] = shown.lines or []
    assert (goods["product_id"], goods["quantity"], goods["amount"]) == (item, 10, Decimal(100))
    assert erp.one("order", sale).fields["status"] == "invoiced"
    assert erp.connector.posted("order", [sale]) == {sale}

    erp.pay(invoice, "50.00")
    assert money(erp.one("invoice", invoice)) == ("partly_paid", Decimal(100), Decimal(19), Decimal(119), Decimal(69))
    erp.pay(invoice, "69.00")
    assert money(erp.one("invoice", invoice)) == ("paid", Decimal(100), Decimal(19), Decimal(119), Decimal(0))
    payments = all_of(erp, "payment", customer_id=party)
    assert sorted(one.fields["amount"] for one in payments) == [Decimal(50), Decimal(69)]
    for one in payments:
        assert one.fields["payment_date"] == erp.day()
        assert one.fields["unapplied"] == 0
        assert [(it["invoice_id"], it["amount"]) for it in one.lines or ()] == [(invoice, one.fields["amount"])]
    assert len({one.fields["number"] for one in payments}) == 2


def test_a_payment_that_a_clerk_reconciles_pays_several_invoices(erp: Erp) -> None:
    party, item = erp.customer(), erp.product()
    invoices = [erp.bill(erp.order(party, item, quantity=quantity)) for quantity in ("6", "4")]
    erp.receive(party, "119.00")
    [payment] = all_of(erp, "payment", customer_id=party)
    assert (payment.fields["amount"], payment.fields["unapplied"]) == (Decimal(119), Decimal(0))
    assert [(line["invoice_id"], line["amount"]) for line in payment.lines or ()] == [
        (invoices[0], Decimal("71.40")), (invoices[1], Decimal("47.60"))
    ]  # fmt: skip
    assert [money(erp.one("invoice", one))[0] for one in invoices] == ["paid", "paid"]


def money(invoice: Record) -> tuple[str, Decimal, Decimal, Decimal, Decimal]:
    fields = invoice.fields
    return (fields["status"], fields["net"], fields["tax"], fields["total"], fields["outstanding"])


def test_a_credit_note_names_the_invoice_that_it_credits(erp: Erp) -> None:
    invoice = erp.bill(erp.order(erp.customer(), erp.product()))
    note = erp.one("invoice", erp.credit(invoice))
    assert (note.fields["kind"], note.fields["credits_id"]) == ("credit_note", invoice)
    assert money(note) == ("open", Decimal(10), Decimal("1.90"), Decimal("11.90"), Decimal("11.90"))
    assert [(line["quantity"], line["amount"]) for line in note.lines or ()] == [(1, 10)], "they add up to its net"


def test_drafts_and_opening_balances_are_neither_invoice_nor_payment(erp: Erp) -> None:
    party = erp.customer()
    erp.order(party, erp.product())
    erp.owes(party, "70.00", erp.day(-1))
    assert all_of(erp, "invoice", customer_id=party) == []
    assert all_of(erp, "payment", customer_id=party) == []


def test_what_is_open_is_told_by_age(erp: Erp) -> None:
    party = erp.customer()
    for amount, days in (
        ("1.00", -5),
        ("2.00", 0),
        ("4.00", 1),
        ("8.00", 30),
        ("16.00", 31),
        ("32.00", 61),
        ("64.00", 91),
    ):
        erp.owes(party, amount, erp.day(-days))
    shown = credit(erp, party)
    buckets = ("not_due", "overdue_1_30", "overdue_31_60", "overdue_61_90", "overdue_over_90")
    assert [shown[name] for name in buckets] == [3, 12, 16, 32, 64]
    assert (shown["outstanding"], shown["overdue"], shown["exposure"]) == (127, 124, 127)
    assert (shown["oldest_due_date"], shown["days_overdue"]) == (erp.day(-91), 91)
    assert (shown["limit"], shown["available"], shown["status"]) == (None, None, "ok")


@pytest.mark.parametrize(
    ("limit", "status", "available"),
    [("200.00", "ok", "80.00"), ("150.00", "warning", "30.00"), ("120.00", "hold", "0.00"), ("0", "hold", "-120.00")],
)
def test_no_limit_is_not_a_limit_of_nothing(erp: Erp, limit: str, status: str, available: str) -> None:
    party = erp.customer()
    erp.owes(party, "20.00", erp.day(9))
    erp.order(party, erp.product(), quantity="10")
    assert credit(erp, party)["status"] == "ok"
    erp.limit(party, limit)
    shown = credit(erp, party)
    assert (shown["exposure"], shown["available"], shown["status"]) == (Decimal(120), Decimal(available), status)


def test_an_order_beyond_the_limit_is_held_and_goes_on_when_a_clerk_confirms_it(erp: Erp) -> None:
    party, item = erp.customer(), erp.product()
    erp.limit(party, "50.00")
    small, great = order(party, item, quantity="4"), order(party, item, quantity="9")
    answers = erp.write("order", small, great)
    assert [answer.result for answer in answers] == ["created", "created"]
    held = erp.one("order", answers[1].id).fields
    assert (held["status"], erp.one("order", answers[0].id).fields["status"]) == ("held", "confirmed")
    assert "credit limit" in held["hold_reason"]
    assert (credit(erp, party)["status"], credit(erp, party)["held_orders"]) == ("hold", 1)
    erp.limit(party, "500.00")
    erp.press("confirm", str(answers[1].id))
    assert erp.one("order", answers[1].id).fields["status"] == "confirmed"
    assert credit(erp, party)["held_orders"] == 0


def test_a_quote_needs_no_credit(erp: Erp) -> None:
    party, item = erp.customer(), erp.product()
    erp.limit(party, "0")
    [answer] = erp.write("quote", quote(party, item))
    assert erp.one("quote", answer.id).fields["status"] == "open"
    assert credit(erp, party)["held_orders"] == 0


def test_confirmed_but_not_processed_is_told(erp: Erp) -> None:
    party, item = erp.customer(), erp.product()
    [default] = erp.clerk.search_read("account.configuration", [], ["default_account_receivable"])
    erp.clerk.call("model.account.configuration.write", [default["id"]], {"default_account_receivable": None})
    try:
        sale = erp.order(party, item)
    finally:
        back = {"default_account_receivable": default["default_account_receivable"]}
        erp.clerk.call("model.account.configuration.write", [default["id"]], back)
    assert erp.sale(sale, "state")["state"] == "confirmed"
    shown = erp.one("order", sale).fields
    assert (shown["status"], shown["hold_reason"]) == (
        "held", "Tryton confirmed it but has not processed it; see Administration > Errors there"
    )  # fmt: skip
    erp.press("process", sale)
    assert erp.one("order", sale).fields["status"] == "confirmed"
