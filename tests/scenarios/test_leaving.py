"""Records that leave and come back: recalled, deleted, deactivated, out of the filter."""

from __future__ import annotations

import pytest

from isthmus.erp.invoicing import invoice
from isthmus.kernel.errors import Misconfigured
from isthmus.settings import Limits
from tests.scenarios.sale import Sale, shown
from tests.scenarios.world import World


def _order(world: World) -> str:
    return str(world.crm_rows("order", "StatusCode = 'Activated'")[0]["Id"])


def test_a_recalled_order_is_cancelled_in_the_erp_and_reopened_when_activated_again(both: World) -> None:
    order = _order(both)
    number = both.erp("order", order)["number"]
    both.edit("order", order, Status="Draft")
    totals = both.cycle()
    assert totals["order", "crm"]["withdrawn"] == 1
    assert both.erp("order", order)["status"] == "cancelled"
    assert both.crm("order", order)["ERP_Status__c"] == "Cancelled", "sales sees what became of it"
    assert both.crm("order", order)["Status"] == "Draft", "the way back reopens nothing"
    assert both.cycle().written == 0
    both.edit("order", order, Status="Activated")
    both.cycle()
    assert both.erp("order", order)["status"] in ("confirmed", "held")
    assert both.erp("order", order)["number"] == number, "the same order, not a second one"
    assert both.crm("order", order)["ERP_Status__c"] in ("Confirmed", "On credit hold")
    assert both.items("refused") == []
    assert both.cycle().written == 0


def test_a_deleted_order_is_cancelled_and_an_undeleted_one_is_the_same_order_again(world: World) -> None:
    order = _order(world)
    number, count = world.erp("order", order)["number"], world.erp_count("order")
    world.edit("order", order, Status="Draft")
    world.delete("order", order)
    world.cycle()
    assert world.erp("order", order)["status"] == "cancelled"
    assert world.items() == [], "nobody can correct a deleted record"
    assert world.cycle().written == 0
    world.undelete(order)
    world.edit("order", order, Status="Activated")
    world.cycle()
    assert world.erp("order", order)["number"] == number
    assert world.erp("order", order)["status"] in ("confirmed", "held")
    assert world.erp_count("order") == count
    assert world.cycle().written == 0


def test_an_inactive_product_is_closed_in_the_erp_and_the_way_back_leaves_the_crm_alone(world: World) -> None:
    product = world.crm_rows("product", "IsActive = 1")[0]["Id"]
    world.edit("product", product, IsActive=False)
    world.cycle()
    assert world.erp("product", product)["active"] is False
    assert world.crm("product", product)["IsActive"] == 0, "an echo would have reactivated it"
    assert world.cycle().written == 0
    world.edit("product", product, IsActive=True)
    world.cycle()
    assert world.erp("product", product)["active"] is True
    assert world.cycle().written == 0


def test_a_customer_that_becomes_a_prospect_is_deactivated_and_comes_back(world: World) -> None:
    account = world.account("Wavering Ltd")
    world.cycle()
    world.edit("customer", account, Type="Prospect")
    world.cycle()
    assert world.erp("customer", account)["active"] is False
    world.edit("customer", account, Type="Customer")
    world.cycle()
    assert world.erp("customer", account)["active"] is True
    assert world.cycle().written == 0


def test_a_recalled_order_that_is_edited_stays_cancelled(world: World) -> None:
    order = _order(world)
    world.edit("order", order, Status="Draft")
    world.cycle()
    world.edit("order", order, PoNumber="PO-LATER")
    world.cycle()
    assert world.erp("order", order)["status"] == "cancelled"
    world.edit("order", order, Status="Activated")
    world.cycle()
    assert world.erp("order", order)["customer_reference"] == "PO-LATER"
    assert world.cycle().written == 0


def test_a_hard_deleted_record_is_found_when_the_last_run_is_older_than_the_recycle_bin(world: World) -> None:
    account = world.account("Vanishing Ltd")
    world.cycle()
    world.door("purge", id=account)
    world.cycle()
    assert world.erp("customer", account)["active"] is True, "no trace was left, so nobody can know yet"
    world.pass_time(days=16)
    world.cycle()
    assert world.erp("customer", account)["active"] is False


def test_many_records_gone_at_once_stop_the_run_with_nothing_written(world: World) -> None:
    world.limits = Limits(gone_count=5)
    world.reopen()
    stamps, log = world.crm_stamps(), world.erp_log()
    world.pass_time(minutes=1)
    world.door("edit", object="Account", percent=60, fields={"Type": "Prospect"})
    with pytest.raises(Misconfigured, match=r"records are gone from the CRM in one run"):
        world.cycle("customer")
    assert world.erp_log() == log
    assert stamps != world.crm_stamps()
    world.door("edit", object="Account", percent=100, fields={"Type": "Customer"})
    world.cycle()
    assert world.erp_count("customer", "active") == world.erp_count("customer")


def test_many_records_gone_from_the_erp_stop_the_run_too_instead_of_asking_a_hundred_questions(world: World) -> None:
    world.limits = Limits(gone_count=3)
    world.mapping_file("customer", ("gone: {crm: deactivate", "gone: {crm: ask"))
    world.shop.office.accept("customer", "cli:ada", "test")
    world.pass_time(minutes=1)
    world.door("edit", object="Account", percent=60, fields={"Type": "Prospect"})
    with pytest.raises(Misconfigured, match=r"records are gone from the CRM in one run"):
        world.cycle("customer")
    assert world.items() == []


def test_an_order_that_is_kept_while_it_is_deleted_is_told_its_status_when_it_is_back(world: World) -> None:
    world.mapping_file("order", ("gone: {crm: cancel, erp: ask}", "gone: {crm: keep, erp: ask}"))
    order = world.order(world.account("Kept Ltd"))
    world.cycle()
    number = str(world.erp("order", order)["number"])
    world.edit("order", order, Status="Draft")
    world.delete("order", order)
    world.cycle()
    world.at_desk(lambda desk: invoice(desk, number))
    world.cycle()
    world.undelete(order)
    world.edit("order", order, Status="Activated")
    world.cycle()
    assert world.crm("order", order)["ERP_Status__c"] == "Invoiced"


@pytest.mark.parametrize("is_activated", [True, False], ids=["and activated again", "and left as a draft"])
def test_an_invoice_that_was_refused_for_its_deleted_order_is_shown_when_that_is_back(
    sale: Sale, *, is_activated: bool
) -> None:
    world, number = sale.world, sale.bill()
    world.edit("order", sale.order, Status="Draft")
    world.delete("order", sale.order)
    world.cycle()
    assert [item.reason for item in world.items(mapping="invoice")] == ["refused"]
    world.undelete(sale.order)
    if is_activated:
        world.edit("order", sale.order, Status="Activated")
    world.cycle()
    assert shown(world, number)["Order__c"] == sale.order
    assert world.items(mapping="invoice") == []


def test_an_invoice_that_was_refused_for_its_deleted_account_is_shown_when_that_is_back(sale: Sale) -> None:
    world, number = sale.world, sale.bill()
    world.edit("order", sale.order, Status="Draft")
    world.delete("order", sale.order)
    world.delete("customer", sale.account)
    world.cycle()
    assert "refused" in [item.reason for item in world.items(mapping="invoice")]
    world.undelete(sale.account)
    world.undelete(sale.order)
    world.cycle()
    assert shown(world, number)["Account__c"] == sale.account
    assert world.items(mapping="invoice") == []
