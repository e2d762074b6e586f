"""The CRM is down, slow, half there, or does not let us in: is it said clearly, and is nothing lost or half-written?"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import connectors.salesforce
from isthmus.app import Order, open_workshop
from isthmus.connect.http import Limits, Ports
from isthmus.kernel.clock import SetClock
from isthmus.settings import load_settings
from tests.scenarios.conftest import Template
from tests.scenarios.mishaps import ENTITIES, ROOT, Site, site_from

QUERY = "/query"
TOKEN = "/services/oauth2/token"
_NUMBERS = count(5550100)


@pytest.fixture(scope="module", autouse=True)
def impatient() -> Iterator[None]:
    """Nobody waits between two tries; a second without an answer is silence."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connectors.salesforce, "Ports", partial(Ports, sleep=lambda _seconds: None))
        patch.setattr(connectors.salesforce, "Limits", partial(Limits, silence_seconds=0.3))
        yield


@pytest.fixture(scope="module")
def shared(synchronised: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A company in step; every test brings its own edits and ends in step."""
    with site_from(synchronised, tmp_path_factory.mktemp("shared") / "company") as site:
        yield site


@pytest.fixture
def site(synchronised: Template, tmp_path: Path) -> Iterator[Site]:
    """A company of one's own, in step, where people have worked since."""
    with site_from(synchronised, tmp_path / "company") as site:
        site.news()
        yield site


def edit(site: Site) -> str:
    """Sales corrects a customer's number; answers the number."""
    (known, *_) = site.crm("SELECT Id FROM Account WHERE Type = 'Customer' AND IsDeleted = 0 ORDER BY Id")
    phone = f"+49 30 {next(_NUMBERS)}"
    site.sell("update", "Account", Id=known[0], Phone=phone)
    return phone


def has(site: Site, phone: str) -> bool:
    return bool(site.rows("SELECT 1 FROM erp_customer WHERE phone = :phone", phone=phone))


def fails(site: Site, code: int, *words: str) -> str:
    """A run that must fail without having written anything of a page; answers its one line."""
    before = site.contents()
    said = site.isthmus("sync", *(words or ("customer",)))
    assert said.code == code, said
    after = site.contents()
    assert {table: rows for table, rows in after.items() if rows != before[table]} == {}
    return said.fault


# --- no whole answer ----------------------------------------------------------------------------------------------


def answers(body: Any, status: int = 200) -> dict[str, Any]:
    return {"kind": "status", "status": status, "body": body}


NO_ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "cut before the work": ({"kind": "cut"}, "the connection broke before the whole answer was there"),
    "cut after the work": ({"kind": "lost"}, "the connection broke before the whole answer was there"),
    "slower than the time-out": ({"kind": "slow", "seconds": 0.6}, "no answer within 0.3 seconds"),
    "half of the JSON": ({"kind": "truncated"}, "the answer is not whole JSON"),
    "HTML with 503": ({"kind": "html"}, "Salesforce answers 503"),
    "HTML with 200": (answers("<html>Hello</html>"), "'text/html' came where json was expected"),
    "HTML with 404": (answers("<html>", 404), "something that is not Salesforce answers 404"),
    "an empty 502": (answers(None, 502), "Salesforce answers 502"),
    "JSON that is no page": (answers({"ok": True}), "answered without records"),
    "a list": (answers([]), "answered without records"),
    "null": (answers(None), "answered without records"),
    "fewer than announced": (
        answers({"totalSize": 7, "done": True, "records": []}),
        "a query announced 7 records and gave 0",
    ),
    "neither done nor more": (
        answers({"totalSize": 7, "done": False, "records": []}),
        "neither ended nor said how it goes on",
    ),
    "no number of records": (answers({"done": True, "records": []}), "did not say how many records there are"),
    "too many long requests": (
        answers([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentPerOrgLongTxn Limit exceeded."}], 403),
        "too many long requests run in the organisation",
    ),
}


@pytest.mark.parametrize("case", NO_ANSWERS)
def test_what_is_no_whole_answer_stops_the_run_and_the_next_one_completes_it(shared: Site, case: str) -> None:
    fault, says = NO_ANSWERS[case]
    phone = edit(shared)
    shared.break_requests(**fault, path=QUERY, count=1000)
    told = fails(shared, 75)
    assert says in told
    shared.mend()
    assert shared.isthmus("sync", "customer").code == 0
    assert has(shared, phone)


def test_one_bad_answer_is_asked_for_again_in_the_same_run(shared: Site) -> None:
    for kind in ("cut", "lost", "truncated", "html"):
        phone = edit(shared)
        shared.break_requests(kind, path=QUERY)
        assert shared.isthmus("sync", "customer").code == 0
        assert has(shared, phone), kind


def test_wherever_the_crm_goes_away_nothing_is_lost_doubled_or_half_written(site: Site) -> None:
    """It goes away at the first request, three later, … until a run gets through: also between write and answer."""
    kinds = ("lost", "cut", "truncated", "html")
    for number in count(step=3):
        site.break_requests(kinds[number % len(kinds)], skip=number, count=1000)
        said = site.isthmus("sync")
        site.mend()
        site.check_whole()
        if said.code == 0:
            break
        assert said.code == 75, said
        assert said.fault
    assert number > 20
    site.sync()
    site.check_agreement()
    assert site.rows("SELECT count(*) FROM state_worklist") == [(0,)]
    assert site.rows("SELECT count(*) FROM state_intent WHERE settled_at IS NULL") == [(0,)]


def test_nobody_listens(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = site.playground.url
    site.extra["instance_url"] = f"http://127.0.0.1:{port}"
    told = fails(site, 75)
    assert told.startswith("connection salesforce_default login: ")
    assert f"127.0.0.1:{port} cannot be reached" in told
    assert site.isthmus("check").code == 75
    site.extra["instance_url"] = url
    site.sync()
    site.check_agreement()


def test_a_used_up_quota_says_when_to_try_again_and_burns_no_attempts(site: Site) -> None:
    waiting = site.order(site.account("Prospect Example", Type="Prospect"))
    site.sync()
    attempts = site.rows("SELECT source_id, attempts FROM state_worklist")
    edit(site)
    site.break_requests("limit", path=QUERY, count=1000)
    told = fails(site, 75)
    assert "the organisation's daily API quota is used up" in told
    assert "24-hour window" in told
    said = site.isthmus("sync", "order", "--json")
    assert json.loads(said.out)["error"]["retry_after_seconds"] == 3600
    assert site.rows("SELECT source_id, attempts FROM state_worklist") == attempts
    site.mend()
    site.sync()
    assert not [row for row in site.rows("SELECT source_id FROM state_worklist") if row[0] != waiting]


# --- who we are ---------------------------------------------------------------------------------------------------


def test_a_wrong_secret_is_said_once_and_never_tried_again(shared: Site) -> None:
    shared.extra["consumer_secret"] = "not-the-secret-at-all"
    shared.break_requests("slow", path=TOKEN, count=1000, seconds=0)  # counts what comes
    told = fails(shared, 2)
    (left,) = [one["count"] for one in shared.door("faults", verb="GET")]
    shared.mend()
    del shared.extra["consumer_secret"]
    assert told.startswith("connection salesforce_default login: Salesforce refuses the login: ")
    assert "check consumer_key and consumer_secret" in told
    assert "not-the-secret" not in told
    assert 1000 - left == 1
    assert shared.isthmus("sync", "customer").code == 0


def test_a_session_that_ends_in_mid_read_is_renewed(shared: Site) -> None:
    for skip in range(4):
        phone = edit(shared)
        shared.break_requests("expired", skip=skip, path="/services/data")
        assert shared.isthmus("sync", "customer").code == 0
        assert has(shared, phone)


def test_a_revoked_user_is_asked_for_a_token_twice_at_most(shared: Site) -> None:
    phone = edit(shared)
    shared.break_requests("slow", path=TOKEN, count=1000, seconds=0)
    shared.break_requests("expired", path="/services/data", count=1000)
    told = fails(shared, 2)
    left = next(one["count"] for one in shared.door("faults", verb="GET") if one["path"] == TOKEN)
    shared.mend()
    assert 1000 - left <= 2
    assert told.startswith("connection salesforce_default: ")
    assert shared.isthmus("sync", "customer").code == 0
    assert has(shared, phone)


def test_plain_http_to_another_machine_is_refused_before_anything_is_sent(shared: Site) -> None:
    shared.extra["instance_url"] = "http://crm.example"
    told = fails(shared, 2)
    del shared.extra["instance_url"]
    assert told == (
        "connection salesforce_default: crm.example is asked for without encryption; "
        "use https; plain http is for 127.0.0.1"
    )


def test_an_unknown_connection_is_named(shared: Site) -> None:
    settings = shared.folder / "isthmus.yaml"
    before = settings.read_text()
    settings.write_text(before.replace("salesforce_default", "salesforce_typo"))
    told = fails(shared, 2)
    settings.write_text(before)
    assert told.startswith("connection salesforce_typo: there is no AIRFLOW_CONN_SALESFORCE_TYPO ")


# --- clocks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset_seconds", [3600, -3600])
def test_a_crm_whose_clock_is_set_an_hour_off_loses_and_doubles_nothing(site: Site, offset_seconds: int) -> None:
    """The clock jumps between two runs and back, and people work on for longer than a read looks back."""
    for offset in (0, offset_seconds, 0):
        site.door("settings", clock_offset_seconds=offset)
        site.news()
        site.clock.advance(timedelta(minutes=20))
        site.sync()
        site.check_agreement()
    for entity in ENTITIES:
        doubled = f"SELECT crm_id FROM state_binding WHERE entity = '{entity}' GROUP BY crm_id HAVING count(*) > 1"
        assert site.rows(doubled) == []


@pytest.mark.parametrize("offset_minutes", [60, -60])
def test_isthmus_on_a_machine_whose_clock_is_an_hour_off_loses_and_doubles_nothing(
    synchronised: Template, tmp_path: Path, offset_minutes: int
) -> None:
    """What we store is bounded by the CRM's clock; ours dates only the audit."""
    with site_from(synchronised, tmp_path / "company") as site:
        settings = replace(load_settings(ROOT / "isthmus.yaml", {}), database=site.database)
        theirs = site.playground.connection
        connection = replace(theirs, extra={**theirs.extra, **site.extra})
        for off in (0, offset_minutes, 0):
            site.news()
            site.clock.advance(timedelta(minutes=20))
            ours = SetClock(site.clock.now() + timedelta(minutes=off))
            shop = open_workshop(settings, {}, connections={"salesforce_default": connection}, clock=ours)
            assert all(report.adds_up for report in shop.sync_all(shop.names(), Order("cli:ada")))
            shop.close()
            site.check_agreement()
