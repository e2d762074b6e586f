"""Customers that were merged: what is booked for one counts to the other."""

from alembic import op
from sqlalchemy import text

from isthmus.db import run_statements
from isthmus.erp.migrations import merger_guards
from isthmus.erp.migrations.views import views

revision = "erp_0003"
down_revision = "erp_0002"


def upgrade() -> None:
    connection = op.get_bind()
    run_statements(connection, __file__)
    if connection.dialect.name == "postgresql":
        schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
        statements = merger_guards.on_postgresql(schema)
    else:
        statements = merger_guards.on_sqlite()
    for statement in (*statements, *views(connection.dialect.name)):
        connection.execute(text(statement.replace(":", "\\:")))
