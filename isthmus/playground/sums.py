"""Sums that SQLite cannot do exactly by itself."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

from isthmus.kernel.money import MICROS, divide_half_up


class ConvertedSum:
    """SQLite's aggregate ``sf_converted_sum(amount, rate)``: amounts divided by their rate (in millionths), added up.

    By rate, in whole numbers, so that nothing is lost before the one rounding at the end; null where all are null.
    """

    def __init__(self) -> None:
        self._by_rate: Counter[int] = Counter()

    def step(self, amount: int | None, rate: int | None = None) -> None:
        if amount is not None and rate:
            self._by_rate[rate] += amount

    def finalize(self) -> Any:
        if not self._by_rate:
            return None
        total = sum((Fraction(amount * MICROS, rate) for rate, amount in self._by_rate.items()), Fraction(0))
        return divide_half_up(total.numerator, total.denominator)
