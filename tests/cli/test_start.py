"""Does a command pay only for what it needs? Start-up is most of what an idle run costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from isthmus.db import ROOMS, _alembic_config, known_revisions
from tests.cli.conftest import Company

ROOT = Path(__file__).parents[2]
HEAVY = {"pandas", "numpy", "airflow", "alembic", "simple_salesforce", "starlette", "uvicorn", "hypothesis"}
_PROGRAM = """
import sys
from isthmus.cli.main import app
try:
    app(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print(*sorted(sys.modules), file=sys.stderr)
"""


def modules_after(company: Company, *words: str) -> set[str]:
    """The packages and modules that a process has imported when its command is done."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words], capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, **company.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", [("--help",), ("sync", "--help"), ("erp", "pay", "--help")])
def test_help_needs_neither_database_nor_network(lonely: Company, words: tuple[str, ...]) -> None:
    loaded = modules_after(lonely, *words)
    assert not loaded & (HEAVY | {"sqlalchemy", "requests", "connectors", "psycopg"})


def test_a_word_needs_none_of_the_others(lonely: Company) -> None:
    others = {"isthmus.cli.clerk", "isthmus.cli.checking", "isthmus.cli.worklist", "isthmus.cli.auditing"}
    assert not modules_after(lonely, "sync", "--help") & others


def test_status_opens_neither_system(company: Company) -> None:
    loaded = modules_after(company, "status")
    assert "sqlalchemy" in loaded
    assert not loaded & (HEAVY | {"connectors", "requests", "pydantic"})


def test_the_clerk_needs_no_crm(company: Company) -> None:
    assert not modules_after(company, "erp", "customers") & (HEAVY | {"connectors", "requests"})


def test_a_sync_needs_no_frames_no_migrations_and_no_keys(company: Company) -> None:
    loaded = modules_after(company, "sync", "product")
    assert not loaded & (HEAVY - {"simple_salesforce"} | {"pydantic", "jwt", "cryptography"})


def test_a_long_run_watches_its_memory_again(fresh: Company) -> None:
    program = (
        "import atexit, gc; from isthmus.cli.main import main; atexit.register(lambda: print(gc.isenabled())); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "plan", "product"], capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, **fresh.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "True"


@pytest.mark.parametrize("room", ROOMS)
def test_versions_read_without_alembic_are_those_that_alembic_knows(room: str) -> None:
    scripts = ScriptDirectory.from_config(_alembic_config(room))
    assert known_revisions(room) == [one.revision for one in reversed(list(scripts.walk_revisions()))]
    assert known_revisions(room)[-1] == scripts.get_current_head()
