"""What match rules compare is looked up, never shown in order: its indexes need no language's sorting, only bytes."""

from alembic import op

from isthmus.db import run_statements

revision = "erp_0005"
down_revision = "erp_0004"


def upgrade() -> None:
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":  # SQLite compares bytes as it is
        run_statements(bind, __file__)
