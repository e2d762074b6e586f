"""A town of a hundred people who are customers, with everything that may be known of a customer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isthmus.cli.main import app
from isthmus.erp.allocating import pay
from isthmus.erp.invoicing import invoice
from isthmus.playground import SeedSizes
from tests.cli.conftest import Said
from tests.scenarios.conftest import Template
from tests.scenarios.world import ROOT, World, company

SIZES = SeedSizes(accounts=12, products=6, quotes=4, orders=10, dirty=False)


@dataclass
class Town:
    """A company and the CRM ids of its people; ``buyers`` have an order that is paid, in that order."""

    world: World
    people: list[str]
    buyers: dict[str, str]

    def say(self, *words: str) -> Said:
        return say(self.world, *words)


def say(world: World, *words: str, more: str = "") -> Said:
    """``isthmus words…`` on a company's database; ``more`` stands in its isthmus.yaml too."""
    settings = world.root / "isthmus.yaml"
    settings.write_text(f"database: {world.database}\nmappings: {ROOT}/mappings/salesforce_erp\n{more}")
    environ = {"NO_COLOR": "1", "COLUMNS": "200", "ISTHMUS_SETTINGS": str(settings)}
    result = CliRunner().invoke(app, list(words), env=environ)
    return Said(result.exit_code, result.stdout, result.stderr)


def settle(world: World, people: int, buyers: int) -> Town:
    """Everything that can be personal holds the word Canary."""
    accounts = [_account(number) for number in range(people)]
    ids = world.sell(*({"verb": "create", "object": "Account", "fields": one} for one in accounts))
    orders = {
        ids[number]: world.order(ids[number], PoNumber=f"Canary-PO-{number:03d}", BillingStreet=f"Canary Row {number}")
        for number in range(buyers)
    }
    world.cycle()
    for number, order in enumerate(orders.values()):
        _settle_order(world, order, f"Canary transfer {number:03d}")
    world.cycle()
    assert world.cycle().written == 0
    return Town(world, ids, orders)


def _account(number: int) -> dict[str, str]:
    return {
        "Name": f"Canary{number:03d} Person", "Type": "Customer", "CurrencyIsoCode": "EUR",
        "Phone": f"+48 canary {number:03d}", "BillingStreet": f"Canary Street {number:03d}",
        "BillingCity": "Canaryville", "Tax_Id__c": f"CANARY{number:03d}", "Website": f"https://canary{number:03d}.example",
    }  # fmt: skip


def _settle_order(world: World, order: str, reference: str) -> None:
    number = world.erp("order", order)["number"]
    written = world.at_desk(lambda desk: invoice(desk, number))
    customer = world.erp("order", order)["customer_id"]
    world.at_desk(lambda desk: pay(desk, customer, amount_minor=written.total_minor, currency=written.currency,
                                   reference=reference))  # fmt: skip


@pytest.fixture(scope="session")
def in_step(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Template:
    """A small company in step, to be copied."""
    root = tmp_path_factory.mktemp("operations") / "company"
    root.mkdir()
    shutil.copy(sqlite_template, root / "isthmus.db")
    with company(root, f"sqlite:///{root / 'isthmus.db'}", seed=SIZES) as world:
        world.cycle()
        assert world.cycle().written == 0
        return Template(root, world.clock.now())


@pytest.fixture
def world(in_step: Template, tmp_path: Path) -> Iterator[World]:
    """A small company in step, on SQLite."""
    root = tmp_path / "company"
    shutil.copytree(in_step.folder, root)
    with company(root, f"sqlite:///{root / 'isthmus.db'}", seed=SIZES, at=in_step.at) as world:
        yield world


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path: Path, sqlite_url: str) -> Iterator[Town]:
    """A hundred people on SQLite, some on PostgreSQL."""
    database = sqlite_url
    if request.param == "postgresql":
        database = request.getfixturevalue("postgresql_url")
    with company(tmp_path / "company", database, seed=SIZES) as world:
        world.cycle()
        yield settle(world, *((100, 4) if request.param == "sqlite" else (6, 2)))
