"""Record ids: 15 case-sensitive characters, or 18 with a suffix that makes them safe without case."""

from __future__ import annotations

import re

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID = re.compile(r"[0-9A-Za-z]{15}([0-9A-Za-z]{3})?", re.ASCII)
_CAPITALS = {ord(char): "1" if char.isupper() else "0" for char in _DIGITS}
_OF_BITS = {f"{number:05b}"[::-1]: char for number, char in enumerate(_SUFFIX)}
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
#: Between the object's prefix and the running number stands what names the instance.
_INSTANCE = "Qy00"


def suffix(id15: str) -> str:
    """Three characters: for each five of the id, one bit per capital letter, lowest first."""
    bits = id15.translate(_CAPITALS)
    return _OF_BITS[bits[:5]] + _OF_BITS[bits[5:10]] + _OF_BITS[bits[10:]]


def make_id(prefix: str, number: int) -> str:
    """The 18-character id of the ``number``-th record of an object; sorts as text in the order of numbers."""
    digits = ""
    while number:
        number, rest = divmod(number, 3844)
        digits = _PAIRS[rest] + digits
    id15 = prefix + _INSTANCE + digits.rjust(8, "0")
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
