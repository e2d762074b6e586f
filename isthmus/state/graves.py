"""Records whose external key the target has buried: nobody carries it, and nobody ever shall."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from isthmus.db import among, insert_rows
from isthmus.state.bindings import Stream
from isthmus.state.tables import grave


def load(connection: Connection, stream: Stream, ids: Sequence[str]) -> dict[str, int]:
    """How many keys of these records are buried; records without a grave are left out."""
    at = (grave.c.entity == stream.entity, grave.c.org == stream.org)
    query = select(grave.c.id, grave.c.times).where(*at, among(connection, grave.c.id, ids))
    return {row[0]: row[1] for row in connection.execute(query)}


def add(connection: Connection, stream: Stream, ids: Sequence[str]) -> None:
    """One more grave for each of these records."""
    if not ids:
        return
    at = (grave.c.entity == stream.entity, grave.c.org == stream.org, among(connection, grave.c.id, ids))
    again = grave.update().where(*at).values(times=grave.c.times + 1).returning(grave.c.id)
    known = set(connection.execute(again).scalars())
    rows = [(stream.entity, stream.org, key, 1) for key in ids if key not in known]
    insert_rows(connection, grave, ("entity", "org", "id", "times"), rows=rows)
