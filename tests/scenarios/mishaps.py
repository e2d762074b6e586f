"""An installation to break: a local Salesforce, a database, ``isthmus.yaml``, and the command line in front of them."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from sqlalchemy import text
from typer.testing import CliRunner

from isthmus.cli.main import app
from isthmus.db import engine_for, reading
from isthmus.kernel.clock import SetClock
from isthmus.playground import Playground
from tests.scenarios.conftest import Template
from tests.scenarios.stage import playground_in

ROOT = Path(__file__).parents[2]
YAML = """\
crm: {connection: salesforce_default}
erp: builtin
database: sqlite:///isthmus.db
time_zone: Europe/Berlin
"""
ENTITIES = ("customer", "product", "quote", "order")
TABLES = ("state_watermark", "state_binding", "state_due", "state_worklist", "state_page", "state_audit", "erp_change",
          "erp_customer", "erp_product", "erp_price", "erp_order", "erp_order_line", "erp_external_key")  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def fault(self) -> str:
        """The one line that says what is wrong: ``where: what; remedy``, and no traceback beside it."""
        assert "Traceback" not in self.out + self.err, self.err
        (line,) = [line for line in self.err.splitlines() if "; " in line and not line.startswith(" ")]
        return line


@dataclass
class Site:
    """One installation in a folder. People act on the CRM's own clock; Isthmus runs on the machine's."""

    folder: Path
    playground: Playground
    clock: SetClock
    extra: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> str:
        return self.environ.get("ISTHMUS_DATABASE", f"sqlite:///{self.folder / 'isthmus.db'}")

    @property
    def file(self) -> Path:
        return self.folder / "isthmus.db"

    # --- Isthmus --------------------------------------------------------------------------------------------------

    @property
    def _environ(self) -> dict[str, str]:
        extra = {**self.playground.connection.extra, **self.extra}
        kept = {name: value for name, value in extra.items() if value is not None}
        return {
            "NO_COLOR": "1",
            "COLUMNS": "200",
            "ISTHMUS_SETTINGS": str(self.folder / "isthmus.yaml"),
            "AIRFLOW_CONN_SALESFORCE_DEFAULT": json.dumps({"conn_type": "salesforce", "extra": kept}),
            **self.environ,
        }

    def isthmus(self, *words: str) -> Said:
        """The command line, in this process."""
        result = CliRunner().invoke(app, list(words), env=self._environ)
        return Said(result.exit_code, result.stdout, result.stderr)

    def start(self, *words: str, program: str = "") -> subprocess.Popen[str]:
        """The command line as a process of its own; ``program`` runs before it."""
        code = f"import sys; sys.argv[0] = 'isthmus'\n{program}\nfrom isthmus.cli.main import main\nmain()"
        return subprocess.Popen(
            [sys.executable, "-c", code, *words], cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self._environ},
        )  # fmt: skip

    def process(self, *words: str, program: str = "") -> Said:
        """The same, to its end."""
        running = self.start(*words, program=program)
        out, err = running.communicate(timeout=60)
        return Said(running.returncode, out, err)

    def sync(self) -> None:
        """A run of everything that must go through."""
        said = self.isthmus("sync")
        assert said.code == 0, said

    # --- sales, in the CRM ----------------------------------------------------------------------------------------

    def door(self, door: str, /, *, verb: str = "POST", **body: Any) -> Any:
        """One of the playground's own doors."""
        url = f"{self.playground.url}/playground/{door}"
        request = Request(url, json.dumps(body).encode() if body else None, method=verb)
        with urlopen(request, timeout=10) as answer:
            told = answer.read()
        return json.loads(told) if told else None

    def break_requests(self, kind: str, **how: Any) -> None:
        """From now on requests go wrong."""
        self.door("faults", kind=kind, **how)

    def mend(self) -> None:
        self.door("faults", verb="DELETE")

    def sell(self, verb: str, stream: str, **fields: Any) -> str:
        """One write by a person, a minute later; answers the record's id."""
        write: dict[str, Any] = {"verb": verb, "object": stream, "fields": fields}
        if verb == "update":
            write["id"] = fields.pop("Id")
        self.clock.advance(timedelta(minutes=1))
        late = self.door("late", writes=[write])
        self.door(f"late/{late['late']}/commit")
        self.clock.advance(timedelta(seconds=30))  # beyond what a read leaves out as too young
        return str((late["ids"] or [write.get("id")])[0])

    def account(self, name: str, **fields: Any) -> str:
        return self.sell("create", "Account", **{"Name": name, "Type": "Customer", "CurrencyIsoCode": "EUR", **fields})

    def order(self, account: str, **fields: Any) -> str:
        """An order of two pieces at 10.00."""
        entry = self.crm("SELECT Id, Pricebook2Id FROM PricebookEntry WHERE CurrencyIsoCode = 'EUR' AND IsActive = 1")[
            0
        ]
        given = {"AccountId": account, "Status": "Draft", "EffectiveDate": "2026-11-23", "CurrencyIsoCode": "EUR"}
        order = self.sell("create", "Order", **given, Pricebook2Id=entry[1], **fields)
        self.sell("create", "OrderItem", OrderId=order, PricebookEntryId=entry[0], Quantity=2, UnitPrice="10.00")
        return self.sell("update", "Order", Id=order, Status="Activated")

    def news(self) -> str:
        """A day's work: a customer edited, one won, and an order of hers. Answers the order's id."""
        known = self.crm("SELECT Id FROM Account WHERE Type = 'Customer' AND IsDeleted = 0 ORDER BY Id")[0][0]
        self.sell("update", "Account", Id=known, Phone="+49 30 5550001")
        return self.order(self.account("Alder Example GmbH"))

    def crm(self, sql: str, *values: Any) -> list[Any]:
        """What the CRM keeps."""
        db = sqlite3.connect(self.playground.store.path)
        found = db.execute(sql, values).fetchall()
        db.close()
        return found

    # --- what is stored -------------------------------------------------------------------------------------------

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """What our database keeps."""
        engine = engine_for(self.database)
        try:
            with reading(engine) as connection:
                return [tuple(row) for row in connection.execute(text(sql), values)]
        finally:
            engine.dispose()

    def contents(self) -> dict[str, list[str]]:
        """Everything that a page writes, table by table."""
        return {table: sorted(map(repr, self.rows(f"SELECT * FROM {table}"))) for table in TABLES}

    def watermarks(self) -> dict[tuple[Any, ...], Any]:
        """(mapping, side) → how far it is durably done."""
        return {row[:2]: row[2:] for row in self.rows("SELECT mapping, side, position, resume FROM state_watermark")}

    def check_whole(self) -> None:
        """Nothing is half-written: header, lines, key and binding are there together or not at all."""
        for entity in ENTITIES:
            keys = self.rows(f"SELECT record_id FROM erp_external_key WHERE stream = '{entity}' ORDER BY 1")
            bound = self.rows(f"SELECT CAST(erp_id AS bigint) FROM state_binding WHERE entity = '{entity}' ORDER BY 1")
            assert keys == bound == self.rows(f"SELECT id FROM erp_{entity} ORDER BY 1"), entity
        assert self.rows("SELECT id FROM erp_order WHERE id NOT IN (SELECT order_id FROM erp_order_line)") == []
        if self.database.startswith("sqlite"):
            assert self.rows("PRAGMA integrity_check") == [("ok",)]
            assert self.rows("PRAGMA foreign_key_check") == []

    def check_agreement(self) -> None:
        """The ERP has what the CRM has: each customer by name and phone, each order to the cent and by its lines."""
        self.check_whole()
        ours = self.rows(
            "SELECT k.key, o.currency, sum(l.amount_minor), count(*) FROM erp_order o"
            " JOIN erp_order_line l ON l.order_id = o.id"
            " JOIN erp_external_key k ON k.stream = 'order' AND k.record_id = o.id"
            " WHERE o.status <> 'cancelled' GROUP BY k.key, o.currency ORDER BY k.key"
        )
        theirs = self.crm(
            'SELECT o.Id, o.CurrencyIsoCode, sum(i.TotalPrice), count(*) FROM "Order" o'
            " JOIN OrderItem i ON i.OrderId = o.Id AND i.IsDeleted = 0"
            " WHERE o.IsDeleted = 0 AND o.StatusCode = 'Activated' GROUP BY o.Id ORDER BY o.Id"
        )
        assert [(row[0].rpartition("/")[2], *row[1:]) for row in ours] == theirs
        people = self.rows(
            "SELECT k.key, c.name, c.phone FROM erp_customer c"
            " JOIN erp_external_key k ON k.stream = 'customer' AND k.record_id = c.id ORDER BY k.key"
        )
        accounts = self.crm("SELECT Id, Name, Phone FROM Account WHERE Type = 'Customer' AND IsDeleted = 0 ORDER BY Id")
        assert [(row[0].rpartition("/")[2], *row[1:]) for row in people] == accounts


@contextmanager
def site_from(template: Template, folder: Path) -> Iterator[Site]:
    """A copy of a company, with ``isthmus.yaml`` in front of it."""
    shutil.copytree(template.folder, folder)
    (folder / "isthmus.yaml").write_text(YAML)
    clock = SetClock(template.at)
    with playground_in(folder / "crm", clock=clock) as playground:
        yield Site(folder, playground, clock, extra={"external_ids": {"Account": "ERP_Customer_Number__c"}})
