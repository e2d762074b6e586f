"""Each fault, put into each flow: nothing is lost, nothing is doubled, the next run completes the work."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from isthmus.db import reading
from tests.matrix.faults import FAULTS, Fault
from tests.matrix.flows import FLOWS, Desk
from tests.matrix.lab import desk
from tests.scenarios.world import World

__all__ = ["desk"]


def check(world: World) -> None:
    """Nothing is under way or doubled, the books balance, and every run that ended well adds up."""
    queries = {
        "an open intent": "SELECT id FROM state_intent WHERE settled_at IS NULL",
        "a doubled key": "SELECT 1 FROM erp_external_key WHERE status = 'live' GROUP BY stream, record_id"
        " HAVING count(*) > 1",
        "an unbalanced entry": "SELECT 1 FROM erp_posting GROUP BY entry_id, currency HAVING sum(amount_minor) <> 0",
    }
    with reading(world.shop.engine) as connection:
        found = [name for name, query in queries.items() if connection.execute(text(query)).first()]
    listed = [(item.reason, str(item.fault)) for item in world.shop.worklist()]
    assert (found, listed) == ([], [])


def meet(desk: Desk, flow: str, fault: Fault) -> None:
    """One run with the fault: it ends in one of the ways that are expected, and what it stored adds up."""
    ends = fault.ends
    try:
        report = desk.world.run(flow)
    except ends:
        return
    assert not fault.must_stop, report.table()
    assert report.skipped or report.adds_up, report.table()


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("name", FAULTS, ids=lambda name: name.replace(" ", "-"))
def test_nothing_is_lost_and_nothing_is_doubled(desk: Desk, flow: str, name: str) -> None:
    fault = FAULTS[name]
    news = [desk.news(flow) for _ in range(fault.many)]
    assert not any(desk.arrived(flow, one) for one in news)
    with fault.arm(desk, flow):
        meet(desk, flow, fault)
    if fault.many > 1:
        assert any(desk.arrived(flow, one) for one in news), "the neighbour is through"
    if fault.delivers:
        assert all(desk.arrived(flow, one) for one in news)
    else:
        desk.world.shop.office.retry("cli:ada")
        report = desk.world.run(flow)
        assert report.adds_up
        assert report.skipped is None
    assert all(desk.arrived(flow, one) for one in news)
    check(desk.world)
