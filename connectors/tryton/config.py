"""What a Tryton connection says: address, database, user; and in which of the user's companies we work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from isthmus.connect.origins import is_loopback, origin_of
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import Misconfigured

BATCH = 100  # records a call: 500 gains nothing and holds locks longer
STANDARD = "Standard Price Book"  # as Salesforce calls its own
OVERLAP_SECONDS = 300  # Tryton's stamp is the start of the writing transaction: how long the longest one may take


@dataclass(frozen=True, slots=True)
class Config:
    """One Tryton database and who we are there. ``origin`` is scheme, host and port."""

    where: str
    origin: str
    database: str
    login: str
    password: str = field(repr=False)
    company: str | None = None  # the name of its party; None: the user's own company
    batch: int = BATCH
    overlap: timedelta = timedelta(seconds=OVERLAP_SECONDS)
    list_price_of: str = STANDARD  # which of the CRM's price books is the product's own list price
    unit: str = "Unit"  # of products that name none
    tax_id_type: str | None = "eu_vat"  # the kind of party identifier that is the tax number; None: untyped
    reference: str | None = None  # the unique field of sales that our small module adds
    ca_file: str | None = None

    @property
    def url(self) -> str:
        return f"{self.origin}/{self.database}/rpc/"


def read_config(connection: Connection) -> Config:
    """The connection as a Config; Misconfigured names what is missing, never a secret."""
    where = f"connection {connection.name}"
    given = {"host": connection.host, "schema (the database)": connection.schema, "login": connection.login,
             "password": connection.password}  # fmt: skip
    missing = [name for name, value in given.items() if not value]
    if missing:
        remedy = "write them into the connection; see docs/tryton.md"
        raise Misconfigured(where, f"it does not say {', '.join(missing)}", remedy)
    extra = connection.extra
    return Config(
        where=where,
        origin=_origin(connection, where),
        database=str(connection.schema),
        login=str(connection.login),
        password=str(connection.password),
        company=_text(extra, "company", where),
        batch=_number(extra, "batch", BATCH, where=where),
        overlap=timedelta(seconds=_number(extra, "overlap_seconds", OVERLAP_SECONDS, where=where)),
        list_price_of=_text(extra, "list_price_of", where) or STANDARD,
        unit=_text(extra, "unit", where) or "Unit",
        tax_id_type=_text(extra, "tax_id_type", where) if "tax_id_type" in extra else "eu_vat",
        reference=_text(extra, "reference", where),
        ca_file=_text(extra, "ca_file", where),
    )


def _origin(connection: Connection, where: str) -> str:
    host = str(connection.host)
    if "://" not in host:
        host = f"{'http' if is_loopback(host) else 'https'}://{host}"
    if connection.port:
        host = f"{host}:{connection.port}"
    return origin_of(host, where)


def _text(extra: Mapping[str, Any], name: str, where: str) -> str | None:
    value = extra.get(name)
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise Misconfigured(where, f"extra {name!r} is not text", f"give {name!r} as text")
    return value


def _number(extra: Mapping[str, Any], name: str, default: int, *, where: str) -> int:
    text = str(extra.get(name, default))
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise Misconfigured(where, f"extra {name!r} is not a whole number above 0", "write it in digits")
    return int(text)
