"""The worker is killed around each of its writing calls to Tryton: nothing is lost, nothing is doubled.

On a Tryton without the unique reference: the harder case.
"""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest

from isthmus.kernel.clock import format_stamp
from isthmus.kernel.errors import Unavailable
from tests.scenarios.world import ROOT
from tests.tryton.erp import Erp, order
from tests.tryton.world import TrytonWorld


def run(world: TrytonWorld, kill_at: int, *, after: bool) -> dict[str, Any] | None:
    """A cycle a quarter of an hour later in a process of its own; None when it was killed."""
    world.pass_time()
    tryton = world.tryton.server.connection(world.tryton.database, **world.tryton.extra)
    told = {
        "database": world.database, "now": format_stamp(world.clock.now()), "kill_at": kill_at, "after": after,
        "connections": {one.name: dataclasses.asdict(one) for one in (world.connection, tryton)},
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.tryton.kennel"], input=json.dumps(told, default=dict), text=True, cwd=ROOT,
        stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


#: Which writing call (customer, sale, quote, confirm), and whether after it. Between the calls of one sale nothing of
#: ours is stored: before the next one is after this one.
PLACES = ((1, False), (1, True), (2, False), (2, True), (3, True), (4, True))


def test_a_worker_that_is_killed_around_any_call_loses_and_doubles_nothing(world: TrytonWorld) -> None:
    killed = 0
    for number, after in PLACES:
        account = world.account(f"Killed {number} {after} Ltd")
        world.order(account, PoNumber=f"PO-{number}-{after}")
        killed += run(world, number, after=after) is None
        somebody = [{"name": f"Meanwhile {number} {after}"}]
        try:
            world.tryton.clerk.call("model.party.party.create", somebody)
        except Unavailable:  # the server closed a connection that had rested: a clerk clicks again
            world.tryton.clerk.call("model.party.party.create", somebody)
    assert killed == len(PLACES)
    told = run(world, 0, after=False)
    assert told is not None
    assert told["adds_up"]
    world.reopen()
    world.cycle()
    world.ties_out()
    mine = [row["Id"] for row in world.crm_rows("order", "PoNumber LIKE 'PO-_-%'")]
    assert len(mine) == len(PLACES)
    assert {world.shown("order", one).fields["status"] for one in mine} == {"confirmed"}
    assert world.tryton.count("party.party", ["name", "like", "Killed %"]) == len(PLACES)
    assert world.cycle().written == 0


def test_what_was_being_taken_back_when_the_line_broke_is_entered_later(
    erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    money = {"name": "Dollar of elsewhere", "code": "NAD", "symbol": "N", "digits": 2}
    (currency,) = erp.clerk.call("model.currency.currency.create", [money])
    change, rpc = order(erp.customer(), erp.product(), currency="NAD"), erp.connector.rpc
    call = rpc.call

    def cut(method: str, *given: Any, **more: Any) -> Any:
        if method == "model.sale.sale.delete":
            raise Unavailable("tryton", "the line broke", "it is tried again")
        return call(method, *given, **more)

    monkeypatch.setattr(rpc, "call", cut)
    with pytest.raises(Unavailable):
        erp.write("order", change)
    monkeypatch.undo()
    rate = {"currency": currency, "date": erp.today, "rate": Decimal(20)}
    erp.clerk.call("model.currency.currency.rate.create", [rate])
    [answer] = erp.write("order", change)
    assert answer.id is not None, answer.fault
    assert erp.sale(answer.id, "state")["state"] in ("confirmed", "processing")
