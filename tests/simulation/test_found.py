"""What the simulated world found and is repaired: each stays a test."""

from __future__ import annotations

from datetime import timedelta

import pytest

from isthmus.db import reading
from isthmus.state.chain import verify_chain
from isthmus.testing.world.people import SALES
from isthmus.testing.world.workers import Worker
from isthmus.testing.world.world import ErpKind
from tests.simulation.tale import Tale


@pytest.fixture
def far() -> Tale:
    return Tale("far")


@pytest.fixture
def own() -> Tale:
    return Tale("own")


def test_what_the_erp_gave_comes_back_after_a_create_that_was_heard_of_late(far: Tale) -> None:
    account = far.hand.account()
    far.run("customer", "doubted")
    for _ in range(4):
        far.run("customer")
    assert far.world.crm.things["Account"][account].fields["Number"] is not None


def test_only_the_clerk_moved_after_a_create_that_nobody_heard_of(far: Tale) -> None:
    account = far.hand.account(Phone="P1")
    far.run("customer", "late")
    far.land()
    far.call_erp(account, "P2")
    far.run("customer")
    far.run("customer")
    assert far.questions() == []
    assert far.world.crm.things["Account"][account].fields["Phone"] == "P2"


def test_a_late_write_of_ours_is_nobodys_edit(far: Tale) -> None:
    account = far.hand.known
    far.call_erp(account, "P1")
    far.run("customer", "late")
    far.call_erp(account, "P2")
    far.land()
    far.run("customer")
    far.run("customer")
    assert far.questions() == []
    assert far.world.crm.things["Account"][account].fields["Phone"] == "P2"


def test_what_we_wrote_before_another_run_took_over_is_not_called_an_edit(own: Tale) -> None:
    own.hand.order(own.hand.known)
    worker = Worker("first", crashes_at=0)

    def usurp() -> None:
        with own.world.offstage():
            own.world.pass_time(timedelta(minutes=7))
            own.world.run("order", Worker("second"))

    for place in range(1, 30):
        worker = Worker(f"first {place}", pauses_at=place, meanwhile=usurp)
        own.hand.order(own.hand.known)
        own.run("order", worker=worker)
        own.run("order")
        if worker.chances < place:
            break
    assert own.rows("SELECT source_id FROM state_audit WHERE payload LIKE '%\"overruled\"%'") == []
    with reading(own.world.disk.engine) as connection:
        assert not verify_chain(connection, "order"), "who was succeeded says no more where the chain stands"


def test_a_create_that_lands_after_its_order_was_deleted_makes_no_orphan(far: Tale) -> None:
    order = far.hand.order(far.hand.known)
    far.run("order", "late")
    far.world.crm.delete("Order", order, SALES)
    far.run("order")
    far.land()
    for _ in range(3):
        far.run("order")
    assert far.rows("SELECT id, status FROM erp_order") == [], "its key was buried before it landed"


def test_an_order_that_comes_back_after_its_key_was_buried_is_created_once(far: Tale) -> None:
    order = far.hand.order(far.hand.known)
    far.run("order", "late")
    far.world.crm.delete("Order", order, SALES)
    far.run("order")
    far.world.crm.undelete("Order", order, SALES)
    far.run("order")
    far.land()
    far.world.crm.edit("Order", order, SALES, PoNumber="O2")
    far.run("order")
    assert far.rows("SELECT status, customer_reference FROM erp_order") == [("confirmed", "O2")]
    key = f"org-crm/Order/{order}"
    keys = "SELECT key, status FROM erp_external_key WHERE stream = 'order' ORDER BY key"
    assert far.rows(keys) == [(key, "buried"), (f"{key}~2", "live")]


def test_a_weak_erp_is_asked_for_a_late_create_until_none_can_land() -> None:
    weak = Tale("weak")
    order = weak.hand.order(weak.hand.known)
    weak.run("order", "late")
    weak.world.crm.delete("Order", order, SALES)
    for _ in range(3):
        weak.run("order")
    assert weak.rows("SELECT settled_at IS NOT NULL FROM state_intent") == [(1,)]
    weak.land()
    weak.run("order")
    assert [one.fields["status"] for one in weak.world.weak.things["order"].values()] == ["cancelled"]
    weak.run("order")
    assert weak.rows("SELECT * FROM state_intent") == []


@pytest.mark.parametrize("erp", ["far", "weak"])
def test_a_withdrawal_that_lands_after_its_customer_came_back_closes_nobody(erp: ErpKind) -> None:
    tale = Tale(erp)
    crm, known = tale.world.crm, tale.hand.known
    crm.edit("Account", known, SALES, Type="Prospect")
    tale.run("customer", "late")
    crm.edit("Account", known, SALES, Type="Customer")
    tale.run("customer")
    tale.land()
    tale.run("customer")
    assert tale.is_open(known)
    tale.run("customer")
    assert tale.rows("SELECT * FROM state_intent") == []


@pytest.mark.parametrize("fate", ["lost", "late"])
@pytest.mark.parametrize("erp", ["far", "weak"])
def test_a_clerks_edit_behind_a_withdrawal_that_nobody_heard_of_keeps_nobody_closed(erp: ErpKind, fate: str) -> None:
    """Who changed the customer last says nothing of who closed it."""
    tale = Tale(erp)
    crm, known = tale.world.crm, tale.hand.known
    crm.edit("Account", known, SALES, Type="Prospect")
    tale.run("customer", fate)
    crm.edit("Account", known, SALES, Type="Customer")
    if fate == "late":
        tale.run("customer")
        tale.land()
    assert not tale.is_open(known)
    tale.hand.people.clerks.enter("customer", tale.hand.erp_id("customer", known), name="Beech Example")
    tale.run("customer")
    assert tale.is_open(known)


def test_an_order_that_a_clerk_cancels_stays_so_though_an_older_withdrawal_may_land(far: Tale) -> None:
    order = far.hand.order(far.hand.known)
    far.run("order")
    far.world.crm.edit("Order", order, SALES, Status="Draft")
    far.run("order", "undone")
    far.world.crm.edit("Order", order, SALES, Status="Activated")
    far.run("order")
    assert far.rows("SELECT status FROM erp_order") == [("confirmed",)]
    far.hand.cancel()
    far.world.pass_time(timedelta(hours=30))
    far.run("order")
    assert far.rows("SELECT status FROM erp_order") == [("cancelled",)]


def test_who_is_a_customer_again_since_the_crm_was_brought_back_from_its_backup_is_open_again(own: Tale) -> None:
    """It shows, under an older stamp, just what it showed before it left."""
    crm, known = own.world.crm, own.hand.known
    crm.back_up()
    crm.edit("Account", known, SALES, Type="Prospect")
    own.run("customer")
    assert not own.is_open(known)
    crm.bring_back()
    own.world.run("customer", full=True)
    assert own.is_open(known)


def test_who_is_none_any_more_since_the_crm_was_brought_back_is_closed_again_by_the_next_read(own: Tale) -> None:
    crm, known = own.world.crm, own.hand.known
    own.run("customer")
    crm.edit("Account", known, SALES, Type="Prospect")
    crm.back_up()
    for kind in ("Prospect", "Customer"):
        crm.edit("Account", known, SALES, Type=kind)
        own.world.pass_time(timedelta(minutes=2))
        own.world.run("customer")
        assert own.is_open(known) is (kind == "Customer")
    crm.bring_back()
    own.world.run("customer")
    assert not own.is_open(known)


def test_what_was_edited_after_the_crms_clock_was_set_back_is_read_though_nobody_ran_for_hours(own: Tale) -> None:
    own.run("customer")
    own.world.crm.skew = timedelta(hours=-2)
    own.world.crm.edit("Account", own.hand.known, SALES, Name="Alder Example")
    own.world.pass_time(timedelta(hours=5))
    own.run("customer")
    own.run("customer")
    assert own.rows("SELECT name FROM erp_customer WHERE name = 'Alder Example'") == [("Alder Example",)]
    own.run("customer")
    kinds = own.rows("SELECT kind FROM state_run WHERE mapping = 'customer' ORDER BY id DESC LIMIT 3")
    assert kinds == [("incremental",), ("full",), ("incremental",)]


@pytest.mark.parametrize("place", range(1, 13))
def test_a_crash_of_the_run_that_sees_the_clock_set_back_does_not_hide_it(own: Tale, place: int) -> None:
    """Wherever it ends: the next one compares with a watermark that may be as late as the clock is now."""
    own.run("customer")
    own.world.crm.skew = timedelta(hours=-2)
    own.world.crm.edit("Account", own.hand.known, SALES, Name="Alder Example")
    own.world.pass_time(timedelta(hours=5))
    own.run("customer", worker=Worker("first", crashes_at=place))
    own.run("customer")
    own.run("customer")
    assert own.rows("SELECT name FROM erp_customer WHERE name = 'Alder Example'") == [("Alder Example",)]


def test_an_order_that_was_refused_for_a_closed_customer_goes_on_when_that_is_open_again(own: Tale) -> None:
    crm, known = own.world.crm, own.hand.known
    crm.edit("Account", known, SALES, Type="Prospect")
    own.run("customer")
    own.hand.order(known)
    for _ in range(3):
        own.run("order")
    assert own.rows("SELECT what FROM state_worklist") == [("the customer is not active",)]
    crm.edit("Account", known, SALES, Type="Customer")
    own.run("customer")
    own.run("order")
    assert own.rows("SELECT status FROM erp_order") == [("confirmed",)]
    assert own.rows("SELECT what FROM state_worklist") == []


def test_a_pulled_customer_that_is_invalid_stays_listed_for_as_long_as_its_order_waits(own: Tale) -> None:
    account = own.hand.account(Type="Prospect", Name="N" * 201)
    own.hand.order(account)
    own.run("order")
    for _ in range(3):
        own.run("customer")
    assert own.rows("SELECT reason FROM state_worklist ORDER BY mapping") == [("invalid",), ("waiting",)]
    own.world.crm.edit("Account", account, SALES, Name="Alder Example")
    own.run("customer")
    own.run("order")
    assert own.rows("SELECT status FROM erp_order") == [("confirmed",)]
    assert own.rows("SELECT what FROM state_worklist") == []


def test_what_was_edited_while_the_crms_clock_was_wrong_between_two_runs_is_found_by_a_full_one(own: Tale) -> None:
    """No comparison of two clocks can tell it: by the next run both go alike again."""
    own.run("customer")
    own.world.crm.skew = timedelta(hours=-2)
    own.world.crm.edit("Account", own.hand.known, SALES, Name="Alder Example")
    own.world.crm.skew = timedelta()
    own.world.run("customer", full=True)
    assert own.rows("SELECT name FROM erp_customer WHERE name = 'Alder Example'") == [("Alder Example",)]


@pytest.mark.parametrize("place", range(1, 14))
def test_a_crash_behind_a_page_that_was_short_does_not_hide_what_it_left_out(own: Tale, place: int) -> None:
    """The watermark passes such a page: wherever the run ends, the next one knows that it must read everything."""
    own.run("customer")
    own.world.crm.edit("Account", own.hand.known, SALES, Name="Alder Example")
    own.weather.next_reads = ["short_page"]
    own.run("customer", worker=Worker("first", crashes_at=place))
    own.world.pass_time(timedelta(hours=1))
    for _ in range(3):
        own.run("customer")
    assert own.rows("SELECT name FROM erp_customer WHERE name = 'Alder Example'") == [("Alder Example",)]


@pytest.mark.parametrize("place", range(1, 11))
def test_a_repair_that_was_not_through_when_its_account_was_deleted_is_made_when_that_is_back(
    own: Tale, place: int
) -> None:
    crm, known = own.world.crm, own.hand.known
    own.calm(2)
    number = crm.things["Account"][known].fields["Number"]
    crm.edit("Account", known, SALES, Number="X1")
    own.run("customer", worker=Worker("first", crashes_at=place))
    crm.delete("Account", known, SALES)
    own.calm(2)
    assert not own.is_open(known)
    crm.undelete("Account", known, SALES)
    own.calm()
    assert crm.things["Account"][known].fields["Number"] == number
