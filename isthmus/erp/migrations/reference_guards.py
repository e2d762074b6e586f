"""What a customer, an order or its line names is there, and stays there: foreign keys, checked once a statement.

PostgreSQL checks a foreign key with a query and a row lock for each row, and each key; three keys were nearly all that
writing a line cost. What can never go away or be renamed need not be locked: that it is there when the row is written
is enough. So the rows of a statement look up what they name together, and what they name stays for ever.
"""

from __future__ import annotations

from collections.abc import Iterator

from isthmus.erp.migrations.guards_postgresql import refusal

#: Table → column → table and column that it names.
REFERENCES = {
    "erp_customer": {"terms": ("erp_term", "code"), "parent_id": ("erp_customer", "id")},
    "erp_order": {"customer_id": ("erp_customer", "id"), "quote_id": ("erp_quote", "id")},
    "erp_order_line": {
        "order_id": ("erp_order", "id"),  # an order is kept since the first tables
        "product_id": ("erp_product", "id"),
        "tax_code": ("erp_tax_code", "code"),
    },
}
_KEPT = {"erp_customer": "id", "erp_term": "code", "erp_quote": "id", "erp_product": "id", "erp_tax_code": "code"}
#: A session keeps the plan of its first statement, whose rows may be the very first. Only a look into the index for
#: each row named is right for few and for many.
_FUNCTION = """CREATE FUNCTION {table}_finds_named() RETURNS trigger LANGUAGE plpgsql
SET search_path = {schema}, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$ DECLARE missing text; BEGIN {lookups} RETURN NULL; END $$"""
_LOOKUP = """
SELECT {column} INTO missing FROM (SELECT DISTINCT {column} FROM written WHERE {column} IS NOT NULL) asked
WHERE NOT EXISTS (SELECT 1 FROM {named} WHERE {named}.{key} = asked.{column}) LIMIT 1;
IF FOUND THEN RAISE EXCEPTION '%: there is no {what} %', TG_TABLE_NAME, missing
USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'fk_{table}_{column}'; END IF;"""


def guards(schema: str) -> Iterator[str]:
    """The statements, in order, for tables in this (quoted) schema."""
    for table, references in REFERENCES.items():
        lookups = "".join(
            _LOOKUP.format(table=table, column=column, named=named, key=key, what=_said(named))
            for column, (named, key) in references.items()
        )
        yield _FUNCTION.format(table=table, schema=schema, lookups=lookups)
        for name, event in (("named", "INSERT"), ("renamed", "UPDATE")):
            yield (
                f"CREATE TRIGGER {table}_{name} AFTER {event} ON {table} REFERENCING NEW TABLE AS written "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_finds_named()"
            )
            yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name}"
        for column in references:
            yield f"ALTER TABLE {table} DROP CONSTRAINT fk_{table}_{column}"
    for table, key in _KEPT.items():
        what = _said(table)
        yield from refusal(table, "id", "UPDATE", when=f"NEW.{key} <> OLD.{key}", says=f"a {what} keeps its {key}")
        yield from refusal(table, "ever", "DELETE", says=f"a {what} is never deleted")
        yield from refusal(table, "whole", "TRUNCATE", says="this table is never emptied")


def _said(table: str) -> str:
    return table.removeprefix("erp_").replace("_", " ")
