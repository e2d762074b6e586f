"""The database under the simulated world: does it stop, fail, and come back as the real one would?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from isthmus.db import reading, writing
from isthmus.kernel.clock import SetClock
from isthmus.kernel.errors import Unavailable
from isthmus.state import leases
from isthmus.testing.world.disk import Disk, living_on, the_disk

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    server = request.getfixturevalue("postgresql_server") if request.param == "postgresql" else ""
    with living_on(server):
        found = the_disk()
        found.boundary, found.clock = lambda _name: None, SetClock(NOON)
        found.migrated()
        yield found
        found.boundary = lambda _name: None


def names(disk: Disk) -> list[str]:
    return [row["name"] for row in disk.ask("SELECT name FROM state_lease WHERE name <> ? ORDER BY name", ("c",))]


def test_its_clock_is_the_worlds(disk: Disk) -> None:
    with reading(disk.engine) as connection:
        assert leases.database_time(connection) == NOON
    held = leases.take(disk.engine, "a")
    assert isinstance(held, leases.Lease)
    with writing(disk.engine) as connection:
        leases.confirm(connection, held)
    assert [tuple(row) for row in disk.ask("SELECT expires_at FROM state_lease")] == [("2027-03-01T12:05:00.000000Z",)]


def test_what_was_kept_can_be_put_back(disk: Disk) -> None:
    leases.take(disk.engine, "a")
    disk.fold()
    kept = disk.remains()
    leases.take(disk.engine, "b")
    assert names(disk) == ["a", "b"]
    disk.put(kept)
    assert names(disk) == ["a"]


def test_a_writer_is_stopped_before_its_lock_at_each_statement_and_around_its_commit(disk: Disk) -> None:
    told: list[str] = []
    disk.boundary = told.append
    leases.take(disk.engine, "a")
    assert (told[:2], told[-2:]) == (["begin", "statement"], ["commit", "committed"])
    told.clear()
    with reading(disk.engine) as connection:
        leases.database_time(connection)
    assert told == ["statement"]


@pytest.mark.parametrize(("place", "kind"), [("begin", "locked"), ("statement", "db_restart"), ("commit", "disk_full")])
def test_what_fails_is_undone_and_the_next_one_passes(disk: Disk, place: str, kind: str) -> None:
    wanted = ["statement", "statement"] if place == "statement" else [place]  # the second one: in mid-transaction

    def fail_at_last(name: str) -> None:
        if wanted and name == wanted[0]:
            wanted.pop()
            if not wanted:
                disk.fail(kind)

    disk.boundary = fail_at_last
    with pytest.raises(Unavailable, match="database"):
        leases.take(disk.engine, "a")
    assert names(disk) == []
    leases.take(disk.engine, "a")
    assert names(disk) == ["a"]
