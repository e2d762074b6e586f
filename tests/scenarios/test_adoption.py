"""Going live on two filled systems: an ERP customer is taken by one account at most."""

from __future__ import annotations

from isthmus.cli.summary import Cycle, summary
from isthmus.erp.clerk import limit
from isthmus.sync.proposals import Pair, bind
from tests.scenarios.erp_side import new_customer
from tests.scenarios.world import World


def test_two_new_accounts_of_one_company_do_not_both_take_its_customer(both: World) -> None:
    number = new_customer(both, name="Twice Ltd", tax_id="DE900000001", currency="EUR")
    accounts = [both.account("Twice Ltd", Tax_Id__c="DE900000001"), both.account("Two Ltd", Tax_Id__c="DE900000001")]
    both.cycle()
    (taker,) = [one for one in accounts if both.listed(one) is None]
    (left_over,) = [one for one in accounts if both.listed(one) == "ambiguous"]
    assert both.erp("customer", taker)["number"] == number
    assert taker in both.item(left_over).fault.what


def test_a_customer_that_a_person_confirms_later_shows_its_credit(world: World) -> None:
    number = new_customer(world, name="Known Ltd", currency="EUR")
    world.at_desk(lambda desk: limit(desk, number, 5_000))
    account = world.account("X" * 255)
    world.cycle()
    pair = Pair(account, str(world.erp_count("customer")), "pairs.csv:2")
    bind(world.shop.ports, world.shop.ports.mappings["customer"], [pair], who="cli:ada")
    world.cycle()
    assert world.listed(account) == "invalid", "it is bound, and not brought up to date"
    assert world.crm("customer", account)["ERP_Credit_Limit__c"] == 50_000


def test_pairs_that_a_person_binds_meanwhile_do_not_end_the_first_cycle(world: World) -> None:
    number, account = new_customer(world, name="Old Friend Ltd", currency="EUR"), world.account("Old Friends Ltd")
    cycle, mapping = Cycle.begin(world.shop), world.shop.mapping("customer")
    pair = Pair(account, str(int(number.strip("C"))), "pairs.csv:2")
    assert bind(world.shop.ports, mapping, [pair], who="cli:ada") == 1
    assert (cycle.adds_up(), cycle.moved()) == (True, 0)
    assert summary(cycle)[-1].startswith("ledger: ")
