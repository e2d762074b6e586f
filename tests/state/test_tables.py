"""Do the migrations make the tables that the code means?"""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

from isthmus.db import reading
from isthmus.state.tables import metadata


def test_migrated_tables_are_those_of_the_code(engine: Engine) -> None:
    with reading(engine) as connection:
        options = {
            "version_table": "state_version",
            "include_name": lambda name, kind, _parents: kind != "table" or name in metadata.tables,
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
