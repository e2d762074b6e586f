"""How much the state keeps for a million records, table by table, and how fast its audit is verified.

    .venv/bin/python -m bench.state_size                     # 100,000 customers, 50,000 orders; SQLite and PostgreSQL
    .venv/bin/python -m bench.state_size --records 20000

A first load and its way back, then runs that find nothing. Sizes are the databases' own, with indexes.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from bench.contenders import isthmus_both_ways
from bench.postgres import running
from bench.server import CACHE, Address, Size, copy_of, serving
from bench.timing import time_module

QUIET = 5  # runs that find nothing
_SQLITE = """
SELECT coalesce(i.tbl_name, s.name), sum(s.pgsize) FROM dbstat s
LEFT JOIN sqlite_master i ON i.name = s.name WHERE s.name NOT LIKE 'sqlite_schema' GROUP BY 1
"""
_POSTGRESQL = (
    "SELECT relname, pg_total_relation_size(oid) FROM pg_class "
    "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)


def sizes(url: str) -> dict[str, int]:
    """Bytes of each table of ours with its indexes."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(make_url(url).database or "")) as database:
            rows = database.execute(_SQLITE).fetchall()
    else:
        with psycopg.connect(url, autocommit=True) as database:
            database.execute("VACUUM FULL")  # what is kept, not what was in between
            rows = database.execute(_POSTGRESQL).fetchall()
    return {str(name): int(size) for name, size in rows if str(name).startswith(("state_", "erp_"))}


def count(url: str, table: str) -> int:
    query = f"SELECT count(*) FROM {table}"
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(make_url(url).database or "")) as database:
            return int(database.execute(query).fetchone()[0])
    with psycopg.connect(url) as database:
        return int((database.execute(query).fetchone() or (0,))[0])


@contextmanager
def databases() -> Iterator[Mapping[str, str]]:
    """An empty one of each kind."""
    file = CACHE / "state_size.db"
    for old in file.parent.glob("state_size.db*"):
        old.unlink()
    with running() as server:
        yield {"SQLite": f"sqlite:///{file}", "PostgreSQL": server.make("state_size")}


def fill(url: str, size: Size, names: list[str]) -> None:
    """A first load of these mappings, with the way back, from a CRM of its own."""
    with copy_of(size) as folder, serving(size, folder=folder) as address:
        _sync(names, address, url)


def _sync(names: list[str], address: Address, url: str) -> None:
    timed = isthmus_both_ways(names, address, url)
    if not timed.said["adds_up"]:
        raise SystemExit(f"{names} did not add up: {timed.said}")


def grow_quietly(url: str, size: Size) -> float:
    """Bytes that a run leaves which finds nothing to do."""
    with copy_of(size) as folder, serving(size, folder=folder) as address:
        _sync(["customer"], address, url)
        _sync(["customer"], address, url)
        before = sizes(url)
        for _ in range(QUIET):
            _sync(["customer"], address, url)
    return (sum(sizes(url).values()) - sum(before.values())) / QUIET


def verify(url: str, folder: Path) -> str:
    """The audit verified by the command line, in a process of its own."""
    settings = folder / "state_size.yaml"
    settings.write_text(f"database: {url}\n", encoding="utf-8")
    timed = time_module("isthmus.cli.main", "audit", "verify", "--json", "--settings", str(settings))
    if not timed.said["whole"]:
        raise SystemExit(f"the audit is not whole: {timed.said['breaks'][:3]}")
    rows, spent = timed.said["rows"], timed.cpu_seconds
    told = f"{rows:,} rows verified in {timed.seconds:.1f} s, {spent:.1f} s of processor time"
    return f"{told}: {rows / spent:,.0f} rows a second of it, peak {timed.peak_mb:.0f} MB"


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def tell(title: str, grown: Mapping[str, int], records: int) -> None:
    """What grew, the greatest first; MB for a million records."""
    _say(f"{title}, {records:,} records: MB for a million")
    for room in ("state_", "erp_"):
        mine = {name: size for name, size in grown.items() if name.startswith(room) and size > records}
        for name, size in sorted(mine.items(), key=lambda pair: -pair[1]):
            _say(f"  {name:<22}{size / records:>8,.0f}")
        _say(f"  {room + '…':<22}{sum(mine.values()) / records:>8,.0f}")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000, help="customers; orders are half as many")
    records = parser.parse_args().records
    customers, orders = Size(records), Size(2_000, 200, records // 2)
    with databases() as urls:
        for kind, url in urls.items():
            fill(url, Size(1_000), ["product"])  # makes the tables
            before = sizes(url)
            fill(url, customers, ["customer"])
            after = sizes(url)
            tell(f"{kind}: customers", {name: after[name] - before.get(name, 0) for name in after}, records)
            _say(f"  {verify(url, CACHE)}")
    with databases() as urls:
        for kind, url in urls.items():
            fill(url, orders, ["customer", "product"])
            before = sizes(url)
            fill(url, orders, ["customer", "product", "order"])
            after = sizes(url)
            tell(f"{kind}: orders", {name: after[name] - before.get(name, 0) for name in after}, orders.orders)
            _say(f"  a run that finds nothing leaves {grow_quietly(url, orders):,.0f} bytes")


if __name__ == "__main__":
    main()
