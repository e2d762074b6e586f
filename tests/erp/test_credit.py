"""Credit: who is confirmed, who is held and why, and what releases an order."""

from __future__ import annotations

import pytest

from isthmus.connect.protocol import Change
from isthmus.erp.allocating import pay
from isthmus.erp.clerk import cancel, hold, lift, limit, rate
from isthmus.erp.credit import standings
from isthmus.erp.invoicing import credit_note, invoice
from isthmus.kernel.errors import Refused
from isthmus.kernel.records import Record
from tests.erp.conftest import World


def set_limit(world: World, customer: str, limit_minor: int | None, **rest: int) -> None:
    with world.desk() as desk:
        limit(desk, customer, limit_minor, **rest)  # type: ignore[arg-type]


def reason(record: Record) -> str:
    return str(record.fields["hold_reason"])


def test_without_a_limit_every_order_is_confirmed(world: World) -> None:
    assert world.order(world.customer(), (1_000_000, 100_000)).fields["status"] == "confirmed"


def test_a_limit_of_zero_is_not_no_limit(world: World) -> None:
    customer = world.customer()
    set_limit(world, customer, 0)
    held = world.order(customer, (1, 1))
    assert (held.fields["status"], reason(held)) == (
        "held",
        "exposure would be 0.01 EUR, over the limit of 0.00 EUR",
    )
    assert world.order(customer, (1, 0)).fields["status"] == "confirmed"  # it costs nothing


@pytest.mark.parametrize(("cents", "status"), [(9_999, "confirmed"), (10_000, "confirmed"), (10_001, "held")])
def test_the_limit_itself_may_be_reached(world: World, cents: int, status: str) -> None:
    customer = world.customer()
    set_limit(world, customer, 10_000)
    assert world.order(customer, (1, cents)).fields["status"] == status


def test_orders_of_one_page_share_the_limit_and_the_oldest_goes_first(world: World) -> None:
    customer = world.customer()
    set_limit(world, customer, 10_000)
    late = world.order_change(customer, (1, 6_000), order_date="2026-11-03")
    early = world.order_change(customer, (1, 6_000), order_date="2026-11-01")
    answers = world.write("order", late, early)
    assert [answer.record.fields["status"] for answer in answers if answer.record] == ["held", "confirmed"]


@pytest.mark.parametrize(("exposure", "status"), [(7_999, "ok"), (8_000, "warning"), (10_000, "warning")])
def test_eighty_per_cent_is_a_warning(world: World, exposure: int, status: str) -> None:
    customer = world.customer()
    set_limit(world, customer, 10_000)
    world.order(customer, (1, exposure))
    with world.desk() as desk:
        standing = standings(desk.connection, [int(customer)], desk.day)[int(customer)]
    assert (standing.status, standing.exposure_minor) == (status, exposure)
    assert world.rows("SELECT status, exposure_minor, available_minor FROM erp_credit") == [
        (status, exposure, 10_000 - exposure)
    ]


def test_exposure_counts_the_rest_of_an_order_invoices_and_payments_once(world: World) -> None:
    customer = world.customer()
    set_limit(world, customer, 10_000)
    order = world.order(customer, (2, 4_000))
    query = "SELECT exposure_minor FROM erp_credit"
    assert world.rows(query) == [(8_000,)]
    with world.desk() as desk:
        invoice(desk, order.id, {"1": 1_000_000})
    assert world.rows(query) == [(8_000,)]
    with world.desk() as desk:
        pay(desk, customer, amount_minor=5_000, currency="EUR")
    assert world.rows(query) == [(3_000,)]


def test_a_payment_releases_held_orders_oldest_first_as_far_as_it_reaches(world: World) -> None:
    customer = world.customer()
    set_limit(world, customer, 10_000)
    first = world.order(customer, (1, 10_000))
    with world.desk() as desk:
        invoice(desk, first.id)
    young = world.order(customer, (1, 6_000), order_date="2026-11-04")
    old = world.order(customer, (1, 6_000), order_date="2026-11-03")
    with world.desk() as desk:
        paid = pay(desk, customer, amount_minor=7_000, currency="EUR")
    assert paid.released == (old.fields["number"],)
    assert (world.status(old), world.status(young)) == ("confirmed", "held")
    shown = world.fetch("order", old.id)
    assert (shown.by_us, shown.changed_by, shown.fields["hold_reason"]) == (False, "clerk", None)
    assert shown.version > old.version


def test_credit_notes_cancelling_and_a_higher_limit_release_too(world: World) -> None:
    customer = world.customer()
    set_limit(world, customer, 10_000)
    first = world.order(customer, (1, 10_000))
    with world.desk() as desk:
        written = invoice(desk, first.id)
    held = [world.order(customer, (1, 10_000)) for _ in range(3)]
    with world.desk() as desk:
        assert credit_note(desk, written.number).released == (held[0].fields["number"],)
        assert cancel(desk, held[0].id).released == (held[1].fields["number"],)
        assert limit(desk, customer, 20_000).released == (held[2].fields["number"],)


def test_withdrawing_an_order_releases_another_in_the_same_page(world: World) -> None:
    customer = world.customer()
    set_limit(world, customer, 10_000)
    change = world.order_change(customer, (1, 9_000))
    (first,) = world.write("order", change)
    second = world.order_change(customer, (1, 8_000))
    (held,) = world.write("order", second)
    assert held.record
    assert held.record.fields["status"] == "held"
    update = Change("update", second.key, {"customer_reference": "PO 7"}, id=held.id, expects=held.version)
    gone = Change("withdraw", change.key, {}, id=first.id, expects=first.version, how="cancel")
    answers = world.write("order", update, gone)
    assert [answer.result for answer in answers] == ["moved", "withdrawn"]  # the release gave it a new version
    assert world.status(held.record) == "confirmed"


def test_a_hold_by_hand_is_lifted_only_by_hand(world: World) -> None:
    customer = world.customer()
    with world.desk() as desk:
        hold(desk, customer, "court case")
    order = world.order(customer, (1, 100))
    assert reason(order) == "held by hand: court case"
    with world.desk() as desk:
        pay(desk, customer, amount_minor=100_000, currency="EUR")
        limit(desk, customer, 1_000_000)
    assert world.status(order) == "held"
    with world.desk() as desk:
        assert lift(desk, customer).released == (order.fields["number"],)
    with pytest.raises(Refused, match="is not held by hand"), world.desk() as desk:
        lift(desk, customer)


@pytest.mark.parametrize(("days", "status"), [(14 + 5, "confirmed"), (14 + 6, "held")])
def test_overdue_counts_only_beyond_the_grace_days(world: World, days: int, status: str) -> None:
    customer = world.customer(terms="NET14")
    set_limit(world, customer, None, grace_days=5)
    first = world.order(customer, (1, 1_000))
    with world.desk() as desk:
        invoice(desk, first.id)
    world.days_pass(days)
    second = world.order(customer, (1, 1_000))
    assert second.fields["status"] == status
    if status == "held":
        assert reason(second) == "an invoice due 2026-11-16 is beyond the 5 days of grace"
        with world.desk() as desk:
            assert pay(desk, customer, amount_minor=1_000, currency="EUR").released == (second.fields["number"],)


def test_another_currency_counts_at_the_rate_of_the_day(world: World) -> None:
    customer = world.customer()
    set_limit(world, customer, 10_000)
    unrated = world.order(customer, (1, 10_000), currency="USD")
    assert reason(unrated) == "there is no USD to EUR rate"
    with world.desk() as desk:
        assert rate(desk, "USD", "EUR", value="0.9") == (unrated.fields["number"],)
    assert world.rows("SELECT exposure_minor FROM erp_credit") == [(9_000,)]
    assert world.order(customer, (1, 1_112), currency="USD").fields["status"] == "held"  # 10.008 → 10.01 EUR
    assert world.order(customer, (1, 1_111), currency="USD").fields["status"] == "confirmed"  # 9.999 → 10.00 EUR


def test_a_rate_of_a_later_day_releases_orders_when_its_day_has_come(world: World) -> None:
    customer = world.customer()
    set_limit(world, customer, 10_000)
    unrated = world.order(customer, (1, 10_000), currency="USD")
    with world.desk() as desk:
        assert rate(desk, "USD", "EUR", value="0.9", day="2026-11-05") == ()
    for days, status in ((0, "held"), (2, "held"), (1, "confirmed")):
        world.days_pass(days)
        world.connector.pass_time()
        assert world.status(unrated) == status
    logged = "SELECT count(*) FROM erp_change WHERE stream = 'order'"
    before = world.rows(logged)
    world.connector.pass_time()
    assert world.rows(logged) == before, "what does not move is not written"


def test_a_rate_knows_the_decimals_of_both_currencies(world: World) -> None:
    customer = world.customer()
    set_limit(world, customer, 10_000)
    with world.desk() as desk:
        rate(desk, "JPY", "EUR", value="0.00613")
    assert world.order(customer, (10_000, 100), currency="JPY").fields["status"] == "confirmed"  # 10,000 yen: 61.30 EUR
    assert world.rows("SELECT exposure_minor FROM erp_credit") == [(6_130,)]


def test_a_confirmed_order_may_shrink_while_on_hold_but_not_grow(world: World) -> None:
    customer = world.customer()
    change = world.order_change(customer, (2, 1_000))
    (answer,) = world.write("order", change)
    with world.desk() as desk:
        hold(desk, customer, "court case")
    update = Change("update", change.key, {}, [world.line("1", 1, 1_000)], id=answer.id)
    (smaller,) = world.write("order", update)
    assert smaller.record
    assert (smaller.record.fields["status"], smaller.record.fields["total"]) == ("confirmed", 1_000)
    update.lines = [world.line("1", 3, 1_000)]
    (greater,) = world.write("order", update)
    assert greater.record
    assert greater.record.fields["status"] == "held"


def test_reasons_say_everything_that_is_wrong(world: World) -> None:
    customer = world.customer()
    with world.desk() as desk:
        hold(desk, customer, "court case")
        limit(desk, customer, 100)
    assert reason(world.order(customer, (1, 1_000))) == (
        "held by hand: court case; exposure would be 10.00 EUR, over the limit of 1.00 EUR"
    )
