"""Is the Airflow of `make run` alone with us: on this machine only, with a password of its own?"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from isthmus.cli.airflow_patience import ON_A_LOOP_SECONDS
from isthmus.cli.airflow_server import AirflowServer


@pytest.fixture
def server(tmp_path: Path) -> AirflowServer:
    return AirflowServer(tmp_path / "airflow", tmp_path / "dags", 8800)


def test_the_password_is_made_once_and_only_its_owner_may_read_it(server: AirflowServer) -> None:
    password = server.password()
    assert len(password) >= 16
    assert server.password() == password
    assert server.passwords.stat().st_mode & 0o777 == 0o600


def test_it_listens_on_this_machine_only(server: AirflowServer) -> None:
    environ = server.environ({})
    assert environ["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environ["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:8800"


def test_an_airflow_that_is_set_up_elsewhere_does_not_reach_into_ours(server: AirflowServer) -> None:
    outer = {
        "AIRFLOW__CORE__PARALLELISM": "32",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://production",
        "AIRFLOW_HOME": "elsewhere",
        "AIRFLOW_CONN_SALESFORCE_DEFAULT": "salesforce://",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environ = server.environ(outer)
    assert environ["AIRFLOW__CORE__PARALLELISM"] == "4"
    assert environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("sqlite:")
    assert environ["AIRFLOW_HOME"] == str(server.home)
    assert environ["AIRFLOW_CONN_SALESFORCE_DEFAULT"] == "salesforce://"
    assert "PYTHONDONTWRITEBYTECODE" not in environ  # without bytecode every start takes five seconds more


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who is writing to Airflow's database."""
    with closing(sqlite3.connect(tmp_path / "airflow.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE log (what)")
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def note(folder: Path) -> None:
    """Writes to it as Airflow does."""
    place = AirflowServer(folder, folder, 8800).environ({})["AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS"]
    module, _, name = place.rpartition(".")
    engine = create_engine(f"sqlite:///{folder / 'airflow.db'}", connect_args=getattr(import_module(module), name))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO log VALUES ('a user clicks')"))
    engine.dispose()


@pytest.mark.usefixtures("writer")
def test_nobody_waits_for_the_database_on_an_event_loop(tmp_path: Path) -> None:
    """Where it waits nothing else goes on, and the one who writes could be waiting for just that."""

    async def click() -> None:
        note(tmp_path)

    with pytest.raises(OperationalError, match="locked"):
        asyncio.run(click())


def test_everybody_else_waits_for_the_database(tmp_path: Path, writer: sqlite3.Connection) -> None:
    with ThreadPoolExecutor() as others:
        waiting = others.submit(note, tmp_path)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=4 * ON_A_LOOP_SECONDS)
        writer.execute("COMMIT")
        waiting.result(timeout=30)
    assert writer.execute("SELECT what FROM log").fetchall() == [("a user clicks",)]
