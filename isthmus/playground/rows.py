"""Rows of the file as plain dicts by column name."""

from __future__ import annotations

import sqlite3
from typing import Any

Row = dict[str, Any]


def read_row(db: sqlite3.Connection, table: str, record_id: str) -> Row | None:
    """One row by id, live or deleted; None if it is not there."""
    rows = read_rows(db, f'SELECT * FROM "{table}" WHERE "Id" = ?', (record_id,))
    return rows[0] if rows else None


def read_rows(db: sqlite3.Connection, sql: str, parameters: tuple[Any, ...] = ()) -> list[Row]:
    """All rows of a query."""
    cursor = db.execute(sql, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
