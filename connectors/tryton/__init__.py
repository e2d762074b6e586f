"""The Tryton connector: JSON-RPC of Tryton 8.2 on PostgreSQL; ``docs/tryton.md`` says what is prepared there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from connectors.tryton.catalogue import catalogue
from connectors.tryton.config import read_config
from connectors.tryton.lookups import Lookups
from connectors.tryton.measuring import measure
from connectors.tryton.reading import Reader
from connectors.tryton.rpc import Rpc
from connectors.tryton.sales import reference_field
from connectors.tryton.searching import find
from connectors.tryton.selling import Seller
from connectors.tryton.streams import Stream, text_ids
from connectors.tryton.writing import Keys, Writer
from isthmus.connect.http import Limits, Ports
from isthmus.connect.protocol import Answer, Candidate, Capabilities, Change, Group, Measure, Note
from isthmus.kernel.connection import Connection
from isthmus.kernel.description import StreamDescription
from isthmus.kernel.errors import Broken, Fault, Misconfigured
from isthmus.kernel.records import Page, Record
from isthmus.kernel.selection import Selection

LIMITS = Limits(silence_seconds=120, answer_seconds=600)  # a batch is one transaction, and answers at its end
WRITABLE = ("customer", "product", "quote", "order")


class Connector:
    """One company of one Tryton database. ``ports`` are ``clock``, ``sleep``, ``random`` and ``limits``."""

    def __init__(self, connection: Connection, **ports: Any) -> None:
        effects = Ports(**{name: ports[name] for name in ("clock", "sleep", "random") if ports.get(name)})
        self.config = read_config(connection)
        self.rpc = Rpc(self.config, effects, ports.get("limits") or LIMITS)
        self._streams = catalogue(self.config)
        self._keys = Keys(self.rpc, reference_field(self.config))
        self._reader = Reader(self.rpc)
        lookups = Lookups(self.rpc)
        self._writer = Writer(self.rpc, self._keys, lookups)
        self._seller = Seller(self.rpc, self._keys, lookups)
        self._identity: str | None = None

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            batch_size=self.config.batch,
            external_key="enforced" if self.config.reference else "looked_up",
            numbers="decimal",
            remote=True,
            tells_writer=True,
            annotates=False,
        )

    def identity(self) -> str:
        """Database, company and when that was entered: a copy under another name is another organisation."""
        if self._identity is None:
            company = self.rpc.company()
            row = self.rpc.read("company.company", [company], ["create_date"])[company]
            told = f"{self.config.database} {company} {row['create_date']}"
            self._identity = f"tryton-{blake2b(told.encode(), digest_size=6).hexdigest()}"
        return self._identity

    def streams(self) -> tuple[str, ...]:
        return tuple(self._streams)

    def describe(self, stream: str) -> StreamDescription:
        """A stream; ``order.lines`` describes the lines of orders. Raises Misconfigured for an unknown one."""
        name, _, part = stream.partition(".")
        found = self._stream(name)
        self._require_reference(found)
        fields = found.lines if part == "lines" else found.fields if not part else None
        if fields is None:
            raise Misconfigured(f"stream {stream}", "Tryton has no such lines", f"use {name}")
        return StreamDescription(stream, dict(fields), label=stream.replace("_", " ").capitalize())

    def read(self, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:
        return self._reader.read(self._stream(selection.stream), selection, since, overlap=overlap)

    def fetch(self, selection: Selection, ids: Sequence[str]) -> list[Record]:
        return self._reader.fetch(self._stream(selection.stream), selection, ids)

    def find(self, stream: str, fields: tuple[str, ...], values: Sequence[tuple[str, ...]]) -> list[Candidate]:
        return find(self.rpc, self._stream(stream), fields, values=values)

    def find_keys(self, stream: str, keys: Sequence[str]) -> dict[str, str]:
        self._stream(stream)
        return self._keys.find(stream, keys) if stream in WRITABLE else {}

    def measure(self, stream: str, ask: Measure) -> list[Group]:
        return measure(self.rpc, self._stream(stream), ask)

    def posted(self, stream: str, ids: Sequence[str]) -> set[str]:
        """Orders with a posted invoice, and all invoices and payments."""
        found = self._stream(stream)
        if stream in ("invoice", "payment"):
            return set(ids)
        if stream != "order":
            return set()
        domain = [["id", "in", text_ids(ids)], ["invoice_state", "not in", ["none", "pending"]]]
        return {str(row["id"]) for row in self.rpc.search_read(found.model, domain, ["id"])}

    def write(self, stream: str, changes: Sequence[Change], within: object | None = None) -> list[Answer]:
        """One answer per change, in order. Raises Unavailable when a call's answer is lost: keys are asked then."""
        if within is not None:
            raise Broken(self.config.where, "Tryton cannot join a database transaction", "report this")
        if stream not in WRITABLE:
            raise Misconfigured(f"stream {stream}", "cannot be written", f"use one of {', '.join(WRITABLE)}")
        found = self._stream(stream)
        if stream == "customer":
            return self._writer.customers(found, changes)
        if stream == "product":
            return self._writer.products(found, changes)
        return self._seller.write(found, changes)

    def annotate(self, stream: str, notes: Sequence[Note]) -> list[Fault | None]:
        fault = Fault(f"stream {stream}", "Tryton takes no notes", "read the worklist instead")
        return [fault for _ in notes]

    def close(self) -> None:
        self.rpc.close()

    def _stream(self, name: str) -> Stream:
        if name not in self._streams:
            known = ", ".join(self._streams)
            raise Misconfigured(f"stream {name}", "Tryton has no such stream", f"use one of {known}")
        return self._streams[name]

    def _require_reference(self, stream: Stream) -> None:
        """The unique field that the connection names must be there: our strongest promise rests on it."""
        name = self.config.reference
        if stream.model != "sale.sale" or name is None:
            return
        known = self.rpc.call("model.sale.sale.fields_get", None, 0)
        if name not in known:
            what = f"Tryton's sales have no field {name!r}"
            remedy = "activate the module isthmus_reference, or take 'reference' out of the connection"
            raise Misconfigured(self.config.where, what, remedy)
