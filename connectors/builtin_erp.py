"""The built-in ERP as a system to be connected: it lives in our own database, so its writes join our transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from functools import cached_property

import sqlalchemy
from sqlalchemy import Engine

from isthmus.connect.protocol import Answer, Candidate, Capabilities, Change, Evidence, Group, Measure, Note
from isthmus.db import reading, writing
from isthmus.erp.computed import Today
from isthmus.erp.derived import DERIVED
from isthmus.erp.desk import Desk, sit_down
from isthmus.erp.external_keys import holders
from isthmus.erp.measuring import measure
from isthmus.erp.parties import identity_of
from isthmus.erp.reading import PAGE, Reader
from isthmus.erp.records import find_rows, rows_by_id
from isthmus.erp.sales import SOLD
from isthmus.erp.shapes import Field, Stream
from isthmus.erp.streams import STREAMS, WRITABLE, narrow
from isthmus.kernel.clock import Clock, SystemClock, business_day, format_stamp
from isthmus.kernel.connection import Connection
from isthmus.kernel.description import FieldDescription, FieldType, StreamDescription
from isthmus.kernel.errors import Fault, Misconfigured, Refused
from isthmus.kernel.records import Page, Record
from isthmus.kernel.selection import Selection

BY = "sync"  # who we are in the ERP's log of changes
_TYPES: dict[str, FieldType] = {
    "text": "text",
    "amount": "number",
    "micros": "number",
    "truth": "boolean",
    "day": "date",
    "reference": "reference",
    "choice": "picklist",
    "open": "other",
    "count": "number",
    "instant": "datetime",
}


class Connector:
    """Keeps `isthmus.connect.protocol.Connector`. ``engine`` is the database that holds the ERP's tables."""

    capabilities = Capabilities(
        batch_size=PAGE, external_key="enforced", numbers="scaled", remote=False, tells_writer=True, annotates=False,
        buries=True,
    )  # fmt: skip

    def __init__(
        self, connection: Connection, *, engine: Engine, clock: Clock | None = None, time_zone: str = "UTC"
    ) -> None:
        self._name = connection.name
        self._engine = engine
        self._clock = clock or SystemClock()
        self._time_zone = time_zone

    def identity(self) -> str:
        """The company's id, made once when its tables were."""
        return self._identity

    @cached_property
    def _identity(self) -> str:
        with reading(self._engine) as connection:
            return identity_of(connection)

    def streams(self) -> tuple[str, ...]:
        return (*STREAMS, *DERIVED)

    def describe(self, stream: str) -> StreamDescription:
        """A stream; ``order.lines`` describes the lines of orders. Raises Misconfigured for an unknown one."""
        name, _, part = stream.partition(".")
        if name in DERIVED:
            shown: tuple[Field, ...] | None = None if part else DERIVED[name].fields
        else:
            found = self._stream(name)
            shape = found.lines if part == "lines" else found.shape if not part else None
            shown = shape.fields if shape else None
        if shown is None:
            raise Misconfigured(f"stream {stream}", "the ERP has no such lines", f"use {name}")
        fields = {field.path: _describe(field, writable=name in WRITABLE) for field in shown}
        if not part:
            fields["id"] = FieldDescription("id", "id", creatable=False, updatable=False, unique=True)
        return StreamDescription(stream, fields, label=stream.replace("_", " ").capitalize())

    def read(self, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:  # noqa: ARG002
        """Pages of what moved. The log of changes needs no overlap: nothing appears behind a position."""
        try:
            if selection.stream in DERIVED:
                yield from self._reader().read_derived(DERIVED[selection.stream], since, selection.where)
            else:
                yield from self._reader().read(self._narrow(selection), since, selection.where)
        except ValueError:
            where = f"connection {self._name}"
            raise Misconfigured(where, f"{since!r} is no position in the ERP's log", "read everything once") from None

    def fetch(self, selection: Selection, ids: Sequence[str]) -> list[Record]:
        """These records as they are now and whole; ids that are not there are left out."""
        numbers = list(dict.fromkeys(int(one) for one in ids if one.isascii() and one.isdigit() and len(one) < 19))
        if selection.stream in DERIVED:
            return self._reader().fetch_derived(DERIVED[selection.stream], numbers)
        return self._reader().fetch(self._stream(selection.stream), numbers)

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

    def measure(self, stream: str, ask: Measure) -> list[Group]:
        """Counts and sums by currency and month. Raises Refused for what is worked out record by record."""
        if stream in DERIVED:
            raise Refused(f"stream {stream}", "is worked out record by record", "read the records instead")
        with reading(self._engine) as connection:
            return measure(connection, self._stream(stream), ask, today=self._reader().today)

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
        with self._desk(within) as desk:
            return write(desk, stream, changes)

    def merge(self, stream: str, *, stays: str, goes: str, within: object | None = None) -> None:
        """Makes one customer of two; the one that goes is closed, and nothing posted is touched."""
        from isthmus.erp.merging import merge  # rare, and half of the ERP

        if stream != "customer":
            raise Refused(f"stream {stream}", "has no records that could be merged", "merge customers")
        with self._desk(within) as desk:
            merge(desk, stays, goes)

    def pass_time(self) -> None:
        """Releases held orders that a rate lets through whose day has come."""
        from isthmus.erp.release import release_by_time

        with self._desk(None) as desk:
            release_by_time(desk)

    @contextmanager
    def _desk(self, within: object | None) -> Iterator[Desk]:
        """Our desk, in the caller's transaction or in one of its own."""
        joined: AbstractContextManager[sqlalchemy.Connection] = writing(self._engine)
        if isinstance(within, sqlalchemy.Connection):
            joined = nullcontext(within)
        with joined as connection:
            yield sit_down(connection, by=BY, clock=self._clock, time_zone=self._time_zone)

    def trace(self, stream: str, record_id: str) -> list[Evidence]:
        """What a customer's figures are made of, down to the postings."""
        if stream != "customer_figures":
            return []
        from isthmus.erp.figures import GROUPS, trace  # only who asks where a figure comes from pays for it

        today = self._reader().today
        with reading(self._engine) as connection:
            return [
                Evidence(figures, one.document, one.day, one.currency, one.amount_minor, tuple(
                    (posting.account, posting.currency, posting.amount_minor) for posting in one.postings
                ))
                for figures in GROUPS
                for one in trace(connection, int(record_id), figures[0], today=today)
            ]  # fmt: skip

    def annotate(self, stream: str, notes: Sequence[Note]) -> list[Fault | None]:
        """The ERP shows no notes of ours; every one is answered with a fault."""
        fault = Fault(f"stream {stream}", "the built-in ERP takes no notes", "read the worklist instead")
        return [fault for _ in notes]

    def close(self) -> None:
        """Nothing to close: the engine belongs to who gave it."""

    def _reader(self) -> Reader:
        now = self._clock.now()
        day = business_day(now, self._time_zone).isoformat()
        return Reader(self._engine, BY, Today(self._engine.dialect.name, day, format_stamp(now)))

    def _narrow(self, selection: Selection) -> Stream:
        self._stream(selection.stream)
        lines = selection.lines.fields if selection.lines else None
        return narrow(selection.stream, selection.fields, lines)

    def _stream(self, name: str) -> Stream:
        if name not in STREAMS:
            known = ", ".join(self.streams())
            raise Misconfigured(f"stream {name}", "the ERP has no such stream", f"use one of {known}")
        return STREAMS[name]


def _describe(field: Field, *, writable: bool) -> FieldDescription:
    free = writable and not field.owned
    return FieldDescription(
        name=field.path,
        type=_TYPES[field.kind],
        length=field.length,
        decimals={"amount": 0, "micros": 6, "count": 0}.get(field.kind),
        required=field.required and free,
        creatable=free,
        updatable=free,
        unique=field.path == "number",
        values=field.values,
        restricted=bool(field.values),
        refers_to=(field.refers_to,) if field.refers_to else (),
    )
