"""What is tried again by itself: everything that may have become possible without an edit in the CRM."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from isthmus.db import reading, writing
from isthmus.kernel.clock import SystemClock
from isthmus.kernel.errors import Fault
from isthmus.kernel.units import Side
from isthmus.mapping.compile import compile_mapping
from isthmus.mapping.load import load_mapping
from isthmus.reconcile.resolve import Office
from isthmus.settings import load_settings
from isthmus.state import progress, worklist
from isthmus.state.bindings import Lane
from isthmus.state.worklist import Item, Reason

ROOT = Path(__file__).parents[2]
ORDERS = load_mapping(ROOT / "mappings" / "salesforce_erp" / "order.yaml")


def test_an_order_kept_back_for_its_customers_credit_is_tried_again(engine: Engine) -> None:
    mapping = compile_mapping(ORDERS, crm_numbers="decimal", erp_numbers="scaled", time_zone="UTC")
    office = Office(load_settings(ROOT / "isthmus.yaml", {}), engine, SystemClock(), {}, {"order": mapping})
    listed: tuple[tuple[Side, str, Reason], ...] = (
        ("crm", "801A", "held"), ("erp", "7", "held"), ("crm", "801B", "invalid"), ("crm", "801C", "refused"),
    )  # fmt: skip
    with writing(engine) as connection:
        for side, key, reason in listed:
            item = Item(key, reason, Fault(f"order {key}", "is not through", "wait"), "face")
            worklist.put(connection, Lane("order", side), [item], now="t")
    assert office.retry("ada") == ["order"]
    with reading(engine) as connection:
        assert [one.id for one in progress.load_due(connection, Lane("order", "crm"))] == ["801A", "801C"]
        assert progress.load_due(connection, Lane("order", "erp")) == []
