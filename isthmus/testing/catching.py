"""Does anything find a planted bug? First its directed story is played, then seeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from isthmus.testing.bugs import Bug
from isthmus.testing.crashes import INTERLEAVED, INTERRUPTED, SCENARIOS, crash, interrupt
from isthmus.testing.mutation import planted
from isthmus.testing.world.disk import living_on
from isthmus.testing.world.story import play, template

BADNESS = 0.15  # the share of calls that go wrong in the seeds that look for a bug
CHANCES = 40  # at which a worker may stand still in a directed story


@contextmanager
def infected(bug: Bug, server: str = "") -> Iterator[None]:
    """The program has the bug inside. What a process keeps for all its stories is made before, by the right program.

    ``server`` is that of PostgreSQL, for a bug that needs one.
    """
    if bug.database == "postgresql" and not server:
        raise ValueError(f"{bug.name} needs a PostgreSQL server")
    with living_on(server if bug.database == "postgresql" else ""):
        template(bug.erp)
        with planted(bug.edits):
            yield


def found_by(bug: Bug, seeds: int, server: str = "") -> str:
    """Plants a bug and looks for it. Answers where it was found and what was seen; empty when nothing finds it."""
    with infected(bug, server):
        for name, look in _looks(bug, seeds):
            if fault := _broken(look):
                return f"{name}: {fault}"
    return ""


def _looks(bug: Bug, seeds: int) -> Iterator[tuple[str, partial[str]]]:
    """Where to look, one place after the other."""
    for scenario in (*SCENARIOS, *INTERRUPTED, *INTERLEAVED):
        if scenario.name != bug.scenario:
            continue
        if scenario.meanwhile is None:
            yield scenario.name, partial(_second, crash, scenario, bug.erp, 0)
        for place in range(bug.place, bug.place + CHANCES) if scenario.meanwhile else ():
            yield scenario.name, partial(_second, interrupt, scenario, bug.erp, place)
    for seed in dict.fromkeys((bug.seed, *range(seeds))):
        yield f"seed {seed}", partial(_play, bug, seed)


def _second(look: object, *given: object) -> str:
    """The fault that a directed story tells beside its steps."""
    return str(look(*given)[1])  # type: ignore[operator]


def _play(bug: Bug, seed: int) -> str:
    return play(seed, kinds=frozenset(bug.kinds), erp=bug.erp, badness=BADNESS).fault


def _broken(look: partial[str]) -> str:
    """What an auditor said, or the error that the bug ran into: a database that refuses is an auditor as well."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - whatever a planted bug breaks has been noticed
        return f"{type(error).__name__}: {error}"
