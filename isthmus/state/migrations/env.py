"""Run by `isthmus.db.upgrade`."""

from isthmus.db import run_migrations
from isthmus.state.tables import metadata

run_migrations("state", metadata)
