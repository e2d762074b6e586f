"""A company in the middle of its year: everything synchronised, some of it invoiced and paid; copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from isthmus.erp.allocating import pay
from isthmus.erp.desk import Desk
from isthmus.erp.invoicing import credit_note, invoice
from isthmus.playground import SeedSizes
from tests.reconcile.lab import Lab
from tests.scenarios.world import World, company

#: Enough records that every case has one of its own.
MANY = SeedSizes(accounts=90, products=40, quotes=140, orders=190, dirty=False)
FEW = SeedSizes(accounts=15, products=6, quotes=6, orders=12, dirty=False)


@dataclass(frozen=True)
class Template:
    """A folder to copy, and what time it was when the company was put aside."""

    folder: Path
    at: datetime

    @contextmanager
    def copied(self, root: Path) -> Iterator[Lab]:
        shutil.copytree(self.folder, root)
        with company(root, f"sqlite:///{root / 'isthmus.db'}", at=self.at) as world:
            yield Lab(world)


def do_business(lab: Lab, *, every: int) -> None:
    """The clerk invoices all but every so manieth order; customers pay in full, in part, too much; some is credited."""
    with lab.at_desk() as desk:
        for number, pair in enumerate(lab.pairs("order")):
            order = lab.one("erp", "erp_order", f"id = {pair.erp.id}")
            if order["status"] == "confirmed" and number % every:
                _bill(lab, desk, order, part=number % 4)


def _bill(lab: Lab, desk: Desk, order: dict[str, Any], *, part: int) -> None:
    bill = invoice(desk, order["number"])
    customer = lab.one("erp", "erp_customer", f"id = {order['customer_id']}")["number"]
    total = int(order["total_minor"])
    amount = (total, total // 3, total + 500, 0)[part]
    if amount:
        pay(desk, customer, amount_minor=amount, currency=order["currency"])
    elif order["id"] % 2:
        credit_note(desk, bill.number)


def settle(world: World) -> None:
    """Until nobody has anything to say any more, our own echoes included."""
    for _ in range(4):
        world.cycle()
    world.pass_time()


def _prepared(folder: Path, template: Path, seed: SeedSizes, *, every: int) -> Template:
    root = folder / "company"
    root.mkdir()
    shutil.copy(template, root / "isthmus.db")
    with company(root, f"sqlite:///{root / 'isthmus.db'}", seed=seed) as world:
        world.cycle()
        do_business(Lab(world), every=every)
        settle(world)
        return Template(root, world.clock.now())


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Template:
    """Enough of everything for every case at once."""
    return _prepared(tmp_path_factory.mktemp("large"), sqlite_template, MANY, every=2)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Template:
    return _prepared(tmp_path_factory.mktemp("small"), sqlite_template, FEW, every=3)


@pytest.fixture
def lab(small: Template, tmp_path: Path) -> Iterator[Lab]:
    """A small company that is in step."""
    with small.copied(tmp_path / "company") as lab:
        yield lab
