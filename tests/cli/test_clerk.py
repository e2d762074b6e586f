"""Can a finance clerk do the day's work, and do the figures come out as they are on paper?"""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import Company


def order_of(company: Company, status: str = "confirmed") -> dict[str, str]:
    """An order that is still untouched."""
    found: dict[str, str] = company.ask("erp", "orders", "--status", status)["orders"][0]
    return found


def test_an_order_is_invoiced_paid_and_on_the_statement(company: Company) -> None:
    order = order_of(company)
    customer, money = order["customer"], order["currency"]
    invoice = company.ask("erp", "invoice", order["number"])
    assert (invoice["total"], invoice["order_status"]) == (order["total"], "invoiced")
    paid = company.ask("erp", "pay", customer, "1.00", "--currency", money, "--reference", "transfer 7")
    assert paid["settled"] == [{"invoice": invoice["number"], "amount": "1.00", "currency": money}]
    assert paid["unapplied"] == "0.00"
    told = company.ask("erp", "statement", customer)
    (item,) = [one for one in told["open"] if one["invoice"] == invoice["number"]]
    assert (item["total"], item["currency"]) == (invoice["total"], money)
    note = company.ask("erp", "credit-note", invoice["number"])
    assert (note["kind"], note["total"]) == ("credit_note", invoice["total"])
    said = company.say("erp", "statement", customer)
    assert said.code == 0
    assert invoice["number"] in said.out


def test_a_part_of_a_line_is_invoiced(company: Company) -> None:
    order = order_of(company)
    key = company.rows(
        "SELECT l.key FROM erp_order_line l JOIN erp_order o ON o.id = l.order_id WHERE o.number = ?", order["number"]
    )[0][0]
    invoice = company.ask("erp", "invoice", order["number"], "--line", f"{key}=1")
    assert invoice["order_status"] == "partly_invoiced"
    told = company.ask("erp", "cancel", order["number"])
    assert told["status"] == "closed"


def test_a_limit_holds_and_a_higher_one_releases(company: Company) -> None:
    customer = order_of(company)["customer"]
    tight = company.ask("erp", "limit", customer, "0")
    assert (tight["status"], tight["limit"]) == ("hold", "0.00")
    assert tight["reasons"]
    wide = company.ask("erp", "limit", customer, "none", "--grace-days", "10")
    assert (wide["limit"], wide["available"]) == (None, None)


def test_a_hold_by_hand_has_a_reason_and_is_lifted_by_hand(company: Company) -> None:
    customer = company.ask("erp", "customers")["customers"][0]["number"]
    held = company.ask("erp", "hold", customer, "--why", "insolvency is rumoured", "--as", "anna")
    assert held["status"] == "hold"
    assert "insolvency is rumoured" in held["reasons"][0]
    assert customer in [one["number"] for one in company.ask("erp", "customers", "--status", "hold")["customers"]]
    assert company.ask("erp", "release", customer)["status"] != "hold"
    said = company.say("erp", "release", customer)
    assert (said.code, said.err.partition(":")[0]) == (1, f"customer {customer}")


def test_a_rate_is_entered(company: Company) -> None:
    said = company.say("erp", "rate", "usd", "eur", "0.92", "--day", "2026-01-02")
    assert (said.code, said.out.splitlines()[0]) == (0, "1 USD is 0.92 EUR")
    assert company.rows("SELECT source, target FROM erp_rate WHERE day = '2026-01-02'") == [("USD", "EUR")]


def test_a_period_is_closed_only_by_a_clear_yes(company: Company) -> None:
    said = company.say("erp", "close-period", "2001-01")
    assert said.code == 1
    assert said.err == "period 2001-01: is not closed, because nobody said yes; say --yes: it cannot be undone\n"
    assert company.ask("erp", "close-period", "2001-01", "--yes") == {"month": "2001-01", "closed": True}
    assert company.rows("SELECT closed_by FROM erp_period WHERE month = '2001-01'")[0][0].startswith("cli:")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("invoice", "O9999999"), "order O9999999: is not there; name it by its number or id"),
        (("pay", "1", "5.555"), "amount 5.555: .*decimals.*; write it as 119.00"),
        (("pay", "1", "ten"), "amount ten: .*; write it as 119.00"),
        (("pay", "1", "1", "--currency", "XBT"), "currency: 'XBT' is not an ISO 4217 currency; use a code such as EUR"),
        (("invoice", "1", "--line", "2"), "--line 2: names no line; write it as KEY=2.5"),
        (("invoice", "1", "--line", "a=two"), "--line a=two: .*; write it as KEY=2.5"),
        (("rate", "USD", "EUR", "1", "--day", "yesterday"), "day yesterday: is not a day; write it as 2026-11-22"),
        (("rate", "USD", "EUR", "1", "--day", "20261122"), "day 20261122: is not a day; write it as 2026-11-22"),
        (("close-period", "9999-12", "--yes"), "period 9999-12: has not begun; close no month after [0-9]{4}-[0-9]{2}"),
        (("close-period", "October", "--yes"), "period October: is not a month; write it as 2026-11"),
    ],
)
def test_what_cannot_be_is_refused_in_the_clerks_words(company: Company, words: tuple[str, ...], text: str) -> None:
    said = company.say("erp", *words)
    assert said.code == 1, said
    assert re.fullmatch(text + "\n", said.err), said.err


def test_orders_can_be_looked_for(company: Company) -> None:
    order = company.ask("erp", "orders", "--most", "1")["orders"][0]
    mine = company.ask("erp", "orders", "--customer", order["customer"])["orders"]
    assert {one["customer"] for one in mine} == {order["customer"]}
    assert order["number"] in company.say("erp", "orders", "--customer", order["customer"]).out


def test_another_erp_has_its_own_screens(lonely: Company) -> None:
    text = (lonely.folder / "isthmus.yaml").read_text().replace("erp: builtin", "erp: {connection: other}")
    (lonely.folder / "isthmus.yaml").write_text(text)
    said = lonely.say("erp", "customers")
    assert said.code == 2
    assert said.err == "isthmus erp: the ERP is other, not the built-in one; use that system's own screens\n"


def test_money_goes_back_and_the_statement_has_figures(company: Company) -> None:
    order = order_of(company)
    customer, money = order["customer"], order["currency"]
    invoice = company.ask("erp", "invoice", order["number"])
    paid = company.ask("erp", "pay", customer, "3.00", "--currency", money, "--invoice", invoice["number"])
    words = ("erp", "chargeback", paid["number"], "--why", "account is empty", "--fee", "1.50")
    taken = company.ask(*words)
    assert (taken["kind"], taken["fee"], taken["reopened"]) == ("chargeback", "1.50", [invoice["number"]])
    said = company.say(*words)
    assert (said.code, said.err) == (
        1,
        f"{paid['number']}: was reversed already: account is empty; nothing is to be done\n",
    )
    again = company.ask("erp", "pay", customer, "2.00", "--currency", money, "--invoice", invoice["number"])
    said = company.say("erp", "reverse", again["number"], "--why", "booked twice")
    assert said.code == 0
    assert said.out.startswith(f"{again['number']}: 2.00 {money} taken back; open again: {invoice['number']}")
    figures = company.ask("erp", "statement", customer)["figures"]
    assert figures["orders"] >= 1
    assert "invoiced in 12 months" in company.say("erp", "statement", customer).out


def test_what_is_left_of_a_credit_note_is_paid_back(company: Company) -> None:
    order = order_of(company)
    customer, money = order["customer"], order["currency"]
    invoice = company.ask("erp", "invoice", order["number"])
    company.ask("erp", "pay", customer, invoice["total"], "--currency", money, "--invoice", invoice["number"])
    note = company.ask("erp", "credit-note", invoice["number"])
    part = company.ask("erp", "refund", note["number"], "1.00")
    assert (part["of"], part["amount"]) == (note["number"], "1.00")
    said = company.say("erp", "refund", note["number"])
    assert said.code == 0
    assert f"of {note['number']} paid back, 0.00 {money} left of it" in said.out
    refused = company.say("erp", "allocate", note["number"], "--invoice", "I9999999")
    assert refused.err == "invoice I9999999: is not there for this customer; name an open invoice of the customer\n"


def test_a_child_shares_its_parents_limit(company: Company) -> None:
    parent, child = (one["number"] for one in company.ask("erp", "customers")["customers"][:2])
    said = company.say("erp", "share-limit", parent)
    assert said.err == f"customer {parent}: has no parent; give it one in the CRM first\n"
    ids = {number: one for one, number in company.rows("SELECT id, number FROM erp_customer")}
    company.clerk("customer", str(ids[child]), parent_id=str(ids[parent]))
    company.ask("erp", "limit", parent, "99999")
    shared = company.ask("erp", "share-limit", child)
    assert (shared["limit"], shared["shares_limit_of"]) == ("99999.00", parent)
    assert f"shared with {parent}" in company.say("erp", "statement", child).out
    assert company.ask("erp", "share-limit", child, "--stop")["shares_limit_of"] is None
    company.ask("erp", "limit", parent, "none")
