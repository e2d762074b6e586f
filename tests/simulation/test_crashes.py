"""A crash before a durable step: is the next run's world as if nothing had happened?

On every change each scenario crashes at one place of its cycle, another one for each scenario and ERP, and one scenario
at all of them; `make soak` crashes all at all of them, and the scenarios about money at every pair.
"""

from __future__ import annotations

import pytest

from isthmus.testing.crash_points import every_step, go_on, watch
from isthmus.testing.crashes import INTERRUPTED, SCENARIOS, Scenario, crash, crash_in, end, interrupt, opened, prepare
from isthmus.testing.world.story import face_of
from isthmus.testing.world.world import ErpKind

ERPS: tuple[ErpKind, ...] = ("own", "far")
PLACES = 1


def _name(scenario: Scenario) -> str:
    return scenario.name


@pytest.mark.parametrize("scenario", SCENARIOS, ids=_name)
def test_a_scenario_ends_well(scenario: Scenario) -> None:
    steps, fault = crash(scenario, "own", 0)
    assert (fault, steps > 20) == ("", True)


@pytest.mark.parametrize("erp", ERPS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=_name)
def test_a_crash_is_made_good_by_the_next_run(scenario: Scenario, erp: ErpKind) -> None:
    first = 2 + SCENARIOS.index(scenario) % 7 + (3 if erp == "far" else 0)
    faults = {place: crash(scenario, erp, place)[1] for place in range(first, 60, 60 // PLACES)}
    assert not any(faults.values()), faults


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if one.money], ids=_name)
def test_a_second_crash_while_making_good_the_first_changes_nothing(scenario: Scenario) -> None:
    first = 9 + SCENARIOS.index(scenario) % 5
    assert crash(scenario, "own", first, 17)[1] == ""


@pytest.mark.parametrize("scenario", INTERRUPTED, ids=_name)
def test_what_people_do_meanwhile_is_not_lost(scenario: Scenario) -> None:
    chances, fault = interrupt(scenario, "own", 1)
    faults = {place: interrupt(scenario, "own", place)[1] for place in range(2, min(chances, 30), 3)}
    assert not any((fault, *faults.values())), faults


ORDER = next(one for one in SCENARIOS if one.name == "an order is taken")


def test_every_step_of_a_story_is_crashed_at() -> None:
    steps, _ = crash(ORDER, "far", 0)
    crashed = list(every_step(ORDER, "far"))
    assert sum(one.steps for one in crashed) == steps
    assert [one for one in crashed if one.fault] == []


def test_who_goes_on_from_what_a_crash_leaves_ends_where_the_whole_story_ends() -> None:
    trunk = opened("far")
    prepare(ORDER, trunk)
    moments, _ = watch(ORDER, trunk)
    for moment, _ in moments[4::9]:
        whole = opened("far")
        crash_in(whole, ORDER, moment.place)
        face = face_of(whole.world)
        rest = go_on("far", moment)
        end(ORDER, rest)
        assert (face_of(rest.world), rest.world.told) == (face, whole.world.told)


@pytest.mark.parametrize("place", [11, 12, 13])
def test_who_waits_for_a_create_that_was_heard_of_late_is_woken(place: int) -> None:
    waits = next(one for one in SCENARIOS if one.name == "an order waits for its customer")
    assert crash(waits, "far", place)[1] == ""
