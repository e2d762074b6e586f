"""Who takes over what somebody else left: is everybody heard who has something to say, and is nobody passed over?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from isthmus.testing.world.people import SALES
from isthmus.testing.world.world import ErpKind
from tests.simulation.tale import Tale

PHONES = "SELECT phone FROM erp_customer WHERE id = {}"


def leave(tale: Tale) -> str:
    """The known account is deleted, and that is seen. Answers its tax number."""
    tale.world.crm.delete("Account", tale.hand.known, SALES)
    tale.calm(2)
    return str(tale.world.crm.things["Account"][tale.hand.known].fields["Tax"])


@pytest.mark.parametrize("erp", ["own", "far", "weak"])
def test_an_account_that_is_undeleted_keeps_its_customer_though_it_is_entered_anew(erp: ErpKind) -> None:
    tale = Tale(erp)
    former, tax = tale.hand.known, leave(tale)
    tale.world.crm.undelete("Account", former, SALES)
    tale.world.pass_time(timedelta(minutes=1))
    anew = tale.hand.account(Tax=tax, Name="Birch Example")
    tale.calm()
    assert tale.listed() == {anew: "ambiguous"}
    assert tale.is_open(former)


@pytest.mark.parametrize("in_one_page", [True, False])
@pytest.mark.parametrize("erp", ["own", "far", "weak"])
def test_an_account_that_is_undeleted_but_not_through_keeps_its_customer(erp: ErpKind, in_one_page: bool) -> None:
    tale = Tale(erp)
    former, tax = tale.hand.known, leave(tale)
    tale.world.crm.undelete("Account", former, SALES)
    tale.world.crm.edit("Account", former, SALES, Currency="???")
    tale.calm(0 if in_one_page else 1)
    tale.world.pass_time(timedelta(minutes=1))
    anew = tale.hand.account(Tax=tax, Name="Birch Example")
    tale.calm(2)
    assert tale.listed() == {former: "invalid", anew: "ambiguous"}
    tale.world.crm.edit("Account", former, SALES, Currency="EUR")
    tale.calm()
    assert tale.listed() == {anew: "ambiguous"}
    assert tale.is_open(former)
    tale.world.crm.delete("Account", former, SALES)
    tale.calm()
    assert tale.listed() == {}
    assert tale.is_open(anew)


@pytest.mark.parametrize("erp", ["own", "far"])
def test_an_heir_that_is_gone_before_it_was_through_leaves_it_to_the_next(erp: ErpKind) -> None:
    tale = Tale(erp)
    former, tax = tale.hand.known, leave(tale)
    tale.call_erp(former, "+49 2")
    tale.calm(1)
    asked = tale.hand.account(Tax=tax, Phone="+49 3")
    tale.calm(2)
    assert tale.listed() == {asked: "conflict"}
    tale.world.crm.delete("Account", asked, SALES)
    tale.calm(2)
    third = tale.hand.account(Tax=tax, Phone="+49 2")
    tale.calm()
    assert tale.listed() == {}
    assert tale.is_open(third)


@pytest.mark.parametrize("erp", ["own", "far", "weak"])
def test_a_prospect_with_an_order_opens_the_customer_that_it_takes_over(erp: ErpKind) -> None:
    tale = Tale(erp)
    prospect = tale.hand.account(Tax=leave(tale), Name="Birch Example", Type="Prospect")
    tale.hand.order(prospect)
    tale.calm()
    assert tale.listed() == {}
    assert tale.is_open(prospect)


@pytest.mark.parametrize("phone", [None, "+49 2"])
def test_what_a_clerk_entered_is_kept_or_asked_about_when_a_customer_is_taken_over(phone: str | None) -> None:
    tale = Tale("own")
    customer = tale.hand.erp_id("customer", tale.hand.known)
    tale.call_erp(tale.hand.known, "+49 1")
    tale.calm(2)
    anew = tale.hand.account(Tax=leave(tale), Phone=phone)
    tale.calm()
    assert tale.rows(PHONES.format(customer)) == [("+49 1",)]
    assert tale.listed() == ({anew: "conflict"} if phone else {})


@pytest.mark.parametrize("erp", ["own", "far"])
@pytest.mark.parametrize("take", ["crm", "erp"])
def test_an_answer_about_a_customer_that_was_there_already_is_carried_out(erp: ErpKind, take: str) -> None:
    tale = Tale(erp)
    customer = tale.enter("customer", "by hand/1", name="Known", tax_id="T-77", currency="EUR", phone="+49 9")
    account = tale.hand.account(Tax="T-77", Name="Known", Phone="+49 8")
    tale.calm(1)
    tale.answer(take)
    tale.calm(3)
    held = {"crm": "+49 8", "erp": "+49 9"}[take]
    assert tale.listed() == {}
    assert tale.rows(PHONES.format(customer)) == [(held,)]
    assert tale.world.crm.things["Account"][account].fields["Phone"] == held


@pytest.mark.parametrize("erp", ["own", "far"])
@pytest.mark.parametrize("take", ["crm", "erp"])
def test_an_answer_about_a_customer_that_stayed_after_a_merge_is_carried_out(erp: ErpKind, take: str) -> None:
    tale = Tale(erp)
    loser, winner, *_ = tale.world.crm.things["Account"]
    for number, account in enumerate((loser, winner), 1):
        tale.world.crm.edit("Account", account, SALES, Phone=f"+49 {number}")
    tale.calm(2)
    stays = tale.hand.erp_id("customer", loser)
    tale.world.crm.merge(winner, loser, SALES)
    tale.calm(2)
    tale.answer(stays)
    tale.calm(3)
    tale.answer(take)
    tale.calm(3)
    held = {"crm": "+49 2", "erp": "+49 1"}[take]
    assert tale.listed() == {}
    assert tale.rows(PHONES.format(stays)) == [(held,)]
    assert tale.world.crm.things["Account"][winner].fields["Phone"] == held


@pytest.mark.parametrize("erp", ["own", "far"])
def test_the_winner_of_a_merge_gets_what_only_the_customer_that_stays_has(erp: ErpKind) -> None:
    tale = Tale(erp)
    loser, winner, *_ = tale.world.crm.things["Account"]
    tale.world.crm.edit("Account", loser, SALES, Phone="+49 1")
    tale.world.crm.edit("Account", winner, SALES, Phone=None)
    tale.calm(2)
    stays = tale.hand.erp_id("customer", loser)
    tale.world.crm.merge(winner, loser, SALES)
    tale.calm(2)
    tale.answer(stays)
    tale.calm(3)
    assert tale.listed() == {}
    assert tale.rows(PHONES.format(stays)) == [("+49 1",)]
    assert tale.world.crm.things["Account"][winner].fields["Phone"] == "+49 1"


def test_a_take_over_that_nobody_heard_of_makes_nobody_their_own_alias() -> None:
    tale = Tale("weak")
    tale.hand.account(Tax=leave(tale), Name="Birch Example")
    tale.run("customer", "doubted")
    assert tale.rows("SELECT id FROM state_alias WHERE id IN (SELECT crm_id FROM state_binding)") == []


@pytest.mark.parametrize("erp", ["far", "weak"])
def test_a_take_over_in_doubt_is_carried_out_later_though_the_deletion_is_read_once_more(erp: ErpKind) -> None:
    tale = Tale(erp)
    former = tale.hand.known
    tax = str(tale.world.crm.things["Account"][former].fields["Tax"])
    tale.calm(1)
    tale.world.crm.delete("Account", former, SALES)
    tale.world.pass_time(timedelta(minutes=1))
    tale.world.run("customer", None)
    anew = tale.hand.account(Tax=tax, Name="Birch Example")
    tale.world.pass_time(timedelta(minutes=1))
    tale.weather.next_writes = ["doubted"]
    tale.world.run("customer", None)
    assert tale.listed() == {anew: "in_doubt"}
    tale.calm()
    assert tale.listed() == {}
    pair = "SELECT b.crm_id FROM state_alias a JOIN state_binding b ON b.id = a.binding_id WHERE a.id = '{}'"
    assert tale.rows(pair.format(former)) == [(anew,)], "who had it before is another name of it"
    assert tale.is_open(anew)


@pytest.mark.parametrize("fate", ["doubted", "undone"])
@pytest.mark.parametrize("erp", ["far", "weak"])
def test_the_winner_of_a_merge_whose_answer_was_lost_twice_is_not_entered_a_second_time(
    erp: ErpKind, fate: str
) -> None:
    """Sales edit the winner meanwhile: it is read without the loser, and still takes over what that one has."""
    tale = Tale(erp)
    loser, winner = tale.hand.known, tale.hand.account()
    customer = tale.hand.erp_id("customer", loser)
    tale.world.crm.merge(winner, loser, SALES)
    for _ in range(2):
        tale.run("customer", fate)
        assert tale.listed() == {loser: "in_doubt", winner: "waiting"}
        tale.world.crm.edit("Account", winner, SALES, Name="Birch Example")
    tale.calm()
    assert tale.listed() == {}
    assert dict(tale.world.pairs("customer"))[winner] == customer
    assert len(tale.world.pairs("customer")) == 2
