"""Customers that share their parent's limit: does the whole family count, whoever orders and pays?"""

from __future__ import annotations

import pytest

from isthmus.connect.protocol import Change
from isthmus.erp.allocating import pay
from isthmus.erp.clerk import hold, lift, limit, rate, share
from isthmus.erp.credit import family_of, lock_customers, standings
from isthmus.erp.invoicing import invoice
from isthmus.kernel.errors import Refused
from tests.erp.conftest import World
from tests.erp.test_credit_status import billed, news, status


@pytest.fixture
def family(world: World) -> tuple[str, str, str]:
    """A parent with a limit of 100.00 EUR, a child that shares it, and the child's child that shares it too."""
    parent = world.customer("Oak Example")
    child = world.customer("Acorn Example", parent_id=parent)
    grandchild = world.customer("Sprout Example", parent_id=child)
    with world.desk() as desk:
        limit(desk, parent, 10_000)
        share(desk, child, shares=True)
        share(desk, grandchild, shares=True)
    return parent, child, grandchild


def test_what_one_orders_the_others_cannot(world: World, family: tuple[str, str, str]) -> None:
    parent, child, grandchild = family
    world.order(parent, (1, 4_000))
    billed(world, grandchild, 3_000)
    held = world.order(child, (1, 3_001))
    assert held.fields["hold_reason"] == (
        "exposure would be 100.01 EUR, over the limit of 100.00 EUR that it shares with C0000001"
    )
    assert world.order(child, (1, 3_000)).fields["status"] == "confirmed"
    shown = {one: status(world, one) for one in family}
    assert {(one["exposure"], one["available"], one["status"]) for one in shown.values()} == {(10_000, 0, "warning")}
    assert [one["outstanding"] for one in shown.values()] == [0, 0, 3_000]
    assert world.rows("SELECT DISTINCT exposure_minor, limit_minor FROM erp_credit") == [(10_000, 10_000)]


def test_who_does_not_share_stands_alone(world: World, family: tuple[str, str, str]) -> None:
    parent, child, _ = family
    alone = world.customer("Elm Example", parent_id=parent)
    assert world.order(alone, (1, 90_000)).fields["status"] == "confirmed"
    assert status(world, child)["exposure"] == 0
    with world.desk() as desk:
        assert family_of(desk.connection, [int(alone)]) == [int(alone)]
        assert family_of(desk.connection, [int(child)]) == [int(one) for one in family]


def test_money_of_one_releases_the_oldest_order_of_any(world: World, family: tuple[str, str, str]) -> None:
    parent, child, grandchild = family
    billed(world, parent, 10_000)
    young = world.order(parent, (1, 6_000), order_date="2026-11-03")
    old = world.order(grandchild, (1, 6_000), order_date="2026-11-01")
    with world.desk() as desk:
        paid = pay(desk, parent, amount_minor=6_000, currency="EUR")
    assert paid.released == (old.fields["number"],)
    assert world.status(young) == "held"
    with world.desk() as desk:
        invoice(desk, old.id)
        assert pay(desk, grandchild, amount_minor=6_000, currency="EUR").released == (young.fields["number"],)
        assert standings(desk.connection, [int(child)], desk.day)[int(child)].exposure_minor == 10_000


def test_a_page_for_the_whole_family_stays_within_the_limit(world: World, family: tuple[str, str, str]) -> None:
    changes = [world.order_change(one, (1, 4_000), order_date=f"2026-11-0{3 - n}") for n, one in enumerate(family)]
    answers = world.write("order", *changes)
    assert [answer.record.fields["status"] for answer in answers if answer.record] == ["held", "confirmed", "confirmed"]


def test_a_hold_of_the_parent_holds_those_who_share_and_a_childs_only_the_child(
    world: World, family: tuple[str, str, str]
) -> None:
    parent, child, grandchild = family
    with world.desk() as desk:
        hold(desk, child, "court case")
    assert world.order(grandchild, (1, 1)).fields["status"] == "confirmed"
    with world.desk() as desk:
        lift(desk, child)
        hold(desk, parent, "insolvency")
    held = world.order(child, (1, 1))
    assert held.fields["hold_reason"] == "C0000001, whose limit it shares, is held by hand: insolvency"
    assert status(world, grandchild)["status"] == "hold"
    with world.desk() as desk:
        assert lift(desk, parent).released == (held.fields["number"],)


def test_amounts_of_a_family_are_in_the_parents_currency(world: World, family: tuple[str, str, str]) -> None:
    _, child, _ = family
    order = world.order(child, (1, 5_000), currency="USD")
    assert order.fields["hold_reason"] == "there is no USD to EUR rate"
    with world.desk() as desk:
        assert rate(desk, "USD", "EUR", value="2") == (order.fields["number"],)
    assert status(world, child)["exposure"] == 10_000


def test_all_of_a_family_are_news_when_one_moves(world: World, family: tuple[str, str, str]) -> None:
    world.customer()
    _, position = news(world, None)
    world.order(family[2], (1, 100))
    found, position = news(world, position)
    assert found == list(family)
    with world.desk() as desk:
        share(desk, family[1], shares=False)
    found, position = news(world, position)
    assert found == list(family)
    world.order(family[2], (1, 100))
    assert news(world, position)[0] == list(family[1:])


def test_a_child_that_leaves_frees_the_credit_for_the_others(world: World, family: tuple[str, str, str]) -> None:
    parent, child, grandchild = family
    world.order(grandchild, (1, 10_000))
    held = world.order(parent, (1, 5_000))
    _, position = news(world, None)
    change = Change("update", "key-3", {"parent_id": None}, id=grandchild)
    assert world.write("customer", change)[0].result == "updated"
    assert world.status(held) == "confirmed"
    assert news(world, position)[0] == list(family)
    assert world.order(child, (1, 5_001)).fields["status"] == "held"


def test_a_family_that_moves_in_one_page_frees_the_credit_as_well(world: World) -> None:
    parent, other, group = world.customer("Oak"), world.customer("Elm"), world.customer("Group")
    child = world.customer("Acorn", parent_id=parent)
    with world.desk() as desk:
        limit(desk, parent, 10_000)
        limit(desk, other, 20_000)
        share(desk, child, shares=True)
    world.order(child, (1, 9_000))
    held, waits = world.order(parent, (1, 5_000)), world.order(child, (1, 11_000))
    assert [world.status(one) for one in (held, waits)] == ["held", "held"]
    moves = [("key-1", group, parent), ("key-4", other, child)]
    world.write("customer", *(Change("update", key, {"parent_id": to}, id=one) for key, to, one in moves))
    assert [world.status(one) for one in (held, waits)] == ["confirmed", "confirmed"]


def test_a_limit_that_is_shared_again_releases_what_it_lets_pass(world: World) -> None:
    parent = world.customer("Oak")
    child = world.customer("Acorn", parent_id=parent)
    with world.desk() as desk:
        share(desk, child, shares=True)
        limit(desk, child, 0)
    world.write("customer", Change("update", "key-2", {"parent_id": None}, id=child))
    held = world.order(child, (1, 5_000))
    assert world.status(held) == "held"
    world.write("customer", Change("update", "key-2", {"parent_id": parent}, id=child))
    assert world.status(held) == "confirmed"


def test_sharing_needs_a_parent_and_no_circle(world: World, family: tuple[str, str, str]) -> None:
    parent, child, _ = family
    with pytest.raises(Refused, match="customer C0000001: has no parent"), world.desk() as desk:
        share(desk, parent, shares=True)
    world.write("customer", Change("update", "key-1", {"parent_id": child}, id=parent))
    with pytest.raises(Refused, match="they would go in a circle"), world.desk() as desk:
        share(desk, parent, shares=True)


def test_a_circle_that_came_about_otherwise_still_has_one_limit(world: World, family: tuple[str, str, str]) -> None:
    parent, child, grandchild = family
    other = world.customer("Ash Example", parent_id=parent)
    with world.desk() as desk:
        limit(desk, child, 5_000)
        share(desk, other, shares=True)
        share(desk, parent, shares=False)
    world.write("customer", Change("update", "key-1", {"parent_id": child}, id=parent))
    world.execute("UPDATE erp_credit_term SET shares_parent_limit = (1 = 1) WHERE customer_id = 1")
    with world.desk() as desk:
        lock_customers(desk.connection, [int(grandchild)])
        known = standings(desk.connection, [int(one) for one in (*family, other)], desk.day)
    assert {one.line.root_id for one in known.values()} == {1}
    assert world.order(other, (1, 10_001)).fields["status"] == "held"
