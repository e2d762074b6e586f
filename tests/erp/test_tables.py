"""Do the migrated tables hold what the code believes, on both databases?"""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from isthmus.db import engine_for, reading
from isthmus.erp.migrations.reference_guards import REFERENCES
from isthmus.erp.tables import metadata


def test_migrated_tables_are_those_of_the_models(engine: Engine) -> None:
    def ours(name: str | None, kind: str, parents: dict[str, str | None]) -> bool:
        return kind != "table" or ((name or "").startswith("erp_") and not (name or "").endswith("_version"))

    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"include_name": ours, "compare_type": False})
        differences = compare_metadata(context, metadata)
    missing = {(step, one.name) for step, one in differences}
    guarded = REFERENCES if engine.dialect.name == "postgresql" else {}
    assert missing == {("add_fk", f"fk_{table}_{column}") for table in guarded for column in guarded[table]}


def test_what_is_looked_up_by_its_match_text_is_sorted_by_no_language(postgresql_url: str) -> None:
    """An index that is sorted as a language wants costs several times as much, and breaks with the system's words."""
    query = (
        "SELECT table_name, column_name, collation_name FROM information_schema.columns "
        "WHERE column_name LIKE 'match\\_%' AND table_name LIKE 'erp\\_%' ORDER BY 1, 2"
    )
    engine = engine_for(postgresql_url)
    with reading(engine) as connection:
        found = connection.execute(text(query)).all()
    engine.dispose()
    assert found == [
        ("erp_customer", "match_name", "C"),
        ("erp_customer", "match_tax_id", "C"),
        ("erp_product", "match_sku", "C"),
    ]
