"""What leaves Tryton's warehouse is shown in the CRM: how far it is, and what it holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connectors.tryton.clerk import WAREHOUSE
from isthmus.kernel.money import MICROS
from tests.tryton.test_cycle import agrees
from tests.tryton.world import TrytonWorld


def shown(world: TrytonWorld, order_id: str) -> list[tuple[Any, ...]]:
    """The shipments of an order in the CRM: state, day, and of each line the product, how much, and for which line."""
    found = []
    for one in world.crm_rows("ERP_Shipment__c", f"Order__c = '{order_id}'"):
        lines = world.crm_rows("ERP_Shipment_Line__c", f"Shipment__c = '{one['Id']}'")
        goods = [(it["Product__c"], it["Quantity__c"] / MICROS, it["Order_Line__c"]) for it in lines]
        found.append((one["Name"], one["Account__c"], one["Status__c"], one["Effective_Date__c"], goods))
    return sorted(found, key=lambda one: int(one[0]))


def test_an_order_is_sent_in_two_parts_and_the_second_is_cancelled(world: TrytonWorld) -> None:
    account, desk = world.account("Parcels Ltd"), world.tryton.desk
    sold = world.order(account, quantity=3)
    world.cycle()
    [item] = world.crm_rows("OrderItem", f"OrderId = '{sold}'")
    sale = int(world.pair("order", sold).erp.id)
    [whole] = desk.shipments(sale)
    number = str(world.tryton.one("shipment", str(whole)).fields["number"])
    goods = (item["Product2Id"], 3.0, item["Id"])
    assert shown(world, sold) == [(number, account, "Planned", None, [goods])]

    desk.pick_less(whole, Decimal(2))
    desk.handle([whole], *WAREHOUSE[:3])
    world.cycle()
    sent = (item["Product2Id"], 2.0, item["Id"])
    assert shown(world, sold) == [(number, account, "Packed", None, [sent])]
    desk.handle([whole], *WAREHOUSE[3:])
    [_, rest] = desk.shipments(sale)
    desk.handle([rest], "cancel")
    world.cycle()
    first, second = shown(world, sold)
    assert first == (number, account, "Done", world.tryton.day(), [sent])
    assert second[2:] == ("Cancelled", None, [(item["Product2Id"], 1.0, item["Id"])])
    assert world.cycle().written == 0
    agrees(world, "totals")
