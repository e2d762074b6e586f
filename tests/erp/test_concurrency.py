"""On PostgreSQL two transactions run at once: does the ledger hold when they meet?"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from isthmus.db import engine_for, writing
from tests.erp.test_refusals import POST, POSTING, WHOLE

CLOSE = "INSERT INTO erp_period (company, month, closed) VALUES ('main', '2026-11', true)"


@pytest.fixture
def ledger(postgresql_url: str) -> Iterator[Engine]:
    engine = engine_for(postgresql_url)
    with writing(engine) as connection:
        for statement in WHOLE:
            connection.execute(text(statement))
    yield engine
    engine.dispose()


def run(engine: Engine, statement: str) -> None:
    with writing(engine) as connection:
        connection.execute(text(statement))


def wait_for_lock(engine: Engine, waiting: Future[None]) -> None:
    """Returns when one session waits for another, or the other work is done."""
    query = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    for _ in range(10_000):
        with engine.connect() as connection:
            if connection.execute(query).scalar_one() or waiting.done():
                return
    raise AssertionError("nobody waits")


def meet(engine: Engine, first: str, second: str) -> Future[None]:
    """Runs one statement, and before its commit another one in a session that must wait for it."""
    with ThreadPoolExecutor(1) as pool:
        with writing(engine) as connection:
            connection.execute(text(first))
            waiting = pool.submit(run, engine, second)
            wait_for_lock(engine, waiting)
        return waiting


def balance(connection: Connection) -> int:
    return int(connection.execute(text("SELECT sum(amount_minor) FROM erp_posting WHERE entry_id = 90")).scalar_one())


CASES: dict[str, tuple[str, str, str]] = {
    "a posting waits for the entry being posted": (POST, POSTING.format(3, "'EUR', 5"), "posted entry"),
    "posting waits for a posting being added": (POSTING.format(3, "'EUR', 5"), POST, "debits and credits differ"),
    "a period closes while an entry waits": (CLOSE, POST, "the period is closed"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_second_sees_what_the_first_did(ledger: Engine, case: str) -> None:
    first, second, says = CASES[case]
    with pytest.raises(DBAPIError, match=says):
        meet(ledger, first, second).result()


def test_a_period_closes_only_after_the_entries_being_posted(ledger: Engine) -> None:
    meet(ledger, POST, CLOSE).result()
    with ledger.connect() as connection:
        assert balance(connection) == 0
        assert connection.execute(text("SELECT posted_by FROM erp_entry")).scalar_one() == "me"
