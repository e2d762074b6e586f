"""What people decided; and a number of the worklist, once told, never means something else."""

from alembic import op

from isthmus.db import run_statements

revision = "state_0003"
down_revision = "state_0002"


def upgrade() -> None:
    run_statements(op.get_bind(), __file__)
