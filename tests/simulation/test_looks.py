"""What the simulated world found of records that were looked at too lightly: each stays a test."""

from __future__ import annotations

from datetime import timedelta

import pytest

from isthmus.testing.world.people import SALES
from isthmus.testing.world.workers import Worker
from tests.simulation.tale import Tale


@pytest.fixture
def own() -> Tale:
    return Tale("own")


def test_a_users_edit_is_undone_though_our_own_note_covers_their_name(own: Tale) -> None:
    """The order waits when the edit is seen; the note that says so makes us the last who wrote there."""
    order = own.hand.order(own.hand.known)
    own.run("order")
    account = own.hand.account()
    own.world.crm.edit("Order", order, SALES, Account=account, ErpStatus="draft")
    own.run("order")
    assert own.rows("SELECT reason FROM state_worklist") == [("waiting",)]
    own.run("customer")
    for _ in range(2):
        own.run("order")
    assert own.world.crm.things["Order"][order].fields["ErpStatus"] == "confirmed"
    (told,) = own.rows("SELECT payload FROM state_audit WHERE payload LIKE '%\"overruled\"%'")
    assert '"new":"draft"' in told[0]


def test_what_we_wrote_is_nobodys_edit_though_its_record_waits_when_it_first_shows(own: Tale) -> None:
    order = own.hand.order(own.hand.known)
    own.run("order")
    crm = own.world.crm
    crm.things["Order"][order].fields["Account"] = own.hand.account()  # unseen: we stay the last who wrote
    own.run("order")
    assert own.rows("SELECT reason FROM state_worklist") == [("waiting",)]
    own.run("customer")
    for _ in range(2):
        own.run("order")
    assert own.rows("SELECT payload FROM state_audit WHERE payload LIKE '%\"overruled\"%'") == []


@pytest.mark.parametrize("place", range(1, 16))
def test_a_read_that_ended_in_the_middle_does_not_hide_that_the_clock_was_set_back(own: Tale, place: int) -> None:
    """The position of a page in the middle says nothing of the present; what it is compared with must stay."""
    crm = own.world.crm
    own.run("customer")
    crm.page_size = 1
    for name in ("Alder Example", "Beech Example"):
        own.hand.account(Name=name)
        own.world.pass_time(timedelta(seconds=20))
    crm.skew = timedelta(hours=-2)
    own.hand.account(Name="Cedar Example")
    own.world.pass_time(timedelta(hours=5))
    own.run("customer", worker=Worker("first", crashes_at=place))
    own.world.pass_time(timedelta(hours=1))
    for _ in range(2):
        own.run("customer")
    assert own.rows("SELECT name FROM erp_customer WHERE name LIKE '% Example' ORDER BY name") == [
        ("Alder Example",),
        ("Beech Example",),
        ("Cedar Example",),
    ]


@pytest.mark.parametrize("place", range(1, 9))
def test_a_run_that_stood_still_does_not_hide_that_the_clock_was_set_back_meanwhile(own: Tale, place: int) -> None:
    """What it read up to was told when its read began: its end is minutes later."""

    def stand_still() -> None:
        with own.world.offstage():
            own.world.crm.skew = timedelta(minutes=-13)
            own.world.crm.edit("Account", own.hand.known, SALES, Name="Alder Example")
            own.world.pass_time(timedelta(seconds=250))

    own.run("customer", worker=Worker("slow", pauses_at=place, meanwhile=stand_still))
    assert own.world.crm.skew, "the run has fewer steps by now: fewer places will do"
    own.world.pass_time(timedelta(hours=1))
    for _ in range(2):
        own.run("customer")
    assert own.rows("SELECT name FROM erp_customer WHERE name = 'Alder Example'") == [("Alder Example",)]


def test_what_a_deleted_record_could_not_be_told_is_told_when_it_is_back() -> None:
    """Nobody saw that it was gone: it left after one look, and was back before the next."""
    far = Tale("far")
    order = far.hand.order(far.hand.known)
    deletions = iter([order])

    def delete() -> None:
        for one in deletions:
            far.world.crm.delete("Order", one, SALES)

    far.world.meddle = delete
    far.run("order")
    assert far.rows("SELECT side, what FROM state_worklist") == [("erp", "the record is not there any more")]
    far.world.crm.undelete("Order", order, SALES)
    for _ in range(2):
        far.run("order")
    assert far.world.crm.things["Order"][order].fields["Number"] is not None
    assert far.rows("SELECT what FROM state_worklist") == []


def test_what_left_the_filter_unseen_leaves_the_worklist_with_the_next_full_read(own: Tale) -> None:
    """Such a read asks for what is inside the filter: it does not bring what is listed, and outside by now."""
    order = own.hand.order(own.hand.account(Type="Prospect", Currency="EUX"))
    own.run("order")
    assert own.rows("SELECT source_id, reason FROM state_worklist") == [(order, "waiting")]
    own.world.crm.edit("Order", order, SALES, Status="Draft")
    own.world.run("order", full=True)
    assert own.rows("SELECT source_id, reason FROM state_worklist") == []


def test_what_a_backup_took_away_is_written_again_though_our_own_note_came_first(own: Tale) -> None:
    """The order that was brought back has to wait; the note that says so makes it look as if we wrote what it shows."""
    crm, account = own.world.crm, own.hand.account()
    order = own.hand.order(account)
    crm.back_up()
    own.world.pass_time(timedelta(minutes=1))
    crm.edit("Order", order, SALES, Account=own.hand.known)
    own.run("order")
    assert crm.things["Order"][order].fields["Number"]
    crm.bring_back()
    own.world.run("order", full=True)
    assert own.rows("SELECT source_id, reason FROM state_worklist") == [(order, "waiting")]
    own.calm(3)
    assert own.listed() == {}
    assert crm.things["Order"][order].fields["Number"]
