"""Where each unit of a mapping stood in both systems when the records were last planned."""

from alembic import op

from isthmus.db import run_statements

revision = "state_0005"
down_revision = "state_0004"


def upgrade() -> None:
    run_statements(op.get_bind(), __file__)
