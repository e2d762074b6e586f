"""Every defect that is planted in the demo's CRM ends where the manifest of defects says that it must."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isthmus.playground import SeedSizes
from tests.scenarios.world import World, company


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[World]:
    root = tmp_path_factory.mktemp("dirty")
    shutil.copy(sqlite_template, root / "isthmus.db")
    sizes = SeedSizes(accounts=60, products=10, quotes=20, orders=80)
    with company(root, f"sqlite:///{root / 'isthmus.db'}", seed=sizes) as world:
        world.cycle()
        world.cycle()
        yield world


def _ids(world: World, kind: str) -> list[str]:
    found = [one for one in world.playground.manifest["defects"] if one["defect"] == kind]
    assert found, f"the seed plants no {kind}"
    return [key for one in found for key in one["ids"]]


def _through(world: World, entity: str, ids: list[str]) -> list[bool]:
    return [world.is_bound(entity, key) and world.listed(key) is None for key in ids]


#: defect, entity, and the reason under which each of its records is listed
_LISTED: list[tuple[str, str]] = [
    ("order_of_deleted_account", "waiting"),
    ("long_name", "invalid"),
    ("wrong_total", "invalid"),
    ("unknown_currency", "invalid"),
    ("inactive_product", "waiting"),
]


@pytest.mark.parametrize(("kind", "reason"), _LISTED)
def test_a_defect_is_listed_under_its_reason_with_a_remedy(dirty: World, kind: str, reason: str) -> None:
    for key in _ids(dirty, kind):
        if not _is_inside(dirty, key):
            continue
        item = dirty.item(key)
        assert item.reason == reason, item.fault
        assert item.fault.what
        assert len(item.fault.remedy) > 10, "somebody must know what to do"
        assert item.fault.where


def _is_inside(world: World, key: str) -> bool:
    """Drafts and prospects are not ours, whatever is wrong with them."""
    rows = world.crm_rows("order", f"Id = '{key}' AND StatusCode = 'Activated'")
    return bool(rows or world.crm_rows("customer", f"Id = '{key}' AND Type = 'Customer'"))


def test_of_two_spellings_of_one_company_the_second_is_ambiguous_and_says_whose_it_is(dirty: World) -> None:
    ids = _ids(dirty, "duplicate_company")
    for first, second in zip(ids[::2], ids[1::2], strict=True):
        reasons = {dirty.listed(first), dirty.listed(second)}
        assert reasons == {None, "ambiguous"}
        loser = first if dirty.listed(first) else second
        assert (second if loser == first else first) in dirty.item(loser).fault.what


def test_losers_of_merges_that_we_never_knew_make_no_customer(dirty: World) -> None:
    for one in dirty.playground.manifest["defects"]:
        if one["defect"] == "merged_accounts":
            winner, *losers = one["ids"]
            assert dirty.is_bound("customer", winner)
            known = [loser for loser in losers if dirty.is_bound("customer", loser)]
            assert all(dirty.pair("customer", loser).crm.id == winner for loser in known)
            assert not any(dirty.listed(loser) for loser in losers)


def test_strange_characters_arrive_as_they_are(dirty: World) -> None:
    for key in _ids(dirty, "strange_characters"):
        assert dirty.is_bound("customer", key) or dirty.listed(key) == "invalid"
        if dirty.is_bound("customer", key):
            street: Any = dirty.erp("customer", key)["billing"]["street"]
            assert "🏭" in street


@pytest.mark.parametrize("kind", ["recalled_order", "reduction_order"])
def test_what_is_no_order_of_ours_is_not_born_and_not_listed(dirty: World, kind: str) -> None:
    for key in _ids(dirty, kind):
        assert not dirty.is_bound("order", key)
        assert dirty.listed(key) is None


def test_deleted_accounts_are_not_born(dirty: World) -> None:
    for key in _ids(dirty, "deleted_account"):
        assert not dirty.is_bound("customer", key)


def test_nothing_is_listed_that_is_not_in_the_manifest(dirty: World) -> None:
    planted = {key for one in dirty.playground.manifest["defects"] for key in one["ids"]}
    prospects = {row["Id"] for row in dirty.crm_rows("customer", "Type = 'Prospect'")}
    for item in dirty.items():
        waits_for = (item.waits_for or " ").split(" ")[1]
        assert item.source_id in planted or waits_for in planted | prospects or item.reason == "held", item


def test_every_listed_record_says_so_on_itself(dirty: World) -> None:
    for item in dirty.items():
        if item.side == "crm":
            assert dirty.crm(item.mapping, item.source_id)["ERP_Sync_Message__c"] == str(item.fault)[:1000]


def test_the_dirt_makes_no_work_in_the_next_cycle(dirty: World) -> None:
    stamps, log = dirty.crm_stamps(), dirty.erp_log()
    assert dirty.cycle().written == 0
    assert (dirty.crm_stamps(), dirty.erp_log()) == (stamps, log)
