"""The database of state and built-in ERP: SQLite or PostgreSQL, the same statements on both.

Rooms with tables keep their alembic migrations in ``isthmus/<room>/migrations`` under a version table of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    MetaData,
    Table,
    Text,
    TextClause,
    bindparam,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError

from isthmus.kernel.errors import Broken, IsthmusError, Misconfigured, Unavailable

if TYPE_CHECKING:
    from alembic.config import Config

ROOMS = ("erp", "state")  # in the order in which they are migrated
BUSY_SECONDS = 30  # how long SQLite waits for another writer, unless the URL says otherwise

#: What SQLite's result codes mean for a run (https://sqlite.org/rescode.html), and what to do.
_SQLITE: dict[int, tuple[type[IsthmusError], str]] = {
    3: (Misconfigured, "give this user the right to write to the file"),
    5: (Unavailable, "another process writes; try again when it is done"),
    6: (Unavailable, "another process writes; try again when it is done"),
    8: (Misconfigured, "give this user the right to write to the file and to its folder"),
    10: (Unavailable, "look at the disk, then run again; nothing of this page was written"),
    11: (Broken, "keep the file as it is and bring back the last good copy"),
    13: (Unavailable, "free some space and run again; nothing of this page was written"),
    14: (Misconfigured, "check that the folder of `database` exists and that this user may write to it"),
    15: (Unavailable, "another process writes; try again when it is done"),
    26: (Misconfigured, "name another file in `database`, or move this one away"),
}
#: The same for PostgreSQL, by the longest beginning of the SQLSTATE (its manual, appendix A).
_POSTGRESQL: dict[str, tuple[type[IsthmusError], str]] = {
    "08": (Unavailable, "run again when PostgreSQL answers; nothing of this page was written"),
    "25006": (Misconfigured, "name the server that takes writes in `database`"),
    "25P03": (Unavailable, "raise idle_in_transaction_session_timeout; nothing of this page was stored"),
    "25P04": (Unavailable, "raise transaction_timeout; nothing of this page was stored"),
    "28": (Misconfigured, "correct user and password in `database`"),
    "3D000": (Misconfigured, "create it, or correct the name in `database`"),
    "40001": (Unavailable, "another process writes; try again when it is done"),
    "40P01": (Unavailable, "another process writes; try again when it is done"),
    "42501": (Misconfigured, "give the role of `database` this right"),
    "53": (Unavailable, "give PostgreSQL more room, then run again; nothing of this page was written"),
    "55P03": (Unavailable, "another process writes; try again when it is done"),
    "57": (Unavailable, "run again when PostgreSQL answers; nothing of this page was written"),
    "58": (Unavailable, "look at the server's disk, then run again; nothing of this page was written"),
    "XX001": (Broken, "keep the database as it is and bring back the last good copy"),
}
#: A refused connection has no SQLSTATE: these words of it say that waiting will not help.
_NOT_LET_IN = ("authentication failed", "does not exist", "pg_hba.conf", "no password supplied")


def engine_for(url: str) -> Engine:
    """An engine for ``sqlite:///path`` or ``postgresql://…``. Raises Misconfigured for anything else.

    ``sqlite:///path?timeout=5`` waits five seconds for another writer.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise Misconfigured("database", "is not a database URL", "write sqlite:///path or postgresql://…") from None
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed)
    if parsed.get_backend_name() == "postgresql":
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"), pool_size=3, pool_pre_ping=True, hide_parameters=True
        )
    raise Misconfigured("database", f"{parsed.get_backend_name()} is not supported", "use SQLite or PostgreSQL")


def _sqlite_engine(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            where = str(Path(url.database).parent)
            raise Misconfigured("database", f"{where} cannot be made: {error.strerror}", "check its rights") from None
    given = {"check_same_thread": False, "timeout": _busy_seconds(url)}
    engine = create_engine(url.set(query={}), connect_args=given, hide_parameters=True)  # they are people's values

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin by itself: see `begin`
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA recursive_triggers=ON")  # or REPLACE deletes rows without firing delete triggers

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that will write takes the lock at once; upgrading a read lock later could only fail.
        how = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        connection.connection.cursor().execute(f"BEGIN {how}")  # the driver's own: half of all statements are these

    return engine


def _busy_seconds(url: URL) -> int:
    given = url.query.get("timeout", str(BUSY_SECONDS))
    if set(url.query) - {"timeout"} or not isinstance(given, str) or not (given.isascii() and given.isdigit()):
        what = "says something else behind its path than ?timeout= and whole seconds"
        raise Misconfigured("database", what, "write sqlite:///path or sqlite:///path?timeout=5")
    return int(given)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One writing transaction: committed at the end, rolled back on any error.

    Raises Unavailable, Misconfigured or Broken as `explain` says when it is the database that cannot go on.
    """
    with _explained(engine), engine.connect() as connection:
        connection.execution_options(sqlite_begin="IMMEDIATE")
        with connection.begin():
            yield connection


@contextmanager
def reading(engine: Engine, *, one_moment: bool = False) -> Iterator[Connection]:
    """One transaction for reading. SQLite shows one moment throughout, PostgreSQL that of each statement's begin, or,
    if asked to, one moment as well.

    Raises the same errors as `writing`.
    """
    with _explained(engine), engine.connect() as connection:
        if one_moment and engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    # COPY speaks to the driver itself, so the driver's own errors come bare as well.
    try:
        yield
    except (DBAPIError, engine.dialect.loaded_dbapi.Error) as error:
        told = explain(error)
        if told is None:
            raise
        raise told from error


def explain(error: BaseException) -> IsthmusError | None:
    """A state of the database in the user's words: locked, full, away, not let in. None for anything else: a wrong
    statement or a refused row is not the database's fault.

    What came first counts: where SQLite gave up a transaction, going back to a savepoint can only fail as well.
    The text never shows the statement, which holds people's values.
    """
    if not isinstance(error, DBAPIError) and not hasattr(error, "sqlite_errorcode") and not hasattr(error, "sqlstate"):
        return None
    first = explain(error.__context__) if error.__context__ else None
    if first is not None:
        return first
    cause = error.orig or error if isinstance(error, DBAPIError) else error
    found = _sqlite_state(cause) or _postgresql_state(cause)
    if found is None:
        return None
    kind, remedy = found
    return kind("database", (str(cause).strip() or "no answer").splitlines()[0], remedy)


def _sqlite_state(cause: BaseException) -> tuple[type[IsthmusError], str] | None:
    code = getattr(cause, "sqlite_errorcode", None)
    return _SQLITE.get(code & 0xFF) if isinstance(code, int) else None


def _postgresql_state(cause: BaseException) -> tuple[type[IsthmusError], str] | None:
    if not hasattr(cause, "sqlstate"):
        return None
    if cause.sqlstate:
        return _POSTGRESQL.get(cause.sqlstate) or _POSTGRESQL.get(cause.sqlstate[:2])
    if type(cause).__name__ != "OperationalError":  # the driver complains about its use, not about the server
        return None
    text = str(cause)
    if any(sign in text for sign in _NOT_LET_IN):
        return Misconfigured, "correct user, password and name in `database`"
    return Unavailable, "start PostgreSQL or correct `database`, then run again"


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], *, rows: Iterable[Sequence[Any]]) -> None:
    """Inserts many rows in one go: COPY on PostgreSQL, one prepared statement on SQLite. Values in column order."""
    names = ", ".join(f'"{name}"' for name in columns)
    if connection.dialect.name == "postgresql":
        with connection.connection.cursor().copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)
        return
    many = rows if isinstance(rows, list) else list(rows)
    if many:
        marks = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', many)


def update_rows(
    connection: Connection, table: Table, columns: Sequence[str], *, key: str, rows: Sequence[Sequence[Any]]
) -> None:
    """Sets ``columns`` of many rows, each found by ``key``: rows are (values…, key). One statement a page."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _update_by_copy(connection, table, columns, key=key, rows=rows)
        return
    settings = ", ".join(f'"{name}" = ?' for name in columns)
    connection.exec_driver_sql(f'UPDATE "{table.name}" SET {settings} WHERE "{key}" = ?', [tuple(row) for row in rows])


def _update_by_copy(
    connection: Connection, table: Table, columns: Sequence[str], *, key: str, rows: Sequence[Sequence[Any]]
) -> None:
    passing = f"passing_{table.name}"
    names = ", ".join(f'"{name}"' for name in (*columns, key))
    connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{passing}"')
    connection.exec_driver_sql(
        f'CREATE TEMP TABLE "{passing}" ON COMMIT DROP AS SELECT {names} FROM "{table.name}" WITH NO DATA'
    )
    with connection.connection.cursor().copy(f'COPY "{passing}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)
    settings = ", ".join(f'"{name}" = "{passing}"."{name}"' for name in columns)
    connection.exec_driver_sql(
        f'UPDATE "{table.name}" SET {settings} FROM "{passing}" WHERE "{table.name}"."{key}" = "{passing}"."{key}"'
    )


def among(connection: Connection, column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """``column IN values`` as one bound parameter, however many there are (JSON text or number values)."""
    listed = bindparam("listed", orjson.dumps(list(values)).decode(), type_=_LISTED, unique=True)
    if connection.dialect.name == "postgresql":
        kind = connection.dialect.type_compiler_instance.process(column.type)
        return column == _one_of(kind).bindparams(listed)
    return column.in_(_EACH.bindparams(listed))


# As text: built of SQLAlchemy's functions, such a list takes longer to put together than most statements to run.
_EACH = text("SELECT value FROM json_each(:listed)")
_LISTED = Text()


@cache
def _one_of(kind: str) -> TextClause:
    """One text is sent: the driver spells arrays value by value, in Python."""
    each = f"SELECT CAST(each AS {kind}) FROM json_array_elements_text(CAST(:listed AS JSON)) AS each"
    return text(f"ANY (ARRAY({each}))")


def _alembic_config(room: str) -> Config:
    from alembic.config import Config  # slow to import, and only a change of the tables needs it

    config = Config()
    config.set_main_option("script_location", str(_migrations(room)))
    config.set_main_option("path_separator", "os")
    config.attributes["room"] = room
    return config


def run_migrations(room: str, metadata: MetaData) -> None:
    """What each room's ``migrations/env.py`` calls: runs its scripts on the connection that `upgrade` opened."""
    from alembic import context as alembic_context

    connection = alembic_context.config.attributes["connection"]
    alembic_context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=f"{room}_version",
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    alembic_context.run_migrations()


def _migrations(room: str) -> Path:
    return Path(__file__).parent / room / "migrations"


def run_statements(connection: Connection, script: str) -> None:
    """Runs the SQL that stands beside a migration script: ``<script>.sqlite.sql`` or ``<script>.postgresql.sql``.

    Tables as they were released are text, not models: models move on, and a migration must not.
    """
    path = Path(script).with_suffix(f".{connection.dialect.name}.sql")
    for statement in path.read_text(encoding="utf-8").split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)


def known_revisions(room: str) -> list[str]:
    """The versions of a room's tables, oldest first, as its numbered scripts name them.

    The scripts are read, not run: loading them brings in alembic and every table, which each start would pay for.
    """
    scripts = sorted((_migrations(room) / "versions").glob("[0-9]*.py"))
    named = re.compile(r"""^revision\b[^=\n]*=\s*["'](\w+)["']""", re.MULTILINE)
    found = (named.search(script.read_text(encoding="utf-8")) for script in scripts)
    return [match.group(1) for match in found if match]


def revision(engine: Engine, room: str) -> tuple[str | None, str | None]:
    """The schema version that the database has, and the one that this code wants."""
    with reading(engine) as connection:
        present = None
        if inspect(connection).has_table(f"{room}_version"):
            present = connection.execute(text(f"SELECT version_num FROM {room}_version")).scalar()
    return present, known_revisions(room)[-1]


def upgrade(engine: Engine) -> list[str]:
    """Brings every room's tables to this code's version, in one transaction; says what it did.

    Raises Misconfigured when the database is newer than this code.
    """
    from alembic import command

    steps = {}
    for room in ROOMS:
        present, wanted = revision(engine, room)
        _refuse_newer(room, present)
        if present != wanted:
            steps[room] = f"{room}: {present or 'nothing'} → {wanted}"
    if not steps:
        return []
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":  # SQLite has locked others out by now
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('isthmus upgrade'))"))
        for room in steps:
            config = _alembic_config(room)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return list(steps.values())


def require_current(engine: Engine) -> None:
    """Raises Misconfigured unless every room's tables have exactly the version that this code wants."""
    for room in ROOMS:
        present, wanted = revision(engine, room)
        _refuse_newer(room, present)
        if present != wanted:
            what = f"the tables of {room} are at version {present or 'nothing'}, this program needs {wanted}"
            raise Misconfigured("database", what, "run `isthmus db upgrade`")


def _refuse_newer(room: str, present: str | None) -> None:
    if present is not None and present not in known_revisions(room):
        what = f"the tables of {room} are at version {present}, which this older program does not know"
        raise Misconfigured("database", what, "install the newer Isthmus; nothing was changed")
