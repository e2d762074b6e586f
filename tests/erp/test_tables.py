"""Do the migrated tables hold what the code believes, on both databases?"""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from isthmus.db import reading
from isthmus.erp.tables import metadata


def test_migrated_tables_are_those_of_the_models(engine: Engine) -> None:
    def ours(name: str | None, kind: str, parents: dict[str, str | None]) -> bool:
        return kind != "table" or ((name or "").startswith("erp_") and not (name or "").endswith("_version"))

    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"include_name": ours, "compare_type": False})
        assert compare_metadata(context, metadata) == []
