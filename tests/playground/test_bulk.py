"""Does a bulk query go through its states and give every row, whole?"""

from __future__ import annotations

import csv
import io
from typing import Any

import requests

from tests.playground.conftest import Client


def _begin(client: Client, soql: str, **more: Any) -> str:
    told = client.send("POST", "jobs/query", json={"operation": "query", "query": soql} | more)
    assert told.status_code == 200, told.text
    assert told.json()["state"] == "UploadComplete"
    return str(told.json()["id"])


def _finish(client: Client, job: str) -> list[str]:
    states: list[str] = []
    while not states or states[-1] != "JobComplete":
        states.append(client.send("GET", f"jobs/query/{job}").json()["state"])
    return states


def _part(client: Client, job: str, **params: Any) -> tuple[list[list[str]], requests.Response]:
    told = client.send("GET", f"jobs/query/{job}/results", params=params)
    assert told.status_code == 200, told.text
    return list(csv.reader(io.StringIO(told.content.decode(), newline=""), strict=True)), told


def test_job_runs_through_its_states_and_gives_all_rows_in_parts(shared: Client) -> None:
    awkward = shared.create("Account", Name='He said "hi", she\nleft', BillingStreet="1\r\n2", AnnualRevenue="12")
    job = _begin(shared, "SELECT Id, Name, Owner.Email, AnnualRevenue, IsDeleted, CreatedDate, ParentId FROM Account")
    assert shared.error("GET", f"jobs/query/{job}/results") == (400, "INVALIDJOBSTATE")
    assert _finish(shared, job) == ["InProgress", "JobComplete"]
    rows: list[list[str]] = []
    locator: dict[str, str] = {}
    parts = 0
    while True:
        part, told = _part(shared, job, maxRecords=17, **locator)
        assert part[0] == ["Id", "Name", "Owner.Email", "AnnualRevenue", "IsDeleted", "CreatedDate", "ParentId"]
        assert int(told.headers["Sforce-NumberOfRecords"]) == len(part) - 1 <= 17
        rows += part[1:]
        parts += 1
        if told.headers["Sforce-Locator"] == "null":
            break
        locator = {"locator": told.headers["Sforce-Locator"]}
    assert {row[0] for row in rows} == {row["Id"] for row in shared.query("SELECT Id FROM Account")}
    assert len({row[0] for row in rows}) == len(rows)
    assert parts == -(-len(rows) // 17)
    mine = next(row for row in rows if row[0] == awkward)
    assert mine[1:] == ['He said "hi", she\nleft', "integration@playground.example", "12.0", "false",
                        "2026-11-20T12:00:00.000Z", ""]  # fmt: skip


def test_result_is_compressed_and_as_of_its_completion(fresh: Client) -> None:
    job = _begin(fresh, "SELECT Id, Name FROM Contact", operation="queryAll")
    _finish(fresh, job)
    first, told = _part(fresh, job)
    assert told.headers["Content-Encoding"] == "gzip"
    fresh.create("Contact", LastName="Late")
    assert _part(fresh, job)[0] == first
    assert fresh.send("DELETE", f"jobs/query/{job}").status_code == 204
    assert fresh.error("GET", f"jobs/query/{job}") == (404, "NOT_FOUND")


def test_what_bulk_refuses(shared: Client) -> None:
    def refused(**asked: Any) -> str:
        plain = {"operation": "query", "query": "SELECT Id FROM User"}
        return shared.error("POST", "jobs/query", json=plain | asked)[1]

    assert refused(operation="insert") == "INVALIDJOB"
    assert refused(columnDelimiter="TAB") == "INVALIDJOB"
    assert refused(query="SELECT Nope FROM User") == "INVALID_FIELD"
    assert refused(query="SELECT COUNT() FROM User") == "MALFORMED_QUERY"
    job = _begin(shared, "SELECT Id FROM User")
    _finish(shared, job)
    other = Client(shared.playground, shared.session, "65.0")
    assert other.error("GET", f"jobs/query/{job}/results") == (409, "API_VERSION_MISMATCH")
    bad = {"locator": "AAAA"}
    assert shared.error("GET", f"jobs/query/{job}/results", params=bad) == (400, "INVALID_QUERY_LOCATOR")


def test_unfinished_job_can_be_aborted(shared: Client) -> None:
    job = _begin(shared, "SELECT Id FROM User")
    assert shared.send("PATCH", f"jobs/query/{job}", json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert shared.error("GET", f"jobs/query/{job}/results") == (400, "INVALIDJOBSTATE")
    assert shared.error("PATCH", f"jobs/query/{job}", json={"state": "Aborted"}) == (400, "INVALIDJOBSTATE")
