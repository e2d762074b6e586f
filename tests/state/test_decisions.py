"""Does what people decided stay as it was, and does a number of the worklist never mean two things?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from isthmus.db import reading, writing
from isthmus.kernel.errors import Fault
from isthmus.state import decisions, worklist
from isthmus.state.bindings import Lane
from isthmus.state.decisions import Decided
from isthmus.state.worklist import Item

LANE = Lane("order", "crm")
ASKED = Decided("t1", "cli:ada", "resolve", "order", 7, "order 801A", "face", '{"po": "crm"}', "took it", "asked")


def add(engine: Engine, *several: Decided) -> None:
    with writing(engine) as connection:
        for one in several:
            decisions.add(connection, one)


def put(engine: Engine, detail: str | None, *, source_id: str = "801A", version: str = "face") -> Item:
    with writing(engine) as connection:
        item = Item(source_id, "conflict", Fault("order", "was changed", "say"), version, detail=detail)
        worklist.put(connection, LANE, [item], now="t")
        return worklist.load(connection, LANE, [source_id])[source_id]


def test_the_table_is_the_one_that_the_code_means(engine: Engine) -> None:
    with reading(engine) as connection:
        tables = decisions.table.metadata.tables
        options = {
            "version_table": "state_version",
            "include_name": lambda name, kind, _parents: kind != "table" or name in tables,
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, decisions.table.metadata) == []


@pytest.mark.parametrize("statement", ["UPDATE state_decision SET who = 'cli:tom'", "DELETE FROM state_decision"])
def test_the_database_itself_keeps_what_was_decided(engine: Engine, statement: str) -> None:
    add(engine, ASKED)
    with pytest.raises(DatabaseError, match="what was decided stays"), writing(engine) as connection:
        connection.execute(text(statement))
    with reading(engine) as connection:
        assert decisions.history(connection) == [ASKED]


def test_history_tells_the_newest_first_and_of_one_item_alone(engine: Engine) -> None:
    other = replace(ASKED, item=8, at="t2")
    add(engine, ASKED, other)
    with reading(engine) as connection:
        assert decisions.history(connection) == [other, ASKED]
        assert decisions.history(connection, item=7) == [ASKED]
        assert decisions.history(connection, most=1) == [other]


def test_a_request_is_open_until_it_is_answered_or_the_record_shows_something_else(engine: Engine) -> None:
    add(engine, ASKED, replace(ASKED, who="cli:tom", outcome="refused"))
    with reading(engine) as connection:
        assert decisions.open_request(connection, 7, "face") == ASKED, "a refusal answers nothing"
        assert decisions.open_request(connection, 7, "another face") is None
        assert decisions.open_request(connection, 8, "face") is None
    add(engine, replace(ASKED, who="cli:eve", outcome="done"))
    with reading(engine) as connection:
        assert decisions.open_request(connection, 7, "face") is None


def test_a_question_about_other_values_has_another_number(engine: Engine) -> None:
    first = put(engine, '{"values": 1}')
    assert put(engine, '{"values": 1}').id == first.id
    again = put(engine, '{"values": 2}')
    assert again.id != first.id
    assert (again.since, again.attempts) == (first.since, 3), "it is as old as it was"


def test_who_edited_is_kept_when_our_own_note_covers_the_name(engine: Engine) -> None:
    first = put(engine, '{"values":1,"edits":{"crm":["sam",""]}}')
    again = put(engine, '{"values":1,"edits":{"crm":[null,""]}}')
    assert (again.id, again.detail) == (first.id, first.detail)


def test_a_number_is_never_told_twice(engine: Engine) -> None:
    first = put(engine, None)
    with writing(engine) as connection:
        worklist.remove(connection, LANE, ["801A"])
    assert put(engine, None, source_id="801B").id != first.id
