"""The first tables of the state."""

from alembic import op

from isthmus.state.tables import metadata

revision = "state_0001"
down_revision = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
