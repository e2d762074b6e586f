"""What the simulated world found and is repaired: each stays a test."""

from __future__ import annotations

import pytest

from tests.simulation.tale import Tale


@pytest.fixture
def far() -> Tale:
    return Tale("far")


def test_what_the_erp_gave_comes_back_after_a_create_that_was_heard_of_late(far: Tale) -> None:
    account = far.hand.account()
    far.run("customer", "doubted")
    for _ in range(4):
        far.run("customer")
    assert far.world.crm.things["Account"][account].fields["Number"] is not None
