"""What an order's line names is there, and stays there, on PostgreSQL: foreign keys, checked once a statement.

PostgreSQL checks a foreign key with a query and a row lock for each row, and each key; three keys were nearly all that
writing a line cost. What can never go away or be renamed need not be locked: that it is there when the line is written
is enough. So the lines of a statement are looked up together, and the rows that they name stay for ever.
"""

from __future__ import annotations

from collections.abc import Iterator

from isthmus.erp.migrations.guards_postgresql import refusal

_LINE = "erp_order_line"
#: What a line's column names: table and column.
_NAMED = {
    "order_id": ("erp_order", "id"),
    "product_id": ("erp_product", "id"),
    "tax_code": ("erp_tax_code", "code"),
}
#: A session keeps the plan of its first statement, whose orders may be the very first. Only a look into the index for
#: each row named is right for few and for many.
_FUNCTION = """CREATE FUNCTION erp_find_named() RETURNS trigger LANGUAGE plpgsql
SET search_path = {schema}, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$ DECLARE missing text; BEGIN {lookups} RETURN NULL; END $$"""
_LOOKUP = """
SELECT {column} INTO missing FROM (SELECT DISTINCT {column} FROM written) named
WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.{key} = named.{column}) LIMIT 1;
IF FOUND THEN RAISE EXCEPTION '%: there is no {what} %', TG_TABLE_NAME, missing
USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'fk_{line}_{column}'; END IF;"""


def guards(schema: str) -> Iterator[str]:
    """The statements, in order, for tables in this (quoted) schema."""
    lookups = "".join(
        _LOOKUP.format(column=column, table=table, key=key, what=_said(table), line=_LINE)
        for column, (table, key) in _NAMED.items()
    )
    yield _FUNCTION.format(schema=schema, lookups=lookups)
    for name, event in (("named", "INSERT"), ("renamed", "UPDATE")):
        yield (
            f"CREATE TRIGGER {_LINE}_{name} AFTER {event} ON {_LINE} REFERENCING NEW TABLE AS written "
            "FOR EACH STATEMENT EXECUTE FUNCTION erp_find_named()"
        )
        yield f"ALTER TABLE {_LINE} ENABLE ALWAYS TRIGGER {_LINE}_{name}"
    for column in _NAMED:
        yield f"ALTER TABLE {_LINE} DROP CONSTRAINT fk_{_LINE}_{column}"
    for table, key in (("erp_product", "id"), ("erp_tax_code", "code")):  # orders never went
        what = _said(table)
        yield from refusal(table, "name", "UPDATE", when=f"NEW.{key} <> OLD.{key}", says=f"a {what} keeps its {key}")
        yield from refusal(table, "ever", "DELETE", says=f"a {what} is never deleted")


def _said(table: str) -> str:
    return table.removeprefix("erp_").replace("_", " ")
