"""A quarter of business, line by line (quarter.md): after each one, do both systems agree to the cent?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from isthmus.playground import SeedSizes
from tests.scenarios.quarter import Quarter, story
from tests.scenarios.world import company

FILE = Path(__file__).with_name("quarter.md")
BEGINNING = datetime(2026, 10, 1, 6, 0, tzinfo=UTC)
SHOP = SeedSizes(accounts=1, products=3, quotes=0, orders=0, dirty=False)


@pytest.fixture
def quarter(tmp_path: Path, sqlite_template: Path) -> Iterator[Quarter]:
    """A company with three products on the first of October."""
    shutil.copy(sqlite_template, tmp_path / "isthmus.db")
    with company(tmp_path, f"sqlite:///{tmp_path / 'isthmus.db'}", seed=SHOP, at=BEGINNING) as world:
        quarter = Quarter(world)
        quarter.rest()
        yield quarter


def test_a_quarter_of_business_ties_out_after_every_line(quarter: Quarter) -> None:
    steps = story(FILE)
    assert len(steps) >= 90
    for step in steps:
        try:
            quarter.take(step)
        except Exception as error:
            error.add_note(f"quarter.md, {step}")
            raise
    assert quarter.world.items() == []
    assert quarter.world.cycle().written == 0
