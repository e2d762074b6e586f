"""How one value of one type is read from a system and written to it.

Reading gives the form's JSON-native value; writing gives the system's. Both raise ValueError (``Unfit`` where a remedy
is known here) for what does not fit: nothing is guessed, rounded or cut unseen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Literal
from unicodedata import normalize

from isthmus.kernel.clock import business_day, format_stamp, parse_stamp
from isthmus.kernel.money import GREATEST, MICROS, from_micros, from_minor, parse_decimal, to_micros, to_minor
from isthmus.mapping.functions import Unfit

Numbers = Literal["decimal", "scaled"]
Convert = Callable[[Any], Any]
ConvertMoney = Callable[[Any, str], Any]

#: Control characters except tab and line breaks, and half characters, which no database stores.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def clean_text(value: Any) -> str:
    """A text in NFC without control characters; right-to-left text and emoji pass, line breaks are ``\\n``."""
    if not isinstance(value, str):
        raise Unfit(f"{_shown(value)} is not a text", "say its type with 'as', or map another field")
    if found := _UNFIT.search(value):
        raise Unfit(f"holds the character U+{ord(found[0]):04X}, which is not text", "remove it")
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    return value if value.isascii() else normalize("NFC", value)


def read_reference(value: Any) -> str:
    """The id of another record, as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = clean_text(value)
    if not text:
        raise Unfit("is an empty id", "")
    return text


def read_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise Unfit(f"{_shown(value)} is not true or false", "")


def read_integer(value: Any) -> int:
    number = parse_decimal(value)
    whole = int(number) if abs(number) <= GREATEST * MICROS else 0
    if whole != number:
        raise Unfit(f"{_shown(value)} is not a whole number", "")
    return whole


@lru_cache(maxsize=8192)
def _day(text: str, time_zone: str) -> str:
    if _DATE.fullmatch(text):
        date.fromisoformat(text)
        return text
    return business_day(parse_stamp(text), time_zone).isoformat()


def date_reader(time_zone: str) -> Convert:
    """Reads a date, or the business day of an instant in the company's time zone."""

    def read(value: Any) -> str:
        try:
            if isinstance(value, str):
                return _day(value, time_zone)
            if isinstance(value, datetime):
                return business_day(value, time_zone).isoformat()
            if isinstance(value, date):
                return value.isoformat()
        except (ValueError, OverflowError):
            pass
        raise Unfit(f"{_shown(value)} is not a date", "write it as 2026-11-22")

    return read


def read_datetime(value: Any) -> str:
    try:
        return format_stamp(parse_stamp(value) if isinstance(value, str) else value)
    except (ValueError, OverflowError, AttributeError, TypeError):
        raise Unfit(f"{_shown(value)} is not an instant", "write it as 2026-11-22T18:15:00Z") from None


def read_scaled(value: Any) -> int:
    """An integer that already is in minor units or micros."""
    if type(value) is int and -GREATEST * MICROS <= value <= GREATEST * MICROS:
        return value
    raise Unfit(f"{_shown(value)} is not an amount in whole units", "")


def read_money(value: Any, currency: str) -> int:
    """An amount as people write it → minor units."""
    return to_minor(value, currency)


def _read_money_scaled(value: Any, _currency: str) -> int:
    return read_scaled(value)


def _write_scaled_money(value: Any, _currency: str) -> Any:
    return value


def _same(value: Any) -> Any:
    return value


def money_pair(numbers: Numbers) -> tuple[ConvertMoney, ConvertMoney]:
    """How a side's amounts are read and written; both take the document's currency."""
    if numbers == "scaled":
        return _read_money_scaled, _write_scaled_money
    return read_money, from_minor


def type_pair(kind: str, numbers: Numbers, time_zone: str) -> tuple[Convert, Convert]:
    """How a value of every other type is read and written."""
    if kind in {"price", "decimal"}:
        return (read_scaled, _same) if numbers == "scaled" else (to_micros, from_micros)
    readers: dict[str, Convert] = {
        "text": clean_text,
        "reference": read_reference,
        "date": date_reader(time_zone),
        "datetime": read_datetime,
        "boolean": read_boolean,
        "integer": read_integer,
    }
    return readers[kind], _same


def _shown(value: Any) -> str:
    """A value in a message: short, and never a whole record."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value[:60]}…'" if len(value) > 60 else f"'{value}'"
    if isinstance(value, (dict, list, tuple)):
        return "a list" if not isinstance(value, dict) else "a group of fields"
    return str(value)[:60]
