"""The one door to time. Everything else is given a Clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Tells the present instant, always aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SetClock:
    """A clock that stands still until it is moved: for simulations and tests."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, step: timedelta) -> None:
        self._now += step


def parse_stamp(text: str) -> datetime:
    """Reads an ISO 8601 instant, also Salesforce's ``+0000``; ValueError when it has no offset."""
    stamp = datetime.fromisoformat(text)
    if stamp.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return stamp.astimezone(UTC)


def format_stamp(stamp: datetime) -> str:
    """``2026-11-22T18:15:00.123456Z``: sorts as text in the order of time."""
    return stamp.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def local_time(stamp: str, time_zone: str) -> datetime:
    """A stored instant as the wall clock showed it where the company keeps its books."""
    return parse_stamp(stamp).astimezone(ZoneInfo(time_zone))


def business_day(stamp: datetime, time_zone: str) -> date:
    """The calendar day of an instant where the company keeps its books."""
    return stamp.astimezone(ZoneInfo(time_zone)).date()
