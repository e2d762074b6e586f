"""Does a trial say what a run would do, or that it cannot say, and does a run keep to what it said?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from isthmus.kernel.errors import Unavailable
from isthmus.mapping.compile import CompiledMapping, compile_mapping
from isthmus.mapping.load import load_mappings
from isthmus.mapping.spec import Call
from isthmus.sync.impact import plan_mapping
from isthmus.testing.world.operators import changed_mappings
from isthmus.testing.world.people import SALES
from isthmus.testing.world.workers import Worker
from isthmus.testing.world.world import MAPPINGS
from tests.simulation.tale import Tale


def test_a_trial_whose_page_was_short_is_no_trial() -> None:
    tale = Tale("own")
    ports = tale.world.ports
    whole = [len(page) for _, page in plan_mapping(ports, ports.mappings["customer"], full=True)]
    assert sum(whole) > 0
    tale.weather.next_reads = ["short_page"]
    with pytest.raises(Unavailable, match="fewer records than it said"):
        list(plan_mapping(ports, ports.mappings["customer"], full=True))


def shouting() -> CompiledMapping:
    """Of customers, with every name in capitals: a change of all of them."""
    (spec,) = (one for one in load_mappings(MAPPINGS) if one.entity == "customer")
    rows = tuple(
        replace(row, crm=replace(row.crm, via=(Call("upper", (), row.crm.place),)))
        if row.name == "name" and row.crm
        else row
        for row in spec.rows
    )
    return compile_mapping(replace(spec, rows=rows), crm_numbers="decimal", erp_numbers="scaled", time_zone="UTC")


def edit_file(tale: Tale, after: CompiledMapping) -> None:
    tale.world.mappings["customer"] = after
    tale.world.hashes["customer"].add(after.hash)


@pytest.mark.parametrize("why", ["", "asked for", "a short page", "a harmless edit whose run died"])
def test_a_change_of_everything_waits_to_be_accepted_whatever_else_wants_everything_read(why: str) -> None:
    tale = Tale("own")
    for one in list(tale.world.crm.things["Account"]):
        tale.world.crm.edit("Account", one, SALES, Name=f"lamp {one}")
    tale.calm(2)
    before = tale.rows("SELECT name FROM erp_customer ORDER BY id")
    if why == "a short page":
        tale.world.crm.edit("Account", tale.hand.known, SALES, Phone="P9")
        tale.weather.next_reads = ["short_page"]
        tale.run("customer")
    if why.startswith("a harmless"):
        edit_file(tale, changed_mappings()["customer"])
        tale.run("customer", worker=Worker("dies", crashes_at=8))
    edit_file(tale, shouting())
    tale.world.pass_time(timedelta(hours=1))  # the dead worker's lease
    assert tale.world.run("customer", full=why == "asked for") is None
    assert tale.rows("SELECT name FROM erp_customer ORDER BY id") == before
