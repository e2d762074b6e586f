"""The connector: is every change answered once, written once, and shown again as it is?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from connectors.builtin_erp import Connector
from isthmus.connect.protocol import Change
from isthmus.db import engine_for, writing
from isthmus.erp.clerk import cancel, limit
from isthmus.erp.external_keys import alias
from isthmus.erp.invoicing import invoice
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import Misconfigured
from isthmus.kernel.records import Record
from isthmus.kernel.selection import Selection, Term
from tests.erp.conftest import World


def moved(world: World, stream: str, since: str | None = None, *terms: Term) -> tuple[list[Record], str]:
    pages = list(world.connector.read(Selection(stream, (), where=terms), since, timedelta(minutes=10)))
    records = [record for page in pages for record in page.records]
    assert [page.read for page in pages] == [len(page.records) for page in pages]
    assert pages[-1].complete_to
    return records, pages[-1].complete_to


def test_what_is_written_reads_back_the_same_everywhere(world: World) -> None:
    product = world.create(
        "product",
        {"name": "Bolt", "sku": "B-1"},
        [{"key": "e1", "price_list": "Standard", "currency": "EUR", "unit_price": 1_500_000}],
    )
    customer = world.create("customer", {"name": "Alder Example", "currency": "EUR", "billing": {"city": "Ulm"}})
    line = {"key": "1", "product_id": product.id, "quantity": 1_000_000, "unit_price": 1_500_000}
    quote = world.create("quote", {"customer_id": customer.id, "currency": "EUR"}, [line])
    fields = {"customer_id": customer.id, "currency": "EUR", "order_date": "2026-11-02", "quote_id": quote.id}
    order = world.create("order", fields, [line])
    for stream, answer in (("product", product), ("order", order)):
        assert answer.record
        assert answer.id
        assert world.fetch(stream, answer.id) == answer.record
        assert moved(world, stream)[0] == [answer.record]
        assert answer.record.by_us
    assert quote.id
    assert world.fetch("quote", quote.id).fields["status"] == "accepted"


ULM = {"street": "Lane 1", "city": "Ulm", "state": None, "postal_code": "89073", "country": "DE"}


@pytest.mark.parametrize(
    ("fields", "is_as_written"),
    [
        ({"phone": None, "billing": ULM, "active": False}, True),
        ({"billing": {"city": "Ulm"}}, False),  # the others show null
        ({"billing": None}, False),
        ({"active": None}, False),
        ({"parent_id": "007"}, False),
        ({"parent_id": "7"}, True),
        ({"custom": {"b": 1, "a": None}}, False),
    ],
)
def test_a_new_customer_shows_what_was_written_or_is_answered_whole(
    world: World, fields: dict[str, Any], is_as_written: bool
) -> None:
    for number in range(7):
        world.customer(f"Parent {number}")
    wanted = {"name": "Alder Example", "currency": "EUR", **fields}
    answer = world.create("customer", wanted)
    assert (answer.as_written, answer.record is None) == (is_as_written, is_as_written)
    shown = world.fetch("customer", answer.id or "")
    assert (answer.version, shown.by_us) == (shown.version, True)
    assert answer.record in (None, shown)
    assert (shown.fields | wanted == shown.fields) is is_as_written
    assert moved(world, "customer")[0][-1] == shown


def test_a_second_create_of_one_key_answers_with_the_first_record(world: World) -> None:
    first = world.create("customer", {"name": "Alder Example", "currency": "EUR"}, key="k")
    again = world.create("customer", {"name": "Another Example", "currency": "EUR"}, key="k")
    assert (again.result, again.id, again.version) == ("created", first.id, first.version)
    assert again.record == world.fetch("customer", first.id or "")
    both = world.write("customer", *(Change("create", "new", {"name": "Elm Example", "currency": "EUR"}),) * 2)
    assert both[0] == both[1]
    assert world.rows("SELECT count(*) FROM erp_customer") == [(2,)]


def test_a_late_create_does_not_bring_back_what_is_merged_or_buried(world: World) -> None:
    survivor = world.customer()
    world.create("customer", {"name": "Elm Example", "currency": "EUR"}, key="merged")
    with world.desk() as desk:
        alias(desk.connection, "customer", "merged", record_id=int(survivor))
    buried = [Change("bury", key, {}) for key in ("gone", "merged", "gone")]
    assert [one.result for one in world.write("customer", *buried[:2])] == ["withdrawn", "moved"]
    assert world.write("customer", buried[2])[0].result == "withdrawn", "a grave stays one"
    for key in ("merged", "gone"):
        late = world.create("customer", {"name": "Elm Example", "currency": "EUR"}, key=key)
        assert late.result == "refused"
    assert world.connector.find_keys("customer", ["merged", "gone", "never"]) == {"merged": survivor}


def test_a_withdrawn_record_keeps_its_key_and_comes_back_under_it(world: World) -> None:
    customer = world.customer()
    change = world.order_change(customer, (1, 1000))
    (order,) = world.write("order", change)
    (gone,) = world.write("order", Change("withdraw", change.key, {}, id=order.id, how="cancel"))
    assert gone.result == "withdrawn"
    with world.desk() as desk:
        limit(desk, customer, 0)
    (back,) = world.write("order", Change("reopen", change.key, {"freight": 1}, id=order.id))
    assert back.record
    assert (back.result, back.id, back.record.fields["status"]) == ("updated", order.id, "held")


REFUSED: list[tuple[str, dict[str, object], str]] = [
    ("customer", {"name": "x" * 256, "currency": "EUR"}, "name: is 256 characters long, the ERP takes 255"),
    ("customer", {"name": "Elm", "currency": "EUX"}, "currency: 'EUX' is not an ISO 4217 currency"),
    ("customer", {"name": "Elm"}, "currency: is missing"),
    ("customer", {"name": 7, "currency": "EUR"}, "name: 7 is not text"),
    ("customer", {"name": "Elm", "currency": "EUR", "terms": "NET7"}, "terms: 'NET7' is not one of PREPAID, NET14"),
    ("customer", {"name": "Elm", "currency": "EUR", "parent_id": "99"}, "parent_id: there is no customer 99"),
    ("customer", {"name": "Elm", "currency": "EUR", "colour": "red"}, "colour: is not a field of the ERP"),
    ("customer", {"name": "Elm", "currency": "EUR", "billing": {"planet": "x"}}, "billing.planet: is not a field"),
    ("customer", {"name": "Elm", "currency": "EUR", "number": "C1"}, "number: belongs to the ERP"),
    ("customer", {"name": "Elm\0", "currency": "EUR"}, "name: holds a character"),
    ("order", {"order_date": "2026-02-30"}, "order_date: '2026-02-30' is not a day"),
    ("order", {"customer_id": "99"}, "customer_id: there is no customer 99"),
    ("order", {"customer_id": "Elm"}, "customer_id: 'Elm' is no id of the ERP"),
    ("order", {"quote_id": "99"}, "quote_id: there is no quote 99"),
    ("order", {"discount": 2000}, "discount: 20.00 EUR is more than the lines, 10.00"),
    ("order", {"freight": 0.5}, "freight: 0.5 is not a whole number of minor units"),
    ("order", {"freight": -1}, "freight: -1 is too small"),
    ("order", {"status": "confirmed"}, "status: belongs to the ERP"),
]


def test_a_refusal_says_why_and_stops_no_neighbour(world: World) -> None:
    order = world.order_change(world.customer(), (1, 1000))
    for stream, fields, says in REFUSED:
        sound = order.fields if stream == "order" else {"name": "Neighbour", "currency": "EUR"}
        lines = order.lines if stream == "order" else None
        wrong = {**sound, **fields} if stream == "order" else fields
        changes = [Change("create", world.key(), one, lines) for one in (sound, wrong, sound)]
        answers = world.write(stream, *changes)
        assert [answer.result for answer in answers] == ["created", "refused", "created"], says
        assert str(answers[1].fault).startswith(says)


def test_an_order_needs_a_line_and_each_line_a_known_product(world: World) -> None:
    change = world.order_change(world.customer())
    assert str(world.write("order", change)[0].fault) == "lines: an order needs a line; add a product to the order"
    change.lines = [{**world.line("a", 1, 100), "product_id": "99"}]
    assert "line a product_id: there is no product 99" in str(world.write("order", change)[0].fault)
    change.lines = [world.line("a", 1, 100)] * 2
    assert "line 2 key: 'a' stands twice" in str(world.write("order", change)[0].fault)


def test_a_quote_has_one_live_order(world: World) -> None:
    customer = world.customer()
    change = world.order_change(customer, (1, 1000))
    quote = world.create("quote", {"customer_id": customer, "currency": "EUR"}, change.lines)
    change.fields["quote_id"] = quote.id
    second = Change("create", world.key(), change.fields, change.lines)
    first, refused = world.write("order", change, second)
    assert (first.result, refused.result) == ("created", "refused")
    assert "already used by order O0000001" in str(world.write("order", second)[0].fault)
    with world.desk() as desk:
        cancel(desk, str(first.id))
    assert world.write("order", second)[0].result == "created"
    (again,) = world.write("order", Change("reopen", change.key, {}, id=first.id))
    assert "already used by order O0000002" in str(again.fault)


def test_another_version_than_expected_is_moved_and_nothing_is_written(world: World) -> None:
    for stream, fields in (("customer", {"name": "Elm Example", "currency": "EUR"}), ("product", {"name": "Nut"})):
        created = world.create(stream, fields)
        change = Change("update", "key-1", {"name": "New"}, id=created.id, expects=created.version)
        assert world.write(stream, change)[0].result == "updated"
        (late,) = world.write(stream, change)
        assert (late.result, late.record) == ("moved", world.fetch(stream, str(created.id)))


def test_an_update_that_changes_nothing_writes_nothing(world: World) -> None:
    customer = world.customer("Elm Example")
    before = world.fetch("customer", customer)
    (same,) = world.write("customer", Change("update", "key-1", {"name": "Elm Example", "billing": {}}, id=customer))
    assert (same.result, same.record) == ("updated", before)


def test_absent_keeps_and_null_clears(world: World) -> None:
    customer = world.customer("Elm Example", phone="+49 1", billing={"city": "Ulm", "country": "DE"})
    update = {"phone": None, "billing": {"city": "Bonn"}}
    (answer,) = world.write("customer", Change("update", "key-1", update, id=customer))
    assert answer.record
    assert answer.record.fields["phone"] is None
    assert answer.record.fields["name"] == "Elm Example"
    assert answer.record.fields["billing"] == {
        "street": None,
        "city": "Bonn",
        "state": None,
        "postal_code": None,
        "country": "DE",
    }


def test_an_invoiced_order_stays_as_it_was_sold(world: World) -> None:
    change = world.order_change(world.customer(), (2, 1000))
    (order,) = world.write("order", change)
    with world.desk() as desk:
        invoice(desk, str(order.id), {"1": 1_000_000})
    (answer,) = world.write("order", Change("update", change.key, {"freight": 5}, id=order.id))
    assert str(answer.fault) == (
        "freight: order O0000001 is partly invoiced: it stays as it was sold; "
        "write a credit note and enter a new order, or dismiss the change"
    )
    (answer,) = world.write("order", Change("withdraw", change.key, {}, id=order.id, how="cancel"))
    assert "is partly invoiced and cannot be cancelled; write a credit note for its invoices" in str(answer.fault)
    assert str(answer.fault).endswith("or dismiss the withdrawal")
    (answer,) = world.write("order", Change("update", change.key, {"customer_reference": "PO 9"}, id=order.id))
    assert answer.result == "updated"
    assert world.rows("SELECT to_invoice_minor, status FROM erp_order") == [(1000, "partly_invoiced")]


def test_a_matched_record_takes_the_key_with_its_first_update(world: World) -> None:
    customer = world.customer()
    (answer,) = world.write("customer", Change("update", "from-crm", {"phone": "+49 2"}, id=customer))
    assert answer.result == "updated"
    assert world.connector.find_keys("customer", ["from-crm"]) == {"from-crm": customer}
    other = world.customer()
    (answer,) = world.write("customer", Change("update", "from-crm", {"phone": "+49 3"}, id=other))
    assert "this key belongs to another record" in str(answer.fault)


def test_reading_goes_on_where_it_stopped(world: World) -> None:
    world.customer("A Example")
    _, position = moved(world, "customer")
    assert moved(world, "customer", position) == ([], position)
    later = world.customer("B Example", active=False)
    found, position = moved(world, "customer", position)
    assert [record.id for record in found] == [later]
    assert [one.id for one in moved(world, "customer", None, Term("active", "equals", (True,)))[0]] == ["1"]
    with pytest.raises(Misconfigured, match="is no position"):
        moved(world, "customer", "yesterday")


def test_more_than_a_page_is_read_once_and_in_order(world: World) -> None:
    names = [{"name": f"Example {number}", "currency": "EUR"} for number in range(2_001)]
    world.write("customer", *(Change("create", world.key(), fields) for fields in names))
    pages = list(world.connector.read(Selection("customer", ()), None, timedelta(0)))
    assert [len(page.records) for page in pages] == [2_000, 1]
    versions = [record.version for page in pages for record in page.records]
    assert versions == sorted(set(versions))
    assert [record.fields["name"] for page in pages for record in page.records] == [one["name"] for one in names]


def test_a_change_that_commits_late_is_read_later_on_postgresql(postgresql_url: str) -> None:
    """Its number is lower than one that is visible already; the reader must not have passed it."""
    engine = engine_for(postgresql_url)
    world = World(engine)
    with writing(engine) as slow:
        first = world.connector.write("customer", [Change("create", "slow", {"name": "S", "currency": "EUR"})], slow)
        world.create("customer", {"name": "Quick", "currency": "EUR"})
        found, position = moved(world, "customer")
        assert found == []
    found, position = moved(world, "customer", position)
    assert [record.fields["name"] for record in found] == ["S", "Quick"]
    assert (found[0].id, found[0].version) == (first[0].id, first[0].version)
    engine.dispose()


def test_find_compares_as_match_rules_do(world: World) -> None:
    customer = world.customer("Straße  Example", tax_id="DE 1", billing={"postal_code": "89073", "country": "DE"})
    world.customer("Strasse Example", billing={"country": "DE"})
    find = world.connector.find
    (hit,) = find("customer", ("name", "billing.postal_code", "billing.country"), [("strasse example", "89073", "de")])
    assert (hit.id, hit.values) == (customer, ("Straße  Example", "89073", "DE"))
    assert [one.id for one in find("customer", ("tax_id",), [("de 1",), ("de 2",)])] == [customer]
    assert [one.id for one in find("customer", ("billing.postal_code",), [("89073",)])] == [customer]
    product = world.product(sku="A-7")
    assert [one.id for one in find("product", ("sku",), [("a-7",)])] == [product]
    with pytest.raises(Misconfigured, match="has no field 'colour'"):
        find("product", ("colour",), [("red",)])


def test_writes_join_the_callers_transaction(world: World) -> None:
    with world.engine.connect() as connection, connection.begin() as transaction:
        change = Change("create", "k", {"name": "Elm", "currency": "EUR"})
        assert world.connector.write("customer", [change], connection)[0].result == "created"
        transaction.rollback()
    assert world.rows("SELECT count(*) FROM erp_customer") == [(0,)]


def test_a_page_costs_the_same_statements_however_many_records_it_has(world: World) -> None:
    statements: list[str] = []
    customer = world.customer()
    world.order(customer, (1, 100))

    def count(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(world.engine, "before_cursor_execute", count)
    counts = []
    for size in (2, 200):
        statements.clear()
        changes = [world.order_change(customer, (1, 100), (2, 300)) for _ in range(size)]
        assert {answer.result for answer in world.write("order", *changes)} == {"created"}
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert counts[0] < 30


def test_one_poisoned_record_in_a_page_that_only_the_database_can_name(world: World) -> None:
    """Every record passes our checks; a rule added by somebody else refuses one of them."""
    rule = (
        "CREATE TRIGGER odd BEFORE INSERT ON erp_customer WHEN NEW.name = 'Odd' BEGIN SELECT RAISE(ABORT, 'odd'); END"
    )
    if world.engine.dialect.name == "postgresql":
        rule = "ALTER TABLE erp_customer ADD CONSTRAINT odd CHECK (name <> 'Odd')"
    world.execute(rule)
    names = ["One", "Two", "Odd", "Four", "Five"]
    answers = world.write("customer", *(Change("create", n, {"name": n, "currency": "EUR"}) for n in names))
    assert [answer.result for answer in answers] == ["created", "created", "refused", "created", "created"]
    assert str(answers[2].fault) == "customer: the database refuses it: odd; correct the record"


def test_two_writers_never_pass_a_limit_together(world: World, new_engine: Callable[[], Engine]) -> None:
    customer = world.customer()
    with world.desk() as desk:
        limit(desk, customer, 10_000)
    pages = [[world.order_change(customer, (1, 300)) for _ in range(30)] for _ in range(4)]
    writers = [Connector(Connection("erp", "builtin_erp"), engine=new_engine(), clock=world.clock) for _ in pages]
    results: list[str] = []

    def run(writer: Connector, page: list[Change]) -> None:
        for start in range(0, len(page), 10):
            results.extend(answer.result for answer in writer.write("order", page[start : start + 10]))

    threads = [Thread(target=run, args=pair) for pair in zip(writers, pages, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert results == ["created"] * 120
    assert world.rows("SELECT exposure_minor, status FROM erp_credit") == [(9_900, "warning")]
    assert world.rows("SELECT count(*) FROM erp_order WHERE status = 'confirmed'") == [(33,)]


def test_two_writers_of_one_key_make_one_record(world: World, new_engine: Callable[[], Engine]) -> None:
    writers = [Connector(Connection("erp", "builtin_erp"), engine=new_engine(), clock=world.clock) for _ in range(4)]
    changes = [Change("create", f"same-{n}", {"name": f"Example {n}", "currency": "EUR"}) for n in range(50)]
    ids: list[tuple[str | None, ...]] = []

    def run(writer: Connector) -> None:
        ids.append(tuple(answer.id for answer in writer.write("customer", changes)))

    threads = [Thread(target=run, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(ids) == 4
    assert len(set(ids)) == 1
    assert world.rows("SELECT count(*) FROM erp_customer") == [(50,)]


def test_streams_are_described_with_lengths_values_and_references(world: World) -> None:
    fields = world.connector.describe("order").fields
    assert fields["customer_id"].refers_to == ("customer",)
    assert (fields["status"].updatable, "held" in fields["status"].values) == (False, True)
    assert fields["bill_to.street"].length == 255
    assert world.connector.describe("order.lines").fields["quantity"].decimals == 6
    with pytest.raises(Misconfigured, match="no such stream"):
        world.connector.describe("invoices")
    assert world.connector.identity() == world.connector.identity()
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM erp_company")).scalar_one() == 1
