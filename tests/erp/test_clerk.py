"""A clerk's work: does each document post what an accountant expects, and does the order follow?"""

from __future__ import annotations

import pytest

from isthmus.erp.allocating import allocate, pay
from isthmus.erp.clerk import cancel
from isthmus.erp.invoicing import credit_note, invoice
from isthmus.erp.ledger import close_period
from isthmus.erp.statement import customers, orders, statement
from isthmus.kernel.errors import Refused
from tests.erp.conftest import World


def postings(world: World) -> list[tuple[str, int]]:
    return [
        (account, amount)
        for account, amount in world.rows("SELECT account, amount_minor FROM erp_posting ORDER BY entry_id, position")
    ]


def test_an_invoice_debits_the_receivable_and_credits_revenue_freight_and_tax(world: World) -> None:
    customer, product = world.customer(), world.product()
    line = {"key": "1", "product_id": product, "quantity": 3_000_000, "unit_price": 10_000_000}
    order = world.create(
        "order",
        {"customer_id": customer, "order_date": "2026-11-02", "currency": "EUR", "freight": 500, "discount": 100},
        [line],
    ).record
    assert order
    assert (order.fields["tax"], order.fields["total"]) == (646, 4046)  # 19 % of 29.00 is 5.51, of 5.00 is 0.95
    with world.desk() as desk:
        written = invoice(desk, str(order.fields["number"]))
    assert (written.net_minor, written.tax_minor, written.total_minor) == (3400, 646, 4046)
    assert postings(world) == [("1100", 4046), ("4000", -2900), ("4100", -500), ("2200", -646)]
    assert world.status(order) == "invoiced"


def test_parts_of_an_order_add_up_to_exactly_the_order(world: World) -> None:
    customer, product = world.customer(), world.product()
    lines = [{"key": key, "product_id": product, "quantity": 3_000_000, "unit_price": 3_333_333} for key in "ab"]
    fields = {"customer_id": customer, "order_date": "2026-11-02", "currency": "EUR", "freight": 99, "discount": 7}
    order = world.create("order", fields, lines).record
    assert order
    totals, states = [], []
    for part in ({"a": 1_000_000}, {"a": 1_000_000, "b": 500_000}, None):
        with world.desk() as desk:
            written = invoice(desk, order.id, part)
        totals.append(written.total_minor)
        states.append(written.order_status)
    assert sum(totals) == order.fields["total"]
    assert states == ["partly_invoiced", "partly_invoiced", "invoiced"]
    assert world.rows("SELECT to_invoice_minor FROM erp_order") == [(0,)]


@pytest.mark.parametrize("quantity", [0, -1, 2_000_001])
def test_no_more_is_invoiced_than_is_left(world: World, quantity: int) -> None:
    order = world.order(world.customer(), (2, 1000))
    with pytest.raises(Refused, match="not within what is left, 2"), world.desk() as desk:
        invoice(desk, order.id, {"1": quantity})


def test_a_payment_settles_the_oldest_due_invoice_first_and_closes_its_order(world: World) -> None:
    customer = world.customer(terms="NET30")
    first, second = world.order(customer, (1, 1000)), world.order(customer, (1, 2000))
    with world.desk() as desk:
        one = invoice(desk, first.id)
    world.days_pass(1)
    with world.desk() as desk:
        two = invoice(desk, second.id)
        paid = pay(desk, customer, amount_minor=1500, currency="EUR", reference="transfer 7")
    assert [(item.invoice, item.amount_minor) for item in paid.settled] == [(one.number, 1000), (two.number, 500)]
    assert paid.unapplied_minor == 0
    assert (world.status(first), world.status(second)) == ("closed", "invoiced")
    assert one.due_date == "2026-12-02"


def test_an_order_is_closed_when_all_that_was_left_of_it_comes_to_nothing(world: World) -> None:
    customer = world.customer()
    free, mixed = world.order(customer, (1, 0)), world.order(customer, (1, 100), (1, 0))
    with world.desk() as desk:
        assert invoice(desk, free.id).order_status == "closed"
        assert invoice(desk, mixed.id, {"1": 1_000_000}).order_status == "partly_invoiced"
        pay(desk, customer, amount_minor=100, currency="EUR")
        assert invoice(desk, mixed.id).order_status == "closed"
    assert [world.status(one) for one in (free, mixed)] == ["closed", "closed"]


def test_an_overpayment_stays_unapplied_until_it_is_allocated(world: World) -> None:
    customer = world.customer()
    with world.desk() as desk:
        paid = pay(desk, customer, amount_minor=5000, currency="EUR")
    assert (paid.settled, paid.unapplied_minor) == ((), 5000)
    order = world.order(customer, (1, 3000))
    with world.desk() as desk:
        invoice(desk, order.id)
        again = allocate(desk, paid.number)
    assert again.unapplied_minor == 2000
    assert world.rows("SELECT outstanding_minor, unapplied_minor FROM erp_receivable") == [(-2000, 2000)]


def test_a_payment_goes_to_the_invoices_that_are_named(world: World) -> None:
    customer = world.customer()
    first, second = world.order(customer, (1, 1000)), world.order(customer, (1, 1000))
    with world.desk() as desk:
        invoice(desk, first.id)
        two = invoice(desk, second.id)
        paid = pay(desk, customer, amount_minor=1000, currency="EUR", invoices=[two.number])
    assert [item.invoice for item in paid.settled] == [two.number]
    with pytest.raises(Refused, match="settled already"), world.desk() as desk:
        pay(desk, customer, amount_minor=1000, currency="EUR", invoices=[two.number])


def test_a_credit_note_reverses_its_invoice_and_settles_it(world: World) -> None:
    customer, product = world.customer(), world.product()
    fields = {"customer_id": customer, "order_date": "2026-11-02", "currency": "EUR", "freight": 500}
    line = {"key": "1", "product_id": product, "quantity": 3_000_000, "unit_price": 3_333_333}
    order = world.create("order", fields, [line]).record
    assert order
    with world.desk() as desk:
        written = invoice(desk, order.id)
        part = credit_note(desk, written.number, {"1": 1_000_000})
        rest = credit_note(desk, written.number)
    assert part.total_minor + rest.total_minor == written.total_minor
    assert world.rows("SELECT sum(amount_minor) FROM erp_posting GROUP BY account") == [(0,)] * 4
    assert world.rows("SELECT reverses_id FROM erp_entry ORDER BY id") == [(None,), (1,), (1,)]
    assert world.status(order) == "closed"
    with pytest.raises(Refused, match="credited already"), world.desk() as desk:
        credit_note(desk, written.number)


def test_a_closed_period_takes_nothing_more(world: World) -> None:
    order = world.order(world.customer(), (1, 1000))
    with world.desk() as desk:
        close_period(desk, "2026-11")
    with pytest.raises(Refused, match="closed up to 2026-11"), world.desk() as desk:
        invoice(desk, order.id)
    with pytest.raises(Refused, match="is closed already"), world.desk() as desk:
        close_period(desk, "2026-11")
    world.days_pass(30)
    with world.desk() as desk:
        assert invoice(desk, order.id).order_status == "invoiced"


def test_cancelling_what_is_invoiced_in_part_closes_the_rest(world: World) -> None:
    customer = world.customer()
    order, other = world.order(customer, (2, 1000)), world.order(customer, (1, 1000))
    with world.desk() as desk:
        invoice(desk, order.id, {"1": 1_000_000})
        assert cancel(desk, order.id).status == "closed"
        assert cancel(desk, other.id).status == "cancelled"
    with pytest.raises(Refused, match="credit note"), world.desk() as desk:
        cancel(desk, order.id)
    with pytest.raises(Refused, match="only a confirmed order"), world.desk() as desk:
        invoice(desk, other.id)


def test_a_statement_shows_what_was_booked_what_is_open_and_how_old_it_is(world: World) -> None:
    customer = world.customer("Birch Example", terms="NET14")
    order = world.order(customer, (1, 1000))
    with world.desk() as desk:
        invoice(desk, order.id)
        pay(desk, customer, amount_minor=400, currency="EUR")
    world.days_pass(14 + 45)
    with world.desk() as desk:
        shown = statement(desk, "c0000001")
        assert [line.number for line in customers(desk, status="hold")] == ["C0000001"]
        assert [(line.customer, line.status) for line in orders(desk, customer=customer)] == [("C0000001", "invoiced")]
    assert [(line.amount_minor, line.balance_minor) for line in shown.booked] == [(1000, 1000), (-400, 600)]
    assert [(item.open_minor, item.days_overdue) for item in shown.open_items] == [(600, 45)]
    assert shown.ages == {"EUR": (0, 0, 600, 0, 0)}
    assert shown.standing.status == "hold"


def test_what_is_not_there_is_refused_by_name(world: World) -> None:
    with pytest.raises(Refused, match="order O0000042: is not there"), world.desk() as desk:
        invoice(desk, "O0000042")


def test_what_is_open_of_invoices_and_payments_is_read_with_them(world: World) -> None:
    customer = world.customer()
    order = world.order(customer, (2, 1000))
    with world.desk() as desk:
        written = invoice(desk, order.id)
        credit_note(desk, written.number, {"1": 1_000_000})
        paid = pay(desk, customer, amount_minor=1_500, currency="EUR")
    fields = world.fetch("invoice", str(written.id)).fields
    assert (fields["outstanding"], fields["status"], fields["order_id"]) == (0, "paid", order.id)
    payment = world.fetch("payment", str(paid.id))
    assert (payment.fields["unapplied"], payment.fields["status"], payment.by_us) == (500, "posted", False)
    assert payment.lines is not None
    (line,) = payment.lines
    assert (line["key"], line["invoice_id"], line["amount"], line["invoice_amount"]) == (
        "2",
        str(written.id),
        1_000,
        None,
    )
    assert world.connector.describe("invoice").fields["outstanding"].type == "number"
