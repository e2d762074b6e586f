"""Is who was refused, not told apart, or had to wait, tried again as soon as what stood in the way has moved?"""

from __future__ import annotations

import pytest

from isthmus.erp import invoicing
from isthmus.sync.proposals import Pair, bind
from isthmus.testing.world.operators import OPERATOR
from isthmus.testing.world.people import SALES
from tests.simulation.tale import Tale


@pytest.fixture
def own() -> Tale:
    return Tale("own")


def quote_of(own: Tale, order: str, account: str) -> str:
    """A quote with an order's lines, named by that order."""
    fields = own.hand.crm.things["Order"][order].fields
    shown = {"Account": account, "Day": fields["Day"], "Currency": "EUR", "Status": "Presented"}
    quote = own.hand.crm.enter("Quote", SALES, shown, lines=own.hand.crm.things["Order"][order].lines)
    own.hand.crm.edit("Order", order, SALES, Quote=quote)
    return quote


def open_customer(own: Tale, *, active: bool) -> None:
    """A clerk opens or closes the known customer."""
    clerks, customer = own.hand.people.clerks, own.hand.erp_id("customer", own.hand.known)
    fields = {"active": active}
    clerks.at_desk("opens or closes", lambda desk: clerks.take(desk, "customer", erp_id=customer, fields=fields))


def test_an_order_follows_when_its_quote_is_put_right(own: Tale) -> None:
    first, second, *_ = own.world.crm.things["Account"]
    order = own.hand.order(first)
    quote = quote_of(own, order, second)
    own.calm()
    assert own.listed() == {order: "refused"}
    own.hand.crm.edit("Quote", quote, SALES, Account=first)
    own.calm()
    assert own.listed() == {}


def test_an_account_follows_when_the_other_one_gives_up_the_tax_number(own: Tale) -> None:
    first, second = own.hand.account(Tax="T1"), own.hand.account(Tax="T1")
    own.calm()
    assert list(own.listed().values()) == ["ambiguous"]
    (left_over,) = own.listed()
    own.hand.crm.edit("Account", {first, second}.difference([left_over]).pop(), SALES, Tax="T9")
    own.calm()
    assert own.listed() == {}


def test_an_order_follows_when_a_clerk_opens_its_customer(own: Tale) -> None:
    open_customer(own, active=False)
    own.calm(1)
    order = own.hand.order(own.hand.known)
    own.calm()
    assert own.listed() == {order: "refused"}
    open_customer(own, active=True)
    own.calm()
    assert own.listed() == {}


def test_an_invoice_follows_when_a_person_says_whose_customer_it_is(own: Tale) -> None:
    customer = own.enter("customer", "by hand/1", name="Birch Example", currency="EUR")
    ((product,),) = own.rows("SELECT min(id) FROM erp_product")
    line = {"key": "1", "product_id": str(product), "quantity": 1_000_000, "unit_price": 10_000_000}
    day = own.hand.people.today()
    order = own.enter("order", "by hand/2", customer_id=customer, order_date=day, currency="EUR", lines=[line])
    own.hand.people.clerks.at_desk("invoices", lambda desk: invoicing.invoice(desk, order))
    names = ("customer", "quote", "order", "invoice")
    own.calm(2, names)
    assert list(own.listed().values()) == ["waiting"]
    account = own.hand.account()
    with own.world.offstage():
        bind(own.world.ports, own.world.mappings["customer"], [Pair(account, customer, "pairs.csv:2")], who=OPERATOR)
    own.calm(2, names)
    ((waits_for,),) = own.rows("SELECT waits_for FROM state_worklist")
    assert waits_for == f"order {order}", "the order is nobody's in the CRM; the customer is there"


def test_a_quote_that_is_taken_back_and_presented_again_is_still_its_orders(own: Tale) -> None:
    quote = quote_of(own, own.hand.order(own.hand.known), own.hand.known)
    own.calm()
    for status, shown in (("Presented", "accepted"), ("Draft", "cancelled"), ("Presented", "accepted")):
        own.hand.crm.edit("Quote", quote, SALES, Status=status)
        own.calm(3)
        assert own.rows("SELECT status FROM erp_quote") == [(shown,)]
