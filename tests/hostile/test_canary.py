"""Canaries: unique strings stand where secrets and people's data are. After every kind of failure, where do they sing?

Secrets may be nowhere. Personal data are in the records, on the worklist and in the audit, where they can be erased;
they are in no log, no error of a run, nothing that Airflow keeps.
"""

from __future__ import annotations

import base64
import json
import logging
import sqlite3
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import isthmus_tasks
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from isthmus.playground import oauth
from tests.connect.raw_server import Asked, raw_server, reply
from tests.scenarios.mishaps import Site

PATHS = ("/services/oauth2/token", "/services/data", "/query", "/composite")


@dataclass
class Overheard:
    """Everything that was said where others listen, by place."""

    site: Site
    caplog: pytest.LogCaptureFixture
    said: list[str] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)
    airflow: list[str] = field(default_factory=list)

    def run(self, *words: str) -> None:
        """A command, in text and in JSON with the debugging option."""
        for more in ((), ("--json", "--debug")):
            told = self.site.isthmus(*words, *more)
            self.codes.add(told.code)
            self.said += [told.out, told.err]

    def task(self, work: Callable[[], Any]) -> None:
        """A task: what it returns is kept by Airflow; an error goes to its log with the traceback, and to people."""
        try:
            self.airflow.append(repr(work()))
        except Exception as error:  # noqa: BLE001 - as Airflow does
            self.airflow += traceback.format_exception(error)
            run = SimpleNamespace(dag_id="isthmus_customer", run_id="manual__1")
            self.airflow.append(isthmus_tasks.tell_failure({"dag_run": run, "exception": error}))

    def logs(self) -> dict[str, str]:
        """What is written for whoever operates the machine."""
        log = self.site.folder / "var" / "isthmus.log"
        runs = self.site.rows("SELECT coalesce(error, ''), coalesce(report, '') FROM state_run")
        return {
            "logging": self.caplog.text,
            "isthmus.log": log.read_text() if log.exists() else "",
            "Airflow": "".join(self.airflow),
            "runs": "".join(f"{error}{report}" for error, report in runs),
        }

    def everything(self) -> dict[str, str]:
        """The same, what commands said, and every byte of our database."""
        files = sorted(self.site.folder.glob("isthmus.db*"))
        database = "".join(file.read_bytes().decode("latin-1") for file in files)
        return {**self.logs(), "commands": "".join(self.said), "database": database}


def assert_silent(places: dict[str, str], canaries: list[str]) -> None:
    heard = {name: [one for one in canaries if one in words] for name, words in places.items()}
    assert {name: found for name, found in heard.items() if found} == {}


@pytest.fixture
def overheard(site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Overheard:
    """Listens at the finest level of logging, to commands and to tasks."""
    caplog.set_level(logging.DEBUG)
    run = SimpleNamespace(triggering_user_name=None, run_type="scheduled")
    monkeypatch.setattr(isthmus_tasks, "get_current_context", lambda: {"dag_run": run})
    return Overheard(site, caplog)


@pytest.fixture
def airflow(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Hands the site's environment, as it is then, to the process: tasks read it there."""

    def hand_over() -> None:
        for name, value in site._environ.items():
            monkeypatch.setenv(name, value)

    hand_over()
    return hand_over


# --- secrets ------------------------------------------------------------------------------------------------------


def log_in(site: Site) -> str:
    """A session of the playground, as somebody would hand it to us."""
    body = {"grant_type": "client_credentials", "client_id": oauth.CONSUMER_KEY, "client_secret": oauth.CONSUMER_SECRET}
    request = Request(f"{site.playground.url}/services/oauth2/token", urlencode(body).encode())
    with urlopen(request, timeout=10) as answer:
        return str(json.loads(answer.read())["access_token"])


def by_session(site: Site) -> list[str]:
    session = log_in(site)
    site.extra |= {"session_id": session, "consumer_key": None, "consumer_secret": None}
    return [session, session.partition("!")[2]]


def by_key(site: Site) -> list[str]:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    site.door("settings", jwt_public_key=public)
    site.extra |= {"private_key": pem, "consumer_secret": None}
    return pem.splitlines()[1:-1]


def by_secret(site: Site) -> list[str]:
    return [oauth.CONSUMER_SECRET]


WAYS = {"a session that was handed to us": by_session, "a signing key": by_key, "a client's secret": by_secret}


@pytest.mark.parametrize("way", WAYS)
def test_no_failure_of_the_crm_tells_how_we_log_in(
    overheard: Overheard, airflow: Callable[[], None], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of failure at each step of the way, with answers that quote what we sent."""
    site = overheard.site
    monkeypatch.setattr(oauth, "CONSUMER_SECRET", "canary-consumer-secret-8d1f")
    if way == "a client's secret":
        site.extra["consumer_secret"] = oauth.CONSUMER_SECRET
    site.extra["login"] = "integration@example.com"
    secrets = WAYS[way](site)
    airflow()
    site.news()
    quoted = [{"errorCode": "X", "message": f"bad header Authorization: Bearer {secrets[0]}"}]
    faults: tuple[dict[str, Any], ...] = (
        {"kind": "cut"}, {"kind": "html"}, {"kind": "expired"},
        {"kind": "status", "status": 400, "body": quoted}, {"kind": "status", "status": 403, "body": quoted},
        {"kind": "status", "status": 500, "body": f"<html>{secrets[0]}</html>"},
        {"kind": "status", "status": 302, "body": quoted},
    )  # fmt: skip
    for place, fault in enumerate(faults):
        site.break_requests(**fault, path=PATHS[place % len(PATHS)], count=1000)
        overheard.run("sync", "customer")
        overheard.task(lambda: isthmus_tasks.sync("customer"))
        site.mend()
    site.door("sessions/end")
    overheard.run("check")
    overheard.task(lambda: isthmus_tasks.preflight("customer"))
    assert {0, 2, 75} & overheard.codes
    tokens = [token for (token,) in site.crm('SELECT token FROM "_session"')]
    assert_silent(overheard.everything(), [*secrets, *tokens, *(one.partition("!")[2] for one in tokens)])


TRYTON_PASSWORD = "canary-tryton-61c0"
TRYTON_SESSION = "canary-session-2b77"


def logged_in(asked: Asked) -> bytes | None:
    """The login succeeds; every other call is refused with what it brought along."""
    if b"common.db.login" in asked.body:
        return reply({"id": 0, "result": [1, TRYTON_SESSION]})
    return reply([f"bad header {asked.headers['authorization']}"], 403)


QUOTING: dict[str, Callable[[Asked], bytes | None]] = {
    "401": lambda asked: reply(asked.body, 401, WWW_Authenticate=asked.body.decode()[:200]),
    "500": lambda asked: reply(f"<html>{asked.body.decode()}".encode(), 500, Content_Type="text/html"),
    "400": lambda asked: reply([asked.body.decode()], 400),
    "logged in": logged_in,
    "no answer": lambda _: None,
}
#: Refusals of Tryton's own, which come with status 200.
TOLD: dict[str, Callable[[Asked], bytes | None]] = {
    "a refusal": lambda asked: reply({"error": ["UserError", [asked.body.decode(), str(asked.headers)]]}),
    "an error": lambda asked: reply({"error": f"{asked.body.decode()} {asked.headers}"}),
}


@pytest.mark.parametrize("name", [*QUOTING, *TOLD])
def test_no_failure_of_tryton_tells_its_password_or_session(
    overheard: Overheard, airflow: Callable[[], None], name: str
) -> None:
    """A server that quotes in its errors what it was sent."""
    site = overheard.site
    (site.folder / "isthmus.yaml").write_text(
        "crm: {connection: salesforce_default}\nerp: {connection: tryton_default}\ndatabase: sqlite:///isthmus.db\n"
    )
    with raw_server({**QUOTING, **TOLD}[name]) as server:
        told = {"host": server.url, "schema": "acme", "login": "isthmus", "password": TRYTON_PASSWORD}
        site.environ["AIRFLOW_CONN_TRYTON_DEFAULT"] = json.dumps({"conn_type": "tryton", **told})
        airflow()
        overheard.run("sync", "customer")
        overheard.task(lambda: isthmus_tasks.sync("customer"))
        assert server.asked
    header = base64.b64encode(f"isthmus:1:{TRYTON_SESSION}".encode()).decode()
    assert not overheard.codes & {0}
    assert_silent(overheard.everything(), [TRYTON_PASSWORD, TRYTON_SESSION, header])


def test_no_traceback_of_a_task_tells_the_databases_password(overheard: Overheard, airflow: Callable[[], None]) -> None:
    password = "canary-database-5e3a"
    before = overheard.site.environ.get("ISTHMUS_DATABASE")
    assert before is None
    for url in (f"postgresql://isthmus:{password}@127.0.0.1:1/x", f"postgresql://isthmus:{password}@h:port/x",
                f"mysql://isthmus:{password}@h/x", f"sqlite:///x?password={password}", password):  # fmt: skip
        overheard.site.environ["ISTHMUS_DATABASE"] = url
        airflow()
        for words in ("sync", "status", "db check"):
            overheard.run(*words.split())
        overheard.task(lambda: isthmus_tasks.sync("customer"))
        overheard.task(isthmus_tasks.open_questions)
    del overheard.site.environ["ISTHMUS_DATABASE"]
    assert overheard.codes <= {2, 75}
    assert_silent(overheard.everything(), [password])


# --- people -------------------------------------------------------------------------------------------------------

LAST_NAME, EMAIL = "Canarini", "canary.ada@person.example"
PHONE, TAX_ID, STREET = "+49 30 7770042", "DE777000421", "Canary Lane 7"
PERSON = [LAST_NAME, EMAIL, PHONE, TAX_ID, STREET, TAX_ID.lower(), "7770042"]


def person(site: Site, name: str, **fields: Any) -> str:
    """A customer with a contact, everything of whom is a canary."""
    given = {"Phone": PHONE, "Tax_Id__c": TAX_ID, "BillingStreet": STREET, "BillingCountryCode": "DE", **fields}
    account = site.account(name, **given)
    contact = site.sell("create", "Contact", AccountId=account, LastName=LAST_NAME, Email=EMAIL, Phone=PHONE)
    site.sell("update", "Account", Id=account, Primary_Contact__c=contact)
    return account


def fail_for(overheard: Overheard, airflow: Callable[[], None]) -> None:
    """Created, invalid, ambiguous, changed on both sides, unheard, cut off, and an error nobody expected."""
    site = overheard.site

    def run() -> None:
        overheard.run("sync")
        for name in ("customer", "order"):
            overheard.task(lambda name=name: isthmus_tasks.sync(name))  # type: ignore[misc]

    first = person(site, "Alder Canary Ltd")
    site.order(first)
    run()
    person(site, "Birch Canary Ltd")  # the same tax number: ambiguous
    person(site, "Cedar Canary Ltd", Tax_Id__c=None, Phone=f"{PHONE}\x1b[2J")
    person(site, f"{LAST_NAME} " * 25, Tax_Id__c=None)
    run()
    for kind in ("lost", "html", "truncated", "cut"):
        site.sell("update", "Account", Id=first, Phone=PHONE + "1")
        site.break_requests(kind, count=1000, method="PATCH")
        run()
        site.mend()
    with closing(sqlite3.connect(site.file)) as db:
        db.execute("ALTER TABLE erp_customer RENAME COLUMN match_name TO matched")
        db.commit()
    person(site, "Elm Canary Ltd", Tax_Id__c=f"{TAX_ID}5")
    run()


def test_logs_runs_and_airflow_know_nobody(overheard: Overheard, airflow: Callable[[], None]) -> None:
    fail_for(overheard, airflow)
    assert {0, 70} <= overheard.codes
    site = overheard.site
    kept = site.rows("SELECT crm_form FROM state_binding WHERE crm_form LIKE :name", name=f"%{LAST_NAME}%")
    assert kept, "the form holds what the record says"
    reasons = {reason for (reason,) in site.rows("SELECT reason FROM state_worklist")}
    assert {"invalid", "ambiguous"} <= reasons
    assert_silent(overheard.logs(), PERSON)


def test_what_an_unexpected_error_says_shows_no_row(overheard: Overheard, airflow: Callable[[], None]) -> None:
    """A statement that fails has people's values beside it."""
    site = overheard.site
    with closing(sqlite3.connect(site.file)) as db:
        db.execute("CREATE TRIGGER odd BEFORE INSERT ON erp_customer BEGIN SELECT RAISE(ABORT, 'odd'); END")
        db.commit()
    person(site, "Alder Canary Ltd")
    overheard.run("sync", "customer")
    overheard.task(lambda: isthmus_tasks.sync("customer"))
    assert_silent(overheard.logs(), PERSON)
    assert_silent({"commands": "".join(overheard.said)}, PERSON)


def test_the_folder_of_the_tests_is_what_is_looked_through(overheard: Overheard, tmp_path: Path) -> None:
    """The canaries can sing: planted in each place, each is heard."""
    site = overheard.site
    (site.folder / "var").mkdir()
    (site.folder / "var" / "isthmus.log").write_text("canary-a")
    logging.getLogger("isthmus.x").debug("canary-b")
    overheard.task(lambda: "canary-c")
    overheard.task(lambda: (_ for _ in ()).throw(ValueError("canary-d")))
    with closing(sqlite3.connect(site.file)) as db:
        db.execute("UPDATE state_run SET error = 'canary-e'")
        db.commit()
    overheard.said.append("canary-f")
    for one in "abcdef":
        with pytest.raises(AssertionError, match=f"canary-{one}"):
            assert_silent(overheard.everything(), [f"canary-{one}"])
