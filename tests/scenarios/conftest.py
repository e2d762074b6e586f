"""Companies to test on. One is seeded and synchronised once; every test gets a copy of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from tests.scenarios.sale import Sale
from tests.scenarios.world import World, company


@dataclass(frozen=True)
class Template:
    """A folder to copy, and what time it was when the company was put aside."""

    folder: Path
    at: datetime


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Template:
    """A CRM full of records, an empty ERP."""
    root = tmp_path_factory.mktemp("seeded")
    shutil.copy(sqlite_template, root / "isthmus.db")
    with company(root, f"sqlite:///{root / 'isthmus.db'}") as world:
        return Template(root, world.clock.now())


@pytest.fixture(scope="session")
def synchronised(tmp_path_factory: pytest.TempPathFactory, seeded: Template) -> Template:
    """The same after the first cycle."""
    root = tmp_path_factory.mktemp("synchronised") / "company"
    shutil.copytree(seeded.folder, root)
    with company(root, f"sqlite:///{root / 'isthmus.db'}", at=seeded.at) as world:
        world.cycle()
        return Template(root, world.clock.now())


def _copied(template: Template, root: Path) -> tuple[Path, str]:
    shutil.copytree(template.folder, root)
    return root, f"sqlite:///{root / 'isthmus.db'}"


@pytest.fixture
def fresh(seeded: Template, tmp_path: Path) -> Iterator[World]:
    """A company before its first cycle."""
    root, database = _copied(seeded, tmp_path / "company")
    with company(root, database, at=seeded.at) as world:
        yield world


@pytest.fixture
def world(synchronised: Template, tmp_path: Path) -> Iterator[World]:
    """A company that is in step."""
    root, database = _copied(synchronised, tmp_path / "company")
    with company(root, database, at=synchronised.at) as world:
        yield world


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, seeded: Template, tmp_path: Path) -> Iterator[World]:
    """A company in step, its ERP once on SQLite and once on PostgreSQL."""
    root, database = _copied(seeded, tmp_path / "company")
    if request.param == "postgresql":
        database = request.getfixturevalue("postgresql_url")
    with company(root, database, at=seeded.at) as world:
        world.cycle()
        yield world


@pytest.fixture
def sale(world: World) -> Sale:
    """Three lamps at 10.00, 19 % tax, payable in 14 days."""
    account = world.account("Billed Ltd", Payment_Terms__c="NET14", BillingCountryCode="DE")
    order = world.order(account, quantity=3)
    world.cycle()
    return Sale(world, account, order)
