"""What the simulated world found of repairs that were forgotten before they were through: each stays a test."""

from __future__ import annotations

import pytest

from isthmus.connect.protocol import Note
from tests.simulation.tale import Tale


@pytest.fixture
def own() -> Tale:
    return Tale("own")


@pytest.mark.parametrize("looks", [0, 1])
def test_what_a_backup_of_the_crm_took_away_before_anybody_looked_is_shown_again(own: Tale, looks: int) -> None:
    """Our own user wrote last then, too: that it shows something else is not its way to spell what we wrote since.

    Nobody looks at it before everything is read anew, or a run that looks back by the overlap does.
    """
    order = own.hand.order(own.hand.known)
    for _ in range(2):
        own.run("order")
    own.world.crm.annotate("Order", [Note(order, "Synchronised", None)])
    own.world.crm.back_up()
    own.hand.cancel()
    own.run("order")
    shown = own.world.crm.things["Order"]
    assert shown[order].fields["ErpStatus"] == "cancelled"
    own.world.crm.bring_back()
    assert shown[order].fields["ErpStatus"] != "cancelled"
    for _ in range(looks):
        own.world.run("order")
    for _ in range(2):
        own.world.run("order", full=True)
    assert shown[order].fields["ErpStatus"] == "cancelled"
