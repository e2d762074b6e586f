"""A million orders a side: how long proving takes that they agree, and how much memory.

A small company is synchronised in earnest; then its orders are copied in both systems' own tables, pairs and all, and
every so manieth is tampered with. The tie-out is a process of its own: read through both connectors, compared, judged.

    python -m bench.tie_out                       # 200,000 orders, SQLite
    python -m bench.tie_out --orders 1000000 --postgresql
    python -m bench.tie_out --cycles 1000         # clean cycles of a small company: no false alarm
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, Table, text

from bench import postgres
from bench.server import Size, copy_of, serving
from bench.timing import time_module

ROOT = Path(__file__).resolve().parent.parent
BASE = Size(accounts=1_000, products=20, orders=2_000)
STEP = 1_000_000  # between the ids of two copies of one record
TAMPERED = 50  # orders with another total in the CRM
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=200_000)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--cycles", type=int, default=0)
    parser.add_argument("--compare", nargs=2, metavar=("SETTINGS", "CONNECTION"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.compare:
        said = json.dumps(_compare(*given.compare))
    elif given.cycles:
        said = json.dumps(_live(given.cycles))
    else:
        said = json.dumps(measure(given.orders, on_postgresql=given.postgresql), indent=2)
    sys.stdout.write(f"{said}\n")


def measure(orders: int, *, on_postgresql: bool) -> Row:
    """Seconds and megabytes of one tie-out of the orders, and what it said."""
    with tempfile.TemporaryDirectory() as folder, postgres.running() if on_postgresql else nullcontext() as server:
        database = server.make("tie_out") if server else f"sqlite:///{folder}/isthmus.db"
        settings = Path(folder) / "isthmus.yaml"
        settings.write_text(f"database: {database}\nmappings: {ROOT / 'mappings' / 'salesforce_erp'}\n", "utf-8")
        with copy_of(BASE) as playground:
            _synchronise(settings, playground)
            _multiply(database, playground, orders // BASE.orders)
            with serving(BASE, folder=playground, ahead_hours=2) as address:
                timed = time_module("bench.tie_out", "--compare", str(settings), address.connection())
    seconds = timed.seconds
    return {
        "what": "tie-out of orders", "database": "postgresql" if on_postgresql else "sqlite", "orders a side": orders,
        "seconds": round(seconds, 1), "pairs a second": round(orders / seconds), "cpu_seconds": timed.cpu_seconds,
        "peak_mb": round(timed.peak_mb), "said": timed.said,
    }  # fmt: skip


# --- the process that is measured ---------------------------------------------------------------------------------


@contextmanager
def _workshop(settings: str, connection: str) -> Iterator[Any]:
    from isthmus.app import open_workshop
    from isthmus.settings import load_settings

    shop = open_workshop(load_settings(Path(settings), {}), {"AIRFLOW_CONN_SALESFORCE_DEFAULT": connection})
    try:
        yield shop
    finally:
        shop.close()


def _compare(settings: str, connection: str) -> Row:
    from isthmus.reconcile.run import tie_entity

    with _workshop(settings, connection) as shop:
        result = tie_entity(shop.ports, shop.ports.mappings["order"])
    counts = {side: sum(getattr(line, f"{side}_count") for line in result.lines) for side in ("crm", "erp")}
    return {
        **counts, "pairs": result.pairs, "differences": len(result.differences),
        "adds up": not any(line.left_minor or line.left_count for line in result.lines),
        "explained": {one.reason: one.count for one in result.explained},
        "the systems' own figures agree": bool(result.own) and all(one.agrees for one in result.own),
    }  # fmt: skip


# --- two systems in step ------------------------------------------------------------------------------------------


def _synchronise(settings: Path, playground: Path) -> None:
    for hour in range(2):
        with serving(BASE, folder=playground, ahead_hours=hour) as address:
            _sync(str(settings), address.connection())


def _sync(settings: str, connection: str) -> None:
    from isthmus.app import Order

    with _workshop(settings, connection) as shop:
        reports = list(shop.sync_all(["customer", "product", "order"], Order("bench")))
    if wrong := [report.table() for report in reports if report.faults]:
        raise SystemExit("\n".join(wrong))


def _multiply(database: str, playground: Path, copies: int) -> None:
    """Copies 1 … n-1 of every order, in both systems and in the state; some totals of the CRM are tampered with."""
    from isthmus.db import engine_for

    with closing(sqlite3.connect(playground / "playground.sqlite", isolation_level=None)) as crm:
        ids = _multiply_crm(crm, copies)
    engine = engine_for(database)
    _multiply_erp(engine, ids, copies)
    engine.dispose()


def _multiply_crm(crm: sqlite3.Connection, copies: int) -> dict[str, int]:
    """Answers each order's and line's own number: its copies' ids follow from it."""
    crm.row_factory = sqlite3.Row
    crm.execute("PRAGMA synchronous=OFF")
    numbers: dict[str, int] = {}
    crm.execute("BEGIN")
    for name in ("Order", "OrderItem"):
        rows = [dict(row) for row in crm.execute(f'SELECT * FROM "{name}"')]
        numbers.update({row["Id"]: number for number, row in enumerate(rows, len(numbers))})
        columns = list(rows[0])
        marks = ", ".join("?" * len(columns))
        named = ", ".join(f'"{column}"' for column in columns)
        for copy in range(1, copies):
            made = [tuple(_copied_crm(row, numbers, copy).values()) for row in rows]
            crm.executemany(f'INSERT INTO "{name}" ({named}) VALUES ({marks})', made)
    crm.execute(f'UPDATE "Order" SET "ERP_Total__c" = "ERP_Total__c" + 1234 WHERE "Id" IN '
                f'(SELECT "Id" FROM "Order" WHERE "ERP_Total__c" > 0 ORDER BY "Id" LIMIT {TAMPERED})')  # fmt: skip
    crm.execute("COMMIT")
    return numbers


def _new_id(old: str, number: int, copy: int) -> str:
    from isthmus.playground.ids import make_id

    return make_id(old[:3], copy * STEP + 20_000_000 + number)


def _copied_crm(row: Row, numbers: dict[str, int], copy: int) -> Row:
    new = {**row, "Id": _new_id(row["Id"], numbers[row["Id"]], copy), "Isthmus_Key__c": None}
    if row.get("ERP_Order_Number__c"):
        new["ERP_Order_Number__c"] = f"O{int(row['ERP_Order_Number__c'][1:]) + copy * STEP:010d}"
    if "OrderId" in row:
        new["OrderId"] = _new_id(row["OrderId"], numbers[row["OrderId"]], copy)
    return new


def _multiply_erp(engine: Engine, numbers: dict[str, int], copies: int) -> None:
    from isthmus.db import writing

    tables = MetaData()
    with writing(engine) as connection:
        _disarm(connection)
        for name in ("erp_order", "erp_order_line", "erp_change", "state_binding"):
            table = Table(name, tables, autoload_with=connection)
            where = {"erp_change": " WHERE stream = 'order'", "state_binding": " WHERE entity = 'order'"}.get(name, "")
            rows = [dict(row) for row in connection.execute(text(f"SELECT * FROM {name}{where}")).mappings()]
            if name == "erp_change":
                rows = _latest(rows)
            for copy in range(1, copies):
                _insert(connection, table, [_copied_erp(name, row, copy, numbers=numbers) for row in rows])
        if connection.dialect.name == "sqlite":  # how far the log goes is kept beside it
            connection.execute(text("UPDATE erp_sequence SET last = :last"), {"last": copies * STEP})
    with engine.connect() as connection, connection.execution_options(isolation_level="AUTOCOMMIT").begin():
        connection.execute(text("ANALYZE"))


def _disarm(connection: Connection) -> None:
    """The guards look at every row; these rows are copies of rows that they have seen."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        return
    for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
        connection.execute(text(f'DROP TRIGGER "{name}"'))


def _latest(changes: Sequence[Row]) -> list[Row]:
    return list({row["record_id"]: row for row in sorted(changes, key=lambda row: int(row["number"]))}.values())


def _insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    from isthmus.db import insert_rows

    columns = list(rows[0])
    insert_rows(connection, table, columns, rows=[tuple(row[name] for name in columns) for row in rows])


def _copied_erp(name: str, row: Row, copy: int, *, numbers: dict[str, int]) -> Row:
    up = copy * STEP
    if name == "erp_order":
        return {**row, "id": row["id"] + up, "number": f"O{row['id'] + up:010d}", "version": row["version"] + up}
    if name == "erp_order_line":
        key = _new_id(row["key"], numbers[row["key"]], copy)
        return {**row, "order_id": row["order_id"] + up, "key": key}
    if name == "erp_change":
        return {**row, "number": row["number"] + up, "record_id": row["record_id"] + up}
    crm_id = _new_id(row["crm_id"], numbers[row["crm_id"]], copy)
    return {**row, "id": row["id"] + up, "crm_id": crm_id, "erp_id": str(int(row["erp_id"]) + up)}


# --- no false alarm -----------------------------------------------------------------------------------------------


def _live(cycles: int) -> Row:
    """So many cycles of a small company whose people go on working: every one must agree."""
    import random

    from isthmus.db import engine_for, upgrade
    from isthmus.reconcile.run import reconcile
    from tests.reconcile.conftest import FEW
    from tests.reconcile.lab import Lab
    from tests.reconcile.test_agreement import live
    from tests.scenarios.world import company

    folder = Path(tempfile.mkdtemp())
    database = f"sqlite:///{folder}/isthmus.db"
    engine = engine_for(database)
    upgrade(engine)
    engine.dispose()
    dice, alarms = random.Random(1), 0  # noqa: S311 - invented business, not secrets
    with company(folder / "company", database, seed=replace(FEW, orders=30)) as world:
        lab = Lab(world)
        world.cycle()
        for _ in range(cycles):
            live(lab, dice)
            alarms += not reconcile(world.shop.ports, "totals", "bench").agrees
    shutil.rmtree(folder)
    return {"what": "clean cycles", "cycles": cycles, "false alarms": alarms}


if __name__ == "__main__":
    main()
