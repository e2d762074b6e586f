"""Do we fall into one of simple-salesforce's 24 known traps? One test each, numbered as in our notes on 1.12.10."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.salesforce import Connector
from connectors.salesforce.login import Login, Token
from connectors.salesforce.query import select, text_literal
from isthmus.connect.protocol import Change
from isthmus.kernel.clock import parse_stamp
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import IsthmusError, Misconfigured, Unavailable
from isthmus.kernel.selection import Lines, Selection
from tests.connect.raw_server import Asked, raw_server, reply
from tests.contract.crm_stub import ACCOUNT, IMPATIENT, Sleeps, Stub, connect, page, row, soql_of

NONE = timedelta(0)
NAMES = Selection("Account", ("Name",))
DEAD = reply([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}], 401)
COLLECTION = "composite/sobjects"


def update(fields: dict[str, Any], record_id: str = ACCOUNT) -> Change:
    return Change("update", f"key {record_id}", fields, id=record_id)


def all_good(asked: Asked) -> bytes:
    return reply([{"id": one["id"], "success": True, "errors": []} for one in asked.json()["records"]])


def account_ids(count: int) -> list[str]:
    return [row(number)["Id"] for number in range(count)]


def bulk_job(stub: Stub, csv: bytes, count: int, **headers: str) -> None:
    """A job that is done, with one part."""
    stub.on("GET", "queryAll", reply({"totalSize": 99_999, "done": True, "records": []}))
    stub.on("POST", "jobs/query", reply({"id": "750A", "state": "UploadComplete"}))
    stub.on("GET", "jobs/query/750A", reply({"state": "JobComplete", "numberRecordsProcessed": count}))
    told = {"Content_Type": "text/csv", "Sforce_Locator": "null", "Sforce_NumberOfRecords": str(count), **headers}
    stub.on("GET", "jobs/query/750A/results", reply(csv, 200, **told))


@pytest.mark.parametrize("path", ["/services/oauth2/token", "/services/data", "queryAll", COLLECTION])
def test_01_every_request_has_a_time_out_login_and_writes_included(stub: Stub, path: str) -> None:
    held = threading.Event()

    def hang(_: Asked) -> bytes | None:
        held.wait(5)
        return None

    for method in ("GET", "POST", "PATCH"):
        stub.on(method, path, hang)
    crm = connect(stub, limits=IMPATIENT)

    def use() -> None:
        if path == COLLECTION:
            crm.write("Account", [update({"Name": "Ada"})])
        else:
            list(crm.read(NAMES, None, NONE))

    with pytest.raises(Unavailable, match="no answer within"):
        use()
    held.set()


@pytest.mark.parametrize("count", [1, 199, 200, 201, 400, 1001])
def test_02_no_batch_loses_its_last_record(stub: Stub, count: int) -> None:
    stub.on("PATCH", COLLECTION, all_good)
    ids = account_ids(count)
    answers = connect(stub).write("Account", [update({"Name": "Ada"}, one) for one in ids])
    sent = [one["id"] for asked in stub.asked(COLLECTION) for one in asked.json()["records"]]
    assert [one.result for one in answers] == ["updated"] * count
    assert sent == ids


def test_03_one_record_has_exact_numbers_like_many(stub: Stub) -> None:
    raw = b'{"totalSize":1,"done":true,"records":[%s]}'
    record = page([row(AnnualRevenue="@")]).split(b'"records": [')[1][:-2].replace(b'"@"', b"1234567890123456.78")
    stub.on("GET", "queryAll", reply(raw % record))
    (found,) = connect(stub).fetch(Selection("Account", ("AnnualRevenue",)), [ACCOUNT])
    assert found.fields["AnnualRevenue"] == Decimal("1234567890123456.78")
    assert type(found.fields["AnnualRevenue"]) is Decimal


def test_04_the_replay_after_a_login_has_the_same_headers(stub: Stub) -> None:
    stub.on("PATCH", COLLECTION, DEAD, all_good)
    connect(stub).write("Account", [update({"Name": "Ada"})])
    first, second = (dict(one.headers) for one in stub.asked(COLLECTION))
    assert first.pop("authorization") != second.pop("authorization")
    assert first == second
    assert first["sforce-call-options"] == "client=isthmus"


def test_05_a_session_that_is_always_refused_ends_after_one_login(stub: Stub) -> None:
    stub.on("GET", "queryAll", DEAD)
    with pytest.raises(Misconfigured, match="even a new one"):
        list(connect(stub).read(NAMES, None, NONE))
    assert stub.logins == 2


@pytest.mark.parametrize(
    "refusal",
    [
        reply(b"<html>signed out</html>", 401, Content_Type="text/html"),
        reply({"error": "invalid"}, 401),
        reply([], 401),
        reply(b"", 401),
    ],
    ids=["html", "object", "empty list", "empty"],
)
def test_06_a_refused_session_is_understood_whatever_its_body(stub: Stub, refusal: bytes) -> None:
    stub.on("GET", "queryAll", refusal, page([row(Name="Ada")]))
    (found,) = connect(stub).fetch(NAMES, [ACCOUNT])
    assert found.fields["Name"] == "Ada"
    assert stub.logins == 2


def test_07_a_bulk_job_lives_through_a_new_login(stub: Stub) -> None:
    bulk_job(stub, b"Id,SystemModstamp,IsDeleted,MasterRecordId,LastModifiedById,Name\n", 0)
    done = reply({"state": "JobComplete", "numberRecordsProcessed": 0})
    stub.on("GET", "jobs/query/750A", reply({"state": "InProgress"}), DEAD, done)
    (last,) = connect(stub).read(NAMES, None, NONE)
    assert last.complete_to
    tokens = [one.headers["authorization"] for one in stub.asked("jobs/query/750A")]
    assert tokens == ["Bearer 00D!1", "Bearer 00D!1", "Bearer 00D!2"]
    assert stub.asked("results")[0].headers["authorization"] == "Bearer 00D!2"


def test_08_a_broken_connection_while_waiting_does_not_abort_the_job(stub: Stub) -> None:
    bulk_job(stub, b"Id,SystemModstamp,IsDeleted,MasterRecordId,LastModifiedById,Name\n", 0)
    done = reply({"state": "JobComplete", "numberRecordsProcessed": 0})
    stub.on("GET", "jobs/query/750A", None, reply({}, 503), done)
    assert len(list(connect(stub).read(NAMES, None, NONE))) == 1
    assert {one.method for one in stub.asked("750A")} == {"GET"}
    assert len(stub.asked("jobs/query")) == 1


def test_09_csv_keeps_line_feeds_and_letters_without_a_charset(stub: Stub) -> None:
    name = 'Łódź "Æ"\r\nsecond, line\u2028third\x85'
    quoted = name.replace('"', '""')
    text = f'"Id","SystemModstamp","IsDeleted","MasterRecordId","LastModifiedById","Name"\n"{ACCOUNT}",'
    text += f'"2026-11-22T09:00:00.000Z","false","","005000000000001AAA","{quoted}"\n'
    bulk_job(stub, text.encode(), 1)
    (last,) = connect(stub).read(NAMES, None, NONE)
    assert [one.fields["Name"] for one in last.records] == [name]


def test_10_null_clears_and_what_is_absent_is_not_sent(stub: Stub) -> None:
    stub.on("PATCH", COLLECTION, all_good)
    connect(stub).write("Account", [update({"Phone": None}), update({"Name": "Ada"}, row(2)["Id"])])
    first, second = stub.asked(COLLECTION)[0].json()["records"]
    assert first == {"attributes": {"type": "Account"}, "id": ACCOUNT, "Phone": None}
    assert "Phone" not in second


def test_11_the_first_look_at_a_job_is_at_once_and_waiting_is_bounded(stub: Stub) -> None:
    bulk_job(stub, b"", 0)
    stub.on("GET", "jobs/query/750A", reply({"state": "InProgress"}))
    sleeps = Sleeps()
    with pytest.raises(Unavailable, match="four hours"):
        list(connect(stub, sleeps).read(NAMES, None, NONE))
    assert sleeps[0] == 0.5
    assert max(sleeps) == 20
    assert sum(sleeps) < 4 * 3600 + 60


def test_12_a_key_of_dots_is_refused_and_a_key_like_an_address_stays_a_key(stub: Stub) -> None:
    from connectors.salesforce.errors import path_part

    assert path_part("urn:a/b c", "x") == "urn%3Aa%2Fb%20c"
    for dots in (".", "..", ""):
        with pytest.raises(IsthmusError, match="cannot be an external id"):
            path_part(dots, "x")


def test_13_a_blank_in_a_key_is_a_blank(stub: Stub) -> None:
    stub.on("PATCH", f"{COLLECTION}/Account/ERP_Key__c", reply([{"id": ACCOUNT, "success": True, "created": True}]))
    (answer,) = connect(stub).write("Account", [Change("create", "erp customer 1+2", {"Name": "Ada"})])
    (sent,) = stub.asked("ERP_Key__c")[0].json()["records"]
    assert (answer.result, sent["ERP_Key__c"]) == ("created", "erp customer 1+2")


def test_14_soql_is_quoted_by_type_and_a_stamp_without_a_zone_is_refused() -> None:
    assert text_literal("O'Hara\\ \n") == r"'O\'Hara\\ \n'"
    with pytest.raises(ValueError, match="not a field's name"):
        select(["Id", "Name FROM User--"], "Account")
    with pytest.raises(ValueError, match="no offset"):
        parse_stamp("2026-11-22T09:00:00")


def test_15_decimals_are_sent_as_they_are(stub: Stub) -> None:
    stub.on("PATCH", COLLECTION, all_good)
    connect(stub).write("Account", [update({"AnnualRevenue": Decimal("1234567890123456.70")})])
    assert b'"AnnualRevenue":1234567890123456.70' in stub.asked(COLLECTION)[0].body


def test_16_usage_is_counted_on_every_answer_and_nothing_found_is_an_empty_list(stub: Stub) -> None:
    used = reply([{"id": ACCOUNT, "success": True}], Sforce_Limit_Info="api-usage=900/1000")
    stub.on("PATCH", COLLECTION, used)
    crm = connect(stub)
    assert crm.fetch(NAMES, [ACCOUNT]) == []
    assert crm.find("Account", ("Name",), [("Ada",)]) == []
    crm.write("Account", [update({"Name": "Ada"})])
    with pytest.raises(Unavailable, match="900 of 1000 requests"):
        list(crm.read(NAMES, None, NONE))


def test_17_a_misspelt_stream_fails_at_once_with_a_hint(stub: Stub) -> None:
    stub.on("GET", "sobjects/Acount/describe", reply([{"errorCode": "NOT_FOUND", "message": "no"}], 404))
    crm = connect(stub)
    with pytest.raises(Misconfigured, match="did you mean 'Account'"):
        crm.describe("Acount")
    assert not hasattr(crm, "no_such_method")


def test_18_many_threads_with_a_dead_session_log_in_once(stub: Stub) -> None:
    crm = connect(stub)
    crm.fetch(NAMES, [ACCOUNT])
    dead = crm.rest.login.token().session_id
    together = threading.Barrier(8)

    def refuse(asked: Asked) -> bytes:
        if asked.headers["authorization"].endswith(dead):
            together.wait(5)
            return DEAD
        return page([row(Name="Ada")])

    stub.on("GET", "queryAll", refuse)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(crm.fetch(NAMES, [ACCOUNT])))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == [1] * 8
    assert stub.logins == 2


def test_19_after_a_move_of_the_organisation_requests_go_to_its_new_host(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.on("GET", "queryAll", page([row(Name="old")]), DEAD)
    moved = Stub()
    with raw_server(moved) as server:
        moved.server = server
        moved.on("GET", "queryAll", page([row(Name="new")]))
        tokens = [Token("00D!1", stub.url, "00D", "005"), Token("00D!2", moved.url, "00D", "005")]
        monkeypatch.setattr(Login, "_ask", lambda _: tokens.pop(0))
        crm = connect(stub)
        monkeypatch.setattr(crm, "_identity", ("00D000000000001EAA", "005000000000001AAA"))
        assert crm.fetch(NAMES, [ACCOUNT])[0].fields["Name"] == "old"
        with pytest.raises(Unavailable, match="moved from"):
            crm.fetch(NAMES, [ACCOUNT])
        assert crm.fetch(NAMES, [ACCOUNT])[0].fields["Name"] == "new"


def test_20_a_broken_connection_is_repeated_where_that_is_safe_and_a_create_needs_a_key(stub: Stub) -> None:
    stub.on("GET", "queryAll", None, page([row(Name="Ada")]))
    stub.on("PATCH", COLLECTION, None, all_good)
    crm = connect(stub)
    assert len(crm.fetch(NAMES, [ACCOUNT])) == 1
    assert crm.write("Account", [update({"Name": "Ada"})])[0].result == "updated"
    (refused,) = connect(stub, external_ids={}).write("Account", [Change("create", "k", {"Name": "Ada"})])
    assert refused.result == "refused"
    assert refused.fault is not None
    assert "external_ids" in refused.fault.remedy
    assert not [one for one in stub.asked("") if one.method == "POST" and "oauth2" not in one.path]


def test_21_the_lightning_host_is_refused_with_the_right_one() -> None:
    extra = {"instance_url": "https://acme.lightning.force.com", "session_id": "00D!x"}
    with pytest.raises(Misconfigured, match=r"acme\.my\.salesforce\.com"):
        Connector(Connection("crm", "salesforce", extra=extra))


def test_22_errors_hold_no_bodies_and_no_session(stub: Stub) -> None:
    private = "somebody@example.com"
    bodies = [
        reply([{"errorCode": "FIELD_X", "message": "Bearer 00D000000000001!secret", "row": private}], 400),
        reply(f"<html>{private}</html>".encode(), 400, Content_Type="text/html"),
        reply(f"<html>{private}</html>".encode(), 503, Content_Type="text/html"),
    ]
    for body in bodies:
        stub.on("GET", "queryAll", body)
        with pytest.raises(IsthmusError) as caught:
            connect(stub).fetch(NAMES, [ACCOUNT])
        assert private not in f"{caught.value!r}"
        assert "secret" not in f"{caught.value!r}"


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_23_a_failed_job_gives_no_records(stub: Stub, state: str) -> None:
    bulk_job(stub, b"Id\n", 0)
    stub.on("GET", "jobs/query/750A", reply({"state": state, "errorMessage": "InvalidBatch: time-out"}))
    with pytest.raises(Unavailable, match="did not end well"):
        list(connect(stub).read(NAMES, None, NONE))
    assert stub.asked("results") == []


def test_24_all_lines_come_however_many_pages_they_fill(stub: Stub) -> None:
    lines = [row(number, "OrderItem", OrderId=ACCOUNT, Name=f"line {number}") for number in range(5)]

    def answer(asked: Asked) -> bytes:
        soql = soql_of(asked)
        if "FROM OrderItem" in soql:
            return page(lines[:2], 5, "/services/data/v66.0/query/01g-2000")
        return page([row(Name="Ada")])

    stub.on("GET", "queryAll", answer)
    stub.on("GET", "query/01g-2000", page(lines[2:], 5))
    whole = Selection("Account", ("Name",), Lines("OrderItem", "OrderId", "Id", "Name", ("Name",)))
    (document,) = connect(stub).fetch(whole, [ACCOUNT])
    assert document.lines is not None
    assert [one["Name"] for one in document.lines] == [f"line {number}" for number in range(5)]
    assert not [soql for soql in stub.queries() if "(SELECT" in soql]
