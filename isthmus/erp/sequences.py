"""Numbers that are given out once: ids, and the numbers of changes. They may have gaps."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Connection, Table, text
from sqlalchemy.orm import Mapped, mapped_column

from isthmus.erp.columns import Code, Model, Whole

#: How the number of a record begins: order 42 is `O0000042`.
PREFIXES = {"customer": "C", "product": "P", "quote": "Q", "order": "O", "invoice": "I", "payment": "R"}
STREAMS = (*PREFIXES, "entry", "allocation", "change")


class Sequence(Model):
    """The last number given out, on SQLite. PostgreSQL has sequences of its own, which stop no other writer."""

    __tablename__ = "erp_sequence"
    name: Mapped[Code] = mapped_column(primary_key=True)
    last: Mapped[Whole]


sequence = cast(Table, Sequence.__table__)


def take_numbers(connection: Connection, name: str, count: int) -> list[int]:
    """So many new numbers of a sequence, ascending."""
    if connection.dialect.name == "postgresql":
        query = text(f"SELECT array_agg(nextval('erp_{name}_number')) FROM generate_series(1, :count)")
        return list(connection.execute(query, {"count": count}).scalar_one() or ())
    query = text("UPDATE erp_sequence SET last = last + :count WHERE name = :name RETURNING last")
    last = connection.execute(query, {"count": count, "name": name}).scalar_one()
    return list(range(last - count + 1, last + 1))


def number_of(stream: str, record_id: int) -> str:
    """The number that people call a record by."""
    return f"{PREFIXES[stream]}{record_id:07d}"
