"""Is what an order's line names there, and does it stay there, whoever writes?

SQLite has foreign keys for it. PostgreSQL looks up what the lines of a statement name together, and keeps it for ever.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from isthmus.db import engine_for
from tests.erp.conftest import World
from tests.erp.test_refusals import assert_refused

COPY = (
    "INSERT INTO erp_order_line SELECT {order_id}, key || '-' || {nth}, position, {product}, quantity_micros, "
    "unit_price_micros, discount_percent_micros, description, amount_minor, discount_share_minor, {tax}, tax_minor, "
    "invoiced_micros, list_minor FROM erp_order_line, (SELECT 1 AS nth UNION ALL SELECT 2) twice"
)
GOOD = {"order_id": "order_id", "product": "product_id", "tax": "tax_code", "nth": "nth"}
MISSING = {
    "order_id": "CASE WHEN nth = 1 THEN order_id ELSE 77 END",
    "product": "CASE WHEN nth = 1 THEN product_id ELSE 77 END",
    "tax": "CASE WHEN nth = 1 THEN tax_code ELSE 'none' END",
}
RENAMED = ("order_id = 77", "product_id = 77", "tax_code = 'none'")


@pytest.fixture
def books(world: World) -> World:
    """One order with two lines."""
    world.order(world.customer(), (2, 1000), (1, 500))
    return world


def test_lines_that_name_what_is_there_are_taken(books: World) -> None:
    books.execute(COPY.format(**GOOD))
    assert books.rows("SELECT count(*) FROM erp_order_line") == [(6,)]


@pytest.mark.parametrize("missing", MISSING)
def test_one_line_that_names_what_is_not_there_spoils_its_statement(books: World, missing: str) -> None:
    assert_refused(books, COPY.format(**{**GOOD, missing: MISSING[missing]}))
    assert books.rows("SELECT count(*) FROM erp_order_line") == [(2,)]


def test_a_line_is_not_moved_to_what_is_not_there(books: World) -> None:
    for renamed in RENAMED:
        assert_refused(books, f"UPDATE erp_order_line SET {renamed} WHERE position = 1")


def test_what_a_line_names_is_neither_deleted_nor_renamed(books: World) -> None:
    for table, name in (("erp_product", "id = id + 100"), ("erp_tax_code", "code = 'x' || code")):
        assert_refused(books, f"UPDATE {table} SET {name}")
        assert_refused(books, f"DELETE FROM {table}")
    assert books.rows("SELECT count(*) FROM erp_product")[0] >= (1,)


@pytest.fixture
def postgresql_books(postgresql_url: str) -> Iterator[World]:
    engine = engine_for(postgresql_url)
    world = World(engine)
    world.order(world.customer(), (2, 1000), (1, 500))
    yield world
    engine.dispose()


def test_postgresql_says_what_is_missing(postgresql_books: World) -> None:
    for missing, says in (("order_id", "no order 77"), ("product", "no product 77"), ("tax", "no tax code none")):
        statement = COPY.format(**{**GOOD, missing: MISSING[missing]})
        assert_refused(postgresql_books, statement, says=f"erp_order_line: there is {says}")


def test_replica_mode_switches_nothing_off_on_postgresql(postgresql_books: World) -> None:
    replica = "SET LOCAL session_replication_role = replica"
    assert_refused(postgresql_books, replica, COPY.format(**{**GOOD, **MISSING}), says="there is no order 77")
    assert_refused(postgresql_books, replica, "DELETE FROM erp_product", says="never deleted")
    for table in ("erp_product", "erp_tax_code"):
        assert_refused(postgresql_books, f"TRUNCATE {table} CASCADE", says="never emptied")


def test_a_temporary_table_does_not_stand_in_on_postgresql(postgresql_books: World) -> None:
    temporary = "CREATE TEMP TABLE erp_product AS SELECT 77 AS id"
    statement = COPY.format(**{**GOOD, "product": MISSING["product"]}).replace("FROM erp", "FROM public.erp")
    assert_refused(postgresql_books, temporary, statement, says="there is no product 77")
