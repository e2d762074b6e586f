"""What does `isthmus reconcile` say to people, to scripts and to a printer?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Company, open_company

_HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """An installation in step, but for the total of one order in the CRM."""
    with open_company(tmp_path_factory.mktemp("reconciled")) as made:
        for _ in range(3):
            assert made.say("sync").code == 0
            assert made.clock is not None
            made.clock.advance(_HOUR)
        assert made.playground is not None
        with closing(sqlite3.connect(made.playground.store.path)) as db, db:
            one = '(SELECT min("Id") FROM "Order" WHERE "ERP_Total__c" > 0)'
            db.execute(f'UPDATE "Order" SET "ERP_Total__c" = "ERP_Total__c" + 1234 WHERE "Id" = {one}')
        yield made


def test_people_read_the_verdict_first(company: Company) -> None:
    said = company.say("reconcile", "--no-repair")
    assert said.code == 0, said
    lines = said.out.splitlines()
    assert lines[0].startswith("1 record differs as of ")
    (row,) = [line for line in lines if line.startswith("edited in CRM")]
    assert "12.34" in row
    assert any(line.startswith("at stake: ") for line in lines)


def test_scripts_read_json_and_an_exit_code(company: Company) -> None:
    said = company.say("reconcile", "totals", "--json", "--strict", "--no-repair")
    assert said.code == 1, said
    assert said.json["agrees"] is False
    (one,) = said.json["differences"]
    assert (one["entity"], one["class"], one["field"], one["amount_minor"]) == ("order", "edited in CRM", "total", 1234)
    assert one["repair"] == "none"


def test_a_printer_gets_a_page(company: Company, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert company.say("reconcile", "--html", str(page), "--no-repair").code == 0
    assert "1 record differs" in page.read_text(encoding="utf-8")
    said = company.say("reconcile", "--html", str(tmp_path), "--no-repair")
    assert said.code == 2
    assert "name another file" in said.err


def test_an_unknown_kind_is_refused_with_the_known_ones(company: Company) -> None:
    said = company.say("reconcile", "everything")
    assert said.code == 2
    assert "use one of totals, receivables, credit" in said.err


def test_the_next_run_repairs_it(company: Company) -> None:
    assert company.say("reconcile").code == 0
    assert company.say("sync").code == 0
    assert company.clock is not None
    company.clock.advance(_HOUR)
    said = company.say("reconcile", "--strict")
    assert said.code == 0, said
    assert said.out.startswith("Both sides agree as of ")
    assert "totals: both sides agreed as of " in company.say("status").out
    assert company.say("status", "--json").json["tie_out"]["totals"]["agrees"] is True
