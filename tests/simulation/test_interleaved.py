"""On PostgreSQL others write while a transaction is open: does every promise hold there, whoever stands still?

On every change a few seeds are played, and each story stands still at a few of its chances; ``python -m bench.soak
--database postgresql --interruptions`` takes many seeds and every chance.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from isthmus.testing.crashes import INTERLEAVED, INTERRUPTED, Scenario, crash, interrupt
from isthmus.testing.world.disk import living_on
from isthmus.testing.world.story import play

SEEDS = (1, 6, 11, 23, 32, 33, 35)  # whose weather needs a server
APART = 100  # chances


@pytest.fixture(autouse=True)
def _on_a_server(postgresql_server: str) -> Iterator[None]:
    with living_on(postgresql_server):
        yield


def test_every_promise_holds_in_every_seed() -> None:
    outcomes = [play(seed) for seed in SEEDS]
    broken = [f"{one.replay}: {one.fault}" for one in outcomes if one.fault]
    assert not broken, "\n".join(broken)
    met = {what.split()[0].rstrip(":") for one in outcomes for what in one.counted}
    assert {"db_restart", "busy", "usurp", "unheard"} <= met


@pytest.mark.parametrize("scenario", INTERRUPTED, ids=lambda scenario: scenario.name)
def test_what_others_do_meanwhile_is_not_lost(scenario: Scenario) -> None:
    chances, fault = interrupt(scenario, "own", 0)
    assert chances > 150, "it stands still before statements as well"
    places = range(1 + INTERRUPTED.index(scenario) * 5, chances, APART)
    faults = {place: interrupt(scenario, "own", place)[1] for place in places}
    assert not any((fault, *faults.values())), faults


@pytest.mark.parametrize("scenario", INTERLEAVED, ids=lambda scenario: scenario.name)
def test_what_is_saved_late_arrives(scenario: Scenario) -> None:
    assert crash(scenario, "own")[1] == ""


def test_a_seed_that_fails_here_is_replayed_here() -> None:
    assert play(1, steps=1).replay == "python -m isthmus.testing.replay 1 --database postgresql"
