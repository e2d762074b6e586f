"""Two customers become one: does all that one owes, ordered and paid count to the other, the books untouched?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from isthmus.connect.protocol import Change
from isthmus.erp.allocating import allocate, pay
from isthmus.erp.clerk import hold, limit, share
from isthmus.erp.invoicing import credit_note, invoice
from isthmus.erp.merging import merge
from isthmus.erp.reversing import refund, reverse
from isthmus.erp.statement import customers, statement
from isthmus.kernel.errors import Refused
from isthmus.kernel.selection import Selection
from tests.erp.conftest import World
from tests.erp.test_credit_status import news

BOOKED = (
    "SELECT customer_id, account, currency, amount_minor FROM erp_posting ORDER BY entry_id, position",
    "SELECT number, customer_id, total_minor FROM erp_invoice ORDER BY id",
    "SELECT number, customer_id, amount_minor FROM erp_payment ORDER BY id",
)


def unite(world: World, stays: str, goes: str) -> None:
    world.connector.merge("customer", stays=stays, goes=goes)


def stands(world: World, customer: str) -> dict[str, Any]:
    return world.fetch("credit_status", customer).fields


def bill(world: World, customer: str, cents: int) -> str:
    order = world.order(customer, (1, cents))
    with world.desk() as desk:
        return invoice(desk, order.id).number


def paid(world: World, customer: str, cents: int, *invoices: str) -> str:
    with world.desk() as desk:
        return pay(desk, customer, amount_minor=cents, currency="EUR", invoices=list(invoices)).number


def test_what_one_owes_ordered_and_paid_counts_to_the_other(world: World) -> None:
    stays, goes = world.customer("Alder Example"), world.customer("Alder Example (old)")
    with world.desk() as desk:
        limit(desk, stays, 100_000)
    paid(world, goes, 700, bill(world, goes, 1_000))
    paid(world, goes, 50)
    bill(world, stays, 2_000)
    world.order(goes, (1, 400))
    world.days_pass(5)
    before = [world.rows(query) for query in BOOKED]
    unite(world, stays, goes)
    assert [world.rows(query) for query in BOOKED] == before, "nothing posted is touched"
    shown = stands(world, stays)
    assert (shown["outstanding"], shown["overdue"], shown["exposure"]) == (2_250, 2_300, 2_650)
    assert (shown["available"], shown["days_overdue"], shown["status"]) == (97_350, 5, "ok")
    figures = world.fetch("customer_figures", stays).fields
    assert (figures["orders"], figures["order_total"], figures["invoiced_12_months"]) == (3, 3_400, 3_000)
    assert figures["days_to_pay"] == 0
    views = {
        "erp_credit": "customer_id, exposure_minor",
        "erp_receivable": "customer_id, outstanding_minor, unapplied_minor",
    }
    credit, receivable = (world.rows(f"SELECT {columns} FROM {view}") for view, columns in views.items())
    assert (credit, receivable) == ([(int(stays), 2_650)], [(int(stays), 2_250, 50)])


def test_the_customer_that_goes_is_closed_and_is_shown_nowhere(world: World) -> None:
    stays, goes = world.customer("Alder Example", tax_id="DE1"), world.customer("Alder Example (old)", tax_id="DE1")
    bill(world, goes, 1_000)
    _, position = news(world, None, "credit_status")
    unite(world, stays, goes)
    assert news(world, position, "credit_status")[0] == [stays]
    for stream in ("customer", "credit_status", "customer_figures"):
        read = [
            one.id for page in world.connector.read(Selection(stream, ()), None, timedelta(0)) for one in page.records
        ]
        assert read == [stays], stream
    assert [one.id for one in world.connector.find("customer", ("tax_id",), [("de1",)])] == [stays]
    with world.desk() as desk:
        (line,) = customers(desk)
        told = statement(desk, "C0000002")
    assert (line.number, told.number) == ("C0000001", "C0000001")
    assert [(one.number, one.open_minor) for one in told.open_items] == [("I0000001", 1_000)]
    assert [one.balance_minor for one in told.booked] == [1_000]


def test_money_of_one_settles_what_the_other_owed(world: World) -> None:
    stays, goes = world.customer(), world.customer()
    old, older = bill(world, goes, 1_000), paid(world, goes, 300)
    unite(world, stays, goes)
    paid(world, stays, 600, old)
    with world.desk() as desk:
        assert allocate(desk, older).unapplied_minor == 0
        credit_note(desk, old, {"1": 100_000})
    assert stands(world, stays)["outstanding"] == 0
    new = bill(world, stays, 500)
    more = paid(world, goes, 900, new)  # a clerk who still names the old number
    with world.desk() as desk:
        refund(desk, more)
        reverse(desk, older, "not honoured")
    assert stands(world, stays)["outstanding"] == 300
    assert world.fetch("invoice", "1").fields["status"] == "partly_paid"


def test_orders_go_over_and_are_gated_by_the_limit_of_the_one_that_stays(world: World) -> None:
    stays, goes = world.customer(), world.customer()
    with world.desk() as desk:
        limit(desk, goes, 500)
        limit(desk, stays, 5_000)
    orders = [world.order(goes, (1, cents)) for cents in (400, 900)]
    assert [world.status(one) for one in orders] == ["confirmed", "held"]
    unite(world, stays, goes)
    assert [world.status(one) for one in orders] == ["confirmed", "confirmed"]
    assert {world.fetch("order", one.id).fields["customer_id"] for one in orders} == {stays}
    late = world.order(stays, (1, 3_701))
    assert late.fields["hold_reason"] == "exposure would be 50.01 EUR, over the limit of 50.00 EUR"


def test_a_hold_by_hand_is_not_lost_by_merging(world: World) -> None:
    stays, goes = world.customer(), world.customer()
    with world.desk() as desk:
        hold(desk, goes, "the bank asked")
    unite(world, stays, goes)
    assert (stands(world, stays)["status"], stands(world, stays)["reason"]) == ("hold", "held by hand: the bank asked")


def test_merging_twice_and_in_a_chain_ends_at_the_last_one(world: World) -> None:
    first, second, third = (world.customer() for _ in range(3))
    bill(world, first, 100)
    for stays, goes in ((second, first), (second, first), (third, second)):
        unite(world, stays, goes)
    assert stands(world, third)["outstanding"] == 100
    assert world.rows("SELECT customer_id, into_id FROM erp_merger ORDER BY 1") == [
        (int(first), int(third)),
        (int(second), int(third)),
    ]
    with pytest.raises(Refused, match=f"customer {first}: was merged into C0000003; name that one"):
        unite(world, first, third)


def test_families_stay_whole(world: World) -> None:
    top, stays = world.customer(), world.customer()
    goes = world.customer(parent_id=top)
    child = world.customer(parent_id=goes)
    with world.desk() as desk:
        limit(desk, stays, 1_000)
        share(desk, goes, shares=True)
        share(desk, child, shares=True)
    bill(world, child, 300)
    unite(world, stays, goes)
    assert (stands(world, stays)["exposure"], stands(world, top)["exposure"]) == (300, 0)
    assert stands(world, child)["available"] == 700
    assert world.fetch("customer", child).fields["parent_id"] == stays


def test_the_keys_of_both_lead_to_the_one_that_stays(world: World) -> None:
    fields = {"name": "Alder Example", "currency": "EUR"}
    stays, goes = (world.create("customer", fields, key=key).id or "" for key in ("loser", "winner"))
    unite(world, stays, goes)
    assert world.connector.find_keys("customer", ["winner", "loser"]) == {"winner": stays, "loser": stays}
    (answer,) = world.write("customer", Change("update", "winner", {"name": "Alder"}, id=stays))
    assert answer.result == "updated", answer.fault
    again = world.create("customer", fields, key="winner")
    assert again.fault is not None
    assert again.fault.what == "this key was merged into another record"


def test_the_database_keeps_a_merger_and_refuses_what_was_never_merged(world: World) -> None:
    stays, goes, other = world.customer(), world.customer(), world.customer()
    old = bill(world, goes, 1_000)
    unite(world, stays, goes)
    for query in ("DELETE FROM erp_merger", f"UPDATE erp_merger SET customer_id = {other}"):
        with pytest.raises(DBAPIError, match="customers that were merged stay merged"):
            world.execute(query)
    with pytest.raises(Refused, match="is not there for this customer"):
        paid(world, other, 500, old)


def test_only_customers_can_be_merged(world: World) -> None:
    with pytest.raises(Refused, match="merge customers"):
        world.connector.merge("product", stays="1", goes="2")
    with world.desk() as desk, pytest.raises(Refused, match="customer 77: is not there"):
        merge(desk, "77", "78")
