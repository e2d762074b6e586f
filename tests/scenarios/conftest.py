"""Companies to test on. Each kind is brought about once; every test gets a copy of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.conftest import copied_database
from tests.scenarios.sale import Sale
from tests.scenarios.world import World, company


@dataclass(frozen=True)
class Template:
    """A folder to copy, and what time it was when the company was put aside."""

    folder: Path
    at: datetime

    @contextmanager
    def copied(self, root: Path, database: str | None = None) -> Iterator[World]:
        """A company of its own in ``root``, which is not there yet; its database is the copied file unless named."""
        shutil.copytree(self.folder, root)
        with company(root, database or f"sqlite:///{root / 'isthmus.db'}", at=self.at) as world:
            yield world


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
    with seeded.copied(root) as world:
        world.cycle()
        return Template(root, world.clock.now())


@pytest.fixture(scope="session")
def synchronised_postgresql(
    tmp_path_factory: pytest.TempPathFactory, seeded: Template, postgresql_server: str, postgresql_template: str
) -> Iterator[tuple[Template, str]]:
    """The same with its ERP on PostgreSQL; the folder, and the name of the database to copy."""
    root = tmp_path_factory.mktemp("synchronised-postgresql") / "company"
    with copied_database(postgresql_server, postgresql_template) as url:
        with seeded.copied(root, url) as world:
            world.cycle()
            at = world.clock.now()
        yield Template(root, at), str(make_url(url).database)


@pytest.fixture(scope="session")
def sold(tmp_path_factory: pytest.TempPathFactory, synchronised: Template) -> tuple[Template, str, str]:
    """A company in step with one more sale; the ids of its account and its order."""
    root = tmp_path_factory.mktemp("sold") / "company"
    with synchronised.copied(root) as world:
        account = world.account("Billed Ltd", Payment_Terms__c="NET14", BillingCountryCode="DE")
        order = world.order(account, quantity=3)
        world.cycle()
        return Template(root, world.clock.now()), account, order


@pytest.fixture
def fresh(seeded: Template, tmp_path: Path) -> Iterator[World]:
    """A company before its first cycle."""
    with seeded.copied(tmp_path / "company") as world:
        yield world


@pytest.fixture
def world(synchronised: Template, tmp_path: Path) -> Iterator[World]:
    """A company that is in step."""
    with synchronised.copied(tmp_path / "company") as world:
        yield world


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A company in step, its ERP once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        with request.getfixturevalue("synchronised").copied(tmp_path / "company") as world:
            yield world
        return
    template, database = request.getfixturevalue("synchronised_postgresql")
    with (
        copied_database(request.getfixturevalue("postgresql_server"), database) as url,
        template.copied(tmp_path / "company", url) as world,
    ):
        yield world


@pytest.fixture
def sale(sold: tuple[Template, str, str], tmp_path: Path) -> Iterator[Sale]:
    """Three lamps at 10.00, 19 % tax, payable in 14 days."""
    template, account, order = sold
    with template.copied(tmp_path / "company") as world:
        yield Sale(world, account, order)
