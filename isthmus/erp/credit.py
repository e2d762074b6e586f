"""The credit gate: what a customer owes and may still order, and which orders pass.

Exposures are always computed under a lock on the customer, in the transaction that confirms the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, cast

import orjson
from sqlalchemy import CheckConstraint, Connection, CursorResult, Table, select, text
from sqlalchemy.orm import Mapped, mapped_column

from isthmus.db import among
from isthmus.erp.changes import log_changes
from isthmus.erp.columns import Currency, Model, OnDay, Whole
from isthmus.erp.credit_facts import facts_sql, family_sql
from isthmus.erp.desk import Desk
from isthmus.erp.parties import CreditTerm, Customer
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
class Line:
    """A line of credit: a customer's own, or a parent's that it shares. ``exposure_minor`` is the whole family's, in
    the line's currency, and moves while a page is gated."""

    root_id: int
    number: str
    currency: str
    limit_minor: int | None
    exposure_minor: int
    unrated: str | None  # a currency that the family owes in and that has no rate
    held_why: str | None  # why the root is held by hand; None when it is not


@dataclass(slots=True)
class Standing:
    """How a customer stands. Those who share a limit have one ``line``. Amounts in the limit's currency."""

    customer_id: int
    line: Line
    held: bool
    held_why: str | None
    oldest_due_date: str | None
    grace_days: int
    day: str

    @property
    def currency(self) -> str:
        """The limit's."""
        return self.line.currency

    @property
    def limit_minor(self) -> int | None:
        """None: no limit; 0: no credit."""
        return self.line.limit_minor

    @property
    def exposure_minor(self) -> int:
        """What the customer, and all who share the limit, owe and have ordered."""
        return self.line.exposure_minor

    @property
    def status(self) -> Status:
        """ok, warning (80 % of the limit) or hold."""
        if self.reasons():
            return "hold"
        return "warning" if self._is_near() else "ok"

    def _is_near(self) -> bool:
        if self.limit_minor is None or self.exposure_minor <= 0:
            return False
        return self.exposure_minor >= self.limit_minor - self.limit_minor // 5

    @property
    def available_minor(self) -> int | None:
        """What may still be ordered; None without a limit, below zero beyond it."""
        return None if self.limit_minor is None else self.limit_minor - self.exposure_minor

    def reasons(self) -> list[str]:
        """Why the customer is on hold, in words that do not change from day to day."""
        reasons = self._standing_reasons()
        if self.limit_minor is not None and self.exposure_minor > self.limit_minor:
            exposure, limit = self._write(self.exposure_minor), self._write(self.limit_minor)
            reasons.append(f"exposure {exposure} is over the limit of {limit}{self._shared()}")
        return reasons

    def reason(self) -> str | None:
        """Why the customer is on hold, or that the limit is near; None when all is well."""
        found = "; ".join(self.reasons())[:255]
        if found or not self._is_near():
            return found or None
        exposure, limit = self._write(self.exposure_minor), self._write(self.limit_minor or 0)
        return f"exposure {exposure} is near the limit of {limit}{self._shared()}"

    def _standing_reasons(self) -> list[str]:
        reasons = []
        if self.held:
            reasons.append(f"held by hand: {self.held_why}" if self.held_why else "held by hand")
        if self.line.held_why is not None and self.line.root_id != self.customer_id:
            reasons.append(f"{self.line.number}, whose limit it shares, is held by hand: {self.line.held_why}")
        if self.line.unrated and self.limit_minor is not None:
            reasons.append(f"there is no {self.line.unrated} to {self.currency} rate")
        if self.days_late > self.grace_days:
            reasons.append(f"an invoice due {self.oldest_due_date} is beyond the {self.grace_days} days of grace")
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
            reasons.append(f"there is no {currency} to {self.currency} rate")
        elif self.limit_minor is not None and self.exposure_minor + (worth_minor or 0) > self.limit_minor:
            exposure, limit = self._write(self.exposure_minor + (worth_minor or 0)), self._write(self.limit_minor)
            reasons.append(f"exposure would be {exposure}, over the limit of {limit}{self._shared()}")
        return "; ".join(reasons)[:255] or None

    def _shared(self) -> str:
        return f" that it shares with {self.line.number}" if self.line.root_id != self.customer_id else ""

    def _write(self, amount_minor: int) -> str:
        return f"{from_minor(amount_minor, self.currency)} {self.currency}"


def lock_customers(connection: Connection, ids: Sequence[int]) -> None:
    """Keeps these customers' credit from changing elsewhere until the transaction ends.

    Locked are they and all above them whose limits they share, in the order of ids: so no two can wait for each other.
    Who has a new parent by the time of the lock is locked again from the start.
    """
    if connection.dialect.name != "postgresql" or not ids:
        return
    wanted = tops_of(connection, ids)
    while True:
        savepoint = connection.begin_nested()
        query = select(Customer.id).where(among(connection, Customer.__table__.c.id, sorted(wanted)))
        connection.execute(query.order_by(Customer.id).with_for_update(key_share=True)).all()
        needed = tops_of(connection, ids)
        if needed <= wanted:
            savepoint.commit()
            return
        savepoint.rollback()  # gives the locks back
        wanted |= needed


def tops_of(connection: Connection, ids: Sequence[int]) -> set[int]:
    """These customers and all above them whose limits they share."""
    return {top for (top,) in _families(connection, ids, "SELECT DISTINCT top FROM up")} | set(ids)


def family_of(connection: Connection, ids: Sequence[int]) -> list[int]:
    """These customers and all who share a limit with one of them."""
    if not ids:
        return []
    return sorted({one for (one,) in _families(connection, ids, "SELECT DISTINCT id FROM family")} | set(ids))


def sharing(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Those of these customers that share their parent's limit, if they have a parent."""
    term = cast(Table, CreditTerm.__table__).c
    query = select(term.customer_id).where(among(connection, term.customer_id, ids), term.shares_parent_limit)
    return list(connection.execute(query).scalars()) if ids else []


def _families(connection: Connection, ids: Sequence[int], wanted: str) -> list[tuple[int]]:
    query = family_sql(connection.dialect.name, wanted)
    return [(int(one),) for (one,) in _ask(connection, query, {"ids": _listed(connection, ids)})]


def _ask(connection: Connection, query: str, given: dict[str, Any]) -> CursorResult[Any]:
    """Runs a query over a list of customers, planned anew for each list.

    Once a statement has been prepared and run a few times, PostgreSQL takes one plan for lists of all lengths: what is
    right for three customers took 6 seconds instead of 40 milliseconds for 2,000.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")
    return connection.execute(text(query), given)


def _listed(connection: Connection, ids: Sequence[int]) -> Any:
    """Many ids as one parameter."""
    wanted = sorted(set(ids))
    return wanted if connection.dialect.name == "postgresql" else orjson.dumps(wanted).decode()


def standings(connection: Connection, ids: Sequence[int], day: str) -> dict[int, Standing]:
    """How these customers stand on a day, by id: two queries however many there are."""
    if not ids:
        return {}
    today = "CAST(:day AS DATE)" if connection.dialect.name == "postgresql" else ":day"
    query = facts_sql(connection.dialect.name, today=today, narrow=True)
    given = {"ids": _listed(connection, ids), "members": _listed(connection, family_of(connection, ids))}
    lines: dict[int, Line] = {}
    found = {}
    for row in _ask(connection, query, {**given, "day": day}).mappings():
        found[row["customer_id"]] = Standing(
            customer_id=row["customer_id"],
            line=lines.setdefault(row["root_id"], _line(row)),
            held=bool(row["held"]),
            held_why=row["held_why"],
            oldest_due_date=str(row["oldest_due_date"]) if row["oldest_due_date"] else None,
            grace_days=row["grace_days"],
            day=day,
        )
    return found


def _line(row: Any) -> Line:
    return Line(
        root_id=row["root_id"],
        number=row["root_number"],
        currency=row["currency"],
        limit_minor=row["limit_minor"],
        exposure_minor=row["exposure_minor"],
        unrated=row["unrated"],
        held_why=(row["root_held_why"] or "") if row["root_held"] else None,
    )


def log_standings(desk: Desk, ids: Sequence[int]) -> None:
    """Logs that these customers stand otherwise, where no document or customer of theirs says so by its own change."""
    log_changes(desk.connection, "credit_status", sorted(set(ids)), at=desk.at, by=desk.by)


def log_figures(desk: Desk, ids: Sequence[int]) -> None:
    """Logs that the figures of these customers' history moved with their standing, where no document of theirs did."""
    log_changes(desk.connection, "customer_figures", sorted(set(ids)), at=desk.at, by=desk.by)


class Rates:
    """The rates in force on a day, looked up once per pair of currencies."""

    def __init__(self, connection: Connection, day: str) -> None:
        self._connection, self._day = connection, day
        self._known: dict[tuple[str, str], int | None] = {}

    def worth(self, amount_minor: int, source: str, target: str) -> int | None:
        """An amount in another currency, half up; None when there is no rate on or before the day."""
        rate = self.minor_rate(source, target)
        return None if rate is None else divide_half_up(amount_minor * rate, NANOS)

    def bounds(self, amount_minor: int, source: str, target: str) -> tuple[int, int] | None:
        """An amount of zero or more in another currency, rounded down and up; None when there is no rate.

        An exposure is rounded once, over a sum. Who counts amounts up and down one by one must be on the safe side.
        """
        rate = self.minor_rate(source, target)
        return None if rate is None else (amount_minor * rate // NANOS, -(-amount_minor * rate // NANOS))

    def minor_rate(self, source: str, target: str) -> int | None:
        """What a minor unit is worth in minor units of another currency, in thousand-millionths; None: nobody knows."""
        if source == target:
            return NANOS
        pair = (source, target)
        if pair not in self._known:
            self._known[pair] = self._look_up(source, target)
        return self._known[pair]

    def _look_up(self, source: str, target: str) -> int | None:
        column = Rate.__table__.c
        query = select(column.minor_rate_nanos).where(column.source == source, column.target == target)
        query = query.where(column.day <= self._day).order_by(column.day.desc()).limit(1)
        found = self._connection.execute(query).scalar_one_or_none()
        return None if found is None else int(found)
