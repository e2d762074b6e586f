"""The first tables of the state."""

from alembic import op

from isthmus.db import run_statements

revision = "state_0001"
down_revision = None


def upgrade() -> None:
    run_statements(op.get_bind(), __file__)
