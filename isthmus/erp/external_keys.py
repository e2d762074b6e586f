"""Which record carries which external key. One key has at most one record, for ever.

``live``: the key is that record's. ``alias``: another record was merged into it. ``buried``: no record has it, and none
ever shall; most graves never had one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import CheckConstraint, Connection, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite
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
NOBODY = 0  # the record behind a grave that was dug before anybody carried the key


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
    column = external_key.c
    statement = update(external_key).where(column.stream == stream, column.key == key)
    if connection.execute(statement.values(status="alias", record_id=record_id)).rowcount != 1:
        raise Refused(f"{stream} {key}", "no record carries this key", "check the key")


def bury(connection: Connection, stream: str, keys: Sequence[str]) -> set[str]:
    """Makes sure that no record ever carries these keys. Answers those that are buried now: the others are in use."""
    known = holders(connection, stream, keys)
    nobodys = {"stream": stream, "record_id": NOBODY, "status": "buried"}
    graves = [{**nobodys, "key": key} for key in keys if key not in known]
    if graves:
        dig = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(dig(external_key).on_conflict_do_nothing(), graves)  # somebody may be creating it right now
        known = holders(connection, stream, keys)
    return {key for key, holder in known.items() if holder.status == "buried"}
