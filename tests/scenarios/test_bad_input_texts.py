"""What people type, and what only we know: does hostile text arrive unchanged and steer nothing, do secrets stay in?"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from unicodedata import category

import pytest

import connectors.salesforce
from isthmus.connect.http import Ports
from isthmus.playground import oauth
from tests.scenarios.conftest import Template
from tests.scenarios.mishaps import Said, Site, site_from

HOSTILE = {
    "a formula": '=HYPERLINK("http://evil.example","x")',
    "an older formula": "@SUM(1+1)*cmd|' /C calc'!A0",
    "SQL": "Robert'); DROP TABLE erp_customer;--",
    "a parameter": "%s %(name)s :name ? {0} ${HOME}",
    "SOQL": "x' OR Name != '",
    "HTML": "<script>alert(1)</script>&amp;",
    "markup of a terminal": "[red]Example[/red] :bomb:",
    "a carriage return": "Example\rcustomer: everything is in order",
    "a line separator": "Example\u2028sync: done",
    "a turn to the left": "Example \u202egnp.exe",
    "an isolate": "Example \u2066\u2069 Ltd",
    "emoji": "Bäckerei 🥐 👩‍👩‍👧 Example",
    "a zero width blank": "Exa\u200bmple",
    "combining signs": "Exámple " + "́" * 40,
    "other letters": "Пример 例 مثال Örnek İı ſ ẞ",
    "YAML": "- {a: *b} # !!x",
    "a path": "../../etc/passwd",
    "a number": "00012e3",
    "a word for nothing": "NULL",
}
#: No text at all: it stays where it is until somebody takes the character out.
CONTROLS = {
    "an escape sequence": "Example \x1b[2J\x1b]0;owned\x07 Ltd",
    "a C1 control": "Example \x9b31m Ltd",
}


@pytest.fixture
def site(synchronised: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A company in step. Nobody waits between two tries."""
    monkeypatch.setattr(connectors.salesforce, "Ports", partial(Ports, sleep=lambda _seconds: None))
    with site_from(synchronised, tmp_path / "company") as site:
        yield site


def is_harmless(said: Said) -> bool:
    """Nothing but letters, signs, blanks and our own line ends."""
    return all(one == "\n" or one.isprintable() or category(one) == "Zs" for one in said.out + said.err)


def test_hostile_text_arrives_as_it_was_typed_and_steers_no_terminal(site: Site) -> None:
    """In a name, and in a field that no function touches."""
    accounts = {}
    for case, words in HOSTILE.items():
        accounts[case] = site.account(words, BillingStreet=words, BillingCity="Example", BillingCountryCode="DE")
    planned = [site.isthmus("plan", "customer"), site.isthmus("plan", "customer", "--json")]
    assert all(is_harmless(said) and said.code == 0 for said in planned)
    said = site.isthmus("sync")
    assert said.code == 0, said
    assert is_harmless(said)
    stored = "SELECT name, billing_street FROM erp_customer JOIN erp_external_key ON record_id = id WHERE key LIKE :key"
    for case, words in HOSTILE.items():
        ((name, street),) = site.rows(stored, key=f"%/Account/{accounts[case]}")
        assert street == words.replace("\r", "\n"), case  # and has one kind of line end
        assert name.split() == words.split(), case  # the mapping collapses blanks
        told = site.isthmus("explain", "customer", accounts[case])
        assert told.code == 0
        assert is_harmless(told), case
    assert is_harmless(site.isthmus("erp", "customers"))
    document = json.loads(site.isthmus("explain", "customer", accounts["a turn to the left"], "--json").out)
    assert HOSTILE["a turn to the left"] in {row["erp_value"] for row in document["rows"]}


def test_text_that_cannot_be_carried_is_on_the_worklist_and_steers_no_terminal(site: Site) -> None:
    """Control characters; and orders of a prospect, whose hostile name and number are told as the reason."""
    controls = [site.account(words, Phone=words[:40]) for words in CONTROLS.values()]
    for words in HOSTILE.values():
        site.order(site.account(words, Type="Prospect"), PoNumber=words[:80])
    said = site.isthmus("sync")
    assert said.code == 0, said
    assert is_harmless(said)
    for command in (("worklist", "show"), ("worklist", "show", "--all"), ("worklist", "show", "--json"), ("status",)):
        said = site.isthmus(*command)
        assert said.code == 0, said
        assert is_harmless(said), command
    items = json.loads(site.isthmus("worklist", "show", "--json").out)["items"]
    assert {one["id"]: one["reason"] for one in items if one["id"] in controls} == dict.fromkeys(controls, "invalid")
    for item in items[:6]:
        assert is_harmless(site.isthmus("worklist", "show", str(item["number"])))
        told = site.isthmus("explain", item["entity"], item["id"])
        assert told.code == 0
        assert is_harmless(told)
    for account in controls:
        site.sell("update", "Account", Id=account, Name="Example Ltd", Phone=None)
    site.sync()
    site.check_whole()
    assert not site.rows("SELECT source_id FROM state_worklist WHERE reason = 'invalid'")


def test_an_id_that_is_typed_wrong_or_hostile_is_told_without_steering_the_terminal(site: Site) -> None:
    for words in (*HOSTILE.values(), *CONTROLS.values(), "", "0", "-1", "9" * 40, "001" + "x" * 12):
        for command in (
            ("explain", "customer", words),
            ("erp", "customer", words),
            ("sync", "customer", "--id", words),
        ):
            said = site.isthmus(*command)
            assert said.code in (0, 1, 2), (command, said)
            assert "Traceback" not in said.out + said.err
            assert is_harmless(said), command


# --- secrets ------------------------------------------------------------------------------------------------------

SECRET = "CANARY-consumer-7f3a"
PASSWORD = "CANARY-password-91bc"


def fail_in_many_ways(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[Said]:
    """What every command said: in text, and in JSON with the debugging option."""
    said: list[Said] = []

    def fail(*words: str) -> None:
        said.extend(site.isthmus(*words, *more) for more in ((), ("--json", "--debug")))

    quoted = [{"errorCode": "X", "message": f"bad Authorization: Bearer {SECRET}"}]
    faults: tuple[dict[str, Any], ...] = (
        {"kind": "cut"}, {"kind": "truncated"}, {"kind": "html"}, {"kind": "expired"}, {"kind": "limit"},
        {"kind": "status", "status": 400, "body": quoted},
        {"kind": "status", "status": 500, "body": f"<html>{SECRET}</html>"},
    )  # fmt: skip
    denied = {"error": "invalid_grant", "error_description": f"no such secret: {SECRET}"}
    site.break_requests("status", path="/services/oauth2/token", status=400, body=denied, count=2)
    fail("sync", "customer")
    for fault in faults:
        for path in ("/services/oauth2/token", "/services/data", "/query"):
            site.break_requests(**fault, path=path, count=1000)
            fail("sync", "customer")
            site.mend()
    monkeypatch.setattr(oauth, "CONSUMER_SECRET", "another")
    fail("check")
    site.extra["consumer_secret"] = ["CANARY"]
    fail("sync")
    site.extra["consumer_secret"] = SECRET
    for url in (f"postgresql://isthmus:{PASSWORD}@127.0.0.1:1/x", f"mysql://isthmus:{PASSWORD}@h/x",
                f"postgresql://isthmus:{PASSWORD}@h:port/x", f"{PASSWORD}"):  # fmt: skip
        site.environ["ISTHMUS_DATABASE"] = url
        for words in ("sync", "status", "check"):
            fail(words)
    site.environ.clear()
    monkeypatch.setattr(oauth, "CONSUMER_SECRET", SECRET)
    with closing(sqlite3.connect(site.file)) as db:  # an error that nobody expected, deep inside a run
        db.execute("ALTER TABLE erp_customer RENAME COLUMN match_name TO matched")
        db.commit()
    fail("sync", "customer")
    return said


def test_no_failure_tells_a_secret(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the finest level of logging."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(oauth, "CONSUMER_SECRET", SECRET)
    site.extra["consumer_secret"] = SECRET
    site.news()
    said = fail_in_many_ways(site, monkeypatch)
    assert {one.code for one in said} == {2, 70, 75}

    tokens = [token for (token,) in site.crm('SELECT token FROM "_session"')]
    assert tokens
    secrets = [SECRET, PASSWORD, "CANARY", *tokens, *(token.partition("!")[2] for token in tokens)]
    log = site.folder / "var" / "isthmus.log"
    places = {
        "stdout": "".join(one.out for one in said),
        "stderr": "".join(one.err for one in said),
        "logging": caplog.text,
        "isthmus.log": log.read_text(),
        "database": "".join(file.read_bytes().decode("latin-1") for file in site.folder.glob("isthmus.db*")),
    }
    for name, words in places.items():
        assert [secret for secret in secrets if secret in words] == [], name
