"""What the clerk of `make run ERP=tryton` does on his first day is seen in the CRM."""

from __future__ import annotations

import re

import pytest

from connectors.tryton import clerk
from isthmus.cli import tryton_server
from isthmus.cli.first_day import TrytonClerk
from isthmus.kernel.errors import Unavailable
from tests.tryton.test_cycle import agrees
from tests.tryton.world import TrytonWorld

SAID = re.compile(r"the clerk invoices (\d+) orders, (\d+) customers pay, and (\d+) shipments leave")


def documents(world: TrytonWorld) -> tuple[int, int, int]:
    """Invoices, payments, and shipments that are done, in the CRM."""
    done = world.crm_rows("ERP_Shipment__c", "Status__c = 'Done'")
    return len(world.crm_rows("ERP_Invoice__c")), len(world.crm_rows("ERP_Payment__c")), len(done)


def test_what_he_bills_collects_and_sends_comes_back(world: TrytonWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    account = world.account("First come Ltd")
    for _ in range(2):
        world.order(account, quantity=2)
    world.cycle()
    before = documents(world)
    sales = [["state", "=", "processing"], ["invoice_state", "=", "pending"]]
    monkeypatch.setattr(clerk, "WORKED_EVERY", world.tryton.count("sale.sale", *sales) - 1)  # the first and the last
    told = SAID.fullmatch(clerk.bill_and_collect(world.tryton.desk))
    assert told is not None
    assert told.groups() == ("2", "2", "2")
    world.cycle()
    assert [after - one for after, one in zip(documents(world), before, strict=True)] == [2, 2, 2]
    statuses = {row["Status__c"] for row in world.crm_rows("ERP_Invoice__c")}
    assert statuses >= {"Paid", "Partly paid"}
    agrees(world, "receivables")
    assert TrytonClerk(world.tryton.server).books_are_empty() is False


def test_a_clerk_who_cannot_get_in_says_so(world: TrytonWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tryton_server, "PASSWORD", "open-sesame-17")
    with pytest.raises(Unavailable, match=r"the clerk cannot limit credit: .*Tryton refuses user or password"):
        TrytonClerk(world.tryton.server).limit_credit()
