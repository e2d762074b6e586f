"""The built-in ERP as a system to be connected: it lives in our own database, so its writes join our transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import sqlalchemy
from sqlalchemy import Engine

from isthmus.connect.protocol import Answer, Candidate, Capabilities, Change, Note
from isthmus.db import reading, writing
from isthmus.erp.changes import horizon, read_position, write_position
from isthmus.erp.desk import sit_down
from isthmus.erp.external_keys import holders
from isthmus.erp.parties import identity_of
from isthmus.erp.records import find_rows, lines_of, moved_since, record_of, rows_by_id
from isthmus.erp.sales import SOLD
from isthmus.erp.streams import STREAMS, WRITABLE, Field, Stream
from isthmus.kernel.clock import Clock, SystemClock
from isthmus.kernel.connection import Connection
from isthmus.kernel.description import FieldDescription, FieldType, StreamDescription
from isthmus.kernel.errors import Fault, Misconfigured
from isthmus.kernel.records import Fields, Page, Record
from isthmus.kernel.selection import Selection, Term

BY = "sync"  # who we are in the ERP's log of changes
PAGE = 2_000
_START = (-1, -1)
_TYPES: dict[str, FieldType] = {
    "text": "text",
    "amount": "number",
    "micros": "number",
    "truth": "boolean",
    "day": "date",
    "reference": "reference",
    "choice": "picklist",
    "open": "other",
}


class Connector:
    """Keeps `isthmus.connect.protocol.Connector`. ``engine`` is the database that holds the ERP's tables."""

    capabilities = Capabilities(
        batch_size=PAGE, external_key="enforced", numbers="scaled", remote=False, tells_writer=True, annotates=False
    )

    def __init__(
        self, connection: Connection, *, engine: Engine, clock: Clock | None = None, time_zone: str = "UTC"
    ) -> None:
        self._name = connection.name
        self._engine = engine
        self._clock = clock or SystemClock()
        self._time_zone = time_zone

    def identity(self) -> str:
        """The company's id, made once when its tables were."""
        with reading(self._engine) as connection:
            return identity_of(connection)

    def streams(self) -> tuple[str, ...]:
        return tuple(STREAMS)

    def describe(self, stream: str) -> StreamDescription:
        """A stream; ``order.lines`` describes the lines of orders. Raises Misconfigured for an unknown one."""
        name, _, part = stream.partition(".")
        found = self._stream(name)
        shape = found.lines if part == "lines" else found.shape if not part else None
        if shape is None:
            raise Misconfigured(f"stream {stream}", "the ERP has no such lines", f"use {name}")
        fields = {field.path: _describe(field, writable=name in WRITABLE) for field in shape.fields}
        if not part and found.open_as is not None:
            fields[found.open_as.path] = _describe(found.open_as, writable=False)
            fields["status"] = FieldDescription("status", "picklist", updatable=False, values=("open", "settled"))
        if not part:
            fields["id"] = FieldDescription("id", "id", creatable=False, updatable=False, unique=True)
        return StreamDescription(stream, fields, label=stream.replace("_", " ").capitalize())

    def read(self, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:  # noqa: ARG002
        """Pages in the order of the log of changes. The log needs no overlap: nothing appears behind a position."""
        stream = self._stream(selection.stream)
        position = self._position(since)
        where = selection.where if since is None else ()
        with reading(self._engine) as connection:
            below = horizon(connection)
        while True:
            with reading(self._engine) as connection:
                moved = moved_since(connection, stream, position, below=below, limit=PAGE)
            position = moved[-1].position if moved else position
            records = [record_of(stream, one.row, one.lines, by=BY) for one in moved]
            inside = [record for record in records if all(passes(record, term) for term in where)]
            yield Page(inside, read=len(inside), complete_to=write_position(*max(position, (0, 0))))
            if len(moved) < PAGE:
                return

    def fetch(self, selection: Selection, ids: Sequence[str]) -> list[Record]:
        """These records as they are now; ids that are not there are left out."""
        stream = self._stream(selection.stream)
        numbers = list(dict.fromkeys(int(one) for one in ids if one.isascii() and one.isdigit() and len(one) < 19))
        with reading(self._engine) as connection:
            rows = rows_by_id(connection, stream, numbers)
            lines = lines_of(connection, stream, list(rows))
        return [record_of(stream, rows[one], lines.get(one), by=BY) for one in numbers if one in rows]

    def find(self, stream: str, fields: tuple[str, ...], values: Sequence[tuple[str, ...]]) -> list[Candidate]:
        """Records whose fields equal one of the tuples, compared by `match_text`."""
        found = self._stream(stream)
        known = {field.path for field in found.shape.fields}
        unknown = [field for field in fields if field not in known]
        if unknown:
            raise Misconfigured(f"stream {stream}", f"has no field {unknown[0]!r}", "correct `match`")
        with reading(self._engine) as connection:
            return [Candidate(str(one), texts) for one, texts in find_rows(connection, found, fields, values=values)]

    def find_keys(self, stream: str, keys: Sequence[str]) -> dict[str, str]:
        """Key → id of the records that these keys stand for; buried keys stand for none."""
        self._stream(stream)
        with reading(self._engine) as connection:
            held = holders(connection, stream, keys)
        return {key: str(holder.record_id) for key, holder in held.items() if holder.status != "buried"}

    def posted(self, stream: str, ids: Sequence[str]) -> set[str]:
        """Orders of which something is invoiced, and all invoices and payments."""
        found = self._stream(stream)
        with reading(self._engine) as connection:
            rows = rows_by_id(connection, found, [int(one) for one in ids])
        booked = stream in ("invoice", "payment")
        return {str(one) for one, row in rows.items() if booked or row.get("status") in SOLD}

    def write(self, stream: str, changes: Sequence[Change], within: object | None = None) -> list[Answer]:
        """Writes a page in one transaction: ``within`` is the caller's, else one of our own."""
        from isthmus.erp.intake import write  # half of the ERP, and most runs of a quiet day write nothing

        if stream not in WRITABLE:
            raise Misconfigured(f"stream {stream}", "cannot be written", f"use one of {', '.join(WRITABLE)}")
        joined: AbstractContextManager[sqlalchemy.Connection] = writing(self._engine)
        if isinstance(within, sqlalchemy.Connection):
            joined = nullcontext(within)
        with joined as connection:
            desk = sit_down(connection, by=BY, clock=self._clock, time_zone=self._time_zone)
            return write(desk, stream, changes)

    def annotate(self, stream: str, notes: Sequence[Note]) -> list[Fault | None]:
        """The ERP shows no notes of ours; every one is answered with a fault."""
        fault = Fault(f"stream {stream}", "the built-in ERP takes no notes", "read the worklist instead")
        return [fault for _ in notes]

    def close(self) -> None:
        """Nothing to close: the engine belongs to who gave it."""

    def _stream(self, name: str) -> Stream:
        if name not in STREAMS:
            raise Misconfigured(f"stream {name}", "the ERP has no such stream", f"use one of {', '.join(STREAMS)}")
        return STREAMS[name]

    def _position(self, since: str | None) -> tuple[int, int]:
        try:
            return _START if since is None else read_position(since)
        except ValueError:
            where = f"connection {self._name}"
            raise Misconfigured(where, f"{since!r} is no position in the ERP's log", "read everything once") from None


def _describe(field: Field, *, writable: bool) -> FieldDescription:
    free = writable and not field.owned
    return FieldDescription(
        name=field.path,
        type=_TYPES[field.kind],
        length=field.length,
        decimals={"amount": 0, "micros": 6}.get(field.kind),
        required=field.required and free,
        creatable=free,
        updatable=free,
        unique=field.path == "number",
        values=field.values,
        restricted=bool(field.values),
        refers_to=(field.refers_to,) if field.refers_to else (),
    )


def passes(record: Record, term: Term) -> bool:
    """Whether a record is inside one term. Null is inside `not_in`, outside everything else but `is_empty`."""
    value = value_at(record.fields, term.field)
    first = term.values[0] if term.values else None
    if term.operator == "is_empty":
        return (value in (None, "")) is first
    if value is None:
        return term.operator == "not_in"
    if term.operator in ("in", "not_in", "equals"):
        return (value in term.values) is (term.operator != "not_in")
    return str(value) < str(first) if term.operator == "before" else str(value) > str(first)


def value_at(fields: Fields, path: str) -> str | int | bool | None:
    """The value at a dotted path; None when there is none."""
    value: object = fields
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str | int | bool) else None
