"""A company for a test whose ERP is a real Tryton: a local Salesforce, Tryton, and Isthmus between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors.salesforce import Connector as Salesforce
from isthmus.app import Workshop, open_workshop
from isthmus.kernel.clock import SetClock, SystemClock
from isthmus.kernel.records import Record
from isthmus.kernel.selection import Selection
from isthmus.playground import SeedSizes, start
from isthmus.settings import load_settings
from tests.scenarios.world import ROOT, World
from tests.tryton.erp import Erp

SMALL = SeedSizes(accounts=12, products=5, quotes=4, orders=10, dirty=False)
MAPPINGS = ROOT / "mappings" / "salesforce_tryton"


@dataclass
class TrytonWorld(World):
    """Sales works in the CRM, a clerk in Tryton."""

    server: Erp | None = None

    @property
    def tryton(self) -> Erp:
        assert self.server is not None
        return self.server

    def another_shop(self) -> Workshop:
        settings = dataclasses.replace(
            load_settings(ROOT / "isthmus.yaml", {}),
            database=self.database, mappings=MAPPINGS, limits=self.limits, erp="tryton_default",
        )  # fmt: skip
        connection = self.tryton.server.connection(self.tryton.database, **self.tryton.extra)
        connections = {"salesforce_default": self.connection, "tryton_default": connection}
        shop = open_workshop(settings, {}, connections=connections, clock=self.clock)
        shop.ports.crm.close()
        crm = Salesforce(self.connection, clock=self.clock, sleep=lambda _seconds: None)
        return Workshop(shop.settings, shop.engine, dataclasses.replace(shop.ports, crm=crm))

    def shown(self, entity: str, crm_id: str) -> Record:
        """Tryton's record of a CRM record."""
        return self.tryton.one(entity, self.pair(entity, crm_id).erp.id)

    def parties(self) -> int:
        """How many live customers Tryton has of ours: the company's own party has no key of a CRM."""
        return self.tryton.count("party.party", ["code", "like", "001%"])

    def sales(self) -> int:
        """How many live orders Tryton has of ours."""
        reference = "isthmus_reference" if "reference" in self.tryton.extra else "description"
        return self.tryton.count("sale.sale", [reference, "like", "order:%"], ["state", "!=", "cancelled"])

    def ties_out(self) -> None:
        """Both sides tell the same of every activated order: number, status, totals; and there is one sale for each."""
        rows = self.crm_rows("order", "StatusCode = 'Activated' AND IsReductionOrder = 0")
        through = [row for row in rows if self.is_bound("order", row["Id"])]
        assert len(through) + len([row for row in rows if self.listed(row["Id"])]) >= len(rows), "lost"
        assert self.sales() == len(through), "doubled, or without its order"
        fields = ("ERP_Order_Number__c", "ERP_Total__c", "ERP_Tax__c", "TotalAmount")
        told = self.shop.ports.crm.fetch(Selection("Order", fields), [row["Id"] for row in through])
        for one in told:
            shown = self.shown("order", one.id)
            there = [shown.fields[name] for name in ("number", "total", "tax")]
            assert [one.fields[name] for name in fields] == [*there, sum(line["amount"] for line in shown.lines or ())]


@contextmanager
def joined(root: Path, database: str, erp: Erp, *, seed: SeedSizes | None = SMALL) -> Iterator[TrytonWorld]:
    """A company in a folder, on the machine's present day: Tryton knows no other."""
    clock = SetClock(SystemClock().now())
    with start(root / "crm", seed, clock=clock) as playground:
        world = TrytonWorld(root, playground, clock, database, server=erp)
        try:
            yield world
        finally:
            world.shop.close()
