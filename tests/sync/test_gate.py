"""An ERP that gates no orders itself: which orders pass our gate, and what is said of the others?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from isthmus.kernel.records import Fields, Record
from isthmus.mapping.compile import compile_mapping
from isthmus.mapping.load import load_mapping
from isthmus.state.bindings import Sight
from isthmus.sync.decision import Credit, Decision, Direction, Read, Sights, translate
from isthmus.sync.plan import plan_page

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FILE = Path(__file__).parents[2] / "mappings" / "salesforce_erp" / "order.yaml"
ORDERS = compile_mapping(load_mapping(FILE), crm_numbers="decimal", erp_numbers="scaled", time_zone="UTC")
WAY = Direction(ORDERS, "crm", "erp", "org-crm", "org-erp")
STANDING: Fields = {
    "status": "ok", "currency": "EUR", "limit": 100_00, "exposure": 40_00, "as_of": "2026-11-23T11:50:00Z",
}  # fmt: skip


def order(key: str, amount: str, *, day: str = "2026-11-23", currency: str = "EUR") -> Read:
    """An order of one line as the CRM gives it."""
    line = {"Id": f"line-{key}", "Product2Id": "P", "Quantity": "1", "UnitPrice": amount, "TotalPrice": amount}
    fields: Fields = {name: None for name in ORDERS.selection("crm").fields if "." not in name}
    fields |= {
        "AccountId": "A", "EffectiveDate": day, "CurrencyIsoCode": currency, "StatusCode": "Activated",
        "IsReductionOrder": False, "TotalAmount": amount, "Owner": None,
    }  # fmt: skip
    return translate(WAY, Record(key, "1", fields, [{"Description": None, **line}]))


def plan(*reads: Read, known: Read | None = None, **standing: Any) -> dict[str, Decision]:
    """What becomes of orders of one customer; ``known`` is what an order showed before."""
    credit = Credit({"A": {**STANDING, **standing}} if standing != {"none": 1} else {}, NOON, timedelta(hours=1))
    sights = Sights(references={("customer", "A"): "1", ("product", "P"): "2"}, credit=credit)
    if known is not None:
        pair = WAY.new_binding(Sight("org-crm", known.id, "0", b"other", known.text), "7")
        pair.id = 1
        sights.bindings[known.id] = pair
    return {one.read.id: one for one in plan_page(WAY, list(reads), sights)}


def why(decision: Decision) -> str:
    assert decision.item is not None, f"it passed as {decision.outcome}"
    assert (decision.outcome, decision.item.reason, decision.change) == ("worklisted", "held", None)
    return decision.item.fault.what


def test_an_order_within_the_limit_passes_and_one_cent_more_waits() -> None:
    assert plan(order("a", "60.00"))["a"].outcome == "created"
    held = plan(order("a", "60.01"))["a"]
    assert why(held) == "its customer's exposure would be 100.01 EUR, over the limit of 100.00 EUR"
    assert held.item is not None
    assert held.item.waits_for == "credit_status A"


def test_the_orders_of_a_page_use_up_the_same_credit_oldest_first() -> None:
    found = plan(order("late", "40.00", day="2026-11-24"), order("early", "40.00"), order("small", "20.00"))
    assert {key: one.outcome for key, one in found.items()} == {
        "early": "created", "small": "created", "late": "worklisted",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("standing", "told"),
    [
        ({"status": "hold", "reason": "80 days late"}, "its customer is on hold: 80 days late"),
        (
            {"as_of": "2026-11-23T10:59:59Z"},
            "its customer's credit standing is of 2026-11-23T10:59:59Z, which is too old",
        ),
        ({"as_of": None}, "its customer's credit standing is of None, which is too old"),
        ({"limit": 0}, "its customer's exposure would be 41.00 EUR, over the limit of 0.00 EUR"),
        ({"currency": "USD"}, "it is in EUR, the credit in USD, and no rate is known here"),
        ({"none": 1}, "nobody says how its customer's credit stands"),
    ],
)
def test_what_cannot_be_known_counts_as_hold(standing: dict[str, Any], told: str) -> None:
    assert why(plan(order("a", "1.00"), **standing)["a"]) == told


def test_no_limit_is_not_a_limit_of_nothing() -> None:
    assert plan(order("a", "9000000.00"), limit=None)["a"].outcome == "created"
    assert plan(order("a", "60.00"), as_of="2026-11-23")["a"].outcome == "created", "a day is as young as its end"


def test_a_known_order_passes_unless_it_asks_for_more() -> None:
    before = order("a", "90.00")
    assert plan(order("a", "80.00"), known=before, exposure=100_00)["a"].outcome == "updated"
    assert plan(order("a", "150.00"), known=before, exposure=40_00)["a"].outcome == "updated", "60 more fit"
    assert why(plan(order("a", "150.01"), known=before, exposure=40_00)["a"]).startswith("its customer's exposure")


def test_what_an_erp_gates_itself_is_not_gated_twice() -> None:
    sights = Sights(references={("customer", "A"): "1", ("product", "P"): "2"})
    (one,) = plan_page(WAY, [order("a", "5000.00")], sights)
    assert one.outcome == "created"
    assert orjson.loads(one.read.text)["currency"] == "EUR"


@pytest.mark.parametrize(
    ("confirms", "end"), [(True, "it then confirms itself"), (False, "confirm the order in the ERP")]
)
def test_who_confirms_a_held_order_is_said(confirms: bool, end: str) -> None:
    back = Direction(ORDERS, "erp", "crm", "org-erp", "org-crm")
    held = translate(back, Record("7", "1", {"status": "held", "number": "O7", "currency": "EUR"}, []))
    pair = back.new_binding(Sight("org-erp", "7", "1", held.hash, held.text), "801A")
    (decision,) = plan_page(back, [held], Sights(confirms=confirms, bindings={"7": pair}))
    assert decision.item is not None
    assert decision.item.reason == "held"
    assert decision.item.fault.remedy.endswith(end)
