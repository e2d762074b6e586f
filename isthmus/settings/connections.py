"""Connections as Airflow 3.3 (``models/connection.py``) reads them from ``AIRFLOW_CONN_<NAME>``: a URI or JSON.

The environment wins; the file named by ``connections`` in ``isthmus.yaml`` (lines ``AIRFLOW_CONN_NAME=value``) comes
second, so that a terminal finds what `make run` has started.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import Misconfigured
from isthmus.settings.file import BUILTIN, Settings

_PREFIX = "AIRFLOW_CONN_"
_TEXTS = ("conn_type", "host", "login", "password", "schema")
_PARTS = ("conn_type", "host", "login", "password", "port", "schema", "extra", "description")


def connection(settings: Settings, name: str, environ: Mapping[str, str]) -> Connection:
    """The connection of that name (``builtin`` is our own ERP). Raises Misconfigured; no secret is in its text."""
    if name == BUILTIN:
        return Connection(name=BUILTIN, type="builtin_erp")
    variable = _PREFIX + name.upper()
    value = environ.get(variable) or kept_connections(settings).get(variable)
    if not value:
        raise Misconfigured(
            f"connection {name}",
            f"there is no {variable} in the environment or in {settings.connections}",
            "set it to the connection's URI or JSON; a connection kept in Airflow's own database is seen by Airflow's "
            "tasks only, `airflow connections get` shows it",
        )
    return _parse_json(name, value) if value.lstrip().startswith("{") else _parse_uri(name, value)


def kept_connections(settings: Settings) -> dict[str, str]:
    """The variables in the file of connections; none when there is no file. Raises Misconfigured."""
    try:
        lines = settings.connections.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        where = str(settings.connections)
        raise Misconfigured(where, f"cannot be read: {type(error).__name__}", "check its rights and encoding") from None
    pairs = (line.partition("=") for line in lines if line.strip() and not line.lstrip().startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


def _parse_json(name: str, value: str) -> Connection:
    try:
        parts = json.loads(value)
    except json.JSONDecodeError as error:
        raise _unreadable(name, f"is not JSON (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise _unreadable(name, "is JSON that is nested without end") from None
    unknown = sorted(set(parts) - set(_PARTS))
    if unknown:
        raise _unreadable(name, f"has unknown parts: {', '.join(unknown)}; known are {', '.join(_PARTS)}")
    for part in _TEXTS:
        if not isinstance(parts.get(part), str | None):
            raise _unreadable(name, f"has a {part} that is not text")
    if not parts.get("conn_type"):
        raise _unreadable(name, "names no conn_type")
    return Connection(
        name=name,
        type=_type(parts["conn_type"]),
        host=parts.get("host"),
        login=parts.get("login"),
        password=parts.get("password"),
        port=_port(name, parts.get("port")),
        schema=parts.get("schema"),
        extra=_extra(name, parts.get("extra")),
    )


def _parse_uri(name: str, value: str) -> Connection:
    """``type://login:password@host:port/schema?key=value``; a second ``://`` makes the host a URL of its own."""
    scheme, separator, rest = value.partition("://")
    if not separator or not scheme or rest.count("://") > 1:
        raise _unreadable(name, "is neither JSON nor a URI such as salesforce://login:password@host")
    protocol, second, remainder = rest.partition("://")
    if second and ("@" in protocol or ":" in protocol):
        raise _unreadable(name, "has '://' behind its login or host: quote it as %3A%2F%2F")
    try:
        parts = urlsplit(f"//{remainder if second else rest}")
        port = parts.port
    except ValueError:
        raise _unreadable(name, "is not a URI: quote special characters as % and two hexadecimal digits") from None
    host = unquote(parts.hostname or "") or None  # in lower case, as Airflow has it
    return Connection(
        name=name,
        type=_type(scheme),
        host=f"{protocol}://{host}" if second and host else host,
        login=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        port=port,
        schema=unquote(parts.path[1:]) or None,
        extra=_query(name, parts.query),
    )


def _query(name: str, query: str) -> Mapping[str, Any]:
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    if "__extra__" in pairs:
        return _extra(name, pairs["__extra__"])
    return {key: _loose_json(value) for key, value in pairs.items()}


def _loose_json(value: str) -> Any:
    try:
        return json.loads(value) if value else value
    except (json.JSONDecodeError, RecursionError):
        return value


def _extra(name: str, value: object) -> Mapping[str, Any]:
    if value in (None, ""):
        return {}
    try:
        extra = json.loads(value) if isinstance(value, str) else value
    except (json.JSONDecodeError, RecursionError):
        raise _unreadable(name, "has an extra that is not JSON") from None
    if not isinstance(extra, dict):
        raise _unreadable(name, "has an extra that is not a JSON object")
    return extra


def _type(text: str) -> str:
    return "postgres" if text == "postgresql" else text.replace("-", "_")


def _port(name: str, value: object) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, int | str) and str(value).isdigit():
        return int(value)
    raise _unreadable(name, "has a port that is not a number")


def _unreadable(name: str, what: str) -> Misconfigured:
    remedy = f"correct {_PREFIX}{name.upper()}; `airflow connections get --output json` prints the form"
    return Misconfigured(f"connection {name}", what, remedy)
