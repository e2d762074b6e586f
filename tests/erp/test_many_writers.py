"""Thirty-two people and pages at once on fifty customers with limits: no overspend, no imbalance, no deadlock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from sqlalchemy import Engine

from connectors.builtin_erp import Connector
from isthmus.connect.protocol import Change
from isthmus.db import engine_for, writing
from isthmus.erp.allocating import allocate, pay
from isthmus.erp.clerk import cancel, limit, rate, share
from isthmus.erp.desk import Desk, sit_down
from isthmus.erp.invoicing import credit_note, invoice
from isthmus.erp.reversing import refund, reverse
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import Refused
from tests.erp.conftest import World

WRITERS, CUSTOMERS, STEPS, LIMIT = 32, 50, 12, 20_000


@pytest.fixture
def crowd(postgresql_url: str) -> Iterator[World]:
    """Customers 1 to 50; every fifth is a parent with whom the next two share the limit."""
    engine = engine_for(postgresql_url)
    world = World(engine)
    for number in range(CUSTOMERS):
        parent = str(number - number % 5 + 1) if number % 5 in (1, 2) else None
        world.customer(f"Example {number}", parent_id=parent, terms="NET60")
    with world.desk() as desk:
        rate(desk, "USD", "EUR", value="0.9137")
        for number in range(CUSTOMERS):
            limit(desk, str(number + 1), LIMIT)
            if number % 5 in (1, 2):
                share(desk, str(number + 1), shares=True)
    world.order("1", (1, 1))  # makes the product
    yield world
    engine.dispose()


class Worker:
    """One person, or one page after the other, with a connection of their own."""

    def __init__(self, world: World, engine: Engine, seed: int) -> None:
        self.world, self.engine, self.random, self.seed = world, engine, Random(seed), seed
        self.connector = Connector(Connection("erp", "builtin_erp"), engine=engine, clock=world.clock)
        self.refused = 0

    def run(self) -> int:
        for step in range(STEPS):
            try:
                if self.random.random() < 0.5:
                    self.sell(step)
                else:
                    self.keep_books()
            except Refused:
                self.refused += 1
        self.engine.dispose()
        return self.refused

    def customer(self) -> str:
        return str(self.random.randint(1, CUSTOMERS))

    def sell(self, step: int) -> None:
        """A page of new orders, of changes and of withdrawals, of any customers in any order."""
        changes = []
        for place in range(4):
            money = self.random.choice(("EUR", "EUR", "USD"))
            fields = {"customer_id": self.customer(), "order_date": "2026-11-02", "currency": money}
            line = self.world.line("1", 1, self.random.randint(1_000, 9_000))
            changes.append(Change("create", f"{self.seed}-{step}-{place}", fields, [line]))
        old = f"{self.seed}-{step - 1}-0"
        held = self.connector.find_keys("order", [old])
        if held and self.random.random() < 0.5:
            changes.append(Change("withdraw", old, {}, id=held[old], how="cancel"))
        elif held:
            line = self.world.line("1", 1, self.random.randint(1_000, 9_000))
            changes.append(Change("update", old, {"customer_id": self.customer()}, [line], id=held[old]))
        self.connector.write("order", changes)

    def keep_books(self) -> None:
        work = self.random.choice((self.bill, self.bill, self.take_money, self.give_back, self.settle))
        with writing(self.engine) as connection:
            work(sit_down(connection, by=f"clerk {self.seed}", clock=self.world.clock))

    def bill(self, desk: Desk) -> None:
        verb: Callable[[Desk, str], object] = self.random.choice((invoice, invoice, cancel))
        verb(desk, str(self.random.randint(1, 300)))

    def take_money(self, desk: Desk) -> None:
        money = self.random.choice(("EUR", "USD"))
        pay(desk, self.customer(), amount_minor=self.random.randint(1, 9_000), currency=money)

    def give_back(self, desk: Desk) -> None:
        number = str(self.random.randint(1, 60))
        if self.random.random() < 0.5:
            reverse(desk, number, "bounced", kind="chargeback", fee_minor=5)
        else:
            refund(desk, number)

    def settle(self, desk: Desk) -> None:
        if self.random.random() < 0.3:
            credit_note(desk, str(self.random.randint(1, 100)))
        elif self.random.random() < 0.3:
            rate(desk, "USD", "EUR", value="0.9137")
        else:
            allocate(desk, str(self.random.randint(1, 60)))


def test_thirty_two_writers_keep_the_books_and_the_limits(crowd: World, postgresql_url: str) -> None:
    workers = [Worker(crowd, engine_for(postgresql_url), seed) for seed in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(worker.run) for worker in workers]:
            done.result()  # a deadlock, or anything else but a refusal, is raised here
    assert crowd.rows("SELECT count(*) FROM erp_order")[0][0] > WRITERS * STEPS
    unbalanced = "SELECT entry_id FROM erp_posting GROUP BY entry_id, currency HAVING sum(amount_minor) <> 0"
    assert crowd.rows(unbalanced) == []
    assert crowd.rows("SELECT id FROM erp_entry WHERE posted_at IS NULL") == []
    over = (
        "SELECT c.number FROM erp_credit c JOIN erp_order o ON o.customer_id = c.customer_id "
        "WHERE o.status = 'confirmed' AND o.total_minor > 0 AND c.exposure_minor > c.limit_minor"
    )
    assert crowd.rows(over) == []
    kinds = {kind for (kind,) in crowd.rows("SELECT DISTINCT kind FROM erp_entry")}
    assert kinds >= {"invoice", "payment", "chargeback", "refund", "credit_note"}
    ledger = (
        "SELECT customer_id, currency, CAST(sum(amount_minor) AS BIGINT) FROM erp_posting WHERE account = '1100' "
        "GROUP BY customer_id, currency HAVING sum(amount_minor) <> 0 ORDER BY customer_id, currency"
    )
    items = (
        "SELECT customer_id, currency, outstanding_minor FROM erp_receivable WHERE outstanding_minor <> 0 "
        "ORDER BY customer_id, currency"
    )
    assert crowd.rows(ledger) == crowd.rows(items)
