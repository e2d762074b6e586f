"""The Salesforce connector: REST and Bulk API 2.0 over simple-salesforce's login, queries and descriptions.

``docs/salesforce-setup.md`` says what an administrator prepares; ``metadata/`` is what is deployed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from threading import Lock
from typing import Any

from connectors.salesforce.bulk import Bulk, is_resume
from connectors.salesforce.config import read_config
from connectors.salesforce.describing import Describer
from connectors.salesforce.errors import understood
from connectors.salesforce.limits import BIN_DAYS, ROWS
from connectors.salesforce.measuring import Meter
from connectors.salesforce.reading import Reader
from connectors.salesforce.rest import Rest
from connectors.salesforce.searching import Searcher
from connectors.salesforce.values import whole_id
from connectors.salesforce.writing import Writer
from isthmus.connect.http import Limits, Ports
from isthmus.connect.protocol import Answer, Candidate, Capabilities, Change, Group, Measure, Note
from isthmus.kernel.connection import Connection
from isthmus.kernel.description import StreamDescription
from isthmus.kernel.errors import Broken, Fault, IsthmusError, Misconfigured
from isthmus.kernel.records import Page, Record
from isthmus.kernel.selection import Selection


class Connector:
    """One Salesforce organisation. ``ports`` are ``clock``, ``sleep``, ``random`` and ``limits``: no test sleeps."""

    def __init__(self, connection: Connection, **ports: Any) -> None:
        effects = Ports(**{name: ports[name] for name in ("clock", "sleep", "random") if ports.get(name) is not None})
        self.config = read_config(connection)
        self.rest = Rest(self.config, effects, ports.get("limits") or Limits())
        self._lock = Lock()
        self._identity: tuple[str, str] | None = None
        self._describer = Describer(self.rest)
        self._reader = Reader(self.rest, self._describer, self.our_user)
        self._bulk = Bulk(self.rest, self._describer, self._reader)
        self._searcher = Searcher(self.rest, self._describer)
        self._meter = Meter(self.rest, self._describer)
        self._writer = Writer(self.rest, self._describer, self._searcher)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            batch_size=ROWS,
            external_key="enforced",
            numbers="decimal",
            remote=True,
            tells_writer=True,
            annotates=True,
            deletions_kept=timedelta(days=BIN_DAYS),
        )

    def identity(self) -> str:
        """The organisation's id, 18 characters; a sandbox has another one."""
        return self._who()[0]

    def our_user(self) -> str:
        """The id of the user whose session we have."""
        return self._who()[1]

    def streams(self) -> tuple[str, ...]:
        with self._understood():
            return self._describer.streams()

    def describe(self, stream: str) -> StreamDescription:
        with self._understood():
            return self._describer.describe(stream)

    def read(self, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:
        """See the protocol. First reads of more than ``bulk_above`` records without lines go through the Bulk API."""
        with self._understood():
            yield from self._read(selection, since, overlap)

    def _read(self, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:
        if since is not None and is_resume(since):
            yield from self._bulk.resume(selection, since)
            return
        window = self._reader.window(since, overlap)
        if since is None and self._bulk.pays(selection, window):
            yield from self._bulk.read(selection, window)
            return
        yield from self._reader.read(selection, window)

    def fetch(self, selection: Selection, ids: Sequence[str]) -> list[Record]:
        """These records as they are now; deleted ones of the recycle bin are among them, marked."""
        with self._understood():
            return self._reader.fetch(selection, ids)

    def find(self, stream: str, fields: tuple[str, ...], values: Sequence[tuple[str, ...]]) -> list[Candidate]:
        with self._understood():
            return self._searcher.find(stream, fields, values)

    def find_keys(self, stream: str, keys: Sequence[str]) -> dict[str, str]:
        with self._understood():
            return self._searcher.find_keys(stream, keys)

    def measure(self, stream: str, ask: Measure) -> list[Group]:
        with self._understood():
            return self._meter.measure(stream, ask)

    def posted(self, stream: str, ids: Sequence[str]) -> set[str]:  # noqa: ARG002
        """None: books are kept in the ERP."""
        return set()

    def write(self, stream: str, changes: Sequence[Change], within: object | None = None) -> list[Answer]:
        if within is not None:
            raise Broken(self.config.where, "Salesforce cannot join a database transaction", "report this")
        with self._understood():
            return self._writer.write(stream, changes)

    def annotate(self, stream: str, notes: Sequence[Note]) -> list[Fault | None]:
        with self._understood():
            return self._writer.annotate(stream, notes)

    def close(self) -> None:
        self.rest.close()

    def _understood(self) -> AbstractContextManager[None]:
        return understood(self.config.where)

    def _who(self) -> tuple[str, str]:
        """(organisation, user): said by the login itself, or by OpenID for a session that was handed to us."""
        with self._lock:
            if self._identity is None:
                with self._understood():
                    self._identity = self._ask_who()
            return self._identity

    def _ask_who(self) -> tuple[str, str]:
        token = self.rest.login.token()
        told = {"organization_id": token.organization, "user_id": token.user}
        if not (token.organization and token.user):
            told = self._ask_userinfo()
        organization, user = (whole_id(str(told.get(name) or "")) for name in ("organization_id", "user_id"))
        if not organization or not user:
            raise Misconfigured(self.config.where, "Salesforce does not say whose session this is", "log in with JWT")
        return organization, user

    def _ask_userinfo(self) -> dict[str, Any]:
        """A session without the OpenID scope is told by the user's name in the connection."""
        try:
            return dict(self.rest.who_by_userinfo())
        except IsthmusError:
            if not self.config.username:
                raise
        users = self._searcher.find_exactly("User", "Username", [self.config.username])
        rows = self.rest.query_all("SELECT Id FROM Organization")
        return {"organization_id": rows[0]["Id"] if rows else None, "user_id": users.get(self.config.username)}
