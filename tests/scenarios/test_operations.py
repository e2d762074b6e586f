"""What ops does and what happens to ops: files change, fields vanish, runs are paused, organisations are mixed up."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from isthmus.app import Order
from isthmus.kernel.errors import Misconfigured
from isthmus.state import leases, runs
from tests.scenarios.world import World

# --- the mapping file changes -------------------------------------------------------------------------------------


def test_a_changed_mapping_makes_the_next_run_a_full_one(world: World) -> None:
    world.mapping_file("customer", ("{crm: Phone,", "{crm: {field: Phone, via: [collapse_blanks]},"))
    report = world.run("customer")
    assert report.legs[0].read >= world.erp_count("customer")
    assert report.moved == 0, "nobody's telephone number has two blanks"
    assert world.run("customer").legs[0].read == 0, "and the one after that is not"


def test_a_change_of_more_than_five_per_cent_waits_to_be_accepted_and_writes_nothing(world: World) -> None:
    log, stamps = world.erp_log(), world.crm_stamps()
    world.mapping_file("customer", ("phone:    {crm: Phone,", "phone:    {crm: AccountNumber,"))
    with pytest.raises(Misconfigured, match=r"would change \d+ of \d+ records.*isthmus accept customer"):
        world.run("customer")
    assert (world.erp_log(), world.crm_stamps()) == (log, stamps)
    decisions = [one for _, page in world.shop.plan("customer", full=False) for one in page]
    assert sum(one.change is not None for one in decisions) > 0, "`plan` shows what would happen"
    world.shop.office.accept("customer", "cli:ada", "sales keeps the numbers there now")
    assert world.run("customer").moved > 0
    assert world.run("customer").moved == 0


def test_a_filter_that_throws_customers_out_is_a_change_of_them_too(world: World) -> None:
    log = world.erp_log()
    world.mapping_file("customer", ("where: {Type: {in: [Customer]}}", "where: {Type: {in: [Partner]}}"))
    with pytest.raises(Misconfigured, match="would change"):
        world.run("customer")
    assert world.erp_log() == log


def test_a_new_row_brings_the_owners_value_and_a_removed_one_clears_nothing(world: World) -> None:
    customer = world.crm_rows("customer", "Type = 'Customer'")[0]["Id"]
    website = world.erp("customer", customer)["website"]
    assert website
    world.mapping_file("customer", ("  website:  {crm: Website, erp: website}\n", ""))
    world.run("customer")
    assert world.erp("customer", customer)["website"] == website
    world.clerk("customer", customer, website="https://by-hand.example")
    world.run("customer")
    row = "  website:  {crm: Website, erp: website}\n"
    world.mapping_file("customer", ("  phone:    {crm: Phone,", f"{row}  phone:    {{crm: Phone,"))
    world.shop.office.accept("customer", "cli:ada", "the website is back")
    world.cycle("customer")
    assert world.erp("customer", customer)["website"] == website


# --- fields change ------------------------------------------------------------------------------------------------

_DRIFTS: list[tuple[dict[str, Any], str]] = [
    ({"action": "hide", "object": "Order", "field": "PoNumber"}, "PoNumber"),
    ({"action": "rename", "object": "Order", "field": "Freight__c", "value": "Carriage__c"}, "Freight__c"),
    ({"action": "retype", "object": "Order", "field": "Freight__c", "value": "string"}, "Freight__c"),
    ({"action": "remove_value", "object": "Order", "field": "ERP_Status__c", "value": "Closed"}, "Closed"),
]


@pytest.mark.parametrize(("change", "named"), _DRIFTS, ids=lambda one: one["action"] if isinstance(one, dict) else "")
def test_a_field_that_vanished_changed_or_lost_a_value_stops_the_run_before_it_writes(
    world: World, change: dict[str, Any], named: str
) -> None:
    log = world.erp_log()
    order = world.crm_rows("order", "StatusCode = 'Activated'")[0]["Id"]
    world.edit("order", order, BillingCity="Edited in between")
    stamps = world.crm_stamps()
    world.door("drift", changes=[change])
    world.reopen()
    with pytest.raises(Misconfigured, match=named):
        world.run("order")
    assert (world.erp_log(), world.crm_stamps()) == (log, stamps)
    world.door("drift", verb="DELETE")
    world.reopen()
    world.run("order")
    assert world.erp("order", order)["bill_to"]["city"] == "Edited in between"


def test_a_new_picklist_value_stops_nobody_but_its_record(world: World) -> None:
    world.door("drift", changes=[
        {"action": "add_value", "object": "Account", "field": "Payment_Terms__c", "value": "NET90"}
    ])  # fmt: skip
    world.reopen()
    odd, plain = world.account("Odd Ltd", Payment_Terms__c="NET90"), world.account("Plain Ltd")
    world.cycle()
    assert world.is_bound("customer", plain)
    assert world.cycle().written == 0, "nor does it later"
    assert world.item(odd).reason == "invalid"
    assert "'NET90'" in world.item(odd).fault.what


# --- whose data it is ---------------------------------------------------------------------------------------------


def test_another_organisation_behind_the_connection_stops_the_run(world: World) -> None:
    log = world.erp_log()
    world.door("settings", org_id="00DQy000000ZZZZ")
    world.door("sessions/end")
    world.reopen()
    with pytest.raises(Misconfigured, match="has always been joined to"):
        world.run("customer")
    assert world.erp_log() == log


# --- pause --------------------------------------------------------------------------------------------------------


def test_a_paused_mapping_is_skipped_with_the_reason_and_catches_up(world: World) -> None:
    world.shop.office.pause("customer", "cli:ada", "price review")
    account = world.account("Patient Ltd")
    report = world.run("customer")
    assert report.skipped is not None
    assert "cli:ada" in report.skipped
    assert "price review" in report.skipped
    assert not world.is_bound("customer", account)
    world.pass_time(days=2)
    world.shop.office.resume("customer", "cli:ada")
    world.cycle()
    assert world.is_bound("customer", account)


def test_a_run_that_finds_another_one_at_work_is_skipped(world: World) -> None:
    held = leases.take(world.shop.engine, "order")
    assert isinstance(held, leases.Lease)
    report = world.run("order")
    assert report.skipped is not None
    assert "another run holds the lease" in report.skipped
    leases.release(world.shop.engine, held)
    assert world.run("order").skipped is None


# --- what comes late ----------------------------------------------------------------------------------------------


def test_a_transaction_that_commits_late_behind_the_watermark_is_not_lost(world: World) -> None:
    fields = {"Name": "Slow Import Ltd", "Type": "Customer", "CurrencyIsoCode": "EUR"}
    number, (account,) = world.begin({"verb": "create", "object": "Account", "fields": fields})
    world.pass_time(minutes=5)
    newer = world.account("Quick Ltd")
    world.pass_time(minutes=1)
    world.shop.sync("customer", Order("cli:ada"))
    assert world.is_bound("customer", newer)
    assert not world.is_bound("customer", account)
    world.finish(number)
    world.pass_time(minutes=1)
    world.shop.sync("customer", Order("cli:ada"))
    assert world.is_bound("customer", account)


def test_two_edits_within_one_second_both_arrive(world: World) -> None:
    account = world.account("Hasty Ltd")
    world.cycle()
    first, _ = world.begin({"verb": "update", "object": "Account", "id": account, "fields": {"Phone": "+1"}})
    world.finish(first)
    world.pass_time(seconds=6)
    world.shop.sync("customer", Order("cli:ada"))
    second, _ = world.begin({"verb": "update", "object": "Account", "id": account, "fields": {"Phone": "+2"}})
    world.finish(second)
    world.cycle()
    assert world.erp("customer", account)["phone"] == "+2"


# --- does it add up -----------------------------------------------------------------------------------------------


def test_a_planted_miscount_fails_the_run_and_the_next_one_reads_everything(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.account("Counted Ltd")
    honest = runs.add_page

    def forget_one(connection: Any, run: Any, facts: Any, **rest: Any) -> None:
        honest(connection, run, dataclasses.replace(facts, entries=facts.entries[1:]), **rest)

    monkeypatch.setattr(runs, "add_page", forget_one)
    report = world.run("customer")
    assert not report.adds_up
    assert any("read, but" in fault for fault in report.faults)
    assert "DOES NOT ADD UP" in report.table()
    monkeypatch.undo()
    again = world.run("customer")
    assert again.adds_up
    assert again.legs[0].read >= world.erp_count("customer")


@pytest.mark.parametrize("lie", [("read", 1), ("answered", {"created": 7})], ids=["read", "answered"])
def test_each_of_the_three_counts_is_believed_by_itself(
    world: World, monkeypatch: pytest.MonkeyPatch, lie: tuple[str, Any]
) -> None:
    world.account("Counted Ltd")
    honest = runs.add_page

    def lying(connection: Any, run: Any, facts: Any, **rest: Any) -> None:
        wrong = facts.read + lie[1] if lie[0] == "read" else lie[1]
        honest(connection, run, dataclasses.replace(facts, **{lie[0]: wrong}), **rest)

    monkeypatch.setattr(runs, "add_page", lying)
    assert not world.run("customer").adds_up
