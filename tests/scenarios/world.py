"""A company for a test: a local Salesforce, the built-in ERP, and Isthmus between them, on one clock that stands still.

People act through it by name: sales edits the CRM, a clerk edits the ERP, `cycle` is what the scheduler does.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import Request, urlopen

import orjson
from sqlalchemy import text

from connectors.salesforce import Connector as Salesforce
from isthmus.app import Order, Report, Workshop, open_workshop
from isthmus.connect.protocol import Change
from isthmus.db import reading, writing
from isthmus.erp.desk import Desk, sit_down
from isthmus.erp.intake import write as take_in
from isthmus.kernel.clock import SetClock
from isthmus.kernel.connection import Connection
from isthmus.playground import Playground, SeedSizes
from isthmus.settings import Limits, load_settings
from isthmus.state import bindings, runs
from isthmus.state.worklist import Item
from tests.scenarios.stage import playground_in

MORNING = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SMALL = SeedSizes(accounts=30, products=8, quotes=10, orders=30, dirty=False)
OBJECTS = {"customer": "Account", "product": "Product2", "quote": "Quote", "order": "Order"}
ROOT = Path(__file__).parents[2]
T = TypeVar("T")


@dataclass
class World:
    """One company. ``shop`` is opened anew by `reopen`, as another process would."""

    root: Path
    playground: Playground
    clock: SetClock
    database: str
    shop: Workshop = field(init=False)
    connection: Connection = field(init=False)
    mappings: Path = ROOT / "mappings" / "salesforce_erp"
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        extra = {**self.playground.connection.extra, "external_ids": {"Account": "ERP_Customer_Number__c"}}
        self.connection = dataclasses.replace(self.playground.connection, extra=extra)
        self.reopen()

    def reopen(self) -> None:
        """Opens the workshop anew, as the next process does: nothing is remembered but what is stored."""
        if hasattr(self, "shop"):
            self.shop.close()
        self.shop = self.another_shop()

    def another_shop(self) -> Workshop:
        """What another process would open at the same time. The caller closes it."""
        settings = dataclasses.replace(
            load_settings(ROOT / "isthmus.yaml", {}),
            database=self.database, mappings=self.mappings, limits=self.limits,
        )  # fmt: skip
        shop = open_workshop(settings, {}, connections={"salesforce_default": self.connection}, clock=self.clock)
        shop.ports.crm.close()
        crm = Salesforce(self.connection, clock=self.clock, sleep=lambda _seconds: None)
        return Workshop(shop.settings, shop.engine, dataclasses.replace(shop.ports, crm=crm))

    # --- the scheduler --------------------------------------------------------------------------------------------

    def pass_time(self, **step: float) -> None:
        self.clock.advance(timedelta(**(step or {"minutes": 15})))

    def cycle(self, *names: str, full: bool = False) -> Totals:
        """A quarter of an hour later: all mappings (or these) in reference order, and what became due meanwhile."""
        self.pass_time()
        order = Order("cli:ada", full=full)
        return Totals(list(self.shop.sync_all(names or self.shop.names(), order)))

    def run(self, name: str, **how: Any) -> Report:
        """A quarter of an hour later: one run of one mapping."""
        self.pass_time()
        return self.shop.sync(name, Order("cli:ada", **how))

    # --- sales, in the CRM ----------------------------------------------------------------------------------------

    def door(self, name: str, /, *, verb: str = "POST", **body: Any) -> Any:
        """One of the playground's own doors."""
        url = f"{self.playground.url}/playground/{name}"
        request = Request(url, json.dumps(body).encode() if body else None, method=verb)
        with urlopen(request, timeout=10) as answer:
            told = answer.read()
        return json.loads(told) if told else None

    def begin(self, *writes: Mapping[str, Any], user: str | None = None) -> tuple[int, list[str]]:
        """Sales opens a transaction and does not finish it yet."""
        told = self.door("late", writes=list(writes), **({"user": user} if user else {}))
        return told["late"], told["ids"]

    def finish(self, number: int) -> None:
        self.door(f"late/{number}/commit")

    def sell(self, *writes: Mapping[str, Any], user: str | None = None) -> list[str]:
        """Sales writes to the CRM a minute later."""
        self.pass_time(minutes=1)
        number, ids = self.begin(*writes, user=user)
        self.finish(number)
        return ids

    def edit(self, entity: str, record_id: str, **fields: Any) -> None:
        """Sales edits one record."""
        self.sell({"verb": "update", "object": OBJECTS.get(entity, entity), "id": record_id, "fields": fields})

    def delete(self, entity: str, record_id: str) -> None:
        self.sell({"verb": "delete", "object": OBJECTS.get(entity, entity), "id": record_id})

    def account(self, name: str, **fields: Any) -> str:
        """Sales wins a customer."""
        given = {"Name": name, "Type": "Customer", "CurrencyIsoCode": "EUR", **fields}
        return self.sell({"verb": "create", "object": "Account", "fields": given})[0]

    def order(self, account: str, *, active: bool = True, quantity: int = 1, **fields: Any) -> str:
        """Sales takes an order of one line from a customer."""
        entry = self.crm_rows("PricebookEntry", "CurrencyIsoCode = 'EUR' AND IsActive = 1")[0]
        header = {"AccountId": account, "Status": "Draft", "EffectiveDate": "2026-11-23", "CurrencyIsoCode": "EUR",
                  "Pricebook2Id": entry["Pricebook2Id"], **fields}  # fmt: skip
        order_id = self.sell({"verb": "create", "object": "Order", "fields": header})[0]
        line = {"OrderId": order_id, "PricebookEntryId": entry["Id"], "Quantity": quantity, "UnitPrice": "10.00"}
        self.sell({"verb": "create", "object": "OrderItem", "fields": line})
        if active:
            self.edit("order", order_id, Status="Activated")
        return order_id

    def merge(self, winner: str, *losers: str) -> None:
        self.pass_time(minutes=1)
        self.door("merge", master=winner, losers=list(losers))

    def undelete(self, record_id: str) -> None:
        self.pass_time(minutes=1)
        self.door("undelete", id=record_id)

    def crm_rows(self, entity: str, where: str = "1") -> list[dict[str, Any]]:
        """Live records as the CRM keeps them."""
        db = sqlite3.connect(self.playground.store.path)
        db.row_factory = sqlite3.Row
        sql = f'SELECT * FROM "{OBJECTS.get(entity, entity)}" WHERE "IsDeleted" = 0 AND ({where}) ORDER BY "Id"'
        rows = [dict(row) for row in db.execute(sql)]
        db.close()
        return rows

    def crm(self, entity: str, record_id: str) -> dict[str, Any]:
        """One record as the CRM keeps it."""
        return self.crm_rows(entity, f"Id = '{record_id}'")[0]

    def crm_owner(self, order_id: str) -> str:
        """The address of the user who owns an order."""
        (owner,) = self.crm_rows("User", f"Id = '{self.crm('order', order_id)['OwnerId']}'")
        return str(owner["Email"])

    def crm_stamps(self) -> dict[str, str]:
        """When each CRM record moved last: equal before and after means that nothing was written."""
        return {row["Id"]: row["SystemModstamp"] for one in OBJECTS.values() for row in self.crm_rows(one)}

    # --- the clerk, in the ERP ------------------------------------------------------------------------------------

    def erp(self, entity: str, crm_id: str) -> dict[str, Any]:
        """The ERP's record of a CRM record, as the ERP shows it, with its ``id``."""
        return self.erp_by_id(entity, self.pair(entity, crm_id).erp.id)

    def erp_by_id(self, entity: str, erp_id: str) -> dict[str, Any]:
        mapping = self.shop.ports.mappings[entity]
        record = self.shop.ports.erp.fetch(mapping.selection("erp"), [erp_id])[0]
        return {**record.fields, "id": record.id, "lines": record.lines, "by": record.changed_by}

    def erp_count(self, entity: str, where: str = "1=1") -> int:
        with reading(self.shop.engine) as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM erp_{entity} WHERE {where}")).scalar_one())

    def erp_log(self) -> int:
        """How many changes the ERP's log holds."""
        return self.erp_count("change")

    def clerk(self, entity: str, crm_id: str, *, by: str = "clerk:berta", **fields: Any) -> None:
        """A clerk edits a record in the ERP."""
        pair = self.pair(entity, crm_id)
        key = f"{pair.crm.org}/{OBJECTS[entity]}/{pair.crm.id}"
        self.pass_time(minutes=1)
        with writing(self.shop.engine) as connection:
            desk = sit_down(connection, by=by, clock=self.clock)
            (answer,) = take_in(desk, entity, [Change("update", key, fields, id=pair.erp.id)])
        assert answer.result == "updated", answer

    # --- Isthmus --------------------------------------------------------------------------------------------------

    def pair(self, entity: str, crm_id: str) -> bindings.Binding:
        """The state row of a pair, by its CRM id (an alias too)."""
        with reading(self.shop.engine) as connection:
            return bindings.load(connection, self.shop.ports.stream(entity, "crm"), [crm_id])[crm_id]

    def is_bound(self, entity: str, crm_id: str) -> bool:
        with reading(self.shop.engine) as connection:
            return crm_id in bindings.load(connection, self.shop.ports.stream(entity, "crm"), [crm_id])

    def items(self, reason: str | None = None, mapping: str | None = None) -> list[Item]:
        return [item for item in self.shop.worklist(mapping) if reason in (None, item.reason)]

    def item(self, source_id: str) -> Item:
        (found,) = [item for item in self.shop.worklist() if item.source_id == source_id]
        return found

    def listed(self, source_id: str) -> str | None:
        """Why a record is on the worklist; None when it is not."""
        found = [item.reason for item in self.shop.worklist() if item.source_id == source_id]
        return found[0] if found else None

    def history(self, entity: str, record_id: str) -> list[runs.Told]:
        with reading(self.shop.engine) as connection:
            stream = self.shop.ports.stream(entity, "crm")
            across = bindings.translate_ids(connection, stream, [record_id])
            return runs.history(connection, entity, [record_id, *across.values()])

    def overruled(self, entity: str, record_id: str) -> list[dict[str, Any]]:
        """Edits of this record that were undone: field, by whom, old, new."""
        told = [one.entry.payload.get("overruled", []) for one in self.history(entity, record_id)]
        return [edit for edits in told for edit in edits]  # type: ignore[attr-defined]

    def mapping_file(self, name: str, *edits: tuple[str, str]) -> None:
        """Ops edits a mapping file; the next process sees it."""
        if self.mappings == ROOT / "mappings" / "salesforce_erp":
            self.mappings = self.root / "mappings"
            shutil.copytree(ROOT / "mappings" / "salesforce_erp", self.mappings)
        path = self.mappings / f"{name}.yaml"
        words = path.read_text()
        for old, new in edits:
            assert old in words, f"{path.name} has no {old!r}"
            words = words.replace(old, new)
        path.write_text(words)
        self.reopen()

    def money_of(self, entity: str = "order") -> Counter[str]:
        """Net total by currency of what is live in the ERP."""
        with reading(self.shop.engine) as connection:
            query = f"SELECT currency, total_minor FROM erp_{entity} WHERE status <> 'cancelled'"
            sums: Counter[str] = Counter()
            for currency, total in connection.execute(text(query)):
                sums[currency] += total
        return sums

    def at_desk(self, work: Callable[[Desk], T], *, by: str = "clerk:berta") -> T:
        """A minute later, a clerk does something in the ERP: ``at_desk(lambda desk: invoice(desk, "O0000001"))``."""
        self.pass_time(minutes=1)
        with writing(self.shop.engine) as connection:
            return work(sit_down(connection, by=by, clock=self.clock))


class Totals:
    """What the runs of a cycle came to, by mapping and direction: ``totals["order", "crm"]["created"]``."""

    def __init__(self, reports: Sequence[Report]) -> None:
        self.reports = reports
        self._counts: dict[tuple[str, str], Counter[str]] = {}
        for report in reports:
            assert report.adds_up, report.table()
            for leg in report.legs:
                self[report.mapping, leg.direction[:3]].update({k: v for k, v in leg.outcomes.items() if v})

    def __getitem__(self, lane: tuple[str, str]) -> Counter[str]:
        return self._counts.setdefault(lane, Counter())

    def count(self, outcome: str) -> int:
        return sum(counts[outcome] for counts in self._counts.values())

    @property
    def written(self) -> int:
        """Everything that was written to either system."""
        return sum(self.count(one) for one in ("created", "updated", "withdrawn", "rebound"))

    def told(self) -> str:
        return "\n".join(report.table() for report in self.reports)


@contextmanager
def company(root: Path, database: str, *, seed: SeedSizes | None = SMALL, at: datetime = MORNING) -> Iterator[World]:
    """A company in a folder (a copied one goes on where it ended)."""
    clock = SetClock(at)
    with playground_in(root / "crm", seed, clock=clock) as playground:
        world = World(root, playground, clock, database)
        try:
            yield world
        finally:
            world.shop.close()


def detail(item: Item) -> dict[str, Any]:
    """What a worklist item says beyond its words."""
    found: dict[str, Any] = orjson.loads(item.detail or "{}")
    return found
