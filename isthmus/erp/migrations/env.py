"""Run by `isthmus.db.upgrade`."""

from isthmus.db import run_migrations
from isthmus.erp.tables import metadata

run_migrations("erp", metadata)
