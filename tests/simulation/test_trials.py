"""Does a trial say what a run would do, or that it cannot say?"""

from __future__ import annotations

import pytest

from isthmus.kernel.errors import Unavailable
from isthmus.sync.impact import plan_mapping
from tests.simulation.tale import Tale


def test_a_trial_whose_page_was_short_is_no_trial() -> None:
    tale = Tale("own")
    ports = tale.world.ports
    whole = [len(page) for _, page in plan_mapping(ports, ports.mappings["customer"], full=True)]
    assert sum(whole) > 0
    tale.weather.next_reads = ["short_page"]
    with pytest.raises(Unavailable, match="fewer records than it said"):
        list(plan_mapping(ports, ports.mappings["customer"], full=True))
