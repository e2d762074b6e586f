"""JSON whose numbers stay exact: decimals become Decimal, whole numbers int, and nothing becomes a float."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(text: bytes) -> Any:
    """The value of a JSON text; ValueError when it is not whole, valid JSON in UTF-8.

    Half a surrogate pair is legal JSON but no text: it is kept, for one such character must not hide a whole page.
    """
    try:
        return _decoder.decode(text)
    except RecursionError:
        raise ValueError("it is nested without end") from None
    except ValueError:
        if b"\\u" not in text:
            raise
    return json.loads(text.decode(), parse_float=Decimal, parse_constant=_refuse)


def encode(value: Any) -> bytes:
    """JSON of None, bool, int, Decimal, text, lists and dicts; ValueError for a float, or a number that is none."""
    _check(value)
    return _encoder.encode(value)


def _check(value: Any) -> None:
    if isinstance(value, float) or (isinstance(value, Decimal) and not value.is_finite()):
        raise ValueError(f"{value!r} is not an exact number")
    if isinstance(value, dict):
        for one in value.values():
            _check(one)
    elif isinstance(value, list | tuple):
        for one in value:
            _check(one)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
