"""A small installation in a folder of its own: a local Salesforce, the built-in ERP, and the command line."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from isthmus.cli.main import app
from isthmus.connect.protocol import Change
from isthmus.db import engine_for, writing
from isthmus.erp.desk import sit_down
from isthmus.erp.intake import write
from isthmus.kernel.clock import SetClock, SystemClock
from isthmus.playground import Playground, SeedSizes, start

SIZES = SeedSizes(accounts=12, products=6, quotes=4, orders=10, dirty=False)
YAML = """\
crm: {connection: salesforce_default}
erp: builtin
database: sqlite:///var/isthmus.db
time_zone: Europe/Berlin
"""


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def say(*words: str, **environ: str | None) -> Said:
    """``isthmus words…`` in this process, with exactly these settings of the environment."""
    result = CliRunner().invoke(app, list(words), env={"NO_COLOR": "1", "COLUMNS": "200", **environ})
    return Said(result.exit_code, result.stdout, result.stderr)


@dataclass
class Company:
    """One installation. ``say`` is the command line; ``sell`` is somebody who works in the CRM, on the CRM's clock."""

    folder: Path
    playground: Playground | None
    clock: SetClock | None = None
    value: str | None = None  # of the connection, where it is not the playground's

    @property
    def environ(self) -> dict[str, str]:
        found = {"ISTHMUS_SETTINGS": str(self.folder / "isthmus.yaml")}
        if self.playground:
            connection = self.playground.connection
            value = json.dumps({"conn_type": connection.type, "extra": dict(connection.extra)})
            found["AIRFLOW_CONN_SALESFORCE_DEFAULT"] = value
        if self.value:
            found["AIRFLOW_CONN_SALESFORCE_DEFAULT"] = self.value
        return found

    def connect(self, value: str) -> None:
        """From now on the CRM is there."""
        self.value = value

    def wait_for(self, url: str) -> None:
        """Until somebody listens there."""
        host, _, port = url.removeprefix("http://").partition(":")
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    return
            Event().wait(0.05)
        raise TimeoutError(url)

    def say(self, *words: str) -> Said:
        return say(*words, **self.environ)

    def ask(self, *words: str) -> Any:
        """A command with ``--json`` that must succeed; its document."""
        said = self.say(*words, "--json")
        assert said.code == 0, said
        return said.json

    def sell(self, verb: str, entity: str, **fields: Any) -> str:
        """One write in the CRM by a person, and a little later; answers the id."""
        write: dict[str, Any] = {"verb": verb, "object": entity, "fields": fields}
        if verb == "update":
            write["id"] = fields.pop("Id")
        late = self._door("late", {"writes": [write]})
        self._door(f"late/{late['late']}/commit", None)
        assert self.clock
        self.clock.advance(timedelta(seconds=10))  # beyond what a read leaves out as too young
        return str((late["ids"] or [write.get("id")])[0])

    def account(self, name: str, **fields: Any) -> str:
        given = {"Name": name, "Type": "Customer", "CurrencyIsoCode": "EUR", **fields}
        return self.sell("create", "Account", **given)

    def clerk(self, entity: str, erp_id: str, **fields: Any) -> None:
        """Somebody edits a record in the ERP."""
        engine = engine_for(f"sqlite:///{self.folder}/var/isthmus.db")
        with writing(engine) as connection:
            desk = sit_down(connection, by="clerk:berta", clock=SystemClock())
            (answer,) = write(desk, entity, [Change("update", f"by hand/{erp_id}", fields, id=erp_id)])
        engine.dispose()
        assert answer.result == "updated", answer

    def _door(self, path: str, body: dict[str, Any] | None) -> Any:
        assert self.playground
        request = Request(f"{self.playground.url}/playground/{path}", json.dumps(body or {}).encode(), method="POST")
        with urlopen(request, timeout=10) as answer:
            told = answer.read()
        return json.loads(told) if told else None

    def pairs(self, entity: str) -> list[tuple[str, str]]:
        """(CRM id, ERP id) of what is bound."""
        return self.rows("SELECT crm_id, erp_id FROM state_binding WHERE entity = ? ORDER BY id", entity)

    def rows(self, sql: str, *values: object) -> list[Any]:
        db = sqlite3.connect(self.folder / "var" / "isthmus.db")
        found = db.execute(sql, values).fetchall()
        db.close()
        return found


def settle(folder: Path, playground: Playground | None = None, clock: SetClock | None = None) -> Company:
    """A folder with its ``isthmus.yaml``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "isthmus.yaml").write_text(YAML)
    return Company(folder, playground, clock)


@contextmanager
def open_company(folder: Path, sizes: SeedSizes = SIZES) -> Iterator[Company]:
    """An installation with a CRM of its own: the ERP's numbers are unique in it."""
    clock = SetClock(datetime(2026, 11, 23, 8, 0, tzinfo=UTC))
    with start(folder / "playground", sizes, clock=clock) as running:
        yield settle(folder, running, clock)


@pytest.fixture
def lonely(tmp_path: Path) -> Company:
    """An installation whose CRM is not connected to anything."""
    return settle(tmp_path)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Company]:
    """An installation that has never synchronised."""
    with open_company(tmp_path) as company:
        yield company


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """An installation that has synchronised once. Tests add records of their own to it."""
    with open_company(tmp_path_factory.mktemp("company")) as made:
        said = made.say("sync")
        assert said.code == 0, said
        yield made


@pytest.fixture
def shop(tmp_path: Path, postgresql_url: str) -> Company:
    """An installation on PostgreSQL."""
    made = settle(tmp_path)
    file = tmp_path / "isthmus.yaml"
    file.write_text(file.read_text().replace("sqlite:///var/isthmus.db", postgresql_url))
    return made


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    made = engine_for(postgresql_url)
    yield made
    made.dispose()
