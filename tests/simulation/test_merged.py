"""What becomes of a customer whose account is merged, in every order in which the two may be heard of?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from isthmus.testing.world.operators import OPERATOR
from isthmus.testing.world.people import SALES
from isthmus.testing.world.world import ErpKind
from tests.simulation.tale import Tale

OVERRULED = "SELECT side, source_id, payload FROM state_audit WHERE payload LIKE '%\"overruled\"%'"
BOOKS = ("customer", "order", "invoice")


@pytest.fixture
def own() -> Tale:
    return Tale("own")


def asked(tale: Tale) -> list[str]:
    """The losers about whom a person is asked which customer stays."""
    return [key for (key,) in tale.rows("SELECT source_id FROM state_worklist WHERE detail LIKE '%winner%'")]


def test_a_merge_is_nobodys_edit_of_the_customers_number(own: Tale) -> None:
    winner = own.hand.account()
    own.world.crm.merge(winner, own.hand.known, SALES)
    own.calm(3)
    assert own.world.crm.things["Account"][winner].fields["Number"]
    assert own.rows(OVERRULED) == []
    assert own.rows("SELECT id FROM state_audit WHERE outcome = 'worklisted' AND payload LIKE '%refused%'") == []


@pytest.mark.parametrize("erp", ["far", "weak"])
def test_a_withdrawal_that_lands_after_a_merge_does_not_close_the_winners_customer(erp: ErpKind) -> None:
    tale = Tale(erp)
    tale.world.crm.edit("Account", tale.hand.known, SALES, Type="Prospect")
    tale.run("customer", "late")
    winner = tale.hand.account()
    tale.world.crm.merge(winner, tale.hand.known, SALES)
    tale.run("customer")
    tale.land()
    tale.calm()
    assert tale.is_open(winner)


def test_a_day_of_cleaning_up_is_no_flood_of_refusals(own: Tale) -> None:
    losers = [own.hand.account() for _ in range(25)]
    own.calm(2)
    winners = [own.hand.account() for _ in losers]
    for winner, loser in zip(winners, losers, strict=True):
        own.world.crm.merge(winner, loser, SALES)
    own.calm(3)
    assert own.listed() == {}
    assert set(winners) <= dict(own.world.pairs("customer")).keys()


@pytest.mark.parametrize("stays", [0, 1])
def test_a_prospect_that_has_an_order_stays_open_whichever_customer_stays(own: Tale, stays: int) -> None:
    loser, winner = own.hand.known, own.hand.account(Type="Prospect")
    own.hand.order(winner)
    own.calm(3)
    ids = [own.hand.erp_id("customer", one) for one in (loser, winner)]
    own.world.crm.merge(winner, loser, SALES)
    own.calm(1)
    own.answer(ids[stays])
    own.calm(3)
    assert own.is_open(winner)


def test_a_winner_whose_create_is_in_doubt_is_asked_about_when_it_arrived() -> None:
    tale = Tale("far")
    winner, loser = tale.hand.account(Type="Prospect"), tale.hand.account()
    tale.calm(2)
    tale.world.crm.page_size = 1
    tale.world.crm.edit("Account", winner, SALES, Type="Customer")
    tale.world.crm.merge(winner, loser, SALES)
    tale.run("customer", "doubted")
    tale.calm()
    assert asked(tale) == [loser]


def test_a_question_about_a_merge_stays_one_when_the_recycle_bin_was_emptied(own: Tale) -> None:
    """Then the CRM says that the loser was deleted, and of whom it was merged into nothing."""
    winner, loser, *_ = own.world.crm.things["Account"]
    own.hand.order(loser)
    own.calm(2, BOOKS)
    own.hand.bill()
    own.calm(1, BOOKS)
    own.world.crm.merge(winner, loser, SALES)
    own.calm(1, BOOKS)
    own.world.pass_time(timedelta(days=20))
    own.calm(1, BOOKS)
    own.hand.people.operators.office.retry(OPERATOR)
    own.calm(2, BOOKS)
    assert asked(own) == [loser]
    assert own.is_open(loser)


@pytest.mark.parametrize("days", [0, 20])
def test_a_company_that_is_entered_anew_takes_over_the_customer_of_its_deleted_account(own: Tale, days: int) -> None:
    """It has the tax number that companies are told by. Whether the recycle bin was emptied does not matter."""
    former = own.hand.known
    customer, tax = own.hand.erp_id("customer", former), own.world.crm.things["Account"][former].fields["Tax"]
    own.world.crm.delete("Account", former, SALES)
    own.calm(1 if days else 0)
    own.world.pass_time(timedelta(days=days))
    anew = own.hand.account(Tax=tax, Name="Birch Example")
    own.hand.order(anew)
    own.calm()
    assert own.listed() == {}
    assert own.hand.erp_id("customer", anew) == customer
    assert own.is_open(anew)
    assert own.rows(f"SELECT name FROM erp_customer WHERE id = {customer}") == [("Birch Example",)]
    assert own.world.crm.things["Account"][anew].fields["Number"]


def test_two_that_are_entered_anew_do_not_both_take_it_over(own: Tale) -> None:
    former = own.hand.known
    tax = own.world.crm.things["Account"][former].fields["Tax"]
    own.world.crm.delete("Account", former, SALES)
    own.calm(1)
    both = {own.hand.account(Tax=tax), own.hand.account(Tax=tax)}
    own.calm()
    ((left_over, reason),) = own.listed().items()
    assert (left_over in both, reason) == (True, "ambiguous")


def test_an_account_that_is_undeleted_after_another_took_over_its_customer_is_asked_about(own: Tale) -> None:
    former = own.hand.known
    tax = own.world.crm.things["Account"][former].fields["Tax"]
    own.world.crm.delete("Account", former, SALES)
    own.calm(1)
    anew = own.hand.account(Tax=tax)
    own.calm(2)
    own.world.crm.undelete("Account", former, SALES)
    own.calm()
    assert own.listed() == {former: "ambiguous"}
    own.world.crm.delete("Account", anew, SALES)
    own.calm()
    assert own.listed() == {}
    assert own.is_open(former)
