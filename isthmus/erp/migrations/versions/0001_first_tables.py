"""The first tables, views and guards of the ERP."""

from pathlib import Path

from alembic import op
from sqlalchemy import text

from isthmus.db import run_statements
from isthmus.erp.migrations.first_rows import first_rows
from isthmus.erp.migrations.guards_postgresql import guards
from isthmus.erp.migrations.guards_sqlite import GUARDS
from isthmus.erp.sequences import STREAMS
from isthmus.erp.tables import metadata

revision = "erp_0001"
down_revision = None


def upgrade() -> None:
    connection = op.get_bind()
    dialect = connection.dialect.name
    run_statements(connection, __file__)
    for table, rows in first_rows().items():
        connection.execute(metadata.tables[table].insert(), rows)
    run_statements(connection, str(Path(__file__).with_name("0001_first_views")))
    statements: list[str] = []
    if dialect == "postgresql":
        schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
        statements += [f"CREATE SEQUENCE erp_{name}_number CACHE 1" for name in STREAMS]
        statements += list(guards(schema))
    else:
        statements += GUARDS
    for statement in statements:
        connection.execute(text(statement.replace(":", "\\:")))
