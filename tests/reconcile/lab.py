"""A company whose tables are open on both sides, so that drift can be planted behind everybody's back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from isthmus.db import reading, writing
from isthmus.erp.desk import Desk, sit_down
from isthmus.kernel.units import Side
from isthmus.state import bindings
from isthmus.state.bindings import Binding
from tests.scenarios.world import World

NET = ("quote", "order")
WORTH = {"quote": "total_minor", "order": "total_minor", "invoice": "total_minor", "payment": "amount_minor"}


@dataclass
class Lab:
    """Raw access to both systems. ``new`` are the ids of records that were planted, by the CRM id they copy."""

    world: World
    number: int = 0
    line_keys: dict[str, str] = field(default_factory=dict)  # of the line that was touched, by the CRM id of its header
    new: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def open(self, side: Side) -> Iterator[sqlite3.Connection]:
        """One side's database: one transaction, committed at the end."""
        path = self.world.playground.store.path if side == "crm" else self.world.database.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA synchronous=OFF")
            db.execute("PRAGMA ignore_check_constraints=ON")
            db.execute("BEGIN")
            yield db
            db.execute("COMMIT")

    @contextmanager
    def unguarded(self) -> Iterator[None]:
        """The ERP's guards are away for the while, or it would let nobody plant anything."""
        with self.open("erp") as db:
            guards = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in guards:
                db.execute(f'DROP TRIGGER "{name}"')
        yield
        with self.open("erp") as db:
            for _, sql in guards:
                db.execute(sql)

    def one(self, side: Side, table: str, where: str) -> dict[str, Any]:
        with self.open(side) as db:
            row = db.execute(f'SELECT * FROM "{table}" WHERE {where} ORDER BY 1 LIMIT 1').fetchone()
        assert row is not None, (table, where)
        return dict(row)

    def all(self, side: Side, table: str, where: str) -> list[dict[str, Any]]:
        with self.open(side) as db:
            return [dict(row) for row in db.execute(f'SELECT * FROM "{table}" WHERE {where}')]

    def set(self, side: Side, table: str, where: str, **values: Any) -> None:
        names = ", ".join(f'"{name}" = ?' for name in values)
        with self.open(side) as db:
            changed = db.execute(f'UPDATE "{table}" SET {names} WHERE {where}', list(values.values())).rowcount
        assert changed == 1, (table, where, changed)

    def insert(self, side: Side, table: str, row: dict[str, Any]) -> None:
        names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
        with self.open(side) as db:
            db.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', list(row.values()))

    def remove(self, side: Side, table: str, where: str) -> None:
        with self.open(side) as db:
            assert db.execute(f'DELETE FROM "{table}" WHERE {where}').rowcount >= 1, (table, where)

    def unique(self) -> int:
        self.number += 1
        return self.number

    @contextmanager
    def at_desk(self) -> Iterator[Desk]:
        """A clerk does something in the ERP, a minute later."""
        self.world.pass_time(minutes=1)
        with writing(self.world.shop.engine) as connection:
            yield sit_down(connection, by="clerk:berta", clock=self.world.clock)

    # --- what is there, worked out anew -------------------------------------------------------------------------------

    def worth(self, entity: str, pair: Binding) -> int:
        """What a document comes to by the ERP's own table: net for quotes and orders."""
        if entity not in WORTH:
            return 0
        row = self.one("erp", f"erp_{entity}", f"id = {pair.erp.id}")
        return abs(int(row[WORTH[entity]])) - (int(row["tax_minor"]) if entity in NET else 0)

    def pairs(self, entity: str) -> list[Binding]:
        """All live pairs, oldest first."""
        with reading(self.world.shop.engine) as connection:
            stream = self.world.shop.ports.stream(entity, "crm")
            found = bindings.load(connection, stream, bindings.all_ids(connection, stream))
        return sorted(found.values(), key=lambda pair: pair.id or 0)

    def table(self, entity: str) -> str:
        """The CRM's object of an entity."""
        return self.world.shop.ports.mappings[entity].spec.crm.stream

    def lines_of(self, entity: str, pair: Binding) -> tuple[str, str]:
        """Object and condition of the CRM's lines of a record."""
        lines = self.world.shop.ports.mappings[entity].spec.crm.lines
        assert lines is not None
        return lines.stream, f'"{lines.parent}" = \'{pair.crm.id}\' AND "IsDeleted" = 0'
