"""Does ``isthmus status`` say when somebody's open transaction keeps the ERP's news from being read?"""

from __future__ import annotations

from sqlalchemy import Engine, text

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
    with engine.connect() as writing, writing.begin():
        writing.execute(text("SELECT pg_current_xact_id()"))
        erp.customer("Birch Example")
        assert shop.ask("status")["held_back_since"] is not None
        assert "not read yet" not in shop.say("status").out
