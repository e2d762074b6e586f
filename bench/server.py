"""The playground as a process of its own, with clean data of the wanted size that is planted once and kept."""

from __future__ import annotations

import argparse
import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from isthmus.kernel.clock import SystemClock

if TYPE_CHECKING:
    from isthmus.playground.store import Store

CACHE = Path(__file__).resolve().parent.parent / "var" / "bench"
_NEVER = "1000000000"  # records
_ALL_PASS = (  # every record is inside the filters, so that sizes are exact; a parent was read two pages before
    """UPDATE "Account" SET "Type" = 'Customer'""",
    """CREATE INDEX bench_number ON "Account" ("AccountNumber")""",
    """UPDATE "Account" SET "ParentId" = (SELECT "Id" FROM "Account" parent
       WHERE parent."AccountNumber" = printf('A-%06d', CAST(substr("Account"."AccountNumber", 3) AS INTEGER) - 4000))
       WHERE "ParentId" IS NOT NULL""",
    "DROP INDEX bench_number",
    """UPDATE "Order" SET "Status" = 'Activated', "StatusCode" = 'Activated'""",
)


@dataclass(frozen=True, slots=True)
class Size:
    """How many records are planted. Orders have three lines on average; there are no quotes."""

    accounts: int
    products: int = 20
    orders: int = 0

    @property
    def folder(self) -> Path:
        """Where this size is kept between two measurements."""
        return CACHE / f"playground-{self.accounts}-{self.products}-{self.orders}"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a playground listens, and how one logs in there."""

    url: str
    extra: dict[str, str]

    def connection(self, *, bulk: bool = False) -> str:
        """As an Airflow connection in JSON. Without ``bulk`` even the largest first read goes page by page."""
        extra = self.extra if bulk else {**self.extra, "bulk_above": _NEVER}
        return json.dumps({"conn_type": "salesforce", "extra": extra})


@cache
def claim_cache() -> IO[str]:
    """Keeps the cache for this process: two measurements at once would throw away each other's data, and share the
    machine besides. Ends the program when another one has it.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    lock = (CACHE / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SystemExit("bench: another measurement is running in this folder; wait until it has ended") from None
    return lock


class AheadClock:
    """The machine's clock, so many seconds ahead: hours that pass between two runs need not be waited for."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        return SystemClock().now().astimezone(UTC) + self._ahead


@contextmanager
def copy_of(size: Size) -> Iterator[Path]:
    """A folder with the same data that may be written to; it is gone afterwards."""
    claim_cache()
    with serving(size):  # planted, if it was not
        pass
    folder = CACHE / "playground-copy"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(size.folder, folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def serving(size: Size, *, folder: Path | None = None, ahead_hours: int = 0) -> Iterator[Address]:
    """A running playground; yields its address. It ends with the block, or with us."""
    asked = [str(folder or size.folder), str(size.accounts), str(size.products), str(size.orders), str(ahead_hours)]
    command = [sys.executable, "-m", "bench.server", *asked]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        said = server.stdout.readline() if server.stdout else ""
        if not said or not server.stdin:
            raise SystemExit("the playground did not start; its own words are above")
        try:
            yield Address(**json.loads(said))
        finally:
            server.stdin.close()


def _serve(folder: Path, size: Size, ahead: timedelta) -> None:
    """Serves until stdin is closed, so that no server outlives the measurement, however that ends."""
    from isthmus.playground.seed import SeedSizes
    from isthmus.playground.server import start

    is_new = not (folder / "clean").exists()
    if is_new:
        shutil.rmtree(folder, ignore_errors=True)
    seed = SeedSizes(accounts=size.accounts, products=size.products, quotes=0, orders=size.orders, lines=3, dirty=False)
    with start(folder, seed, clock=AheadClock(ahead)) as playground:
        if is_new:
            _let_all_pass(playground.store)
            (folder / "clean").touch()
        print(json.dumps({"url": playground.url, "extra": dict(playground.connection.extra)}), flush=True)  # noqa: T201
        sys.stdin.read()


def _let_all_pass(store: Store) -> None:
    with store.writing(str(store.setting("integration_user"))) as tx:
        for statement in _ALL_PASS:
            tx.db.execute(statement)


def main() -> None:
    parser = argparse.ArgumentParser(description="A playground with clean data; ends when stdin is closed.")
    parser.add_argument("folder", type=Path)
    for name in ("accounts", "products", "orders", "ahead_hours"):
        parser.add_argument(name, type=int)
    given = parser.parse_args()
    size = Size(given.accounts, given.products, given.orders)
    _serve(given.folder, size, timedelta(hours=given.ahead_hours))


if __name__ == "__main__":
    main()
