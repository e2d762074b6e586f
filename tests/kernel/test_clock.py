"""Which instant is it, and which day is that where the books are kept?"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.kernel.clock import SetClock, SystemClock, business_day, format_stamp, parse_stamp

instants = st.timedeltas(timedelta(0), timedelta(days=50_000)).map(
    lambda since: datetime(1970, 1, 1, tzinfo=UTC) + since
)


@pytest.mark.parametrize(
    "text",
    ["2026-11-22T18:15:00Z", "2026-11-22T18:15:00.000+0000", "2026-11-22T19:15:00+01:00", "2026-11-22T13:15:00-0500"],
)
def test_a_stamp_is_one_instant_however_it_is_written(text: str) -> None:
    assert parse_stamp(text) == datetime(2026, 11, 22, 18, 15, tzinfo=UTC)
    assert parse_stamp(text).tzinfo is UTC


def test_a_stamp_without_an_offset_is_nobodys() -> None:
    with pytest.raises(ValueError, match="no offset"):
        parse_stamp("2026-11-22T18:15:00")


@given(instants, instants)
def test_stamps_sort_as_text_in_the_order_of_time(one: datetime, other: datetime) -> None:
    assert (format_stamp(one) < format_stamp(other)) == (one < other)
    assert parse_stamp(format_stamp(one)) == one


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-03-28T22:59:59Z", date(2026, 3, 28)),  # winter: 23:59:59 in Berlin
        ("2026-03-28T23:00:00Z", date(2026, 3, 29)),  # midnight of the day that loses an hour
        ("2026-03-29T21:59:59Z", date(2026, 3, 29)),  # summer: 23:59:59
        ("2026-03-29T22:00:00Z", date(2026, 3, 30)),
        ("2026-10-24T22:00:00Z", date(2026, 10, 25)),  # the day that has 25 hours begins in summer
        ("2026-10-25T22:59:59Z", date(2026, 10, 25)),  # and ends in winter
        ("2026-10-25T23:00:00Z", date(2026, 10, 26)),
    ],
)
def test_the_day_turns_at_local_midnight_also_when_the_clocks_change(instant: str, day: date) -> None:
    assert business_day(parse_stamp(instant), "Europe/Berlin") == day


def test_the_day_depends_on_where_the_books_are_kept() -> None:
    instant = parse_stamp("2026-12-31T20:00:00Z")
    assert business_day(instant, "America/New_York") == date(2026, 12, 31)
    assert business_day(instant, "Asia/Tokyo") == date(2027, 1, 1)


def test_a_set_clock_moves_only_when_it_is_told_to() -> None:
    clock = SetClock(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    assert clock.now() == clock.now() == datetime(2026, 1, 1, tzinfo=UTC)
    clock.advance(timedelta(minutes=5))
    assert clock.now() == datetime(2026, 1, 1, 0, 5, tzinfo=UTC)


def test_the_machines_clock_is_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
