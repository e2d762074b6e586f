"""The figures of a customer's history: are they right, are they news when they move, and where do they come from?"""

from __future__ import annotations

import pytest

from isthmus.connect.protocol import Change
from isthmus.db import reading
from isthmus.erp.allocating import pay
from isthmus.erp.breaks import set_break
from isthmus.erp.clerk import cancel, limit, rate
from isthmus.erp.computed import Today
from isthmus.erp.figures import FIGURES, Traced, trace, year_before
from isthmus.erp.invoicing import credit_note, invoice
from isthmus.erp.reversing import reverse
from isthmus.kernel.clock import format_stamp
from isthmus.kernel.errors import Refused
from isthmus.kernel.records import Fields
from tests.erp.conftest import World
from tests.erp.test_credit_status import news


def figures(world: World, customer: str) -> Fields:
    return world.fetch("customer_figures", customer).fields


def traced(world: World, customer: str, figure: str) -> list[Traced]:
    now = world.clock.now()
    today = Today(world.engine.dialect.name, now.date().isoformat(), format_stamp(now))
    with reading(world.engine) as connection:
        return trace(connection, int(customer), figure, today=today)


def test_a_customer_without_anything_has_figures_as_well(world: World) -> None:
    customer = world.customer()
    assert figures(world, customer) == {
        "customer_id": customer,
        "currency": "EUR",
        "orders": 0,
        "order_total": 0,
        "last_order_date": None,
        "invoiced_12_months": 0,
        "days_to_pay": None,
        "list_discount": 0,
        "list_discount_percent": None,
        "as_of": "2026-11-02T09:00:00.000000Z",
    }
    assert set(world.connector.describe("customer_figures").fields) == {*figures(world, customer), "id"}


def test_orders_invoices_and_the_days_until_they_are_paid(world: World) -> None:
    customer, other = world.customer(), world.customer()
    orders = [world.order(customer, (1, 1_000 * n), order_date=f"2026-11-0{n}") for n in (1, 2, 3)]
    world.order(other, (1, 77))
    with world.desk() as desk:
        cancel(desk, orders[2].id)
        first, second = (invoice(desk, order.id) for order in orders[:2])
    world.days_pass(10)
    with world.desk() as desk:
        pay(desk, customer, amount_minor=1_000, currency="EUR", invoices=[first.number])
        bounced = pay(desk, customer, amount_minor=500, currency="EUR", invoices=[second.number])
        reverse(desk, bounced.number, "bounced")
    world.days_pass(10)
    with world.desk() as desk:
        pay(desk, customer, amount_minor=500, currency="EUR", invoices=[second.number])
        credit_note(desk, second.number)
    shown = figures(world, customer)
    assert (shown["orders"], shown["order_total"], shown["last_order_date"]) == (2, 3_000, "2026-11-02")
    assert shown["invoiced_12_months"] == 1_000
    assert shown["days_to_pay"] == 13_300_000  # (1,000 × 10 + 500 × 20) / 1,500
    assert [(one.document, one.second) for one in traced(world, customer, "days_to_pay")] == [
        ("R0000001", 10_000),
        ("R0000003", 10_000),
    ]


def test_discounts_are_given_against_the_price_lists_step(world: World) -> None:
    def entry(key: str, least: int, cents: int) -> Fields:
        fields = {"key": key, "price_list": "Standard", "currency": "EUR", "minimum_quantity": least * 1_000_000}
        return {**fields, "unit_price": cents * 10_000}

    product = world.create("product", {"name": "Nut", "tax_category": "zero"}, [entry("a", 1, 100), entry("b", 10, 80)])
    customer = world.customer()

    def line(key: str, quantity: int, cents: int) -> Fields:
        sold = {"quantity": quantity * 1_000_000, "unit_price": cents * 10_000}
        return {"key": key, "product_id": product.id, **sold}

    change = world.order_change(customer, (1, 5_000), discount=100)  # a product that is on no list
    change.lines = [*(change.lines or []), line("a", 9, 100), {**line("b", 10, 80), "discount_percent": 10_000_000}]
    (answer,) = world.write("order", change)
    assert answer.record, answer.fault
    lists, shares = 900 + 800, [row[0] for row in world.rows("SELECT discount_share_minor FROM erp_order_line")]
    shown = figures(world, customer)
    given = 80 + shares[1] + shares[2]  # 10 % of line b, and both lines' shares of the order's discount
    assert shown["list_discount"] == given
    assert shown["list_discount_percent"] == (given * 100 * 100 + lists // 2) // lists * 10_000
    world.write("product", Change("update", "key-1", {}, [entry("a", 1, 999)], id=product.id))
    assert figures(world, customer)["list_discount"] == given  # what was given stays given
    assert sum(one.amount_minor for one in traced(world, customer, "list_discount")) == given


def test_breaks_are_our_own_and_stay_when_the_prices_that_come_in_change(world: World) -> None:
    entry = {"key": "a", "price_list": "Standard", "currency": "EUR", "unit_price": 1_000_000}
    product = world.create("product", {"name": "Nut", "tax_category": "zero"}, [entry], key="nut")
    with world.desk() as desk:
        for least, cents in ((10, 80), (100, 70)):
            set_break(desk, "P0000001", unit_price_micros=cents * 10_000, minimum_quantity_micros=least * 1_000_000,
                      currency="EUR")  # fmt: skip
    change = Change("update", "nut", {}, [{**entry, "unit_price": 1_100_000}], id=product.id)
    assert world.write("product", change)[0].result == "updated"
    assert [line["unit_price"] for line in world.fetch("product", product.id or "").lines or ()] == [1_100_000]
    customer = world.customer()
    for quantity in (9, 10, 100):
        order = world.order_change(customer)
        sold = {"quantity": quantity * 1_000_000, "unit_price": 700_000}
        order.lines = [{"key": "1", "product_id": product.id, **sold}]
        assert world.write("order", order)[0].record
    assert [(one.document, one.amount_minor, one.second) for one in traced(world, customer, "list_discount")] == [
        ("O0000001", 9 * 40, 9 * 110),
        ("O0000002", 10 * 10, 10 * 80),
        ("O0000003", 0, 100 * 70),
    ]
    assert figures(world, customer)["list_discount"] == 460


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"currency": "USD"}, "product P0000001: has no price in USD; enter one in the CRM first"),
        ({}, "product P0000001: is on Retail and Standard in EUR; name one with --list: Retail, Standard"),
        ({"price_list": "Gold"}, "product P0000001: is not on Gold in EUR; name one with --list: Retail, Standard"),
        ({"minimum_quantity_micros": 0}, "quantity: is out of range; choose one up to 1000000000"),
    ],
)
def test_a_break_belongs_to_a_list_that_has_the_product(world: World, how: Fields, told: str) -> None:
    entry = {"currency": "EUR", "unit_price": 1_000_000}
    lists = [{**entry, "key": name, "price_list": name} for name in ("Standard", "Retail")]
    world.create("product", {"name": "Nut", "tax_category": "zero"}, lists)
    given: Fields = {"unit_price_micros": 800_000, "minimum_quantity_micros": 10_000_000, "currency": "EUR", **how}
    with world.desk() as desk, pytest.raises(Refused) as caught:
        set_break(desk, "P0000001", **given)
    assert str(caught.value) == told


def test_other_currencies_count_at_the_rate_of_their_own_day(world: World) -> None:
    customer = world.customer()
    world.order(customer, (1, 1_000), currency="USD")
    world.order(customer, (1, 50))
    shown = figures(world, customer)
    assert (shown["orders"], shown["order_total"]) == (2, None)
    with world.desk() as desk:
        rate(desk, "USD", "EUR", value="0.9", day="2026-11-01")
        rate(desk, "USD", "EUR", value="0.5", day="2026-11-03")
    world.days_pass(5)
    assert figures(world, customer)["order_total"] == 950
    assert [(one.currency, one.amount_minor, one.worth_minor) for one in traced(world, customer, "order_total")] == [
        ("USD", 1_000, 900),
        ("EUR", 50, 50),
    ]


def test_figures_are_news_by_documents_and_a_year_after_an_invoice(world: World) -> None:
    customer, _other = world.customer(), world.customer()
    _, position = news(world, None, "customer_figures")
    order = world.order(customer, (1, 1_000))
    found, position = news(world, position, "customer_figures")
    assert found == [customer]
    with world.desk() as desk:
        invoice(desk, order.id)
    found, position = news(world, position, "customer_figures")
    assert found == [customer]
    with world.desk() as desk:
        limit(desk, customer, 5)
    world.days_pass(364)
    found, position = news(world, position, "customer_figures")
    assert (found, figures(world, customer)["invoiced_12_months"]) == ([], 1_000)
    world.days_pass(1)
    found, position = news(world, position, "customer_figures")
    assert (found, figures(world, customer)["invoiced_12_months"]) == ([customer], 0)


def test_a_rate_that_is_entered_late_is_news_for_whom_it_concerns(world: World) -> None:
    customer, _other = world.customer(), world.customer()
    world.order(customer, (1, 1_000), currency="USD")
    _, position = news(world, None, "customer_figures")
    assert figures(world, customer)["order_total"] is None
    with world.desk() as desk:
        rate(desk, "USD", "EUR", value="0.9")
    assert news(world, position, "customer_figures")[0] == [customer]
    assert figures(world, customer)["order_total"] == 900


def test_an_order_that_goes_to_another_customer_is_news_for_both(world: World) -> None:
    first, second = world.customer(), world.customer()
    change = world.order_change(first, (1, 1_000))
    (order,) = world.write("order", change)
    _, position = news(world, None, "customer_figures")
    world.write("order", Change("update", change.key, {"customer_id": second}, id=order.id))
    assert news(world, position, "customer_figures")[0] == [first, second]
    assert [figures(world, one)["order_total"] for one in (first, second)] == [0, 1_000]


def test_a_year_before_the_29th_of_february_is_the_28th() -> None:
    assert [year_before(day) for day in ("2028-02-29", "2029-02-28", "2026-11-02")] == [
        "2027-02-28",
        "2028-02-28",
        "2025-11-02",
    ]


def test_every_figure_is_the_sum_of_its_trace_down_to_the_postings(world: World) -> None:
    customer = world.customer()
    for cents in (1_000, 2_345):
        order = world.order(customer, (2, cents))
        with world.desk() as desk:
            number = invoice(desk, order.id).number
            pay(desk, customer, amount_minor=cents, currency="EUR", invoices=[number])
            credit_note(desk, number, {"1": 500_000})
    shown = figures(world, customer)
    for figure in ("order_total", "invoiced_12_months", "list_discount"):
        assert sum(one.worth_minor or 0 for one in traced(world, customer, figure)) == shown[figure]
    for one in traced(world, customer, "invoiced_12_months"):
        assert {(booked.account, booked.amount_minor) for booked in one.postings} == {
            ("1100", one.amount_minor),
            ("4000", -one.amount_minor),
        }
    assert {len(traced(world, customer, figure)) for figure in FIGURES} == {2, 4, 0}


def test_a_figure_over_currencies_is_the_sum_of_its_trace_to_the_cent(world: World) -> None:
    """Two documents of one day that are worth 33.5 cents each: 34 and 34, as their lines say, are not 67."""
    with world.desk() as desk:
        rate(desk, "USD", "EUR", value="0.5", day="2026-11-01")
    customer = world.customer()
    for cents in (67, 67, 33):
        order = world.order(customer, (1, cents), currency="USD")
        with world.desk() as desk:
            invoice(desk, order.id)
    world.order(customer, (1, 50))
    shown = figures(world, customer)
    for figure in ("order_total", "invoiced_12_months"):
        assert sum(one.worth_minor or 0 for one in traced(world, customer, figure)) == shown[figure]
    assert (shown["orders"], shown["order_total"], shown["invoiced_12_months"]) == (4, 34 + 34 + 17 + 50, 34 + 34 + 17)


def test_what_cannot_be_traced_is_refused(world: World) -> None:
    customer = world.customer()
    with pytest.raises(Refused, match="figure fame: is not there; use one of orders, order_total"):
        traced(world, customer, "fame")
    with pytest.raises(Refused, match="customer 99: is not there"):
        traced(world, "99", "orders")
