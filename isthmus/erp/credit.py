"""Rates, exposure and the credit gate."""

from __future__ import annotations

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from isthmus.erp.columns import Currency, Model, OnDay, Whole


class Rate(Model):
    """What a currency is worth in another from a day on, in thousand-millionths (1.085 is 1_085_000_000).

    ``minor_rate_nanos`` is the same for minor units: yen have none, so JPY→EUR 0.0061 is 0.61 cent a yen.
    """

    __tablename__ = "erp_rate"
    source: Mapped[Currency] = mapped_column(primary_key=True)
    target: Mapped[Currency] = mapped_column(primary_key=True)
    day: Mapped[OnDay] = mapped_column(primary_key=True)
    rate_nanos: Mapped[Whole]
    minor_rate_nanos: Mapped[Whole]
    __table_args__ = (
        CheckConstraint("rate_nanos > 0 AND minor_rate_nanos BETWEEN 1 AND 1000000000000000", name="rate"),
        CheckConstraint("source <> target", name="pair"),
    )
