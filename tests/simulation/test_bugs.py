"""The tester tested: is each planted bug found, and are those that nothing finds as harmless as is said?"""

from __future__ import annotations

import subprocess
import sys

import pytest

from isthmus.testing.bugs import BUGS, Bug
from isthmus.testing.catching import found_by
from isthmus.testing.mutation import Edit, planted
from isthmus.testing.replay import main
from isthmus.testing.world import story

SEEDS = 60  # at most, for each; most are found by one of the first three

HARMFUL = [bug for bug in BUGS if not bug.harmless]
HARMLESS = [bug for bug in BUGS if bug.harmless]


def test_there_are_enough_of_them() -> None:
    assert len(BUGS) >= 50
    assert len({bug.name for bug in BUGS}) == len(BUGS)


@pytest.mark.parametrize("bug", HARMFUL, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Bug, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("postgresql_server") if bug.database == "postgresql" else ""
    assert found_by(bug, SEEDS, server), f"nothing finds: {bug.name}"


@pytest.mark.parametrize("bug", HARMLESS, ids=lambda bug: bug.name)
def test_a_harmless_one_stays_so(bug: Bug) -> None:
    assert found_by(bug, 4) == "", f"{bug.name} does harm after all: say so"


def test_what_was_planted_is_gone_afterwards() -> None:
    from isthmus.sync import plan

    right = plan._plan_gone
    with planted((Edit("isthmus.sync.plan:_plan_gone", 'if policy == "keep":', "if True:"),)):
        assert plan._plan_gone is not right
    assert plan._plan_gone is right


def test_stories_after_a_bug_begin_where_they_did_before() -> None:
    """Its company is made once a process: made by a program with a bug, it would break the stories of right ones."""
    script = (
        "from isthmus.testing.bugs import BUGS\n"
        "from isthmus.testing.catching import found_by\n"
        "from isthmus.testing.crashes import SCENARIOS, crash\n"
        "found_by(next(bug for bug in BUGS if bug.name == 'an echo taken for an edit'), 0)\n"
        "print(crash(SCENARIOS[0], 'own', 0)[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


def test_an_edit_that_does_not_fit_any_more_says_so() -> None:
    with (
        pytest.raises(LookupError, match="plant this bug anew"),
        planted((Edit("isthmus.sync.plan:_plan_gone", "words that never stood there", ""),)),
    ):
        pass


def test_a_seed_that_fails_is_told_and_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["1", "--bug", "ignored deletion", "--quiet"]) == 1
    told = capsys.readouterr().out
    assert told.startswith("seed 1: Complete: ")
    assert story.play(1).replay == "python -m isthmus.testing.replay 1"
