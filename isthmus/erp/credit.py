"""The credit gate: what a customer owes and may still order, and which orders pass.

Exposures are always computed under a lock on the customer, in the transaction that confirms the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import orjson
from sqlalchemy import CheckConstraint, Connection, select, text
from sqlalchemy.orm import Mapped, mapped_column

from isthmus.db import among
from isthmus.erp.columns import Currency, Model, OnDay, Whole
from isthmus.erp.credit_facts import facts_sql
from isthmus.erp.parties import Customer
from isthmus.kernel.money import divide_half_up, from_minor

NANOS = 1_000_000_000
Status = Literal["ok", "warning", "hold"]


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


@dataclass(slots=True)
class Standing:
    """How a customer stands. ``exposure_minor`` moves while a page is gated. Amounts in the limit's currency."""

    customer_id: int
    currency: str
    limit_minor: int | None
    exposure_minor: int
    unrated: str | None  # a currency that the customer owes in and that has no rate
    held: bool
    held_why: str | None
    oldest_due_date: str | None
    grace_days: int
    day: str

    @property
    def status(self) -> Status:
        """ok, warning (80 % of the limit) or hold."""
        if self.reasons():
            return "hold"
        if self.limit_minor is None or self.exposure_minor <= 0:
            return "ok"
        return "warning" if self.exposure_minor >= self.limit_minor - self.limit_minor // 5 else "ok"

    @property
    def available_minor(self) -> int | None:
        """What may still be ordered; None without a limit, below zero beyond it."""
        return None if self.limit_minor is None else self.limit_minor - self.exposure_minor

    def reasons(self) -> list[str]:
        """Why the customer is on hold, in words."""
        reasons = self._standing_reasons()
        if self.limit_minor is not None and self.exposure_minor > self.limit_minor:
            exposure, limit = self._write(self.exposure_minor), self._write(self.limit_minor)
            reasons.append(f"exposure {exposure} is over the limit of {limit}")
        return reasons

    def _standing_reasons(self) -> list[str]:
        reasons = []
        if self.held:
            reasons.append(f"held by hand: {self.held_why}" if self.held_why else "held by hand")
        if self.unrated and self.limit_minor is not None:
            reasons.append(f"no {self.unrated} to {self.currency} rate for {self.day}")
        late = self.days_late
        if late > self.grace_days:
            reasons.append(f"an invoice due {self.oldest_due_date} is {late} days late, grace is {self.grace_days}")
        return reasons

    @property
    def days_late(self) -> int:
        """Days since the oldest open due date; 0 when nothing is late."""
        if self.oldest_due_date is None:
            return 0
        return max(0, (date.fromisoformat(self.day) - date.fromisoformat(self.oldest_due_date)).days)

    def refusal(self, worth_minor: int | None, currency: str) -> str | None:
        """Why an order that is worth so much more would not pass; None when it passes.

        ``worth_minor`` is in the limit's currency; None says that ``currency`` has no rate.
        """
        reasons = self._standing_reasons()
        if self.limit_minor is not None and worth_minor is None:
            reasons.append(f"no {currency} to {self.currency} rate for {self.day}")
        elif self.limit_minor is not None and self.exposure_minor + (worth_minor or 0) > self.limit_minor:
            exposure = self._write(self.exposure_minor + (worth_minor or 0))
            reasons.append(f"exposure would be {exposure}, over the limit of {self._write(self.limit_minor)}")
        return "; ".join(reasons)[:255] or None

    def _write(self, amount_minor: int) -> str:
        return f"{from_minor(amount_minor, self.currency):,f} {self.currency}"


def lock_customers(connection: Connection, ids: Sequence[int]) -> None:
    """Keeps these customers' credit from changing elsewhere until the transaction ends. Locks in the order of ids."""
    if connection.dialect.name == "postgresql" and ids:
        query = select(Customer.id).where(among(connection, Customer.__table__.c.id, sorted(set(ids))))
        connection.execute(query.order_by(Customer.id).with_for_update()).all()


def standings(connection: Connection, ids: Sequence[int], day: str) -> dict[int, Standing]:
    """How these customers stand on a day, by id: one query however many there are."""
    if not ids:
        return {}
    wanted: Any = sorted(set(ids))
    if connection.dialect.name == "postgresql":
        only, today = "= ANY(CAST(:ids AS BIGINT[]))", "CAST(:day AS DATE)"
    else:
        only, today, wanted = "IN (SELECT value FROM json_each(:ids))", ":day", orjson.dumps(wanted).decode()
    query = facts_sql(connection.dialect.name, today=today, only=f"AND customer_id {only}") + f" WHERE c.id {only}"
    found = {}
    for row in connection.execute(text(query), {"ids": wanted, "day": day}).mappings():
        found[row["customer_id"]] = Standing(
            customer_id=row["customer_id"],
            currency=row["currency"],
            limit_minor=row["limit_minor"],
            exposure_minor=row["exposure_minor"],
            unrated=row["unrated"],
            held=bool(row["held"]),
            held_why=row["held_why"],
            oldest_due_date=str(row["oldest_due_date"]) if row["oldest_due_date"] else None,
            grace_days=row["grace_days"],
            day=day,
        )
    return found


class Rates:
    """The rates in force on a day, looked up once per pair of currencies."""

    def __init__(self, connection: Connection, day: str) -> None:
        self._connection, self._day = connection, day
        self._known: dict[tuple[str, str], int | None] = {}

    def worth(self, amount_minor: int, source: str, target: str) -> int | None:
        """An amount in another currency, half up; None when there is no rate on or before the day."""
        if source == target:
            return amount_minor
        pair = (source, target)
        if pair not in self._known:
            self._known[pair] = self._look_up(source, target)
        rate = self._known[pair]
        return None if rate is None else divide_half_up(amount_minor * rate, NANOS)

    def _look_up(self, source: str, target: str) -> int | None:
        column = Rate.__table__.c
        query = select(column.minor_rate_nanos).where(column.source == source, column.target == target)
        query = query.where(column.day <= self._day).order_by(column.day.desc()).limit(1)
        found = self._connection.execute(query).scalar_one_or_none()
        return None if found is None else int(found)
