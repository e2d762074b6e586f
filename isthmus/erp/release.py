"""The gate put to work: orders are confirmed or held, and held ones released when credit is freed, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, func, select

from isthmus.db import among, update_rows
from isthmus.erp.changes import log_changes
from isthmus.erp.credit import Rate, Rates, Standing, family_of, lock_customers, standings
from isthmus.erp.desk import Desk
from isthmus.erp.receivables import Allocation, Invoice
from isthmus.erp.records import Row
from isthmus.erp.sales import Order, OrderLine

order, _invoice = cast(Table, Order.__table__), cast(Table, Invoice.__table__)


@dataclass(frozen=True, slots=True)
class Applicant:
    """An order at the gate. ``present`` is what it was; None for a new one. The gate sets the row's status."""

    row: Row
    present: Row | None = None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Which orders were held, and which released."""

    held: tuple[str, ...]
    released: tuple[str, ...]


def gate(desk: Desk, applicants: Sequence[Applicant], *, anew: bool = False) -> None:
    """Confirms or holds each order, oldest first. The customers must be locked.

    An order that was confirmed and asks for no more than before stays confirmed; every other one passes only if its
    customer is not on hold and stays within the limit. ``anew`` asks of the confirmed ones as well.
    """
    customers = {applicant.row["customer_id"] for applicant in applicants}
    customers |= {applicant.present["customer_id"] for applicant in applicants if applicant.present}
    known = standings(desk.connection, sorted(customers), desk.day)
    rates = Rates(desk.connection, desk.day)
    asking = []
    for applicant in applicants:
        if applicant.present and applicant.present["status"] == "confirmed":
            _count(applicant.present, known, rates, sign=-1)
        if anew or _asks_for_more(applicant):
            asking.append(applicant)
        else:  # it stays, and so counts before anybody asks
            applicant.row.update(status="confirmed", hold_reason=None)
            _count(applicant.row, known, rates, sign=1)
    for applicant in sorted(asking, key=lambda one: (one.row["order_date"], one.row["id"])):
        _ask(applicant.row, known, rates)


def _ask(row: Row, known: dict[int, Standing], rates: Rates) -> None:
    standing = known[row["customer_id"]]
    worth = rates.bounds(row["total_minor"], row["currency"], standing.currency)
    reason = standing.refusal(worth and worth[1], row["currency"])
    row["status"], row["hold_reason"] = ("held", reason) if reason else ("confirmed", None)
    if not reason:
        _count(row, known, rates, sign=1)


def _count(row: Row, known: dict[int, Standing], rates: Rates, *, sign: int) -> None:
    line = known[row["customer_id"]].line
    least, most = rates.bounds(row["total_minor"], row["currency"], line.currency) or (0, 0)
    line.exposure_minor += most if sign > 0 else -least


def _asks_for_more(applicant: Applicant) -> bool:
    row, present = applicant.row, applicant.present
    if present is None or present["status"] != "confirmed":
        return True
    same = (row["customer_id"], row["currency"]) == (present["customer_id"], present["currency"])
    return not same or bool(row["total_minor"] > present["total_minor"])


def release(desk: Desk, customer_ids: Sequence[int]) -> list[int]:
    """Puts the held orders of these customers, and of all who share a limit with them, through the gate again.

    Answers those whose state or reason changed.
    The customers must be locked, and the call belongs in the transaction that freed the credit.
    """
    return [row["id"] for row, _ in _gate_again(desk, customer_ids, ("held",))]


def release_by_time(desk: Desk) -> list[int]:
    """Puts all held orders through the gate again: a rate that was entered for a later day may be in force by now.

    Nothing else frees credit by time alone. Answers those whose state or reason changed.
    """
    rated = select(Rate.day).where(Rate.day <= desk.day).exists()
    query = select(order.c.customer_id).where(order.c.status == "held", rated).distinct()
    customers = desk.connection.execute(query).scalars().all()
    lock_customers(desk.connection, customers)
    return release(desk, customers)


def review(desk: Desk, customer_ids: Sequence[int]) -> Reviewed:
    """Looks again at orders after credit was taken away: what was confirmed and does not pass any more is held.

    The oldest order is asked first. What is invoiced, be it in part, stays. The customers must be locked.
    """
    known = standings(desk.connection, family_of(desk.connection, customer_ids), desk.day)
    states = ("held", "confirmed") if any(one.reasons() for one in known.values()) else ("held",)
    moved = _gate_again(desk, customer_ids, states)
    changed = [row for row, before in moved if row["status"] != before]
    query = select(order.c.number, order.c.status).where(order.c.id.in_([row["id"] for row in changed]))
    numbers = desk.connection.execute(query.order_by(order.c.id)).all()
    return Reviewed(
        tuple(number for number, status in numbers if status == "held"),
        tuple(number for number, status in numbers if status == "confirmed"),
    )


def _gate_again(desk: Desk, customer_ids: Sequence[int], states: Sequence[str]) -> list[tuple[Row, str]]:
    """Puts the orders in these states through the gate anew. Answers those that moved, each with its state before."""
    column = order.c
    names = ("id", "customer_id", "order_date", "currency", "total_minor", "status", "hold_reason")
    query = select(*(column[name] for name in names)).where(column.status.in_(states))
    query = query.where(among(desk.connection, column.customer_id, family_of(desk.connection, customer_ids)))
    found = [dict(zip(names, values, strict=True)) for values in desk.connection.execute(query)]
    applicants = [Applicant(dict(row), row) for row in found]
    gate(desk, applicants, anew=True)
    moved = [(one.row, one.present["status"]) for one in applicants if one.present and one.row != one.present]
    set_status(desk, [row for row, _ in moved])
    return moved


def set_status(desk: Desk, rows: Sequence[Row]) -> None:
    """Writes the status and hold reason of these orders, each under a new version (which the row then has)."""
    versions = log_changes(desk.connection, "order", [row["id"] for row in rows], at=desk.at, by=desk.by)
    for row, version in zip(rows, versions, strict=True):
        row.update(version=version, changed_by=desk.by)
    columns = ("status", "hold_reason", "version", "changed_by")
    values: list[tuple[Any, ...]] = [(*(row[name] for name in columns), row["id"]) for row in rows]
    update_rows(desk.connection, order, columns, key="id", rows=values)


def move_orders(desk: Desk, order_ids: Sequence[int]) -> dict[int, str]:
    """Closes those of these orders that are invoiced and settled whole; those that are not any more are invoiced.

    Answers the states of those that moved.
    """
    spent = select(func.coalesce(func.sum(Allocation.amount_minor), 0)).where(Allocation.invoice_id == _invoice.c.id)
    open_ones = select(_invoice.c.order_id).where(_invoice.c.kind == "invoice", _invoice.c.order_id == order.c.id)
    is_open = open_ones.where(_invoice.c.total_minor > spent.scalar_subquery()).exists()
    rest = select(OrderLine.key).where(OrderLine.order_id == order.c.id)
    is_whole = ~rest.where(OrderLine.invoiced_micros < OrderLine.quantity_micros).exists()
    query = select(order.c.id, order.c.status, is_open).where(order.c.id.in_(order_ids), is_whole)
    steps = {("invoiced", False): "closed", ("closed", True): "invoiced"}
    found = [(one, steps.get((status, bool(still)))) for one, status, still in desk.connection.execute(query)]
    moved = {one: status for one, status in found if status}
    set_status(desk, [{"id": one, "status": status, "hold_reason": None} for one, status in moved.items()])
    return moved
