"""What the ERP books is shown in the CRM: once, whole, and whatever people do to the copies."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from isthmus.connect.protocol import Change
from isthmus.erp.allocating import pay
from isthmus.erp.clerk import rate, record
from isthmus.erp.intake import write
from isthmus.erp.invoicing import invoice
from tests.scenarios.erp_side import new_customer
from tests.scenarios.sale import Sale, shown, stamps
from tests.scenarios.world import World


def test_an_invoice_arrives_with_its_lines_and_the_order_says_so(sale: Sale) -> None:
    world = sale.world
    number = sale.bill()
    totals = world.cycle()
    assert totals["invoice", "erp"]["created"] == 1, totals.told()
    copy = shown(world, number)
    assert (copy["Account__c"], copy["Order__c"], copy["Kind__c"]) == (sale.account, sale.order, "Invoice")
    assert (copy["Status__c"], copy["CurrencyIsoCode"]) == ("Open", "EUR")
    assert copy["Invoice_Date__c"] == "2026-11-23"
    assert copy["Net__c"] == 30_000
    assert copy["Total__c"] == copy["Outstanding__c"] == copy["Net__c"] + copy["Tax__c"]
    (line,) = world.crm_rows("ERP_Invoice_Line__c", f"Invoice__c = '{copy['Id']}'")
    assert (line["Quantity__c"], line["Unit_Price__c"], line["Amount__c"]) == (3_000_000, 10_000_000, 30_000)
    assert world.crm("order", sale.order)["ERP_Status__c"] == "Invoiced"


def test_an_invoice_arrives_also_before_its_order_says_so(sale: Sale) -> None:
    world = sale.world
    number = sale.bill()
    world.run("invoice")
    assert shown(world, number)["Order__c"] == sale.order
    assert world.crm("order", sale.order)["ERP_Status__c"] == "Confirmed"
    world.run("order")
    assert world.crm("order", sale.order)["ERP_Status__c"] == "Invoiced"


def test_an_invoice_goes_to_the_account_that_its_own_was_merged_into(sale: Sale) -> None:
    world = sale.world
    first = sale.bill()
    world.cycle()
    winner = world.account("Takeover Ltd")
    second = sale.pay(500)
    world.merge(winner, sale.account)
    world.cycle()
    world.cycle()
    copies = {"invoice": shown(world, first), "payment": shown(world, second, "ERP_Payment__c")}
    assert [copy["Account__c"] for copy in copies.values()] == [winner, winner]
    assert [world.overruled(entity, copy["Id"]) for entity, copy in copies.items()] == [[], []]
    assert world.crm("customer", winner)["ERP_Outstanding__c"] == shown(world, first)["Outstanding__c"]
    assert world.cycle().written == 0


def test_an_account_on_the_worklist_keeps_no_invoice_back(sale: Sale) -> None:
    world = sale.world
    world.edit("customer", sale.account, Name="X" * 255, Tax_Id__c="\u2066broken")
    number = sale.bill()
    world.cycle()
    assert world.listed(sale.account) == "invalid"
    assert shown(world, number)["Account__c"] == sale.account


def test_what_was_shown_is_not_shown_again(sale: Sale) -> None:
    world = sale.world
    sale.bill()
    world.cycle()
    before, log = stamps(world), world.erp_log()
    for full in (False, False, True):
        totals = world.cycle(full=full)
        assert totals.written == 0, totals.told()
    assert (stamps(world), world.erp_log()) == (before, log)


def test_a_credit_note_names_the_invoice_it_takes_back(sale: Sale) -> None:
    world = sale.world
    number = sale.bill()
    note = sale.credit(number)
    world.cycle()
    world.cycle()
    copy, original = shown(world, note), shown(world, number)
    assert copy["Kind__c"] == "Credit note"
    assert copy["Credits__c"] == original["Id"]
    assert copy["Total__c"] == original["Total__c"] > 0
    assert (original["Outstanding__c"], original["Status__c"]) == (0, "Cancelled")
    assert world.cycle().written == 0


def test_a_credit_note_names_its_invoice_though_their_order_never_comes(sale: Sale) -> None:
    """A clerk took the order by hand, so the CRM has none."""
    world = sale.world
    line = {"key": "L1", "product_id": world.erp("order", sale.order)["lines"][0]["product_id"]}
    line |= {"quantity": 1_000_000, "unit_price": 10_000_000}
    order = {"customer_id": world.erp("customer", sale.account)["id"], "order_date": "2026-11-23", "currency": "EUR"}
    change = Change("create", "by hand/1", order, [line])
    (answer,) = world.at_desk(lambda desk: write(desk, "order", [change]))
    number = world.erp_by_id("order", answer.id or "")["number"]
    bill = world.at_desk(lambda desk: invoice(desk, number)).number
    note = sale.credit(bill)
    world.cycle()
    world.cycle()
    assert shown(world, note)["Credits__c"] == shown(world, bill)["Id"]
    assert [item.waits_for for item in world.items()] == [f"order {answer.id}"] * 2
    assert world.cycle().written == 0


@pytest.mark.parametrize(
    ("field", "value", "row"),
    [("Outstanding__c", "0", "outstanding"), ("Status__c", "Paid", "status"), ("Name", "RE-X", "number"),
     ("Due_Date__c", None, "due_date"), ("Order__c", None, "order")],
)  # fmt: skip
def test_what_a_user_writes_on_an_invoice_is_undone_and_reported(sale: Sale, field: str, value: Any, row: str) -> None:
    world = sale.world
    number = sale.bill()
    world.cycle()
    before, log = shown(world, number), world.erp_log()
    user = world.crm_rows("User", "Email = 'bruno.tallow@playground.example'")[0]
    world.sell({"verb": "update", "object": "ERP_Invoice__c", "id": before["Id"], "fields": {field: value}},
               user=user["Username"])  # fmt: skip
    world.cycle()
    after = world.crm_rows("ERP_Invoice__c", f"Id = '{before['Id']}'")[0]
    assert after[field] == before[field]
    assert world.erp_log() == log, "nothing of it ever reached the ERP"
    (told,) = world.overruled("invoice", before["Id"])
    assert (told["field"], told["by"]) == (row, user["Id"])
    assert told["old"] != told["new"]
    assert world.cycle().written == 0


def test_lines_that_a_user_took_away_or_added_are_put_right(sale: Sale) -> None:
    world = sale.world
    number = sale.bill()
    world.cycle()
    copy = shown(world, number)
    where = f"Invoice__c = '{copy['Id']}'"
    (line,) = world.crm_rows("ERP_Invoice_Line__c", where)
    stray = {"Invoice__c": copy["Id"], "Quantity__c": "1", "Unit_Price__c": "1", "Amount__c": "1"}
    world.sell(
        {"verb": "delete", "object": "ERP_Invoice_Line__c", "id": line["Id"]},
        {"verb": "create", "object": "ERP_Invoice_Line__c", "fields": stray},
    )
    world.cycle()
    (again,) = world.crm_rows("ERP_Invoice_Line__c", where)
    assert (again["Isthmus_Key__c"], again["Amount__c"]) == (line["Isthmus_Key__c"], line["Amount__c"])
    assert [told["field"] for told in world.overruled("invoice", copy["Id"])] == ["lines"]
    assert world.cycle().written == 0


def test_a_deleted_invoice_is_made_again_once_with_its_lines(sale: Sale) -> None:
    world = sale.world
    number = sale.bill()
    world.cycle()
    old = shown(world, number)
    world.sell({"verb": "delete", "object": "ERP_Invoice__c", "id": old["Id"]})
    world.cycle()
    world.cycle()
    new = shown(world, number)
    assert new["Id"] != old["Id"]
    assert len(world.crm_rows("ERP_Invoice_Line__c", f"Invoice__c = '{new['Id']}'")) == 1
    assert {name: new[name] for name in ("Total__c", "Status__c", "Order__c", "Isthmus_Key__c")} == {
        name: old[name] for name in ("Total__c", "Status__c", "Order__c", "Isthmus_Key__c")
    }
    assert world.cycle().written == 0


# --- payments -----------------------------------------------------------------------------------------------------


def test_a_payment_arrives_with_the_invoice_it_pays_and_the_rest_of_it(sale: Sale) -> None:
    world = sale.world
    number = sale.bill()
    total = sale.world.at_desk(lambda desk: record(desk, "invoice", number))["total_minor"]
    part = sale.pay(1_000, reference="transfer 7")
    world.cycle()
    bill, copy = shown(world, number), shown(world, part, "ERP_Payment__c")
    assert (bill["Status__c"], bill["Outstanding__c"]) == ("Partly paid", (total - 1_000) * 10)
    assert (copy["Amount__c"], copy["Unapplied__c"], copy["Reference__c"]) == (10_000, 0, "transfer 7")
    assert copy["Account__c"] == sale.account
    (allocation,) = world.crm_rows("ERP_Allocation__c", f"Payment__c = '{copy['Id']}'")
    assert (allocation["Invoice__c"], allocation["Amount__c"]) == (bill["Id"], 10_000)
    rest = sale.pay(total)
    world.cycle()
    bill, copy = shown(world, number), shown(world, rest, "ERP_Payment__c")
    assert (bill["Status__c"], bill["Outstanding__c"]) == ("Paid", 0)
    assert (copy["Amount__c"], copy["Unapplied__c"]) == (total * 10, 10_000)
    assert world.crm("order", sale.order)["ERP_Status__c"] == "Closed"
    assert world.cycle().written == 0


def test_what_settles_an_invoice_in_another_currency_says_how_much_of_it(sale: Sale) -> None:
    world = sale.world
    for source, value in (("JPY", "0.005"), ("KWD", "3")):
        world.at_desk(partial(rate, source=source, target="EUR", value=value))
    number = sale.bill()
    payments = [sale.pay(amount, currency=money, invoices=[number]) for amount, money in ((400, "JPY"), (1_005, "KWD"))]
    sale.pay(100, invoices=[number])
    world.cycle()
    told = world.crm_rows("ERP_Allocation__c")
    assert [(one["Amount__c"], one["Invoice_Amount__c"], one["Invoice_Currency__c"]) for one in told] == [
        (400_000, 2_000, "EUR"),
        (1_005, 3_020, "EUR"),  # 3.015, half up
        (1_000, None, None),
    ]
    assert [shown(world, one, "ERP_Payment__c")["Unapplied__c"] for one in payments] == [0, 0]
    assert world.cycle().written == 0


def test_dinars_keep_their_three_decimals_and_yen_have_none(sale: Sale) -> None:
    world = sale.world
    dinars = sale.pay(1_005, currency="KWD")
    yen = sale.pay(1_200, currency="JPY")
    world.cycle()
    copies = [shown(world, number, "ERP_Payment__c") for number in (dinars, yen)]
    assert [(one["CurrencyIsoCode"], one["Amount__c"]) for one in copies] == [("KWD", 1_005), ("JPY", 1_200_000)]


def test_a_payment_waits_for_the_invoice_it_pays(sale: Sale) -> None:
    world = sale.world
    number = sale.bill()
    paid = sale.pay(1_000)
    report = world.run("payment")
    assert report.legs[1].outcomes["worklisted"] == 1, report.table()
    (item,) = world.items("waiting", "payment")
    assert "invoice" in str(item.fault)
    world.cycle("invoice", "payment")
    (allocation,) = world.crm_rows("ERP_Allocation__c")
    assert allocation["Invoice__c"] == shown(world, number)["Id"]
    assert allocation["Payment__c"] == shown(world, paid, "ERP_Payment__c")["Id"]
    assert world.items(mapping="payment") == []


def test_what_a_customer_pays_whom_only_the_erp_knows_waits_for_their_account(world: World) -> None:
    number = new_customer(world, name="Walk-in Ltd", tax_id="DE777", currency="EUR")
    paid = world.at_desk(lambda desk: pay(desk, number, amount_minor=500, currency="EUR")).number
    world.cycle()
    (item,) = world.items("waiting", "payment")
    assert "customer" in str(item.fault)
    assert world.crm_rows("ERP_Payment__c") == []
    account = world.account("Walk-in Ltd", Tax_Id__c="DE777")
    world.cycle()
    assert shown(world, paid, "ERP_Payment__c")["Account__c"] == account
    assert world.items() == []


def test_what_only_the_erp_has_is_explained_by_its_id_there(world: World) -> None:
    number = new_customer(world, name="Walk-in Ltd", tax_id="DE777", currency="EUR")
    world.at_desk(lambda desk: pay(desk, number, amount_minor=500, currency="EUR"))
    story = world.shop.explain("payment", "1")
    assert story.verdict == "payment 1 is in the ERP and inside the filter, but no run has read it yet."
    assert (story.remedy, story.crm_id, story.erp_id) == ("run `isthmus sync payment`", None, "1")
    world.cycle()
    story, item = world.shop.explain("payment", "1"), world.item("1")
    place = "payment 1 is not in the CRM: it is on the worklist (waiting)."
    assert story.verdict == f"{place} {item.waits_for}: {item.fault.what}."
    assert world.shop.explain("payment", "2").verdict.endswith("not exist in the ERP, and Isthmus has never seen it.")


def test_a_record_is_explained_by_the_short_id_of_a_salesforce_report(world: World) -> None:
    order = world.crm_rows("order", "StatusCode = 'Activated'")[0]["Id"]
    assert world.shop.explain("order", order[:15]).verdict == world.shop.explain("order", order).verdict


def test_a_record_is_synchronised_by_the_short_id_of_a_salesforce_report(world: World) -> None:
    account = world.account("Short Ltd")
    ((_, (decision,)), *_) = world.shop.plan("customer", full=False, ids=(account[:15],))
    assert decision.outcome == "created"
    world.run("customer", ids=[account[:15]])
    assert world.is_bound("customer", account)


def test_a_deleted_payment_is_made_again_with_its_allocations(sale: Sale) -> None:
    world = sale.world
    number = sale.bill()
    paid = sale.pay(1_000)
    world.cycle()
    old = shown(world, paid, "ERP_Payment__c")
    world.sell({"verb": "delete", "object": "ERP_Payment__c", "id": old["Id"]})
    world.cycle()
    world.cycle()
    new = shown(world, paid, "ERP_Payment__c")
    (allocation,) = world.crm_rows("ERP_Allocation__c")
    assert (allocation["Payment__c"], allocation["Invoice__c"]) == (new["Id"], shown(world, number)["Id"])
    assert new["Id"] != old["Id"]
    assert world.cycle().written == 0


@pytest.mark.parametrize("paid", [0, 500])
def test_the_invoices_of_a_merged_account_go_over_though_they_are_read_first(sale: Sale, paid: int) -> None:
    """The CRM moves the copies. Until the customers are read the ERP's invoice still names the loser, which is gone."""
    world = sale.world
    number = sale.bill()
    world.cycle()
    winner = world.account("Takeover Ltd")
    world.merge(winner, sale.account)
    if paid:
        sale.pay(paid)
    world.run("invoice")
    for _ in range(3):
        world.cycle()
    assert world.items() == []
    copy = shown(world, number)
    assert world.overruled("invoice", copy["Id"]) == [], "the CRM moved it, nobody edited it"
    assert (copy["Account__c"], copy["Outstanding__c"]) == (winner, copy["Total__c"] - 10 * paid)


def test_a_payment_finds_the_copy_of_its_invoice_that_was_deleted_and_restored(sale: Sale) -> None:
    world = sale.world
    number = sale.bill()
    world.cycle()
    world.delete("ERP_Invoice__c", shown(world, number)["Id"])
    sale.pay(500)
    world.run("payment")
    for _ in range(3):
        world.cycle()
    assert world.items() == []
    assert [row["Invoice__c"] for row in world.crm_rows("ERP_Allocation__c")] == [shown(world, number)["Id"]]
