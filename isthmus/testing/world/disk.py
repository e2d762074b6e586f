"""The database of a simulated world: restored in a moment, its clock the world's, stopped between any two steps."""

from __future__ import annotations

import sqlite3
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.exc import OperationalError

from isthmus.db import engine_for, upgrade
from isthmus.kernel.clock import Clock, format_stamp

_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, where there is one
MORNING = datetime(2026, 11, 23, 8, tzinfo=UTC)
Boundary = Callable[[str], None]
Kept = Any  # what a disk gives for a database that it can put back: compared, and never looked into


class Disk(ABC):
    """One engine for all workers of all worlds: SQLAlchemy keeps its compiled statements by engine.

    ``boundary`` is told ``begin`` before a writing transaction takes its lock, ``commit`` right before it is durable
    and ``committed`` right after: whoever stops the world there stops it between two durable steps. ``statement`` is
    told before each one.
    """

    interleaves = False  # whether others may write while a transaction stands still

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.clock: Clock | None = None
        self.boundary: Boundary = _pass
        self._is_writing = False
        event.listen(engine, "set_connection_execution_options", self._beginning)
        event.listen(engine, "commit", self._committing)
        self._do_commit = engine.dialect.do_commit
        engine.dialect.do_commit = self._commit  # type: ignore[method-assign,assignment]

    @abstractmethod
    def put(self, kept: Kept | None) -> None:
        """Replaces the whole database: by what was kept, or by an empty one."""

    @abstractmethod
    def fold(self) -> None:
        """Brings the database to rest: nobody is connected, and what was committed is in one place."""

    @abstractmethod
    def remains(self) -> Kept:
        """What would be left of the database if everything stopped at this moment."""

    @abstractmethod
    def ask(self, query: str, words: Sequence[Any] = ()) -> list[Any]:
        """The auditor's own look at what is durable: rows by name and by place. Words stand for the ``?``."""

    @abstractmethod
    def fail(self, kind: str) -> None:
        """The database gives up: ``locked``, ``disk_full``, or ``db_restart``."""

    def migrated(self) -> Kept:
        """A database with all tables."""
        self.put(None)
        upgrade(self.engine)
        self.fold()
        return self.remains()

    def tables(self) -> list[str]:
        return sorted(inspect(self.engine).get_table_names())

    def now(self) -> datetime:
        """What the database's clock shows: leases are measured by it."""
        return self.clock.now() if self.clock is not None else MORNING

    # --- between two durable steps --------------------------------------------------------------------------------

    def _beginning(self, _connection: Connection, options: dict[str, Any]) -> None:
        """Told before the lock is taken; the event of that name comes after it."""
        if options.get("sqlite_begin") == "IMMEDIATE":
            self.boundary("begin")

    def _committing(self, connection: Connection) -> None:
        self._is_writing = connection.get_execution_options().get("sqlite_begin") == "IMMEDIATE"
        if self._is_writing:
            self.boundary("commit")

    def _commit(self, connection: Any) -> None:
        was_writing, self._is_writing = self._is_writing, False
        self._do_commit(connection)
        if was_writing:
            self.boundary("committed")


class File(Disk):
    """One file of SQLite, in memory. What is kept of it are its bytes, and those of its log."""

    def __init__(self) -> None:
        place = str(_MEMORY) if _MEMORY.is_dir() else None
        self._folder = tempfile.TemporaryDirectory(prefix="isthmus-world-", dir=place)
        self.path = Path(self._folder.name) / "0.db"
        self._look: sqlite3.Connection | None = None
        super().__init__(engine_for(f"sqlite:///{self.path}"))
        event.listen(self.engine, "do_connect", self._lead)
        event.listen(self.engine, "connect", self._set_clock)
        event.listen(self.engine, "before_cursor_execute", lambda *_: self.boundary("statement"))

    def put(self, kept: tuple[bytes, bytes] | None) -> None:
        """By another file, so that nobody who still holds the old one does it harm."""
        self.engine.dispose()
        if self._look is not None:
            self._look.close()
            self._look = None
        for path in self.path.parent.iterdir():
            path.unlink()
        self.path = self.path.with_name(f"{int(self.path.stem) + 1}.db")
        content, log = kept or (b"", b"")
        self.path.write_bytes(content)
        if log:
            self._log.write_bytes(log)

    def fold(self) -> None:
        self.engine.dispose()
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def remains(self) -> tuple[bytes, bytes]:
        return self.path.read_bytes(), self._log.read_bytes() if self._log.exists() else b""

    @property
    def _log(self) -> Path:
        return self.path.with_name(f"{self.path.name}-wal")

    def ask(self, query: str, words: Sequence[Any] = ()) -> list[Any]:
        if self._look is None:  # opening one costs more than most looks: it is kept
            self._look = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
            self._look.row_factory = sqlite3.Row
        return self._look.execute(query, words).fetchall()

    def fail(self, kind: str) -> None:
        code, words = _RESULTS[kind]
        cause = sqlite3.OperationalError(words)
        cause.sqlite_errorcode = code
        raise OperationalError(None, None, cause)

    def _lead(self, _dialect: object, _record: object, words: list[Any], _named: object) -> None:
        """Every new connection goes to the present file."""
        words[0] = str(self.path)

    def _set_clock(self, connection: sqlite3.Connection, _record: object) -> None:
        connection.create_function("strftime", -1, self._strftime)

    def _strftime(self, _form: str, _moment: str, later: str = "+0 seconds") -> str:
        return format_stamp(self.now() + timedelta(seconds=int(later.split(maxsplit=1)[0])))


#: SQLite's result codes, and its words for them.
_RESULTS = {
    "locked": (5, "database is locked"), "db_restart": (10, "disk I/O error"),
    "disk_full": (13, "database or disk is full"),
}  # fmt: skip


_FILE = ""
_DISKS: dict[str, Disk] = {}  # by the address of their server
_PLACES = [_FILE]


def the_disk() -> Disk:
    """One for the process, and each server."""
    place = _PLACES[-1]
    if place not in _DISKS:
        from isthmus.testing.world.server import Database

        _DISKS[place] = Database(place) if place else File()
    return _DISKS[place]


def live_on(server: str) -> None:
    """From now on the worlds of this process live on this PostgreSQL server; empty: in a file of SQLite."""
    _PLACES[-1] = server


@contextmanager
def living_on(server: str) -> Iterator[None]:
    """The same as long as the block."""
    _PLACES.append(server)
    try:
        yield
    finally:
        _PLACES.pop()


def _pass(_name: str) -> None:
    """Nobody stops anything."""
