"""Reading ahead: does a thread of its own change anything but the time that it takes?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from isthmus.kernel.errors import Unavailable
from isthmus.sync.ahead import read_ahead


def pages(last: int, error: Exception | None = None) -> Iterator[int | None]:
    for number in range(1, last + 1):
        yield None
        yield None
        yield number
    if error is not None:
        raise error


def test_pages_come_in_their_order_and_pauses_are_kept_back() -> None:
    assert list(read_ahead(pages(7))) == [1, 2, 3, 4, 5, 6, 7]


def test_what_reading_raises_is_raised_behind_the_pages_before_it() -> None:
    ahead = read_ahead(pages(2, Unavailable("crm", "no answer", "try again")))
    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(Unavailable, match="no answer"):
        next(ahead)


def test_who_stops_in_the_middle_leaves_no_reader_behind() -> None:
    asked: list[int] = []

    def endless() -> Iterator[int | None]:
        while True:
            asked.append(len(asked))
            yield None
            yield asked[-1]

    ahead = read_ahead(endless())
    assert next(ahead) == 0
    ahead.close()  # type: ignore[attr-defined]
    after = len(asked)
    assert after <= 4  # the page in hand, the one that lay ready, and those in the making
    assert len(asked) == after
