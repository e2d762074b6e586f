"""An older copy is brought back: does Isthmus find what it has forgotten, and double nothing?"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url

from isthmus.db import reading, writing
from isthmus.erp.invoicing import invoice
from isthmus.state import chain
from isthmus.state.guards import lifted
from isthmus.state.runs import recent_runs
from tests.operations.conftest import say
from tests.scenarios.test_far_erp import far
from tests.scenarios.world import World


def back_up(world: World) -> Path:
    copy = world.root / "copy.db"
    said = say(world, "db", "backup", str(copy))
    assert said.code == 0, said
    return copy


def bring_back(world: World, copy: Path) -> None:
    """The whole database, as `docs/operations.md` says."""
    world.shop.close()
    file = Path(make_url(world.database).database or "")
    for beside in ("-wal", "-shm"):
        file.with_name(file.name + beside).unlink(missing_ok=True)
    shutil.copy(copy, file)
    world.reopen()


def bring_state_back(world: World, copy: Path) -> None:
    """The state alone: the ERP is far away, and has not forgotten."""
    with closing(sqlite3.connect(copy)) as old, writing(world.shop.engine) as connection:
        named = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'state_%' ORDER BY rowid DESC"
        tables = [name for (name,) in old.execute(named)]
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        with lifted(connection, tables):
            for table in tables:
                _replace(connection, table, old.execute(f'SELECT * FROM "{table}"').fetchall())


def _replace(connection: Connection, table: str, rows: list[tuple[object, ...]]) -> None:
    connection.exec_driver_sql(f'DELETE FROM "{table}"')
    if rows:
        connection.exec_driver_sql(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(rows[0]))})', rows)


def go_on(world: World, *, recall: bool) -> None:
    """A customer and orders are won, one is edited, one recalled, a customer renamed; all of it is carried over."""
    account = world.account("Later Ltd")
    orders = [world.order(account, PoNumber=f"later {number}") for number in range(3)]
    known = world.crm_rows("order", "StatusCode = 'Activated'")[0]["Id"]
    world.edit("order", known, PoNumber="edited later")
    world.cycle()
    if recall:
        world.edit("order", orders[1], Status="Draft")
    world.edit("customer", account, Name="Later still Ltd")
    world.cycle()
    assert world.cycle().written == 0


_CUSTOMERS = "SELECT 'customer', name, active FROM erp_customer"
_ORDERS = (
    "SELECT 'order', c.name, coalesce(customer_reference, ''), status, total_minor FROM erp_order o "
    "JOIN erp_customer c ON c.id = o.customer_id WHERE status <> 'cancelled'"
)


def count(world: World) -> Counter[tuple[str, ...]]:
    """How often each customer and each live order is in the ERP; its id and number may be another than before."""
    with reading(world.shop.engine) as connection:
        rows = [row for sql in (_CUSTOMERS, _ORDERS) for row in connection.exec_driver_sql(sql)]
    return Counter(tuple(map(str, row)) for row in rows)


def agree(world: World) -> None:
    """As `docs/operations.md` says: run, let the tie-out make due what it finds, and run again; twice is enough."""
    for _ in range(2):
        world.cycle()
        world.shop.reconcile("totals", "cli:ada")
    world.cycle()
    assert world.cycle().written == 0
    assert world.items() == [], world.items()
    for kind in ("totals", "receivables", "credit"):
        tie_out = world.shop.reconcile(kind, "cli:ada")
        assert tie_out.agrees, tie_out.table()
        assert tie_out.differences == []


@pytest.mark.parametrize("is_far", [False, True], ids=["with the ERP", "state alone"])
def test_an_older_copy_catches_up_and_doubles_nothing(world: World, is_far: bool) -> None:
    copy = back_up(world)
    if is_far:
        far(world)
    go_on(world, recall=not is_far)  # a far ERP keeps what was cancelled since, and nobody knows whose it was
    before = count(world)
    if is_far:
        bring_state_back(world, copy)
    else:
        bring_back(world, copy)
    said = say(world, "db", "restored", "--why", "the disk failed")
    assert said.code == 0, said
    edited = world.crm_rows("customer", "Name = 'Later still Ltd'")[0]["Id"]
    world.edit("customer", edited, Phone="+49 555 1")
    agree(world)
    assert count(world) == before
    assert world.erp("customer", edited)["phone"] == "+49 555 1"


def test_an_exported_head_says_what_a_restored_copy_has_forgotten(world: World) -> None:
    copy, heads = back_up(world), world.root / "heads.json"
    world.account("Later Ltd")
    world.cycle()
    assert say(world, "audit", "heads", "--output", str(heads)).code == 0
    assert say(world, "audit", "verify", "--heads", str(heads)).code == 0
    bring_back(world, copy)
    assert say(world, "audit", "verify").code == 0
    said = say(world, "audit", "verify", "--heads", str(heads))
    assert said.code == 70
    assert "which the exported head names, is not there any more" in said.out
    with reading(world.shop.engine) as connection:
        assert chain.verify_chain(connection, "order") is None


def test_what_the_clerk_booked_since_the_copy_is_named_by_the_tie_out(world: World) -> None:
    """The own ERP forgets its documents with the copy: their pictures in the CRM tell which they were."""
    account = world.account("Billed Ltd")
    order = world.order(account)
    world.cycle()
    copy = back_up(world)
    number = world.at_desk(lambda desk: invoice(desk, world.erp("order", order)["number"])).number
    world.cycle()
    bring_back(world, copy)
    world.cycle()
    found = world.shop.reconcile("receivables", "cli:ada").differences
    assert [(one.entity, one.kind, one.name) for one in found if one.entity == "invoice"] == [
        ("invoice", "extra", number)
    ]


def test_that_a_copy_was_brought_back_is_not_forgotten_by_a_run_that_is_under_way(world: World) -> None:
    said: list[str] = []

    def say_so(_mapping: str, _direction: str, _passed: int) -> None:
        if not said:
            said.append(say(world, "db", "restored", "--why", "another server", "--skip", "0").out)

    world.account("Later Ltd")
    for how in ({"on_page": say_so}, {}, {}):
        world.run("customer", **how)
    assert "the next run of every mapping reads everything" in said[0]
    with reading(world.shop.engine) as connection:
        kinds = [one.kind for one in recent_runs(connection, "customer", 3)]
    assert kinds == ["incremental", "full", "incremental"]


def test_a_second_copy_that_is_brought_back_while_all_is_read_for_the_first_is_heard_as_well(world: World) -> None:
    said: list[str] = []

    def say_so(*_passed: object) -> None:
        if len(said) < 2:
            said.append(say(world, "db", "restored", "--why", "another server", "--skip", "0").out)

    world.run("customer")
    say_so()
    for how in ({"on_page": say_so}, {}, {}):
        world.run("customer", **how)
    with reading(world.shop.engine) as connection:
        kinds = [one.kind for one in recent_runs(connection, "customer", 3)]
    assert kinds == ["incremental", "full", "full"]
