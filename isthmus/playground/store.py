"""The organisation's memory: one SQLite file, one table per object, one writer at a time."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from isthmus.kernel.clock import Clock
from isthmus.playground.conditions import fold
from isthmus.playground.drift import Alteration, altered
from isthmus.playground.ids import make_id
from isthmus.playground.objects import OBJECTS
from isthmus.playground.schema import NUMBERS, SalesforceObject, Schema
from isthmus.playground.sums import ConvertedSum

_OWN_TABLES = """
CREATE TABLE IF NOT EXISTS "_setting" (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "_counter" (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "_session" (token TEXT PRIMARY KEY, user TEXT NOT NULL, seen TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "_deleted"
  (object TEXT, id TEXT, stamp TEXT, root TEXT, PRIMARY KEY (object, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "_job" (id TEXT PRIMARY KEY, job TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "_late" (id INTEGER PRIMARY KEY, user TEXT, stamp TEXT, writes TEXT);
CREATE TABLE IF NOT EXISTS "_lock" (id TEXT PRIMARY KEY, late INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(slots=True)
class Transaction:
    """One open write: its connection, the user who writes, and the stamp that its rows get."""

    db: sqlite3.Connection
    user: str
    stamp: str
    schema: Schema

    def next_number(self, name: str, count: int = 1) -> int:
        """Reserves ``count`` running numbers; answers the first."""
        sql = (
            'INSERT INTO "_counter" VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value'
            " RETURNING value"
        )
        (value,) = self.db.execute(sql, (name, count)).fetchone()
        return int(value) - count + 1

    def is_locked(self, record_id: str) -> bool:
        """Does another open transaction hold the record?"""
        return self.db.execute('SELECT 1 FROM "_lock" WHERE id = ?', (record_id,)).fetchone() is not None

    def new_id(self, entity: SalesforceObject) -> str:
        return make_id(entity.prefix, self.next_number(entity.name))


#: What lies longer in the recycle bin is gone for every reader.
BIN_LIFE = timedelta(days=15)


class Store:
    """The file, its connections (one per thread) and what the organisation is set to."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / "playground.sqlite"
        self._clock = clock
        self._local = threading.local()
        self._writer = threading.RLock()
        self._opened: list[sqlite3.Connection] = []
        db = self.connection()
        db.executescript(_OWN_TABLES + "".join(_table(one) for one in OBJECTS))
        _add_columns(db)
        self._settings: dict[str, Any] = {}
        self._load_settings()
        self._schema = self._build_schema()

    def open(self) -> sqlite3.Connection:
        """A connection of its own, usable from any thread; closed with the store."""
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30)
        db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;")
        db.create_function("sf_fold", 1, fold, deterministic=True)
        db.create_function("sf_exponent", 2, exponent_text, deterministic=True)
        db.create_aggregate("sf_converted_sum", 2, ConvertedSum)
        self._opened.append(db)
        return db

    def connection(self) -> sqlite3.Connection:
        """This thread's connection: for reading only."""
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = self.open()
        return db

    def close(self) -> None:
        """Ends all connections of all threads; the store cannot be used afterwards."""
        for db in self._opened:
            db.close()

    @contextmanager
    def writing(self, user: str, *, stamp: str | None = None) -> Iterator[Transaction]:
        """One transaction, committed at the end or rolled back on any error. ``stamp`` dates it back."""
        with self._writer:
            db = self.connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(db, user, stamp or self.stamp(), self.schema)
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def index(self) -> None:
        """Creates the indexes that are not there yet: after a bulk load this is faster than keeping them."""
        with self._writer:
            self.connection().executescript("".join(_indexes(one) for one in OBJECTS))
            self.connection().execute("PRAGMA optimize")

    def now(self) -> datetime:
        """The organisation's time: the given clock and the offset set by the admin."""
        return self._clock.now() + timedelta(seconds=int(self.setting("clock_offset_seconds", 0)))

    def stamp(self) -> str:
        """Now in whole seconds, as stored."""
        return format_seconds(self.now())

    def bin_since(self) -> str:
        """The stamp of the oldest deletion that the recycle bin still holds."""
        return format_seconds(self.now() - BIN_LIFE)

    def setting(self, name: str, default: Any = None) -> Any:
        return self._settings.get(name, default)

    def change_setting(self, name: str, value: Any) -> None:
        """Keeps a setting for good; the schema follows."""
        with self._writer:
            sql = 'INSERT INTO "_setting" VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value'
            self.connection().execute(sql, (name, json.dumps(value)))
            self._load_settings()
            self._schema = self._build_schema()

    def empty(self) -> None:
        """Removes all data and settings; the clock's offset stays."""
        with self._writer:
            db = self.connection()
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            db.execute("BEGIN IMMEDIATE")
            for name in tables:
                if not name.startswith("sqlite_"):
                    where = " WHERE name <> 'clock_offset_seconds'" if name == "_setting" else ""
                    db.execute(f'DELETE FROM "{name}"{where}')
            db.execute("COMMIT")
            self._load_settings()
            self._schema = self._build_schema()

    @property
    def schema(self) -> Schema:
        return self._schema

    def _load_settings(self) -> None:
        rows = self.connection().execute('SELECT name, value FROM "_setting"')
        self._settings = {name: json.loads(value) for name, value in rows}

    def _build_schema(self) -> Schema:
        alterations = [Alteration(**one) for one in self.setting("drift", [])]
        return altered(OBJECTS, alterations, multi_currency=self.setting("multi_currency", True))


def format_seconds(moment: datetime) -> str:
    """A stamp as stored: UTC, whole seconds, no offset; sorts as text."""
    return moment.isoformat()[:19]


def exponent_text(value: int, scale: int) -> str:
    """A great scaled integer as Java writes doubles, but exactly: 350000000.00 → ``3.5E8``."""
    digits = str(abs(value)).rstrip("0") or "0"
    power = len(str(abs(value))) - 1 - scale
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{power}"


def _table(entity: SalesforceObject) -> str:
    columns = ", ".join(f'"{one.column}" {_affinity(one.kept)}' for one in entity.fields.values() if one.name != "Id")
    bin_flag = "" if entity.recycled else ', "IsDeleted" INTEGER NOT NULL DEFAULT 0'
    return f'CREATE TABLE IF NOT EXISTS "{entity.name}" ("Id" TEXT PRIMARY KEY, {columns}{bin_flag}) WITHOUT ROWID;\n'


def _add_columns(db: sqlite3.Connection) -> None:
    """A folder of an earlier release gets the fields that came since."""
    for entity in OBJECTS:
        present = {row[1] for row in db.execute(f'PRAGMA table_info("{entity.name}")')}
        for one in entity.fields.values():
            if one.column not in present:
                db.execute(f'ALTER TABLE "{entity.name}" ADD COLUMN "{one.column}" {_affinity(one.kept)}')


def _affinity(kind: str) -> str:
    return "INTEGER" if kind in NUMBERS or kind == "boolean" else "TEXT"


def _indexes(entity: SalesforceObject) -> str:
    statements = [f'CREATE INDEX IF NOT EXISTS "{entity.name}_SystemModstamp" ON "{entity.name}" ("SystemModstamp");']
    for one in entity.fields.values():
        name = f'"{entity.name}_{one.name}" ON "{entity.name}"'
        if one.unique:
            statements.append(
                f'CREATE UNIQUE INDEX IF NOT EXISTS {name} ("{one.column}" COLLATE NOCASE)'
                f' WHERE "{one.column}" IS NOT NULL AND "IsDeleted" = 0;'
            )
            # The same for look-ups among deleted rows and for IN, which cannot use the narrower one.
            statements.append(
                f'CREATE INDEX IF NOT EXISTS "{entity.name}_{one.name}_any" ON "{entity.name}"'
                f' ("{one.column}" COLLATE NOCASE) WHERE "{one.column}" IS NOT NULL;'
            )
        elif one.type == "reference" and one.refers_to != ("User",):
            statements.append(f'CREATE INDEX IF NOT EXISTS {name} ("{one.column}") WHERE "{one.column}" IS NOT NULL;')
    return "\n".join(statements) + "\n"
