"""The credit status that others read: are its figures right, and is a customer news exactly when it must be?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from isthmus.connect.protocol import Change
from isthmus.erp.allocating import pay
from isthmus.erp.clerk import hold, limit, rate
from isthmus.erp.invoicing import credit_note, invoice
from isthmus.erp.ledger import close_period
from isthmus.erp.reading import PAGE
from isthmus.kernel.records import Fields
from isthmus.kernel.selection import Selection, Term
from tests.erp.conftest import World


def news(world: World, since: str | None, stream: str = "credit_status") -> tuple[list[str], str]:
    """The ids that a reader who stands there is shown, and where it stands then."""
    pages = list(world.connector.read(Selection(stream, ()), since, timedelta(0)))
    assert pages[-1].complete_to
    return [record.id for page in pages for record in page.records], pages[-1].complete_to


def billed(world: World, customer: str, cents: int, **fields: object) -> str:
    """An invoice over so many cents."""
    order = world.order(customer, (1, cents), **fields)
    with world.desk() as desk:
        return str(invoice(desk, order.id).id)


def status(world: World, customer: str) -> Fields:
    return world.fetch("credit_status", customer).fields


def test_a_customer_without_anything_is_shown_as_well(world: World) -> None:
    customer = world.customer()
    assert status(world, customer) == {
        "customer_id": customer,
        "currency": "EUR",
        "limit": None,
        "exposure": 0,
        "available": None,
        "outstanding": 0,
        "overdue": 0,
        "not_due": 0,
        "overdue_1_30": 0,
        "overdue_31_60": 0,
        "overdue_61_90": 0,
        "overdue_over_90": 0,
        "days_overdue": 0,
        "oldest_due_date": None,
        "status": "ok",
        "reason": None,
        "held_orders": 0,
        "as_of": "2026-11-02T09:00:00.000000Z",
    }


def test_ages_exposure_and_held_orders_add_up(world: World) -> None:
    customer = world.customer(terms="NET14")
    with world.desk() as desk:
        limit(desk, customer, 10_000, grace_days=200)
    for cents in (1_000, 2_000, 300, 40, 5):  # each a month before the next
        billed(world, customer, cents)
        world.days_pass(31)
    with world.desk() as desk:
        pay(desk, customer, amount_minor=600, currency="EUR", invoices=[])
    world.order(customer, (1, 9_000))
    shown = status(world, customer)
    names = ("not_due", "overdue_1_30", "overdue_31_60", "overdue_61_90", "overdue_over_90")
    assert [shown[name] for name in names] == [0, 5, 40, 300, 3_000]
    assert (shown["overdue"], shown["outstanding"], shown["exposure"], shown["available"]) == (3345, 2745, 2745, 7255)
    assert (shown["days_overdue"], shown["oldest_due_date"], shown["held_orders"]) == (141, "2026-11-16", 1)
    assert (shown["status"], shown["reason"]) == ("ok", None)


def test_a_reason_says_why_and_stays_the_same_from_day_to_day(world: World) -> None:
    customer = world.customer(terms="NET14")
    billed(world, customer, 1_000)
    with world.desk() as desk:
        limit(desk, customer, 1_100, grace_days=5)
    assert (status(world, customer)["status"], status(world, customer)["reason"]) == (
        "warning",
        "exposure 10.00 EUR is near the limit of 11.00 EUR",
    )
    world.days_pass(20)
    said = status(world, customer)["reason"]
    assert said == "an invoice due 2026-11-16 is beyond the 5 days of grace"
    world.days_pass(3)
    assert status(world, customer)["reason"] == said


def test_other_currencies_count_at_the_days_rate_and_without_one_nothing_is_said(world: World) -> None:
    customer = world.customer()
    billed(world, customer, 1_000, currency="USD")
    billed(world, customer, 500)
    shown = status(world, customer)
    assert (shown["outstanding"], shown["not_due"], shown["status"]) == (None, None, "ok")
    with world.desk() as desk:
        limit(desk, customer, 100_000)
    assert status(world, customer)["reason"] == "there is no USD to EUR rate"
    with world.desk() as desk:
        rate(desk, "USD", "EUR", value="0.9")
    shown = status(world, customer)
    assert (shown["outstanding"], shown["exposure"], shown["status"]) == (1_400, 1_400, "ok")


def test_a_first_read_shows_everybody_and_the_next_only_those_who_moved(world: World) -> None:
    first, second = world.customer(), world.customer()
    found, position = news(world, None)
    assert found == [first, second]
    assert news(world, position)[0] == []
    invoice_id = billed(world, second, 1_000)
    found, position = news(world, position)
    assert found == [second]
    for work in (
        lambda desk: limit(desk, second, 5),
        lambda desk: hold(desk, second, "court case"),
        lambda desk: pay(desk, second, amount_minor=400, currency="EUR"),
        lambda desk: credit_note(desk, invoice_id),
    ):
        with world.desk() as desk:
            work(desk)
        found, position = news(world, position)
        assert found == [second]
    with world.desk() as desk:
        close_period(desk, "2026-10")
    assert news(world, position)[0] == []


def test_a_rate_is_news_for_those_who_owe_in_its_currency(world: World) -> None:
    customer, _other = world.customer(terms="NET14"), world.customer()
    billed(world, customer, 1_000, currency="USD")
    _, position = news(world, None)
    with world.desk() as desk:
        rate(desk, "USD", "EUR", value="0.9")
        rate(desk, "USD", "EUR", value="0.8", day="2026-11-05")
    found, position = news(world, position)
    assert found == [customer]
    assert status(world, customer)["outstanding"] == 900
    world.days_pass(2)
    found, position = news(world, position)
    assert found == []
    world.days_pass(1)
    assert news(world, position)[0] == [customer]
    assert status(world, customer)["outstanding"] == 800


def test_an_order_that_goes_to_another_customer_is_news_for_both(world: World) -> None:
    first, second = world.customer(), world.customer()
    change = world.order_change(first, (1, 1_000))
    (order,) = world.write("order", change)
    _, position = news(world, None)
    world.write("order", Change("update", change.key, {"customer_id": second}, id=order.id))
    assert news(world, position)[0] == [first, second]


#: Days after the due date (grace is 5) on which something passes an edge.
EDGES = (1, 6, 31, 61, 91)


@pytest.mark.parametrize("stream", ["credit_status", "invoice"])
def test_time_is_news_on_the_days_of_the_edges_and_on_no_other(world: World, stream: str) -> None:
    customer = world.customer(terms="NET14")
    with world.desk() as desk:
        limit(desk, customer, None, grace_days=5)
    number = billed(world, customer, 1_000)
    settled = billed(world, customer, 2_000)
    with world.desk() as desk:
        pay(desk, customer, amount_minor=2_000, currency="EUR", invoices=[settled])
    _, position = news(world, None, stream)
    edges = []
    for day in range(1, 14 + 100):
        world.days_pass(1)
        found, position = news(world, position, stream)
        edges += [day - 14] * len(found)
        assert set(found) <= {customer if stream == "credit_status" else number}
    assert tuple(edges) == (EDGES if stream == "credit_status" else (1, 31, 61, 91))


def test_days_that_nobody_read_are_made_up_for(world: World) -> None:
    customer = world.customer(terms="NET14")
    number = billed(world, customer, 1_000)
    positions = {stream: news(world, None, stream)[1] for stream in ("credit_status", "invoice")}
    world.days_pass(60)
    assert news(world, positions["credit_status"])[0] == [customer]
    assert news(world, positions["invoice"], "invoice")[0] == [number]
    shown = world.fetch("invoice", number).fields
    assert (shown["days_overdue"], shown["as_of"]) == (46, "2027-01-01")


def test_versions_never_go_back(world: World) -> None:
    customer = world.customer()
    seen = [world.fetch("credit_status", customer).version]
    for days, cents in ((0, 100), (1, 0), (0, 200)):
        world.days_pass(days)
        if cents:
            billed(world, customer, cents)
        seen.append(world.fetch("credit_status", customer).version)
    assert seen == sorted(set(seen))


def test_more_than_a_page_is_read_from_wherever_the_reader_stopped(world: World) -> None:
    names = [{"name": f"Example {number}", "currency": "EUR"} for number in range(PAGE + 1)]
    world.write("customer", *(Change("create", world.key(), fields) for fields in names))
    pages = list(world.connector.read(Selection("credit_status", ()), None, timedelta(0)))
    assert [len(page.records) for page in pages] == [PAGE, 1]
    rest, position = news(world, pages[0].complete_to)
    assert rest == [pages[1].records[0].id]
    assert news(world, position)[0] == []


def test_a_read_that_goes_on_the_next_day_does_not_forget_the_night_between(world: World) -> None:
    customer = world.customer(terms="NET14")
    rest = ({"name": f"Example {number}", "currency": "EUR"} for number in range(PAGE))
    world.write("customer", *(Change("create", world.key(), fields) for fields in rest))
    billed(world, customer, 1_000)  # due on the 16th
    with world.desk() as desk:
        limit(desk, customer, 10_000, grace_days=5)
    world.days_pass(19)  # the last day of grace
    page = next(iter(world.connector.read(Selection("credit_status", ()), None, timedelta(0))))
    assert (page.records[0].id, page.records[0].fields["status"]) == (customer, "ok")
    world.days_pass(1)
    _, position = news(world, page.complete_to)
    assert news(world, position)[0] == [customer]
    assert status(world, customer)["status"] == "hold"


def test_a_first_read_keeps_to_the_filter(world: World) -> None:
    world.customer()
    held = world.customer()
    with world.desk() as desk:
        hold(desk, held, "court case")
    asked = Selection("credit_status", (), where=(Term("status", "equals", ("hold",)),))
    (page,) = world.connector.read(asked, None, timedelta(0))
    assert [record.id for record in page.records] == [held]


def test_the_stream_is_described(world: World) -> None:
    fields = world.connector.describe("credit_status").fields
    assert set(status(world, world.customer())) | {"id"} == set(fields)
    assert fields["customer_id"].refers_to == ("customer",)
    assert (fields["as_of"].type, fields["days_overdue"].type, fields["days_overdue"].decimals) == (
        "datetime",
        "number",
        0,
    )
    assert not any(field.updatable or field.creatable for field in fields.values())
    assert "credit_status" in world.connector.streams()
