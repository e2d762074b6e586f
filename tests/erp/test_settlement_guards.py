"""Does the database itself refuse allocations and reversals that cannot be, on SQLite as on PostgreSQL?"""

from __future__ import annotations

import pytest

from isthmus.erp.allocating import pay
from isthmus.erp.invoicing import credit_note, invoice
from isthmus.erp.reversing import refund, reverse
from tests.erp.conftest import World
from tests.erp.test_refusals import assert_refused

COLUMNS = (
    "id, invoice_id, refund_id, payment_id, credit_note_id, amount_minor, source_minor, ends_id, entry_id, "
    "allocated_at, allocated_by"
)


def allocation(*values: int | None) -> str:
    """An allocation: invoice, refund, payment, note, amount, source amount, ends, entry."""
    told = ", ".join("NULL" if value is None else str(value) for value in values)
    return f"INSERT INTO erp_allocation ({COLUMNS}) VALUES (99, {told}, '2026-11-02T00:00:00Z', 'me')"


@pytest.fixture
def books(world: World) -> World:
    """Invoices 1 (600 open) and 2 (in USD), 3 of another customer; note 4 (50 left). Payment 1 settles 400 of
    invoice 1; 2 is unapplied but for 100 that went back as payment 3; 4 was reversed; 5 is the other customer's."""
    customer, other = world.customer(), world.customer()
    orders = [world.order(customer, (1, 1_000)), world.order(customer, (1, 1_000), currency="USD")]
    orders.append(world.order(other, (1, 50)))
    with world.desk() as desk:
        for order in orders:
            invoice(desk, order.id)
        pay(desk, customer, amount_minor=400, currency="EUR")
        pay(desk, customer, amount_minor=500, currency="EUR", invoices=[])
        refund(desk, "2", 100)
        reverse(desk, pay(desk, customer, amount_minor=100, currency="EUR", invoices=["1"]).number, "bounced")
        pay(desk, other, amount_minor=50, currency="EUR", invoices=["3"])
        credit_note(desk, "3")
    return world


def reversal(payment: int, of: int) -> str:
    """A reversal of one payment by an entry that reverses another's; as two statements."""
    entry = "INSERT INTO erp_entry (id, company, entry_date, kind, text, reverses_id) "
    entry += f"SELECT 90, 'main', payment_date, 'reversal', 'by hand', entry_id FROM erp_payment WHERE id = {of}"
    return f"{entry}; INSERT INTO erp_reversal VALUES ({payment}, 90, 'reversal', 'by hand')"


SOUND = {
    "of a payment": allocation(1, None, 2, None, 400, 400, None, None),
    "an end": allocation(1, None, 1, None, -400, -400, 1, None),
    "in two currencies, with an entry": allocation(2, None, 2, None, 9, 8, None, 1),
}
MUCH, UNEQUAL, WHOLE = "more than is left to allocate", "not of one customer, or not in one", "ends whole"
UNSOUND = {
    "more than is open": (allocation(1, None, 2, None, 601, 601, None, None), MUCH),
    "more than the payment has left": (allocation(1, None, 2, None, 401, 401, None, None), MUCH),
    "of a payment that was reversed": (allocation(1, None, 4, None, 1, 1, None, None), MUCH),
    "of money that was paid back": (allocation(1, None, 3, None, 1, 1, None, None), MUCH),
    "to a refund beyond it": (allocation(None, 3, 2, None, 1, 1, None, None), MUCH),
    "to a payment as if it were a refund": (allocation(None, 1, 2, None, 1, 1, None, None), MUCH),
    "to a credit note": (allocation(4, None, 2, None, 1, 1, None, None), ""),
    "of an invoice as if it were a note": (allocation(1, None, None, 2, 1, 1, None, None), ""),
    "two amounts in one currency": (allocation(1, None, 2, None, 2, 1, None, 1), UNEQUAL),
    "two currencies without an entry": (allocation(2, None, 2, None, 1, 1, None, None), UNEQUAL),
    "a note in another currency": (allocation(2, None, None, 4, 1, 1, None, 1), UNEQUAL),
    "another customer's": (allocation(1, None, None, 4, 1, 1, None, None), UNEQUAL),
    "nothing": (allocation(1, None, 2, None, 0, 0, None, None), ""),
    "below zero": (allocation(1, None, 2, None, -5, -5, None, None), ""),
    "to nobody": (allocation(None, None, 2, None, 5, 5, None, None), ""),
    "to both": (allocation(1, 3, 2, None, 5, 5, None, None), ""),
    "of both": (allocation(1, None, 2, 4, 5, 5, None, None), ""),
    "half an end": (allocation(1, None, 1, None, -399, -399, 1, None), WHOLE),
    "an end of another payment": (allocation(1, None, 2, None, -400, -400, 1, None), WHOLE),
    "an end that gives": (allocation(1, None, 1, None, 400, 400, 1, None), ""),
    "a second end": (allocation(1, None, 4, None, -100, -100, 3, None), ""),
    "an end of an end": (allocation(1, None, 4, None, -100, -100, 4, None), ""),
    "an allocation changed": ("UPDATE erp_allocation SET source_minor = source_minor + 1", "stays as it is"),
    "an allocation taken away": ("DELETE FROM erp_allocation WHERE id = 3", "stays as it is"),
    "a reversal of what is settled": (reversal(1, of=1), "allocations first"),
    "a reversal of a refund that stands": (reversal(3, of=3), "allocations first"),
    "a reversal by another entry": (reversal(2, of=5), ""),
    "a second reversal": ("INSERT INTO erp_reversal SELECT * FROM erp_reversal", ""),
    "a reversal changed": ("UPDATE erp_reversal SET reason = 'other'", "a reversal stays"),
    "a reversal taken away": ("DELETE FROM erp_reversal", "a reversal stays"),
    "an invoice's discount changed": ("UPDATE erp_invoice SET discount_minor = 1", "stay as they are"),
    "an invoice line's discount changed": ("UPDATE erp_invoice_line SET discount_share_minor = 1", "stay as they are"),
}


def test_what_is_sound_is_taken(books: World) -> None:
    for statement in SOUND.values():
        with books.engine.connect() as connection, connection.begin() as transaction:
            connection.exec_driver_sql(statement)
            transaction.rollback()


def test_what_is_unsound_is_refused(books: World) -> None:
    for statement, says in UNSOUND.values():
        assert_refused(books, *statement.split("; "), says=says)


def test_replace_takes_nothing_away_on_sqlite(books: World) -> None:
    if books.engine.dialect.name == "sqlite":
        whole = f"REPLACE INTO erp_allocation ({COLUMNS}) SELECT {COLUMNS} FROM erp_allocation"
        assert_refused(books, whole, says="this allocation exists")
        assert_refused(books, "REPLACE INTO erp_reversal SELECT * FROM erp_reversal", says="reversed already")
    else:
        assert_refused(books, "TRUNCATE erp_reversal CASCADE", says="never emptied")
        assert_refused(books, "SET LOCAL session_replication_role = replica", "DELETE FROM erp_reversal")
