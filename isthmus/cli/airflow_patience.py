"""How long Airflow waits for whoever writes to its SQLite file. Airflow opens its connections with `CONNECT_ARGS`.

Its API server notes every call of a user from its event loop (seen in 3.3). As long as that waits for the file, no
request that holds it can end: nothing moves until somebody's patience is over, and where all wait five seconds, as is
usual, it is the scheduler that ends by it. So who stands on an event loop does not wait, and its call is made again;
everybody else waits long.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

ON_A_LOOP_SECONDS = 0.05
ELSEWHERE_SECONDS = 60.0


class PatientCursor(sqlite3.Cursor):
    """Waits as its connection says at the moment."""

    connection: PatientConnection

    def execute(self, *statement: Any) -> PatientCursor:
        self.connection.choose_patience()
        super().execute(*statement)
        return self

    def executemany(self, *statement: Any) -> PatientCursor:
        self.connection.choose_patience()
        super().executemany(*statement)
        return self


class PatientConnection(sqlite3.Connection):
    """Waits for other writers by where it is used: hardly on an event loop, long anywhere else."""

    _seconds = 0.0

    def cursor(self, factory: Any = PatientCursor) -> Any:
        return super().cursor(factory)

    def commit(self) -> None:
        self.choose_patience()
        super().commit()

    def choose_patience(self) -> None:
        """Before each statement: a connection of a pool goes from thread to thread."""
        seconds = ON_A_LOOP_SECONDS if _is_on_a_loop() else ELSEWHERE_SECONDS
        if seconds != self._seconds:
            super().execute(f"PRAGMA busy_timeout = {int(1000 * seconds)}")
            self._seconds = seconds


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


CONNECT_ARGS = {"factory": PatientConnection}
