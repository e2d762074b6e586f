"""What becomes of answers that are wrong, short, late or hostile?"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from isthmus.connect.protocol import Change
from isthmus.kernel.errors import Broken, IsthmusError, Misconfigured, Unavailable
from isthmus.kernel.selection import Selection
from tests.connect.raw_server import Asked, raw_server, reply
from tests.contract.crm_stub import ACCOUNT, Sleeps, Stub, connect, page, row, soql_of

NONE = timedelta(0)
SINCE = "2026-11-22T08:00:00.000Z"
NAMES = Selection("Account", ("Name",))
COLLECTION = "composite/sobjects"
NEXT = "/services/data/v66.0/query/01g-2"


def error(code: str, message: str = "no", status: int = 400) -> bytes:
    return reply([{"errorCode": code, "message": message}], status)


def read(stub: Stub, sleeps: Sleeps | None = None) -> list[str]:
    return [one.id for part in connect(stub, sleeps).read(NAMES, SINCE, NONE) for one in part.records]


def update(number: int) -> Change:
    return Change("update", f"k{number}", {"Name": "Ada"}, id=row(number)["Id"])


def rows(*numbers: int) -> list[dict[str, Any]]:
    return [row(number, Name="Ada") for number in numbers]


@pytest.mark.parametrize(
    "answers",
    [
        [page(rows(1, 2), total=3)],
        [page(rows(1, 2), total=1)],
        [page(rows(1), 3, NEXT), page(rows(2), 3)],
        [page([], 3, NEXT), page(rows(1, 2, 3), 3)],
        [reply({"totalSize": 2, "done": False, "records": rows(1)})],
        [reply({"totalSize": 1, "done": True})],
        [reply({"done": True, "records": []})],
        [reply({"totalSize": 1, "records": rows(1)})],
        [reply([1, 2])],
    ],
    ids=["fewer", "more", "fewer in all", "empty page", "no link", "no records", "no total", "no done", "a list"],
)
def test_a_page_that_does_not_add_up_is_not_an_answer(stub: Stub, answers: list[bytes]) -> None:
    stub.on("GET", "queryAll", answers[0])
    stub.on("GET", "query/01g-2", answers[-1])
    with pytest.raises(Unavailable):
        read(stub)


@pytest.mark.parametrize("following", ["@127.0.0.1:9/x", ".crm.example/x", ":80/x"])
def test_a_link_to_another_host_is_not_followed(stub: Stub, following: str) -> None:
    stub.on("GET", "queryAll", page(rows(1), 2, following))
    with pytest.raises(Unavailable, match="not part of the connection"):
        read(stub)


def test_a_link_to_another_server_gets_no_token(stub: Stub) -> None:
    with raw_server(lambda _: page([])) as other:
        stub.on("GET", "queryAll", page(rows(1), 2, f"@{other.url.removeprefix('http://')}/x"))
        with pytest.raises(Unavailable):
            read(stub)
        assert other.asked == []


def test_a_lost_place_is_taken_up_behind_the_last_record(stub: Stub) -> None:
    stub.on("GET", "queryAll", page(rows(1, 2), 4, NEXT), page(rows(3, 4)))
    stub.on("GET", "query/01g-2", error("INVALID_QUERY_LOCATOR"))
    assert read(stub) == [row(number)["Id"] for number in (1, 2, 3, 4)]
    again = stub.queries()[1]
    stamp = "2026-11-22T09:00:00.000Z"
    assert f"SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '{row(2)['Id']}')" in again


def test_a_place_that_is_lost_again_and_again_ends_the_read(stub: Stub) -> None:
    stub.on("GET", "queryAll", page(rows(1), 2, NEXT))
    stub.on("GET", "query/01g-2", error("INVALID_QUERY_LOCATOR"))
    with pytest.raises(Unavailable, match="place"):
        read(stub)
    assert len(stub.queries()) == 4


def test_two_limits_with_one_code_are_told_apart(stub: Stub) -> None:
    sleeps = Sleeps()
    stub.on(
        "GET", "queryAll", error("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.", 403), page([])
    )
    assert read(stub, sleeps) == []
    assert len(sleeps) == 1
    stub.on("GET", "queryAll", error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403))
    with pytest.raises(Unavailable, match="daily API quota") as caught:
        read(stub, sleeps)
    assert caught.value.retry_after_seconds == 3600
    assert len(sleeps) == 1


@pytest.mark.parametrize(
    ("answer", "expected", "said"),
    [
        (error("INVALID_FIELD", "No such column 'Foo__c' on entity 'Account'."), Misconfigured, "Foo__c.*security"),
        (error("API_DISABLED_FOR_ORG", "API is not enabled", 403), Misconfigured, "may not do this"),
        (error("UNSUPPORTED_API_VERSION", "gone", 410), Misconfigured, "API version 66.0"),
        (error("MALFORMED_QUERY", "unexpected token"), Broken, "does not understand"),
        (error("QUERY_TIMEOUT", "too long"), Unavailable, "QUERY_TIMEOUT"),
        (error("UNKNOWN_EXCEPTION", "An unexpected error occurred", 500), Unavailable, "UNKNOWN_EXCEPTION"),
        (reply(b"<html>login</html>", Content_Type="text/html"), Unavailable, "text/html"),
        (reply(b"<html>proxy</html>", 407, Content_Type="text/html"), Unavailable, "not Salesforce"),
    ],
    ids=["field", "api off", "version", "our query", "time-out", "unknown", "html", "proxy"],
)
def test_an_error_is_one_of_the_five_by_what_happens_next(
    stub: Stub, answer: bytes, expected: type[IsthmusError], said: str
) -> None:
    stub.on("GET", "queryAll", answer)
    with pytest.raises(expected, match=said):
        read(stub)


def test_a_server_without_a_clock_is_no_source(stub: Stub) -> None:
    stub.on("GET", "/services/data", reply([{"version": "66.0"}]))
    with pytest.raises(Unavailable, match="what time it is"):
        read(stub)


def lock(asked: Asked, locked: set[str]) -> bytes:
    """Refuses these rows as locked; their text may hide in a trigger's error."""
    told = []
    for one in asked.json()["records"]:
        if one["id"] in locked:
            message = "trigger failed: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access"
            told.append(
                {"success": False, "errors": [{"statusCode": "CANNOT_EXECUTE_FLOW_TRIGGER", "message": message}]}
            )
        else:
            told.append({"id": one["id"], "success": True, "errors": []})
    return reply(told)


def test_a_locked_row_is_tried_again_alone_and_with_growing_waits(stub: Stub) -> None:
    sleeps, busy = Sleeps(), {row(2)["Id"]}
    stub.on(
        "PATCH",
        COLLECTION,
        lambda asked: lock(asked, busy),
        lambda asked: lock(asked, busy),
        lambda asked: lock(asked, set()),
    )
    answers = connect(stub, sleeps).write("Account", [update(1), update(2), update(3)])
    assert [one.result for one in answers] == ["updated"] * 3
    assert [len(one.json()["records"]) for one in stub.asked(COLLECTION)] == [3, 1, 1]
    assert len(sleeps) == 2
    assert 0 < sleeps[0] < 1


def test_a_row_that_stays_locked_is_refused_in_the_end(stub: Stub) -> None:
    stub.on("PATCH", COLLECTION, lambda asked: lock(asked, {row(2)["Id"]}))
    answers = connect(stub).write("Account", [update(1), update(2)])
    assert [(one.result, one.busy) for one in answers] == [("updated", False), ("refused", True)]
    assert len(stub.asked(COLLECTION)) == 5
    assert "nothing to do: the next run tries it again" in str(answers[1].fault), "neither record nor mapping is wrong"


def test_a_row_at_which_salesforce_itself_failed_is_tried_again(stub: Stub) -> None:
    failed = {"statusCode": "UNKNOWN_EXCEPTION", "message": "An unexpected error occurred. ErrorId 17-42"}
    answer = reply([{"success": False, "errors": [failed]}])
    stub.on("PATCH", COLLECTION, answer, lambda asked: lock(asked, set()))
    assert [one.result for one in connect(stub).write("Account", [update(1)])] == ["updated"]
    stub.on("PATCH", COLLECTION, answer)
    (told,) = connect(stub).write("Account", [update(1)])
    assert (told.result, told.busy) == ("refused", True)
    assert str(told.fault).endswith(
        "ErrorId 17-42 (UNKNOWN_EXCEPTION); Salesforce itself failed; nothing to do: the next run tries it again"
    )


def test_a_value_that_cannot_be_read_stops_no_neighbour(stub: Stub) -> None:
    """Salesforce takes the whole request apart before it looks at the first record."""

    def take(asked: Asked) -> bytes:
        ids = [one["id"] for one in asked.json()["records"]]
        if row(3)["Id"] in ids:
            return error("JSON_PARSER_ERROR", "Cannot deserialize instance of date from VALUE_STRING value 20226-11-01")
        return reply([{"id": one, "success": True, "errors": []} for one in ids])

    stub.on("PATCH", COLLECTION, take)
    answers = connect(stub).write("Account", [update(number) for number in range(5)])
    assert [one.result for one in answers] == ["updated", "updated", "updated", "refused", "updated"]
    assert "value 20226-11-01 (JSON_PARSER_ERROR)" in str(answers[3].fault)


def told(*numbers: int) -> bytes:
    return reply([{"id": row(number)["Id"], "success": True, "errors": []} for number in numbers])


@pytest.mark.parametrize(
    ("answer", "results"),
    [
        (told(1, 2), ["updated", "updated", "in_doubt"]),
        (told(3), ["in_doubt", "in_doubt", "updated"]),
        (told(3, 2, 1), ["updated", "updated", "updated"]),
        (told(1, 1, 3), ["updated", "in_doubt", "updated"]),
        (told(1, 2, 3, 4), ["updated", "updated", "updated"]),
        (reply({"hasErrors": False}), ["in_doubt"] * 3),
        (reply([]), ["in_doubt"] * 3),
    ],
    ids=["short", "only the last", "other order", "one twice", "one more", "an object", "empty"],
)
def test_answers_are_matched_by_record_and_what_has_none_is_in_doubt(
    stub: Stub, answer: bytes, results: list[str]
) -> None:
    stub.on("PATCH", COLLECTION, answer)
    assert [one.result for one in connect(stub).write("Account", [update(n) for n in (1, 2, 3)])] == results


def test_a_lost_answer_to_an_update_is_asked_for_again(stub: Stub) -> None:
    stub.on("PATCH", COLLECTION, None, told(1))
    assert [one.result for one in connect(stub).write("Account", [update(1)])] == ["updated"]
    first, second = stub.asked(COLLECTION)
    assert first.body == second.body


def test_before_anything_is_written_an_outage_is_an_error_and_later_it_is_doubt(stub: Stub) -> None:
    stub.on("PATCH", COLLECTION, error("SERVER_UNAVAILABLE", "busy", 503))
    with pytest.raises(Unavailable):
        connect(stub).write("Account", [update(1)])
    many = [update(number) for number in range(201)]
    stub.on("PATCH", COLLECTION, told(*range(200)), error("SERVER_UNAVAILABLE", "busy", 503))
    results = [one.result for one in connect(stub).write("Account", many)]
    assert results == ["updated"] * 200 + ["in_doubt"]


def test_the_loser_of_a_race_for_a_new_key_finds_what_the_winner_made(stub: Stub) -> None:
    refused = {"success": False, "errors": [{"statusCode": "DUPLICATE_VALUE", "message": "duplicate value found"}]}
    won = {"id": ACCOUNT, "success": True, "created": False}
    stub.on("PATCH", f"{COLLECTION}/Account/ERP_Key__c", reply([refused]), reply([won]))
    (answer,) = connect(stub).write("Account", [Change("create", "k", {"Name": "Ada"})])
    assert (answer.result, answer.id) == ("created", ACCOUNT)


def test_one_record_twice_goes_in_two_requests_in_order(stub: Stub) -> None:
    stub.on("PATCH", COLLECTION, told(1))
    changes = [
        Change("update", "a", {"Name": "first"}, id=ACCOUNT),
        Change("update", "b", {"Name": "last"}, id=ACCOUNT),
    ]
    assert [one.result for one in connect(stub).write("Account", changes)] == ["updated"] * 2
    assert [one.json()["records"][0]["Name"] for one in stub.asked(COLLECTION)] == ["first", "last"]


def test_reading_stops_before_writing_does_when_the_quota_nears_its_end(stub: Stub) -> None:
    usage = "api-usage=500/1000; per-app-api-usage=95/100(appName=isthmus)"
    stub.on("GET", "queryAll", reply({"totalSize": 0, "done": True, "records": []}, Sforce_Limit_Info=usage))
    stub.on("PATCH", COLLECTION, told(1))
    crm = connect(stub)
    list(crm.read(NAMES, SINCE, NONE))
    with pytest.raises(Unavailable, match="95 of 100 requests"):
        list(crm.read(NAMES, SINCE, NONE))
    assert crm.write("Account", [update(1)])[0].result == "updated"


def test_no_secret_and_no_query_is_in_a_log(stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stub.on("GET", "queryAll", page(rows(1)))
    crm = connect(stub)
    crm.find("Account", ("Name",), [("somebody private",)])
    assert "GET /services/data/v66.0/queryAll" in caplog.text
    for secret in ("invented-secret", "00D!1", "somebody private", "SELECT"):
        assert secret not in caplog.text.replace("%20", " ")
        assert secret not in f"{crm.config!r}{crm!r}"


def test_only_what_moved_is_asked_for_and_never_with_an_offset(stub: Stub) -> None:
    read(stub)
    (soql,) = stub.queries()
    assert "SystemModstamp >= 2026-11-22T08:00:00.000Z AND SystemModstamp < 2026-11-22T09:59:55.000Z" in soql
    assert soql.endswith("ORDER BY SystemModstamp, Id")
    assert soql_of(stub.asked("queryAll")[0]) == soql
