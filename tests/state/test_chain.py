"""Can anybody change what Isthmus says it did? Each page is a link of its mapping's chain."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from isthmus.db import reading, writing
from isthmus.state import chain, runs
from isthmus.state.runs import Entry, PageFacts, Run

PAGES = 4


@pytest.fixture
def told(engine: Engine) -> Engine:
    """Four pages of two entries each, and another mapping's pages between them."""
    begun = "2026-11-23T08:00:00.000000Z"
    with writing(engine) as connection:
        mine, other = (
            runs.begin_run(connection, Run(0, name, "cli:ada", "full", "ab", "1", token=1, started_at=begun))
            for name in ("customer", "order")
        )
        for number in range(PAGES):
            for of, entity in ((mine, "customer"), (other, "order")):
                entries = [
                    Entry(f"001{number}{letter}", f"{number}", "created", "v1", {"written": {"name": f"Firm {letter}"}})
                    for letter in "AB"
                ]
                facts = PageFacts("crm", 3, {"unchanged": [f"001{number}C"]}, {"created": 2}, f"p{number}", entries)
                runs.add_page(connection, of, facts, entity=entity, now=f"2026-11-23T08:00:0{number}.000000Z")
        report = '{"chain": "' + chain.head(connection, "customer") + '"}'
        runs.end_run(connection, mine.id, status="done", report=report)
    return engine


def _broken(engine: Engine, mapping: str = "customer") -> chain.Break | None:
    with reading(engine) as connection:
        return chain.verify_chain(connection, mapping)


def _tamper(engine: Engine, sql: str) -> None:
    with writing(engine) as connection:
        assert connection.execute(text(sql)).rowcount > 0, "the test changed nothing"


_THIRD = "(SELECT id FROM state_page WHERE mapping = 'customer' AND number = 3)"
_ENTRY = f"(SELECT min(id) FROM state_audit WHERE page_id = {_THIRD})"


def test_an_untouched_chain_holds(told: Engine) -> None:
    assert _broken(told) is None
    assert _broken(told, "order") is None


def test_a_mapping_that_never_ran_has_nothing_to_break(told: Engine) -> None:
    assert _broken(told, "quote") is None


@pytest.mark.parametrize(
    "change",
    [
        "read = read + 1", "outcomes = '{}'", "answered = '{\"created\": 3}'", "complete_to = 'p9'",
        "committed_at = '2027'", "side = 'erp'", "link = previous", "run_id = run_id + 1",
    ],
)  # fmt: skip
def test_a_changed_page_is_found(told: Engine, change: str) -> None:
    _tamper(told, f"UPDATE state_page SET {change} WHERE id = {_THIRD}")
    broken = _broken(told)
    assert broken is not None
    assert broken.page == 3
    assert _broken(told, "order") is None


@pytest.mark.parametrize(
    "change",
    [
        "outcome = 'updated'", "source_id = '001X'", "target_id = '99'", "version = 'v2'", "entity = 'order'",
        "side = 'erp'",
    ],
)  # fmt: skip
def test_a_changed_entry_is_found_on_its_page(told: Engine, change: str) -> None:
    _tamper(told, f"UPDATE state_audit SET {change} WHERE id = {_ENTRY}")
    broken = _broken(told)
    assert broken is not None
    assert broken.page == 3


def test_a_changed_value_names_the_entry(told: Engine) -> None:
    _tamper(told, f"UPDATE state_audit SET payload = replace(payload, 'Firm', 'Farm') WHERE id = {_ENTRY}")
    broken = _broken(told)
    assert broken is not None
    assert (broken.page, broken.entry is not None) == (3, True)
    assert "0012A" in broken.what


def test_a_value_changed_together_with_its_digest_is_found(told: Engine) -> None:
    with writing(told) as connection:
        row = connection.execute(text(f"SELECT id, salt FROM state_audit WHERE id = {_ENTRY}")).one()
        forged = runs.digest_of(bytes(row.salt), b"{}")
        change = text("UPDATE state_audit SET payload = '{}', digest = :digest WHERE id = :id")
        connection.execute(change, {"digest": forged, "id": row.id})
    broken = _broken(told)
    assert broken is not None
    assert broken.page == 3


def test_a_removed_entry_is_found(told: Engine) -> None:
    _tamper(told, f"DELETE FROM state_audit WHERE id = {_ENTRY}")
    broken = _broken(told)
    assert broken is not None
    assert broken.page == 3


def test_an_inserted_entry_is_found(told: Engine) -> None:
    columns = "page_id, entity, side, source_id, target_id, outcome, version, digest, salt, payload"
    _tamper(told, f"INSERT INTO state_audit ({columns}) SELECT {columns} FROM state_audit WHERE id = {_ENTRY}")
    broken = _broken(told)
    assert broken is not None
    assert broken.page == 3


def test_entries_that_changed_places_are_found(told: Engine) -> None:
    second = f"(SELECT max(id) FROM state_audit WHERE page_id = {_THIRD})"
    with writing(told) as connection:
        ids = connection.execute(text(f"SELECT {_ENTRY}, {second}")).one()
        for old, new in ((ids[0], 10_000), (ids[1], ids[0]), (10_000, ids[1])):
            connection.execute(text(f"UPDATE state_audit SET id = {new} WHERE id = {old}"))
    broken = _broken(told)
    assert broken is not None
    assert broken.page == 3


def test_a_removed_page_is_found(told: Engine) -> None:
    with writing(told) as connection:
        connection.execute(text(f"DELETE FROM state_audit WHERE page_id = {_THIRD}"))
        connection.execute(text("DELETE FROM state_page WHERE mapping = 'customer' AND number = 3"))
    broken = _broken(told)
    assert broken is not None
    assert broken.page == 3


def test_newest_pages_that_were_cut_off_are_found_by_the_runs_own_report(told: Engine) -> None:
    last = "(SELECT id FROM state_page WHERE mapping = 'customer' AND number = 4)"
    with writing(told) as connection:
        connection.execute(text(f"DELETE FROM state_audit WHERE page_id = {last}"))
        connection.execute(text("DELETE FROM state_page WHERE mapping = 'customer' AND number = 4"))
    broken = _broken(told)
    assert broken is not None
    assert broken.page == PAGES
    assert "ended with a page that is not there any more" in broken.what


def test_another_name_on_the_run_is_found(told: Engine) -> None:
    _tamper(told, "UPDATE state_run SET who = 'cli:mallory' WHERE mapping = 'customer'")
    assert _broken(told) is not None
