"""What the ERP books is shown in the CRM: once, whole, and whatever people do to the copies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from isthmus.erp.allocating import pay
from isthmus.erp.breaks import set_break
from isthmus.erp.clerk import limit, rate, record
from isthmus.erp.invoicing import credit_note, invoice
from tests.scenarios.erp_side import new_customer
from tests.scenarios.world import OBJECTS, World

SHOWN = (*OBJECTS.values(), "ERP_Invoice__c", "ERP_Invoice_Line__c", "ERP_Payment__c", "ERP_Allocation__c")


@dataclass
class Sale:
    """An order of a new customer that both systems know."""

    world: World
    account: str
    order: str

    @property
    def number(self) -> str:
        return str(self.world.erp("order", self.order)["number"])

    @property
    def customer(self) -> str:
        return str(self.world.erp("customer", self.account)["number"])

    def bill(self) -> str:
        """The clerk invoices the order; the invoice's number."""
        return self.world.at_desk(lambda desk: invoice(desk, self.number)).number

    def pay(self, amount_minor: int, **how: Any) -> str:
        """The customer pays; the payment's number."""
        money = {"amount_minor": amount_minor, "currency": "EUR", **how}
        return self.world.at_desk(lambda desk: pay(desk, self.customer, **money)).number

    def credit(self, number: str) -> str:
        """The clerk takes an invoice back; the credit note's number."""
        return self.world.at_desk(lambda desk: credit_note(desk, number)).number


@pytest.fixture
def sale(world: World) -> Sale:
    """Three lamps at 10.00, 19 % tax, payable in 14 days."""
    account = world.account("Billed Ltd", Payment_Terms__c="NET14", BillingCountryCode="DE")
    order = world.order(account, quantity=3)
    world.cycle()
    return Sale(world, account, order)


def shown(world: World, number: str, stream: str = "ERP_Invoice__c") -> dict[str, Any]:
    """The CRM's copy of an ERP document, amounts in thousandths as the playground keeps them."""
    (found,) = world.crm_rows(stream, f"Name = '{number}'")
    return found


def stamps(world: World) -> dict[str, str]:
    return {row["Id"]: row["SystemModstamp"] for one in SHOWN for row in world.crm_rows(one)}


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
    assert shown(world, first)["Account__c"] == shown(world, second, "ERP_Payment__c")["Account__c"] == winner
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


# --- credit -------------------------------------------------------------------------------------------------------


def test_the_account_shows_what_the_erp_says_of_its_credit(sale: Sale) -> None:
    world = sale.world
    world.at_desk(lambda desk: limit(desk, sale.customer, 10_000))
    number = sale.bill()
    world.cycle()
    account = world.crm("customer", sale.account)
    total = shown(world, number)["Total__c"]
    assert (account["ERP_Credit_Status__c"], account["ERP_Credit_Reason__c"]) == ("OK", None)
    assert (account["ERP_Credit_Currency__c"], account["ERP_Credit_Limit__c"]) == ("EUR", 100_000)
    assert account["ERP_Credit_Exposure__c"] == account["ERP_Outstanding__c"] == account["ERP_Not_Due__c"] == total
    assert account["ERP_Credit_Available__c"] == 100_000 - total
    assert (account["ERP_Overdue__c"], account["ERP_Days_Overdue__c"], account["ERP_Held_Orders__c"]) == (0, 0, 0)
    assert account["ERP_Credit_As_Of__c"] == "2026-11-23T08:51:00"
    assert world.cycle().written == 0


def test_a_limit_that_sales_raises_is_undone_and_reported(sale: Sale) -> None:
    world = sale.world
    world.at_desk(lambda desk: limit(desk, sale.customer, 10_000))
    world.cycle()
    log = world.erp_log()
    user = world.crm_rows("User", "Email = 'bruno.tallow@playground.example'")[0]
    fields = {"ERP_Credit_Limit__c": "999999", "Phone": "+49 431 5550"}
    world.sell({"verb": "update", "object": "Account", "id": sale.account, "fields": fields}, user=user["Username"])
    world.cycle()
    account = world.crm("customer", sale.account)
    assert (account["ERP_Credit_Limit__c"], account["Phone"]) == (100_000, "+49 431 5550")
    assert world.erp("customer", sale.account)["phone"] == "+49 431 5550", "what sales owns went through"
    assert world.erp_log() == log + 1
    (told,) = world.overruled("credit_status", sale.account)
    assert told == {"field": "limit", "by": user["Id"], "old": 10_000, "new": 99_999_900}
    assert world.cycle().written == 0


def test_a_day_alone_is_no_reason_to_write_but_a_due_date_is(sale: Sale) -> None:
    world = sale.world
    number = sale.bill()
    world.cycle()
    before = stamps(world)
    for days, full in ((1, False), (5, True), (7, False)):
        world.pass_time(days=days)
        totals = world.cycle(full=full)
        assert totals.written == 0, totals.told()
    assert stamps(world) == before
    world.pass_time(days=2)
    world.cycle()
    account, bill = world.crm("customer", sale.account), shown(world, number)
    assert account["ERP_Overdue__c"] == account["ERP_Overdue_1_30__c"] == bill["Total__c"]
    assert account["ERP_Not_Due__c"] == 0
    assert account["ERP_Oldest_Due_Date__c"] == bill["Due_Date__c"] == "2026-12-07"
    assert account["ERP_Days_Overdue__c"] == 1
    later = stamps(world)
    world.pass_time(days=1)
    totals = world.cycle(full=True)
    assert totals.written == 0, totals.told()
    assert stamps(world) == later


def test_an_order_over_the_limit_says_so_on_account_and_order_until_it_is_paid(sale: Sale) -> None:
    world = sale.world
    sale.bill()
    world.at_desk(lambda desk: limit(desk, sale.customer, 4_000))
    second = world.order(sale.account, quantity=3)
    world.cycle()
    account, order = world.crm("customer", sale.account), world.crm("order", second)
    assert order["ERP_Status__c"] == "On credit hold"
    assert account["ERP_Held_Orders__c"] == 1
    sale.pay(3_570)
    world.cycle()
    account, order = world.crm("customer", sale.account), world.crm("order", second)
    assert order["ERP_Status__c"] == "Confirmed"
    assert account["ERP_Held_Orders__c"] == 0
    assert world.cycle().written == 0


def test_the_account_shows_what_the_customer_orders_pays_and_saves(sale: Sale) -> None:
    world = sale.world
    number = sale.bill()
    world.pass_time(days=10)
    sale.pay(1_000)
    world.cycle()
    account, total = world.crm("customer", sale.account), shown(world, number)["Total__c"]
    assert (account["ERP_Figures_Currency__c"], account["ERP_Orders__c"]) == ("EUR", 1)
    assert account["ERP_Order_Total__c"] == account["ERP_Invoiced_12_Months__c"] == total
    assert account["ERP_Last_Order_Date__c"] == "2026-11-23"
    assert account["ERP_Days_To_Pay__c"] == 100, "ten days, in tenths"
    user = world.crm_rows("User", "Email = 'emi.hoshino@playground.example'")[0]
    world.sell({"verb": "update", "object": "Account", "id": sale.account, "fields": {"ERP_Orders__c": "9"}},
               user=user["Username"])  # fmt: skip
    world.cycle()
    assert world.crm("customer", sale.account)["ERP_Orders__c"] == 1
    (told,) = world.overruled("customer_figures", sale.account)
    assert told == {"field": "orders", "by": user["Id"], "old": 1, "new": 9}
    assert world.cycle().written == 0


def test_each_figure_leads_to_its_documents_and_their_postings(sale: Sale) -> None:
    number = sale.bill()
    sale.pay(3570)
    sale.world.cycle()
    story = sale.world.shop.explain("customer_figures", sale.account)
    found = {figure: one for one in story.evidence for figure in one.figures}
    assert found["orders"].document == sale.number
    invoiced = found["invoiced_12_months"]
    assert (invoiced.document, invoiced.currency) == (number, "EUR")
    assert sum(amount for _, _, amount in invoiced.postings) == 0, "an entry balances"
    assert max(amount for _, _, amount in invoiced.postings) == 3570


def test_discounts_are_explained_against_the_quantity_breaks_of_the_list(sale: Sale) -> None:
    world = sale.world
    product = world.erp("order", sale.order)["lines"][0]["product_id"]
    twelve, three = 12_000_000, 3_000_000
    world.at_desk(
        partial(set_break, product=product, unit_price_micros=twelve, minimum_quantity_micros=three, currency="EUR")
    )
    orders = [world.order(sale.account, quantity=quantity) for quantity in (2, 3)]
    world.cycle()
    story = world.shop.explain("customer_figures", sale.account)
    given = {one.document: one.amount_minor for one in story.evidence if "list_discount" in one.figures}
    below, within = (str(world.erp("order", order)["number"]) for order in orders)
    assert given[within] == 3 * 200
    assert given[below] != 2 * 200
    assert world.crm("customer", sale.account)["ERP_List_Discount__c"] == sum(given.values()) * 10
