"""What the ERP says of a customer stands on its account: credit and figures, as they are, written by nobody else."""

from __future__ import annotations

from functools import partial

from isthmus.erp.breaks import set_break
from isthmus.erp.clerk import hold, limit
from isthmus.erp.invoicing import invoice
from tests.scenarios.sale import Sale, shown, stamps


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


def test_a_partly_invoiced_order_that_was_too_much_goes_on_when_the_limit_is_raised(sale: Sale) -> None:
    world = sale.world
    (line,) = world.crm_rows("OrderItem", f"OrderId = '{sale.order}'")
    world.at_desk(lambda desk: invoice(desk, sale.number, {line["Id"]: 1_000_000}))
    world.at_desk(lambda desk: limit(desk, sale.customer, 10_000))
    world.cycle()
    world.sell({"verb": "update", "object": "OrderItem", "id": line["Id"], "fields": {"Quantity": 30}})
    world.cycle()
    world.cycle()  # reads its own note on the order, and tries again
    assert "partly invoiced and cannot be raised" in world.item(sale.order).fault.what
    world.at_desk(lambda desk: limit(desk, sale.customer, 100_000))
    world.cycle()
    assert world.items() == []
    assert world.erp("order", sale.order)["total"] == 35_700


def test_who_takes_over_a_customer_shows_its_credit(sale: Sale) -> None:
    world = sale.world
    world.at_desk(lambda desk: limit(desk, sale.customer, 100_000))
    world.at_desk(lambda desk: hold(desk, sale.customer, "late"))
    sale.bill()
    world.cycle()
    names = ("Status", "Reason", "Limit", "Exposure")
    before = [world.crm("customer", sale.account)[f"ERP_Credit_{name}__c"] for name in names]
    assert before[0] == "Hold"
    winner = world.account("Takeover Ltd", Payment_Terms__c="NET14", BillingCountryCode="DE")
    world.merge(winner, sale.account)
    world.cycle()
    world.cycle()
    assert [world.crm("customer", winner)[f"ERP_Credit_{name}__c"] for name in names] == before
