"""The seeds after the first ones (`test_seeds.py`): a thousand in all, on every change."""

from __future__ import annotations

import pytest

from isthmus.testing.world.story import play

SEEDS = range(80, 1_000)
BLOCK = 40


@pytest.mark.parametrize("first", SEEDS[::BLOCK])
def test_every_promise_holds_in_more_seeds(first: int) -> None:
    outcomes = [play(seed) for seed in range(first, first + BLOCK)]
    broken = [f"{one.replay}: {one.fault}" for one in outcomes if one.fault]
    assert not broken, "\n".join(broken)
