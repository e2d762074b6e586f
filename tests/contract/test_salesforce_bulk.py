"""Does a first read by the Bulk API give the same records as pages do, and go on wherever it was left?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.salesforce import Connector, bulk
from isthmus.kernel.errors import Misconfigured, Unavailable
from isthmus.kernel.records import Page, Record
from isthmus.kernel.selection import Selection, Term
from tests.connect.raw_server import reply
from tests.contract.crm_stub import ACCOUNT, Stub, connect
from tests.contract.crm_world import ACCOUNTS, NONE, ORDERS, World

WIDE = replace(
    ACCOUNTS, fields=(*ACCOUNTS.fields, "CreatedDate", "NumberOfEmployees", "Parent.Owner.Email", "Parent.Name")
)
HEADING = "Id,SystemModstamp,IsDeleted,MasterRecordId,LastModifiedById,Name\n"


@pytest.fixture
def in_bulk(world: World, monkeypatch: pytest.MonkeyPatch) -> Connector:
    """A connector that always prefers jobs, in parts of 30 rows and pages of 7."""
    monkeypatch.setattr(bulk, "PAGE", 7)
    monkeypatch.setattr(bulk, "_PART", 30)
    connection = world.playground.connection
    return Connector(replace(connection, extra={**connection.extra, "bulk_above": 0}), sleep=lambda _: None)


def by_id(pages: list[Page]) -> dict[str, Record]:
    return {one.id: one for page in pages for one in page.records}


def plain(value: Any) -> Any:
    """A relation without a filled field is the same as none."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()} if any(map(plain, value.values())) else None
    return value


def test_a_job_gives_the_same_records_as_pages_do(world: World, in_bulk: Connector) -> None:
    gone = world.create("Account", Name="Gone before the job Ltd")
    parent = world.create("Account", Name='Parent, "quoted"\nand broken Ltd')
    world.create("Account", Name="Child Ltd", ParentId=parent, NumberOfEmployees=12, AnnualRevenue=350_000_000)
    world.delete("Account", gone)
    pages = world.read(WIDE)
    jobs = list(in_bulk.read(WIDE, None, NONE))
    assert len(jobs) > 5
    assert sum(page.read for page in jobs) == sum(page.read for page in pages)
    expected, found = by_id(pages), by_id(jobs)
    assert set(found) == set(expected)
    for record_id, record in expected.items():
        twin = found[record_id]
        assert {name: plain(value) for name, value in twin.fields.items()} == {
            name: plain(value) for name, value in record.fields.items()
        }
        assert replace(twin, fields={}) == replace(record, fields={})


def test_only_the_end_of_a_job_is_complete_and_every_page_before_can_be_resumed_from(
    world: World, in_bulk: Connector
) -> None:
    pages = list(in_bulk.read(ACCOUNTS, None, NONE))
    assert [page.complete_to is None for page in pages] == [True] * (len(pages) - 1) + [False]
    for number, page in enumerate(pages[:-1], 1):
        assert page.resume is not None
        rest = list(in_bulk.read(ACCOUNTS, page.resume, timedelta(minutes=10)))
        assert [[one.id for one in each.records] for each in rest] == [
            [one.id for one in each.records] for each in pages[number:]
        ]
        assert rest[-1].complete_to == pages[-1].complete_to


def test_a_job_that_is_no_longer_kept_is_begun_anew(world: World, in_bulk: Connector) -> None:
    first, *_ = in_bulk.read(ACCOUNTS, None, NONE)
    assert first.resume is not None
    lost = first.resume.replace(first.resume.split("|")[1], "7500000000000AAAAA")
    pages = list(in_bulk.read(ACCOUNTS, lost, NONE))
    assert set(by_id(pages)) == set(by_id(world.read(ACCOUNTS)))


def test_a_job_of_another_api_version_is_begun_anew(world: World, in_bulk: Connector) -> None:
    """Salesforce answers 409 to who asks for the results of a job with another version than it was made with."""
    first, *_ = in_bulk.read(ACCOUNTS, None, NONE)
    connection = world.playground.connection
    older = Connector(replace(connection, extra={**connection.extra, "bulk_above": 0, "version": "65.0"}))
    pages = list(older.read(ACCOUNTS, first.resume, NONE))
    assert set(by_id(pages)) == set(by_id(world.read(ACCOUNTS)))


def test_the_filter_and_deletions_go_into_the_job(world: World, in_bulk: Connector) -> None:
    customers = replace(ACCOUNTS, where=(Term("Type", "in", ("Customer",)),))
    assert set(by_id(list(in_bulk.read(customers, None, NONE)))) == set(by_id(world.read(customers)))


def test_documents_and_later_reads_are_never_jobs(
    world: World, in_bulk: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_bulk.rest, "send", None)
    since = world.mark(ACCOUNTS)
    assert list(in_bulk.read(ORDERS, None, NONE))
    assert list(in_bulk.read(ACCOUNTS, since, NONE))


@pytest.mark.parametrize(
    ("csv", "told", "processed"),
    [
        (HEADING, "1", 1),
        (f"{HEADING}{ACCOUNT},2026-11-22T09:00:00.000Z,false,,005,Ada\n", "2", 2),
        (f"{HEADING}{ACCOUNT},2026-11-22T09:00:00.000Z,false,,005,Ada\n", "1", 2),
        (f"{HEADING}{ACCOUNT},2026-11-22T09:00:00.000Z,false,,005,Ada\n", "2", 1),
        (f"{HEADING}{ACCOUNT},2026-11-22T09:00:00.000Z,false\n", "1", 1),
        (f"{HEADING}{ACCOUNT},2026-11-22T09:00:00.000Z,maybe,,005,Ada\n", "1", 1),
        (f'{HEADING}{ACCOUNT},2026-11-22T09:00:00.000Z,false,,005,"Ada', "1", 1),
    ],
    ids=["empty", "short", "fewer than the job had", "fewer than the part had", "cut row", "no boolean", "open quote"],
)
def test_a_result_that_is_not_what_was_announced_is_not_believed(
    stub: Stub, csv: str, told: str, processed: int
) -> None:
    stub.on("GET", "queryAll", reply({"totalSize": 99_999, "done": True, "records": []}))
    stub.on("POST", "jobs/query", reply({"id": "750A"}))
    stub.on("GET", "jobs/query/750A", reply({"state": "JobComplete", "numberRecordsProcessed": processed}))
    headers = {"Content_Type": "text/csv", "Sforce_Locator": "null", "Sforce_NumberOfRecords": told}
    stub.on("GET", "jobs/query/750A/results", reply(csv.encode(), 200, **headers))
    with pytest.raises(Unavailable):
        list(connect(stub).read(Selection("Account", ("Name",)), None, NONE))


@pytest.mark.parametrize("position", ["bulk|", "bulk|a|b", "bulk|750|high||x|1"])
def test_an_unreadable_place_is_refused(stub: Stub, position: str) -> None:
    with pytest.raises(Misconfigured, match="unreadable"):
        list(connect(stub).read(Selection("Account", ("Name",)), position, NONE))
