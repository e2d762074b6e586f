"""A Salesforce without a network: every answer is right, until a test changes its bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from connectors.salesforce import Connector
from isthmus.connect.http import Door, Limits, Reply, Request
from isthmus.kernel.connection import Connection
from isthmus.kernel.selection import Lines, Selection
from tests.contract.crm_stub import FIELDS, ORG, STAMP, USER

HOST = "https://acme.my.salesforce.com"
#: A path below the version, or a whole one; the bytes of a good answer; what to say instead.
Change = Callable[[str, bytes], bytes]


def recording(told: list[Any], *, bodies: bool = False) -> Change:
    """Changes nothing, and keeps the paths that were asked for, or the answers."""

    def change(path: str, body: bytes) -> bytes:
        told.append(body if bodies else path)
        return body

    return change


CUSTOMERS = Selection("Account", ("Name", "AnnualRevenue", "Owner.Name"))
ORDERS = Selection("Order", ("Name",), lines=Lines("OrderItem", "OrderId", "Id", sort="Name", fields=("Name",)))


def row(number: int, stream: str, **more: Any) -> dict[str, Any]:
    record_id = f"001{number:012d}AAA"
    return {
        "attributes": {"type": stream, "url": f"/services/data/v66.0/sobjects/{stream}/{record_id}"},
        "Id": record_id, "SystemModstamp": STAMP, "IsDeleted": number == 3, "LastModifiedById": USER,
        "MasterRecordId": f"001{1:012d}AAA" if number == 3 else None, "Name": f"Example {number}",
        "AnnualRevenue": 12.5, "Owner": {"attributes": {"type": "User"}, "Name": "Ada"}, "OwnerId": USER,
        "OrderId": f"001{1:012d}AAA", "ERP_Key__c": f"key-{number}", **more,
    }  # fmt: skip


def good_answer(method: str, path: str, soql: str, body: Any) -> Any:
    """What an organisation in order says."""
    if path.endswith("/oauth2/token"):
        return {"access_token": "00D!x", "instance_url": HOST, "id": f"{HOST}/id/{ORG}/{USER}"}
    if path.rstrip("/").endswith("/services/data"):
        return [{"version": "66.0", "url": "/services/data/v66.0"}]
    if path.endswith("/describe"):
        return {"name": "Account", "label": "Account", "fields": FIELDS}
    if "composite/graph" in path:
        parts = [{"referenceId": "header", "body": {"id": f"001{1:012d}AAA"}, "httpStatusCode": 200}]
        told = {"isSuccessful": True, "graphResponse": {"compositeResponse": parts}}
        return {"graphs": [{"graphId": one["graphId"], **told} for one in body["graphs"]]}
    if "composite/sobjects" in path:
        given = [one.get("id") or f"001{number:012d}AAA" for number, one in enumerate(body["records"], 1)]
        return [{"id": one, "success": True, "errors": []} for one in given]
    stream = soql.partition(" FROM ")[2].split(" ")[0] or "Account"
    rows = [row(number, stream) for number in (1, 2, 3)]
    if "COUNT(" in soql:
        rows = [{"attributes": {"type": "AggregateResult"}, "CurrencyIsoCode": "EUR", "y": 2026, "m": 11, "n": 3}]
    return {"totalSize": len(rows), "done": True, "records": rows}


@contextmanager
def answering(change: Change) -> Iterator[Connector]:
    """A connector whose answers come from here; each is changed before it is read."""

    def once(door: Door, request: Request, proof: Mapping[str, str]) -> Reply:
        path = urlsplit(request.url).path
        soql = (request.params or {}).get("q", "")
        sent = json.loads(request.body) if request.body and request.body[:1] == b"{" else None
        body = json.dumps(good_answer(request.method, path, soql, sent)).encode()
        headers = {"Content-Type": "application/json;charset=UTF-8", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}
        return Reply(200, headers, change(path, body))

    extra = {"instance_url": HOST, "consumer_key": "invented", "consumer_secret": "invented",
             "external_ids": {"Account": "ERP_Key__c", "Order": "ERP_Key__c", "OrderItem": "ERP_Key__c"}}  # fmt: skip
    with patch.object(Door, "_once", once):
        yield Connector(
            Connection("crm", "salesforce", extra=extra),
            sleep=lambda _seconds: None, limits=Limits(attempts=2), random=Random(1),
        )  # fmt: skip
