"""Does only he decide who may, do two decide where it takes two, and is every attempt kept?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from isthmus.kernel.errors import Refused
from isthmus.settings import People
from isthmus.state.decisions import Decided
from isthmus.state.worklist import Item
from isthmus.sync.preflight import preflight
from tests.scenarios.world import World

ROLES = {"finance": ("cli:ada", "cli:eve", "airflow:vera"), "operations": ("cli:tom",)}
RIGHTS = {"finance": ("resolve", "dismiss"), "operations": ("accept", "pause")}


def rule(world: World, **rules: object) -> None:
    people = dataclasses.replace(People(ROLES, RIGHTS), **rules)  # type: ignore[arg-type]
    world.shop.settings = dataclasses.replace(world.shop.settings, people=people)


def conflict(world: World, quantity: int = 1) -> Item:
    """An order of ten euros each, whose number both sides changed."""
    order = world.order(world.account("Tug Ltd"), quantity=quantity, PoNumber="PO-1")
    world.cycle()
    world.edit("order", order, PoNumber="PO-SALES")
    world.clerk("order", order, customer_reference="PO-CLERK")
    world.cycle()
    return world.item(order)


def told(world: World, number: int | None = None) -> list[tuple[str, str, str]]:
    return [(one.who, one.verb, one.outcome) for one in reversed(world.shop.office.decisions(number))]


def po(world: World, item: Item) -> tuple[str, str]:
    return world.crm("order", item.source_id)["PoNumber"], world.erp("order", item.source_id)["customer_reference"]


DECISIONS: dict[str, Callable[[World, int, str], object]] = {
    "resolve": lambda world, number, who: world.shop.office.resolve(number, "crm", who),
    "dismiss": lambda world, number, who: world.shop.office.dismiss(number, who, "a test order"),
    "accept": lambda world, _, who: world.shop.office.accept("order", who, "agreed"),
    "pause": lambda world, _, who: world.shop.office.pause("order", who, "stock-taking"),
    "resume": lambda world, _, who: world.shop.office.resume("order", who),
}


@pytest.mark.parametrize("verb", DECISIONS)
def test_only_who_may_decides_and_the_attempt_is_kept(world: World, verb: str) -> None:
    item, right = conflict(world), "pause" if verb == "resume" else verb
    rule(world)
    number = item.id or 0
    wrong, may = ("cli:tom", "cli:ada") if verb in ("resolve", "dismiss") else ("cli:ada", "cli:tom")
    for nobody in (wrong, "airflow:tom", "airflow:ada", "cli:mallory"):
        with pytest.raises(Refused, match=f"{nobody}: may not {right}; ask "):
            DECISIONS[verb](world, number, nobody)
    assert {outcome for _, _, outcome in told(world)} == {"refused"}
    assert [who for who, _, _ in told(world)] == [wrong, "airflow:tom", "airflow:ada", "cli:mallory"]
    (last, *_) = world.shop.office.decisions()
    assert "cli:mallory: may not" in last.told
    assert world.item(item.source_id) == item, "nothing was changed"
    DECISIONS[verb](world, number, may)
    assert told(world)[-1] == (may, right, "done")


def test_to_try_again_everyone_may(world: World) -> None:
    item = conflict(world)
    rule(world)
    assert world.shop.office.retry("cli:mallory", item.id) == ["order"]


def test_without_roles_everyone_may(world: World) -> None:
    item = conflict(world)
    assert world.shop.office.resolve(item.id or 0, "crm", "cli:anybody") == "order"


def test_a_dismissal_without_a_reason_is_refused_and_kept(world: World) -> None:
    item = conflict(world)
    with pytest.raises(Refused, match="a reason: is missing"):
        world.shop.office.dismiss(item.id or 0, "cli:ada", " ")
    assert told(world, item.id) == [("cli:ada", "dismiss", "refused")]


# --- four eyes ----------------------------------------------------------------------------------------------------


def test_below_the_limit_one_is_enough(world: World) -> None:
    item = conflict(world, quantity=9)
    rule(world, two_above={"EUR": 100_00 * 2})
    assert world.shop.office.resolve(item.id or 0, "crm", "cli:ada") == "order"


@pytest.mark.parametrize("limits", [{"EUR": 100_00}, {"USD": 100_00}], ids=["above it", "none for this currency"])
def test_above_the_limit_two_different_people_give_the_same_answer(world: World, limits: dict[str, int]) -> None:
    item = conflict(world, quantity=1000)  # 10,000 EUR net
    rule(world, two_above=limits)
    number = item.id or 0
    assert world.shop.office.resolve(number, "crm", "cli:ada") is None
    world.cycle()
    assert po(world, item) == ("PO-SALES", "PO-CLERK"), "one person alone changes nothing"
    request = world.shop.office.question(world.item(item.source_id)).request
    assert isinstance(request, Decided)
    assert (request.who, request.why) == ("cli:ada", "took the value of the CRM")
    assert "EUR, which takes two people" in request.told
    for same in ("cli:ada", "airflow:ada"):
        world.shop.settings = dataclasses.replace(world.shop.settings, people=_with(world, same))
        with pytest.raises(Refused, match=f"{same} asked for this and cannot confirm it as well; ask "):
            world.shop.office.resolve(number, "crm", same)
    assert world.shop.office.resolve(number, "crm", "airflow:vera") == "order"
    world.cycle()
    assert po(world, item) == ("PO-SALES", "PO-SALES")
    assert told(world, number) == [
        ("cli:ada", "resolve", "asked"),
        ("cli:ada", "resolve", "refused"),
        ("airflow:ada", "resolve", "refused"),
        ("airflow:vera", "resolve", "done"),
    ]
    due = [str(one.entry.payload.get("due")) for one in world.history("order", item.source_id)]
    assert "cli:ada and airflow:vera took the value of the CRM" in due


def _with(world: World, who: str) -> People:
    people = world.shop.settings.people
    return dataclasses.replace(people, roles={**people.roles, "finance": (*ROLES["finance"], who)})


def test_another_answer_is_another_request(world: World) -> None:
    item = conflict(world, quantity=1000)
    rule(world, two_above={"EUR": 100_00})
    number = item.id or 0
    assert world.shop.office.resolve(number, "crm", "cli:ada") is None
    assert world.shop.office.resolve(number, "erp", "cli:eve") is None
    assert world.shop.office.dismiss(number, "airflow:vera", "nobody cares") is False
    assert world.shop.office.resolve(number, "erp", "cli:ada") is None, "the open request is to hide it"
    assert world.shop.office.resolve(number, "erp", "cli:eve") == "order"
    world.cycle()
    assert po(world, item) == ("PO-CLERK", "PO-CLERK")


def test_a_request_ends_when_either_side_moves(world: World) -> None:
    item = conflict(world, quantity=1000)
    rule(world, two_above={"EUR": 100_00})
    assert world.shop.office.resolve(item.id or 0, "crm", "cli:ada") is None
    world.edit("order", item.source_id, PoNumber="PO-THIRD")
    world.cycle()
    again = world.item(item.source_id)
    assert world.shop.office.resolve(again.id or 0, "crm", "cli:eve") is None, (
        "nobody has agreed to the third value yet"
    )
    assert world.shop.office.resolve(again.id or 0, "crm", "cli:ada") == "order"


def test_a_changed_mapping_counts_what_the_documents_come_to_that_it_would_change(world: World) -> None:
    world.order(world.account("Tug Ltd"), quantity=11, PoNumber="po-1")
    world.cycle()
    world.mapping_file("order", ("{field: PoNumber, via: [trim]}", "{field: PoNumber, via: [trim, upper]}"))
    roles = {**ROLES, "operations": ("cli:tom", "airflow:ben")}
    rule(world, roles=roles, two_above={"EUR": 110_00})
    assert world.shop.accept("order", "cli:tom", "agreed") == world.shop.mapping("order").hash
    world.mapping_file("order", ("via: [trim, upper]}", "via: [upper, trim]}"))
    rule(world, roles=roles, two_above={"EUR": 109_99})
    assert world.shop.accept("order", "cli:tom", "agreed") is None
    with pytest.raises(Refused, match="mapping order: cli:tom asked for this and cannot confirm it as well; ask "):
        world.shop.accept("order", "cli:tom", "agreed")
    assert world.shop.accept("order", "airflow:ben", "agreed")
    assert told(world) == [
        ("cli:tom", "accept", "done"),
        ("cli:tom", "accept", "asked"),
        ("cli:tom", "accept", "refused"),
        ("airflow:ben", "accept", "done"),
    ]
    assert preflight(world.shop.ports, world.shop.mapping("order")).full == (
        "the mapping was changed, and accepted by cli:tom and airflow:ben"
    )


def test_two_hide_a_document_that_is_worth_much_even_before_it_is_in_the_erp(world: World) -> None:
    order = world.order(world.account("Crooked Ltd"), quantity=1000, Freight__c="-5")
    world.cycle()
    number = world.item(order).id or 0
    assert not world.is_bound("order", order)
    rule(world, two_above={"EUR": 100_00})
    assert world.shop.office.dismiss(number, "cli:ada", "a test order") is False
    assert world.item(order).dismissed_by is None
    assert world.shop.office.dismiss(number, "cli:eve", "indeed a test order") is True
    assert world.item(order).dismissed_by == "cli:ada and cli:eve"


def test_what_concerns_a_customer_is_worth_what_it_owes_and_has_ordered(world: World) -> None:
    account = world.account("Tug Ltd")
    world.order(account, quantity=11)
    world.cycle()
    world.edit("customer", account, Name="Z" * 250)
    world.cycle()
    number = world.item(account).id or 0
    rule(world, two_above={"EUR": 109_99})
    assert world.shop.office.dismiss(number, "cli:ada", "a test account") is False
    assert world.shop.office.dismiss(number, "cli:eve", "indeed a test account") is True


def test_a_merge_is_worth_what_both_customers_owe_together(world: World) -> None:
    accounts = [world.account("Winner Ltd"), world.account("Loser Ltd")]
    for account in accounts:
        world.order(account, quantity=6)
    world.cycle()
    world.merge(*accounts)
    world.cycle()
    item, stays = world.item(accounts[1]), world.pair("customer", accounts[0]).erp.id
    rule(world, two_above={"EUR": 119_99})
    assert world.shop.office.resolve(item.id or 0, stays, "cli:ada") is None
    assert "it is about 120.00 EUR" in told_of(world, item)
    assert world.shop.office.resolve(item.id or 0, stays, "airflow:vera") == "customer"


def told_of(world: World, item: Item) -> str:
    (last, *_) = world.shop.office.decisions(item.id)
    return last.told


def test_what_is_no_document_takes_one(world: World) -> None:
    account = world.account("Z" * 250)
    world.cycle()
    rule(world, two_above={"EUR": 0})
    assert world.shop.office.dismiss(world.item(account).id or 0, "cli:ada", "will never buy") is True
