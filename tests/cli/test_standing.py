"""On PostgreSQL, where others write meanwhile: is it said what cannot be read yet, and is what can be read whole?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from isthmus.db import writing
from isthmus.state import chain, runs
from isthmus.state.runs import PageFacts, Run
from tests.cli.conftest import Company
from tests.erp.conftest import World

TOLD = "ERP: what is done since 2026-11-02 10:00:00 CET is not read yet: a transaction is open on the PostgreSQL server"


def test_what_an_open_transaction_holds_back_is_said_until_it_ends(shop: Company, engine: Engine) -> None:
    erp = World(engine)
    erp.customer("Alder Example")
    with engine.connect() as forgotten, forgotten.begin():
        assert shop.ask("status")["held_back_since"] is None
        forgotten.execute(text("SELECT pg_current_xact_id()"))
        erp.customer("Birch Example")
        assert TOLD in shop.say("status").out
        assert shop.ask("status")["held_back_since"] == "2026-11-02T09:00:00.000000Z"
    assert shop.ask("status")["held_back_since"] is None
    assert "not read yet" not in shop.say("status").out


def test_what_was_done_a_moment_ago_is_no_reason_to_worry(shop: Company, engine: Engine) -> None:
    erp = World(engine)
    erp.days_pass(36_500)  # younger than a minute, however slow this test is
    with engine.connect() as other, other.begin():
        other.execute(text("SELECT pg_current_xact_id()"))
        erp.customer("Birch Example")
        assert shop.ask("status")["held_back_since"] is not None
        assert "not read yet" not in shop.say("status").out


def run_once(engine: Engine, mapping: str) -> None:
    now = "2026-11-23T08:00:00.000000Z"
    with writing(engine) as connection:
        run = runs.begin_run(connection, Run(0, mapping, "cli:ada", "full", "ab", "1", token=1, started_at=now))
        runs.add_page(connection, run, PageFacts("crm", 0, {}, {}, None, []), entity=mapping, now=now)
        told = json.dumps({"chain": chain.head(connection, mapping)})
        runs.end_run(connection, run.id, ended_at=now, status="done", report=told)


def test_a_run_that_ends_while_the_audit_is_verified_has_lost_no_page(
    shop: Company, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages came after the last look at them, its end before the look at the ends."""
    look = chain._pages

    def and_meanwhile(connection: Connection, mapping: str) -> Iterator[Any]:
        yield from look(connection, mapping)
        run_once(engine, mapping)

    run_once(engine, "order")
    monkeypatch.setattr(chain, "_pages", and_meanwhile)
    said = shop.say("audit", "verify")
    assert (said.code, "all 1 rows are as they were written" in said.out) == (0, True), said
