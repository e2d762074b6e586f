"""Which record carries which external key. One key has at most one record, for ever.

``live``: the key is that record's. ``alias``: another record was merged into it. ``buried``: never again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import CheckConstraint, Connection, Table, select, update
from sqlalchemy.orm import Mapped, mapped_column

from isthmus.db import among
from isthmus.erp.columns import Code, Model, Name, Whole
from isthmus.kernel.errors import Refused


class ExternalKey(Model):
    """A key of another system, and our record behind it."""

    __tablename__ = "erp_external_key"
    stream: Mapped[Code] = mapped_column(primary_key=True)
    key: Mapped[Name] = mapped_column(primary_key=True)
    record_id: Mapped[Whole]
    status: Mapped[Code]
    __table_args__ = (
        CheckConstraint("status IN ('live', 'alias', 'buried')", name="status"),
        {"sqlite_with_rowid": False},
    )


external_key = cast(Table, ExternalKey.__table__)
COLUMNS = ("stream", "key", "record_id", "status")


@dataclass(frozen=True, slots=True)
class Holder:
    """The record behind a key."""

    record_id: int
    status: str


def holders(connection: Connection, stream: str, keys: Sequence[str]) -> dict[str, Holder]:
    """The records behind these keys; keys that nobody ever used are left out."""
    if not keys:
        return {}
    column = external_key.c
    query = select(column.key, column.record_id, column.status)
    query = query.where(column.stream == stream, among(connection, column.key, keys))
    return {key: Holder(record_id, status) for key, record_id, status in connection.execute(query)}


def alias(connection: Connection, stream: str, key: str, *, record_id: int) -> None:
    """Makes a key stand for the record that its own was merged into. Raises Refused for a key that is not there."""
    _turn(connection, stream, key, values={"status": "alias", "record_id": record_id})


def bury(connection: Connection, stream: str, key: str) -> None:
    """Makes sure that no record ever carries this key again. Raises Refused for a key that is not there."""
    _turn(connection, stream, key, values={"status": "buried"})


def _turn(connection: Connection, stream: str, key: str, *, values: dict[str, object]) -> None:
    column = external_key.c
    statement = update(external_key).where(column.stream == stream, column.key == key).values(values)
    if connection.execute(statement).rowcount != 1:
        raise Refused(f"{stream} {key}", "no record carries this key", "check the key")
