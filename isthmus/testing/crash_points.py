"""Every crash point of a story: before each durable step of its cycle, and at pairs of them.

A crash takes with it what was in memory, and nothing else. So a story is played once, what was durable before each of
its steps is kept, and from each of these remains the next workers go on. Steps that leave the same remains as the one
before them are one crash.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

from isthmus.testing.crashes import KINDS, Scenario, cycle, end, opened, prepare
from isthmus.testing.world.line import Weather
from isthmus.testing.world.story import Story, reopen
from isthmus.testing.world.workers import Worker
from isthmus.testing.world.world import ErpKind, Remains, Violation

Place = tuple[int, ...]


@dataclass(frozen=True)
class Moment:
    """Right before a durable step: what a crash leaves, and what people and the auditor know by then."""

    place: int
    step: str
    mapping: str
    remains: Remains
    people: dict[str, Any]
    auditor: dict[str, Any]


@dataclass(frozen=True)
class Crashed:
    """One crash, or a pair: where, and what promise was broken (empty: none).

    ``steps`` says for how many places it stands: those whose crash leaves the same.
    """

    at: Place
    fault: str
    steps: int = 1


def every_step(scenario: Scenario, erp: ErpKind) -> Iterator[Crashed]:
    """A crash before each durable step of a scenario's cycle; first its story without any."""
    story = opened(erp)
    prepare(scenario, story)
    moments, fault = watch(scenario, story)
    yield Crashed((0,), fault, 0)
    for moment, steps in moments:
        yield Crashed((moment.place,), _judge(scenario, erp, moment), steps)


def every_pair(scenario: Scenario, erp: ErpKind) -> Iterator[Crashed]:
    """After each crash a second one, before each durable step of the cycle that follows."""
    story = opened(erp)
    prepare(scenario, story)
    firsts, _ = watch(scenario, story)
    for first, many in firsts:
        seconds, fault = watch(scenario, go_on(erp, first))
        yield Crashed((first.place, 0), fault, 0)
        for second, steps in seconds:
            yield Crashed((first.place, second.place), _judge(scenario, erp, second), many * steps)


def watch(scenario: Scenario, story: Story) -> tuple[list[tuple[Moment, int]], str]:
    """Plays a cycle and what follows it. Answers the different moments of the cycle, each with how many steps found
    the same, and what was broken.
    """
    moments: list[tuple[Moment, int]] = []
    worker = Worker("worker")

    def keep() -> None:
        remains = story.world.remains()
        if moments and moments[-1][0].remains == remains:
            moments[-1] = (moments[-1][0], moments[-1][1] + 1)
        else:
            moments.append((_moment(story, worker, remains), 1))

    worker.watched = keep
    try:
        story.auditor.look()
        cycle(story, worker)
        end(scenario, story)
    except Violation as violation:
        return moments, str(violation)
    return moments, ""


def _moment(story: Story, worker: Worker, remains: Remains) -> Moment:
    known = deepcopy({name: value for name, value in vars(story.auditor).items() if name != "world"})
    return Moment(len(worker.steps), worker.steps[-1], worker.mapping, remains, story.world.memory(), known)


def _judge(scenario: Scenario, erp: ErpKind, moment: Moment) -> str:
    story = go_on(erp, moment)
    try:
        story.auditor.look()
        end(scenario, story)
    except Violation as violation:
        return str(violation)
    return ""


def go_on(erp: ErpKind, moment: Moment) -> Story:
    """The world after a crash at this moment, before anybody does anything."""
    dice = Random(moment.place)  # noqa: S311 - decides only where the dead worker ran
    world = reopen(erp, moment.remains, Weather(dice, KINDS))
    world.remember(moment.people)
    story = Story(world)
    vars(story.auditor).update(deepcopy(moment.auditor))
    world.fall(moment.mapping, moment.step)
    return story
