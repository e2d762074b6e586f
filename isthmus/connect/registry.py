"""Finds a connector by the type that a connection names."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules
from typing import cast

from isthmus.connect.protocol import Connector
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import Misconfigured


def known_types() -> tuple[str, ...]:
    """The connectors that are installed: the modules of the package ``connectors``."""
    package = import_module("connectors")
    return tuple(sorted(module.name for module in iter_modules(package.__path__)))


def connect(connection: Connection, **ports: object) -> Connector:
    """The connector for a connection. Nothing is sent before its first use.

    ``ports`` are what only some connectors take (the built-in ERP: ``engine``). Raises Misconfigured for an unknown
    type.
    """
    types = known_types()
    if connection.type not in types:
        near = get_close_matches(connection.type, types, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(types)}"
        raise Misconfigured(f"connection {connection.name}", f"no connector for type {connection.type!r}", hint)
    module = import_module(f"connectors.{connection.type}")
    return cast(Connector, module.Connector(connection, **ports))
