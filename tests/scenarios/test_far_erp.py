"""The ERP as a system far away: its writes are no part of our transaction, and its answers may get lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from isthmus.app import Workshop
from isthmus.connect.protocol import Answer, Capabilities, Change, Connector
from isthmus.db import reading, writing
from isthmus.kernel.errors import Fault, Misconfigured, Moved, Unavailable
from isthmus.settings import Limits
from tests.scenarios.world import World

Hook = Callable[[str, Sequence[Change]], None]


class FarErp:
    """The built-in ERP behind a line that can be cut after the work is done."""

    def __init__(self, near: Connector) -> None:
        self._near = near
        self.batch = near.capabilities.batch_size
        self.fate = "answer"  # or lose, or doubt, or moved, or busy
        self.before: Hook = lambda _stream, _changes: None
        self.written: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._near, name)

    @property
    def capabilities(self) -> Capabilities:
        return dataclasses.replace(self._near.capabilities, remote=True, batch_size=self.batch)

    def write(self, stream: str, changes: Sequence[Change], within: object | None = None) -> list[Answer]:
        assert within is None, "nobody's transaction reaches that far"
        self.before(stream, changes)
        if self.fate == "moved":
            return [Answer(change.key, "moved") for change in changes]
        if self.fate == "busy":
            locked = Fault("far ERP", "somebody else has locked it", "nothing to do")
            return [Answer(change.key, "refused", fault=locked, busy=True) for change in changes]
        answers = self._near.write(stream, changes)
        self.written += [change.key for change in changes]
        if self.fate == "lose":
            raise Unavailable("far ERP", "no answer", "try again")
        doubt = Fault("far ERP", "nobody knows", "it is looked up")
        return [Answer(a.key, "in_doubt", fault=doubt) for a in answers] if self.fate == "doubt" else answers


def far(world: World) -> FarErp:
    erp = FarErp(world.shop.ports.erp)
    ports = dataclasses.replace(world.shop.ports, erp=erp)
    world.shop = Workshop(world.shop.settings, world.shop.engine, ports)
    return erp


def _open_intents(world: World) -> int:
    with reading(world.shop.engine) as connection:
        return int(connection.execute(text("SELECT count(*) FROM state_intent WHERE settled_at IS NULL")).scalar_one())


def test_a_far_erp_gets_the_same_and_rests_the_same(fresh: World) -> None:
    far(fresh)
    totals = fresh.cycle()
    orders = fresh.crm_rows("order", "StatusCode = 'Activated'")
    assert totals["order", "crm"]["created"] == len(orders) == fresh.erp_count("order")
    assert fresh.cycle().written == 0
    assert _open_intents(fresh) == 0


def test_a_create_whose_answer_was_lost_is_found_by_its_key(world: World) -> None:
    erp = far(world)
    account, count = world.account("Echoless Ltd"), world.erp_count("customer")
    erp.fate = "lose"
    with pytest.raises(Unavailable):
        world.run("customer")
    assert _open_intents(world) == 1
    erp.fate = "answer"
    world.cycle()
    assert world.erp_count("customer") == count + 1
    assert world.crm("customer", account)["ERP_Customer_Number__c"] == world.erp("customer", account)["number"]
    assert _open_intents(world) == 0
    assert world.cycle().written == 0


def test_a_customer_of_whom_nobody_heard_shows_its_credit_though_that_was_read_first(world: World) -> None:
    erp = far(world)
    account = world.account("Echoless Ltd")
    erp.fate = "lose"
    with pytest.raises(Unavailable):
        world.run("customer")
    erp.fate = "answer"
    world.run("credit_status")
    world.cycle()
    assert world.crm("customer", account)["ERP_Credit_Status__c"] == "OK"


def test_a_create_whose_answer_was_lost_and_whose_account_is_gone_since_is_withdrawn(world: World) -> None:
    erp = far(world)
    account = world.account("Short Life Ltd")
    erp.fate = "lose"
    with pytest.raises(Unavailable):
        world.run("customer")
    erp.fate = "answer"
    world.delete("customer", account)
    world.cycle()
    assert world.erp("customer", account)["active"] is False, "an orphan would still be active"


def test_what_is_in_doubt_is_listed_and_settled_by_the_next_run(world: World) -> None:
    erp = far(world)
    account, count = world.account("Perhaps Ltd"), world.erp_count("customer")
    known = world.crm_rows("customer", "Type = 'Customer'")[0]["Id"]
    world.edit("customer", known, Phone="+1 555 7")
    erp.fate = "doubt"
    world.run("customer")
    assert {world.listed(account), world.listed(known)} == {"in_doubt"}
    assert _open_intents(world) == 1
    erp.fate = "answer"
    world.cycle()
    assert world.items() == []
    assert world.erp_count("customer") == count + 1
    assert world.erp("customer", known)["phone"] == "+1 555 7"
    assert world.cycle().written == 0


def test_a_zombie_stops_before_its_next_call(world: World) -> None:
    erp = far(world)
    erp.batch = 1
    for number in range(3):
        world.account(f"Batch {number} Ltd")
    count = world.erp_count("customer")

    def take_over(_stream: str, _changes: Sequence[Change]) -> None:
        with leases_of(world) as connection:
            connection.execute(text("UPDATE state_lease SET token = token + 1, holder = 'elsewhere 1 1'"))

    erp.before = take_over
    with pytest.raises(Moved, match="another run has taken over"):
        world.run("customer")
    assert world.erp_count("customer") == count + 1, "the call that was under way, and no other"
    with leases_of(world) as connection:
        connection.execute(text("UPDATE state_lease SET holder = NULL"))
    erp.before = lambda _stream, _changes: None
    world.cycle()
    assert world.erp_count("customer") == count + 3
    assert world.cycle().written == 0


def leases_of(world: World) -> Any:
    return writing(world.shop.engine)


@pytest.mark.parametrize("times", [1, 2])
def test_a_target_that_moves_is_planned_once_more_and_then_by_the_next_run(world: World, times: int) -> None:
    erp = far(world)
    order = world.crm_rows("order", "StatusCode = 'Activated' AND PoNumber IS NOT NULL")[0]["Id"]
    world.edit("order", order, PoNumber="PO-MOVING")
    left = [times]

    def meddle(stream: str, _changes: Sequence[Change]) -> None:
        if stream == "order" and left[0]:
            left[0] -= 1
            world.clerk("order", order, salesperson=f"clerk{left[0]}@erp.example")

    erp.before = meddle
    world.run("order")
    if times == 2:
        assert world.listed(order) == "conflict"
        assert "it is planned again" in world.item(order).fault.remedy
        world.run("order")
    assert world.erp("order", order)["customer_reference"] == "PO-MOVING"
    world.cycle()
    assert world.erp("order", order)["salesperson"] == world.crm_owner(order), "and the clerk's own edit is undone"
    assert world.items() == []
    assert world.cycle().written == 0


def test_what_moved_twice_is_planned_by_the_next_run_though_nobody_edits_it(world: World) -> None:
    erp = far(world)
    customer = world.crm_rows("customer", "Type = 'Customer'")[0]["Id"]
    world.edit("customer", customer, Phone="+1 555 8")
    hidden = Fault("CRM", "has no fields for notes", "deploy them")  # a note would move the record
    world.shop.ports.crm.annotate = lambda _stream, notes: [hidden for _ in notes]  # type: ignore[assignment]
    erp.fate = "moved"
    world.run("customer")
    assert world.listed(customer) == "conflict"
    erp.fate = "answer"
    world.run("customer")
    assert world.listed(customer) is None
    assert world.erp("customer", customer)["phone"] == "+1 555 8"


def test_a_far_erp_that_is_busy_is_asked_again_later_and_nothing_is_to_be_corrected(world: World) -> None:
    """Many records that somebody else has locked are no mistake in mapping or records: the run is tried again."""
    world.cycle()
    world.limits = Limits(refused_count=5)
    world.reopen()
    erp = far(world)
    erp.fate = "busy"
    account = world.account("Locked Ltd")
    for _ in range(3):
        world.pass_time(minutes=60)
        world.run("customer")
        assert world.listed(account) == "refused", "a few are listed"
    [item] = world.items()
    assert item.attempts == 3, "and each run tries them again"
    accounts = [account, *(world.account(f"Locked {number} Ltd") for number in range(6))]
    with pytest.raises(Unavailable, match=r"6 of 6 records of one page are refused.*nothing is to be corrected"):
        world.run("customer")
    assert [item.source_id for item in world.items()] == [account]
    erp.fate = "answer"
    world.run("customer")
    assert [one for one in accounts if not world.is_bound("customer", one)] == []
    assert world.items() == []


def test_a_flood_from_a_far_erp_keeps_what_is_through_and_lists_nothing(world: World) -> None:
    world.cycle()
    world.limits = Limits(refused_count=5)
    world.reopen()
    account = world.account("Flooded Ltd")
    world.cycle()
    erp = far(world)
    good = world.account("Through Ltd")
    near = world.shop.ports.erp

    def refuse(stream: str, changes: Sequence[Change], within: object | None = None) -> list[Answer]:
        answers = FarErp.write(erp, stream, [one for one in changes if one.fields.get("name") == "Through Ltd"])
        told = {answer.key: answer for answer in answers}
        fault = Fault("far ERP", "the books are closed", "open them")
        return [told.get(one.key) or Answer(one.key, "refused", fault=fault) for one in changes]

    erp.write = refuse  # type: ignore[method-assign]
    for number in range(6):
        world.account(f"Drop {number} Ltd")
    with pytest.raises(Misconfigured, match="6 of 8 records of one page are refused for one cause"):
        world.run("customer")
    assert near is erp
    assert world.items() == []
    assert world.is_bound("customer", good)
    assert world.is_bound("customer", account)
    del erp.write
    world.cycle()
    assert len([row for row in world.crm_rows("customer") if world.is_bound("customer", row["Id"])]) >= 8
    assert world.cycle().written == 0
