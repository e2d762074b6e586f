"""Replays a seed of the simulated world and shows what happened: ``python -m isthmus.testing.replay SEED``.

A planted bug may be named, to see how it is found: ``--bug "sticky worklist"``. ``--database postgresql`` plays it on a
server of its own: there a seed tells another story, as others may write while a transaction is open.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from isthmus.testing.bugs import BUGS, Bug
from isthmus.testing.catching import BADNESS, infected
from isthmus.testing.world.disk import living_on
from isthmus.testing.world.server import running
from isthmus.testing.world.story import Outcome, play


def main(words: Sequence[str] | None = None) -> int:
    """Tells each seed's story; 1 when one breaks a promise."""
    parser = argparse.ArgumentParser(prog="python -m isthmus.testing.replay", description="Replay a simulated story.")
    parser.add_argument("seeds", nargs="+", type=int, metavar="SEED")
    parser.add_argument("--bug", choices=[bug.name for bug in BUGS], help="plant this bug first")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--quiet", action="store_true", help="only the verdict")
    given = parser.parse_args(words)
    bug = next((one for one in BUGS if one.name == given.bug), None)
    database = bug.database if bug else given.database
    with running() if database == "postgresql" else nullcontext("") as server, living_on(server):
        outcomes = [replay(seed, bug, server) for seed in given.seeds]
    for outcome in outcomes:
        sys.stdout.write(tell(outcome, quiet=given.quiet))
    return int(any(outcome.fault for outcome in outcomes))


def replay(seed: int, bug: Bug | None = None, server: str = "") -> Outcome:
    """One seed, with a planted bug if one is given."""
    if bug is None:
        return play(seed)
    with infected(bug, server):
        return play(seed, kinds=frozenset(bug.kinds), erp=bug.erp, badness=BADNESS)


def tell(outcome: Outcome, *, quiet: bool = False) -> str:
    """The story, and the verdict on its last line."""
    lines = (
        [] if quiet else [f"the ERP is {outcome.erp}; troubles: {', '.join(outcome.kinds) or 'none'}", *outcome.told]
    )
    verdict = outcome.fault or "every promise held"
    return "\n".join([*lines, f"seed {outcome.seed}: {verdict} ({outcome.face})", ""])


if __name__ == "__main__":
    sys.exit(main())
