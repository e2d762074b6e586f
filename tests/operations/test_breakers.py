"""The CRM shows nothing any more, or a bad mapping was shipped: does the run stop, say why, and leave the ERP alone?"""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from isthmus.kernel.errors import Misconfigured
from isthmus.settings import Limits
from isthmus.sync import run
from tests.operations.conftest import say
from tests.scenarios.world import World


def hide(world: World, every: int) -> list[tuple[object, ...]]:
    """Every so manieth account is not shown any more, without a trace: a right was lost, or another copy is there."""
    with closing(sqlite3.connect(world.playground.store.path)) as crm, crm:
        rows = crm.execute('SELECT * FROM "Account" ORDER BY "Id"').fetchall()[::every]
        names = [column[1] for column in crm.execute('PRAGMA table_info("Account")')]
        crm.executemany('DELETE FROM "Account" WHERE "Id" = ?', [(row[names.index("Id")],) for row in rows])
    return rows


def show(world: World, rows: list[tuple[object, ...]]) -> None:
    with closing(sqlite3.connect(world.playground.store.path)) as crm, crm:
        crm.executemany(f'INSERT INTO "Account" VALUES ({", ".join("?" * len(rows[0]))})', rows)


@pytest.mark.parametrize("every", [1, 2], ids=["nothing", "half"])
def test_a_crm_that_shows_too_little_stops_the_run_before_anything_is_withdrawn(world: World, every: int) -> None:
    world.limits = Limits(gone_count=3)
    world.reopen()
    log, hidden = world.erp_log(), hide(world, every)
    for full in (True, False):  # the stop is none that the next run forgets
        with pytest.raises(Misconfigured, match=r"records are gone from the CRM in one run; see `isthmus plan`"):
            world.run("customer", full=full)
        assert world.erp_log() == log
        assert world.items() == []
    said = say(world, "status")
    assert "records are gone from the CRM in one run" in said.out + said.err, said
    show(world, hidden)
    assert world.run("customer", full=True).adds_up
    assert world.cycle().written == 0
    assert world.erp_log() == log


def test_a_full_read_that_misses_all_withdraws_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "DUE_BATCH", 2)  # as 500 are of many
    world.limits = Limits(gone_count=3, gone_percent=50)
    world.reopen()
    log = world.erp_log()
    hide(world, 1)
    with pytest.raises(Misconfigured, match="records are gone from the CRM in one run"):
        world.run("customer", full=True)
    assert world.erp_log() == log


def test_a_bad_mapping_that_refuses_everything_stops_the_run_and_floods_nothing(world: World) -> None:
    world.limits = Limits(refused_count=5)
    world.mapping_file("customer", ("currency: {crm: CurrencyIsoCode,", "currency: {crm: Website,"))
    log = world.erp_log()
    for _ in range(2):
        with pytest.raises(Misconfigured, match=r"records of one page are invalid for one cause.*then run again"):
            world.run("customer")
    assert (world.erp_log(), world.items()) == (log, [])
