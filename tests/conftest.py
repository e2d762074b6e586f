"""Databases for tests: every test that asks for one runs on SQLite and on PostgreSQL, with all tables in place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, make_url, text
from xdist.scheduler import LoadScopeScheduling

from isthmus.db import engine_for, upgrade, writing
from isthmus.erp.rights import grant as grant_erp
from isthmus.state.rights import grant as grant_state
from isthmus.testing.world.server import hasten, start

_NUMBERS = count(1)
_MEMORY = Path("/dev/shm")  # pytest makes a folder of its own in it
_ROOM_BYTES = 8 << 30


def pytest_configure() -> None:
    """Temporary folders in memory, where there is plenty: nothing here must outlive a power cut, yet every commit to
    SQLite waits for the disk. Threads take turns more often: a client and the server that it waits for share a process,
    and would hold each other up for five milliseconds at every call.
    """
    sys.setswitchinterval(0.001)
    if _MEMORY.is_dir():
        room = os.statvfs(_MEMORY)
        if room.f_bavail * room.f_frsize >= _ROOM_BYTES and not room.f_flag & os.ST_NOEXEC:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


#: Folders whose tests share a server or a company that goes on from test to test: one worker runs all of one.
TOGETHER = ("dags", "tryton", "matrix")
#: A file whose tests share nothing: they go last, one by one, and keep every worker busy to the end.
APART = "simulation/test_more_seeds"
#: What takes longest, longest first: whoever comes to these last would work alone at the end.
FIRST = (
    "dags/",
    "scenarios/test_quarter",
    "scenarios/",
    "matrix/",
    "tryton/",
    "simulation/",
    "operations/",
    "reconcile/",
)


class Together(LoadScopeScheduling):
    """File by file to whoever is free, so that what a file shares is built once; a folder of TOGETHER as a whole.

    The mark `xdist_group` would say the same, but pytest 9.2 keeps ids where pytest-xdist 3.8 cannot add to them.
    """

    def _split_scope(self, nodeid: str) -> str:
        if _path(nodeid).startswith(APART):
            return nodeid
        file = nodeid.partition("::")[0]
        folder = file.split("/")[1]
        return folder if folder in TOGETHER else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    config.option.loadscopereorder = False  # the number of tests says nothing about how long they take
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    path = _path(item.nodeid)
    if path.startswith(APART):
        return len(FIRST) + 1
    return next((place for place, begins in enumerate(FIRST) if path.startswith(begins)), len(FIRST))


def _path(nodeid: str) -> str:
    return nodeid.partition("/")[2]


def _migrate(url: str) -> None:
    engine = engine_for(url)
    upgrade(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a PostgreSQL server of our own; skips, and says why, where it cannot run.

    Its folder is not pytest's: for root the server runs as another user, and each start of pytest locks that one out.
    """
    folder = tempfile.mkdtemp(prefix="isthmus-postgresql-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))
    try:
        server = start(folder)
    except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        pytest.skip(f"PostgreSQL cannot run here: {error}")
    hasten(server.get_uri())
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """The name of a migrated PostgreSQL database to copy."""
    with psycopg.connect(postgresql_server, autocommit=True) as admin:
        admin.execute("CREATE DATABASE template_isthmus")
    _migrate(_named(postgresql_server, "template_isthmus"))
    return "template_isthmus"


def _named(server: str, database: str) -> str:
    return make_url(server).set(database=database).render_as_string(hide_password=False)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh SQLite database with all tables."""
    path = tmp_path / "isthmus.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgresql_server: str, postgresql_template: str) -> Iterator[str]:
    """A fresh PostgreSQL database with all tables."""
    with copied_database(postgresql_server, postgresql_template) as url:
        yield url


@pytest.fixture
def role_url(postgresql_url: str) -> Iterator[str]:
    """The same for a role that owns nothing and has what `isthmus db grant` gives."""
    owner = engine_for(postgresql_url)
    with writing(owner) as connection:
        connection.execute(text("DROP ROLE IF EXISTS isthmus_role"))
        connection.execute(text("CREATE ROLE isthmus_role LOGIN"))
        grant_erp(connection, "isthmus_role")
        grant_state(connection, "isthmus_role")
    yield make_url(postgresql_url).set(username="isthmus_role").render_as_string()
    with writing(owner) as connection:
        connection.execute(text("DROP OWNED BY isthmus_role"))
        connection.execute(text("DROP ROLE isthmus_role"))
    owner.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine on a database without any table, once on each of the two."""
    url = f"sqlite:///{tmp_path}/bare.db"
    if request.param == "postgresql":
        server, name = request.getfixturevalue("postgresql_server"), f"bare_{next(_NUMBERS)}"
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
        url = _named(server, name)
    engine = engine_for(url)
    yield engine
    engine.dispose()


@contextmanager
def copied_database(server: str, template: str) -> Iterator[str]:
    """The address of a copy of a PostgreSQL database; dropped afterwards, whoever is still connected."""
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield _named(server, name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database with all tables, once on each of the two."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a fresh database with all tables, once on each of the two."""
    engine = engine_for(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def new_engine(database_url: str) -> Iterator[Callable[[], Engine]]:
    """Makes further engines on the same database, as other processes would have."""
    engines: list[Engine] = []

    def make() -> Engine:
        engines.append(engine_for(database_url))
        return engines[-1]

    yield make
    for one in engines:
        one.dispose()
