"""Is what a customer, an order or its line names there, and does it stay there, whoever writes?

SQLite has foreign keys for it. PostgreSQL looks up what the rows of a statement name together, and keeps it for ever.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from isthmus.db import engine_for
from isthmus.erp.migrations.reference_guards import REFERENCES
from isthmus.erp.tables import metadata
from tests.erp.conftest import World
from tests.erp.test_refusals import assert_refused

#: How two copies of each row differ from it.
FRESH = {
    "erp_customer": {"id": "id + 500 * nth", "number": "number || nth"},
    "erp_order": {"id": "id + 500 * nth", "number": "number || nth"},
    "erp_order_line": {"key": "key || nth"},
}
NOTHING = {"terms": "'none'", "tax_code": "'none'"}  # other references are numbers
NAMES = [(table, column) for table, columns in REFERENCES.items() for column in columns]
KEPT = {"erp_customer": "id", "erp_term": "code", "erp_quote": "id", "erp_product": "id", "erp_tax_code": "code"}


def copies(table: str, **other: str) -> str:
    """The statement that writes each row of a table twice more."""
    columns = [one.name for one in metadata.tables[table].columns]
    said = FRESH[table] | other
    twice = "(SELECT 1 AS nth UNION ALL SELECT 2) twice"
    chosen = ", ".join(said.get(one, one) for one in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen} FROM {table}, {twice}"


def missing(column: str) -> str:
    """What is there in the first copy, and not in the second."""
    return f"CASE WHEN nth = 1 THEN {column} ELSE {NOTHING.get(column, '77')} END"


def fill(world: World) -> World:
    """A customer below another, with terms; a quote and an order of two lines."""
    parent = world.customer()
    customer = world.customer("Birch Example", parent_id=parent, terms="NET30")
    world.order(customer, (2, 1000), (1, 500))
    quote = {"customer_id": customer, "quote_date": "2026-11-02", "currency": "EUR"}
    assert world.create("quote", quote, [world.line("1", 1, 500)]).id
    return world


@pytest.fixture
def books(world: World) -> World:
    return fill(world)


@pytest.mark.parametrize("table", REFERENCES)
def test_rows_that_name_what_is_there_are_taken(books: World, table: str) -> None:
    (before,) = books.rows(f"SELECT count(*) FROM {table}")
    books.execute(copies(table))
    assert books.rows(f"SELECT count(*) FROM {table}") == [(3 * before[0],)]


@pytest.mark.parametrize(("table", "column"), NAMES)
def test_one_row_that_names_what_is_not_there_spoils_its_statement(books: World, table: str, column: str) -> None:
    before = books.rows(f"SELECT count(*) FROM {table}")
    assert_refused(books, copies(table, **{column: missing(column)}))
    assert books.rows(f"SELECT count(*) FROM {table}") == before


def test_a_row_is_not_moved_to_what_is_not_there(books: World) -> None:
    for table, column in NAMES:
        assert_refused(books, f"UPDATE {table} SET {column} = {NOTHING.get(column, '77')}")


def test_what_a_row_names_is_neither_deleted_nor_renamed(books: World) -> None:
    for table, key in KEPT.items():
        before = books.rows(f"SELECT {key} FROM {table} ORDER BY 1")
        assert before, f"{table} is empty: nothing would be refused"
        renamed = f"{key} + 100" if key == "id" else f"'x' || {key}"
        if books.engine.dialect.name == "postgresql":
            assert_refused(books, f"UPDATE {table} SET {key} = {renamed}")
            assert_refused(books, f"DELETE FROM {table}")
        assert books.rows(f"SELECT {key} FROM {table} ORDER BY 1") == before


@pytest.fixture
def postgresql_books(postgresql_url: str) -> Iterator[World]:
    engine = engine_for(postgresql_url)
    yield fill(World(engine))
    engine.dispose()


def test_postgresql_says_what_is_missing(postgresql_books: World) -> None:
    for table, column, says in (
        ("erp_customer", "parent_id", "erp_customer: there is no customer 77"),
        ("erp_order", "quote_id", "erp_order: there is no quote 77"),
        ("erp_order_line", "tax_code", "erp_order_line: there is no tax code none"),
    ):
        assert_refused(postgresql_books, copies(table, **{column: missing(column)}), says=says)


def test_replica_mode_switches_nothing_off_on_postgresql(postgresql_books: World) -> None:
    replica = "SET LOCAL session_replication_role = replica"
    statement = copies("erp_order_line", order_id=missing("order_id"))
    assert_refused(postgresql_books, replica, statement, says="there is no order 77")
    for table in KEPT:
        assert_refused(postgresql_books, replica, f"DELETE FROM {table}", says="never deleted")
        assert_refused(postgresql_books, f"TRUNCATE {table} CASCADE", says="never emptied")


def test_a_temporary_table_does_not_stand_in_on_postgresql(postgresql_books: World) -> None:
    temporary = "CREATE TEMP TABLE erp_product AS SELECT 77 AS id"
    statement = copies("erp_order_line", product_id=missing("product_id"))
    assert_refused(postgresql_books, temporary, statement, says="there is no product 77")
