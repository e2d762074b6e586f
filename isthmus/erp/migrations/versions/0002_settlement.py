"""Allocations that end, money that goes back, currencies that differ, shared limits, and discounts on invoices."""

from collections.abc import Iterator
from pathlib import Path

from alembic import op
from sqlalchemy import Connection, text

from isthmus.db import run_statements
from isthmus.erp.migrations import settlement_guards_postgresql, settlement_guards_sqlite
from isthmus.erp.migrations.discounts import fill_discounts

revision = "erp_0002"
down_revision = "erp_0001"

_ROWS = (
    "INSERT INTO erp_account (code, name, kind) VALUES ('1190', 'Exchange of currencies', 'asset')",
    "INSERT INTO erp_account (code, name, kind) VALUES ('4900', 'Exchange gains and losses, realised', 'income')",
    "INSERT INTO erp_account (code, name, kind) VALUES ('6800', 'Bank charges', 'expense')",
    "INSERT INTO erp_order_transition (before, after) VALUES ('closed', 'invoiced')",
)


def upgrade() -> None:
    connection = op.get_bind()
    run_statements(connection, __file__)
    statements = _on_postgresql(connection) if connection.dialect.name == "postgresql" else _on_sqlite(connection)
    for statement in statements:
        connection.execute(text(statement.replace(":", "\\:")))
    run_statements(connection, str(Path(__file__).with_name("0002_settlement_views")))


def _on_sqlite(connection: Connection) -> Iterator[str]:
    for trigger in settlement_guards_sqlite.REPLACED:
        yield f"DROP TRIGGER {trigger}"
    fill_discounts(connection)
    yield from _ROWS
    yield from settlement_guards_sqlite.guards()


def _on_postgresql(connection: Connection) -> Iterator[str]:
    for table, trigger in settlement_guards_postgresql.RESTING:
        yield f"ALTER TABLE {table} DISABLE TRIGGER {trigger}"
    fill_discounts(connection)
    yield from _ROWS
    for table, trigger in settlement_guards_postgresql.RESTING:
        yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    yield from settlement_guards_postgresql.guards(schema)
