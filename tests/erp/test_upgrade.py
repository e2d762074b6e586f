"""Do the books of an earlier release come through an upgrade as they were, and go on?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

import isthmus.erp
from isthmus.db import revision, upgrade, writing
from isthmus.erp.allocating import pay
from isthmus.erp.invoicing import credit_note, invoice
from isthmus.erp.reversing import refund, reverse
from tests.erp.conftest import World

STAMP = "2026-10-05T09:00:00Z"
ENTRY = "INSERT INTO erp_entry (id, company, entry_date, kind, text) VALUES ({0}, 'main', '2026-10-05', '{1}', '{1}')"
POSTING = (
    "INSERT INTO erp_posting (entry_id, position, account, customer_id, currency, amount_minor) "
    "VALUES ({0}, 1, '1100', 1, 'EUR', {1}), ({0}, 2, '{2}', NULL, 'EUR', -({1}))"
)
POST = f"UPDATE erp_entry SET posted_at = '{STAMP}', posted_by = 'clerk' WHERE id = {{0}}"
INVOICE = (
    "INSERT INTO erp_invoice (id, company, number, kind, order_id, customer_id, credits_id, invoice_date, due_date, "
    "currency, freight_minor, net_minor, tax_minor, total_minor, entry_id, version, changed_by) VALUES ({0}, 'main', "
    "'I000000{0}', '{1}', 1, 1, {2}, '2026-10-05', '2026-10-19', 'EUR', 0, {3}, 0, {3}, {0}, {0}, 'clerk')"
)
LINE = (
    "INSERT INTO erp_invoice_line (invoice_id, key, position, product_id, quantity_micros, unit_price_micros, "
    "net_minor, tax_code, tax_minor) VALUES ({0}, 'a', 0, 1, {1}, 10000000, {2}, 'DE-zero', 0)"
)
#: An order of 3 pieces at 10.00, less 1.00: two pieces invoiced in two steps, one credited, one paid.
BOOKS = (
    (
        "INSERT INTO erp_customer (id, company, number, name, currency, active, match_name, version, changed_by) "
        "VALUES (1, 'main', 'C0000001', 'Alder Example', 'EUR', {yes}, 'alder example', 1, 'sync')"
    ),
    "INSERT INTO erp_credit_term (customer_id, currency, limit_minor, held) VALUES (1, 'EUR', 90000, {no})",
    (
        "INSERT INTO erp_product (id, company, number, name, tax_category, active, version, changed_by) "
        "VALUES (1, 'main', 'P0000001', 'Widget', 'zero', {yes}, 2, 'sync')"
    ),
    (
        "INSERT INTO erp_order (id, company, number, status, customer_id, order_date, currency, freight_minor, "
        "discount_minor, tax_minor, total_minor, to_invoice_minor, freight_tax_minor, version, changed_by) "
        "VALUES (1, 'main', 'O0000001', 'confirmed', 1, '2026-10-01', 'EUR', 0, 100, 0, 2900, 967, 0, 3, 'sync')"
    ),
    "UPDATE erp_order SET status = 'partly_invoiced'",
    (
        "INSERT INTO erp_order_line (order_id, key, position, product_id, quantity_micros, unit_price_micros, "
        "discount_percent_micros, amount_minor, discount_share_minor, tax_code, tax_minor, invoiced_micros) "
        "VALUES (1, 'a', 0, 1, 3000000, 10000000, 0, 3000, 100, 'DE-zero', 0, 2000000)"
    ),
    *(ENTRY.format(1, "invoice"), INVOICE.format(1, "invoice", "NULL", 967), LINE.format(1, 1_000_000, 967)),
    *(POSTING.format(1, 967, "4000"), POST.format(1)),
    *(ENTRY.format(2, "invoice"), INVOICE.format(2, "invoice", "NULL", 966), LINE.format(2, 1_000_000, 966)),
    *(POSTING.format(2, 966, "4000"), POST.format(2)),
    *(ENTRY.format(3, "credit_note"), INVOICE.format(3, "credit_note", "1", 967), LINE.format(3, 1_000_000, 967)),
    *(POSTING.format(3, -967, "4000"), POST.format(3)),
    ENTRY.format(4, "payment"),
    (
        "INSERT INTO erp_payment (id, company, number, customer_id, payment_date, currency, amount_minor, entry_id, "
        "version, changed_by) VALUES (1, 'main', 'R0000001', 1, '2026-10-05', 'EUR', 1000, 4, 4, 'clerk')"
    ),
    *(POSTING.format(4, -1000, "1000"), POST.format(4)),
    (
        "INSERT INTO erp_allocation (id, invoice_id, payment_id, credit_note_id, amount_minor, allocated_at, "
        f"allocated_by) VALUES (1, 1, NULL, 3, 967, '{STAMP}', 'clerk'), (2, 2, 1, NULL, 966, '{STAMP}', 'clerk')"
    ),
)
KEPT = ("erp_entry", "erp_posting", "erp_customer", "erp_order", "erp_change", "erp_external_key")


def at_first_release(engine: Engine) -> None:
    """The tables of the first release, with books in them, on an empty database."""
    config = Config()
    config.set_main_option("script_location", str(Path(isthmus.erp.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    is_postgresql = engine.dialect.name == "postgresql"
    words = {"yes": "true", "no": "false"} if is_postgresql else {"yes": "1", "no": "0"}
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "erp_0001")
        for statement in BOOKS:
            connection.execute(text(statement.format(**words).replace(":", "\\:")))
        for name in ("customer", "product", "order", "invoice", "payment", "entry", "allocation", "change"):
            if is_postgresql:
                connection.execute(text(f"SELECT setval('erp_{name}_number', 50)"))
        if not is_postgresql:
            connection.execute(text("UPDATE erp_sequence SET last = 50"))


@pytest.fixture
def old(bare_engine: Engine) -> Engine:
    at_first_release(bare_engine)
    return bare_engine


def kept(world: World) -> list[list[tuple[Any, ...]]]:
    return [sorted(world.rows(f"SELECT * FROM {table}"), key=repr) for table in KEPT]


def test_books_of_the_first_release_come_through_and_go_on(old: Engine) -> None:
    world = World(old)
    before = kept(world)
    assert revision(old, "erp") == ("erp_0001", "erp_0006")
    upgrade(old)
    assert kept(world) == before
    assert world.rows("SELECT id, discount_minor FROM erp_invoice ORDER BY id") == [(1, 33), (2, 34), (3, 33)]
    assert world.rows("SELECT discount_share_minor, list_minor FROM erp_order_line") == [(100, None)]
    shown = {number: world.fetch("invoice", str(number)).fields for number in (1, 2, 3)}
    assert [one["status"] for one in shown.values()] == ["cancelled", "paid", "paid"]
    payment = world.fetch("payment", "1")
    assert (payment.fields["unapplied"], payment.fields["status"]) == (34, "posted")
    assert payment.lines == [
        {"key": "2", "invoice_id": "2", "amount": 966, "invoice_amount": None, "invoice_currency": None}
    ]
    assert world.fetch("credit_status", "1").fields["exposure"] == 966 - 1_000 + 967
    with world.desk() as desk:
        assert refund(desk, "1").amount_minor == 34
        last = invoice(desk, "1")
        assert (last.total_minor, last.order_status) == (967, "invoiced")
        pay(desk, "1", amount_minor=967, currency="EUR")
        assert reverse(desk, "R0000052", "bounced").reopened == (last.number,)
        credit_note(desk, last.number)
    assert world.rows("SELECT CAST(sum(total_minor) AS BIGINT) FROM erp_invoice WHERE kind = 'invoice'") == [(2_900,)]
    assert world.rows("SELECT status FROM erp_order") == [("closed",)]


def test_an_upgrade_leaves_the_guards_awake(old: Engine) -> None:
    upgrade(old)
    world = World(old)
    for attack in (
        "UPDATE erp_invoice_line SET net_minor = 1",
        "UPDATE erp_invoice SET discount_minor = 1",
        "UPDATE erp_payment SET amount_minor = 1",
        "DELETE FROM erp_allocation",
        "INSERT INTO erp_order_transition (before, after) VALUES ('invoiced', 'draft')",
    ):
        with pytest.raises(Exception, match=r"stay|fixed"):
            world.execute(attack)
