"""Is memory flat? The largest memory of the same first load at a tenth of the records and at all of them."""

from __future__ import annotations

from typing import Any

from bench.contenders import isthmus
from bench.postgres import Server
from bench.server import Size, serving
from bench.timing import Timed


def measure_memory(server: Server, records: int) -> dict[str, Any]:
    """Peaks of a tenth and of all; the ratio says by how much memory grows when records grow tenfold."""
    few, many = (_load(server, Size(accounts)) for accounts in (records // 10, records))
    return {
        "what": f"memory: {few.peak_mb:.0f} MB at {records // 10:,}, now", "records": records,
        "growth": many.peak_mb / few.peak_mb, "isthmus": many.as_json(), "isthmus at a tenth": few.as_json(),
    }  # fmt: skip


def _load(server: Server, size: Size) -> Timed:
    server.make("memory")
    with serving(size) as address:
        isthmus(["quote"], address, server.url("memory"))  # makes the tables
        timed = isthmus(["customer"], address, server.url("memory"))
    server.drop("memory")
    return timed
