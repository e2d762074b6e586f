"""A small company's ERP to work in: its clock stands still, its customers and products are invented."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Engine, text

from connectors.builtin_erp import Connector
from isthmus.connect.protocol import Answer, Change
from isthmus.db import reading, writing
from isthmus.erp.desk import Desk, sit_down
from isthmus.kernel.clock import SetClock
from isthmus.kernel.connection import Connection
from isthmus.kernel.records import Fields, Record
from isthmus.kernel.selection import Selection


class World:
    """The ERP, its connector, and short ways to say what happens in a test."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.clock = SetClock(datetime(2026, 11, 2, 9, 0, tzinfo=UTC))
        self.connector = Connector(Connection("erp", "builtin_erp"), engine=engine, clock=self.clock)
        self._numbers = count(1)

    @contextmanager
    def desk(self, by: str = "clerk") -> Iterator[Desk]:
        with writing(self.engine) as connection:
            yield sit_down(connection, by=by, clock=self.clock)

    def days_pass(self, days: int) -> None:
        self.clock.advance(timedelta(days=days))

    def key(self) -> str:
        return f"key-{next(self._numbers)}"

    def write(self, stream: str, *changes: Change) -> list[Answer]:
        return self.connector.write(stream, changes)

    def create(self, stream: str, fields: Fields, lines: list[Fields] | None = None, *, key: str = "") -> Answer:
        (answer,) = self.write(stream, Change("create", key or self.key(), fields, lines))
        return answer

    def customer(self, name: str = "Alder Example", **fields: Any) -> str:
        answer = self.create("customer", {"name": name, "currency": "EUR", "billing": {"country": "DE"}, **fields})
        assert answer.id, answer.fault
        return answer.id

    def product(self, **fields: Any) -> str:
        answer = self.create("product", {"name": "Widget", **fields})
        assert answer.id, answer.fault
        return answer.id

    def order_change(self, customer: str, *lines: tuple[int, int], **fields: Any) -> Change:
        """A create of an order with lines (quantity, price in cents) of a product without tax."""
        if not hasattr(self, "untaxed"):
            self.untaxed = self.product(tax_category="zero")
        fields = {"customer_id": customer, "order_date": "2026-11-02", "currency": "EUR", **fields}
        return Change("create", self.key(), fields, [self.line(str(n), *line) for n, line in enumerate(lines, 1)])

    def line(self, key: str, quantity: int, cents: int) -> Fields:
        product = self.untaxed
        return {"key": key, "product_id": product, "quantity": quantity * 1_000_000, "unit_price": cents * 10_000}

    def order(self, customer: str, *lines: tuple[int, int], **fields: Any) -> Record:
        (answer,) = self.write("order", self.order_change(customer, *lines, **fields))
        assert answer.record, answer.fault
        return answer.record

    def fetch(self, stream: str, record_id: str) -> Record:
        (record,) = self.connector.fetch(Selection(stream, ()), [record_id])
        return record

    def status(self, order: Record) -> str:
        return str(self.fetch("order", order.id).fields["status"])

    def execute(self, *statements: str) -> None:
        """Runs raw SQL in one transaction, as somebody with the database's password would."""
        with writing(self.engine) as connection:
            for statement in statements:
                connection.execute(text(statement))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with reading(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)
