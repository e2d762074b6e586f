"""One holder at a time, by the database's clock, with a fencing token that every commit compares."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Event, Thread
from typing import Any

from sqlalchemy import Connection, Engine, Select, TextClause, Update, bindparam, select, text

from isthmus.db import writing
from isthmus.kernel.clock import format_stamp, parse_stamp
from isthmus.kernel.errors import IsthmusError, Moved
from isthmus.state.tables import lease

DURATION = timedelta(seconds=300)
EXTENDED_EVERY = DURATION / 3


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lease; ``token`` grows with each holder."""

    name: str
    token: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Somebody else holds it."""

    name: str
    holder: str
    expires_at: str


def holder_name() -> str:
    """Host, process id, the process's start, and who counts it: tells a dead holder from a living one with the same
    number, and from one that only another container can see.
    """
    return _name_of(os.getpid())


@cache
def _name_of(pid: int) -> str:
    return f"{socket.gethostname()} {pid} {_started(pid)}:{_counted_by()}"


def _counted_by() -> str:
    """The namespace in which our process has its number: Linux numbers them, other systems have but one."""
    try:
        return str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        return ""


def _started(pid: int) -> str:
    try:  # field 22 of Linux's stat, counted behind the name, which may hold blanks
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return "unknown"


def _is_gone(holder: str) -> bool:
    """True only if the holder ran on this machine, where we can see it, and its process is no more."""
    host, _, rest = holder.partition(" ")
    number, _, rest = rest.partition(" ")
    started, _, counted_by = rest.partition(":")
    is_ours = host == socket.gethostname() and counted_by in ("", _counted_by())
    if not is_ours or not number.isdigit() or started == "unknown":
        return False
    now = _started(int(number))
    return now != started and not (now == "unknown" and _is_running(int(number)))


def _is_running(pid: int) -> bool:
    """Whether there is a process of this number; of another user's, /proc may hide all else (``hidepid``)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def database_time(connection: Connection) -> datetime:
    """Now, by the database: the one clock that all workers share."""
    if connection.dialect.name == "postgresql":
        moment = connection.execute(_POSTGRESQL_TIME).scalar_one()
        return parse_stamp(moment.isoformat())
    return parse_stamp(connection.execute(_SQLITE_TIME).scalar_one())


_POSTGRESQL_TIME = text("SELECT clock_timestamp()")
_SQLITE_TIME = text("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')")


def take(engine: Engine, name: str) -> Lease | Taken:
    """Takes the lease, or says who has it. A holder that died on this machine is succeeded at once."""
    with writing(engine) as connection:
        row = connection.execute(_held(), {"held": name}).first()
        if row is None:
            connection.execute(_INSERT_MISSING, {"name": name})
            row = connection.execute(_held(), {"held": name}).one()
        now = database_time(connection)
        if row.holder is not None and parse_stamp(row.expires_at) > now and not _is_gone(row.holder):
            return Taken(name, row.holder, row.expires_at)
        values = {"holder": holder_name(), "token": row.token + 1, "expires_at": format_stamp(now + DURATION)}
        connection.execute(_hand_over(), {"held": name, **values})
        return Lease(name, row.token + 1)


_INSERT_MISSING = text(
    "INSERT INTO state_lease (name, holder, token, expires_at) VALUES (:name, NULL, 0, '') ON CONFLICT DO NOTHING"
)


def _extend(until: str) -> TextClause:
    """One statement: each page confirms three times, and each is a way to the database and back."""
    return text(
        f"UPDATE state_lease SET expires_at = {until} WHERE name = :held AND token = :by AND holder IS NOT NULL"
    )


#: By the database's clock, spelled as our stamps are.
_EXTEND = {
    "sqlite": _extend(f"strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '+{DURATION.seconds} seconds')"),
    "postgresql": _extend(
        f"to_char(clock_timestamp() AT TIME ZONE 'UTC' + interval '{DURATION.seconds} seconds',"
        """ 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    ),
}


def confirm(connection: Connection, held: Lease) -> None:
    """Fences a commit: extends the lease, or raises Moved when a later holder has it. Part of every commit."""
    if connection.execute(_EXTEND[connection.dialect.name], {"held": held.name, "by": held.token}).rowcount != 1:
        what = "another run has taken over; nothing of this page was stored"
        raise Moved(f"run of {held.name}", what, "nothing to do: the other run goes on")


@contextmanager
def kept(engine: Engine, held: Lease) -> Iterator[None]:
    """Extends the lease while a run waits for a system longer than the lease lasts: a bulk read, a call of many steps.

    Whoever stands still does not extend it: the thread stands still with the process.
    """
    over = Event()
    thread = Thread(target=extend, args=(engine, held, over), name="isthmus-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def extend(engine: Engine, held: Lease, over: Event) -> None:
    """Extends the lease again and again until ``over`` is set, or somebody else has it."""
    while not over.wait(EXTENDED_EVERY.total_seconds()):
        try:
            with writing(engine) as connection:
                confirm(connection, held)
        except Moved:
            return
        except IsthmusError:  # away, full, or read-only while it stands by
            continue  # the run itself will say so


def release(engine: Engine, held: Lease) -> None:
    """Gives the lease back, if it is still ours."""
    with writing(engine) as connection:
        mine = {"held": held.name, "by": held.token}
        connection.execute(_give_back(), {**mine, "holder": None})


# Built once: building them takes longer than running them, and they are part of every run and every commit.


@cache
def _held() -> Select[Any]:
    return select(lease).where(lease.c.name == bindparam("held")).with_for_update()


@cache
def _hand_over() -> Update:
    return lease.update().where(lease.c.name == bindparam("held"))


@cache
def _give_back() -> Update:
    return _hand_over().where(lease.c.token == bindparam("by"))
