"""``python -m bench``: measures Isthmus against the script by hand, and prints one table (and JSON)."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.contenders import by_hand, isthmus, isthmus_both_ways
from bench.idle import measure_idle
from bench.memory import measure_memory
from bench.postgres import Server, running
from bench.server import CACHE, Address, Size, copy_of, serving
from bench.timing import Timed, in_turn, middle, ratio_of

FEW_ACCOUNTS, FEW_PRODUCTS = 2_000, 200  # whom the measured orders belong to, and what they sell
Result = dict[str, Any]


def compare(server: Server, size: Size, entity: str, *, pairs: int) -> Result:
    """One way of a mapping into an empty target, by hand and by Isthmus in turn."""
    with serving(size) as address:
        hand, ours = _templates(server, address, ["customer", "product"] if entity == "order" else [])

        timed = in_turn(
            lambda: server.measure(hand, lambda database: by_hand(entity, address, database)),
            lambda: server.measure(ours, lambda database: isthmus([entity], address, database)),
            pairs,
        )
    _check(timed, size.orders if entity == "order" else size.accounts)
    hands, engines = ([pair[place] for pair in timed] for place in (0, 1))
    return {
        "what": f"{entity}s, first load, one way", "records": timed[0][0].said["read"], "ratio": ratio_of(timed),
        "by hand": middle(hands).as_json(), "isthmus": middle(engines).as_json(),
        "runs": [[pair[0].seconds, pair[1].seconds] for pair in timed],
    }  # fmt: skip


def _templates(server: Server, address: Address, before: list[str]) -> tuple[str, str]:
    """Databases with their tables and with what must be there before; not measured."""
    hand, ours = server.make("by_hand"), server.make("isthmus")
    by_hand("prepare", address, hand)
    if before:
        by_hand("customer", address, hand)
    isthmus(before or ["quote"], address, ours)  # a mapping that finds nothing still makes the tables
    return "by_hand", "isthmus"


def _check(timed: list[tuple[Timed, Timed]], wanted: int) -> None:
    """Fast and wrong is not fast."""
    for hand, engine in timed:
        if not (hand.said["written"] == engine.said["written"] == wanted and engine.said["adds_up"]):
            raise SystemExit(f"{wanted} records, but by hand {hand.said} and Isthmus {engine.said}")


def both_ways(server: Server, size: Size) -> Result:
    """A first synchronisation as people run it: with the way back, which writes every number into the CRM."""
    database = server.make("whole")
    with copy_of(size) as folder, serving(size, folder=folder) as address:
        isthmus_both_ways(["quote"], address, database)
        timed = isthmus_both_ways(["customer"], address, database)
    server.drop("whole")
    return {"what": "customers, first load, both ways", "records": timed.said["read"], "isthmus": timed.as_json()}


# --- telling ------------------------------------------------------------------------------------------------------

HEAD = ("what", "records", "who", "seconds", "ratio", "records/s", "cpu s", "database cpu s", "peak MB")


def tell(results: list[Result]) -> str:
    """The table: one line a contender."""
    rows = [HEAD, *(row for one in results for row in _rows(one))]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place in (0, 2) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _rows(one: Result) -> list[tuple[str, ...]]:
    told = []
    for who in ("by hand", "isthmus"):
        if run := one.get(who):
            ratio = f"{one['ratio']:.2f}" if who == "isthmus" and "ratio" in one else ""
            rate = f"{one['records'] / run['seconds']:,.0f}" if one["records"] else ""
            figures = (run["cpu_seconds"], run["database_cpu_seconds"])
            spent = (f"{figure:.2f}" if figure else "" for figure in figures)
            told.append(
                (one["what"], f"{one['records']:,}", who, f"{run['seconds']:.2f}", ratio, rate, *spent,
                 f"{run['peak_mb']:.0f}")
            )  # fmt: skip
    return told


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="accounts; orders are half as many")
    parser.add_argument("--pairs", type=int, default=3, help="how often both run")
    parser.add_argument("--quick", action="store_true", help="10,000 records, one pair: does it work?")
    parser.add_argument("--only", choices=("customer", "order", "whole", "idle", "memory"), nargs="*")
    parser.add_argument("--json", type=Path, default=CACHE / "results.json", help="where the figures go as JSON")
    given = parser.parse_args()
    records, pairs = (10_000, 1) if given.quick else (given.records, given.pairs)
    accounts, orders = Size(records), Size(FEW_ACCOUNTS, FEW_PRODUCTS, records // 2)
    results: list[Result] = []
    with running() as server:
        measures: dict[str, Callable[[], Result]] = {
            "customer": lambda: compare(server, accounts, "customer", pairs=pairs),
            "order": lambda: compare(server, orders, "order", pairs=pairs),
            "whole": lambda: both_ways(server, accounts),
            "idle": lambda: measure_idle(server, Size(FEW_ACCOUNTS), pairs),
            "memory": lambda: measure_memory(server, records),
        }
        for name in given.only or measures:
            results.append(measures[name]())
            print(tell(results[-1:]), flush=True)  # noqa: T201
        about = f"{server.version()}, Python {platform.python_version()}, {os.cpu_count()} processors"
    given.json.write_text(json.dumps({"about": about, "results": results}, indent=1), encoding="utf-8")
    print(f"\n{about}\n\n{tell(results)}\n\nas JSON: {given.json}")  # noqa: T201


if __name__ == "__main__":
    main()
