"""An order that is invoiced, in part or whole: what may the CRM still change, and what is it told when it may not?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isthmus.connect.protocol import Answer, Change
from isthmus.erp.allocating import pay
from isthmus.erp.clerk import limit
from isthmus.erp.invoicing import credit_note, invoice
from isthmus.kernel.records import Fields
from tests.erp.conftest import World


class Deal:
    """One order, told by the CRM, of which the clerk invoices."""

    def __init__(self, world: World, *lines: tuple[int, int], **fields: Any) -> None:
        self.world, self.customer = world, world.customer()
        self.change = world.order_change(self.customer, *lines, **fields)
        (answer,) = world.write("order", self.change)
        assert answer.id, answer.fault
        self.id = answer.id

    def tell(self, lines: list[Fields] | None = None, **fields: Any) -> Answer:
        (answer,) = self.world.write("order", Change("update", self.change.key, fields, lines, id=self.id))
        return answer

    def bill(self, **quantities: float) -> str:
        wanted = {key.removeprefix("l"): round(much * 1_000_000) for key, much in quantities.items()}
        with self.world.desk() as desk:
            return invoice(desk, self.id, wanted or None).number

    def row(self, columns: str) -> tuple[Any, ...]:
        return self.world.rows(f"SELECT {columns} FROM erp_order WHERE id = {self.id}")[0]

    @property
    def status(self) -> str:
        return str(self.row("status")[0])


def test_what_is_not_invoiced_yet_may_grow_shrink_be_added_and_go(world: World) -> None:
    deal, line = Deal(world, (3, 1_000), (1, 500), (1, 70)), world.line
    deal.bill(l1=1)
    before = world.rows("SELECT * FROM erp_invoice_line")
    answer = deal.tell([line("1", 5, 1_000), line("2", 2, 400), line("4", 1, 9)])
    assert answer.record, answer.fault
    assert (answer.result, answer.record.fields["total"]) == ("updated", 5_809)
    assert [(one["key"], one["quantity"]) for one in answer.record.lines or ()] == [
        ("1", 5_000_000),
        ("2", 2_000_000),
        ("4", 1_000_000),
    ]
    assert deal.row("status, to_invoice_minor") == ("partly_invoiced", 4_809)
    assert world.rows("SELECT * FROM erp_invoice_line") == before
    deal.bill()
    assert deal.row("status, to_invoice_minor") == ("invoiced", 0)
    assert world.rows("SELECT sum(total_minor) FROM erp_invoice") == [(5_809,)]


def test_an_order_that_shrinks_to_what_is_invoiced_is_invoiced_and_closed_when_it_is_paid(world: World) -> None:
    deal = Deal(world, (2, 1_000), (1, 500))
    deal.bill(l1=1)
    with world.desk() as desk:
        pay(desk, deal.customer, amount_minor=1_000, currency="EUR")
    answer = deal.tell([world.line("1", 1, 1_000)])
    assert answer.record, answer.fault
    assert (answer.record.fields["status"], answer.record.fields["total"]) == ("closed", 1_000)


REFUSED: dict[str, list[tuple[str, float, int]]] = {
    "line 1: order O0000001 is partly invoiced: 1 of it are invoiced, so it cannot go": [("2", 1, 500)],
    "line 1 quantity: order O0000001 is partly invoiced: 1 are invoiced, 0.5 would be fewer": [("1", 0.5, 1_000)],
    "line 1 unit_price: order O0000001 is partly invoiced: 1 of it are invoiced as it is": [("1", 3, 999)],
}


def test_what_is_invoiced_stays_and_the_choice_is_told(world: World) -> None:
    deal = Deal(world, (3, 1_000), (1, 500))
    deal.bill(l1=1)
    before = world.rows("SELECT * FROM erp_order_line")
    for says, lines in REFUSED.items():
        answer = deal.tell([{**world.line(key, 1, cents), "quantity": int(n * 1_000_000)} for key, n, cents in lines])
        assert str(answer.fault) == f"{says}; write a credit note and enter a new order, or dismiss the change"
    other = world.customer()
    wrong: dict[str, Any] = {"customer_id": other, "discount": 5, "order_date": "2026-11-03", "currency": "USD"}
    for name, value in wrong.items():
        assert f"{name}: order O0000001 is partly invoiced: it stays as it was sold" in str(
            deal.tell(**{name: value}).fault
        )
    assert world.rows("SELECT * FROM erp_order_line") == before


@pytest.mark.parametrize("settled", [False, True])
def test_an_invoiced_order_takes_only_what_is_not_booked(world: World, settled: bool) -> None:
    deal = Deal(world, (1, 1_000))
    number = deal.bill()
    if settled:
        with world.desk() as desk:
            pay(desk, deal.customer, amount_minor=1_000, currency="EUR")
    told = "closed" if settled else "invoiced"
    for lines in ([world.line("1", 2, 1_000)], [world.line("1", 1, 1_000), world.line("2", 1, 1)]):
        assert f"lines: order O0000001 is {told}: it stays as it was sold" in str(deal.tell(lines).fault)
    answer = deal.tell(customer_reference="PO 9", ship_to={"city": "Ulm"}, salesperson="a@sales.example")
    assert answer.record, answer.fault
    assert (answer.record.fields["ship_to"]["city"], answer.record.fields["status"]) == ("Ulm", told)
    (gone,) = world.write("order", Change("withdraw", deal.change.key, {}, id=deal.id, how="cancel"))
    assert f"order O0000001 is {told} and cannot be cancelled; write a credit note" in str(gone.fault)
    assert world.rows(f"SELECT total_minor FROM erp_invoice WHERE number = '{number}'") == [(1_000,)]


def test_a_raise_beyond_the_credit_is_refused_because_it_cannot_be_held(world: World) -> None:
    deal = Deal(world, (2, 1_000))
    deal.bill(l1=1)
    with world.desk() as desk:
        limit(desk, deal.customer, 2_500)
    answer = deal.tell([world.line("1", 2, 1_000), world.line("2", 1, 501)])
    assert str(answer.fault) == (
        "credit: order O0000001 is partly invoiced and cannot be raised: exposure would be 25.01 EUR, "
        "over the limit of 25.00 EUR; free some credit, or enter a new order"
    )
    assert deal.row("total_minor") == (2_000,)
    assert deal.tell([world.line("1", 2, 1_000), world.line("2", 1, 500)]).result == "updated"
    assert world.rows("SELECT exposure_minor FROM erp_credit") == [(2_500,)]


def test_what_a_smaller_order_frees_releases_another(world: World) -> None:
    deal = Deal(world, (2, 1_000))
    deal.bill(l1=1)
    with world.desk() as desk:
        limit(desk, deal.customer, 2_000)
    waiting = world.order(deal.customer, (1, 900))
    assert world.status(waiting) == "held"
    assert deal.tell([world.line("1", 1, 1_000)]).result == "updated"
    assert world.status(waiting) == "confirmed"


def test_a_discount_that_is_left_over_needs_goods_to_be_given_on(world: World) -> None:
    deal = Deal(world, (1, 1_000), (1, 1_000), discount=1_000)
    deal.bill(l1=1)
    answer = deal.tell([world.line("1", 1, 1_000), world.line("2", 1, 400)])
    assert "discount: 5.00 EUR of it are not given yet, more than what is left of the lines" in str(answer.fault)


def test_an_address_may_change_while_something_is_left(world: World) -> None:
    deal = Deal(world, (2, 1_000))
    deal.bill(l1=1)
    answer = deal.tell(bill_to={"city": "Bonn"})
    assert answer.record, answer.fault
    assert answer.record.fields["bill_to"]["city"] == "Bonn"
    assert deal.row("status, to_invoice_minor, total_minor") == ("partly_invoiced", 1_000, 2_000)


PART = st.tuples(st.sampled_from("12"), st.integers(1, 900_000))


def credit_all(world: World, numbers: list[str]) -> None:
    """Credits invoices by a third of each line first, then by all that is left."""
    lines = "SELECT l.key, l.quantity_micros FROM erp_invoice_line l JOIN erp_invoice i ON i.id = l.invoice_id"
    with world.desk() as desk:
        for number in numbers:
            for key, micros in world.rows(f"{lines} WHERE i.number = '{number}' AND l.quantity_micros > 3"):
                credit_note(desk, number, {key: micros // 3})
            credit_note(desk, number)


def taxed_deal(world: World, prices: tuple[int, int], header: tuple[int, int], money: str) -> tuple[Deal, list[Fields]]:
    """An order of two taxed lines of four pieces, with a discount on each line, freight and a discount on all."""
    given = {"product_id": world.product(), "quantity": 4_000_000, "discount_percent": 7_000_000}
    lines: list[Fields] = [
        {"key": key, "unit_price": price * 1_000, **given} for key, price in zip("12", prices, strict=True)
    ]
    deal = Deal(world, (1, 1), currency=money)
    fields = {**deal.change.fields, "freight": header[0], "discount": header[1]}
    deal.change = Change("create", world.key(), fields, lines)
    (answer,) = world.write("order", deal.change)
    assert answer.id, answer.fault
    deal.id = answer.id
    return deal, lines


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(PART, min_size=1, max_size=4),
    prices=st.tuples(st.integers(50_000, 99_999), st.integers(50_000, 99_999)),
    grow=st.integers(0, 3_000_000),
    money=st.sampled_from(("EUR", "JPY", "KWD")),
    header=st.tuples(st.integers(0, 300), st.integers(0, 99)),
)
def test_to_the_cent_whatever_is_invoiced_changed_and_credited(
    world: World, parts: list[tuple[str, int]], prices: tuple[int, int], grow: int, money: str, header: tuple[int, int]
) -> None:
    """Invoices are exactly the order, notes exactly the invoices, however both are cut; freight and discount too."""
    deal, lines = taxed_deal(world, prices, header, money)
    numbers = [deal.bill(**{f"l{key}": micros / 1_000_000}) for key, micros in parts]
    told = deal.tell([{**lines[0], "quantity": 4_000_000 + grow}, lines[1]])
    assert told.record, told.fault
    numbers.append(deal.bill())
    total, tax, left = deal.row("total_minor, tax_minor, to_invoice_minor")
    sums = "sum(total_minor), sum(tax_minor), sum(freight_minor), sum(discount_minor), sum(net_minor)"
    billed = f"SELECT {sums} FROM erp_invoice WHERE order_id = {deal.id} AND kind = 'invoice'"
    assert (left, world.rows(billed)[0][:4]) == (0, (total, tax, *header))
    credit_all(world, numbers)
    assert world.rows(billed.replace("'invoice'", "'credit_note'")) == world.rows(billed)
    balance = f"SELECT sum(amount_minor) FROM erp_posting WHERE currency = '{money}' GROUP BY account"
    assert world.rows(f"{balance} HAVING sum(amount_minor) <> 0") == []
