"""Quantity breaks of price lists that are the company's own."""

from alembic import op

from isthmus.db import run_statements

revision = "erp_0004"
down_revision = "erp_0003"


def upgrade() -> None:
    run_statements(op.get_bind(), __file__)
