"""Is the planted organisation the same each time, sound where it should be, and dirty only where the manifest says?"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from isthmus.kernel.clock import SetClock
from isthmus.kernel.money import CURRENCIES
from isthmus.playground import SeedSizes, connection_to, start
from tests.playground.conftest import NOW, SMALL, Client

SIZES = SeedSizes(accounts=300, products=60, quotes=150, orders=500, seed=7)
TABLES = ("Account", "Contact", "Product2", "PricebookEntry", "Quote", "QuoteLineItem", "Order", "OrderItem")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with (
        start(tmp_path_factory.mktemp("planted"), SIZES, clock=SetClock(NOW)) as playground,
        requests.Session() as session,
    ):
        yield Client(playground, session).login()


def _ids(client: Client, kind: str) -> list[str]:
    found = [one["ids"] for one in client.playground.manifest["defects"] if one["defect"] == kind]
    assert found, f"no {kind} was planted"
    return [each for ids in found for each in ids]


def _rows(client: Client, kind: str, fields: str, entity: str) -> list[dict[str, Any]]:
    listed = ",".join(f"'{each}'" for each in _ids(client, kind))
    return client.query(f"SELECT {fields} FROM {entity} WHERE Id IN ({listed}) ORDER BY Id", deleted=True)


def _content(folder: Path, sizes: SeedSizes) -> list[Any]:
    with start(folder, sizes, clock=SetClock(NOW)) as playground:
        db = playground.store.connection()
        rows = [db.execute(f'SELECT * FROM "{table}" ORDER BY "Id"').fetchall() for table in TABLES]
        return [playground.manifest, *rows]


def test_same_seed_same_clock_same_data(tmp_path: Path) -> None:
    first, second = (_content(tmp_path / name, SMALL) for name in ("first", "second"))
    assert first == second
    assert _content(tmp_path / "third", replace(SMALL, seed=2)) != first


def test_clean_documents_add_up_and_dirty_ones_do_not(planted: Client) -> None:
    sums: dict[str, Decimal] = {}
    for line in planted.query("SELECT OrderId, TotalPrice FROM OrderItem"):
        sums[line["OrderId"]] = sums.get(line["OrderId"], Decimal(0)) + line["TotalPrice"]
    wrong = {row["Id"] for row in planted.query("SELECT Id, TotalAmount FROM Order")
             if row["TotalAmount"] != sums.get(row["Id"])}  # fmt: skip
    assert wrong == set(_ids(planted, "wrong_total"))
    quotes: dict[str, Decimal] = {}
    for line in planted.query("SELECT QuoteId, TotalPrice, Subtotal, Discount FROM QuoteLineItem"):
        quotes[line["QuoteId"]] = quotes.get(line["QuoteId"], Decimal(0)) + line["TotalPrice"]
        assert (line["TotalPrice"] == line["Subtotal"]) == (line["Discount"] is None)
    assert all(row["TotalPrice"] == quotes[row["Id"]] for row in planted.query("SELECT Id, TotalPrice FROM Quote"))


def test_each_defect_is_what_the_manifest_says(planted: Client) -> None:
    pair = _rows(planted, "duplicate_company", "Name, Tax_Id__c", "Account")
    assert pair[0]["Tax_Id__c"] == pair[1]["Tax_Id__c"]
    assert pair[0]["Name"] != pair[1]["Name"]
    merged = {row["Id"]: row for row in _rows(planted, "merged_accounts", "Id, IsDeleted, MasterRecordId", "Account")}
    winner, loser, losers_loser = _ids(planted, "merged_accounts")
    assert not merged[winner]["IsDeleted"]
    assert (merged[loser]["MasterRecordId"], merged[losers_loser]["MasterRecordId"]) == (winner, loser)
    assert all(row["Account"]["IsDeleted"] for row in
               _rows(planted, "order_of_deleted_account", "Account.IsDeleted", "Order"))  # fmt: skip
    assert all(len(row["Name"]) > 200 for row in _rows(planted, "long_name", "Name", "Account"))
    assert not any(row["Name"].isascii() for row in _rows(planted, "strange_characters", "Name", "Account"))
    assert not any(row["CurrencyIsoCode"] in CURRENCIES for row in
                   _rows(planted, "unknown_currency", "CurrencyIsoCode", "Order"))  # fmt: skip
    recalled = _rows(planted, "recalled_order", "StatusCode, CreatedDate, SystemModstamp", "Order")
    assert all(row["StatusCode"] == "Draft" and row["CreatedDate"] < row["SystemModstamp"] for row in recalled)
    reduced = _rows(planted, "reduction_order", "IsReductionOrder, TotalAmount, OriginalOrderId", "Order")
    assert all(row["IsReductionOrder"] and row["TotalAmount"] < 0 and row["OriginalOrderId"] for row in reduced)
    orders = set(_ids(planted, "inactive_product"))
    inactive = planted.query("SELECT OrderId FROM OrderItem WHERE Product2.IsActive = false")
    assert orders == {row["OrderId"] for row in inactive}


def test_about_two_per_cent_is_dirty(planted: Client) -> None:
    dirty = {each for one in planted.playground.manifest["defects"] for each in one["ids"]}
    every = sum(len(planted.query(f"SELECT Id FROM {table}", deleted=True)) for table in ("Account", "Order"))
    assert 0.01 < len(dirty) / every < 0.04


def test_planted_records_keep_the_rules_of_written_ones(planted: Client) -> None:
    """Every clean order could be saved again as it is: lookups exist, picklists fit, dates and e-mails are valid."""
    dirty = {each for one in planted.playground.manifest["defects"] for each in one["ids"]}
    for entity in ("Account", "Contact", "Product2", "Quote", "Order"):
        described = planted.send("GET", f"sobjects/{entity}/describe").json()["fields"]
        names = [one["name"] for one in described if one["updateable"]]
        rows = planted.query(f"SELECT Id, {', '.join(names)} FROM {entity} ORDER BY Id LIMIT 150")
        records = [{"attributes": {"type": entity}, "id": row["Id"], **{name: _sendable(row[name]) for name in names}}
                   for row in rows if row["Id"] not in dirty]  # fmt: skip
        told = planted.send("PATCH", "composite/sobjects", json={"records": records}).json()
        assert [one["errors"] for one in told if not one["success"]] == []


def _sendable(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def test_realistic_shares(planted: Client) -> None:
    accounts = planted.query("SELECT Type, CurrencyIsoCode, BillingCountryCode, BillingCountry, Tax_Id__c FROM Account")
    customers = [row for row in accounts if row["Type"] == "Customer"]
    assert 0.78 < len(customers) / len(accounts) < 0.92
    assert {row["CurrencyIsoCode"] for row in accounts} == {"EUR", "USD", "PLN", "JPY"}
    assert all(row["Tax_Id__c"] and len(row["BillingCountryCode"]) == 2 for row in accounts)
    orders = planted.query("SELECT StatusCode, QuoteId, PoNumber FROM Order")
    assert 0.84 < sum(row["StatusCode"] == "Activated" for row in orders) / len(orders) < 0.95
    assert any(row["QuoteId"] for row in orders)


def test_single_currency_seed(tmp_path: Path) -> None:
    sizes = SeedSizes(accounts=60, products=6, quotes=5, orders=20, multi_currency=False, dirty=False)
    with start(tmp_path, sizes, clock=SetClock(NOW)) as playground, requests.Session() as session:
        client = Client(playground, session).login()
        assert client.refusal("SELECT CurrencyIsoCode FROM Order") == "INVALID_FIELD"
        codes = playground.store.connection().execute('SELECT DISTINCT "CurrencyIsoCode" FROM "Order"').fetchall()
        assert codes == [("EUR",)]


SERVE = (
    "import sys; from pathlib import Path; from isthmus.playground import SeedSizes, serve;"
    "serve(Path(sys.argv[1]), int(sys.argv[2]), seed=SeedSizes(accounts=20, products=4, quotes=2, orders=5))"
)


@contextmanager
def _served(folder: Path, ending: signal.Signals) -> Iterator[Client]:
    """A playground in a process of its own, ended by a signal."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(folder), str(port)])
    try:
        with requests.Session() as session:
            _await(session, url, process)
            there: Any = SimpleNamespace(url=url, connection=connection_to(url))
            yield Client(there, session).login()
    finally:
        os.kill(process.pid, ending)
        process.wait()


def _await(session: requests.Session, url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        if _answers(session, url):
            return
        assert process.poll() is None
        threading.Event().wait(0.05)


def _answers(session: requests.Session, url: str) -> bool:
    try:
        return session.get(f"{url}/services/data/", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_data_outlive_a_killed_server_and_are_not_planted_again(tmp_path: Path) -> None:
    with _served(tmp_path, signal.SIGKILL) as client:
        made = client.create("Account", Name="Survivor")
        count = len(client.query("SELECT Id FROM Account"))
    with _served(tmp_path, signal.SIGTERM) as client:
        assert client.query(f"SELECT Name FROM Account WHERE Id = '{made}'")[0]["Name"] == "Survivor"
        assert len(client.query("SELECT Id FROM Account")) == count
        assert client.create("Account", Name="Next") > made


def test_writers_at_once_lose_nothing(fresh: Client) -> None:
    ids = [fresh.create("Account", Name=f"Shared {number}") for number in range(4)]
    token = fresh.session.headers["Authorization"]
    failures: list[str] = []

    def write(client: Client, name: str) -> None:
        made = client.send("POST", "sobjects/Contact", json={"LastName": name})
        changed = client.send("PATCH", f"sobjects/Account/{ids[len(name) % 4]}", json={"Phone": name})
        if (made.status_code, changed.status_code) != (201, 204):
            failures.append(made.text + changed.text)

    def work(place: int) -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = token
            for number in range(15):
                write(Client(fresh.playground, session), f"T{place}-{number}")

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len({row["Id"] for row in fresh.query("SELECT Id FROM Contact WHERE LastName LIKE 'T_-%'")}) == 60
