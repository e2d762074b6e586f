"""Collects the rows that a seed invents and writes them in bulk. Only seeding may plant what rules would refuse."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from isthmus.playground.ids import make_id
from isthmus.playground.rows import Row
from isthmus.playground.schema import Schema
from isthmus.playground.store import Transaction, format_seconds

_YEAR_SECONDS = 365 * 86_400


class Sowing:
    """What is to be planted: rows by object, the dice, and the defects planted on purpose."""

    def __init__(self, schema: Schema, seed: int, until: datetime) -> None:
        self.schema = schema
        self.dice = random.Random(seed)  # noqa: S311  # invented data, not secrets
        self.until = until
        self.rows: dict[str, list[Row]] = {name: [] for name in schema.objects}
        self.defects: list[dict[str, Any]] = []
        self.deleted: list[tuple[str, str, str, str]] = []
        self.prices: dict[tuple[str, str], list[Row]] = {}  # by price book and currency
        self.lines: dict[str, list[Row]] = {}  # by header
        self.org_id = make_id("00D", 1_000_000 + seed)
        self.users: list[str] = []  # sales people; the integration user is none of them
        self.multi_currency = True
        self.integration_user = ""
        self.admin = ""
        self._counters: dict[str, int] = {}

    def number(self, name: str) -> int:
        """The next running number of a name."""
        self._counters[name] = self._counters.get(name, 0) + 1
        return self._counters[name]

    def moment(self, share: float) -> datetime:
        """An instant of the last year: 0 is its beginning, 1 its end."""
        return self.until - timedelta(seconds=int(_YEAR_SECONDS * (1 - share)))

    def add(self, entity: str, row: Row, created: datetime | str, *, user: str | None = None) -> Row:
        """Plants a record made by a user; answers its row, which may still be changed."""
        stamp = created if isinstance(created, str) else format_seconds(created)
        user = user or self.dice.choice(self.users)
        row["Id"] = row.get("Id") or make_id(self.schema.objects[entity].prefix, self.number(entity))
        row["CreatedDate"] = row["LastModifiedDate"] = row["SystemModstamp"] = stamp
        row["CreatedById"] = row["LastModifiedById"] = user
        row["IsDeleted"] = 0
        self.rows[entity].append(row)
        return row

    def touch(self, row: Row, moment: datetime, user: str | None = None) -> None:
        """A later edit by a user."""
        row["LastModifiedDate"] = row["SystemModstamp"] = format_seconds(moment)
        row["LastModifiedById"] = user or self.dice.choice(self.users)

    def bury(self, entity: str, row: Row, moment: datetime, *, root: Row | None = None) -> None:
        """A record that was deleted at a moment, by itself or with ``root``."""
        self.touch(row, moment, self.admin)
        row["IsDeleted"] = 1
        self.deleted.append((entity, row["Id"], row["SystemModstamp"], (root or row)["Id"]))

    def defect(self, kind: str, entity: str, ids: Iterable[str], *, note: str) -> None:
        """Notes a defect planted on purpose."""
        self.defects.append({"defect": kind, "object": entity, "ids": list(ids), "note": note})

    def write(self, tx: Transaction) -> None:
        """Inserts everything and moves the running numbers on."""
        for entity, rows in self.rows.items():
            columns = [one.column for one in self.schema.objects[entity].fields.values()]
            defaults = {
                one.column: one.default
                for one in self.schema.objects[entity].fields.values()
                if one.default is not None
            }
            names = ", ".join(f'"{name}"' for name in columns)
            sql = f'INSERT INTO "{entity}" ({names}) VALUES ({", ".join("?" * len(columns))})'
            tx.db.executemany(sql, (list(map({**defaults, **row}.get, columns)) for row in rows))
        tx.db.executemany('INSERT INTO "_deleted" VALUES (?, ?, ?, ?)', self.deleted)
        for name, value in self._counters.items():
            tx.next_number(name, value)
