"""Record ids: 15 case-sensitive characters, or 18 with a suffix that makes them safe without case."""

from __future__ import annotations

import re

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID = re.compile(r"[0-9A-Za-z]{15}([0-9A-Za-z]{3})?", re.ASCII)
#: Between the object's prefix and the running number stands what names the instance.
_INSTANCE = "Qy00"


def suffix(id15: str) -> str:
    """Three characters: for each five of the id, one bit per capital letter, lowest first."""
    return "".join(
        _SUFFIX[sum(1 << bit for bit, char in enumerate(id15[start : start + 5]) if "A" <= char <= "Z")]
        for start in (0, 5, 10)
    )


def make_id(prefix: str, number: int) -> str:
    """The 18-character id of the ``number``-th record of an object; sorts as text in the order of numbers."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    id15 = prefix + _INSTANCE + digits.rjust(15 - len(prefix) - len(_INSTANCE), "0")
    return id15 + suffix(id15)


def whole_id(text: str) -> str | None:
    """The 18 characters of an id given with 15 or 18 (these in any case); None if it cannot be an id."""
    if not _ID.fullmatch(text):
        return None
    if len(text) == 15:
        return text + suffix(text)
    return _restore_case(text[:15], text[15:].upper())


def _restore_case(id15: str, ending: str) -> str | None:
    chars = list(id15)
    for block, code in enumerate(ending):
        bits = _SUFFIX.find(code)
        if bits < 0:
            return None
        for bit in range(5):
            place = block * 5 + bit
            chars[place] = chars[place].upper() if bits >> bit & 1 else chars[place].lower()
    restored = "".join(chars)
    return restored + ending if suffix(restored) == ending else None
