"""Who works in the ERP, when, and in which transaction: handed to everything that changes something."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from isthmus.kernel.clock import Clock, business_day, format_stamp

COMPANY = "main"


@dataclass(frozen=True, slots=True)
class Desk:
    """One worker in one transaction at one instant. ``day`` is the business day where the company keeps its books."""

    connection: Connection
    by: str
    at: str
    day: str


def sit_down(connection: Connection, *, by: str, clock: Clock, time_zone: str = "UTC") -> Desk:
    """A desk for this transaction, at the clock's present instant."""
    now = clock.now()
    return Desk(connection, by, format_stamp(now), business_day(now, time_zone).isoformat())
