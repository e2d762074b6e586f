"""Does a company in step agree, cycle after cycle, whatever people do meanwhile? And is what is under way explained?"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from isthmus.db import reading, writing
from isthmus.erp.allocating import pay
from isthmus.erp.invoicing import credit_note, invoice
from isthmus.kernel.errors import Refused, Unavailable
from isthmus.kernel.records import Page
from isthmus.kernel.selection import Selection
from isthmus.reconcile import run as reconciling
from isthmus.reconcile.run import TieOut, keep, reconcile, tie_entity
from isthmus.state import progress
from isthmus.state.bindings import Lane
from isthmus.state.progress import Due
from tests.reconcile.conftest import FEW, settle
from tests.reconcile.lab import Lab
from tests.scenarios.test_far_erp import far
from tests.scenarios.world import company

CYCLES = 8  # `python -m bench.tie_out --cycles 1000` runs more of them


def _totals(lab: Lab, *, repair: bool = True) -> TieOut:
    return reconcile(lab.world.shop.ports, "totals", "cli:ada", repair=repair)


def _reasons(tie_out: TieOut) -> dict[tuple[str, str], int]:
    return {(entity.entity, one.reason): one.count for entity in tie_out.entities for one in entity.explained}


# --- a day's business ---------------------------------------------------------------------------------------------


def _edit_customer(lab: Lab, dice: random.Random) -> None:
    pair = dice.choice(lab.pairs("customer"))
    lab.world.edit("customer", pair.crm.id, Phone=f"+1 555 {dice.randrange(10**6):06d}")


def _order_more(lab: Lab, dice: random.Random) -> None:
    lab.world.order(dice.choice(lab.pairs("customer")).crm.id, quantity=dice.randrange(1, 9))


def _bill(lab: Lab, dice: random.Random) -> None:
    open_orders = lab.all("erp", "erp_order", "status = 'confirmed'")
    if open_orders:
        with lab.at_desk() as desk:
            invoice(desk, dice.choice(open_orders)["number"])


def _pay(lab: Lab, dice: random.Random) -> None:
    bills = lab.all("erp", "erp_invoice", "kind = 'invoice'")
    if bills:
        bill = dice.choice(bills)
        customer = lab.one("erp", "erp_customer", f"id = {bill['customer_id']}")["number"]
        with lab.at_desk() as desk:
            pay(desk, customer, amount_minor=dice.randrange(1, 2 * bill["total_minor"] + 2), currency=bill["currency"])


def _credit(lab: Lab, dice: random.Random) -> None:
    bills = lab.all("erp", "erp_invoice", "kind = 'invoice'")
    if bills:
        try:
            with lab.at_desk() as desk:
                credit_note(desk, dice.choice(bills)["number"])
        except Refused:
            pass  # it is credited already


def _leave(lab: Lab, dice: random.Random) -> None:
    lab.world.edit("customer", dice.choice(lab.pairs("customer")).crm.id, Type="Customer")


WORK: tuple[Callable[[Lab, random.Random], None], ...] = (_edit_customer, _order_more, _bill, _pay, _credit, _leave)


def live(lab: Lab, dice: random.Random) -> None:
    """Somebody does something, the scheduler runs, and nobody touches anything for a while."""
    for _ in range(dice.randrange(3)):
        dice.choice(WORK)(lab, dice)
    lab.world.cycle()
    lab.world.pass_time()


def test_cycle_after_cycle_both_sides_agree(lab: Lab) -> None:
    dice = random.Random(29)
    for number in range(CYCLES):
        live(lab, dice)
        found = _totals(lab)
        assert found.agrees, (number, found.table())


def test_what_is_under_way_is_explained_with_its_amount(lab: Lab) -> None:
    lab.world.order(lab.pairs("customer")[0].crm.id, quantity=7)
    lab.world.pass_time()
    before = _totals(lab)
    assert before.agrees, before.table()
    (orders,) = [one for one in before.entities if one.entity == "order"]
    (tally,) = orders.explained
    assert (tally.reason, tally.count, dict(tally.amounts)) == ("not yet synchronised", 1, {"EUR": 7000})
    assert sum(line.crm_minor - line.erp_minor for line in orders.lines if line.currency == "EUR") == 7000
    lab.world.cycle()
    lab.world.pass_time()
    assert not _reasons(_totals(lab))


def test_an_edit_that_the_next_run_takes_is_no_difference(lab: Lab) -> None:
    pair, order = lab.pairs("customer")[0], lab.pairs("order")[0]
    lab.world.edit("customer", pair.crm.id, Phone="+1 555 0100")
    lab.world.edit("order", order.crm.id, ERP_Status__c="Closed")  # not theirs to edit: the next run undoes it
    lab.world.pass_time()
    found = _totals(lab)
    assert found.agrees, found.table()
    told = {("customer", "not yet synchronised"): 1, ("order", "not yet synchronised"): 1}
    assert _reasons(found) == told
    lab.world.cycle()
    lab.world.cycle()
    lab.world.pass_time()
    assert _reasons(_totals(lab)) == {}


def test_what_is_on_the_worklist_is_explained_with_its_amount(lab: Lab) -> None:
    order = lab.world.order(lab.pairs("customer")[0].crm.id, quantity=3)
    lab.set("crm", "OrderItem", f"\"OrderId\" = '{order}'", TotalPrice=2999)
    lab.world.cycle()
    lab.world.pass_time()
    found = _totals(lab)
    assert found.agrees, found.table()
    assert _reasons(found) == {("order", "worklist: invalid"): 1}


def test_a_held_order_is_told_and_agrees(lab: Lab) -> None:
    from isthmus.erp.clerk import hold

    pair = lab.pairs("customer")[0]
    with lab.at_desk() as desk:
        hold(desk, lab.one("erp", "erp_customer", f"id = {pair.erp.id}")["number"], "does not answer")
    lab.world.order(pair.crm.id, quantity=2)
    lab.world.cycle()
    lab.world.cycle()
    lab.world.pass_time()
    found = _totals(lab)
    assert found.agrees, found.table()
    assert _reasons(found)["order", "held: on both sides, waiting for credit"] >= 1


def test_a_company_that_never_synchronised_is_explained_whole(tmp_path: Path, sqlite_url: str) -> None:
    with company(tmp_path / "company", sqlite_url, seed=FEW) as world:
        world.pass_time()
        found = reconcile(world.shop.ports, "totals", "cli:ada")
    assert found.agrees, found.table()
    assert {reason for _, reason in _reasons(found)} <= {"not yet synchronised", "belongs to no pair"}
    assert sum(one.amounts["EUR"] for entity in found.entities for one in entity.explained) > 0


def test_a_first_run_whose_way_back_failed_is_explained(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The orders are in the ERP; what it gave them follows when the CRM can be written to."""
    with company(tmp_path / "company", sqlite_url, seed=FEW) as world:
        world.cycle("customer", "product", "quote")
        with monkeypatch.context() as broken:
            broken.setattr(type(world.shop.ports.crm), "write", _away)
            with pytest.raises(Unavailable):
                world.run("order")
        found = reconcile(world.shop.ports, "totals", "cli:ada")
    assert [(one.entity, one.field, one.told) for one in found.differences if one.entity == "order"] == []
    assert _reasons(found)["order", "not yet synchronised"] > 0


def _away(*_given: Any, **_named: Any) -> Any:
    raise Unavailable("CRM", "is away", "try later")


def test_a_tie_out_without_repair_makes_nothing_due(lab: Lab) -> None:
    pair = lab.pairs("order")[0]
    lab.set("crm", "Order", f"\"Id\" = '{pair.crm.id}'", ERP_Total__c=1)
    found = _totals(lab, repair=False)
    assert [one.repair for one in found.differences] == ["none"]
    assert lab.world.shop.due_counts() == {}
    assert [one.repair for one in _totals(lab).differences] == ["due"]
    assert lab.world.shop.due_counts() == {"order": 1}


def test_an_older_difference_has_its_age(lab: Lab) -> None:
    pair = lab.pairs("order")[0]
    lab.set("crm", "Order", f"\"Id\" = '{pair.crm.id}'", ERP_Total__c=1)
    _totals(lab, repair=False)
    lab.world.pass_time(days=9)
    (one,) = _totals(lab, repair=False).differences
    assert one.age_days == 9
    assert len(_totals(lab, repair=False).past) == 3


def test_nothing_is_younger_than_new(lab: Lab) -> None:
    """Everything takes minutes; what it finds was found meanwhile by one that began later."""
    world, pair = lab.world, lab.pairs("order")[0]
    lab.set("crm", "Order", f"\"Id\" = '{pair.crm.id}'", ERP_Total__c=1)
    whole = TieOut("totals", "cli:ada", world.shop.ports.now())
    whole.entities.append(tie_entity(world.shop.ports, world.shop.ports.mappings["order"]))
    world.pass_time(minutes=5)
    _totals(lab, repair=False)
    keep(world.shop.ports, whole)
    assert [one.age_days for one in whole.differences] == [0]


def test_a_far_erp_is_compared_alike(lab: Lab) -> None:
    far(lab.world)
    pair = lab.pairs("order")[0]
    assert _totals(lab).agrees
    with lab.unguarded():
        lab.set("erp", "erp_order", f"id = {pair.erp.id}", salesperson="nobody@example.com")
    assert [(one.field, one.told) for one in _totals(lab).differences] == [("salesperson", "edited in ERP")]
    lab.world.cycle()
    lab.world.cycle()
    lab.world.pass_time()
    assert _totals(lab).agrees


def test_a_system_that_counts_more_than_was_read_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a page is dropped on the way, and nobody notices."""
    crm = type(lab.world.shop.ports.crm)
    lost, honest = lab.world.account("Lost on the way Ltd"), crm.read

    def torn(self: Any, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:
        for page in honest(self, selection, since, overlap):
            page.records = [one for one in page.records if one.id != lost]
            yield page

    lab.world.pass_time()
    monkeypatch.setattr(crm, "read", torn)
    found = _totals(lab)
    (customers,) = [one for one in found.entities if one.entity == "customer"]
    assert not found.agrees
    assert [(one.side, one.counted - one.read) for one in customers.own if not one.agrees] == [("crm", 1)]
    assert "but 13 were read" in found.table()


def test_nothing_is_left_in_the_database(lab: Lab) -> None:
    _totals(lab)
    with reading(lab.world.shop.engine) as connection:
        left = connection.execute(text("SELECT count(*) FROM sqlite_temp_master WHERE name LIKE 'tie_%'")).scalar()
    assert left == 0


def test_what_a_repair_did_not_help_stays_with_people_until_it_is_gone(lab: Lab) -> None:
    """Something in the CRM puts its own value back after each of our writes."""
    pair, told = lab.pairs("order")[0], []
    for is_run in (True, False, True, True, False):
        lab.set("crm", "Order", f"\"Id\" = '{pair.crm.id}'", ERP_Total__c=1)
        (one,) = _totals(lab).differences
        told.append((one.repair, "did not help" in one.remedy))
        for _ in range(2 * is_run):  # the second run hears the echo
            lab.world.run("order")
        lab.world.pass_time()
    assert told == [("due", False), ("worklist", True), ("worklist", True), ("worklist", True), ("worklist", True)]


def test_a_look_without_repair_says_no_less_than_the_tie_outs_before_it(lab: Lab) -> None:
    pair, told = lab.pairs("order")[0], []
    for repair, is_run in ((True, False), (False, True), (False, False), (True, False)):
        lab.set("crm", "Order", f"\"Id\" = '{pair.crm.id}'", ERP_Total__c=1)
        (one,) = _totals(lab, repair=repair).differences
        told.append((one.repair, "did not help" in one.remedy))
        for _ in range(2 * is_run):
            lab.world.run("order")
        lab.world.pass_time()
    assert told == [("due", False), ("due", False), ("worklist", True), ("worklist", True)]


def test_a_look_without_repair_does_not_say_that_the_next_run_puts_it_right(lab: Lab) -> None:
    lab.set("crm", "Order", f"\"Id\" = '{lab.pairs('order')[0].crm.id}'", ERP_Total__c=1)
    (one,) = _totals(lab, repair=False).differences
    assert one.remedy == "the next run of order writes the value of the ERP, if `--no-repair` is left out"


def test_a_repair_that_is_carried_out_while_it_is_looked_at_is_not_said_to_have_been_in_vain(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both sides have been looked at again; then a run puts right what the tie-out before this one made due."""
    world, pair = lab.world, lab.pairs("order")[0]
    lab.set("crm", "Order", f"\"Id\" = '{pair.crm.id}'", ERP_Total__c=1)
    assert [one.repair for one in _totals(lab).differences] == ["due"]
    plain = reconciling.tie_entity

    def slow(*given: Any, **named: Any) -> Any:
        found = plain(*given, **named)
        if found.differences:
            world.run("order")
        return found

    monkeypatch.setattr(reconciling, "tie_entity", slow)
    assert [one.repair for one in _totals(lab).differences] == ["due"]
    monkeypatch.undo()
    world.run("order")
    world.pass_time()
    assert _totals(lab).agrees


def test_what_a_later_tie_out_gave_up_is_not_promised_again_by_one_that_began_before_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, plain, later = lab.pairs("order")[0], reconciling.tie_entity, list[str]()

    def slow(*given: Any, **named: Any) -> Any:
        found = plain(*given, **named)
        if found.differences and not later:
            later.append("begins")
            lab.world.run("order")
            lab.world.run("order")  # the second one hears the echo
            lab.set("crm", "Order", f"\"Id\" = '{pair.crm.id}'", ERP_Total__c=1)
            lab.world.pass_time()
            later.extend(one.repair for one in _totals(lab).differences)
        return found

    lab.set("crm", "Order", f"\"Id\" = '{pair.crm.id}'", ERP_Total__c=1)
    _totals(lab)
    monkeypatch.setattr(reconciling, "tie_entity", slow)
    told = [one.repair for one in _totals(lab).differences]
    assert (later, told) == (["begins", "worklist"], ["worklist"])


@pytest.mark.parametrize("is_late", [False, True], ids=["no stamp moved", "committed late"])
def test_who_wrote_last_is_named_only_for_what_they_may_have_edited(lab: Lab, *, is_late: bool) -> None:
    pair = lab.pairs("order")[0]
    lab.world.edit("order", pair.crm.id, PoNumber="PO-9")
    settle(lab.world)
    moved = lab.one("crm", "Order", f"\"Id\" = '{pair.crm.id}'")["SystemModstamp"]
    stamp = {"SystemModstamp": f"{moved[:17]}59{moved[19:]}"} if is_late else {}
    lab.set("crm", "Order", f"\"Id\" = '{pair.crm.id}'", ERP_Total__c=1, **stamp)
    (one,) = _totals(lab).differences
    assert one.told == "edited in CRM"
    assert one.remedy.startswith("edited by ") is is_late


def test_what_a_run_puts_right_while_it_is_looked_at_is_no_difference(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was due; the CRM has been looked at again, and the ERP answers slowly."""
    world, pair = lab.world, lab.pairs("order")[0]
    lab.set("crm", "Order", f"\"Id\" = '{pair.crm.id}'", ERP_Total__c=1)
    with writing(world.shop.engine) as connection:
        due = Due(pair.erp.id, "an order of its customer was paid", world.shop.ports.now(), force=True)
        progress.add_due(connection, Lane("order", "erp"), [due])
    erp = type(world.shop.ports.erp)
    plain = erp.fetch

    def slow(self: Any, selection: Selection, ids: list[str]) -> Any:
        found = plain(self, selection, ids)
        with monkeypatch.context() as fast:
            fast.setattr(erp, "fetch", plain)
            world.run("order")
        return found

    monkeypatch.setattr(erp, "fetch", slow)
    found = tie_entity(world.shop.ports, world.shop.ports.mappings["order"])
    assert found.differences == []
    assert [one.reason for one in found.explained] == ["due: an order of its customer was paid"]
