"""Do numbers come and go exactly as they are written?"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.connect.exact import decode, encode


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"100", 100),
        (b"100.10", Decimal("100.10")),
        (b"1234567890123456.78", Decimal("1234567890123456.78")),
        (b"9007199254740993.1", Decimal("9007199254740993.1")),
        (b"3.5E8", Decimal("3.5E8")),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b'"\\ud800x"', "\ud800x"),
    ],
)
def test_a_number_is_what_stands_there(text: bytes, value: object) -> None:
    found = decode(text)
    assert (found, str(found)) == (value, str(value))
    assert type(found) is type(value)


@pytest.mark.parametrize("text", [b"NaN", b"[1", b"", b"1 2", b'"\xff"', b'["\\ud800", NaN]', b"Infinity"])
def test_what_is_not_json_is_an_error(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any text will do, our own error follows
        decode(text)


@pytest.mark.parametrize("value", [1.5, {"a": [1.0]}, Decimal("NaN"), {"a": Decimal("Infinity")}])
def test_what_is_not_exact_is_not_sent(value: object) -> None:
    with pytest.raises(ValueError, match="not an exact number"):
        encode(value)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**15), max_value=10**15))
def test_a_decimal_comes_back_as_it_went(number: Decimal) -> None:
    assert decode(encode([number])) == [number]
