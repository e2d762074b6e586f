"""Does `where` decide about a record as SOQL would?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from isthmus.kernel.selection import Term
from isthmus.mapping.filters import compile_terms

CASES = [
    # operator, values, what passes, what fails
    ("in", ("A", "B"), ["A", "b"], ["C", None, ..., ""]),
    ("in", (True,), [True], [False, None, ..., "true", 1]),
    ("in", (1,), [1, Decimal("1.0")], [2, True, "1", None]),
    ("not_in", ("A", "B"), ["C", None, ..., "", 1], ["A", "a"]),
    ("equals", ("A",), ["A", "a"], ["B", None, ...]),
    ("equals", (False,), [False], [True, None, 0]),
    ("before", ("2026-11-22",), ["2026-11-21", "2026-11-21T23:00:00Z"], ["2026-11-22", "2026-11-23", None, ...]),
    ("after", ("2026-11-22",), ["2026-11-23"], ["2026-11-22", "2026-11-21", None, ..., 5]),
    (
        "after",
        ("2026-11-22T10:00:00Z",),
        ["2026-11-22T10:00:01.000+0000", "2026-11-22T10:30:00+00:00"],
        ["2026-11-22T11:00:00+01:00", "2026-11-22T10:59:59+01:00", None],
    ),
    ("before", (10,), [9, Decimal("9.99"), "9"], [10, 11, None, ..., "x"]),
    ("after", (10,), [Decimal("10.01")], [10, 9, True]),
    ("is_empty", (True,), [None, ..., ""], ["A", 0, False]),
    ("is_empty", (False,), ["A", 0, False], [None, ..., ""]),
]


def record(value: Any) -> dict[str, Any]:
    return {} if value is ... else {"F": value}


@pytest.mark.parametrize(("operator", "values", "inside", "outside"), CASES, ids=range(len(CASES)))
def test_each_operator(operator: Any, values: Any, inside: list[Any], outside: list[Any]) -> None:
    first_failed = compile_terms((Term("F", operator, values),))
    assert [value for value in inside if first_failed(record(value)) is not None] == []
    assert [value for value in outside if first_failed(record(value)) is None] == []


def test_all_terms_must_hold_and_the_first_that_fails_is_named() -> None:
    one, two = Term("A", "in", ("x",)), Term("B.C", "in", ("y",))
    first_failed = compile_terms((one, two))
    assert first_failed({"A": "x", "B": {"C": "y"}}) is None
    assert first_failed({"A": "x", "B": None}) == two
    assert first_failed({}) == one
    assert compile_terms(())({}) is None
