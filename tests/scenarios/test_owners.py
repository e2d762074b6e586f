"""Who owns a value wins: foreign edits are undone and reported, shared ones travel, two at once are a question."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from isthmus.connect.protocol import Note
from isthmus.db import reading
from isthmus.kernel.errors import Refused
from tests.scenarios.erp_side import new_customer
from tests.scenarios.world import World, detail


def _order(world: World) -> str:
    """An activated order that is in step, without a purchase order number of its own making trouble."""
    row = world.crm_rows("order", "StatusCode = 'Activated' AND PoNumber IS NOT NULL")[0]
    return str(row["Id"])


# --- owned by one side --------------------------------------------------------------------------------------------


def test_an_edit_of_the_erps_order_number_in_the_crm_is_undone_and_reported(world: World) -> None:
    order = _order(world)
    number = world.erp("order", order)["number"]
    world.edit("order", order, ERP_Order_Number__c="SO-999999")
    world.cycle()
    assert world.crm("order", order)["ERP_Order_Number__c"] == number
    assert world.erp("order", order)["number"] == number
    (told,) = world.overruled("order", order)
    assert told["field"] == "number"
    assert (told["old"], told["new"]) == (number, "SO-999999")
    assert told["by"].startswith("005"), "the id of the user who edited"
    assert world.cycle().written == 0


def test_an_edit_of_the_erps_status_in_the_crm_never_reaches_the_erp(world: World) -> None:
    order = _order(world)
    before = world.erp("order", order)
    world.edit("order", order, ERP_Status__c="Closed")
    world.cycle()
    assert world.erp("order", order)["status"] == before["status"]
    assert world.crm("order", order)["ERP_Status__c"] in ("Confirmed", "On credit hold")
    assert world.cycle().written == 0


def test_a_clerks_edit_of_what_the_crm_owns_is_undone_and_reported(both: World) -> None:
    customer = both.crm_rows("customer", "Type = 'Customer'")[0]
    both.clerk("customer", customer["Id"], name="Renamed by hand", phone="+1 555 9")
    both.cycle()
    erp = both.erp("customer", customer["Id"])
    assert (erp["name"], erp["phone"]) == (customer["Name"], customer["Phone"])
    told = {one["field"]: one for one in both.overruled("customer", customer["Id"])}
    assert told["name"] == {"field": "name", "by": "clerk:berta", "old": customer["Name"], "new": "Renamed by hand"}
    assert both.crm("customer", customer["Id"])["Name"] == customer["Name"]
    assert both.cycle().written == 0


def test_a_foreign_edit_just_before_our_own_write_is_undone_all_the_same(world: World) -> None:
    """Our own user writes last, but another field than the one that was edited."""
    world.cycle()
    order = _order(world)
    number = world.erp("order", order)["number"]
    world.edit("order", order, ERP_Order_Number__c="SO-777777")
    world.shop.ports.crm.annotate("Order", [Note(order, "Synchronised", None)])
    world.cycle()
    assert world.crm("order", order)["ERP_Order_Number__c"] == number
    (told,) = world.overruled("order", order)
    assert told["by"] is None, "our own note hides who it was"


def test_a_clerks_edit_is_undone_though_sales_edited_the_same_record_since(world: World) -> None:
    customer = world.crm_rows("customer", "Type = 'Customer'")[0]
    world.clerk("customer", customer["Id"], phone="+1 555 9")
    world.edit("customer", customer["Id"], Name="New Name Ltd")
    world.cycle()
    erp = world.erp("customer", customer["Id"])
    assert (erp["name"], erp["phone"]) == ("New Name Ltd", customer["Phone"])
    assert [one["field"] for one in world.overruled("customer", customer["Id"])] == ["phone"]
    assert world.cycle().written == 0


def test_an_order_given_to_a_customer_that_only_the_erp_knows_is_given_back(world: World) -> None:
    """What is undone need not cross: the foreign customer has no account that its id could become."""
    order = world.crm_rows("order", "StatusCode = 'Activated' AND QuoteId IS NULL AND CurrencyIsoCode = 'EUR'")[0]["Id"]
    owner = world.erp("order", order)["customer_id"]
    stranger = new_customer(world, name="By Hand Ltd", currency="EUR")
    with reading(world.shop.engine) as connection:
        query = text("SELECT id FROM erp_customer WHERE number = :number")
        number = connection.execute(query, {"number": stranger}).scalar_one()
    world.clerk("order", order, customer_id=str(number))
    world.cycle()
    assert world.erp("order", order)["customer_id"] == owner
    assert [one["field"] for one in world.overruled("order", order)] == ["customer"]
    assert world.items() == []


# --- shared -------------------------------------------------------------------------------------------------------


def test_a_shared_value_travels_from_whichever_side_changed_it(world: World) -> None:
    order = _order(world)
    world.edit("order", order, PoNumber="PO-FROM-SALES")
    world.cycle()
    assert world.erp("order", order)["customer_reference"] == "PO-FROM-SALES"
    world.clerk("order", order, customer_reference="PO-FROM-CLERK")
    world.cycle()
    assert world.crm("order", order)["PoNumber"] == "PO-FROM-CLERK"
    assert world.items() == []
    assert world.cycle().written == 0


def test_both_to_the_same_value_is_agreement(world: World) -> None:
    order = _order(world)
    world.edit("order", order, PoNumber="PO-SAME")
    world.clerk("order", order, customer_reference="PO-SAME")
    totals = world.cycle()
    assert world.items() == []
    assert totals["order", "crm"]["updated"] == 0, totals.told()
    assert world.cycle().written == 0


def _conflict(world: World) -> str:
    order = _order(world)
    world.edit("order", order, PoNumber="PO-SALES")
    world.clerk("order", order, customer_reference="PO-CLERK")
    world.cycle()
    return order


def test_both_to_different_values_is_one_question_with_both_values(world: World) -> None:
    order = _conflict(world)
    (item,) = world.items()
    assert (item.reason, item.source_id) == ("conflict", order)
    value = detail(item)["values"]["po_number"]
    assert (value["crm"], value["erp"]) == ("PO-SALES", "PO-CLERK")
    assert value["base_crm"] == value["base_erp"]
    assert world.crm("order", order)["PoNumber"] == "PO-SALES", "nothing is written while it is open"
    assert world.erp("order", order)["customer_reference"] == "PO-CLERK"
    world.cycle()
    assert len(world.items()) == 1, "the question is asked once"


@pytest.mark.parametrize(("take", "value"), [("crm", "PO-SALES"), ("erp", "PO-CLERK")])
def test_the_answer_to_a_conflict_holds_on_both_sides(both: World, take: str, value: str) -> None:
    order = _conflict(both)
    (item,) = both.items()
    assert item.id is not None
    assert both.shop.office.resolve(item.id, take, "cli:ada") == "order"
    both.cycle()
    assert both.items() == []
    assert both.crm("order", order)["PoNumber"] == value
    assert both.erp("order", order)["customer_reference"] == value
    assert any("cli:ada took the value" in str(one.entry.payload.get("due")) for one in both.history("order", order))
    assert both.cycle().written == 0


@pytest.mark.parametrize("who", ["sales", "clerk"])
@pytest.mark.parametrize("take", ["crm", "erp"])
def test_a_move_of_either_side_after_the_question_voids_the_answer(world: World, who: str, take: str) -> None:
    order = _conflict(world)
    (item,) = world.items()
    world.shop.office.resolve(item.id or 0, take, "cli:ada")
    if who == "sales":
        world.edit("order", order, PoNumber="PO-THIRD")
    else:
        world.clerk("order", order, customer_reference="PO-THIRD")
    world.cycle()
    (asked,) = world.items()
    value = detail(asked)["values"]["po_number"]
    assert "PO-THIRD" in (value["crm"], value["erp"])
    assert {world.crm("order", order)["PoNumber"], world.erp("order", order)["customer_reference"]} > {"PO-THIRD"}
    world.shop.office.resolve(asked.id or 0, take, "cli:ada")
    world.cycle()
    assert world.items() == []
    assert world.crm("order", order)["PoNumber"] == world.erp("order", order)["customer_reference"] == value[take]


def test_a_conflict_ends_when_people_agree_without_us(world: World) -> None:
    order = _conflict(world)
    world.edit("order", order, PoNumber="PO-CLERK")
    world.cycle()
    assert world.items() == []
    assert world.cycle().written == 0


def test_only_a_choice_between_two_values_can_be_resolved(world: World) -> None:
    account = world.account("Crooked Terms Ltd")
    world.order(account, PoNumber="PO-1")
    world.account("Other Ltd", Tax_Id__c=world.crm_rows("customer", "Type = 'Customer'")[0]["Tax_Id__c"])
    world.cycle()
    (item,) = world.items("ambiguous")
    with pytest.raises(Refused, match="no choice between two values"):
        world.shop.office.resolve(item.id or 0, "crm", "cli:ada")
