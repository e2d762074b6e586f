"""Is money exact: to the cent, in every currency, however it is split?"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from isthmus.kernel.money import (
    CURRENCIES,
    GREATEST,
    MICROS,
    divide_half_up,
    exponent,
    from_micros,
    from_minor,
    line_amount_minor,
    parse_decimal,
    share_out,
    to_micros,
    to_minor,
)

amounts = st.integers(-GREATEST, GREATEST)
currencies = st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLF"])


@pytest.mark.parametrize(
    ("currency", "places"), [("EUR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3), ("TND", 3), ("CLF", 4), ("UYW", 4)]
)
def test_a_currency_has_its_own_decimals(currency: str, places: int) -> None:
    assert exponent(currency) == places


@pytest.mark.parametrize("code", ["QQQ", "eur", "", "EURO", "BTC"])
def test_what_is_not_a_currency_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="not an ISO 4217 currency"):
        exponent(code)


def test_there_are_as_many_currencies_as_the_list_has() -> None:
    """ISO 4217 lists some 155 that people pay with; a lost line in our text would not be seen otherwise."""
    assert 150 <= len(CURRENCIES) <= 165
    assert all(len(code) == 3 and code.isupper() for code in CURRENCIES)


@given(amounts, currencies)
def test_minor_units_and_decimals_are_the_same_amount(amount: int, currency: str) -> None:
    assert to_minor(from_minor(amount, currency), currency) == amount
    assert to_minor(str(from_minor(amount, currency)), currency) == amount


@given(amounts)
def test_micros_and_decimals_are_the_same_number(micros: int) -> None:
    assert to_micros(from_micros(micros)) == micros
    assert to_micros(f"{from_micros(micros):f}") == micros


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("12.34", "EUR", 1234), ("-0.01", "EUR", -1), ("12", "JPY", 12), ("1.234", "KWD", 1234), ("12.3400", "EUR", 1234)],
)
def test_an_amount_is_read_as_people_write_it(text: str, currency: str, minor: int) -> None:
    assert to_minor(text, currency) == minor


@pytest.mark.parametrize(("text", "currency"), [("12.345", "EUR"), ("0.5", "JPY"), ("0.0001", "KWD")])
def test_an_amount_finer_than_its_currency_is_refused_and_not_rounded(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match=f"more decimals than {currency}"):
        to_minor(text, currency)


@pytest.mark.parametrize(
    "value", [1.0, True, None, "1_0", "١٢", "NaN", "Infinity", "", " 1", "1,5", "0x1", Decimal("NaN")]
)
def test_what_is_not_an_exact_decimal_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_decimal(value)


def test_an_amount_that_no_column_could_add_up_is_refused() -> None:
    with pytest.raises(ValueError, match="too great"):
        to_minor(Decimal(10) ** 20, "EUR")


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**12))
def test_halves_go_away_from_zero(numerator: int, denominator: int) -> None:
    """The house rule is exactly what accountants call half up."""
    exact = Decimal(numerator) / Decimal(denominator)
    assume(Decimal(numerator) % Decimal(denominator) == 0 or abs(exact) < 10**9)  # else 28 digits do not tell
    assert divide_half_up(numerator, denominator) == int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("numerator", "denominator", "whole"), [(5, 2, 3), (-5, 2, -3), (5, -2, -3), (4, 3, 1), (0, 7, 0)]
)
def test_rounding_by_hand(numerator: int, denominator: int, whole: int) -> None:
    assert divide_half_up(numerator, denominator) == whole


@pytest.mark.parametrize(
    ("quantity", "price", "percent", "currency", "minor"),
    [
        ("3", "9.99", "0", "EUR", 2997),
        ("3", "9.99", "10", "EUR", 2697),  # 26.973
        ("1", "0.125", "0", "EUR", 13),  # half up
        ("-1", "0.125", "0", "EUR", -13),
        ("2.5", "199", "0", "JPY", 498),  # 497.5
        ("1", "1.2345", "0", "KWD", 1235),  # 1.2345
        ("7", "12.345678", "33.333333", "EUR", 5761),  # 57.6131…
        ("5", "10", "100", "EUR", 0),
    ],
)
def test_a_line_is_rounded_once(quantity: str, price: str, percent: str, currency: str, minor: int) -> None:
    discount = to_micros(percent)
    amount = line_amount_minor(to_micros(quantity), to_micros(price), currency, discount_percent_micros=discount)
    assert amount == minor


@given(st.integers(0, 10**9), st.integers(0, 10**10), st.integers(0, 100 * MICROS), currencies)
def test_a_line_is_quantity_times_price_less_discount(quantity: int, price: int, percent: int, currency: str) -> None:
    exact = Decimal(quantity) * price * (100 * MICROS - percent)  # scaled by 10^20
    unit = Decimal(10) ** (20 - exponent(currency))
    amount = line_amount_minor(quantity, price, currency, discount_percent_micros=percent)
    assert abs(amount * unit - exact) * 2 <= unit


@given(amounts, st.lists(st.integers(0, 10**9), min_size=1, max_size=40).filter(any))
def test_shares_add_up_and_none_is_off_by_a_whole_unit(amount: int, weights: list[int]) -> None:
    parts = share_out(amount, weights)
    assert sum(parts) == amount
    assert len(parts) == len(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - amount * weight) < sum(weights)


def test_equal_remainders_go_to_the_earlier_part() -> None:
    assert share_out(100, [1, 1, 1]) == [34, 33, 33]
    assert share_out(-100, [1, 1, 1]) == [-34, -33, -33]
    assert share_out(0, [1, 2]) == [0, 0]


@pytest.mark.parametrize("weights", [[], [0, 0], [2, -1]])
def test_shares_need_weights(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        share_out(100, weights)


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1.00000000000000000000000000000000001"),
        Decimal("1." + "0" * 80 + "1"),
        Decimal("1e999999"),
        Decimal("-1e99999"),
        Decimal("1e-99999"),
    ],
)
def test_no_number_is_rounded_unseen_however_long_or_great(value: Decimal) -> None:
    for scale in (lambda one: to_minor(one, "EUR"), to_micros):
        with pytest.raises(ValueError, match=r"decimals|great"):
            scale(value)
