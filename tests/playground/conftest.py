"""A running playground and clients that know nothing of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from isthmus.kernel.clock import SetClock
from isthmus.playground import Playground, SeedSizes, start

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SMALL = SeedSizes(accounts=40, products=12, quotes=20, orders=60)


class Redirect(HTTPAdapter):
    """Sends what is meant for an https address to a playground: simple-salesforce knows no plain http."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        assert request.url is not None
        request.url = self._url + "/" + request.url.split("/", 3)[3]
        return super().send(request, *args, **options)


@dataclass
class Client:
    """Plain requests with a token."""

    playground: Playground
    session: requests.Session = field(default_factory=requests.Session)
    version: str = "66.0"

    def login(self) -> Client:
        extra = self.playground.connection.extra
        form = {"grant_type": "client_credentials", "client_id": extra["consumer_key"],
                "client_secret": extra["consumer_secret"]}  # fmt: skip
        told = self.session.post(f"{self.playground.url}/services/oauth2/token", data=form, timeout=30)
        self.session.headers["Authorization"] = f"Bearer {told.json()['access_token']}"
        return self

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        root = f"{self.playground.url}/services/data/v{self.version}/"
        return self.session.request(method, root + path, timeout=30, **options)

    def query(self, soql: str, *, deleted: bool = False, **options: Any) -> list[dict[str, Any]]:
        """All pages, numbers exact."""
        told = self.send("GET", "queryAll" if deleted else "query", params={"q": soql}, **options)
        rows: list[dict[str, Any]] = []
        while True:
            assert told.status_code == 200, told.text
            page = json.loads(told.text, parse_float=Decimal)
            rows += page["records"]
            if page["done"]:
                assert page["totalSize"] == len(rows)
                return rows
            told = self.session.get(self.playground.url + page["nextRecordsUrl"], timeout=30)

    def refusal(self, soql: str) -> str:
        """The error code of a query."""
        told = self.send("GET", "query", params={"q": soql})
        assert told.status_code == 400, told.text
        return str(told.json()[0]["errorCode"])

    def create(self, entity: str, **fields: Any) -> str:
        told = self.send("POST", f"sobjects/{entity}", json=fields)
        assert told.status_code == 201, told.text
        return str(told.json()["id"])

    def error(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        """Status and error code of a request that must be refused."""
        told = self.send(method, path, **options)
        assert told.status_code >= 400, told.text
        return told.status_code, told.json()[0]["errorCode"]

    def admin(self, path: str, method: str = "POST", /, **body: Any) -> Any:
        told = self.session.request(method, f"{self.playground.url}/playground/{path}", json=body, timeout=30)
        assert told.status_code < 300, told.text
        return told.json() if told.content else None


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def fresh(tmp_path: Path, clock: SetClock) -> Iterator[Client]:
    """A playground of one's own."""
    with start(tmp_path, SMALL, clock=clock) as playground, requests.Session() as session:
        yield Client(playground, session).login()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A playground that tests only read, or write what no other test counts."""
    with (
        start(tmp_path_factory.mktemp("shared"), SMALL, clock=SetClock(NOW)) as playground,
        requests.Session() as session,
    ):
        yield Client(playground, session).login()
