"""Is it the same on PostgreSQL, and for a role that owns nothing?"""

from __future__ import annotations

from pathlib import Path

from tests.reconcile.conftest import FEW
from tests.reconcile.lab import Lab
from tests.scenarios.world import company


def test_a_role_without_ownership_finds_and_repairs_drift(role_url: str, tmp_path: Path) -> None:
    with company(tmp_path / "company", role_url, seed=FEW) as world:
        lab = Lab(world)
        for _ in range(3):
            world.cycle()
        world.pass_time()
        found = world.shop.reconcile("totals", "cli:ada")
        assert found.agrees, found.table()
        pair = lab.pairs("order")[0]
        lab.set("crm", "Order", f"\"Id\" = '{pair.crm.id}'", ERP_Total__c=1)
        lab.remove("crm", "Account", f"\"Id\" = '{lab.pairs('customer')[-1].crm.id}'")
        told = {(one.entity, one.told) for one in world.shop.reconcile("totals", "cli:ada").differences}
        assert {("order", "edited in CRM"), ("customer", "late")} <= told
        world.cycle()
        world.cycle()
        world.pass_time()
        for kind in ("totals", "receivables", "credit"):
            left = world.shop.reconcile(kind, "cli:ada")
            assert left.agrees, left.table()
