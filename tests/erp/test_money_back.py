"""Money that goes back, and money in another currency: does the ledger say so, and does nothing posted change?"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.erp.allocating import Paid, allocate, pay
from isthmus.erp.clerk import cancel, limit, rate
from isthmus.erp.exchange import NANOS, DayRates, exchange
from isthmus.erp.invoicing import credit_note, invoice
from isthmus.erp.ledger import close_period
from isthmus.erp.reversing import refund, reverse
from isthmus.kernel.errors import Refused
from isthmus.kernel.records import Record
from tests.erp.conftest import World


def sold(world: World, customer: str, minor: int, **fields: object) -> tuple[Record, str]:
    """An order over so much of its currency's minor units, and the number of its invoice."""
    order = world.order(customer, (1, minor), **fields)
    with world.desk() as desk:
        return order, invoice(desk, order.id).number


def paid(world: World, customer: str, minor: int, currency: str = "EUR", *invoices: str) -> Paid:
    with world.desk() as desk:
        return pay(desk, customer, amount_minor=minor, currency=currency, invoices=invoices or None)


def shown(world: World, number: str) -> tuple[object, object]:
    """What is open of an invoice, and its status."""
    ((record_id,),) = world.rows(f"SELECT id FROM erp_invoice WHERE number = '{number}'")
    fields = world.fetch("invoice", str(record_id)).fields
    return fields["outstanding"], fields["status"]


def balances(world: World) -> dict[tuple[str, str], int]:
    rows = world.rows("SELECT account, currency, sum(amount_minor) FROM erp_posting GROUP BY account, currency")
    return {(account, currency): int(amount) for account, currency, amount in rows if amount}


def test_a_reversed_payment_gives_back_what_it_settled_and_its_entry_is_undone(world: World) -> None:
    customer = world.customer()
    order, number = sold(world, customer, 1_000)
    first = paid(world, customer, 400)
    second = paid(world, customer, 700)
    before = world.rows("SELECT * FROM erp_posting ORDER BY entry_id, position")
    assert (shown(world, number), world.status(order)) == ((0, "paid"), "closed")
    with world.desk() as desk:
        taken = reverse(desk, second.number, "booked twice")
    assert (taken.reopened, taken.kind, taken.orders.held) == ((number,), "reversal", ())
    assert (shown(world, number), world.status(order)) == ((600, "partly_paid"), "invoiced")
    payment = world.fetch("payment", str(second.id))
    assert (payment.fields["status"], payment.fields["unapplied"], payment.lines) == ("reversed", 0, [])
    assert world.fetch("payment", str(first.id)).fields["status"] == "posted"
    assert world.rows("SELECT * FROM erp_posting ORDER BY entry_id, position")[: len(before)] == before
    assert world.rows("SELECT reverses_id, kind, text FROM erp_entry ORDER BY id DESC LIMIT 1") == [
        (3, "reversal", f"{second.number} of C0000001, reversed")
    ]
    assert balances(world)[("1100", "EUR")] == 600
    assert world.rows("SELECT outstanding_minor, unapplied_minor FROM erp_receivable") == [(600, 0)]


def test_nothing_is_reversed_twice_and_a_reversed_payment_settles_nothing(world: World) -> None:
    customer = world.customer()
    money = paid(world, customer, 500)
    with pytest.raises(Refused, match="say in up to 255 characters why"), world.desk() as desk:
        reverse(desk, money.number, " ")
    with world.desk() as desk:
        reverse(desk, money.number, "wrong customer")
    with pytest.raises(Refused, match="was reversed already: wrong customer"), world.desk() as desk:
        reverse(desk, money.number, "again")
    sold(world, customer, 500)
    for work in (allocate, refund):
        with pytest.raises(Refused, match="was reversed; book the money again"), world.desk() as desk:
            work(desk, money.number)


def test_a_chargeback_has_a_reason_and_may_cost_a_fee(world: World) -> None:
    customer = world.customer()
    _, number = sold(world, customer, 1_000)
    money = paid(world, customer, 1_000)
    with world.desk() as desk:
        taken = reverse(desk, money.number, "account is empty", kind="chargeback", fee_minor=350)
    assert (taken.kind, taken.fee_minor, shown(world, number)) == ("chargeback", 350, (1_000, "open"))
    assert balances(world) == {
        ("1000", "EUR"): -350,
        ("1100", "EUR"): 1_000,
        ("4000", "EUR"): -1_000,
        ("6800", "EUR"): 350,
    }
    assert world.rows("SELECT kind, reason FROM erp_reversal") == [("chargeback", "account is empty")]


def test_a_closed_period_takes_no_reversal_and_no_refund(world: World) -> None:
    money = paid(world, world.customer(), 500)
    with world.desk() as desk:
        close_period(desk, "2026-11")
    with pytest.raises(Refused, match="closed up to 2026-11"), world.desk() as desk:
        reverse(desk, money.number, "why")
    with pytest.raises(Refused, match="closed up to 2026-11"), world.desk() as desk:
        refund(desk, money.number)
    assert world.fetch("payment", str(money.id)).fields["status"] == "posted"


def test_orders_that_the_money_let_pass_are_held_again_the_youngest_first(world: World) -> None:
    customer = world.customer(terms="NET30")
    with world.desk() as desk:
        limit(desk, customer, 10_000)
    _, number = sold(world, customer, 8_000)
    orders = [world.order(customer, (1, 2_000), order_date=f"2026-11-0{day}") for day in (3, 1, 2)]
    assert [world.status(order) for order in orders] == ["confirmed", "held", "held"]
    money = paid(world, customer, 8_000)
    assert money.released == (orders[1].fields["number"], orders[2].fields["number"])
    with world.desk() as desk:
        taken = reverse(desk, money.number, "bounced")
    assert taken.orders.held == (orders[0].fields["number"], orders[2].fields["number"])
    assert [world.status(order) for order in orders] == ["held", "confirmed", "held"]
    assert world.rows("SELECT exposure_minor FROM erp_credit") == [(10_000,)]
    again = paid(world, customer, 8_000, "EUR", number)
    assert again.released == (orders[0].fields["number"], orders[2].fields["number"])


def test_an_overpayment_is_paid_back_and_no_more_than_that(world: World) -> None:
    customer = world.customer()
    sold(world, customer, 1_000)
    money = paid(world, customer, 1_500)
    with pytest.raises(Refused, match=r"5\.01 EUR is not within what is left of it, 5\.00 EUR"), world.desk() as desk:
        refund(desk, money.number, 501)
    with world.desk() as desk:
        part = refund(desk, money.number, 200, reference="back 1")
        rest = refund(desk, money.number)
    assert (part.amount_minor, part.left_minor, rest.amount_minor, rest.left_minor) == (200, 300, 300, 0)
    with pytest.raises(Refused, match="nothing is left to pay back"), world.desk() as desk:
        refund(desk, money.number)
    first = world.fetch("payment", str(money.id)).fields
    assert (first["unapplied"], first["refunded"]) == (0, 500)
    back = world.fetch("payment", str(part.id))
    assert (back.fields["amount"], back.fields["refunds_id"], back.fields["unapplied"]) == (-200, str(money.id), 0)
    assert (back.fields["reference"], back.lines) == ("back 1", [])
    assert balances(world)[("1000", "EUR")] == 1_000
    assert world.rows("SELECT outstanding_minor, unapplied_minor FROM erp_receivable") == [(0, 0)]
    with pytest.raises(Refused, match=f"was paid back in part by {part.number}, {rest.number}"), world.desk() as desk:
        reverse(desk, money.number, "bounced")
    with world.desk() as desk:
        reverse(desk, part.number, "the account was closed")
    assert world.fetch("payment", str(money.id)).fields["unapplied"] == 200
    assert world.fetch("payment", str(part.id)).fields["status"] == "reversed"


def test_what_is_left_of_a_credit_note_is_paid_back_or_settles_another_invoice(world: World) -> None:
    customer = world.customer()
    _, number = sold(world, customer, 1_000)
    paid(world, customer, 1_000)
    with world.desk() as desk:
        note = credit_note(desk, number)
    assert shown(world, note.number) == (1_000, "open")
    assert shown(world, number) == (0, "cancelled")
    _, second = sold(world, customer, 300)
    with world.desk() as desk:
        spent = allocate(desk, note.number)
        back = refund(desk, note.number)
    assert ([one.invoice for one in spent.settled], spent.unapplied_minor, back.amount_minor) == ([second], 700, 700)
    assert (shown(world, second), shown(world, note.number)) == ((0, "paid"), (0, "paid"))
    assert world.fetch("payment", str(back.id)).fields["refunds_note_id"] == str(note.id)
    assert balances(world) == {("1000", "EUR"): 300, ("4000", "EUR"): -300}
    with pytest.raises(Refused, match="is no credit note"), world.desk() as desk:
        allocate(desk, second)


def test_a_refund_of_money_that_orders_counted_on_holds_them_again(world: World) -> None:
    customer = world.customer()
    with world.desk() as desk:
        limit(desk, customer, 0)
    money = paid(world, customer, 1_000)
    order = world.order(customer, (1, 1_000))
    assert world.status(order) == "confirmed"
    with world.desk() as desk:
        assert refund(desk, money.number, 1).orders.held == (order.fields["number"],)


def test_a_closed_order_that_was_cut_short_stays_closed_when_its_payment_goes_back(world: World) -> None:
    customer = world.customer()
    order = world.order(customer, (2, 500))
    with world.desk() as desk:
        number = invoice(desk, order.id, {"1": 1_000_000}).number
        cancel(desk, order.id)
    money = paid(world, customer, 500)
    with world.desk() as desk:
        reverse(desk, money.number, "bounced")
    assert (shown(world, number), world.status(order)) == ((500, "open"), "closed")


def test_a_payment_before_its_invoice_and_in_parts(world: World) -> None:
    customer = world.customer()
    early = paid(world, customer, 300)
    _, number = sold(world, customer, 1_000)
    with world.desk() as desk:
        allocate(desk, early.number)
    for amount, left in ((200, 500), (500, 0)):
        paid(world, customer, amount)
        assert shown(world, number)[0] == left
    assert world.fetch("payment", str(early.id)).fields["unapplied"] == 0


# --- currencies ---------------------------------------------------------------------------------------------------


def rates(world: World, *known: tuple[str, str, str]) -> None:
    for currency, value, day in known:
        with world.desk() as desk:
            rate(desk, currency, "EUR", value=value, day=day)


def test_a_payment_in_another_currency_realises_what_the_rates_gained(world: World) -> None:
    customer = world.customer()
    rates(world, ("USD", "0.90", "2026-11-01"), ("USD", "0.92", "2026-11-10"))
    _, number = sold(world, customer, 10_000, currency="USD")
    world.days_pass(10)
    with world.desk() as desk:
        result = pay(desk, customer, amount_minor=9_300, currency="EUR", invoices=[number])
    (part,) = result.settled
    assert (part.amount_minor, part.currency, part.gain_minor, result.unapplied_minor) == (10_000, "USD", 200, 100)
    assert shown(world, number) == (0, "paid")
    assert balances(world) == {
        ("1000", "EUR"): 9_300,
        ("1100", "EUR"): -100,
        ("1190", "EUR"): -9_000,
        ("1190", "USD"): 10_000,
        ("4000", "USD"): -10_000,
        ("4900", "EUR"): -200,
    }
    line = world.fetch("payment", str(result.id)).lines
    settled = {"amount": 9_200, "invoice_amount": 100_000_000, "invoice_currency": "USD"}  # 92.00 EUR, 100 USD
    assert line == [{"key": "1", "invoice_id": "1", **settled}]
    with world.desk() as desk:
        reverse(desk, result.number, "bounced")
    assert balances(world) == {("1100", "USD"): 10_000, ("4000", "USD"): -10_000}
    assert shown(world, number) == (10_000, "open")


def test_a_loss_is_a_debit_and_a_part_payment_settles_its_worth(world: World) -> None:
    customer = world.customer()
    rates(world, ("USD", "0.90", "2026-11-01"), ("USD", "0.80", "2026-11-03"))
    _, number = sold(world, customer, 10_000, currency="USD")
    world.days_pass(1)
    with world.desk() as desk:
        result = pay(desk, customer, amount_minor=4_000, currency="EUR", invoices=[number])
    assert (result.settled[0].amount_minor, result.settled[0].gain_minor) == (5_000, -500)
    assert balances(world)[("4900", "EUR")] == 500
    assert shown(world, number) == (5_000, "partly_paid")


def test_without_a_rate_nothing_is_settled_and_the_clerk_is_told_what_to_enter(world: World) -> None:
    customer = world.customer()
    rates(world, ("USD", "0.90", "2026-11-03"))
    _, number = sold(world, customer, 10_000, currency="USD")
    world.days_pass(1)
    says = r"rate USD to EUR: there is none for 2026-11-02; enter it: isthmus erp rate USD EUR VALUE --day 2026-11-02"
    with pytest.raises(Refused, match=says), world.desk() as desk:
        pay(desk, customer, amount_minor=9_000, currency="EUR", invoices=[number])
    assert world.rows("SELECT count(*) FROM erp_payment") == [(0,)]
    money = paid(world, customer, 9_000)
    assert (money.settled, money.unapplied_minor) == ((), 9_000)  # other currencies are settled only by name


@pytest.mark.parametrize(("money", "cents", "value", "minor"), [("JPY", 1_000, "0.0061", 7), ("KWD", 2, "3", 20)])
def test_currencies_of_other_decimals(world: World, money: str, cents: int, value: str, minor: int) -> None:
    customer = world.customer()
    rates(world, (money, value, "2026-11-01"))
    order = world.order(customer, (1, cents), currency=money)
    assert order.fields["total"] == (10 if money == "JPY" else 20)
    with world.desk() as desk:
        number = invoice(desk, order.id).number
        result = pay(desk, customer, amount_minor=4, currency="EUR", invoices=[number])
    settled = result.settled[0].amount_minor
    assert settled == (minor if money == "JPY" else 13)  # 4 cents are 6.56 yen, or 13.3 fils
    assert shown(world, number)[0] == order.fields["total"] - settled


RATE = st.integers(1, 10**13)


@given(st.integers(1, 10**12), st.integers(1, 10**12), RATE, RATE, RATE)
def test_no_exchange_spends_more_than_is_left_or_settles_more_than_is_open(
    left: int, open_minor: int, paid: int, invoiced: int, booked: int
) -> None:
    part = exchange(left, open_minor, DayRates(paid, invoiced, booked))
    assert 0 < part.source_minor <= left
    assert 0 <= part.amount_minor <= open_minor
    assert part.amount_minor == open_minor or part.source_minor == left
    worth = Decimal(part.source_minor * paid) / NANOS - Decimal(part.amount_minor * booked) / NANOS
    assert not part.amount_minor or abs(part.gain_minor - worth) <= 1


@given(st.integers(1, 10**9), RATE)
def test_the_same_rate_gains_nothing_when_all_is_paid(open_minor: int, rate: int) -> None:
    part = exchange(10**18, open_minor, DayRates(NANOS, rate, rate))
    assert part.amount_minor == open_minor
    assert abs(part.gain_minor) <= (0 if open_minor * rate >= NANOS else 1)  # a coin is the least that can be paid
