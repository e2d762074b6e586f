"""Two accounts become one: what follows, whom orders belong to, and when a person has to choose."""

from __future__ import annotations

from functools import partial

import pytest

from isthmus.erp.clerk import limit
from isthmus.erp.invoicing import invoice
from isthmus.settings import Limits
from tests.scenarios.sale import Sale, shown
from tests.scenarios.test_edited_rows import SHARED, SITE, accepted
from tests.scenarios.world import World, detail


def test_only_the_loser_is_bound_then_its_customer_goes_over_to_the_winner(both: World) -> None:
    loser = both.account("Loser Ltd", Tax_Id__c="DE700000001")
    both.cycle()
    customer = both.erp("customer", loser)
    order = both.order(loser)
    winner = both.account("Winner Ltd", Tax_Id__c="DE700000002")
    both.merge(winner, loser)
    both.cycle()
    assert both.erp("customer", winner)["id"] == customer["id"]
    assert both.erp("customer", winner)["name"] == "Winner Ltd"
    assert both.crm("customer", winner)["ERP_Customer_Number__c"] == customer["number"]
    assert both.erp("order", order)["customer_id"] == customer["id"]
    assert both.pair("customer", loser).crm.id == winner, "the loser's id still leads to the pair"
    assert both.items() == []
    assert both.cycle().written == 0


def test_only_the_winner_is_bound_then_the_loser_is_another_name_of_it(world: World) -> None:
    winner = world.account("Winner Ltd")
    world.cycle()
    count = world.erp_count("customer")
    loser = world.account("Loser Ltd")
    world.merge(winner, loser)
    totals = world.cycle()
    assert totals["customer", "crm"]["rebound"] == 1
    assert world.erp_count("customer") == count
    assert world.pair("customer", loser).crm.id == winner
    assert world.erp("customer", winner)["active"] is True
    assert world.cycle().written == 0


def test_both_bound_is_a_persons_choice_and_orders_keep_resolving(both: World) -> None:
    winner, loser = both.account("Winner Ltd"), both.account("Loser Ltd")
    both.cycle()
    left, right = both.erp("customer", loser)["id"], both.erp("customer", winner)["id"]
    both.merge(winner, loser)
    order = both.order(winner)
    both.cycle()
    item = both.item(loser)
    assert item.reason == "ambiguous"
    assert detail(item)["candidates"] == [left, right]
    assert left in item.fault.what
    assert right in item.fault.what
    assert both.erp("order", order)["customer_id"] == right
    assert both.erp("customer", loser)["active"] is True, "nothing is closed unasked"
    assert both.cycle().written == 0


def test_a_chain_of_merges_ends_at_the_last_winner(world: World) -> None:
    first = world.account("First Ltd")
    world.cycle()
    customer = world.erp("customer", first)["id"]
    second, third = world.account("Second Ltd"), world.account("Third Ltd")
    world.merge(second, first)
    world.merge(third, second)
    world.cycle()
    for account in (first, second, third):
        assert world.erp("customer", account)["id"] == customer
    assert world.erp("customer", third)["name"] == "Third Ltd"
    assert world.cycle().written == 0


def test_a_chain_of_merges_over_several_runs_ends_at_the_last_winner(world: World) -> None:
    accounts = [world.account(f"Link {number} Ltd") for number in range(3)]
    world.edit("customer", accounts[1], Type="Prospect")
    world.edit("customer", accounts[2], Type="Prospect")
    world.cycle()
    customer = world.erp("customer", accounts[0])["id"]
    world.merge(accounts[1], accounts[0])
    world.cycle("customer")
    world.merge(accounts[2], accounts[1])
    world.edit("customer", accounts[2], Type="Customer")
    world.cycle("customer")
    assert {world.erp("customer", one)["id"] for one in accounts} == {customer}


def test_an_order_that_names_the_winner_first_makes_no_second_customer(world: World) -> None:
    """The order's own run comes between the merge and the customers' next run."""
    loser = world.account("Loser Ltd")
    world.cycle()
    customer, count = world.erp("customer", loser)["id"], world.erp_count("customer")
    winner = world.account("Winner Ltd")
    order = world.order(loser)
    world.merge(winner, loser)
    world.cycle("order")
    assert world.listed(order) == "waiting"
    world.cycle()
    assert world.erp_count("customer") == count
    assert world.erp("order", order)["customer_id"] == customer == world.erp("customer", winner)["id"]
    assert world.items() == []


@pytest.mark.parametrize("is_heir", [False, True])
def test_who_stays_after_a_merge_shows_their_credit_though_nothing_was_shown_of_them_yet(
    both: World, is_heir: bool
) -> None:
    """A customer of today, or one that took over another today: the credit is carried over later than the customers."""
    winner, former = both.account("Winner Ltd"), both.account("Former Ltd")
    both.cycle()
    loser = both.account("Loser Ltd")
    if is_heir:
        both.merge(loser, former)
    both.run("customer")
    stays = both.erp("customer", loser)
    both.at_desk(lambda desk: limit(desk, stays["number"], 5_000))
    both.merge(winner, loser)
    both.run("customer")
    both.shop.office.resolve(both.item(loser).id or 0, stays["id"], "cli:ada")
    both.cycle()
    both.cycle()
    assert both.crm("customer", winner)["ERP_Credit_Limit__c"] == 50_000
    assert both.cycle().written == 0


def test_what_becomes_of_a_loser_says_nothing_of_the_winners_credit(both: World) -> None:
    """It is undeleted, and deleted again: nobody edited the winner's credit, which goes on to be shown."""
    winner, loser = both.account("Winner Ltd"), both.account("Loser Ltd")
    both.cycle()
    both.at_desk(lambda desk: limit(desk, both.erp("customer", loser)["number"], 4_000))
    both.cycle()
    stays = both.erp("customer", winner)
    both.merge(winner, loser)
    both.run("customer")
    both.shop.office.resolve(both.item(loser).id or 0, stays["id"], "cli:ada")
    for _ in range(3):
        both.cycle()
    both.undelete(loser)
    both.cycle()
    assert both.overruled("credit_status", winner) == both.overruled("credit_status", loser) == []
    both.delete("customer", loser)
    both.cycle()
    both.at_desk(lambda desk: limit(desk, stays["number"], 5_000))
    both.cycle()
    assert both.crm("customer", winner)["ERP_Credit_Limit__c"] == 50_000


def test_the_orders_of_an_account_that_lives_again_are_not_booked_on_who_it_was_merged_into(world: World) -> None:
    winner = world.account("Winner Ltd")
    world.cycle()
    loser = world.account("Loser Ltd")
    world.merge(winner, loser)
    world.cycle()
    world.undelete(loser)
    order = world.order(loser)
    world.run("order")
    world.cycle()
    assert (world.listed(loser), world.listed(order)) == ("ambiguous", "waiting")
    assert not world.is_bound("order", order)
    world.merge(winner, loser)
    world.cycle()
    world.cycle()
    assert world.items() == []
    assert world.erp("order", order)["customer_id"] == world.erp("customer", winner)["id"]


@pytest.mark.parametrize("first", ["customer", "order", "invoice"])
@pytest.mark.parametrize("choice", [0, 1], ids=["the loser's customer", "the winner's customer"])
def test_what_was_invoiced_to_the_loser_waits_until_it_is_known_who_stays(
    world: World, choice: int, first: str
) -> None:
    """The ERP refuses to move an invoiced order, and the CRM to show an invoice on the loser: neither is asked to."""
    world.limits = Limits(refused_count=2)
    world.reopen()
    winner, loser = world.account("Winner Ltd"), world.account("Loser Ltd")
    orders = [world.order(loser) for _ in range(2)]
    world.cycle()
    for order in orders:
        world.at_desk(partial(invoice, order_name=world.erp("order", order)["number"]))
    world.cycle()
    world.merge(winner, loser)
    world.run(first)
    other = world.order(winner)
    world.cycle()
    assert world.is_bound("order", other), "the mapping goes on"
    waits = [("invoice", "waiting")] * 2 + [("order", "waiting")] * 2
    assert sorted((one.mapping, one.reason) for one in world.items() if one.source_id != loser) == waits
    world.cycle()
    assert world.cycle().count("worklisted") == 0, "in peace"
    assert world.shop.reconcile("receivables", "cli:ada").agrees
    question = world.item(loser)
    world.shop.office.resolve(question.id or 0, detail(question)["candidates"][choice], "cli:ada")
    world.cycle()
    world.cycle()
    assert world.items() == []
    customer = world.erp("customer", winner)["id"]
    assert {world.erp("order", one)["customer_id"] for one in (*orders, other)} == {customer}
    assert {row["Account__c"] for row in world.crm_rows("ERP_Invoice__c")} == {winner}
    assert [world.overruled("order", one) for one in orders] == [[], []]
    assert world.shop.reconcile("receivables", "cli:ada").agrees
    assert world.cycle().written == 0


@pytest.mark.parametrize("choice", [0, 1], ids=["the loser's customer", "the winner's customer"])
def test_the_credit_of_a_winner_that_is_deleted_before_people_answer_is_shown_nowhere(
    world: World, choice: int
) -> None:
    winner, loser = world.account("Winner Ltd"), world.account("Loser Ltd")
    world.cycle()
    world.merge(winner, loser)
    world.cycle()
    world.delete("customer", winner)
    world.cycle()
    question = world.item(loser)
    world.shop.office.resolve(question.id or 0, detail(question)["candidates"][choice], "cli:ada")
    world.cycle()
    assert world.items() == []
    world.undelete(winner)
    world.cycle()
    world.at_desk(lambda desk: limit(desk, world.erp("customer", winner)["number"], 5_000))
    world.cycle()
    assert world.crm("customer", winner)["ERP_Credit_Limit__c"] == 50_000
    assert world.items() == []


@pytest.mark.parametrize("is_decided", [False, True], ids=["nothing is decided", "the first is decided"])
def test_what_was_invoiced_waits_when_the_winner_loses_a_merge_itself(world: World, is_decided: bool) -> None:
    """A into B, and later B into C: nobody is told to write a credit note, and the orders mapping goes on."""
    world.limits = Limits(refused_count=2)
    world.reopen()
    a, b, c = (world.account(f"{name} Ltd") for name in "ABC")
    orders = [world.order(a) for _ in range(2)]
    world.cycle()
    for order in orders:
        world.at_desk(partial(invoice, order_name=world.erp("order", order)["number"]))
    world.cycle()
    world.merge(b, a)
    world.run("customer") if is_decided else world.cycle()
    if is_decided:
        world.shop.office.resolve(world.item(a).id or 0, detail(world.item(a))["candidates"][1], "cli:ada")
    world.merge(c, b)
    world.cycle()
    waits = f"customer {b if is_decided else a}"
    assert [(world.item(one).reason, world.item(one).waits_for) for one in orders] == [("waiting", waits)] * 2
    assert [one for one in world.items() if "not read yet" in one.fault.what] == []
    world.cycle()
    assert world.cycle().count("worklisted") == 0, "in peace"
    for loser in (b,) if is_decided else (a, b):
        world.shop.office.resolve(world.item(loser).id or 0, detail(world.item(loser))["candidates"][1], "cli:ada")
        world.cycle()
    world.cycle()
    assert world.items() == []
    assert {world.erp("order", one)["customer_id"] for one in orders} == {world.erp("customer", c)["id"]}
    assert {row["Account__c"] for row in world.crm_rows("ERP_Invoice__c")} == {c}
    assert [world.overruled("order", one) for one in orders] == [[], []]
    assert world.shop.reconcile("receivables", "cli:ada").agrees


def test_invoices_of_an_account_that_was_merged_away_a_moment_ago_are_no_flood(world: World) -> None:
    """They are new, and carried before the accounts: nobody is told to take the account out of the recycle bin."""
    world.limits = Limits(refused_count=2)
    world.reopen()
    winner, loser = world.account("Winner Ltd"), world.account("Loser Ltd")
    orders = [world.order(loser) for _ in range(2)]
    world.cycle()
    for order in orders:
        world.at_desk(partial(invoice, order_name=world.erp("order", order)["number"]))
    world.merge(winner, loser)
    world.run("invoice")
    assert [(one.mapping, one.reason) for one in world.items()] == [("invoice", "waiting")] * 2
    assert all(f"{loser} in the CRM, which was merged into {winner}" in one.fault.what for one in world.items())
    world.cycle()
    world.shop.office.resolve(world.item(loser).id or 0, detail(world.item(loser))["candidates"][0], "cli:ada")
    world.cycle()
    assert world.items() == []
    assert [row["Account__c"] for row in world.crm_rows("ERP_Invoice__c")] == [winner] * 2


@pytest.mark.parametrize("choice", [0, 1], ids=["the loser's customer", "the winner's customer"])
def test_what_a_clerk_enters_while_people_are_asked_about_a_merge_waits_for_their_answer(
    world: World, choice: int
) -> None:
    accepted(world, (SITE, SHARED))
    winner = world.account("Winner Ltd", Website=None)
    loser = world.account("Loser Ltd", Website="https://one.example")
    world.cycle()
    world.merge(winner, loser)
    world.cycle()
    world.clerk("customer", loser, website="https://two.example")
    world.cycle()
    assert sorted((one.side, one.reason) for one in world.items()) == [("crm", "ambiguous"), ("erp", "waiting")]
    assert "both have a customer in the ERP" in world.shop.explain("customer", loser).verdict
    assert world.cycle().count("worklisted") == 0, "in peace"
    (question,) = world.items("ambiguous")
    world.shop.office.resolve(question.id or 0, detail(question)["candidates"][choice], "cli:ada")
    world.cycle()
    assert world.items() == []
    assert world.crm("customer", winner)["Website"] == ["https://two.example", None][choice]
    assert world.cycle().written == 0


def test_what_a_clerk_entered_goes_to_a_loser_that_lives_again(world: World) -> None:
    parent = "parent:   {crm: ParentId, erp: parent_id, refers_to: customer, required: false}"
    accepted(world, (SITE, SHARED), (f"  {parent}\n", ""))
    winner = world.account("Winner Ltd", Website=None)
    loser = world.account("Loser Ltd", Website="https://one.example")
    world.cycle()
    world.merge(winner, loser)
    world.cycle()
    world.clerk("customer", loser, website="https://two.example")
    world.cycle()
    world.undelete(loser)
    world.cycle()
    world.cycle()
    assert world.items() == []
    assert world.crm("customer", loser)["Website"] == "https://two.example"


def living_again(sale: Sale) -> tuple[str, str]:
    """An account that was merged into the customer of an invoice and lives again; and the copy of that invoice."""
    world, number = sale.world, sale.bill()
    loser = world.account("Loser Ltd")
    world.merge(sale.account, loser)
    world.cycle()
    world.undelete(loser)
    world.cycle()
    return loser, str(shown(world, number)["Id"])


def test_a_merge_the_other_way_round_is_nobodys_edit_of_the_invoices_that_go_over(sale: Sale) -> None:
    world = sale.world
    loser, copy = living_again(sale)
    world.merge(loser, sale.account)
    world.run("invoice")
    world.cycle()
    world.cycle()
    assert world.crm("ERP_Invoice__c", copy)["Account__c"] == loser
    assert (world.overruled("invoice", copy), world.items()) == ([], [])


def test_an_invoice_that_somebody_moves_to_an_account_that_lives_again_is_moved_back(sale: Sale) -> None:
    world = sale.world
    loser, copy = living_again(sale)
    world.edit("ERP_Invoice__c", copy, Account__c=loser)
    world.cycle()
    assert world.crm("ERP_Invoice__c", copy)["Account__c"] == sale.account
    assert [(edit["field"], edit["new"]) for edit in world.overruled("invoice", copy)] == [("customer", loser)]
