"""The tables of tie-outs: what was compared, and every difference with its age."""

from alembic import op

from isthmus.db import run_statements

revision = "state_0002"
down_revision = "state_0001"


def upgrade() -> None:
    run_statements(op.get_bind(), __file__)
