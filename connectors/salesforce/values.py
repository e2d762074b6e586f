"""Salesforce's spellings: ids of 15 and 18 characters, instants, and the ``attributes`` in every object."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from isthmus.kernel.clock import parse_stamp

_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?", re.ASCII)


def whole_id(text: str) -> str | None:
    """The 18-character form of an id; None for what cannot be one.

    The last three characters say which of the first fifteen are capitals: five bits each, the first character lowest.
    """
    if not _ID.fullmatch(text):
        return None
    start = text[:15]
    ending = "".join(
        _SUFFIX[sum(1 << bit for bit, char in enumerate(start[block : block + 5]) if char.isupper())]
        for block in (0, 5, 10)
    )
    return start + ending


def version_of(stamp: str) -> str:
    """``2026-11-01T10:00:00.000+0000`` and ``…000Z`` → ``2026-11-01T10:00:00.000Z``, which sorts as text."""
    if len(stamp) == 28 and stamp.endswith("+0000"):
        return stamp[:23] + "Z"
    return spell(parse_stamp(stamp))


def spell(moment: datetime) -> str:
    """An instant as a version and as a SOQL literal: milliseconds, UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def before(version: str) -> str:
    """One millisecond earlier: a position that certainly is complete while records of this stamp may still come."""
    return spell(parse_stamp(version) - timedelta(milliseconds=1))


def rest_stamp(text: str) -> str:
    """An instant of a CSV (``…Z``) as REST spells it (``…+0000``), so that both ways of reading give equal values."""
    return text.removesuffix("Z") + "+0000" if text.endswith("Z") else text


def strip(record: dict[str, object]) -> None:
    """Takes ``attributes`` out of a record and of everything nested in it."""
    record.pop("attributes", None)
    for value in record.values():
        if value.__class__ is dict:
            strip(value)
