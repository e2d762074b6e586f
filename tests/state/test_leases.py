"""One runner at a time: the second waits its turn, a dead one is succeeded at once, a frozen one cannot commit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Barrier, Event

import pytest
from sqlalchemy import Connection, Engine, text

from isthmus.db import engine_for, reading, writing
from isthmus.kernel.errors import Misconfigured, Moved
from isthmus.state import leases

_HOLD = """
import sys
from isthmus.db import engine_for
from isthmus.state import leases
print(leases.take(engine_for(sys.argv[1]), "order"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def stranger(database_url: str) -> Callable[[], subprocess.Popen[str]]:
    """Another process that takes the lease and keeps it."""

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _HOLD, database_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Lease")
        return process

    return start


def _end(process: subprocess.Popen[str], how: int) -> None:
    process.send_signal(how)
    process.communicate(timeout=20)


def test_a_second_runner_is_told_who_runs(engine: Engine, stranger: Callable[[], subprocess.Popen[str]]) -> None:
    process = stranger()
    taken = leases.take(engine, "order")
    assert isinstance(taken, leases.Taken)
    assert f" {process.pid} " in taken.holder
    assert isinstance(leases.take(engine, "customer"), leases.Lease), "another mapping is free"
    _end(process, signal.SIGKILL)


def test_a_runner_that_died_here_is_succeeded_at_once(
    engine: Engine, stranger: Callable[[], subprocess.Popen[str]]
) -> None:
    process = stranger()
    _end(process, signal.SIGKILL)
    held = leases.take(engine, "order")
    assert isinstance(held, leases.Lease)
    assert held.token == 2


def test_a_runner_that_is_hidden_from_us_is_not_taken_for_dead(
    engine: Engine, stranger: Callable[[], subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is another user's, on a machine where nobody sees what others run."""
    process, seen = stranger(), leases._started
    monkeypatch.setattr(leases, "_started", lambda pid: seen(pid) if pid == os.getpid() else "unknown")
    assert isinstance(leases.take(engine, "order"), leases.Taken)
    _end(process, signal.SIGKILL)
    assert isinstance(leases.take(engine, "order"), leases.Lease), "now it is"


@pytest.mark.skipif(shutil.which("unshare") is None, reason="nobody can count processes apart here")
def test_a_runner_in_another_container_of_this_machine_is_not_taken_for_dead(sqlite_url: str) -> None:
    """Containers in the host's network bear its name, and each counts its processes for itself."""
    apart = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    command, engine = [*apart, sys.executable, "-c", _HOLD, sqlite_url], engine_for(sqlite_url)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if not process.stdout.readline().startswith("Lease"):
            pytest.skip("nobody may count processes apart here")
        assert isinstance(leases.take(engine, "order"), leases.Taken)
        process.communicate("", timeout=20)
    engine.dispose()


def test_a_runner_on_another_machine_is_succeeded_only_when_its_lease_is_over(engine: Engine) -> None:
    leases.take(engine, "order")
    with writing(engine) as connection:
        connection.execute(text("UPDATE state_lease SET holder = 'elsewhere 1 1'"))
    assert isinstance(leases.take(engine, "order"), leases.Taken)
    with writing(engine) as connection:
        connection.execute(text("UPDATE state_lease SET expires_at = '2020-01-01T00:00:00.000000Z'"))
    assert isinstance(leases.take(engine, "order"), leases.Lease)


def test_a_frozen_runner_cannot_commit_when_it_wakes(engine: Engine) -> None:
    frozen = leases.take(engine, "order")
    assert isinstance(frozen, leases.Lease)
    with writing(engine) as connection:
        connection.execute(text("UPDATE state_lease SET expires_at = '2020-01-01T00:00:00.000000Z'"))
    later = leases.take(engine, "order")
    assert isinstance(later, leases.Lease)
    with pytest.raises(Moved, match="another run has taken over"), writing(engine) as connection:
        leases.confirm(connection, frozen)
    leases.release(engine, frozen)
    with writing(engine) as connection:
        leases.confirm(connection, later)


def test_a_released_lease_confirms_nothing(engine: Engine) -> None:
    held = leases.take(engine, "order")
    assert isinstance(held, leases.Lease)
    leases.release(engine, held)
    with pytest.raises(Moved), writing(engine) as connection:
        leases.confirm(connection, held)


def test_the_same_number_of_another_process_is_not_the_holder(engine: Engine) -> None:
    leases.take(engine, "order")
    with writing(engine) as connection:
        host, pid, _ = leases.holder_name().split(" ")
        connection.execute(text("UPDATE state_lease SET holder = :holder"), {"holder": f"{host} {pid} 1"})
    assert isinstance(leases.take(engine, "order"), leases.Lease), "our number, but started at another time: it is dead"
    assert os.getpid() == int(pid)


def test_of_many_that_try_at_once_exactly_one_runs(new_engine: Callable[[], Engine]) -> None:
    engines = [new_engine() for _ in range(6)]
    together = Barrier(len(engines))

    def attempt(one: Engine) -> leases.Lease | leases.Taken:
        together.wait(timeout=20)
        return leases.take(one, "order")

    with ThreadPoolExecutor(len(engines)) as pool:
        got = list(pool.map(attempt, engines))
    assert sum(isinstance(one, leases.Lease) for one in got) == 1


class Ticks(Event):
    """An event that is waited for a few times before it is set."""

    def __init__(self, ticks: int) -> None:
        super().__init__()
        self._ticks: Iterator[bool] = iter([False] * ticks)

    def wait(self, timeout: float | None = None) -> bool:
        return next(self._ticks, True)


def test_a_lease_is_extended_while_something_takes_long(engine: Engine) -> None:
    held = leases.take(engine, "order")
    assert isinstance(held, leases.Lease)
    with writing(engine) as connection:
        connection.execute(text("UPDATE state_lease SET expires_at = '2026-01-01T00:00:00.000000Z'"))
    leases.extend(engine, held, Ticks(1))
    with reading(engine) as connection:
        assert connection.execute(text("SELECT expires_at FROM state_lease")).scalar_one() > "2026-01-02"
    with leases.kept(engine, held):
        pass


def test_a_database_that_takes_no_writes_for_a_while_does_not_end_the_extending(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that stands by until it is promoted, say: whoever waits for a far system keeps the lease."""
    held = leases.take(engine, "order")
    assert isinstance(held, leases.Lease)
    with writing(engine) as connection:
        connection.execute(text("UPDATE state_lease SET expires_at = 'over'"))
    states = iter([Misconfigured("database", "cannot execute UPDATE in a read-only transaction")])

    def take_writes_later(engine: Engine) -> AbstractContextManager[Connection]:
        for error in states:
            raise error
        return writing(engine)

    monkeypatch.setattr(leases, "writing", take_writes_later)
    leases.extend(engine, held, Ticks(2))
    with reading(engine) as connection:
        assert connection.execute(text("SELECT expires_at FROM state_lease")).scalar_one() != "over"


def test_who_was_succeeded_extends_nothing(engine: Engine) -> None:
    held = leases.take(engine, "order")
    assert isinstance(held, leases.Lease)
    ticks = Ticks(3)
    with writing(engine) as connection:
        connection.execute(text("UPDATE state_lease SET token = token + 1, expires_at = 'theirs'"))
    leases.extend(engine, held, ticks)
    assert not ticks.wait(), "it gave up before it was told to"
    with reading(engine) as connection:
        assert connection.execute(text("SELECT expires_at FROM state_lease")).scalar_one() == "theirs"
