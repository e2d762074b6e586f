"""What a line of goods comes to. Pure.

Tryton's sale lines have a net price of four decimals and no discount, and Tryton rounds a half to the even cent. So
the price before the discount stands in the line's note, behind our key, and what Tryton's rounding leaves out is told
by `short_minor`: it becomes a line of text of its own.
"""

from __future__ import annotations

import re
from decimal import Decimal

from isthmus.kernel.errors import Refused
from isthmus.kernel.money import (
    MICROS,
    divide_half_up,
    exponent,
    from_micros,
    from_minor,
    line_amount_minor,
    to_micros,
    to_minor,
)
from isthmus.kernel.records import Fields

PLACES = 4  # decimals of a price in Tryton
_STEP = 10 ** (6 - PLACES)  # the least price, in micros
_WHOLE = 100 * MICROS
_NOTE = re.compile(r"(?P<key>.+)\n(?P<price>-?[0-9.]+) less (?P<percent>[0-9.]+) %")


def fits(price: Decimal) -> bool:
    """Whether Tryton keeps all decimals of a price."""
    return not to_micros(price) % _STEP


def net_price(price: Decimal, percent: Decimal | None) -> Decimal:
    """The price after a discount, with the decimals that Tryton keeps; without a discount the price as it is."""
    if not percent:
        return price
    exact = to_micros(price) * (_WHOLE - to_micros(percent))
    return from_micros(divide_half_up(exact, _WHOLE * _STEP) * _STEP)


def note_of(line: Fields) -> str:
    """What stands in the note of a line of goods: our key and, under it, the price before the discount."""
    price, percent = line.get("unit_price"), line.get("discount_percent")
    key = str(line["key"])
    return key if price is None or not percent else f"{key}\n{_plain(price)} less {_plain(percent)} %"


def key_of(note: str | None) -> str | None:
    """Our key of a line of goods, out of its note."""
    return (note or "").partition("\n")[0] or None


def told_by(note: str | None, unit_price: Decimal | None) -> tuple[str | None, Decimal | None, Decimal | None]:
    """(key, price, discount in per cent) of a line of goods. Who changed the price there took the discount away."""
    found = _NOTE.fullmatch(note or "")
    if found is None or unit_price is None:
        return key_of(note), unit_price, None
    price, percent = Decimal(found["price"]), Decimal(found["percent"])
    is_ours = net_price(price, percent) == unit_price
    return (found["key"], price, percent) if is_ours else (found["key"], unit_price, None)


def short_minor(line: Fields, currency: str, where: str) -> int:
    """By how much Tryton comes to less than the CRM, in minor units. Raises Refused where that is not rounding."""
    price, percent = line.get("unit_price"), line.get("discount_percent")
    if price is None:
        return 0
    quantity = to_micros(line["quantity"])
    ours = line_amount_minor(quantity, to_micros(price), currency, discount_percent_micros=to_micros(percent or 0))
    wanted = ours if line.get("amount") is None else to_minor(line["amount"], currency)
    if abs(wanted - ours) > 1:
        what = f"line {line['key']} comes to {from_minor(ours, currency)} {currency}, and not to {line['amount']}"
        raise Refused(where, what, "correct quantity, price or amount in the CRM")
    exact = quantity * to_micros(net_price(Decimal(price), percent))  # in 10^-12
    return wanted - _half_even(exact, 10 ** (12 - exponent(currency)))


def _half_even(numerator: int, denominator: int) -> int:
    """Tryton's rule."""
    whole, rest = divmod(abs(numerator), denominator)
    whole += 2 * rest > denominator or (2 * rest == denominator and whole % 2)
    return whole if numerator > 0 else -whole


def _plain(number: Decimal) -> str:
    return f"{from_micros(to_micros(number)):f}"
