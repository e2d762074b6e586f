"""Is every way to fail that we know covered in every flow, or explained; and do the tests that are named exist?"""

from __future__ import annotations

import pytest

from tests.matrix.catalogue import ENTRIES, Entry, columns, exists, read_catalogue, rendered
from tests.matrix.faults import FAULTS
from tests.matrix.render import PAGE

CATALOGUE = read_catalogue()


def test_every_entry_of_the_catalogue_is_there_once() -> None:
    assert [entry.key for entry in CATALOGUE] == [
        f"{letter}{number}" for letter, last in ENTRIES.items() for number in range(1, last + 1)
    ]


@pytest.mark.parametrize("entry", CATALOGUE, ids=[entry.key for entry in CATALOGUE])
def test_no_cell_is_empty_and_each_test_that_is_named_exists(entry: Entry) -> None:
    assert entry.cells.keys() | entry.reasons.keys() == set(columns())
    assert not entry.cells.keys() & entry.reasons.keys(), "a covered cell needs no excuse"
    assert all(len(reason) > 15 for reason in entry.reasons.values())
    assert [test for tests in entry.cells.values() for test in tests if not exists(test)] == []


def test_enough_is_covered_and_every_fault_is_somewhere() -> None:
    covered = [test for entry in CATALOGUE for tests in entry.cells.values() for test in tests]
    assert sum(len(entry.cells) for entry in CATALOGUE) >= 250
    assert {name for name in FAULTS if not any(f"-{name}]" in test for test in covered)} == set()
    for name, fault in FAULTS.items():
        for key in fault.entries:
            (entry,) = [one for one in CATALOGUE if one.key == key]
            assert any(name in test for tests in entry.cells.values() for test in tests), (name, key)


def test_the_page_is_the_catalogue() -> None:
    assert PAGE.read_text("utf-8") == rendered(), "run `python -m tests.matrix.render`"


def test_a_test_that_is_not_there_is_noticed() -> None:
    assert not exists("tests/scenarios/test_kills.py::test_of_nobody")
    assert not exists("tests/scenarios/test_nothing.py::test_of_nobody")
    assert not exists("tests/matrix/test_injections.py::test_nothing_is_lost_and_nothing_is_doubled[order-no such]")
