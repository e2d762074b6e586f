"""Does the contract bite? For each promise one connector breaks exactly that one, and the suite must catch it."""

from __future__ import annotations

import pytest

from isthmus.testing.contract import PROMISES
from isthmus.testing.contract.rogues import ROGUES, Honest, broken_by


def test_there_is_a_rogue_for_every_promise() -> None:
    assert set(ROGUES) == set(PROMISES)


def test_who_is_honest_passes() -> None:
    assert broken_by(Honest, PROMISES) == set()


@pytest.mark.parametrize("promise", sorted(ROGUES))
def test_the_rogue_is_caught_by_its_promise_and_by_no_other(promise: str) -> None:
    assert broken_by(ROGUES[promise], PROMISES) == {promise}
