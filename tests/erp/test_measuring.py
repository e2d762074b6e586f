"""Counts, sums and lean reads: do they say what the records say one by one?"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from isthmus.connect.protocol import Group, Measure
from isthmus.db import engine_for
from isthmus.erp.allocating import pay
from isthmus.erp.clerk import limit
from isthmus.erp.invoicing import invoice
from isthmus.erp.reversing import reverse
from isthmus.kernel.errors import Refused
from isthmus.kernel.records import Record
from isthmus.kernel.selection import Lines, Selection, Term, passes
from isthmus.mapping.filters import compile_terms
from tests.conftest import copied_database
from tests.erp.conftest import World

MONEY = ("EUR", "JPY", "KWD")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with all tables for the whole module, once on each of the two."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        yield f"sqlite:///{shutil.copy(template, tmp_path_factory.mktemp('busy') / 'isthmus.db')}"
        return
    server, name = request.getfixturevalue("postgresql_server"), request.getfixturevalue("postgresql_template")
    with copied_database(server, name) as copied:
        yield copied


@pytest.fixture(scope="module")
def busy(url: str) -> Iterator[World]:
    """Orders in three currencies and months, half of them invoiced, some of these paid, one payment reversed.

    Nobody here changes anything in it.
    """
    engine = engine_for(url)
    world = World(engine)
    _do_business(world)
    yield world
    engine.dispose()


def _do_business(world: World) -> None:
    customers = [world.customer(terms="NET14"), world.customer(active=False, phone="+49 1")]
    with world.desk() as desk:
        limit(desk, customers[0], None, grace_days=3_000)
    for number in range(9):
        order = world.order(
            customers[0],
            (number + 1, 1_000),
            (1, 500),
            currency=MONEY[number % 3],
            order_date=f"2026-{9 + number % 3:02}-02",
        )
        if number % 2:
            continue
        with world.desk() as desk:
            written = invoice(desk, order.id)
            if number % 4 == 0:
                money = pay(desk, customers[0], amount_minor=300 + number, currency=written.currency)
            if number == 8:
                reverse(desk, money.number, "bounced")
        world.days_pass(20)


@contextmanager
def heard(world: World) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    statements: list[str] = []

    def hear(*said: Any) -> None:
        statements.append(said[2])

    event.listen(world.engine, "before_cursor_execute", hear)
    yield statements
    event.remove(world.engine, "before_cursor_execute", hear)


def everything(world: World, stream: str, *where: Term) -> list[Record]:
    pages = world.connector.read(Selection(stream, (), where=where), None, timedelta(0))
    return [record for page in pages for record in page.records]


def by_hand(records: list[Record], amount: str, day: str) -> list[Group]:
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for record in records:
        groups[record.fields["currency"], record.fields[day][:7]].append(record.fields[amount])
    return [Group(*key, len(values), sum(values)) for key, values in sorted(groups.items())]


@pytest.mark.parametrize(
    ("stream", "amount", "day"),
    [
        ("order", "total", "order_date"),
        ("order", "tax", "order_date"),
        ("invoice", "total", "invoice_date"),
        ("invoice", "outstanding", "due_date"),
        ("invoice", "days_overdue", "due_date"),
        ("payment", "amount", "payment_date"),
        ("payment", "unapplied", "payment_date"),
    ],
)
def test_the_database_adds_up_what_the_records_say(busy: World, stream: str, amount: str, day: str) -> None:
    found = busy.connector.measure(stream, Measure(amount, "currency", day))
    assert found == by_hand(everything(busy, stream), amount, day)
    assert len(found) > 1


def test_dimensions_can_be_left_out(busy: World) -> None:
    orders = everything(busy, "order")
    assert busy.connector.measure("order", Measure()) == [Group(None, None, len(orders), None)]
    by_money = busy.connector.measure("order", Measure("total", "currency"))
    assert [(group.currency, group.month, group.count) for group in by_money] == [(one, None, 3) for one in MONEY]
    assert busy.connector.measure("order", Measure(where=(Term("number", "equals", ("none",)),))) == []


def test_it_is_one_query(busy: World) -> None:
    with heard(busy) as statements:
        busy.connector.measure("invoice", Measure("outstanding", "currency", "invoice_date"))
    assert len([one for one in statements if "SELECT" in one]) == 1


TERMS = [
    Term("status", "in", ("paid", "partly_paid")),
    Term("status", "not_in", ("open",)),
    Term("currency", "equals", ("EUR",)),
    Term("order_id", "in", ("1", "x", "99999999999999999999")),
    Term("order_id", "not_in", ("1",)),
    Term("credits_id", "not_in", ("1",)),
    Term("credits_id", "is_empty", (True,)),
    Term("credits_id", "is_empty", (False,)),
    Term("invoice_date", "before", ("2026-12-01",)),
    Term("invoice_date", "after", ("2026-11-30",)),
    Term("due_date", "equals", ("2026-11-16",)),
    Term("due_date", "equals", ("no day",)),
    Term("outstanding", "equals", (0,)),
    Term("outstanding", "in", (0, True, "0")),
    Term("total", "not_in", (1500,)),
]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(TERMS), max_size=3))
def test_the_database_filters_as_we_do(busy: World, terms: list[Term]) -> None:
    whole = everything(busy, "invoice")
    wanted = [one for one in whole if all(passes(one.fields, term) for term in terms)]
    assert everything(busy, "invoice", *terms) == wanted
    counted = busy.connector.measure("invoice", Measure("total", "currency", "invoice_date", tuple(terms)))
    assert counted == by_hand(wanted, "total", "invoice_date")


@pytest.mark.parametrize(
    "term",
    [
        Term("currency", "in", ("eur", "kwd")),
        Term("number", "not_in", ("i0000001", "I0000002")),
        Term("status", "equals", ("Paid",)),
        Term("total", "after", (900,)),
        Term("outstanding", "before", (1_500,)),
        Term("order_id", "in", ("01",)),
    ],
)
def test_a_first_read_and_a_count_compare_as_every_later_read_does(busy: World, term: Term) -> None:
    whole = everything(busy, "invoice")
    outside = compile_terms((term,))
    wanted = [one for one in whole if outside(one.fields) is None]
    assert len(wanted) < len(whole)
    assert everything(busy, "invoice", term) == wanted
    counted = busy.connector.measure("invoice", Measure("total", "currency", "invoice_date", (term,)))
    assert counted == by_hand(wanted, "total", "invoice_date")


def test_what_only_a_look_at_the_record_can_answer_is_filtered_here_and_not_counted(world: World) -> None:
    first = world.customer("Alder", custom={"tier": "gold"})
    world.customer("Birch", custom={"tier": "tin"})
    gold = Term("custom.tier", "equals", ("gold",))
    assert [one.id for one in everything(world, "customer", gold)] == [first]
    assert [one.id for one in everything(world, "customer", Term("name", "before", ("B",)))] == [first]
    assert [one.id for one in everything(world, "customer", Term("active", "equals", (True,)), gold)] == [first]
    refused: list[tuple[str, Measure]] = [
        ("customer", Measure(where=(gold,))),
        ("customer", Measure(amount="name")),
        ("customer", Measure(day="name")),
        ("customer", Measure(currency="colour")),
        ("credit_status", Measure("exposure")),
    ]
    for stream, ask in refused:
        with pytest.raises(Refused, match="read the records instead"):
            world.connector.measure(stream, ask)


def lean(world: World, stream: str, *fields: str, lines: Lines | None = None) -> list[Record]:
    pages = world.connector.read(Selection(stream, fields, lines), None, timedelta(0))
    return [record for page in pages for record in page.records]


def test_a_lean_read_has_the_fields_that_were_asked_for(busy: World) -> None:
    whole = {record.id: record for record in everything(busy, "order")}
    for record in lean(busy, "order", "total", "bill_to.city"):
        assert record.lines is None
        assert record.version == whole[record.id].version
        assert record.fields == {"total": whole[record.id].fields["total"], "bill_to": {"city": None}}
    within = Lines("order.lines", "", "key", None, ("quantity",))
    first: Any = lean(busy, "order", "number", lines=within)[0].lines
    assert first == [{"key": "1", "quantity": 1_000_000}, {"key": "2", "quantity": 1_000_000}]


def test_a_lean_read_asks_for_no_lines(busy: World) -> None:
    with heard(busy) as statements:
        lean(busy, "order", "number", "total")
    assert statements
    assert not [one for one in statements if "erp_order_line" in one]
