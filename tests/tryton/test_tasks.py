"""Do the tasks that Airflow runs carry records between Salesforce and a real Tryton, and find both sides equal?

The whole of it, in an Airflow of its own, is ``make run ERP=tryton ONCE=1``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest

from isthmus.app import Workshop, last_tie_outs
from tests.tryton.world import TrytonWorld

KINDS: tuple[Literal["totals", "receivables", "credit"], ...] = ("totals", "receivables", "credit")


def test_the_tasks_of_airflow_bring_an_order_there_and_its_invoice_back(
    world: TrytonWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if "AIRFLOW_HOME" not in os.environ:  # Airflow reads it when it is imported; tests/dags has one of its own
        monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    import isthmus_tasks

    @contextmanager
    def workshop() -> Iterator[Workshop]:
        world.pass_time()
        shop = world.another_shop()
        yield shop
        shop.close()

    run = SimpleNamespace(triggering_user_name="vera", run_type="manual")
    monkeypatch.setattr(isthmus_tasks, "_workshop", workshop)
    monkeypatch.setattr(isthmus_tasks, "get_current_context", lambda: {"dag_run": run})
    order = world.order(world.account("By schedule Ltd"))
    counts = {}
    for name in ("customer", "order"):
        isthmus_tasks.preflight(name)
        counts[name] = isthmus_tasks.sync(name)
    assert [counts[name]["created"] for name in counts] == [1, 1]
    world.tryton.bill(world.pair("order", order).erp.id)
    for name in ("order", "invoice", "credit_status"):
        isthmus_tasks.sync(name)
    assert world.crm("order", order)["ERP_Status__c"] == "Invoiced"
    for kind in KINDS:
        isthmus_tasks.reconcile(kind)
    assert {kind: past.agrees for kind, past in last_tie_outs(world.shop.engine).items()} == dict.fromkeys(KINDS, True)
