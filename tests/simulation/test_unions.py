"""Merges of merges: what becomes of their questions, and of a loser that lives again?"""

from __future__ import annotations

import json

import pytest

from isthmus.kernel.errors import Refused
from isthmus.testing.world.people import SALES
from isthmus.testing.world.world import ErpKind
from tests.simulation.tale import Tale


@pytest.fixture
def own() -> Tale:
    return Tale("own")


def accounts(tale: Tale) -> tuple[str, str]:
    """The two that are bound from the beginning."""
    first, second, *_ = tale.world.crm.things["Account"]
    return first, second


def bound(tale: Tale) -> set[str]:
    return {key for (key,) in tale.rows("SELECT crm_id FROM state_binding WHERE entity = 'customer'")}


def undelete(tale: Tale, loser: str) -> None:
    """Out of the recycle bin: it names no winner any more."""
    thing = tale.world.crm.things["Account"][loser]
    thing.deleted, thing.merged_into = False, None
    tale.world.crm.touch(thing, SALES)


@pytest.mark.parametrize("runs", [0, 2])
@pytest.mark.parametrize(("first", "second"), [("b", "a"), ("b", "b"), ("c", "a"), ("c", "c")])
def test_of_a_chain_of_merges_the_last_question_is_answered_first(
    own: Tale, first: str, second: str, runs: int
) -> None:
    """A into B, B into C: whoever stays is the customer of C, and no question outlives its answer."""
    a, b = accounts(own)
    c = own.hand.account()
    own.calm(2)
    erp = {name: own.hand.erp_id("customer", key) for name, key in (("a", a), ("b", b), ("c", c))}
    for winner, loser in ((b, a), (c, b)):
        own.hand.crm.merge(winner, loser, SALES)
        own.calm(3)
    assert own.listed() == {a: "ambiguous", b: "ambiguous"}
    own.answer(erp[first], of=b)
    own.calm(runs)
    try:
        own.answer(erp[second], of=a)
    except Refused:  # it was about a customer who has gone: the next run asks about the one who stayed
        own.calm(2)
        own.answer(erp["a"] if second == "a" else erp[first], of=a)
    own.calm()
    assert own.listed() == {}
    assert bound(own) == {c}


def test_a_winner_that_loses_to_an_account_nobody_knew_is_no_hindrance(own: Tale) -> None:
    a, b = accounts(own)
    stays = own.hand.erp_id("customer", b)
    own.hand.crm.merge(b, a, SALES)
    own.calm(2)
    c = own.hand.account()
    own.hand.crm.merge(c, b, SALES)
    own.calm(3)
    own.answer(stays, of=a)
    own.hand.order(c)
    own.calm()
    assert own.listed() == {}
    assert bound(own) == {c}


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_loser_that_lives_again_is_listed_until_it_is_gone(own: Tale, is_gone: bool) -> None:
    _, b = accounts(own)
    loser = own.hand.account()
    own.hand.crm.merge(b, loser, SALES)  # nobody knew it: it is another name of the winner
    own.calm(2)
    undelete(own, loser)
    own.calm(3)
    assert own.listed() == {loser: "ambiguous"}
    if is_gone:
        own.world.crm.delete("Account", loser, SALES)
        own.calm()
    assert own.listed() == ({} if is_gone else {loser: "ambiguous"})


def test_what_names_a_loser_that_lives_again_waits_in_peace(own: Tale) -> None:
    """It is not made due by every run: nothing has changed for it."""
    winner, loser = own.hand.known, own.hand.account()
    own.world.crm.merge(winner, loser, SALES)
    own.calm(2)
    undelete(own, loser)
    order = own.hand.order(loser)
    own.calm()
    assert own.listed() == {loser: "ambiguous", order: "waiting"}
    assert own.rows("SELECT id FROM state_due") == []


def test_a_prospect_that_lost_a_merge_and_lives_again_is_listed_for_as_long_as_its_order_waits(own: Tale) -> None:
    winner, loser = own.hand.known, own.hand.account(Type="Prospect")
    own.world.crm.merge(winner, loser, SALES)
    own.calm(2)
    undelete(own, loser)
    order = own.hand.order(loser)
    own.calm(5)
    assert own.listed() == {loser: "ambiguous", order: "waiting"}
    ((told,),) = own.rows(f"SELECT status FROM state_note WHERE id = '{loser}'")
    assert told == "Needs a decision: which customer?"


def test_two_accounts_are_merged_back_the_other_way_round(own: Tale) -> None:
    """The loser is taken out of the recycle bin, and the winner merged into it: there is only one customer to have."""
    a, b = accounts(own)
    loser = own.hand.account()
    own.hand.crm.merge(b, loser, SALES)
    own.calm(2)
    undelete(own, loser)
    own.calm(3)
    own.hand.crm.merge(loser, b, SALES)
    own.calm()
    assert own.listed() == {}
    assert bound(own) == {a, loser}


def test_a_question_shows_the_two_that_are_left_when_another_answer_took_one_of_them(own: Tale) -> None:
    a, b = accounts(own)
    c = own.hand.account()
    own.calm(2)
    first, last = (own.hand.erp_id("customer", key) for key in (a, c))
    for winner, loser in ((b, a), (c, b)):
        own.hand.crm.merge(winner, loser, SALES)
        own.calm(3)
    own.answer(last, of=b)
    own.calm(2)
    ((detail,),) = own.rows(f"SELECT detail FROM state_worklist WHERE source_id = '{a}'")
    assert json.loads(detail)["candidates"] == [first, last]


def test_a_merge_that_is_undone_gives_the_loser_its_customer_back(own: Tale) -> None:
    loser, _ = accounts(own)
    customer = own.hand.erp_id("customer", loser)
    winner = own.hand.account()
    own.hand.crm.merge(winner, loser, SALES)
    own.calm(2)
    undelete(own, loser)
    own.calm(1)
    assert own.listed() == {loser: "ambiguous"}
    own.hand.crm.delete("Account", winner, SALES)
    own.calm()
    assert own.listed() == {}
    assert own.hand.erp_id("customer", loser) == customer
    assert own.is_open(loser)


@pytest.mark.parametrize("erp", ["own", "far", "weak"])
def test_of_two_losers_that_live_again_at_once_one_gets_the_customer_back(erp: ErpKind) -> None:
    tale = Tale(erp)
    first, _ = accounts(tale)
    customer = tale.hand.erp_id("customer", first)
    winner, second = tale.hand.account(), tale.hand.account()
    for loser in (first, second):
        tale.hand.crm.merge(winner, loser, SALES)
    tale.calm(2)
    tale.world.crm.delete("Account", winner, SALES)
    tale.calm(2)
    for loser in (first, second):
        undelete(tale, loser)
    tale.calm()
    assert tale.listed() == {second: "ambiguous"}
    assert tale.hand.erp_id("customer", first) == customer
    assert tale.is_open(first)


@pytest.mark.parametrize("is_known", [False, True])
def test_an_invoiced_order_waits_for_the_first_of_two_merges_that_people_are_asked_about(
    own: Tale, is_known: bool
) -> None:
    """A into B, and later B into C, of whom the ERP has heard or not."""
    books = ("customer", "order", "invoice")
    a, b = accounts(own)
    c = own.hand.account()
    own.calm(2 if is_known else 0, books)
    order = own.hand.order(a)
    own.hand.crm.edit("Account", c, SALES, Type="Customer" if is_known else "Prospect")
    own.calm(2, books)
    own.hand.bill()
    own.calm(1, books)
    own.hand.crm.merge(b, a, SALES)
    own.calm(1, books)
    own.hand.crm.merge(c, b, SALES)
    own.hand.crm.edit("Account", c, SALES, Type="Customer")
    own.story.settle()
    assert own.listed()[order] == "waiting"
    assert own.listed()[a] == "ambiguous"


@pytest.mark.parametrize("erp", ["own", "far", "weak"])
@pytest.mark.parametrize("choice", [0, 1])
def test_nobody_is_asked_what_holds_on_an_account_that_was_merged_away(erp: ErpKind, choice: int) -> None:
    """A clerk and sales call the loser on two numbers, and the clerk renames it: that is settled with the merge."""
    tale = Tale(erp)
    a, b = accounts(tale)
    tale.hand.crm.edit("Account", a, SALES, Phone="P0")
    tale.calm(2)
    ids = [tale.hand.erp_id("customer", one) for one in (a, b)]
    tale.hand.crm.edit("Account", a, SALES, Phone="P1")
    tale.hand.crm.merge(b, a, SALES)
    tale.calm(1)
    tale.hand.people.clerks.enter("customer", ids[0], phone="P2", name="By hand")
    tale.calm()
    assert tale.listed() == {a: "ambiguous", ids[0]: "waiting"}
    written = tale.hand.crm.written
    tale.calm(3)
    assert tale.hand.crm.written == written, "in peace"
    if choice or erp != "weak":  # a weak ERP cannot merge, so that the winner's has to stay
        tale.answer(ids[choice], of=a)
        tale.calm()
        assert tale.listed() == {}
        assert tale.world.crm.things["Account"][b].fields["Phone"] == ["P2", None][choice]
