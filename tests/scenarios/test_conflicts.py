"""Two people changed the same value: is the question fair, is the answer bound to it, does a merge come to its end?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from isthmus.app import Workshop
from isthmus.connect.protocol import Connector
from isthmus.db import reading
from isthmus.erp.clerk import limit
from isthmus.erp.invoicing import invoice
from isthmus.kernel.errors import Refused, Unavailable
from isthmus.settings.people import People
from isthmus.state import leases, progress
from isthmus.state.bindings import Lane
from isthmus.state.worklist import Item
from tests.scenarios.world import World, detail


def conflict(world: World, **both: tuple[str, str]) -> Item:
    """An order of which sales and a clerk changed the same fields: CRM field → (in the CRM, in the ERP)."""
    names = {"PoNumber": "customer_reference", "Description": "salesperson"}
    account = world.account("Tug Ltd")
    order = world.order(account, PoNumber="PO-1", Description="sam@example.com")
    world.cycle()
    world.edit("order", order, **{field: crm for field, (crm, _) in both.items()})
    world.clerk("order", order, **{names[field]: erp for field, (_, erp) in both.items()})
    world.cycle()
    return world.item(order)


def po(world: World) -> Item:
    return conflict(world, PoNumber=("PO-SALES", "PO-CLERK"))


def values(world: World, order: str) -> tuple[str, str]:
    return world.crm("order", order)["PoNumber"], world.erp("order", order)["customer_reference"]


# --- the question -------------------------------------------------------------------------------------------------


def test_a_question_shows_what_both_agreed_on_and_both_values(world: World) -> None:
    question = world.shop.office.question(po(world))
    (asked,) = question.fields
    assert (asked.field, asked.base, asked.crm, asked.erp) == ("po_number", "PO-1", "PO-SALES", "PO-CLERK")
    assert [choice.take for choice in question.choices] == ["crm", "erp"]


def test_a_question_names_who_changed_it_on_each_side_though_our_note_came_later(world: World) -> None:
    order = world.order(world.account("Tug Ltd"), PoNumber="PO-1")
    world.cycle()
    world.edit("order", order, PoNumber="PO-SALES")
    world.clerk("order", order, by="clerk:berta", customer_reference="PO-CLERK")
    world.cycle()
    edits = world.shop.office.question(world.item(order)).edits
    assert edits["erp"].by == "clerk:berta"
    assert edits["crm"].by, "our own note on the order does not cover who edited it"
    assert edits["crm"].at < world.item(order).since
    number = world.item(order).id
    world.edit("order", order, Description="nobody asks about this")
    world.cycle()
    assert world.item(order).id == number, "who edited last is no other question"
    assert world.shop.office.question(world.item(order)).edits == edits


def test_what_is_no_choice_has_none(world: World) -> None:
    account = world.account("Z" * 250)
    world.cycle()
    question = world.shop.office.question(world.item(account))
    assert (question.fields, question.choices) == ((), ())


def test_only_what_nobody_answered_and_nobody_hid_is_asked(world: World) -> None:
    first, second, third = po(world), po(world), po(world)
    assert [one.number for one in world.shop.office.questions()] == [first.id, second.id, third.id]
    world.shop.office.resolve(first.id or 0, "crm", "cli:ada")
    world.shop.office.dismiss(third.id or 0, "cli:ada", "a test order")
    assert [one.number for one in world.shop.office.questions()] == [second.id]


def test_what_a_mapping_left_that_was_taken_away_stops_no_question_and_can_be_hidden(world: World) -> None:
    left, office = po(world), world.shop.office
    others = {entity: one for entity, one in office.mappings.items() if entity != "order"}
    settings = dataclasses.replace(office.settings, people=People(two_above={"EUR": 0}))
    office = dataclasses.replace(office, mappings=others, settings=settings)
    assert office.questions() == [], "nobody carries it any more"
    assert office.dismiss(left.id or 0, "cli:ada", "orders are carried by hand now")
    assert [one.dismissed_by for one in world.items()] == ["cli:ada"]


# --- the answer ---------------------------------------------------------------------------------------------------


def test_each_field_can_have_its_own_answer(world: World) -> None:
    world.mapping_file("order", *shared_twice())
    world.shop.office.accept("order", "cli:ada", "both keep the salesperson")
    world.cycle()
    item = conflict(world, PoNumber=("PO-SALES", "PO-CLERK"), Description=("crm@example.com", "erp@example.com"))
    world.shop.office.resolve(item.id or 0, {"po_number": "crm", "salesperson": "erp"}, "cli:ada")
    world.cycle()
    assert world.items() == []
    assert values(world, item.source_id) == ("PO-SALES", "PO-SALES")
    assert world.erp("order", item.source_id)["salesperson"] == "erp@example.com"
    assert world.crm("order", item.source_id)["Description"] == "erp@example.com"
    assert world.cycle().written == 0


def shared_twice() -> tuple[tuple[str, str], ...]:
    path = World.mappings / "order.yaml"
    (line,) = [one for one in path.read_text().splitlines() if one.startswith("  salesperson:")]
    return ((line, "  salesperson: {crm: Description, erp: salesperson, owner: both}"),)


@pytest.mark.parametrize(
    ("take", "fault"),
    [
        ("left", "left is no side; take crm or erp"),
        ({"po_number": "both"}, "both is no side; take crm or erp"),
        ({"po_nummer": "crm"}, "po_nummer is not in question; it asks about po_number"),
        ({}, "po_number is not answered; say whose value holds there"),
    ],
)
def test_an_answer_to_another_question_is_refused_and_changes_nothing(
    world: World, take: str | dict[str, str], fault: str
) -> None:
    item = po(world)
    with pytest.raises(Refused) as caught:
        world.shop.office.resolve(item.id or 0, take, "cli:ada")
    assert str(caught.value) == f"worklist {item.id}: {fault}"
    world.cycle()
    assert values(world, item.source_id) == ("PO-SALES", "PO-CLERK")


@pytest.mark.parametrize("who", ["sales", "clerk"])
def test_an_answer_to_what_has_moved_is_void_and_the_old_number_means_nothing(world: World, who: str) -> None:
    """Whoever looked at the old question cannot answer the new one by accident."""
    item = po(world)
    if who == "sales":
        world.edit("order", item.source_id, PoNumber="PO-THIRD")
    else:
        world.clerk("order", item.source_id, customer_reference="PO-THIRD")
    world.shop.office.resolve(item.id or 0, "crm", "cli:ada")  # Isthmus has not seen the third value yet
    world.cycle()
    asked = world.item(item.source_id)
    assert asked.id != item.id
    assert "PO-THIRD" in values(world, item.source_id)
    assert len(set(values(world, item.source_id))) == 2, "nothing was written"
    with pytest.raises(Refused, match="there is no such item; it is through, or asked anew"):
        world.shop.office.resolve(item.id or 0, "crm", "cli:ada")


def test_the_last_answer_before_the_run_holds_and_the_audit_names_who_gave_it(world: World) -> None:
    item = po(world)
    world.shop.office.retry("cli:eve", item.id)  # a reason that is there already does not hide the person's
    world.shop.office.resolve(item.id or 0, "crm", "cli:ada")
    world.shop.office.resolve(item.id or 0, "erp", "cli:tom")
    world.cycle()
    assert values(world, item.source_id) == ("PO-CLERK", "PO-CLERK")
    told = [str(one.entry.payload.get("due")) for one in world.history("order", item.source_id)]
    assert "cli:tom took the value of the ERP" in told
    decided = world.shop.office.decisions(item.id)
    assert [(one.who, one.verb, one.outcome, one.why) for one in decided] == [
        ("cli:tom", "resolve", "done", "took the value of the ERP"),
        ("cli:ada", "resolve", "done", "took the value of the CRM"),
    ]


@pytest.mark.parametrize(
    "decide",
    [
        lambda world, number: world.shop.office.resolve(number, "crm", "cli:ada"),
        lambda world, number: world.shop.office.dismiss(number, "cli:ada", "why not"),
        lambda world, number: world.shop.office.retry("cli:ada", number),
    ],
    ids=["resolve", "dismiss", "retry"],
)
def test_nothing_is_decided_while_the_mapping_is_running(world: World, decide: Callable[[World, int], object]) -> None:
    item = po(world)
    held = leases.take(world.shop.engine, "order")
    assert isinstance(held, leases.Lease)
    with pytest.raises(Unavailable, match=r"mapping order: another run holds the lease .*nothing was changed"):
        decide(world, item.id or 0)
    leases.release(world.shop.engine, held)
    with reading(world.shop.engine) as connection:
        assert progress.load_due(connection, Lane("order", "crm")) == []
    assert world.item(item.source_id).dismissed_by is None
    assert decide(world, item.id or 0) is not None
    taken = leases.take(world.shop.engine, "order")
    assert isinstance(taken, leases.Lease), "the lease is given back"


# --- a merge of two that are both in the ERP ----------------------------------------------------------------------


def merged(world: World) -> tuple[Item, str, str, str, str]:
    """The item; winner and loser in the CRM; the ERP customers of winner and loser."""
    winner, loser = world.account("Winner Ltd"), world.account("Loser Ltd")
    world.cycle()
    mine, theirs = world.erp("customer", winner)["id"], world.erp("customer", loser)["id"]
    world.merge(winner, loser)
    world.cycle()
    return world.item(loser), winner, loser, mine, theirs


def test_a_merge_shows_both_customers_by_number_and_name(world: World) -> None:
    item, winner, _, mine, theirs = merged(world)
    question = world.shop.office.question(item)
    assert [choice.take for choice in question.choices] == [theirs, mine]
    assert world.erp("customer", winner)["number"] in question.choices[1].words
    assert "Loser Ltd" in question.choices[0].words


def test_a_merge_shows_what_each_customer_owes(world: World) -> None:
    winner, loser = world.account("Winner Ltd"), world.account("Loser Ltd")
    order, _ = world.order(loser, quantity=5), world.order(loser, quantity=2)
    world.cycle()
    world.at_desk(lambda desk: limit(desk, world.erp("customer", loser)["number"], 100_000))
    world.at_desk(lambda desk: invoice(desk, world.erp("order", order)["number"]))
    world.merge(winner, loser)
    world.cycle()
    first, second = world.shop.office.question(world.item(loser)).choices
    assert first.words.endswith("Loser Ltd stays, owes 50.00 EUR, limit 1,000.00 EUR")
    assert second.words.endswith("Winner Ltd stays, owes 0.00 EUR, 20.00 EUR with open orders"), "the orders went over"


@pytest.mark.parametrize("choice", ["the winner's customer", "the loser's customer"])
def test_one_customer_stays_and_everything_leads_to_it(both: World, choice: str) -> None:
    winner, loser = both.account("Winner Ltd"), both.account("Loser Ltd")
    orders = [both.order(account, quantity=quantity) for account in (loser, winner) for quantity in (5, 2)]
    both.cycle()
    mine, theirs = both.erp("customer", winner)["id"], both.erp("customer", loser)["id"]
    for number in [both.erp("order", one)["number"] for one in (orders[0], orders[2])]:
        both.at_desk(partial(invoice, order_name=number))
    both.cycle()
    both.merge(winner, loser)
    both.cycle()
    (item,) = both.items("ambiguous")
    stays, goes = (mine, theirs) if choice == "the winner's customer" else (theirs, mine)
    assert both.shop.office.resolve(item.id or 0, stays, "cli:ada") == "customer"
    order = both.order(winner)
    both.edit("customer", winner, Phone="+49 1")
    both.cycle()
    assert both.items() == []
    for account in (winner, loser):
        assert (both.pair("customer", account).crm.id, both.pair("customer", account).erp.id) == (winner, stays)
    assert (both.erp("customer", winner)["phone"], both.erp_by_id("customer", goes)["active"]) == ("+49 1", False)
    assert {both.erp("order", one)["customer_id"] for one in (*orders, order)} == {stays}
    totals = both.cycle()
    assert totals.written == 0, totals.told()
    with reading(both.shop.engine) as connection:
        aliases = {row[0] for row in connection.execute(text("SELECT id FROM state_alias"))}
    assert {loser, goes} <= aliases, "the one that goes leads to the one that stays"
    fields = both.crm("customer", winner)
    shown = [fields[name] for name in ("ERP_Outstanding__c", "ERP_Credit_Exposure__c", "ERP_Orders__c")]
    assert shown == [100_000, 150_000, 5]
    assert {row["Account__c"] for row in both.crm_rows("ERP_Invoice__c")} == {winner}
    for entity, key in (("customer", winner), ("credit_status", winner), ("customer_figures", winner)):
        assert both.overruled(entity, key) == [], "nobody edited anything"
    both.pass_time(minutes=1)
    for kind in ("totals", "receivables", "credit"):
        found = both.shop.reconcile(kind, "cli:ada")
        assert found.agrees, found.table()


@pytest.mark.parametrize("choice", [0, 1], ids=["the loser's customer", "the winner's customer"])
def test_a_merge_is_nobodys_edit_of_the_documents_that_go_over(world: World, choice: int) -> None:
    """Salesforce gives them to the winner while the question is open, the ERP to who stays once it is answered."""
    winner, loser = world.account("Winner Ltd"), world.account("Loser Ltd")
    orders = [world.order(account) for account in (loser, winner)]
    world.cycle()
    for order in orders:
        world.at_desk(partial(invoice, order_name=world.erp("order", order)["number"]))
    world.cycle()
    world.merge(winner, loser)
    world.cycle()
    (item,) = world.items("ambiguous")
    world.shop.office.resolve(item.id or 0, detail(item)["candidates"][choice], "cli:ada")
    world.cycle()
    assert world.items() == []
    bills = [row["Id"] for row in world.crm_rows("ERP_Invoice__c")]
    told = [world.overruled("order", one) for one in orders] + [world.overruled("invoice", one) for one in bills]
    assert told == [[]] * 4


def test_documents_of_the_customer_that_goes_are_shown_on_the_account_that_stays(world: World) -> None:
    winner, loser = world.account("Winner Ltd"), world.account("Loser Ltd")
    orders = [world.order(loser, quantity=5), world.order(loser, quantity=2)]
    world.cycle()
    numbers = [world.erp("order", order)["number"] for order in orders]
    world.at_desk(lambda desk: invoice(desk, numbers[0]))
    mine = world.erp("customer", winner)["id"]
    world.merge(winner, loser)
    world.cycle()
    world.shop.office.resolve(world.item(loser).id or 0, mine, "cli:ada")
    world.at_desk(lambda desk: invoice(desk, numbers[1]))
    world.cycle()
    world.shop.office.retry("cli:ada")
    world.cycle()
    shown = [row["Account__c"] for row in world.crm_rows("ERP_Invoice__c")]
    assert shown == [winner, winner]


class CannotMerge:
    """An ERP like most: it has no way to make one customer of two."""

    def __init__(self, erp: Connector) -> None:
        self._erp = erp

    def __getattr__(self, name: str) -> Any:
        if name == "merge":
            raise AttributeError(name)
        return getattr(self._erp, name)


def test_where_the_erp_cannot_merge_the_one_that_it_knows_by_the_winners_key_has_to_stay(world: World) -> None:
    item, winner, loser, mine, theirs = merged(world)
    ports = dataclasses.replace(world.shop.ports, erp=CannotMerge(world.shop.ports.erp))
    world.shop = Workshop(world.shop.settings, world.shop.engine, ports)
    with pytest.raises(Refused, match=f"the ERP knows {winner} as {mine} and cannot merge, so that one has to stay"):
        world.shop.office.resolve(item.id or 0, theirs, "cli:ada")
    assert world.item(item.source_id).id == item.id
    assert [one.outcome for one in world.shop.office.decisions(item.id)] == ["refused"]
    assert world.shop.office.resolve(item.id or 0, mine, "cli:ada") == "customer"
    assert world.pair("customer", loser).erp.id == mine
    assert world.erp_by_id("customer", theirs)["active"], "a clerk closes it"


def test_only_one_of_the_two_can_stay(world: World) -> None:
    item, *_, mine, theirs = merged(world)
    with pytest.raises(Refused) as caught:
        world.shop.office.resolve(item.id or 0, "crm", "cli:ada")
    assert str(caught.value) == f"worklist {item.id}: crm is not in question; take {theirs} or {mine}"
