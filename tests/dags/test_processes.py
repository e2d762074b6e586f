"""Is everything that was started found again and ended, and nothing else?"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from isthmus.cli.processes import Crew
from isthmus.kernel.errors import Unavailable

SLEEPER = "import time; time.sleep(60)"
#: A process that starts another in a session of its own and then goes: what Airflow's workers look like.
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}], start_new_session=True)"
#: What `airflow standalone` is: it goes on when a part of it has ended, and waits for none.
WHOLE = (
    "import subprocess, sys, time; print('database is locked', flush=True); "
    "words = ('scheduler', 'triggerer', 'file'); "
    f"started = [subprocess.Popen([sys.executable, '-c', {SLEEPER!r}, word]) for word in words]; "
    "time.sleep(60)"
)
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    crew = Crew(tmp_path)
    yield crew
    crew.end()


def start(crew: Crew, program: str) -> None:
    crew.start("one", [sys.executable, "-c", program], dict(os.environ))


def wait_for(crew: Crew, count: int) -> None:
    for _ in range(100):
        if len(crew.members()) == count:
            return
        Event().wait(0.05)
    raise AssertionError(f"{len(crew.members())} processes, not {count}")


def end(crew: Crew, word: str) -> None:
    (member,) = [one for one in crew.members() if one.cmdline()[-1] == word]
    member.terminate()


def test_a_grandchild_in_a_session_of_its_own_is_ended_by_the_next_start(crew: Crew) -> None:
    start(crew, PARENT)
    crew.started["one"].wait()
    wait_for(crew, 1)
    assert Crew(crew.folder).end() == 1  # the next launcher: it knows nothing but the folder
    assert crew.members() == []


def test_a_process_that_does_not_listen_is_ended_all_the_same(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.cli.processes.PATIENCE_SECONDS", 0.2)
    start(crew, DEAF)
    wait_for(crew, 1)
    assert crew.end() == 1
    assert crew.members() == []


def test_what_works_for_another_folder_is_left_alone(crew: Crew, tmp_path: Path) -> None:
    other = Crew(tmp_path / "other")
    start(other, SLEEPER)
    stranger = subprocess.Popen([sys.executable, "-c", SLEEPER])
    try:
        wait_for(other, 1)
        assert crew.end() == 0
        assert other.started["one"].poll() is None
        assert stranger.poll() is None
    finally:
        other.end()
        stranger.kill()
        stranger.wait()


def test_a_part_that_ends_is_told_though_the_whole_lives_on(crew: Crew) -> None:
    crew.start("one", [sys.executable, "-c", WHOLE], dict(os.environ), parts=("scheduler", "triggerer"))
    wait_for(crew, 4)
    crew.check()
    end(crew, "file")
    wait_for(crew, 3)
    crew.check()  # what it starts for a moment is no part of it
    end(crew, "scheduler")
    wait_for(crew, 2)
    with pytest.raises(Unavailable) as caught:
        crew.check()
    assert str(caught.value).startswith("one: scheduler, a part of it, ended by itself; see the end of ")
    assert str(caught.value).endswith("then start again:\n    database is locked")


def test_one_that_ends_by_itself_is_told_with_its_log(crew: Crew) -> None:
    start(crew, "print('no room'); raise SystemExit(3)")
    crew.started["one"].wait()
    with pytest.raises(
        Unavailable, match=r"one: ended by itself \(exit code 3\); see .*log/one.log.*:\n    no room"
    ) as caught:
        crew.check()
    assert caught.value.exit_code == 75
    assert crew.log("one").read_text(encoding="utf-8") == "no room\n"
