"""What is not through is on the worklist with a reason and a remedy, and leaves it by itself when the cause is gone."""

from __future__ import annotations

import pytest

from isthmus.kernel.errors import Misconfigured, Refused
from isthmus.settings import Limits
from isthmus.state import leases
from tests.scenarios.erp_side import new_customer
from tests.scenarios.world import World


def _note(world: World, entity: str, record_id: str) -> tuple[str | None, str | None]:
    row = world.crm(entity, record_id)
    return row["ERP_Sync_Status__c"], row["ERP_Sync_Message__c"]


# --- waiting ------------------------------------------------------------------------------------------------------


def test_an_order_waits_for_its_customer_and_follows_by_itself(world: World) -> None:
    account = world.account("Broken Country Ltd", Payment_Terms__c=None, CurrencyIsoCode="EUR")
    order = world.order(account)
    world.cycle("order")
    item = world.item(order)
    assert item.reason == "waiting"
    assert account in item.fault.where
    world.cycle()
    assert world.erp("order", order)["customer_id"] == world.erp("customer", account)["id"]
    assert world.items() == []


def test_a_waiting_order_says_that_its_customer_is_itself_on_the_worklist(world: World) -> None:
    account = world.account("X" * 255)
    order = world.order(account)
    world.cycle()
    assert world.listed(account) in ("invalid", "refused")
    assert "is itself on the worklist" in world.item(order).fault.what
    world.edit("customer", account, Name="Short enough Ltd")
    world.cycle()
    assert world.items() == []
    assert world.erp("order", order)["status"] in ("confirmed", "held")


def test_an_order_of_a_prospect_pulls_the_prospect_across(world: World) -> None:
    prospect = world.account("Prospect Ltd", Type="Prospect")
    order = world.order(prospect)
    world.cycle()
    assert world.erp("customer", prospect)["name"] == "Prospect Ltd"
    assert world.is_bound("order", order)
    assert world.items() == []
    assert world.cycle().written == 0
    world.edit("customer", prospect, Phone="+48 555 1")
    world.cycle()
    assert world.erp("customer", prospect)["phone"] == "+48 555 1"
    assert world.erp("customer", prospect)["active"] is True, "it stays although it is outside the filter"


def test_a_pulled_prospect_that_became_a_customer_leaves_like_any_customer(world: World) -> None:
    prospect = world.account("Prospect Ltd", Type="Prospect")
    world.order(prospect)
    world.cycle()
    world.edit("customer", prospect, Type="Customer")
    world.cycle()
    world.edit("customer", prospect, Type="Prospect")
    world.cycle()
    assert world.erp("customer", prospect)["active"] is False


def test_a_subsidiary_is_through_without_its_parent_and_follows_later(world: World) -> None:
    parent = world.account("Parent Ltd", Type="Prospect")
    child = world.account("Child Ltd", ParentId=parent)
    world.cycle()
    assert world.erp("customer", child)["parent_id"] is None
    assert world.listed(child) == "waiting"
    world.edit("customer", parent, Type="Customer")
    world.cycle()
    assert world.erp("customer", child)["parent_id"] == world.erp("customer", parent)["id"]
    assert world.items() == []
    assert world.cycle().written == 0


def test_two_companies_that_are_each_others_parent_both_arrive(world: World) -> None:
    left = world.account("Left Ltd")
    right = world.account("Right Ltd", ParentId=left)
    world.edit("customer", left, ParentId=right)
    world.cycle()
    assert world.erp("customer", left)["parent_id"] == world.erp("customer", right)["id"]
    assert world.erp("customer", right)["parent_id"] == world.erp("customer", left)["id"]
    assert world.items() == []
    assert world.cycle().written == 0


# --- invalid, refused ---------------------------------------------------------------------------------------------


def test_a_refused_order_stops_no_neighbour_and_says_so_on_itself(both: World) -> None:
    account = both.account("Good Ltd")
    both.cycle()
    bad = both.order(account, quantity=1, Freight__c="-5")
    good = both.order(account)
    both.cycle()
    assert both.is_bound("order", good)
    assert both.listed(bad) in ("refused", "invalid")
    status, message = _note(both, "order", bad)
    assert status in ("Refused by the ERP", "Not in the ERP: data to correct")
    assert message == str(both.item(bad).fault)
    assert _note(both, "order", good) == (None, None)
    assert both.cycle().written == 0, "the note itself is no news"
    both.edit("order", bad, Freight__c="5")
    both.cycle()
    assert both.is_bound("order", bad)
    assert _note(both, "order", bad) == ("Synchronised", None)
    assert both.items() == []
    assert both.cycle().written == 0


def test_what_leaves_the_filter_before_it_was_through_does_not_say_that_it_is_synchronised(both: World) -> None:
    bad = both.account("N" * 201)
    both.cycle()
    assert _note(both, "customer", bad)[0] == "Not in the ERP: data to correct"
    both.edit("customer", bad, Type="Prospect")
    both.cycle()
    assert (_note(both, "customer", bad), both.items()) == (("Not in the ERP", None), [])
    assert both.cycle().written == 0
    both.edit("customer", bad, Type="Customer", Name="Short Ltd")
    both.cycle()
    assert (_note(both, "customer", bad), both.is_bound("customer", bad)) == (("Synchronised", None), True)


def test_half_a_page_refused_for_one_cause_stops_the_run_before_anything_is_written(world: World) -> None:
    world.limits = Limits(refused_count=5)
    world.reopen()
    world.cycle()
    log = world.erp_log()
    for number in range(6):
        world.account(f"{number} " + "Y" * 240)
    with pytest.raises(Misconfigured, match=r"6 of 6 records of one page are (invalid|refused) for one cause"):
        world.cycle("customer")
    assert world.erp_log() == log
    assert world.items() == []


def test_trying_again_what_is_refused_for_one_cause_does_not_stop_the_run(world: World) -> None:
    world.limits = Limits(refused_count=5)
    world.reopen()
    bad = []
    for number in range(6):
        bad.append(world.account(f"{number} " + "Y" * 240))
        world.cycle("customer")
    assert len(world.items()) == 6
    for account in bad:
        world.edit("customer", account, Phone="+1")
    good = world.account("Good Ltd")
    world.cycle("customer")
    assert world.is_bound("customer", good)
    assert len(world.items()) == 6


# --- ambiguous ----------------------------------------------------------------------------------------------------


def test_of_two_new_accounts_with_one_tax_id_the_second_is_ambiguous(world: World) -> None:
    first, second = (world.account(f"Twin {n} Ltd", Tax_Id__c="DE800000001") for n in (1, 2))
    world.cycle()
    assert world.is_bound("customer", first)
    assert not world.is_bound("customer", second)
    item = world.item(second)
    assert (item.reason, first in item.fault.what) == ("ambiguous", True)
    world.edit("customer", second, Tax_Id__c="DE800000002")
    world.cycle()
    assert world.is_bound("customer", second)
    assert world.items() == []


def test_a_new_account_with_the_tax_id_of_a_known_customer_is_ambiguous(world: World) -> None:
    first = world.account("Twin One Ltd", Tax_Id__c="DE800000001")
    world.cycle()
    second = world.account("TWIN  one LTD", Tax_Id__c="de800000001")
    world.cycle()
    assert world.listed(second) == "ambiguous"
    world.merge(first, second)
    world.cycle()
    assert world.items() == [], "the merge answered it"


def test_an_account_that_the_erp_knew_before_us_is_matched_and_gets_its_number(world: World) -> None:
    number = new_customer(world, name="Old Friend Ltd", tax_id="DE900000001", currency="EUR")
    world.cycle()
    account = world.account("Old Friend Ltd", Tax_Id__c="DE900000001")
    count = world.erp_count("customer")
    world.cycle()
    assert world.erp_count("customer") == count
    assert world.erp("customer", account)["number"] == number
    assert world.crm("customer", account)["ERP_Customer_Number__c"] == number
    assert world.cycle().written == 0


def test_a_matched_record_identical_in_both_still_gets_its_number(world: World) -> None:
    twin = world.account("Same Ltd", Tax_Id__c="DE900000009")
    world.run("customer")
    fields = {k: v for k, v in world.erp("customer", twin).items() if k not in ("id", "number", "lines", "by")}
    number = new_customer(world, **{**fields, "tax_id": "DE900000010"})
    world.cycle()
    account = world.account("Same Ltd", Tax_Id__c="DE900000010")
    world.cycle()
    assert world.crm("customer", account)["ERP_Customer_Number__c"] == number


def test_two_customers_of_the_erp_that_fit_are_ambiguous(world: World) -> None:
    for name in ("Double One", "Double Two"):
        new_customer(world, name=name, tax_id="DE900000002", currency="EUR")
    account = world.account("Double Ltd", Tax_Id__c="DE900000002")
    world.cycle()
    assert world.listed(account) == "ambiguous"


def test_a_weaker_rule_never_overrules_two_different_tax_ids(world: World) -> None:
    place = {"postal_code": "24103", "country": "DE"}
    new_customer(world, name="Namesake Ltd", tax_id="DE900000003", currency="EUR", billing=place)
    account = world.account("Namesake Ltd", Tax_Id__c="DE900000004", BillingPostalCode="24103", BillingCountryCode="DE")
    count = world.erp_count("customer")
    world.cycle()
    assert world.erp_count("customer") == count + 1
    assert world.erp("customer", account)["tax_id"] == "DE900000004"


def test_without_a_tax_id_name_and_place_match(world: World) -> None:
    place = {"postal_code": "24103", "country": "DE"}
    number = new_customer(world, name="Namesake Ltd", currency="EUR", billing=place)
    account = world.account("NAMESAKE  ltd", BillingPostalCode="24103", BillingCountryCode="DE")
    world.cycle()
    assert world.erp("customer", account)["number"] == number


# --- dismissed ----------------------------------------------------------------------------------------------------


def test_a_dismissed_item_needs_a_reason_and_comes_back_when_the_record_changes(world: World) -> None:
    account = world.account("Z" * 250)
    world.cycle()
    number = world.item(account).id or 0
    with pytest.raises(Refused, match="a reason: is missing"):
        world.shop.office.dismiss(number, "cli:ada", "  ")
    world.shop.office.dismiss(number, "cli:ada", "will never buy")
    world.cycle()
    assert world.item(account).dismissed_by == "cli:ada"
    world.edit("customer", account, Phone="+1")
    world.cycle()
    assert world.item(account).dismissed_by is None


def test_an_item_keeps_its_age_and_counts_its_tries(world: World) -> None:
    account = world.account("Z" * 250)
    world.cycle()
    first = world.item(account)
    world.edit("customer", account, Phone="+1")
    world.cycle()
    again = world.item(account)
    assert (again.id, again.since) == (first.id, first.since)
    assert again.attempts == first.attempts + 1
    assert len(world.history("customer", account)) == 1, "a repeat is counted, not told again"


def test_retry_makes_due_what_may_have_become_possible(world: World) -> None:
    order = waiting_order(world)
    assert world.shop.office.retry("cli:ada") == ["order"]
    assert world.shop.due_counts()["order"] == 1
    before = world.item(order).attempts
    world.cycle("order")
    assert world.item(order).attempts > before


def test_retry_leaves_to_the_next_time_what_is_running_now(world: World) -> None:
    waiting_order(world)
    held = leases.take(world.shop.engine, "order")
    assert isinstance(held, leases.Lease)
    assert world.shop.office.retry("cli:ada") == []
    assert "order" not in world.shop.due_counts()
    leases.release(world.shop.engine, held)
    assert world.shop.office.retry("cli:ada") == ["order"]


def test_what_must_be_corrected_is_not_tried_again_unasked(world: World) -> None:
    account = world.account("Z" * 250)
    world.cycle()
    assert world.shop.office.retry("cli:ada") == []
    assert world.shop.office.retry("cli:ada", world.item(account).id) == ["customer"]


def waiting_order(world: World) -> str:
    """An order whose customer was never read."""
    order = world.order(world.account("Late Ltd"))
    world.cycle("order")
    assert world.listed(order) == "waiting"
    return order
