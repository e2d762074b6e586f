"""On PostgreSQL Isthmus is a role without ownership: does a whole cycle work, and does the chain only grow?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from isthmus.app import Order, open_workshop
from isthmus.db import engine_for, writing
from isthmus.kernel.errors import Misconfigured
from isthmus.playground import SeedSizes, start
from isthmus.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def engine(role_url: str) -> Iterator[Engine]:
    engine = engine_for(role_url)
    yield engine
    engine.dispose()


def test_a_role_without_ownership_runs_whole_cycles(role_url: str, tmp_path: Path) -> None:
    settings = replace(load_settings(ROOT / "isthmus.yaml", {}), database=role_url)
    sizes = SeedSizes(accounts=30, products=6, quotes=8, orders=12)
    with start(tmp_path / "playground", sizes) as playground:
        workshop = open_workshop(settings, {}, connections={settings.crm: playground.connection})
        reports = list(workshop.sync_all(workshop.names(), Order("test")))
        workshop.close()
    assert all(report.adds_up for report in reports)
    assert sum(report.moved for report in reports) > 0


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE state_audit SET outcome = 'created'",
        "DELETE FROM state_audit",
        "UPDATE state_page SET link = ''",
        "DELETE FROM state_page",
        "TRUNCATE state_audit",
        "DROP TABLE state_page",
        "ALTER TABLE state_audit DISABLE TRIGGER ALL",
    ],
)
def test_the_role_cannot_rewrite_what_happened(engine: Engine, attempt: str) -> None:
    with pytest.raises(Misconfigured, match=r"permission denied|must be owner"), writing(engine) as connection:
        connection.execute(text(attempt))
