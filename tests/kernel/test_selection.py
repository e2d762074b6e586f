"""Is a record inside a term as every reader of it says?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from isthmus.kernel.selection import Term, passes


@pytest.mark.parametrize(
    ("value", "operator", "asked", "inside"),
    [
        (900, "after", 1_000, False),
        (1_000, "before", 900, False),
        (Decimal("9.5"), "before", 10, True),
        (1, "in", True, False),
        ("2026-11-22T11:00:00+01:00", "after", "2026-11-22T10:30:00Z", False),
        ("open", "in", "Open", True),
        ("STRASSE 1", "not_in", "Straße 1", False),
        ({"tier": "gold"}, "is_empty", True, False),
        (None, "not_in", "x", True),
    ],
)
def test_numbers_are_numbers_instants_instants_and_texts_have_no_case(
    value: Any, operator: Any, asked: Any, inside: bool
) -> None:
    assert passes({"a": {"b": value}}, Term("a.b", operator, (asked,))) is inside
