"""The long campaigns: many seeds, every crash point, all pairs for money, every interruption, and all planted bugs.

``python -m bench.soak`` plays 2,000 seeds; ``--seeds``, ``--first``, ``--crashes``, ``--pairs``, ``--interruptions``,
``--bugs`` and ``--jobs`` say otherwise. ``--database postgresql`` plays seeds and interruptions on servers of its own.
Answers 1 when a promise was broken or a harmful bug was not found.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import SimpleQueue
from time import perf_counter

from isthmus.testing.bugs import BUGS, Bug
from isthmus.testing.catching import found_by
from isthmus.testing.crash_points import Crashed, every_pair, every_step
from isthmus.testing.crashes import INTERRUPTED, SCENARIOS, Scenario, interrupt
from isthmus.testing.world.disk import live_on
from isthmus.testing.world.kinds import KINDS
from isthmus.testing.world.server import running
from isthmus.testing.world.story import play
from isthmus.testing.world.world import ErpKind

ERPS: tuple[ErpKind, ...] = ("own", "far", "weak")
CHUNK = 10
TOLD_EVERY = 500  # seeds
BUG_SEEDS = 200


def main(words: Sequence[str] | None = None) -> int:
    """Runs what is asked for and tells the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="Long campaigns of the simulated world.")
    parser.add_argument("--seeds", type=int, default=2_000, metavar="N")
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--crashes", action="store_true", help="each scenario and ERP, at every durable step")
    parser.add_argument("--pairs", action="store_true", help="the scenarios about money, at every pair of steps")
    parser.add_argument("--interruptions", action="store_true", help="people go on while a worker stands still")
    parser.add_argument("--bugs", action="store_true", help="look for every planted bug")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="all cores")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    given = parser.parse_args(words)
    if given.database == "postgresql" and (given.crashes or given.pairs):
        parser.error("crashes are kept as files of SQLite; bench.kills shoots workers on PostgreSQL")
    needs_servers = given.bugs or given.database == "postgresql"
    with ExitStack() as stack:
        # One for each process: an open transaction of another world on the same server holds back what readers see.
        servers: SimpleQueue[str] = SimpleQueue()
        for _ in range(given.jobs):
            servers.put(stack.enter_context(running()) if needs_servers else "")
        with ProcessPoolExecutor(given.jobs, initializer=_move_in, initargs=(servers, given.database)) as pool:
            broken = _campaigns(pool, given)
    _say(f"broken: {broken}")
    return int(broken > 0)


_SERVER: list[str] = []  # of this process


def _move_in(servers: SimpleQueue[str], database: str) -> None:
    _SERVER.append(servers.get())
    if database == "postgresql":
        live_on(_SERVER[0])


def _campaigns(pool: ProcessPoolExecutor, given: argparse.Namespace) -> int:
    broken = _play_seeds(pool, range(given.first, given.first + given.seeds)) if given.seeds else 0
    if given.crashes:
        broken += _crash(pool, every_step, SCENARIOS)
    if given.pairs:
        broken += _crash(pool, every_pair, [one for one in SCENARIOS if one.money])
    if given.interruptions:
        broken += _interrupt(pool)
    if given.bugs:
        broken += _look_for_bugs(pool)
    return broken


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


# --- seeds --------------------------------------------------------------------------------------------------------


def _chunk(seeds: Sequence[int]) -> tuple[int, list[str], Counter[str]]:
    """How many were played, what broke, and what went wrong on the way."""
    counted: Counter[str] = Counter()
    faults = []
    for seed in seeds:
        try:
            outcome = play(seed)
        except Exception as error:  # noqa: BLE001 - the engine gave up as nobody foresaw: a find as well
            faults.append(f"python -m isthmus.testing.replay {seed}   {type(error).__name__}: {error}".splitlines()[0])
            continue
        counted.update(outcome.counted)
        if outcome.fault:
            faults.append(f"{outcome.replay}   {outcome.fault}")
    return len(seeds), faults, counted


def _play_seeds(pool: ProcessPoolExecutor, seeds: range) -> int:
    began, played, broken = perf_counter(), 0, 0
    counted: Counter[str] = Counter()
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    for number, faults, troubles in pool.map(_chunk, chunks):
        played += number
        broken += len(faults)
        counted += troubles
        for fault in faults:
            _say(fault)
        if played % TOLD_EVERY == 0 or played == len(seeds):
            pace = played / max(perf_counter() - began, 0.001)
            _say(f"seeds: {played:,} played, {broken} broken, {pace:.1f} a second")
    for what, number in counted.most_common():
        _say(f"  {number:>8,}  {what}")
    met = {what.split()[0].rstrip(":") for what in counted}
    never = [kind for kind in KINDS if kind not in met]
    _say(f"kinds of trouble: {len(KINDS) - len(never)} of {len(KINDS)} met; never: {', '.join(never) or 'none'}")
    return broken


# --- crashes ------------------------------------------------------------------------------------------------------

Walk = Callable[[Scenario, ErpKind], Iterable[Crashed]]


def _crash(pool: ProcessPoolExecutor, walk: Walk, scenarios: Sequence[Scenario]) -> int:
    """Each scenario on all ERPs that can play it: how many steps and crashes, and what broke."""
    tasks = [(walk, SCENARIOS.index(one), erp) for one in scenarios for erp in (ERPS[:2] if one.money else ERPS)]
    crashes, steps, broken = 0, 0, 0
    for (_, place, erp), found in zip(tasks, pool.map(_walk, tasks), strict=True):
        faults = [one for one in found if one.fault]
        crashes += len(found)
        steps += sum(one.steps for one in found)
        broken += len(faults)
        _say(f"  {len(found):>6,} crashes, {len(faults)} broken: {SCENARIOS[place].name}, {erp}")
        for one in faults:
            _say(f"    crash at {one.at}: {one.fault}")
    _say(f"crashes: {crashes:,} for {steps:,} durable steps, {broken} broken")
    return broken


def _walk(task: tuple[Walk, int, ErpKind]) -> list[Crashed]:
    walk, place, erp = task
    return list(walk(SCENARIOS[place], erp))


# --- interruptions ------------------------------------------------------------------------------------------------


def _interrupt(pool: ProcessPoolExecutor) -> int:
    """A worker stands still at each chance of each story, while people go on: how many, and what broke."""
    stories = [(number, erp) for number in range(len(INTERRUPTED)) for erp in ERPS[:2]]
    whole = list(pool.map(_stand_still, [(*story, 0) for story in stories]))  # nobody stands still: how many chances?
    chances, broken = [places for places, _ in whole], 0
    for (number, erp), (places, fault_of_whole) in zip(stories, whole, strict=True):
        tasks = [(number, erp, place) for place in range(1, places + 1)]
        found = [fault_of_whole, *(fault for _, fault in pool.map(_stand_still, tasks))]
        faults = {place: fault for place, fault in enumerate(found) if fault}
        broken += len(faults)
        _say(f"  {places:>6,} interruptions, {len(faults)} broken: {INTERRUPTED[number].name}, {erp}")
        for place, fault in faults.items():
            _say(f"    at chance {place}: {fault}")
    _say(f"interruptions: {sum(chances):,}, {broken} broken")
    return broken


def _stand_still(task: tuple[int, ErpKind, int]) -> tuple[int, str]:
    number, erp, place = task
    try:
        return interrupt(INTERRUPTED[number], erp, place)
    except Exception as error:  # noqa: BLE001 - the engine gave up as nobody foresaw: a find as well
        return 0, f"{type(error).__name__}: {error}"


# --- planted bugs -------------------------------------------------------------------------------------------------


def _search(place: int) -> str:
    return found_by(BUGS[place], BUG_SEEDS if not BUGS[place].harmless else 20, *_SERVER)


def _look_for_bugs(pool: ProcessPoolExecutor) -> int:
    """The catch table. A harmful bug that nothing finds is broken; so is a harmless one that something finds."""
    broken = 0
    for bug, found in zip(BUGS, pool.map(_search, range(len(BUGS))), strict=True):
        broken += bool(found) is bool(bug.harmless)
        where = bug.erp + (", PostgreSQL" if bug.database == "postgresql" else "")
        _say(f"| {bug.name} | {where} | {_verdict(bug, found)} |")
    _say(f"planted bugs: {len(BUGS)}")
    return broken


def _verdict(bug: Bug, found: str) -> str:
    if not found:
        return f"harmless: {bug.harmless}" if bug.harmless else "NOT FOUND"
    place, _, rest = found.partition(": ")
    return f"{place}: {rest.partition(':')[0]}"


if __name__ == "__main__":
    sys.exit(main())
