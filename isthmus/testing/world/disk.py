"""The database of a simulated world: one file in memory, restored in a moment, whose clock is the world's."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from isthmus.db import engine_for, upgrade
from isthmus.kernel.clock import Clock, format_stamp

_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, where there is one
Boundary = Callable[[str], None]


class Look(sqlite3.Connection):
    """A reading connection that outlives those who look: closing only gives it back."""

    def close(self) -> None:
        """Nothing to give back: a look is over with its last row."""

    def end(self) -> None:
        """Closes it indeed."""
        super().close()


class Disk:
    """One engine for all workers of all worlds: SQLAlchemy keeps its compiled statements by engine.

    ``boundary`` is told ``begin`` before a writing transaction takes its lock, ``commit`` right before it is durable
    and ``committed`` right after: whoever stops the world there stops it between two durable steps. ``statement`` is
    told before each one.
    """

    def __init__(self) -> None:
        place = str(_MEMORY) if _MEMORY.is_dir() else None
        self._folder = tempfile.TemporaryDirectory(prefix="isthmus-world-", dir=place)
        self.path = Path(self._folder.name) / "0.db"
        self.engine = engine_for(f"sqlite:///{self.path}")
        self.clock: Clock | None = None
        self.boundary: Boundary = _pass
        self._is_writing = False
        self._look: Look | None = None
        event.listen(self.engine, "do_connect", self._lead)
        event.listen(self.engine, "connect", self._set_clock)
        event.listen(self.engine, "set_connection_execution_options", self._beginning)
        event.listen(self.engine, "commit", self._committing)
        event.listen(self.engine, "before_cursor_execute", lambda *_: self.boundary("statement"))
        self._do_commit = self.engine.dialect.do_commit
        self.engine.dialect.do_commit = self._commit  # type: ignore[method-assign,assignment]

    def migrated(self) -> bytes:
        """A database with all tables, as the bytes of its file."""
        self.put(b"")
        upgrade(self.engine)
        self.fold()
        return self.path.read_bytes()

    def put(self, content: bytes, log: bytes = b"") -> None:
        """Replaces the whole database: by another file, so that nobody who still holds the old one does it harm."""
        self.engine.dispose()
        if self._look is not None:
            self._look.end()
            self._look = None
        for path in self.path.parent.iterdir():
            path.unlink()
        self.path = self.path.with_name(f"{int(self.path.stem) + 1}.db")
        self.path.write_bytes(content)
        if log:
            self._log.write_bytes(log)

    def fold(self) -> None:
        """Folds the log into the database: everything that was committed is in one file."""
        self.engine.dispose()
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def remains(self) -> tuple[bytes, bytes]:
        """What would be left of the database, and of its log, if everything stopped at this moment."""
        return self.path.read_bytes(), self._log.read_bytes() if self._log.exists() else b""

    @property
    def _log(self) -> Path:
        return self.path.with_name(f"{self.path.name}-wal")

    def look(self) -> sqlite3.Connection:
        """A connection of the auditor's own, that only reads. Opening one costs more than most looks: it is kept."""
        if self._look is None:
            self._look = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, factory=Look)
            self._look.row_factory = sqlite3.Row
        return self._look

    # --- between two durable steps --------------------------------------------------------------------------------

    def _beginning(self, _connection: Connection, options: dict[str, Any]) -> None:
        """Told before the lock is taken; the event of that name comes after it."""
        if options.get("sqlite_begin") == "IMMEDIATE":
            self.boundary("begin")

    def _committing(self, connection: Connection) -> None:
        self._is_writing = _writes(connection)
        if self._is_writing:
            self.boundary("commit")

    def _commit(self, connection: Any) -> None:
        was_writing, self._is_writing = self._is_writing, False
        self._do_commit(connection)
        if was_writing:
            self.boundary("committed")

    def _lead(self, _dialect: object, _record: object, words: list[Any], _named: object) -> None:
        """Every new connection goes to the present file."""
        words[0] = str(self.path)

    def _set_clock(self, connection: sqlite3.Connection, _record: object) -> None:
        """SQLite's own clock tells the world's time: leases are measured by it."""
        connection.create_function("strftime", -1, self._strftime)

    def _strftime(self, _form: str, _moment: str, later: str = "+0 seconds") -> str:
        now = self.clock.now() if self.clock is not None else datetime(2026, 11, 23, 8, tzinfo=UTC)
        return format_stamp(now + timedelta(seconds=int(later.split(maxsplit=1)[0])))


def fail(code: int, words: str) -> None:
    """The database gives up with one of SQLite's result codes."""
    cause = sqlite3.OperationalError(words)
    cause.sqlite_errorcode = code
    raise OperationalError(None, None, cause)


def _writes(connection: Connection) -> bool:
    return connection.get_execution_options().get("sqlite_begin") == "IMMEDIATE"


def _pass(_name: str) -> None:
    """Nobody stops anything."""
