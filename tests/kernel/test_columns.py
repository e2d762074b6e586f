"""Do figures stand below one another?"""

from __future__ import annotations

from isthmus.kernel.columns import aligned


def test_words_read_from_the_left_and_numbers_from_the_right() -> None:
    assert aligned([("what", "count"), ("a customer", "7"), ("", "1,200")], right=[1]) == [
        "what        count",
        "a customer      7",
        "            1,200",
    ]
