"""The line breaks: nothing is lost, nothing is doubled, and what nobody knows is looked up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from isthmus.db import reading, writing
from isthmus.kernel.errors import IsthmusError, Unavailable
from isthmus.kernel.records import Page
from isthmus.kernel.selection import Selection
from isthmus.state import chain, progress
from isthmus.state.bindings import Lane
from isthmus.state.progress import Watermark
from tests.scenarios.world import World


def _open_intents(world: World) -> int:
    with reading(world.shop.engine) as connection:
        query = text("SELECT count(*) FROM state_intent WHERE settled_at IS NULL")
        return int(connection.execute(query).scalar_one())


@pytest.mark.parametrize("kind", ["lost", "cut", "truncated", "html", "limit"])
def test_a_write_to_the_crm_whose_answer_is_lost_is_settled_by_the_next_run(world: World, kind: str) -> None:
    account = world.account("Silence Ltd")
    world.door("faults", kind=kind, count=20, method="PATCH", path="composite")
    with pytest.raises(Unavailable):
        world.run("customer")
    assert _open_intents(world) == 1
    number = world.erp("customer", account)["number"]
    world.door("faults", verb="DELETE")
    world.reopen()
    world.run("customer")
    assert _open_intents(world) == 0
    assert world.crm("customer", account)["ERP_Customer_Number__c"] == number
    assert world.crm_rows("customer", f"ERP_Customer_Number__c = '{number}'")[0]["Id"] == account
    world.cycle("credit_status", "customer_figures")  # the account is told how its customer stands
    assert world.cycle().written == 0
    assert world.items() == []


def test_a_single_lost_answer_is_repeated_at_once_and_nothing_is_doubled(world: World) -> None:
    account = world.account("Hiccup Ltd")
    world.door("faults", kind="lost", count=1, method="PATCH", path="composite")
    world.cycle()
    assert world.crm("customer", account)["ERP_Customer_Number__c"] == world.erp("customer", account)["number"]
    assert world.cycle().written == 0


@pytest.mark.parametrize("kind", ["cut", "truncated", "html", "limit", "expired"])
def test_reading_that_fails_keeps_the_watermark(world: World, kind: str) -> None:
    account = world.account("Unheard Ltd")
    log = world.erp_log()
    world.door("faults", kind=kind, count=50, path="query")
    with pytest.raises(IsthmusError):
        world.run("customer")
    assert world.erp_log() == log
    world.door("faults", verb="DELETE")
    world.reopen()
    world.cycle()
    assert world.is_bound("customer", account)


def test_a_note_that_cannot_be_shown_now_is_shown_later(world: World) -> None:
    account = world.account("N" * 250)
    world.door("faults", kind="status", status=503, count=20, method="PATCH", path="composite")
    with pytest.raises(Unavailable):
        world.run("customer")
    assert world.listed(account) == "invalid"
    world.door("faults", verb="DELETE")
    world.reopen()
    world.cycle()
    assert world.crm("customer", account)["ERP_Sync_Status__c"] == "Not in the ERP: data to correct"


def test_the_chain_of_every_mapping_holds_after_all_that(world: World) -> None:
    world.account("Chained Ltd")
    world.door("faults", kind="lost", count=20, method="PATCH", path="composite")
    with pytest.raises(Unavailable):
        world.run("customer")
    world.door("faults", verb="DELETE")
    world.reopen()
    world.cycle()
    with reading(world.shop.engine) as connection:
        assert [one for name in world.shop.names() if (one := chain.verify_chain(connection, name))] == []


def test_an_unordered_read_that_was_interrupted_goes_on_where_it_stopped(world: World) -> None:
    lane, asked = Lane("customer", "crm"), []
    with writing(world.shop.engine) as connection:
        before = progress.load_watermark(connection, lane)
        assert before is not None
        progress.store_watermark(
            connection, lane, Watermark(before.position, "in the middle of a job", before.moved_at)
        )
    crm = world.shop.ports.crm

    def read(_selection: Selection, since: str | None, _overlap: timedelta) -> Iterator[Page]:
        asked.append(since)
        yield Page([], 0, complete_to=before.position)

    crm.read = read  # type: ignore[assignment, method-assign]
    for _ in range(2):
        world.run("customer")
    assert asked == ["in the middle of a job", before.position]
