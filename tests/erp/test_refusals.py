"""Does the database itself refuse what must never happen, whoever asks and however they ask?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from isthmus.connect.protocol import Change
from isthmus.db import engine_for, writing
from isthmus.erp.allocating import pay
from isthmus.erp.external_keys import alias, bury
from isthmus.erp.invoicing import invoice
from isthmus.erp.ledger import close_period
from isthmus.kernel.errors import Unavailable
from tests.erp.conftest import World

ENTRY = "INSERT INTO erp_entry (id, company, entry_date, kind, text) VALUES (90, 'main', '{day}', 'other', 'by hand')"
POSTING = "INSERT INTO erp_posting (entry_id, position, account, currency, amount_minor) VALUES (90, {0}, '1000', {1})"
POST = "UPDATE erp_entry SET posted_at = '2026-11-02T00:00:00Z', posted_by = 'me' WHERE id = 90"
DRAFT = ENTRY.format(day="2026-11-02")
WHOLE = (DRAFT, POSTING.format(1, "'EUR', 100"), POSTING.format(2, "'EUR', -100"))


@pytest.fixture
def books(world: World) -> World:
    """One order invoiced in part and paid in part, in November; October is closed. Records are number 1 each."""
    customer = world.customer()
    order = world.order(customer, (2, 1000))
    with world.desk() as desk:
        invoice(desk, order.id, {"1": 1_000_000})
        pay(desk, customer, amount_minor=400, currency="EUR")
        close_period(desk, "2026-10")
    return world


TABLES = (
    *("erp_entry", "erp_posting", "erp_invoice", "erp_invoice_line", "erp_payment", "erp_allocation", "erp_period"),
    *("erp_external_key", "erp_order", "erp_order_transition", "erp_change", "erp_reversal"),
)


def contents(world: World) -> list[object]:
    return [sorted(world.rows(f"SELECT * FROM {table}"), key=repr) for table in TABLES]


def assert_refused(world: World, *statements: str, says: str = "") -> None:
    """Refused with these words, and nothing changed. The statement is in the failure, as cases run in loops."""
    before = contents(world)
    refusal: Exception | None = None
    try:
        world.execute(*statements)
    except (DBAPIError, Unavailable) as error:
        refusal = error
    assert refusal, f"was not refused: {statements}"
    assert says in str(refusal), statements
    assert contents(world) == before, statements


def test_a_balanced_entry_in_an_open_period_is_posted(books: World) -> None:
    books.execute(*WHOLE, POST)
    assert books.rows("SELECT posted_by FROM erp_entry WHERE id = 90") == [("me",)]


UNSOUND = {
    "no posting": ((), "two postings"),
    "one posting": (((1, "'EUR', 0"),), "two postings"),
    "unbalanced": (((1, "'EUR', 100"), (2, "'EUR', -99")), "debits and credits differ"),
    "balanced only across currencies": (((1, "'EUR', 100"), (2, "'USD', -100")), "debits and credits differ"),
}


def test_an_unsound_entry_is_not_posted(books: World) -> None:
    for postings, says in UNSOUND.values():
        entry = (DRAFT, *(POSTING.format(position, amount) for position, amount in postings))
        assert_refused(books, *entry, POST, says=says)


def test_a_closed_period_and_all_before_it_take_no_entry(books: World) -> None:
    for day in ("2026-10-31", "2026-09-01"):
        assert_refused(books, ENTRY.format(day=day), *WHOLE[1:], POST, says="the period is closed")
    late = POST.replace("SET", "SET entry_date = '2026-10-15',")
    assert_refused(books, *WHOLE, late, says="the period is closed")


AMOUNTS = ["'0.5'", "'NaN'", "9000000000001", "-9000000000001", "NULL", "1e30", "'twelve'"]


def test_an_amount_is_a_whole_number_within_range(books: World) -> None:
    for amount in AMOUNTS:
        assert_refused(books, DRAFT, POSTING.format(1, f"'EUR', {amount}"))


COLUMNS = "entry_id, position, account, customer_id, currency, amount_minor"
ATTACKS = {
    "born posted": DRAFT.replace("text)", "text, posted_at)").replace("'by hand')", "'by hand', '2026-11-02')"),
    "change an amount": "UPDATE erp_posting SET amount_minor = amount_minor * 2",
    "change an account": "UPDATE erp_posting SET account = '2200' WHERE account = '4000'",
    "change a currency": "UPDATE erp_posting SET currency = 'USD'",
    "delete a posting": "DELETE FROM erp_posting WHERE entry_id = 1 AND position = 1",
    "delete all postings": "DELETE FROM erp_posting",
    "add a posting late": f"INSERT INTO erp_posting ({COLUMNS}) VALUES (1, 9, '1000', NULL, 'EUR', 5)",
    "add two that balance": (
        f"INSERT INTO erp_posting ({COLUMNS}) VALUES (1, 8, '1000', NULL, 'EUR', 5), (1, 9, '1000', NULL, 'EUR', -5)"
    ),
    "move postings elsewhere": "UPDATE erp_posting SET entry_id = 2, position = position + 10 WHERE entry_id = 1",
    "upsert a posting": (
        f"INSERT INTO erp_posting ({COLUMNS}) VALUES (1, 1, '1000', NULL, 'EUR', 5) "
        "ON CONFLICT (entry_id, position) DO UPDATE SET amount_minor = 5"
    ),
    "unpost": "UPDATE erp_entry SET posted_at = NULL",
    "post again": "UPDATE erp_entry SET posted_at = '2026-11-03'",
    "move to another day": "UPDATE erp_entry SET entry_date = '2026-12-01' WHERE id = 1",
    "change its text": "UPDATE erp_entry SET text = 'something else'",
    "change its id": "UPDATE erp_entry SET id = id + 100",
    "delete an entry": "DELETE FROM erp_entry",
    "upsert an entry": DRAFT.replace("(90", "(1") + " ON CONFLICT (id) DO UPDATE SET text = 'new'",
    "change an invoice's total": "UPDATE erp_invoice SET total_minor = 1, net_minor = 1, tax_minor = 0",
    "change an invoice's day": "UPDATE erp_invoice SET due_date = '2027-01-01'",
    "change an invoice's id": "UPDATE erp_invoice SET id = 7",
    "hang an invoice on another entry": "UPDATE erp_invoice SET entry_id = 2",
    "delete an invoice": "DELETE FROM erp_invoice",
    "change an invoice line": "UPDATE erp_invoice_line SET net_minor = 1",
    "delete an invoice line": "DELETE FROM erp_invoice_line",
    "add an invoice line late": (
        "INSERT INTO erp_invoice_line SELECT invoice_id, 'late', position, product_id, quantity_micros, "
        "unit_price_micros, description, net_minor, tax_code, tax_minor FROM erp_invoice_line"
    ),
    "change a payment": "UPDATE erp_payment SET amount_minor = 5000",
    "give a payment to another": "UPDATE erp_payment SET reference = 'other'",
    "delete a payment": "DELETE FROM erp_payment",
    "change an allocation": "UPDATE erp_allocation SET amount_minor = 1",
    "delete an allocation": "DELETE FROM erp_allocation",
    "allocate more than is paid": (
        "INSERT INTO erp_allocation (id, invoice_id, payment_id, amount_minor, source_minor, allocated_at, "
        "allocated_by) VALUES (9, 1, 1, 1, 1, '2026-11-02', 'me')"
    ),
    "reopen a period": "UPDATE erp_period SET closed = (1 = 0)",
    "rename a period": "UPDATE erp_period SET month = '2020-01'",
    "delete a period": "DELETE FROM erp_period",
    "a key again": "INSERT INTO erp_external_key SELECT stream, key, 99, 'live' FROM erp_external_key LIMIT 1",
    "a key for another record": "UPDATE erp_external_key SET record_id = 99",
    "rename a key": "UPDATE erp_external_key SET key = key || 'x'",
    "delete a key": "DELETE FROM erp_external_key",
    "upsert a key": (
        "INSERT INTO erp_external_key (stream, key, record_id, status) VALUES ('customer', 'key-1', 99, 'live') "
        "ON CONFLICT (stream, key) DO UPDATE SET record_id = 99"
    ),
    "a step that is none": "UPDATE erp_order SET status = 'confirmed'",
    "cancel what is invoiced": "UPDATE erp_order SET status = 'cancelled'",
    "a new step": "INSERT INTO erp_order_transition (before, after) VALUES ('partly_invoiced', 'cancelled')",
    "steps changed": "UPDATE erp_order_transition SET after = 'draft'",
    "steps deleted": "DELETE FROM erp_order_transition",
    "rename an order": "UPDATE erp_order SET number = 'O9'",
    "delete an order": "DELETE FROM erp_order",
    "rewrite the log": "UPDATE erp_change SET by = 'sync'",
    "delete the log": "DELETE FROM erp_change",
}


def test_what_is_posted_stays(books: World) -> None:
    for attack in ATTACKS.values():
        assert_refused(books, attack)


def test_a_draft_may_be_thrown_away(books: World) -> None:
    books.execute(*WHOLE)
    books.execute("DELETE FROM erp_posting WHERE entry_id = 90", "DELETE FROM erp_entry WHERE id = 90")


def test_a_posting_does_not_leave_a_draft_for_a_posted_entry(books: World) -> None:
    books.execute(*WHOLE)
    assert_refused(books, "UPDATE erp_posting SET entry_id = 1, position = position + 20 WHERE entry_id = 90")


REPLACES = {
    "entry": "REPLACE INTO erp_entry (id, company, entry_date, kind, text) VALUES (1, 'main', '2026-11-02', 'x', 'y')",
    "entry by another's id": "UPDATE OR REPLACE erp_entry SET id = 1 WHERE id = 90",
    "entry by row id": "UPDATE OR REPLACE erp_entry SET rowid = 1 WHERE id = 90",
    "posting": f"INSERT OR REPLACE INTO erp_posting ({COLUMNS}) VALUES (1, 1, '1000', NULL, 'EUR', 5)",
    "posting moved": "UPDATE OR REPLACE erp_posting SET entry_id = 1 WHERE entry_id = 90",
    "posting by row id": f"REPLACE INTO erp_posting (rowid, {COLUMNS}) VALUES (1, 1, 9, '1000', NULL, 'EUR', 5)",
    "invoice": (
        "REPLACE INTO erp_invoice SELECT id, company, number, kind, order_id, customer_id, credits_id, invoice_date, "
        "due_date, currency, 0, 0, 0, 0, 90, version, changed_by, 0 FROM erp_invoice"
    ),
    "invoice by its number": (
        "REPLACE INTO erp_invoice SELECT 77, company, number, kind, order_id, customer_id, credits_id, invoice_date, "
        "due_date, currency, 0, 0, 0, 0, 90, version, changed_by, 0 FROM erp_invoice"
    ),
    "payment by its number": (
        "REPLACE INTO erp_payment SELECT 77, company, number, customer_id, payment_date, currency, 1, reference, 90, "
        "version, changed_by FROM erp_payment"
    ),
    "allocation": (
        "REPLACE INTO erp_allocation SELECT id, invoice_id, refund_id, payment_id, credit_note_id, 1, 1, ends_id, "
        "entry_id, '', '' FROM erp_allocation"
    ),
    "period": "REPLACE INTO erp_period (company, month, closed) VALUES ('main', '2026-10', 0)",
    "key": "REPLACE INTO erp_external_key SELECT stream, key, 99, 'live' FROM erp_external_key LIMIT 1",
    "key moved": "UPDATE OR REPLACE erp_external_key SET key = 'key-1' WHERE stream = 'product'",
    "order": "REPLACE INTO erp_order SELECT * FROM erp_order",
    "step": "REPLACE INTO erp_order_transition (before, after) VALUES ('partly_invoiced', 'cancelled')",
}


@pytest.mark.parametrize("pragma", ["recursive_triggers=ON", "recursive_triggers=OFF", "foreign_keys=OFF"])
def test_replace_takes_nothing_away_on_sqlite(sqlite_url: str, pragma: str) -> None:
    """`REPLACE` deletes rows without a DELETE; delete triggers see that only if a session asks for it."""
    engine = create_engine(sqlite_url)
    event.listen(engine, "connect", lambda connection, _: connection.execute(f"PRAGMA {pragma}"))
    world = World(engine)
    customer = world.customer()
    order = world.order(customer, (2, 1000))
    with world.desk() as desk:
        invoice(desk, order.id, {"1": 1_000_000})
        pay(desk, customer, amount_minor=400, currency="EUR")
        close_period(desk, "2026-10")
    world.execute(*WHOLE)
    for attack in (*REPLACES.values(), *ATTACKS.values()):
        assert_refused(world, attack)
    engine.dispose()


@pytest.fixture
def postgresql_books(postgresql_url: str) -> Iterator[World]:
    engine = engine_for(postgresql_url)
    world = World(engine)
    order = world.order(world.customer(), (2, 1000))
    with world.desk() as desk:
        invoice(desk, order.id, {"1": 1_000_000})
    yield world
    engine.dispose()


def test_no_table_that_stays_is_emptied_on_postgresql(postgresql_books: World) -> None:
    for table in TABLES:
        assert_refused(postgresql_books, f"TRUNCATE {table} CASCADE", says="never emptied")


def test_replica_mode_switches_nothing_off_on_postgresql(postgresql_books: World) -> None:
    replica = "SET LOCAL session_replication_role = replica"
    assert_refused(postgresql_books, replica, "DELETE FROM erp_posting WHERE position = 1")
    assert_refused(postgresql_books, replica, f"INSERT INTO erp_posting ({COLUMNS}) VALUES (1, 9, 'x', 1, 'EUR', 5)")


def test_a_temporary_table_does_not_stand_in_for_the_postings(postgresql_books: World) -> None:
    postgresql_books.execute(DRAFT, POSTING.format(1, "'EUR', 100"))
    temporary = "CREATE TEMP TABLE erp_posting AS SELECT * FROM public.erp_posting WHERE entry_id = 1"
    balanced = "UPDATE pg_temp.erp_posting SET entry_id = 90"
    assert_refused(postgresql_books, temporary, balanced, POST, says="two postings")


def test_an_old_snapshot_posts_nothing_on_postgresql(postgresql_books: World) -> None:
    """Its check would not see what others wrote meanwhile."""
    postgresql_books.execute(*WHOLE)
    for level in ("REPEATABLE READ", "SERIALIZABLE"):
        begin = f"SET TRANSACTION ISOLATION LEVEL {level}"
        assert_refused(postgresql_books, begin, POST, says="read committed")


def test_a_buried_key_never_comes_back(world: World) -> None:
    with world.desk() as desk:
        bury(desk.connection, "customer", ["key-1"])
    for status in ("live", "alias"):
        assert_refused(world, f"UPDATE erp_external_key SET status = '{status}'")
    assert_refused(world, "INSERT INTO erp_external_key VALUES ('customer', 'key-1', 2, 'live')")


def test_an_alias_does_not_become_live_again(world: World) -> None:
    loser, winner = world.customer(), world.customer()
    with world.desk() as desk:
        alias(desk.connection, "customer", "key-1", record_id=int(winner))
    assert world.connector.find_keys("customer", ["key-1", "key-2"]) == {"key-1": winner, "key-2": winner}
    assert loser != winner
    assert_refused(world, "UPDATE erp_external_key SET status = 'live' WHERE key = 'key-1'", says="one live record")


def test_an_invoiced_order_does_not_come_back_from_cancelled(engine: Engine) -> None:
    """A cancelled order with an invoice cannot be, so the guard is tried on one whose invoice came later."""
    world = World(engine)
    order = world.order(world.customer(), (1, 1000))
    with world.desk() as desk:
        invoice(desk, order.id)
    with pytest.raises(DBAPIError, match="does not go from its status"), writing(engine) as connection:
        connection.execute(text("UPDATE erp_order SET status = 'draft'"))


def test_a_closed_customer_gets_no_order_however_it_comes(world: World) -> None:
    customer, other = world.customer(), world.customer()
    kept, back, moved = (world.order_change(one, (1, 1_000)) for one in (customer, customer, other))
    ids = {answer.key: answer.id for answer in world.write("order", kept, back, moved)}
    world.write("order", Change("withdraw", back.key, {}, id=ids[back.key], how="cancel"))
    world.write("customer", Change("withdraw", "key-1", {}, id=customer, how="deactivate"))
    answers = world.write(
        "order",
        Change("update", kept.key, {"customer_reference": "PO 7"}, id=ids[kept.key]),
        Change("reopen", back.key, {}, id=ids[back.key]),
        Change("update", moved.key, {"customer_id": customer}, id=ids[moved.key]),
    )
    assert [one.result for one in answers] == ["updated", "refused", "refused"]
    assert {one.fault.what for one in answers if one.fault} == {"the customer is not active"}
    world.write("customer", Change("reopen", "key-1", {}, id=customer))
    (again,) = world.write("order", Change("reopen", back.key, {}, id=ids[back.key]))
    assert again.record is not None
    assert again.record.fields["status"] == "confirmed"
