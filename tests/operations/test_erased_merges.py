"""An erased person meets a merge, a question, or a tie-out: does nothing of them come back, and nobody stay stuck?"""

from __future__ import annotations

import pytest

from isthmus.erp.allocating import pay
from isthmus.erp.invoicing import invoice
from isthmus.kernel.errors import Refused
from tests.operations.conftest import say
from tests.operations.test_erasing import WHY, traces, verify
from tests.scenarios.world import World


def erase(world: World, account: str) -> None:
    said = say(world, "audit", "erase", "customer", account, "--why", WHY)
    assert said.code == 0, said


def canary(world: World) -> str:
    return world.account("Canary Person", Phone="+48 canary")


def test_who_takes_over_an_erased_account_gets_a_customer_of_their_own(world: World) -> None:
    person = canary(world)
    world.cycle()
    erase(world, person)
    world.cycle()
    living = world.account("Living Ltd", Phone="+48 1")
    world.merge(living, person)
    world.cycle()
    world.order(living)
    world.cycle()
    world.cycle()
    assert world.items() == []
    assert world.erp("customer", living)["name"] == "Living Ltd"
    assert world.crm("customer", living)["ERP_Customer_Number__c"] == world.erp("customer", living)["number"]


def test_a_living_account_that_is_merged_into_an_erased_one_brings_nobody_back(world: World) -> None:
    person, living = canary(world), world.account("Living Ltd", Phone="+48 1")
    world.cycle()
    erase(world, person)
    world.cycle()
    world.merge(person, living)
    for _ in range(3):
        world.cycle()
    assert traces(world) == []
    assert {item.source_id: item.reason for item in world.items()} == {person: "invalid"}
    verify(world)


def test_a_question_about_a_merge_ends_when_one_of_the_two_is_erased(world: World) -> None:
    person, living = canary(world), world.account("Living Ltd", Phone="+48 1")
    world.cycle()
    world.merge(person, living)
    world.cycle()
    number, stays = int(world.item(living).id or 0), world.pair("customer", living).erp.id
    erase(world, person)
    with pytest.raises(Refused, match="somebody who was erased"):
        world.shop.office.resolve(number, stays, "cli:ada")
    world.cycle()
    assert traces(world) == []
    assert {item.source_id: item.reason for item in world.items()} == {person: "invalid"}


def test_a_person_who_never_got_through_stays_erased_until_the_crm_deletes_them(world: World) -> None:
    person = world.account("Canary " + "x" * 230, Phone="+48 canary")
    world.cycle()
    erase(world, person)
    world.cycle(full=True)
    world.edit("customer", person, Name="Canary Person")
    world.cycle()
    assert traces(world) == []
    assert world.listed(person) == "invalid"
    world.delete("customer", person)
    world.cycle()
    assert world.items() == []


def test_what_was_not_carried_before_an_erasure_is_no_difference(world: World) -> None:
    person = canary(world)
    order = world.order(person)
    world.cycle()
    bill = world.at_desk(lambda desk: invoice(desk, world.erp("order", order)["number"]))
    world.cycle()
    customer = world.erp("order", order)["customer_id"]
    cents, currency = bill.total_minor, bill.currency
    world.at_desk(lambda desk: pay(desk, customer, amount_minor=cents, currency=currency, reference="Canary 1"))
    erase(world, person)
    world.cycle()
    for kind in ("credit", "receivables", "totals"):
        told = world.shop.reconcile(kind, "cli:ada")
        assert told.agrees, told.table()
