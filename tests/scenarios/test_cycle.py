"""A quarter of an hour: what sales enters arrives once, what the ERP says comes back, and then all rests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from isthmus.app import Order
from tests.scenarios.world import OBJECTS, World


def test_the_first_cycle_brings_everything_inside_the_filters_across(fresh: World) -> None:
    inside = {
        "customer": fresh.crm_rows("customer", "Type = 'Customer'"),
        "product": fresh.crm_rows("product", "IsActive = 1"),
        "quote": fresh.crm_rows("quote", "Status IN ('Presented', 'Accepted')"),
        "order": fresh.crm_rows("order", "StatusCode = 'Activated' AND IsReductionOrder = 0"),
    }
    totals = fresh.cycle()
    for entity, rows in inside.items():
        assert totals[entity, "crm"]["created"] == len(rows) == fresh.erp_count(entity)
        assert all(fresh.is_bound(entity, row["Id"]) for row in rows)
    assert totals.count("worklisted") == 0, fresh.items()


def test_numbers_status_tax_and_total_come_back(world: World) -> None:
    for row in world.crm_rows("order", "StatusCode = 'Activated'"):
        erp = world.erp("order", row["Id"])
        assert row["ERP_Order_Number__c"] == erp["number"]
        assert row["ERP_Status__c"] == {"confirmed": "Confirmed", "held": "On credit hold"}[erp["status"]]
        assert row["ERP_Tax__c"] == erp["tax"] * (100 if row["CurrencyIsoCode"] == "JPY" else 1)


def test_the_same_cycle_again_writes_nothing_in_either_direction(both: World) -> None:
    stamps, log = both.crm_stamps(), both.erp_log()
    for _ in range(2):
        totals = both.cycle()
        assert totals.written == 0, totals.told()
    assert both.crm_stamps() == stamps
    assert both.erp_log() == log


def test_two_mappings_run_at_the_same_time(both: World) -> None:
    for number in range(5):
        both.account(f"Parallel {number} Ltd")
    parts = [{"Name": f"Part {number}", "IsActive": True} for number in range(5)]
    both.sell(*({"verb": "create", "object": "Product2", "fields": one} for one in parts))
    both.pass_time()
    names = ("customer", "product")
    shops = [both.shop, both.another_shop()]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda one: one[0].sync(one[1], Order("cli:ada")), zip(shops, names, strict=True)))
    shops[1].close()
    assert [(one.adds_up, one.legs[0].outcomes["created"]) for one in reports] == [(True, 5), (True, 5)]
    both.cycle()  # the accounts are told how the new customers stand
    assert both.cycle().written == 0


def test_reading_everything_again_writes_nothing_either(world: World) -> None:
    stamps, log = world.crm_stamps(), world.erp_log()
    totals = world.cycle(full=True)
    assert totals["order", "crm"]["unchanged"] == world.erp_count("order")
    assert totals.written == 0, totals.told()
    assert (world.crm_stamps(), world.erp_log()) == (stamps, log)


def test_one_per_cent_edited_is_exactly_what_is_updated(world: World) -> None:
    world.cycle()
    world.pass_time(minutes=1)
    edited = world.door("edit", object="Account", percent=10)["ids"]
    bound = [one for one in edited if world.is_bound("customer", one)]
    totals = world.cycle()
    assert bound
    assert totals["customer", "crm"]["updated"] == len(bound) == totals.written
    assert all(world.erp("customer", one)["phone"] == world.crm("customer", one)["Phone"] for one in bound)
    assert world.cycle().written == 0


def test_every_kind_of_record_can_be_edited_without_an_echo(world: World) -> None:
    for entity, fields in (("customer", {"Phone": "+49 555 1"}), ("product", {"Description": "New"}),
                           ("quote", {"ShippingHandling": "7.00"}), ("order", {"PoNumber": "PO-NEW"})):  # fmt: skip
        record = next(row for row in world.crm_rows(entity) if world.is_bound(entity, row["Id"]))
        world.edit(entity, record["Id"], **fields)
        first, second = world.cycle(), world.cycle()
        assert first[entity, "crm"]["updated"] == 1, (entity, first.told())
        assert second.written == 0, (entity, second.told())
    assert set(OBJECTS) == {"customer", "product", "quote", "order"}
