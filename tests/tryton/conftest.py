"""A real Tryton on PostgreSQL: prepared once, kept below var/, copied for each module of tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from isthmus.cli import tryton_server
from isthmus.cli.tryton_server import Kit, Postgres
from isthmus.kernel.errors import Unavailable
from tests.tryton.erp import Erp
from tests.tryton.world import TrytonWorld, joined

ROOT = Path(__file__).parents[2]
_NUMBERS = count(1)


@pytest.fixture(scope="session")
def kit() -> Kit:
    """What is prepared; skips, and says why, where it cannot be."""
    try:
        return tryton_server.prepare(ROOT / "var" / "cache")
    except Unavailable as error:
        pytest.skip(f"Tryton cannot run here: {error}")


@pytest.fixture(scope="session")
def postgres(kit: Kit) -> Iterator[Postgres]:
    """A PostgreSQL that has the prepared databases. Its folder is not pytest's, but as much in memory: see
    tests/conftest.py.
    """
    folder = Path(tempfile.mkdtemp(prefix="isthmus-tryton-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
    folder.chmod(0o755)
    with tryton_server.postgres(folder / "postgres", kit) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_erp(kit: Kit, postgres: Postgres) -> Iterator[Callable[[str], Erp]]:
    """Starts a Tryton on a fresh copy of one of the prepared databases."""
    started: list[Erp] = []

    def make(template: str) -> Erp:
        database = f"erp_{next(_NUMBERS)}"
        postgres.create(database, template)
        folder = Path(tempfile.mkdtemp(prefix="isthmus-tryton-"))
        config = tryton_server.write_config(folder, postgres.url)
        server = tryton_server.new_server(kit, config, [database], workers=1)
        started.append(Erp(server, database, template, postgres))
        started[-1].server.start()
        return started[-1]

    yield make
    for erp in started:
        erp.close()


@pytest.fixture(scope="session")
def erp(new_erp: Callable[[str], Erp]) -> Erp:
    """A Tryton with the unique reference, shared by all tests that look at records of their own only."""
    return new_erp(tryton_server.REFERENCE)


@pytest.fixture(scope="session")
def plain_erp(new_erp: Callable[[str], Erp]) -> Erp:
    """A Tryton as it is shipped, shared as well."""
    return new_erp(tryton_server.PLAIN)


@pytest.fixture(params=["plain_erp", "erp"])
def either(request: pytest.FixtureRequest) -> Erp:
    """Once a Tryton as it is shipped, once one with the unique reference."""
    found: Erp = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def world(
    new_erp: Callable[[str], Erp], sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TrytonWorld]:
    """A company that goes on from test to test; each leaves it in step. Its Tryton knows no unique reference."""
    root = tmp_path_factory.mktemp("company")
    shutil.copy(sqlite_template, root / "isthmus.db")
    with joined(root, f"sqlite:///{root / 'isthmus.db'}", new_erp(tryton_server.PLAIN)) as world:
        world.cycle()
        yield world
