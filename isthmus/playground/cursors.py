"""Query locators: an answer of many pages as it was when the query was asked."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from isthmus.playground.refusals import Refusal
from isthmus.playground.soql_sql import Statement
from isthmus.playground.store import Store

#: As Salesforce: a user's eleventh open cursor closes the first.
_MOST_OPEN = 10


@dataclass(slots=True)
class _Cursor:
    """A read transaction that stands still; ``served`` is the last page, so that a lost answer can be asked again."""

    db: sqlite3.Connection
    rows: sqlite3.Cursor
    total: int
    batch: int
    place: int = 0
    served: tuple[int, bytes] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Cursors:
    """The open cursors of all users, oldest first."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: OrderedDict[tuple[str, str], _Cursor] = OrderedDict()
        self._spare: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    def start(self, user: str, statement: Statement, *, batch: int, version: str) -> bytes:
        """The first page of a query; keeps a cursor when there is more."""
        db = self._spare.pop() if self._spare else self._store.open()
        db.execute("BEGIN")
        cursor = _Cursor(db, db.execute(statement.sql, statement.parameters), 0, batch)
        page = _fetch(cursor)
        if len(page) < batch:
            self._release(cursor)
            return _body(page, len(page), None)
        cursor.total = int(db.execute(statement.count_sql, statement.parameters).fetchone()[0])
        if cursor.total == batch:
            self._release(cursor)
            return _body(page, batch, None)
        name = "01g" + secrets.token_hex(8)[:15]
        with self._lock:
            self._open[user, name] = cursor
            self._drop_oldest(user)
        return _body(page, cursor.total, _address(version, name, cursor.place))

    def more(self, user: str, locator: str, *, version: str) -> bytes:
        """The page at a locator. Raises Refusal INVALID_QUERY_LOCATOR."""
        name, _, place = locator.partition("-")
        cursor = self._open.get((user, name))
        if cursor is None or not place.isdigit():
            raise _invalid()
        with cursor.lock:
            if cursor.served and cursor.served[0] == int(place):
                return cursor.served[1]
            if cursor.place != int(place) or cursor.place >= cursor.total:
                raise _invalid()
            page = _fetch(cursor)
            done = cursor.place >= cursor.total
            if done:
                self._release(cursor)
            body = _body(page, cursor.total, None if done else _address(version, name, cursor.place))
            cursor.served = (int(place), body)
        return body

    def _drop_oldest(self, user: str) -> None:
        mine = [key for key in self._open if key[0] == user]
        for key in mine[:-_MOST_OPEN]:
            cursor = self._open.pop(key)
            with cursor.lock:
                if cursor.place < cursor.total:
                    self._release(cursor)

    def _release(self, cursor: _Cursor) -> None:
        cursor.rows.close()
        cursor.db.execute("COMMIT")
        self._spare.append(cursor.db)


def _fetch(cursor: _Cursor) -> list[str]:
    page = [row for (row,) in cursor.rows.fetchmany(cursor.batch)]
    cursor.place += len(page)
    return page


def _body(page: list[str], total: int, next_address: str | None) -> bytes:
    done = "true" if next_address is None else f'false,"nextRecordsUrl":"{next_address}"'
    return f'{{"totalSize":{total},"done":{done},"records":[{",".join(page)}]}}'.encode()


def _address(version: str, name: str, place: int) -> str:
    return f"/services/data/v{version}/query/{name}-{place}"


def _invalid() -> Refusal:
    return Refusal("INVALID_QUERY_LOCATOR", "invalid query locator")
