"""PostgreSQL: what a statement's rows name is looked up together. Row by row took half of an order's writing."""

from alembic import op
from sqlalchemy import text

from isthmus.erp.migrations import reference_guards

revision = "erp_0006"
down_revision = "erp_0005"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":  # SQLite's foreign keys cost little
        return
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    for statement in reference_guards.guards(schema):
        connection.execute(text(statement.replace(":", "\\:")))
