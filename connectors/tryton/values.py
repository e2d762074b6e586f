"""Values as Tryton's JSON-RPC spells them: a decimal, a date, an instant each is an object with ``__class__``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from isthmus.kernel.clock import format_stamp

Row = dict[str, Any]


def encoded(value: Any) -> Any:
    """A value of ours as Tryton takes it. Floats do not exist here; `Float` wraps what must be one."""
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": f"{value:f}"}
    if isinstance(value, datetime):
        at = value.astimezone(UTC)
        return {"__class__": "datetime", "year": at.year, "month": at.month, "day": at.day, "hour": at.hour,
                "minute": at.minute, "second": at.second, "microsecond": at.microsecond}  # fmt: skip
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    if isinstance(value, timedelta):
        return {"__class__": "timedelta", "seconds": int(value.total_seconds())}
    if isinstance(value, Float):
        return value.number
    if isinstance(value, dict):
        return {name: encoded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [encoded(one) for one in value]
    return value


@dataclass(frozen=True, slots=True)
class Float:
    """A number that Tryton keeps as a float (quantities): sent as a plain JSON number, not as its Decimal."""

    number: Decimal


def decoded(value: Any) -> Any:
    """An answer with decimals as Decimal, days as ``YYYY-MM-DD`` and instants as sortable text in UTC."""
    if isinstance(value, dict):
        kind = value.get("__class__")
        if kind is None:
            return {name: decoded(one) for name, one in value.items()}
        return _KINDS[kind](value) if kind in _KINDS else value
    if isinstance(value, list):
        return [decoded(one) for one in value]
    return value


def _day(value: Row) -> str:
    return date(value["year"], value["month"], value["day"]).isoformat()


def _instant(value: Row) -> str:
    """Tryton's stamps have no zone and are UTC."""
    at = datetime(
        value["year"], value["month"], value["day"], value["hour"], value["minute"], value["second"],
        value["microsecond"], tzinfo=UTC,
    )  # fmt: skip
    return format_stamp(at)


_KINDS = {
    "Decimal": lambda value: Decimal(value["decimal"]),
    "date": _day,
    "datetime": _instant,
}
