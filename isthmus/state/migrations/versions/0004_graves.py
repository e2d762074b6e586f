"""Keys that a target has buried; and an intent is kept only for as long as something of it may still land."""

from alembic import op

from isthmus.db import run_statements

revision = "state_0004"
down_revision = "state_0003"


def upgrade() -> None:
    run_statements(op.get_bind(), __file__)
