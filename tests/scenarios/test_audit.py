"""For each record: when, from which version, by which mapping, what was written, before and after; and it is sealed."""

from __future__ import annotations

import json
from typing import Any

from isthmus.db import reading
from isthmus.state import chain, runs
from tests.scenarios.world import World


def _told(world: World, entity: str, record_id: str) -> list[dict[str, Any]]:
    return [
        {"outcome": one.entry.outcome, "side": one.side, "who": one.who, "hash": one.mapping_hash, **one.entry.payload}
        for one in world.history(entity, record_id)
    ]


def test_the_life_of_an_order_is_told_from_birth_to_cancellation(world: World) -> None:
    account = world.account("Biography Ltd")
    order = world.order(account, PoNumber="PO-1")
    world.cycle()
    world.edit("order", order, PoNumber="PO-2")
    world.cycle()
    world.edit("order", order, Status="Draft")
    world.cycle()
    life = _told(world, "order", order)
    mapping = world.shop.mapping("order").hash
    assert [(one["side"], one["outcome"]) for one in life if one["side"] == "crm"] == [
        ("crm", "created"), ("crm", "updated"), ("crm", "withdrawn"),
    ]  # fmt: skip
    assert all((one["who"], one["hash"]) == ("cli:ada", mapping) for one in life)
    born, edited = (one for one in life if one["side"] == "crm" and one["outcome"] != "withdrawn")
    assert born["written"]["customer_reference"] == "PO-1"
    assert born["lines"][0]["quantity"] == 1_000_000
    assert (edited["before"], edited["written"]) == ({"po_number": "PO-1"}, {"customer_reference": "PO-2"})
    back = [one for one in life if one["side"] == "erp"]
    assert back[0]["written"]["ERP_Order_Number__c"] == world.erp("order", order)["number"]
    assert back[-1]["written"] == {"ERP_Status__c": "Cancelled"}
    assert back[-1]["before"]["status"] in ("confirmed", "held")


def test_every_mapping_is_sealed_and_each_report_keeps_the_seal(both: World) -> None:
    both.account("Sealed Ltd")
    both.cycle()
    with reading(both.shop.engine) as connection:
        for name in both.shop.names():
            assert chain.verify_chain(connection, name) is None
            (last,) = runs.recent_runs(connection, name)
            assert json.loads(last.report or "{}")["chain"] == chain.head(connection, name)
