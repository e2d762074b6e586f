"""What people do by themselves in each flow that the CRM owns: late, at once, deleted, back, unheard of."""

from __future__ import annotations

import pytest

from isthmus.app import Order
from tests.matrix.faults import new_line
from tests.matrix.flows import BORN, Desk
from tests.matrix.lab import desk
from tests.scenarios.world import OBJECTS

__all__ = ["desk"]
CHANGES = {
    "customer": ("Phone", "phone", ("+49 1", "+49 2")), "product": ("Description", "description", ("one", "two")),
    "quote": ("ShippingHandling", "freight", ("1.00", "2.00")), "order": ("PoNumber", "customer_reference", ("A", "B")),
}  # fmt: skip
SHOWN = {"1.00": 100, "2.00": 200}
GONE = {"customer": ("active", False), "product": ("active", False), "quote": ("status", "cancelled"),
        "order": ("status", "cancelled")}  # fmt: skip
ODD = {"customer": ("Payment_Terms__c", "NET45", "NET30"), "product": ("Tax_Category__c", "Melted", "Standard")}


@pytest.mark.parametrize("flow", BORN)
def test_what_is_committed_late_is_not_lost(desk: Desk, flow: str) -> None:
    """Its stamp is from before the last run, which has not seen it."""
    world, news = desk.world, desk.news(flow)
    world.run(flow)
    field, inner, (value, _) = CHANGES[flow]
    number, _ = world.begin({"verb": "update", "object": OBJECTS[flow], "id": news, "fields": {field: value}})
    world.pass_time(minutes=2)
    world.shop.sync(flow, Order("cli:ada"))
    assert world.erp(flow, news)[inner] != SHOWN.get(value, value)
    world.finish(number)
    world.pass_time(minutes=2)  # the next run comes soon: within the overlap
    world.shop.sync(flow, Order("cli:ada"))
    assert world.erp(flow, news)[inner] == SHOWN.get(value, value)


@pytest.mark.parametrize("flow", BORN)
def test_two_of_one_stamp_both_arrive(desk: Desk, flow: str) -> None:
    """One transaction gives them the same second; what one of them becomes within that second counts as well."""
    world, field, inner = desk.world, CHANGES[flow][0], CHANGES[flow][1]
    first, second = desk.news(flow), desk.news(flow)
    world.run(flow)
    writes = [
        {"verb": "update", "object": OBJECTS[flow], "id": one, "fields": {field: value}}
        for one, value in zip((first, second), CHANGES[flow][2], strict=True)
    ]
    world.sell(*writes)
    stamps = {world.crm(flow, one)["SystemModstamp"] for one in (first, second)}
    assert len(stamps) == 1
    world.run(flow)
    assert [world.erp(flow, one)[inner] for one in (first, second)] == [SHOWN.get(v, v) for v in CHANGES[flow][2]]


@pytest.mark.parametrize("flow", BORN)
def test_what_is_deleted_is_withdrawn_and_comes_back(desk: Desk, flow: str) -> None:
    world, news = desk.world, desk.news(flow)
    world.run(flow)
    field, gone = GONE[flow]
    if flow == "order":
        world.edit("order", news, Status="Draft")  # an active order cannot be deleted
    world.delete(flow, news)
    world.run(flow)
    assert world.erp(flow, news)[field] == gone
    world.undelete(news)
    if flow == "order":
        world.edit("order", news, Status="Activated")
    world.run(flow)
    assert world.erp(flow, news)[field] != gone
    assert desk.arrived(flow, news), "the same record again"


@pytest.mark.parametrize("flow", ODD)
def test_a_value_nobody_mapped_stops_its_record_only(desk: Desk, flow: str) -> None:
    """And when it is corrected, the record leaves the worklist by itself."""
    world, (field, odd, known) = desk.world, ODD[flow]
    world.door("drift", changes=[{"action": "add_value", "object": OBJECTS[flow], "field": field, "value": odd}])
    new_line(world)
    wrong, right = desk.news(flow), desk.news(flow)
    world.edit(flow, wrong, **{field: odd})
    world.run(flow)
    assert desk.arrived(flow, right)
    assert not desk.arrived(flow, wrong)
    assert world.listed(wrong) == "invalid"
    assert odd in world.item(wrong).fault.what
    world.edit(flow, wrong, **{field: known})
    world.run(flow)
    assert desk.arrived(flow, wrong)
    assert world.listed(wrong) is None
