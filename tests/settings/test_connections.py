"""Is a connection read as Airflow reads it, and does no secret leave it?

The cases are also put to Airflow itself, in ``tests/dags/test_connections.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import Misconfigured
from isthmus.settings import BUILTIN, Settings, connection

SETTINGS = Settings(file=Path("isthmus.yaml"), connections=Path("nowhere.env"))

#: name → what the variable holds
GOOD = {
    "uri": "salesforce://user:pass@login.quarry.example:8443/v66",
    "quoted": "salesforce://jo%40quarry.example:p%2Fw%25@host/sche%20ma",
    "dashes": "built-in-erp://host",
    "protocol": "salesforce://https://user:pass@Login.Quarry.Example:8443/path?a=1",
    "case": "http://Login.Quarry.Example",
    "extras": "salesforce://?instance_url=http%3A%2F%2F127.0.0.1%3A8400&version=66.0&sandbox=true&note=&domain=login",
    "extra": "salesforce://u@h/?__extra__=%7B%22a%22%3A%20%7B%22b%22%3A%20%5B1%2C%202%5D%7D%7D",
    "postgres": "postgresql://u:p@h:5432/books",
    "empty_host": "salesforce://",
    "json": json.dumps(
        {"conn_type": "salesforce", "login": "u", "password": "p", "extra": {"instance_url": "http://x"}}
    ),
    "json_text_extra": json.dumps({"conn_type": "sales-force", "port": 80, "extra": '{"a": 1}'}),
    "json_bare": json.dumps({"conn_type": "postgresql", "host": "h", "schema": "s", "description": "ours"}),
}
BAD = {
    "no_type": json.dumps({"host": "h"}),
    "not_json": '{"conn_type": ',
    "unknown_part": json.dumps({"conn_type": "http", "user": "u", "secret_token": "s3cret"}),
    "list_extra": json.dumps({"conn_type": "http", "extra": "[1]"}),
    "text_extra": json.dumps({"conn_type": "http", "extra": "s3cret"}),
    "three_schemes": "a://b://c://s3cret",
    "unquoted_url": "salesforce://u:s3cret@h?instance_url=http://x",
    "not_a_uri": "s3cret",
    "port": "http://u:s3cret@h:port/x",
}


def read(value: str) -> Connection:
    return connection(SETTINGS, "Quarry_CRM", {"AIRFLOW_CONN_QUARRY_CRM": value})


def test_the_parts_of_a_uri() -> None:
    found = read(GOOD["protocol"])
    assert (found.name, found.type) == ("Quarry_CRM", "salesforce")
    assert (found.host, found.port, found.schema) == ("https://login.quarry.example", 8443, "path")
    assert (found.login, found.password, found.extra) == ("user", "pass", {"a": 1})


def test_special_characters_are_unquoted() -> None:
    found = read(GOOD["quoted"])
    assert (found.login, found.password, found.schema) == ("jo@quarry.example", "p/w%", "sche ma")


def test_the_parts_of_json() -> None:
    found = read(GOOD["json"])
    assert (found.type, found.login, found.password, found.extra) == (
        "salesforce",
        "u",
        "p",
        {"instance_url": "http://x"},
    )


def test_extras_of_a_uri_are_json_where_they_are_and_text_where_not() -> None:
    expected = {
        "instance_url": "http://127.0.0.1:8400",
        "version": 66.0,
        "sandbox": True,
        "note": "",
        "domain": "login",
    }
    assert read(GOOD["extras"]).extra == expected
    assert read(GOOD["extra"]).extra == {"a": {"b": [1, 2]}}


def test_a_dash_in_the_type_is_an_underscore() -> None:
    assert read(GOOD["dashes"]).type == "built_in_erp"


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_what_cannot_be_read_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert str(caught.value).startswith("connection Quarry_CRM: ")


@pytest.mark.parametrize("value", GOOD.values(), ids=GOOD)
def test_a_connection_shows_no_secret(value: str) -> None:
    found = read(value)
    assert "password" not in repr(found)
    assert "extra" not in repr(found)


def test_a_connection_that_is_nowhere_says_where_it_may_be() -> None:
    with pytest.raises(Misconfigured, match="AIRFLOW_CONN_QUARRY_CRM") as caught:
        connection(SETTINGS, "quarry_crm", {})
    assert "Airflow's own database" in str(caught.value)


def test_the_built_in_erp_needs_no_connection() -> None:
    assert connection(SETTINGS, BUILTIN, {}) == Connection(name="builtin", type="builtin_erp")


def test_the_file_of_connections_is_asked_second(tmp_path: Path) -> None:
    kept = tmp_path / "connections.env"
    kept.write_text("# ours\n\nAIRFLOW_CONN_QUARRY=http://kept?a=b=c\n", encoding="utf-8")
    settings = Settings(file=tmp_path / "isthmus.yaml", connections=kept)
    assert connection(settings, "quarry", {}).host == "kept"
    assert connection(settings, "quarry", {}).extra == {"a": "b=c"}
    assert connection(settings, "quarry", {"AIRFLOW_CONN_QUARRY": "http://set"}).host == "set"
