"""Money, prices and quantities as integers, and the one rounding rule: half up, away from zero.

* an *amount* is in minor units of an ISO 4217 currency (EUR 12.34 is 1234, JPY 12 is 12, KWD 1.234 is 1234);
* a *price*, a *quantity* and every other decimal is in micros (millionths).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

MICROS = 1_000_000
#: Amounts and micros fit a signed 64-bit column with room to add up a million of them.
GREATEST = 9_000_000_000_000

#: ISO 4217 (2024 list, amendment 176): currencies whose minor unit is not 1/100.
ODD_PLACES = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
_TWO_PLACES = frozenset(
    """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP
    CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
    JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN
    NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
    SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG""".split()
)
CURRENCIES = _TWO_PLACES | frozenset(ODD_PLACES)

_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?", re.ASCII)


def exponent(currency: str) -> int:
    """Decimal places of a currency; ValueError if ISO 4217 does not know it."""
    if currency in _TWO_PLACES:
        return 2
    try:
        return ODD_PLACES[currency]
    except KeyError:
        raise ValueError(f"{currency!r} is not an ISO 4217 currency") from None


def parse_decimal(value: object) -> Decimal:
    """An exact decimal from int, Decimal or ASCII text; ValueError for floats, NaN, ``1_0`` and other digits."""
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a number")
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not a number")
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return Decimal(value)
    raise ValueError(f"{value!r} is not a decimal number")


#: Enough digits for any number that a system may send, and nothing is ever rounded unseen.
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation, Overflow])
_MOST_DIGITS = 20  # before the point; checked first, or 1E+99999 would become that many digits


def _scaled(value: object, places: int, unit: str) -> int:
    number = parse_decimal(value)
    if number.adjusted() > _MOST_DIGITS:
        raise ValueError(f"{_told(number)} is too great")
    try:
        scaled = number.scaleb(places, _EXACT)
    except (Inexact, InvalidOperation, Overflow):
        raise ValueError(f"{_told(number)} has more decimals than {unit} ({places})") from None
    whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"{_told(number)} has more decimals than {unit} ({places})")
    if abs(whole) > GREATEST * MICROS:
        raise ValueError(f"{_told(number)} is too great")
    return whole


def _told(number: Decimal) -> str:
    """The number in a message: in full, unless that were a line of zeros."""
    is_short = abs(number.adjusted()) <= _MOST_DIGITS and len(number.as_tuple().digits) <= _MOST_DIGITS
    return f"{number.normalize():f}" if is_short else f"{number:.6E}"


def to_minor(value: object, currency: str) -> int:
    """An amount in minor units; ValueError when it has more decimals than the currency: nothing is rounded unseen."""
    return _scaled(value, exponent(currency), currency)


def from_minor(amount_minor: int, currency: str) -> Decimal:
    """The amount as people write it: 1234, EUR → 12.34."""
    return Decimal(amount_minor).scaleb(-exponent(currency))


def to_micros(value: object) -> int:
    """A price, quantity or other decimal in millionths; ValueError when it has more than six decimals."""
    return _scaled(value, 6, "a price or quantity")


def from_micros(micros: int) -> Decimal:
    """2_500_000 → 2.5 (no trailing zeros)."""
    number = Decimal(micros).scaleb(-6).normalize()
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number


def divide_half_up(numerator: int, denominator: int) -> int:
    """The rounding rule of the house, in integers: to nearest, halves away from zero."""
    quotient, remainder = divmod(abs(numerator), abs(denominator))
    quotient += 2 * remainder >= abs(denominator)
    return quotient if (numerator < 0) == (denominator < 0) else -quotient


def line_amount_minor(
    quantity_micros: int, unit_price_micros: int, currency: str, *, discount_percent_micros: int = 0
) -> int:
    """quantity × price × (1 − discount), rounded once, in minor units. 10 % is ``10_000_000``: micros of a per cent."""
    exact = quantity_micros * unit_price_micros * (100 * MICROS - discount_percent_micros)  # in 10^-20
    return divide_half_up(exact, 10 ** (20 - exponent(currency)))


def share_out(amount_minor: int, weights: Sequence[int]) -> list[int]:
    """Splits an amount by weights with the largest-remainder method: the parts add up exactly.

    Equal remainders go to the earlier part. ValueError when weights are negative or all zero.
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise ValueError("weights must be zero or more, and not all zero")
    sign = -1 if amount_minor < 0 else 1
    parts = [abs(amount_minor) * weight // total for weight in weights]
    remainders = [abs(amount_minor) * weight % total for weight in weights]
    missing = abs(amount_minor) - sum(parts)
    for index in sorted(range(len(weights)), key=lambda i: -remainders[i])[:missing]:
        parts[index] += 1
    return [sign * part for part in parts]
