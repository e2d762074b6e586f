"""Records whose external key the target has buried: nobody carries it, and nobody ever shall."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from isthmus.db import among
from isthmus.state.bindings import Stream
from isthmus.state.tables import grave


def load(connection: Connection, stream: Stream, ids: Sequence[str]) -> dict[str, int]:
    """How many keys of these records are buried; records without a grave are left out."""
    at = (grave.c.entity == stream.entity, grave.c.org == stream.org)
    query = select(grave.c.id, grave.c.times).where(*at, among(connection, grave.c.id, ids))
    return {row[0]: row[1] for row in connection.execute(query)}


def add(connection: Connection, stream: Stream, ids: Sequence[str]) -> None:
    """One more grave for each of these records."""
    known = load(connection, stream, ids) if ids else {}
    for key in ids:
        row = {"entity": stream.entity, "org": stream.org, "id": key}
        if key in known:
            at = [grave.c[name] == value for name, value in row.items()]
            connection.execute(grave.update().where(*at).values(times=known[key] + 1))
        else:
            connection.execute(grave.insert().values(**row, times=1))
