"""What a payment settles of an invoice in another currency, and what was gained or lost by the time between. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from isthmus.kernel.money import divide_half_up

NANOS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class DayRates:
    """What minor units are worth in the company's currency, in thousand-millionths of its minor unit.

    ``paid`` and ``invoiced`` are the payment's and the invoice's currency on the day of the payment, ``booked`` is the
    invoice's on the day of the invoice.
    """

    paid: int
    invoiced: int
    booked: int


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A part of a payment, the part of an invoice that it settles, and the gain (below zero: loss) in the company's
    currency. All in minor units."""

    source_minor: int
    amount_minor: int
    gain_minor: int


def exchange(left_minor: int, open_minor: int, rates: DayRates) -> Exchanged:
    """As much as is left of a payment settles of what is open, both more than zero.

    An ``amount_minor`` of zero says that all that is left is not worth the smallest coin of the invoice's currency.
    """
    worth = divide_half_up(left_minor * rates.paid, rates.invoiced)
    amount, source = worth, left_minor
    if worth >= open_minor:
        amount = open_minor
        source = min(left_minor, max(1, divide_half_up(open_minor * rates.invoiced, rates.paid)))
    gain = divide_half_up(source * rates.paid, NANOS) - divide_half_up(amount * rates.booked, NANOS)
    return Exchanged(source, amount, gain if amount else 0)
