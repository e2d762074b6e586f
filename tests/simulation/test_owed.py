"""What the simulated world found of repairs that were forgotten before they were through: each stays a test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from isthmus.connect.protocol import Note
from isthmus.erp import clerk
from isthmus.testing.crashes import Stagehand
from isthmus.testing.world.operators import OPERATOR
from isthmus.testing.world.people import SALES
from isthmus.testing.world.world import ErpKind
from tests.simulation.tale import Tale


@pytest.fixture
def own() -> Tale:
    return Tale("own")


def misname(own: Tale) -> str:
    """A clerk writes over a customer's name, which is the CRM's; that was seen. Answers the name in the CRM."""
    own.hand.people.clerks.enter("customer", own.hand.erp_id("customer", own.hand.known), name="Birch Example")
    own.run("customer")
    assert own.rows("SELECT id FROM state_due WHERE side = 'crm'") == [(own.hand.known,)]
    return str(own.world.crm.things["Account"][own.hand.known].fields["Name"])


def names(own: Tale) -> list[str]:
    erp_id = own.hand.erp_id("customer", own.hand.known)
    return [name for (name,) in own.rows(f"SELECT name FROM erp_customer WHERE id = {erp_id}")]


def test_a_foreign_name_is_still_put_right_after_a_question_about_another_field(own: Tale) -> None:
    name = misname(own)
    own.call_erp(own.hand.known, "P1")
    own.world.crm.edit("Account", own.hand.known, SALES, Phone="P2")
    own.run("customer")
    ((number, what),) = own.rows("SELECT id, what FROM state_worklist")
    assert what == "phone was changed on both sides"
    own.hand.people.operators.office.resolve(number, "erp", OPERATOR)
    own.run("customer")
    assert names(own) == [name]


def test_a_foreign_name_is_still_put_right_after_the_customer_was_invalid(own: Tale) -> None:
    name = misname(own)
    own.world.crm.edit("Account", own.hand.known, SALES, Name="N" * 201)
    own.run("customer")
    assert own.rows("SELECT reason FROM state_worklist") == [("invalid",)]
    own.world.crm.edit("Account", own.hand.known, SALES, Name=name)
    own.run("customer")
    assert names(own) == [name]


def test_a_repair_that_the_erp_refused_stays_listed_though_the_order_is_read_again(own: Tale) -> None:
    order = own.hand.order(own.hand.known)
    own.run("order")
    own.hand.people.clerks.enter("order", own.hand.erp_id("order", order), order_date="2026-11-20")
    own.hand.bill()
    for _ in range(2):
        own.run("order")
    listed = own.rows("SELECT source_id, reason FROM state_worklist")
    assert listed == [(order, "refused")]
    own.world.run("order", full=True)
    assert own.rows("SELECT source_id, reason FROM state_worklist") == listed


@pytest.mark.parametrize("looks", [0, 1])
def test_what_a_backup_of_the_crm_took_away_before_anybody_looked_is_shown_again(own: Tale, looks: int) -> None:
    """Our own user wrote last then, too: that it shows something else is not its way to spell what we wrote since.

    Nobody looks at it before everything is read anew, or a run that looks back by the overlap does.
    """
    order = own.hand.order(own.hand.known)
    for _ in range(2):
        own.run("order")
    own.world.crm.annotate("Order", [Note(order, "Synchronised", None)])
    own.world.crm.back_up()
    own.hand.cancel()
    own.run("order")
    shown = own.world.crm.things["Order"]
    assert shown[order].fields["ErpStatus"] == "cancelled"
    own.world.crm.bring_back()
    assert shown[order].fields["ErpStatus"] != "cancelled"
    for _ in range(looks):
        own.world.run("order")
    for _ in range(2):
        own.world.run("order", full=True)
    assert shown[order].fields["ErpStatus"] == "cancelled"


def test_a_foreign_name_is_still_put_right_after_its_account_was_merged_into_another(own: Tale) -> None:
    """The winner shows the name that the loser had: nothing is news, and the repair is owed all the same."""
    name = misname(own)
    winner = own.hand.account(Name=name)
    own.world.crm.merge(winner, own.hand.known, SALES)
    erp_id = own.hand.erp_id("customer", own.hand.known)
    for _ in range(2):
        own.run("customer")
    assert own.hand.erp_id("customer", winner) == erp_id
    assert own.rows(f"SELECT name FROM erp_customer WHERE id = {erp_id}") == [(name,)]


def quoted(tale: Tale) -> tuple[str, str]:
    """Two orders of one quote: the ERP takes the first, and refuses the second. Answers both in the CRM."""
    hand = tale.hand
    first, second = hand.order(hand.known), hand.order(hand.known)
    quote = hand.crm.enter("Quote", SALES, quote_of(hand, first), lines=hand.crm.things["Order"][first].lines)
    for order in (first, second):
        hand.crm.edit("Order", order, SALES, Quote=quote)
    for name in ("quote", "order", "order", "order", "order"):  # until our own notes are read
        tale.run(name)
    assert tale.rows("SELECT source_id, reason FROM state_worklist") == [(second, "refused")]
    return first, second


def quote_of(hand: Stagehand, order: str) -> dict[str, object]:
    fields = hand.crm.things["Order"][order].fields
    return {"Account": fields["Account"], "Day": fields["Day"], "Currency": "EUR", "Status": "Presented"}


def take_back(hand: Stagehand, order: str) -> None:
    hand.crm.edit("Order", order, SALES, Status="Draft")


def take_the_quote_off(hand: Stagehand, order: str) -> None:
    hand.crm.edit("Order", order, SALES, Quote=None)


def cancel_in_the_erp(hand: Stagehand, order: str) -> None:
    erp_id = hand.erp_id("order", order)
    hand.people.clerks.at_desk("cancels", lambda desk: clerk.cancel(desk, erp_id))


@pytest.mark.parametrize("lets_go", [take_back, take_the_quote_off, cancel_in_the_erp])
@pytest.mark.parametrize("erp", ["own", "far"])
def test_an_order_whose_quote_another_order_lets_go_is_tried_again(
    erp: ErpKind, lets_go: Callable[[Stagehand, str], None]
) -> None:
    tale = Tale(erp)
    first, second = quoted(tale)
    lets_go(tale.hand, first)
    for _ in range(2):
        tale.run("order")
    assert tale.rows("SELECT source_id FROM state_worklist") == []
    erp_id = tale.hand.erp_id("order", second)
    assert tale.rows(f"SELECT status FROM erp_order WHERE id = {erp_id}") == [("confirmed",)]
