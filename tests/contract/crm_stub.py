"""A Salesforce of a few lines, for answers that the playground would never give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connectors.salesforce import Connector
from isthmus.connect.http import Limits
from isthmus.kernel.connection import Connection
from tests.connect.raw_server import Asked, RawServer, raw_server, reply

ORG, USER = "00D000000000001EAA", "005000000000001AAA"
ACCOUNT = "001000000000001AAA"
STAMP = "2026-11-22T09:00:00.000+0000"
LIMITS = Limits(connect_seconds=5, silence_seconds=20, answer_seconds=60, attempts=3)
IMPATIENT = Limits(connect_seconds=5, silence_seconds=0.2, attempts=2)
Route = Callable[[Asked], "bytes | None"]


class Sleeps(list[float]):
    """Remembers instead of sleeping."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def row(number: int = 1, stream: str = "Account", **fields: Any) -> dict[str, Any]:
    """A record as a query gives it."""
    record_id = f"001{number:012d}AAA"
    attributes = {"type": stream, "url": f"/services/data/v66.0/sobjects/{stream}/{record_id}"}
    system = {"Id": record_id, "SystemModstamp": STAMP, "IsDeleted": False, "LastModifiedById": USER}
    return {"attributes": attributes, **system, "MasterRecordId": None, **fields}


def page(rows: list[dict[str, Any]], total: int | None = None, following: str | None = None) -> bytes:
    """One page of a query."""
    told: dict[str, Any] = {"totalSize": len(rows) if total is None else total, "done": following is None}
    return reply(told | ({"nextRecordsUrl": following} if following else {}) | {"records": rows})


def described(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "label": name, "createable": True, "updateable": True, "nillable": True, **more}


FIELDS = [
    described("Id", "id"),
    described("Name"),
    described("Phone", "phone"),
    described("AnnualRevenue", "currency", scale=2),
    described("Billable__c", "boolean"),
    described("Seen__c", "datetime"),
    described("OwnerId", "reference", referenceTo=["User"], relationshipName="Owner"),
    described("MasterRecordId", "reference", referenceTo=["Account"], relationshipName="MasterRecord"),
    described("IsDeleted", "boolean"),
    described("LastModifiedById", "reference", referenceTo=["User"]),
    described("SystemModstamp", "datetime"),
    described("CurrencyIsoCode", "picklist"),
    described("ERP_Key__c", length=255, unique=True, externalId=True),
    described("ERP_Sync_Status__c", length=40),
    described("ERP_Sync_Message__c", "textarea", length=1000),
    described("Email", "email"),
    described("OrderId", "reference", referenceTo=["Order"], relationshipName="Order"),
]


@dataclass
class Stub:
    """Answers by method and path; what a test does not say is answered like an empty organisation."""

    routes: dict[tuple[str, str], Route] = field(default_factory=dict)
    logins: int = 0
    server: RawServer | None = None

    def on(self, method: str, path: str, *answers: bytes | Route | None) -> None:
        """These answers one after the other, the last one for ever; ``path`` is the part behind the version."""
        left = list(answers)

        def say(asked: Asked) -> bytes | None:
            now = left.pop(0) if len(left) > 1 else left[0]
            return now(asked) if callable(now) else now

        self.routes[method, path] = say

    def __call__(self, asked: Asked) -> bytes | None:
        path = asked.path.removeprefix("/services/data/v66.0/").rstrip("/")
        if (asked.method, path) in self.routes:
            return self.routes[asked.method, path](asked)
        if path == "/services/oauth2/token":
            return self.grant()
        if path == "/services/data":
            return reply([{"version": "66.0"}], Date="Sun, 22 Nov 2026 10:00:00 GMT")
        if path.endswith("/describe"):
            return reply({"name": path.split("/")[1], "fields": FIELDS})
        if path == "sobjects":
            return reply({"sobjects": [{"name": "Account", "queryable": True}]})
        if path in ("query", "queryAll"):
            return page([])
        return reply([{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}], 404)

    def grant(self) -> bytes:
        self.logins += 1
        url = self.url
        token = {"access_token": f"00D!{self.logins}", "instance_url": url, "id": f"{url}/id/{ORG}/{USER}"}
        return reply(token)

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url

    def asked(self, part: str) -> list[Asked]:
        """The requests whose path ends with this."""
        assert self.server is not None
        return [one for one in self.server.asked if one.path.rstrip("/").endswith(part)]

    def queries(self) -> list[str]:
        """The SOQL that came, in order."""
        return [soql_of(one) for one in self.asked("queryAll")]


def soql_of(asked: Asked) -> str:
    return parse_qs(urlsplit(asked.target).query)["q"][0]


@contextmanager
def stub_server() -> Iterator[Stub]:
    """A stub that listens."""
    stub = Stub()
    with raw_server(stub) as server:
        stub.server = server
        yield stub


def connect(stub: Stub, sleeps: Sleeps | None = None, limits: Limits = LIMITS, **extra: Any) -> Connector:
    """A connector with client credentials to the stub."""
    known: Mapping[str, Any] = {
        "instance_url": stub.url,
        "consumer_key": "invented-key",
        "consumer_secret": "invented-secret",
        "external_ids": {"Account": "ERP_Key__c"},
    }
    connection = Connection("crm", "salesforce", extra={**known, **extra})
    return Connector(connection, sleep=sleeps if sleeps is not None else Sleeps(), limits=limits, random=Random(1))
