"""A quarter of an hour of a company between Salesforce and a real Tryton, both ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Literal

import pytest

from isthmus.connect.http import Unanswered
from isthmus.kernel.errors import Unavailable
from tests.tryton.world import TrytonWorld


def customer_of(world: TrytonWorld) -> str:
    rows = world.crm_rows("customer", "Type = 'Customer'")
    return next(str(row["Id"]) for row in rows if world.is_bound("customer", row["Id"]))


def test_the_first_cycle_ties_out_and_the_next_one_rests(world: TrytonWorld) -> None:
    world.ties_out()
    assert world.parties() == len([row for row in world.crm_rows("customer") if world.is_bound("customer", row["Id"])])
    assert world.cycle().written == 0


def agrees(world: TrytonWorld, kind: Literal["credit", "receivables", "totals"]) -> None:
    """`isthmus reconcile` finds both sides equal to the cent, and Tryton's own figures are what was read."""
    world.pass_time()
    found = world.shop.reconcile(kind, "cli:ada", repair=False)
    assert found.agrees, found.table()
    assert {one.entity for one in found.entities if any(own.side == "erp" for own in one.own)} >= MEASURED[kind]


MEASURED = {"totals": {"customer", "product", "quote", "order"}, "receivables": {"invoice", "payment"}, "credit": set()}


def test_the_books_of_both_sides_agree_to_the_cent(world: TrytonWorld) -> None:
    account = world.account("Paid in parts Ltd")
    orders = [world.order(account, quantity=3), world.order(account)]
    world.cycle()
    invoices = [world.tryton.bill(world.pair("order", one).erp.id) for one in orders]
    world.tryton.pay(invoices[0], "20.00")
    world.cycle()
    for kind in ("totals", "receivables", "credit"):
        agrees(world, kind)
    item = world.pair("product", world.crm_rows("product")[0]["Id"]).erp.id
    [template] = world.tryton.clerk.call("model.product.template.search", [["products", "=", int(item)]])
    world.tryton.clerk.call("model.product.template.write", [template], {"list_price": Decimal("0.07")})
    world.pass_time()
    products = world.shop.reconcile("totals", "cli:ada", repair=False).entities[1]
    assert (products.entity, [(one.reason, one.count) for one in products.explained]) == (
        "product", [("not yet synchronised", 1)]
    )  # fmt: skip
    world.cycle()
    agrees(world, "totals")


def test_an_order_goes_there_and_its_numbers_come_back(world: TrytonWorld) -> None:
    account = world.account("Northwind Lamps Ltd")
    order = world.order(account, quantity=3, PoNumber="PO-77")
    world.cycle()
    told, shown = world.crm("order", order), world.shown("order", order).fields
    assert (told["ERP_Order_Number__c"], told["ERP_Status__c"]) == (shown["number"], "Confirmed")
    assert shown["customer_reference"] == "PO-77"
    world.edit("order", order, PoNumber="PO-78")
    world.cycle()
    assert world.shown("order", order).fields["customer_reference"] == "PO-78"
    assert world.cycle().written == 0
    world.ties_out()


def test_a_clerk_edits_meanwhile(world: TrytonWorld) -> None:
    """What the CRM owns is put back, with names; what both share goes over."""
    order = world.order(customer_of(world))
    world.cycle()
    sale, party = world.pair("order", order).erp.id, world.pair("customer", customer_of(world)).erp.id
    world.tryton.clerk.call("model.sale.sale.write", [int(sale)], {"reference": "PO-CLERK"})
    world.tryton.clerk.call("model.party.party.write", [int(party)], {"name": "Renamed by a clerk"})
    world.cycle()
    assert world.crm("order", order)["PoNumber"] == "PO-CLERK"
    assert (
        world.shown("customer", customer_of(world)).fields["name"] == world.crm("customer", customer_of(world))["Name"]
    )
    assert [edit["field"] for edit in world.overruled("customer", customer_of(world))] == ["name"]
    assert world.cycle().written == 0


def test_a_clerk_bills_and_the_order_says_so(world: TrytonWorld) -> None:
    order = world.order(customer_of(world))
    world.cycle()
    world.tryton.bill(world.pair("order", order).erp.id)
    world.cycle()
    assert world.crm("order", order)["ERP_Status__c"] == "Invoiced"


def test_an_order_over_the_limit_is_held_until_a_clerk_confirms_it(world: TrytonWorld) -> None:
    account = world.account("Thin Ice Ltd")
    world.cycle()
    world.tryton.limit(world.pair("customer", account).erp.id, "5.00")
    order = world.order(account)
    world.cycle()
    assert (world.crm("order", order)["ERP_Status__c"], world.listed(world.pair("order", order).erp.id)) == (
        "On credit hold", "held"
    )  # fmt: skip
    world.tryton.limit(world.pair("customer", account).erp.id, None)
    world.tryton.press("confirm", world.pair("order", order).erp.id)
    world.cycle()
    assert world.crm("order", order)["ERP_Status__c"] == "Confirmed"
    assert world.listed(world.pair("order", order).erp.id) is None


def test_a_held_order_that_is_recalled_is_cancelled_there(world: TrytonWorld) -> None:
    account = world.account("Second Thoughts Ltd")
    world.cycle()
    world.tryton.limit(world.pair("customer", account).erp.id, "0")
    order = world.order(account)
    world.cycle()
    world.edit("order", order, Status="Draft")
    world.cycle()
    assert world.shown("order", order).fields["status"] == "cancelled"


# --- mishaps ------------------------------------------------------------------------------------------------------


Hook = Callable[[str, Sequence[Any]], None]


def tapped(world: TrytonWorld, *, after: Hook) -> None:
    """What is done right after Tryton has answered, before anybody hears of it."""
    rpc: Any = world.shop.ports.erp.rpc  # type: ignore[attr-defined]
    send = rpc._send

    def tap(method: str, parameters: list[Any]) -> Any:
        told = send(method, parameters)
        after(method, parameters)
        return told

    rpc._send = tap


@pytest.mark.parametrize("call", ["model.party.party.create", "model.sale.sale.create", "model.sale.sale.confirm"])
def test_an_answer_that_is_lost_after_the_work_was_done_makes_no_second_one(world: TrytonWorld, call: str) -> None:
    account = world.account(f"Echoless {call[-12:]} Ltd")
    order = world.order(account)
    parties, sales = world.parties(), world.sales()

    def lose(method: str, _parameters: Sequence[Any]) -> None:
        if method == call:
            raise Unanswered("Tryton", "no answer", "try again")

    world.reopen()
    tapped(world, after=lose)
    with pytest.raises(Unavailable):
        world.cycle()
    world.reopen()
    world.cycle()
    assert (world.parties(), world.sales()) == (parties + 1, sales + 1)
    assert world.shown("order", order).fields["status"] == "confirmed"
    world.ties_out()
    assert world.cycle().written == 0


def test_tryton_is_killed_in_the_middle_and_started_again(world: TrytonWorld) -> None:
    orders = [world.order(customer_of(world)) for _ in range(3)]
    sales = world.sales()
    killed: list[str] = []

    def kill(method: str, _parameters: Sequence[Any]) -> None:
        if method == "model.sale.sale.create" and not killed:
            killed.append(method)
            world.tryton.server.kill()

    world.reopen()
    tapped(world, after=kill)
    with pytest.raises(Unavailable):
        world.cycle()
    world.tryton.server.start()
    world.reopen()
    world.cycle()
    assert world.sales() == sales + 3
    assert {world.shown("order", one).fields["status"] for one in orders} == {"confirmed"}
    world.ties_out()


def test_a_clerk_edits_and_cancels_while_the_orders_are_entered(world: TrytonWorld) -> None:
    """Nothing is lost, nothing doubled: what he cancelled comes back as cancelled, what he edited is noticed."""
    known = world.order(customer_of(world))
    world.cycle()
    early, late, sound = (world.order(customer_of(world)) for _ in range(3))
    erp, sales = world.tryton, world.sales()
    done: list[str] = []

    def interfere(method: str, parameters: Sequence[Any]) -> None:
        button = method.rpartition(".")[2]
        if not method.startswith("model.sale.sale.") or button not in ("create", "quote") or button in done:
            return
        done.append(button)
        mine = {"create": early, "quote": late}[button]
        [sale] = erp.clerk.call("model.sale.sale.search", [["description", "like", f"%{mine}"]])
        erp.press("cancel", str(sale))
        renamed = {"reference": f"PO-{button}"}
        erp.clerk.call("model.sale.sale.write", [int(world.pair("order", known).erp.id)], renamed)

    world.reopen()
    tapped(world, after=interfere)
    world.cycle()
    world.reopen()
    world.cycle()
    assert done == ["create", "quote"]
    told = [world.crm("order", one)["ERP_Status__c"] for one in (early, late, sound)]
    assert told == ["Cancelled", "Cancelled", "Confirmed"]
    assert world.crm("order", known)["PoNumber"] == "PO-quote"
    assert world.sales() == sales + 1
    assert world.shop.worklist() == []
    agrees(world, "totals")
    for one in (early, late):  # sales gives them up as well
        world.edit("order", one, Status="Draft")
    world.cycle()
    world.ties_out()


# --- deleted in Tryton --------------------------------------------------------------------------------------------


def test_what_a_clerk_deletes_is_told_by_the_tie_out_and_a_person_is_asked(world: TrytonWorld) -> None:
    """Tryton tells nobody of a deletion. It is never entered anew unseen."""
    account = world.account("Gone Ltd")
    world.cycle()
    party, parties = world.pair("customer", account).erp.id, world.parties()
    world.tryton.clerk.call("model.party.party.delete", [int(party)])
    world.cycle()
    assert world.listed(party) is None
    world.pass_time()
    differences = world.shop.reconcile("totals", "cli:ada").differences
    assert {one.ids.get("erp") for one in differences} == {party}
    [found] = [one for one in differences if one.entity == "customer"]  # its credit may be missed as well
    assert (found.entity, found.kind, found.ids["erp"]) == ("customer", "missing", party)
    assert "was deleted in the ERP: the worklist asks what to do" in found.remedy
    world.cycle()
    assert world.parties() == parties - 1
