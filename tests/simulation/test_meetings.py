"""Two runs at once, or one after the other: does each leave to the other what that one is to know?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from isthmus.testing.world.people import SALES
from isthmus.testing.world.workers import Worker
from isthmus.testing.world.world import ErpKind
from tests.simulation.tale import Tale


def paid_meanwhile(erp: ErpKind, place: int) -> tuple[Worker, Tale]:
    """Payments are read while the invoices that they pay are: one run stands still, the other goes through."""
    tale = Tale(erp)
    tale.hand.order(tale.hand.known)
    tale.calm(2)
    tale.hand.bill()
    tale.hand.pay()

    def meanwhile() -> None:
        with tale.world.offstage():
            tale.world.pass_time(timedelta(seconds=5))
            tale.world.run("invoice", Worker("other"))

    worker = Worker("first", pauses_at=place, meanwhile=meanwhile)
    tale.run("payment", worker=worker)
    tale.calm(2, ("invoice", "payment"))
    return worker, tale


@pytest.mark.parametrize("erp", ["own", "far"])
def test_a_payment_does_not_wait_for_an_invoice_that_is_there_by_now(erp: ErpKind) -> None:
    place, left = 1, []
    while True:
        worker, tale = paid_meanwhile(erp, place)
        if worker.chances < place:
            break
        if tale.listed() or not tale.world.crm.things["Payment"]:
            left.append((place, tale.listed()))
        place += 1
    assert place > 5
    assert left == []


@pytest.mark.parametrize("place", range(1, 6))
def test_a_wish_for_a_full_read_survives_a_preflight_that_stood_still(place: int) -> None:
    """It has other news to store; another run has seen meanwhile that the CRM's clock was set back."""
    own = Tale("own")
    own.calm(2)
    crm = own.world.crm

    def meanwhile() -> None:
        with own.world.offstage():
            own.world.pass_time(timedelta(seconds=400))
            crm.skew = timedelta(hours=-3)
            crm.edit("Account", own.hand.known, SALES, Name="Alder Example")
            own.world.pass_time(timedelta(hours=1))
            own.world.run("customer", Worker("second"))

    crm.choices["Account", "Currency"] = ("EUR", "USD")  # an administrator has added a value: that is stored as news
    own.run("customer", worker=Worker("first", pauses_at=place, meanwhile=meanwhile))
    own.calm()
    erp_id = own.hand.erp_id("customer", own.hand.known)
    assert own.rows(f"SELECT name FROM erp_customer WHERE id = {erp_id}") == [("Alder Example",)]


def test_a_record_that_is_undeleted_and_put_right_says_so() -> None:
    own = Tale("own")
    crm, order = own.world.crm, own.hand.order(own.hand.known)
    day = crm.things["Order"][order].fields["Day"]
    crm.edit("Order", order, SALES, Day="soon")
    own.run("order")
    assert crm.notes[order] == "Not in the ERP: data to correct"
    crm.delete("Order", order, SALES)
    own.run("order")
    crm.undelete("Order", order, SALES)
    crm.edit("Order", order, SALES, Day=day)
    own.calm()
    assert own.listed() == {}
    assert crm.notes[order] == "Synchronised"


def test_a_read_that_ends_in_the_middle_while_the_clock_is_ahead_hides_nothing_when_it_is_right_again() -> None:
    own = Tale("own")
    crm, first = own.world.crm, own.hand.known
    others = [own.hand.account(), own.hand.account()]
    own.calm(2)
    crm.page_size, crm.skew = 1, timedelta(hours=5)
    for one in others:
        own.world.pass_time(timedelta(minutes=1))
        crm.edit("Account", one, SALES, Name="Beech Example")
    own.weather.next_reads = ["", "cut"]
    own.run("customer")
    crm.skew = timedelta()
    own.world.pass_time(timedelta(minutes=1))
    crm.edit("Account", first, SALES, Name="Alder Example")
    own.world.pass_time(timedelta(hours=1))
    own.calm()
    erp_id = own.hand.erp_id("customer", first)
    assert own.rows(f"SELECT name FROM erp_customer WHERE id = {erp_id}") == [("Alder Example",)]
