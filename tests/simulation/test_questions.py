"""What becomes of a question that ends by itself, because one of the two puts back what stood there before?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from isthmus.testing.world.operators import OPERATOR
from isthmus.testing.world.people import SALES
from isthmus.testing.world.world import ErpKind
from tests.simulation.tale import Tale


def quarrel(erp: ErpKind) -> Tale:
    """Sales and a clerk entered two telephone numbers; both were read, and the question is asked."""
    tale = Tale(erp)
    tale.world.crm.edit("Account", tale.hand.known, SALES, Phone="P0")
    tale.calm(3)
    tale.world.crm.edit("Account", tale.hand.known, SALES, Phone="P1")
    call(tale, "P2")
    tale.calm(4)
    assert list(tale.listed().values()) == ["conflict"]
    return tale


def call(tale: Tale, phone: str) -> None:
    tale.hand.people.clerks.enter("customer", tale.hand.erp_id("customer", tale.hand.known), phone=phone)


def phones(tale: Tale, account: str = "") -> tuple[str, str]:
    """Of an account, or the known one: in the CRM, and in the ERP."""
    account = account or tale.hand.known
    erp_id = tale.hand.erp_id("customer", account)
    in_crm = str(tale.world.crm.things["Account"][account].fields["Phone"])
    if tale.world.is_weak:
        return in_crm, str(tale.world.weak.things["customer"][erp_id].fields["phone"])
    return in_crm, str(tale.rows(f"SELECT phone FROM erp_customer WHERE id = {erp_id}")[0][0])


@pytest.mark.parametrize("erp", ["own", "far", "weak"])
def test_sales_take_their_number_back_and_the_clerks_one_holds(erp: ErpKind) -> None:
    tale = quarrel(erp)
    tale.world.crm.edit("Account", tale.hand.known, SALES, Phone="P0")
    tale.calm()
    assert (phones(tale), tale.listed()) == (("P2", "P2"), {})


def test_sales_take_their_number_back_under_an_older_stamp() -> None:
    """Its administrator has set the CRM's clock back meanwhile, and everything is read: it shows what was through."""
    tale = quarrel("own")
    tale.world.crm.skew = timedelta(hours=-12)
    tale.calm()
    tale.world.crm.edit("Account", tale.hand.known, SALES, Phone="P0")
    tale.calm()
    assert (phones(tale), tale.listed()) == (("P2", "P2"), {})


def test_what_was_listed_is_through_when_it_is_put_back_under_an_older_stamp() -> None:
    tale = Tale("own")
    tale.calm(2)
    name = tale.world.crm.things["Account"][tale.hand.known].fields["Name"]
    tale.world.crm.edit("Account", tale.hand.known, SALES, Name="N" * 201)
    tale.calm(2)
    assert tale.listed() == {tale.hand.known: "invalid"}
    tale.world.crm.skew = timedelta(hours=-12)
    tale.calm(2)
    tale.world.crm.edit("Account", tale.hand.known, SALES, Name=name)
    tale.calm(2)
    assert tale.listed() == {}


@pytest.mark.parametrize("erp", ["own", "far", "weak"])
def test_the_clerk_takes_the_number_back_and_the_sales_peoples_one_holds(erp: ErpKind) -> None:
    tale = quarrel(erp)
    call(tale, "P0")
    tale.calm()
    assert (phones(tale), tale.listed()) == (("P1", "P1"), {})


def test_a_question_that_somebody_dismissed_ends_no_worse() -> None:
    tale = quarrel("own")
    ((number,),) = tale.rows("SELECT id FROM state_worklist")
    tale.hand.people.operators.office.dismiss(number, OPERATOR, "later")
    tale.world.crm.edit("Account", tale.hand.known, SALES, Phone="P0")
    tale.calm()
    assert phones(tale) == ("P2", "P2")


@pytest.mark.parametrize("erp", ["own", "far", "weak"])
@pytest.mark.parametrize("take", ["crm", "erp"])
def test_an_answer_holds_as_soon_as_its_record_is_put_right(erp: ErpKind, take: str) -> None:
    """Sales spoil another field of the account before the answer is carried out: nobody is asked a second time."""
    tale = quarrel(erp)
    tale.answer(take)
    tale.world.crm.edit("Account", tale.hand.known, SALES, Currency="EUX")
    tale.calm(3)
    assert tale.listed() == {tale.hand.known: "invalid"}
    tale.story.settle()
    tale.world.crm.edit("Account", tale.hand.known, SALES, Currency="EUR")
    tale.calm()
    held = {"crm": "P1", "erp": "P2"}[take]
    assert (phones(tale), tale.listed()) == ((held, held), {})


@pytest.mark.parametrize("erp", ["far", "weak"])
def test_an_answer_whose_write_came_to_nothing_is_written_by_the_next_run(erp: ErpKind) -> None:
    tale = quarrel(erp)
    tale.answer("crm")
    tale.run("customer", "undone")
    assert tale.listed() == {tale.hand.known: "in_doubt"}
    tale.calm(2)
    assert (phones(tale), tale.listed()) == (("P1", "P1"), {})


@pytest.mark.parametrize("erp", ["own", "far"])
def test_an_answer_that_the_erp_refuses_is_not_sent_by_every_run(erp: ErpKind) -> None:
    """What is invoiced keeps its currency: sales change it before the answer is carried out."""
    tale = Tale(erp)
    order = tale.hand.order(tale.hand.known)
    quarrel_about(tale, order)
    tale.hand.bill()
    tale.answer("crm")
    tale.hand.crm.edit("Order", order, SALES, Currency="CHF")
    tale.calm()
    assert (tale.listed(), tale.rows("SELECT * FROM state_due")) == ({order: "conflict"}, [])
    tale.hand.crm.edit("Order", order, SALES, Currency="EUR")
    tale.calm()
    tale.answer("crm")
    tale.calm()
    assert (tale.hand.crm.things["Order"][order].fields["PoNumber"], tale.listed()) == ("O1", {})


def test_an_answer_hides_no_question_about_a_merge_that_came_in_between() -> None:
    tale = quarrel("own")
    winner = tale.hand.account(Phone="P9")
    tale.calm(1)
    tale.answer("crm", tale.hand.known)
    tale.world.crm.merge(winner, tale.hand.known, SALES)
    tale.calm(2)
    ((number,),) = tale.rows("SELECT id FROM state_worklist WHERE reason = 'ambiguous'")
    assert number in tale.hand.people.operators.office.asked()
    assert tale.rows("SELECT * FROM state_due") == []


def test_an_answer_that_waits_is_void_when_the_clerk_says_something_else() -> None:
    tale = quarrel("own")
    tale.answer("crm")
    tale.world.crm.edit("Account", tale.hand.known, SALES, Currency="EUX")
    tale.calm(2)
    call(tale, "P3")
    tale.world.crm.edit("Account", tale.hand.known, SALES, Currency="EUR")
    tale.calm()
    assert (phones(tale), tale.listed()) == (("P1", "P3"), {tale.hand.known: "conflict"})
    assert tale.world.dues() == tale.rows("SELECT * FROM state_due") == []


def quarrel_about(tale: Tale, order: str) -> None:
    """Sales and a clerk gave an order two references, and the question is asked."""
    tale.hand.crm.edit("Order", order, SALES, PoNumber="O0")
    tale.calm()
    tale.hand.crm.edit("Order", order, SALES, PoNumber="O1")
    tale.hand.people.clerks.enter("order", tale.hand.erp_id("order", order), customer_reference="O2")
    for side, value in (("crm", "O1"), ("erp", "O2")):
        tale.world.remember_edit(("order", order, "po_number"), side, value)
    tale.calm()
    assert tale.listed() == {order: "conflict"}


def test_what_is_asked_of_an_order_is_judged_by_the_auditor_too() -> None:
    tale = Tale("own")
    order = tale.hand.order(tale.hand.known)
    quarrel_about(tale, order)
    tale.hand.crm.edit("Order", order, SALES, PoNumber="O0")
    tale.world.remember_edit(("order", order, "po_number"), "crm", None)
    tale.story.settle()
    assert tale.hand.crm.things["Order"][order].fields["PoNumber"] == "O2"


@pytest.mark.parametrize(("in_crm", "in_erp"), [("P1", "P2"), (None, "P2"), ("P1", None), ("P1", "P1")])
def test_what_differs_on_a_customer_that_was_there_already_is_asked_or_filled(
    in_crm: str | None, in_erp: str | None
) -> None:
    """An account takes over the ERP's customer of its tax number: nobody knows who moved, so nobody is overruled."""
    tale = Tale("own")
    tale.enter("customer", "by hand/1", name="Birch Example", currency="EUR", tax_id="T7", phone=in_erp)
    account = tale.hand.account(Tax="T7", Phone=in_crm)
    tale.calm()
    if in_crm and in_erp and in_crm != in_erp:
        assert phones(tale, account) == (in_crm, in_erp)
        ((number, reason),) = tale.rows("SELECT id, reason FROM state_worklist")
        assert reason == "conflict"
        tale.hand.people.operators.office.resolve(number, "erp", OPERATOR)
        tale.calm()
    held = in_erp or in_crm
    assert (phones(tale, account), tale.listed()) == ((held, held), {})


def test_sales_take_their_number_back_on_an_account_that_left_under_an_older_stamp() -> None:
    """Its pair is known from before it left, and people are asked under the clerk's record."""
    tale = Tale("own")
    crm, known = tale.world.crm, tale.hand.known
    crm.edit("Account", known, SALES, Phone="P0")
    tale.calm(3)
    crm.edit("Account", known, SALES, Type="Prospect")
    tale.calm(2)
    crm.skew = timedelta(hours=-12)
    crm.edit("Account", known, SALES, Phone="P1")
    call(tale, "P2")
    tale.calm(2)
    assert list(tale.listed().values()) == ["conflict"]
    crm.edit("Account", known, SALES, Phone="P0")
    tale.calm()
    assert (phones(tale), tale.listed()) == (("P2", "P2"), {})
