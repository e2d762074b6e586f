"""A database of the first release, full of work, is upgraded, and killed meanwhile: is all there, does it go on?"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

import isthmus.state
from isthmus.app import open_database
from isthmus.db import known_revisions, reading, require_current, revision, upgrade, writing
from isthmus.kernel.errors import Fault, Misconfigured
from isthmus.settings import load_settings
from isthmus.state import audit, bindings, chain, progress, runs, worklist
from isthmus.state.bindings import Binding, Lane, Sight
from isthmus.state.progress import Due, Watermark
from isthmus.state.runs import Entry, PageFacts, Run
from isthmus.state.worklist import Item
from tests.erp.test_upgrade import at_first_release

NOW = "2026-10-06T08:00:00.000000Z"
UNDER_WAY = '[{"source_id": "8013", "key": "00D/Order/8013", "verb": "create", "id": null}]'
#: What must be the same afterwards, to the letter.
KEPT = (
    "state_mapping", "state_watermark", "state_binding", "state_due", "state_run", "state_page", "state_audit",
    "state_worklist", "state_note", "erp_customer", "erp_order", "erp_entry", "erp_posting", "erp_change",
)  # fmt: skip
KILLED = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from isthmus.db import engine_for, upgrade
left = [int(sys.argv[2])]
@event.listens_for(Engine, "before_cursor_execute")
def count(connection, cursor, statement, *rest):
    if statement.lstrip().upper().startswith(("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
upgrade(engine_for(sys.argv[1]))
print(int(sys.argv[2]) - left[0])
"""


@pytest.fixture
def old(bare_engine: Engine) -> Engine:
    """Tables of the first release with books, pairs, an audit, a worklist and a run that was interrupted."""
    at_first_release(bare_engine)
    _state_at_first_release(bare_engine)
    return bare_engine


def _state_at_first_release(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(isthmus.state.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "state_0001")
        for number in (1, 2):
            new = Run(0, "order", "airflow:scheduled", "full", "ab", "0.1.0", token=number, started_at=NOW)
            run = runs.begin_run(connection, new)
            entries = [
                Entry(f"801{number}{key}", f"{key}", "created", "v1", {"written": {"n": key}}) for key in range(50)
            ]
            facts = PageFacts("crm", 51, {"unchanged": ["801X"]}, {"created": 50}, f"p{number}", entries)
            runs.add_page(connection, run, facts, entity="order", now=NOW)
            if number == 1:
                report = json.dumps({"adds_up": True, "chain": chain.head(connection, "order")})
                runs.end_run(connection, run.id, ended_at=NOW, status="done", report=report)
        crm, erp = Sight("00D", "8011", NOW, b"c" * 16, '{"number":"1"}'), Sight("main", "1", "v", b"e" * 16, "{}")
        bindings.insert(connection, [Binding(None, "order", crm, erp)])
        progress.store_watermark(connection, Lane("order", "crm"), Watermark(NOW, None, NOW))
        progress.add_due(connection, Lane("order", "crm"), [Due("8012", "asked for", NOW)])
        columns = "(run_id, mapping, side, opened_at, body, settled_at)"
        intent = text(f"INSERT INTO state_intent {columns} VALUES (2, 'order', 'crm', 't', :body, :settled)")
        for body, settled in ((UNDER_WAY, None), ("[]", NOW)):
            connection.execute(intent, {"body": body, "settled": settled})
        fault = Fault("order 8014", "has no customer", "enter one")
        worklist.put(connection, Lane("order", "crm"), [Item("8014", "invalid", fault, "face")], now=NOW)


def contents(engine: Engine) -> dict[str, list[Any]]:
    with reading(engine) as connection:
        return {table: sorted(map(repr, connection.execute(text(f"SELECT * FROM {table}")))) for table in KEPT}


def names(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        query = "SELECT type || name || coalesce(sql, '') FROM sqlite_master"
        if engine.dialect.name == "postgresql":
            ours = "relnamespace = CAST(current_schema() AS regnamespace)"
            query = f"SELECT CAST(relkind AS text) || relname FROM pg_class WHERE {ours} "
            query += "UNION ALL SELECT 't' || tgname FROM pg_trigger WHERE NOT tgisinternal"
        return sorted(connection.execute(text(query)).scalars())


def interrupted(engine: Engine, after: int) -> int:
    """An upgrade in a process of its own that is killed behind so many writing statements; its exit code."""
    url = engine.url.render_as_string(hide_password=False)
    done = subprocess.run([sys.executable, "-c", KILLED, url, str(after)], capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def test_an_upgrade_that_is_killed_leaves_the_old_release_and_the_next_one_goes_through(old: Engine) -> None:
    before, shape = contents(old), names(old)
    for after in (0, 9, 40):
        assert interrupted(old, after) == -signal.SIGKILL, "the kill came too late to mean anything"
        assert (revision(old, "erp")[0], revision(old, "state")[0]) == ("erp_0001", "state_0001")
        assert names(old) == shape, "half an upgrade"
        assert contents(old) == before
    with pytest.raises(Misconfigured, match="run `isthmus db upgrade`"):
        require_current(old)
    assert interrupted(old, 10_000) == 0
    require_current(old)
    assert upgrade(old) == []
    _holds_and_goes_on(old, before)


def _holds_and_goes_on(engine: Engine, before: dict[str, list[Any]]) -> None:
    after = contents(engine)
    assert [table for table in KEPT if after[table] != before[table] and table not in CHANGED] == []
    assert {table: len(rows) for table, rows in after.items()} == {table: len(rows) for table, rows in before.items()}
    with reading(engine) as connection:
        assert audit.verify(connection, {}).breaks == []
        open_intents = connection.execute(text("SELECT body FROM state_intent WHERE settled_at IS NULL")).scalars()
        assert list(open_intents) == [UNDER_WAY], "the next run settles what was under way"
    with writing(engine) as connection:
        worklist.put(connection, Lane("order", "crm"), [Item("8015", "invalid", Fault("a", "b", "c"), "f")], now=NOW)
        run = runs.begin_run(connection, Run(0, "order", "a", "full", "b", "2", token=3, started_at=NOW))
        runs.add_page(connection, run, PageFacts("crm", 0, {}, {}, "p3", []), entity="order", now=NOW)
    with reading(engine) as connection:
        assert audit.verify(connection, {}).breaks == []


CHANGED = ("erp_order",)  # columns have come; how its amounts come through is asked in tests/erp/test_upgrade.py


@pytest.mark.parametrize("room", ["state", "erp"])
def test_tables_of_a_release_that_this_one_does_not_know_are_refused_untouched(
    engine: Engine, tmp_path: Path, room: str
) -> None:
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE {room}_version SET version_num = '{room}_9999'"))
    file = tmp_path / "isthmus.yaml"
    file.write_text(f"database: {engine.url.render_as_string(hide_password=False)}\n")
    told = f"the tables of {room} are at version {room}_9999, which this older program does not know"
    shape = names(engine)
    for attempt in (lambda: upgrade(engine), lambda: open_database(load_settings(file, {}))):
        with pytest.raises(Misconfigured) as error:
            attempt()
        assert (error.value.fault.what, error.value.exit_code) == (told, 2)
        assert "install the newer Isthmus; nothing was changed" in error.value.fault.remedy
    assert names(engine) == shape
    assert known_revisions(room)[-1] != f"{room}_9999"
