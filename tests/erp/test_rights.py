"""On PostgreSQL the program is a role without ownership: can it do its work, and nothing else?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import make_url, text

from isthmus.connect.protocol import Change
from isthmus.db import engine_for, writing
from isthmus.erp.allocating import pay
from isthmus.erp.clerk import hold, lift, limit, rate
from isthmus.erp.invoicing import credit_note, invoice
from isthmus.erp.ledger import close_period
from isthmus.erp.reversing import refund, reverse
from isthmus.erp.rights import grant
from isthmus.erp.statement import statement
from isthmus.kernel.errors import Misconfigured
from tests.erp.conftest import World


@pytest.fixture
def program(postgresql_url: str) -> Iterator[World]:
    owner = engine_for(postgresql_url)
    with writing(owner) as connection:
        connection.execute(text("DROP ROLE IF EXISTS program"))
        connection.execute(text("CREATE ROLE program LOGIN"))
        grant(connection, "program")
    owner.dispose()
    engine = engine_for(make_url(postgresql_url).set(username="program").render_as_string())
    yield World(engine)
    engine.dispose()
    with writing(owner) as connection:
        connection.execute(text("DROP OWNED BY program"))
        connection.execute(text("DROP ROLE program"))
    owner.dispose()


def test_the_role_can_do_all_its_work(program: World) -> None:
    customer = program.customer()
    change = program.order_change(customer, (2, 1000))
    (answer,) = program.write("order", change)
    update = Change("update", change.key, {"freight": 5}, [program.line("9", 3, 1000)], id=answer.id)
    (updated,) = program.write("order", update)
    assert updated.result == "updated", updated.fault
    with program.desk() as desk:
        limit(desk, customer, 5)
        hold(desk, customer, "why")
        lift(desk, customer)
        rate(desk, "USD", "EUR", value="0.9")
        written = invoice(desk, str(answer.id))
        pay(desk, customer, amount_minor=100, currency="EUR")
        credit_note(desk, written.number)
        statement(desk, customer)
        paid = pay(desk, customer, amount_minor=100, currency="EUR", invoices=[])
        refund(desk, paid.number, 5)
        refunded = refund(desk, paid.number)
        reverse(desk, refunded.number, "came back")
        program.fetch("credit_status", customer)
        program.fetch("customer_figures", customer)
        close_period(desk, "2026-11")


FORBIDDEN = (
    "TRUNCATE erp_posting",
    "DROP TABLE erp_posting CASCADE",
    "DROP TRIGGER erp_posting_fixed ON erp_posting",
    "ALTER TABLE erp_posting DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION erp_post_entry() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "UPDATE erp_posting SET amount_minor = 1",
    "UPDATE erp_allocation SET amount_minor = 1",
    "DELETE FROM erp_reversal",
    "UPDATE erp_reversal SET reason = 'other'",
    "DELETE FROM erp_posting",
    "DELETE FROM erp_customer",
    "DELETE FROM erp_external_key",
    "UPDATE erp_tax_code SET rate_micros = 0",
    "INSERT INTO erp_order_transition VALUES ('invoiced', 'draft')",
    "UPDATE erp_company SET identity = 'other'",
    "CREATE TABLE mine (id integer)",
    "COPY erp_customer TO PROGRAM 'cat'",
)


def test_the_role_can_do_nothing_else(program: World) -> None:
    for attempt in FORBIDDEN:
        with pytest.raises(Misconfigured, match=r"permission denied|must be owner"):
            program.execute(attempt)
