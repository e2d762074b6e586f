"""A playground whose time stands still, somebody who works in it, and our connector."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.salesforce import Connector
from isthmus.kernel.clock import SetClock
from isthmus.kernel.records import Page, Record
from isthmus.kernel.selection import Lines, Selection
from isthmus.playground import Playground, SeedSizes, deleting, writing
from tests.scenarios.stage import playground_in

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
TEN = timedelta(minutes=10)
NONE = timedelta(0)
SMALL = SeedSizes(accounts=40, products=8, quotes=12, orders=30, lines=3, dirty=False)
ACCOUNTS = Selection("Account", ("Name", "Type", "Tax_Id__c", "Owner.Email", "AnnualRevenue", "CurrencyIsoCode"))
ITEMS = Lines("OrderItem", "OrderId", "Id", "OrderItemNumber", ("Product2Id", "Quantity", "UnitPrice", "TotalPrice"))
ORDERS = Selection("Order", ("AccountId", "TotalAmount", "CurrencyIsoCode", "Account.Name"), ITEMS)


@dataclass
class World:
    """A playground whose time stands still, somebody who works in it, and us."""

    playground: Playground
    clock: SetClock
    crm: Connector

    @property
    def stranger(self) -> str:
        sql = 'SELECT "Id" FROM "User" WHERE "Id" != ? AND "IsActive" = 1 ORDER BY "Id" DESC'
        found = self.playground.store.connection().execute(sql, (self.crm.our_user(),)).fetchone()
        return str(found[0])

    def edit(self, stream: str, record_id: str, by: str | None = None, **fields: Any) -> None:
        """Somebody changes a record a minute later."""
        self.clock.advance(timedelta(minutes=1))
        with self.playground.store.writing(by or self.stranger) as tx:
            writing.update(tx, tx.schema.objects[stream], record_id, fields=fields)

    def create(self, stream: str, **fields: Any) -> str:
        self.clock.advance(timedelta(minutes=1))
        with self.playground.store.writing(self.stranger) as tx:
            return writing.create(tx, tx.schema.objects[stream], fields)

    def delete(self, stream: str, record_id: str) -> None:
        self.clock.advance(timedelta(minutes=1))
        with self.playground.store.writing(self.stranger) as tx:
            deleting.delete(tx, tx.schema.objects[stream], record_id)

    def merge(self, winner: str, *losers: str) -> None:
        self.clock.advance(timedelta(minutes=1))
        with self.playground.store.writing(self.stranger) as tx:
            deleting.merge(tx, winner, losers)

    def read(self, selection: Selection, since: str | None = None, overlap: timedelta = NONE) -> list[Page]:
        """All pages, a minute after whatever happened last."""
        self.clock.advance(timedelta(minutes=1))
        return list(self.crm.read(selection, since, overlap))

    def moved(self, selection: Selection, since: str | None) -> dict[str, Record]:
        return {one.id: one for page in self.read(selection, since) for one in page.records}

    def mark(self, selection: Selection) -> str:
        """The watermark after reading everything."""
        complete_to = self.read(selection)[-1].complete_to
        assert complete_to is not None
        return complete_to

    def some(self, stream: str, count: int = 1, where: str = "") -> list[str]:
        soql = f"SELECT Id FROM {stream} WHERE IsDeleted = false {where}"
        return [row["Id"] for row in self.crm.rest.query_all(soql)[:count]]


@contextmanager
def world_of(folder: Path, sizes: SeedSizes = SMALL, **extra: Any) -> Iterator[World]:
    clock = SetClock(START)
    with playground_in(folder, sizes, clock=clock) as playground:
        connection = replace(playground.connection, extra={**playground.connection.extra, **extra})
        crm = Connector(connection, sleep=lambda _: None)
        yield World(playground, clock, crm)
        crm.close()


def counting(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Remembers every query."""
    asked: list[str] = []
    query = world.crm.rest.query

    def count(soql: str, *more: Any) -> Any:
        asked.append(soql)
        return query(soql, *more)

    monkeypatch.setattr(world.crm.rest, "query", count)
    return asked
