"""Is the Airflow of `make run` alone with us: on this machine only, with a password of its own?"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from isthmus.cli.airflow_patience import patience
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


def test_the_api_server_is_the_first_to_lose_its_patience(server: AirflowServer) -> None:
    """It waits for the database where nothing else of it goes on: were it the last, the scheduler would end first."""
    module, _, name = server.environ({})["AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS"].rpartition(".")
    assert set(getattr(import_module(module), name)) == {"timeout"}
    assert patience(["airflow", "api-server"])["timeout"] * 5 < patience(["airflow", "scheduler"])["timeout"]
