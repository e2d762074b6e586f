"""How a tie-out spells amounts, instants, values and its own verdict. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from isthmus.kernel.clock import local_time
from isthmus.kernel.money import from_micros, from_minor

if TYPE_CHECKING:
    from isthmus.reconcile.findings import Difference, EntityResult
    from isthmus.reconcile.run import TieOut

TITLES = {"credit": "Credit status", "receivables": "Receivables", "totals": "All records"}
LONGEST = 60


def money(amount_minor: int | None, currency: str | None) -> str:
    """``12,345.60``; nothing where there is no amount."""
    if amount_minor is None or currency is None:
        return ""
    return f"{from_minor(amount_minor, currency):,f}"


def sums(amounts: Mapping[str, int]) -> str:
    """``EUR 12.00, USD 3.50``."""
    return ", ".join(f"{currency} {money(amounts[currency], currency)}" for currency in sorted(amounts))


def instant(stamp: str, time_zone: str) -> str:
    """``2026-11-23 09:15 CET``: as the wall clock of the books shows it."""
    return local_time(stamp, time_zone).strftime("%Y-%m-%d %H:%M %Z")


def day(stamp: str, time_zone: str) -> str:
    """``2026-11-23``: the day of the books."""
    return local_time(stamp, time_zone).date().isoformat()


def verdict(tie_out: TieOut) -> str:
    """The one line that everybody reads."""
    when = instant(tie_out.as_of, tie_out.time_zone)
    if tie_out.agrees:
        return f"Both sides agree as of {when}"
    found = tie_out.differences
    records = len({one.place[:3] for one in found})
    if not records:
        return f"Both sides could not be shown to agree as of {when}"
    differ = "1 record differs" if records == 1 else f"{records:,} records differ"
    return f"{differ} as of {when}"


def entity_name(entity: str) -> str:
    return entity.replace("_", " ").capitalize()


def value(one: Difference, side: Any) -> str:
    """What a side shows, as people write it; never a whole record."""
    shown = one.values.get(side)
    if shown is None:
        return "—"
    if one.spelling == "minor" and isinstance(shown, int):
        return money(shown, one.currency)
    if one.spelling == "micros" and isinstance(shown, int):
        return f"{from_micros(shown):,f}"
    if one.spelling == "line" and isinstance(shown, dict):
        return _line(shown, one.currency)
    if isinstance(shown, bool):
        return "yes" if shown else "no"
    text = shown if isinstance(shown, str) else orjson.dumps(shown, default=str).decode()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _line(line: Mapping[str, Any], currency: str | None) -> str:
    """``12 × 15.50``, or the amount of a line that has no quantity."""
    quantity, price = line.get("quantity"), line.get("unit_price")
    if quantity is None or price is None:
        return money(line.get("amount"), currency) or "there"
    return f"{from_micros(quantity):,f} × {from_micros(price):,f}"


def field_name(one: Difference) -> str:
    """``line 802…RIAQ: quantity``: the end of a key tells lines apart."""
    name = one.field.replace("_", " ")
    if not name.startswith("lines["):
        return name or "whole record"
    key, _, member = one.field[6:].partition("]")
    short = key if len(key) <= 8 else f"…{key[-6:]}"
    return f"line {short}" + (f": {member[1:].replace('_', ' ')}" if member else "")


def age(days: int) -> str:
    return "new" if days == 0 else "1 day" if days == 1 else f"{days:,} days"


def repair(one: Difference) -> str:
    return {"due": "next run", "worklist": "by hand", "none": "—"}[one.repair]


def doubts(entity: EntityResult) -> list[str]:
    """What is wrong with the comparison itself rather than with a record."""
    name = entity_name(entity.entity)
    told = [
        f"{name}: the {own.side.upper()} counts {own.counted:,}{_added(own.added_minor, own.currency)} by itself,"
        f" but {own.read:,}{_added(own.read_minor, own.currency)} were read"
        for own in entity.own
        if not own.agrees
    ]
    for line in entity.lines:
        if line.left_minor or line.left_count:
            where = " ".join(filter(None, (name, line.currency, line.month)))
            left = f"{money(line.left_minor, line.currency)} and {line.left_count} records"
            told.append(f"{where}: {left} are neither explained nor listed; report this")
    if entity.unseen:
        told.append(f"{name}: {entity.unseen:,} more records may differ; see `isthmus plan --full`")
    return told


def _added(amount_minor: int | None, currency: str | None) -> str:
    return f" with {currency} {money(amount_minor, currency)}" if amount_minor is not None and currency else ""
