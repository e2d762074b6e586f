"""The process is killed in the middle of its work, at one durable step after another: nothing is lost or doubled."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from isthmus.db import reading
from isthmus.kernel.clock import format_stamp
from isthmus.state import chain
from tests.scenarios.world import ROOT, World

KILLS = 5


class Kennel:
    """The process whose children are killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, world: World, kill_at: int = 0) -> dict[str, Any]:
        """A cycle a quarter of an hour later, in a process of its own; 0 lets it live."""
        world.pass_time()
        order = {
            "settings": str(ROOT / "isthmus.yaml"), "database": world.database, "now": format_stamp(world.clock.now()),
            "extra": dict(world.connection.extra), "kill_at": kill_at,
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@pytest.fixture
def kennel() -> Iterator[Kennel]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.scenarios.kennel"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    yield Kennel(process)
    process.communicate(timeout=30)


class Business:
    """Some of everything, each time anew: enter, edit, recall, note, clerk's edit."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.day = 0

    def go_on(self) -> None:
        world, self.day = self.world, self.day + 1
        account = world.account(f"Newcomer {self.day} Ltd", Tax_Id__c=f"DE6000{self.day:05d}")
        world.order(account, PoNumber=f"PO-K{self.day}")
        world.account(f"{self.day} " + "N" * 240)
        orders = world.crm_rows("order", "StatusCode = 'Activated'")
        world.edit("order", orders[self.day]["Id"], PoNumber=f"PO-E{self.day}")
        world.edit("order", orders[-1 - self.day]["Id"], Status="Draft")
        customers = [row["Id"] for row in world.crm_rows("customer", "Type = 'Customer'")]
        bound = [key for key in customers if world.is_bound("customer", key)]
        world.clerk("customer", bound[self.day], phone=f"+0 {self.day}")


def check(world: World) -> None:
    """Nothing is lost, nothing is doubled, everything adds up."""
    active = world.crm_rows("order", "StatusCode = 'Activated' AND IsReductionOrder = 0")
    numbers = {row["ERP_Order_Number__c"] for row in active}
    assert len(numbers) == len(active), "each order has a number of its own"
    assert world.erp_count("order", "status <> 'cancelled'") == len(active)
    for row in active:
        erp = world.erp("order", row["Id"])
        assert (erp["number"], erp["customer_reference"]) == (row["ERP_Order_Number__c"], row["PoNumber"])
    customers = [row for row in world.crm_rows("customer", "Type = 'Customer'") if len(row["Name"]) <= 200]
    assert world.erp_count("customer") == len(customers)
    for row in customers:
        erp = world.erp("customer", row["Id"])
        assert (erp["name"], erp["phone"], erp["number"]) == (row["Name"], row["Phone"], row["ERP_Customer_Number__c"])
    with reading(world.shop.engine) as connection:
        assert [one for name in world.shop.names() if (one := chain.verify_chain(connection, name))] == []
        open_intents = connection.execute(text("SELECT count(*) FROM state_intent WHERE settled_at IS NULL"))
        assert open_intents.scalar_one() == 0
        keys = "SELECT record_id FROM erp_external_key WHERE status = 'live' GROUP BY stream, record_id"
        assert connection.execute(text(f"{keys} HAVING count(*) > 1")).all() == []
    long_names = [row["Id"] for row in world.crm_rows("customer", "length(Name) > 200")]
    assert all(world.listed(key) == "invalid" for key in long_names)


def test_a_killed_cycle_is_finished_by_the_next_one(world: World, kennel: Kennel) -> None:
    business = Business(world)
    business.go_on()
    whole = kennel.run(world)
    assert whole["exit"] == 0
    steps = json.loads(whole["steps"])
    assert steps.count("after write") >= 2, "the cycle wrote to the CRM"
    check(world)
    for place in range(KILLS):
        business.go_on()
        killed = kennel.run(world, kill_at=2 + place * (len(steps) - 2) // KILLS)
        assert killed["signal"] == signal.SIGKILL
        after = kennel.run(world)
        assert after["exit"] == 0, "the dead one's lease is taken over at once"
        check(world)
    assert world.cycle().written == 0


def test_killed_twice_in_a_row_between_the_crms_answer_and_our_own_commit(world: World, kennel: Kennel) -> None:
    business = Business(world)
    business.go_on()
    steps = json.loads(kennel.run(world)["steps"])
    place = steps.index("after write") + 1
    business.go_on()
    assert kennel.run(world, kill_at=place)["signal"] == signal.SIGKILL
    assert kennel.run(world, kill_at=place)["signal"] == signal.SIGKILL
    assert kennel.run(world)["exit"] == 0
    check(world)
    assert world.cycle().written == 0
