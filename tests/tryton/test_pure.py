"""What a line comes to, and what a payment pays: without a Tryton."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.tryton.books import invoices
from connectors.tryton.config import Config
from connectors.tryton.credit import credit_statuses
from connectors.tryton.payments import share_out
from connectors.tryton.pricing import net_price, note_of, short_minor, told_by
from connectors.tryton.rpc import Rpc
from isthmus.connect.http import Limits, Ports
from isthmus.kernel.clock import SetClock
from isthmus.kernel.errors import Refused
from isthmus.kernel.records import Fields

D = Decimal


@pytest.mark.parametrize(
    ("price", "percent", "net"),
    [("19.99", None, "19.99"), ("19.99", "0", "19.99"), ("19.99", "10", "17.991"), ("19.99", "12.5", "17.4913"),
     ("-19.99", "12.5", "-17.4913"), ("9.12345", None, "9.12345"), ("1", "100", "0")],
)  # fmt: skip
def test_a_price_after_its_discount_has_four_decimals(price: str, percent: str | None, net: str) -> None:
    assert net_price(D(price), D(percent) if percent else None) == D(net)


def test_the_note_keeps_the_price_before_the_discount() -> None:
    line = {"key": "802", "unit_price": D("19.990"), "discount_percent": D("12.50")}
    assert note_of(line) == "802\n19.99 less 12.5 %"
    assert told_by(note_of(line), D("17.4913")) == ("802", D("19.99"), D("12.5"))
    assert told_by(note_of(line), D("15")) == ("802", D("15"), None), "a clerk gave another price"
    assert told_by(note_of({"key": "802", "unit_price": D(5)}), D(5)) == ("802", D(5), None)
    assert told_by(None, D(5)) == (None, D(5), None)


@pytest.mark.parametrize(
    ("quantity", "price", "currency", "amount", "short"),
    [("1", "0.125", "EUR", None, 1), ("1", "0.135", "EUR", None, 0), ("1", "-0.125", "EUR", None, -1),
     ("1", "0.125", "EUR", "0.12", 0), ("3", "0.5", "JPY", None, 0), ("1", "0.5", "JPY", None, 1),
     ("2.5", "19.99", "EUR", "49.98", 0), ("1", "0.0005", "KWD", None, 1)],
)  # fmt: skip
def test_what_tryton_s_rounding_leaves_out(
    quantity: str, price: str, currency: str, amount: str | None, short: int
) -> None:
    line: Fields = {"key": "1", "quantity": D(quantity), "unit_price": D(price), "amount": amount and D(amount)}
    assert short_minor(line, currency, "here") == short


def test_an_amount_that_no_rounding_explains_is_refused() -> None:
    line: Fields = {"key": "802", "quantity": D(3), "unit_price": D("19.99"), "amount": D("60.00")}
    with pytest.raises(Refused, match=r"line 802 comes to 59\.97 EUR, and not to 60\.00; correct quantity, price"):
        short_minor(line, "EUR", "here")


def item(number: int, owed: str, *, invoice: int | None = None, pays: int | None = None, **more: Any) -> dict[str, Any]:
    """A line of a reconciliation; owed is less than nothing when it is paid."""
    debit, credit = max(D(owed), D(0)), max(-D(owed), D(0))
    origin = f"account.invoice,{invoice}" if invoice else None
    given = {"id": number, "debit": debit, "credit": credit, "move_origin": origin, "invoice_payment": pays}
    rest = {"amount_second_currency": None, "currency.": {"code": "EUR"}, "date": "2026-11-23", "maturity_date": None}
    return {**given, **rest, **more}


def test_a_payment_pays_the_oldest_first_and_what_it_was_meant_for_before() -> None:
    old, young = item(1, "60", invoice=7, maturity_date="2026-10-01"), item(2, "40", invoice=8)
    assert share_out([young, item(3, "-100"), old]) == {3: [("7", D(60)), ("8", D(40))]}
    assert share_out([old, young, item(3, "-70"), item(4, "-30", pays=7)]) == {
        4: [("7", D(30))], 3: [("7", D(30)), ("8", D(40))]
    }  # fmt: skip


def test_a_credit_note_is_paid_back_and_an_opening_balance_is_no_invoice() -> None:
    assert share_out([item(1, "-30", invoice=9), item(2, "30")]) == {2: [("9", D(-30))]}
    assert share_out([item(1, "50"), item(2, "60", invoice=7), item(3, "-110")]) == {3: [("7", D(60))]}


def test_where_currencies_meet_nobody_can_say() -> None:
    dollars: dict[str, Any] = {"amount_second_currency": D("-64.80"), "second_currency.": {"code": "USD"}}
    assert share_out([item(1, "60", invoice=7), item(2, "-60", **dollars)]) == {}


@pytest.mark.parametrize(("zone", "overdue"), [("America/Los_Angeles", 0), (None, 1), ("Asia/Tokyo", 1)])
def test_nobody_is_overdue_before_the_day_is_over_where_the_books_are(
    monkeypatch: pytest.MonkeyPatch, zone: str | None, overdue: int
) -> None:
    """It is the evening of the 23rd in Los Angeles, where the company is, and the 24th where clocks show UTC."""
    config = Config("erp", "http://127.0.0.1", "erp", "isthmus", "-")
    rpc = Rpc(config, Ports(clock=SetClock(datetime(2026, 11, 24, 3, tzinfo=UTC))), Limits())
    company = {"timezone": zone, "currency.": {"code": "USD"}}
    open_items = [{**item(1, "70"), "party": 5, "maturity_date": "2026-11-23"}]
    monkeypatch.setattr(rpc, "company", lambda: 1)
    monkeypatch.setattr(rpc, "read", lambda *_: {1: company})
    monkeypatch.setattr(rpc, "search_read", lambda model, *_: open_items if model == "account.move.line" else [])
    monkeypatch.setattr(rpc.session, "user", lambda: 7)
    row = {"id": 5, "credit_limit_amount": None, "credit_amount": D(70), "last_modified_at": "", "write_uid": 7}
    [record] = credit_statuses(config).make(rpc, [row])
    assert record.fields["days_overdue"] == overdue
    assert record.fields["overdue"] == (70 if overdue else 0)


@pytest.mark.parametrize(
    ("total", "left", "told"),
    [("119", "119", ("invoice", "open", 119, 119)), ("119", "20", ("invoice", "partly_paid", 119, 20)),
     ("119", "-31", ("invoice", "paid", 119, -31)), ("-119", "-119", ("credit_note", "open", 119, 119)),
     ("-119", "-20", ("credit_note", "partly_paid", 119, 20)), ("-119", "31", ("credit_note", "paid", 119, -31))],
)  # fmt: skip
def test_what_was_paid_too_much_is_not_owed(
    monkeypatch: pytest.MonkeyPatch, total: str, left: str, told: tuple[str, str, int, int]
) -> None:
    """A statement of the bank may pay an invoice by more than it comes to: Tryton leaves it open, below zero."""
    rpc = Rpc(Config("erp", "http://127.0.0.1", "erp", "isthmus", "-"), Ports(), Limits())
    monkeypatch.setattr(rpc, "day_of", lambda _: date(2026, 11, 24))
    monkeypatch.setattr(rpc.session, "user", lambda: 7)
    due = [{"id": 1, "maturity_date": "2026-11-01"}]
    row = {
        "id": 5, "number": "7", "state": "posted", "party": 3, "currency.": {"code": "EUR"}, "sales": [],
        "invoice_date": "2026-10-01", "untaxed_amount": D(total), "tax_amount": D(0), "total_amount": D(total),
        "amount_to_pay": D(left), "lines_to_pay.": due, "lines.": [], "last_modified_at": "", "write_uid": 7,
    }  # fmt: skip
    [record] = invoices().make(rpc, [row])
    shown = record.fields
    assert (shown["kind"], shown["status"], shown["total"], shown["outstanding"]) == told
    assert shown["days_overdue"] == (0 if shown["status"] == "paid" else 23)
