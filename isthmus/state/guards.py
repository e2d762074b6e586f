"""Lifts, for one transaction, what the database itself refuses: the one thing that only its owner can do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, bindparam, text

_ENABLED = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA", "D": "DISABLE"}


@contextmanager
def lifted(connection: Connection, tables: Sequence[str]) -> Iterator[None]:
    """No trigger of these tables fires in the block. They are back before the transaction can be committed; an error
    in the block is to roll it back, which brings them back as well.

    Raises what the database says when this is not the tables' owner.
    """
    lift = _lift_on_postgresql if connection.dialect.name == "postgresql" else _lift_on_sqlite
    back = lift(connection, tables)
    yield
    for statement in back:
        connection.exec_driver_sql(statement)


def _lift_on_sqlite(connection: Connection, tables: Sequence[str]) -> list[str]:
    query = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN :tables ORDER BY rowid")
    rows = connection.execute(query.bindparams(bindparam("tables", list(tables), expanding=True))).all()
    for name, _ in rows:
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    return [sql for _, sql in rows]


def _lift_on_postgresql(connection: Connection, tables: Sequence[str]) -> list[str]:
    query = text(
        "SELECT c.relname, t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE NOT t.tgisinternal AND c.relnamespace = CAST(current_schema() AS regnamespace) AND c.relname IN :tables"
    )
    rows = connection.execute(query.bindparams(bindparam("tables", list(tables), expanding=True))).all()
    for table, name, _ in rows:
        connection.exec_driver_sql(f'ALTER TABLE "{table}" DISABLE TRIGGER "{name}"')
    return [f'ALTER TABLE "{table}" {_ENABLED[enabled]} TRIGGER "{name}"' for table, name, enabled in rows]
