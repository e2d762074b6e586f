"""What a clerk looks at: one customer's statement, and lists of customers and orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import cast

from sqlalchemy import Connection, Table, func, select

from isthmus.erp import figures
from isthmus.erp.clerk import record
from isthmus.erp.computed import Today
from isthmus.erp.credit import Standing, standings
from isthmus.erp.desk import Desk
from isthmus.erp.ledger import RECEIVABLE, Entry, Posting
from isthmus.erp.parties import Customer, counted_of, is_merged
from isthmus.erp.receivables import Allocation, Invoice
from isthmus.erp.sales import Order
from isthmus.kernel.records import Fields

#: The last day of each age, counted in days after the due date; what is older falls in the last one.
AGES = (("not due", 0), ("1–30", 30), ("31–60", 60), ("61–90", 90), ("over 90", None))


@dataclass(frozen=True, slots=True)
class Booked:
    """One posting on the customer's account; ``balance_minor`` is the account's in this currency after it."""

    day: str
    text: str
    currency: str
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An invoice that is not settled."""

    number: str
    due_date: str
    currency: str
    total_minor: int
    open_minor: int
    days_overdue: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A customer's account: what was booked, what is open, how old that is (by currency, in `AGES`), the credit, and
    the figures of its history as the stream `customer_figures` shows them."""

    number: str
    name: str
    booked: tuple[Booked, ...]
    open_items: tuple[OpenItem, ...]
    ages: dict[str, tuple[int, ...]]
    standing: Standing
    figures: Fields


@dataclass(frozen=True, slots=True)
class CustomerLine:
    """A customer in a list."""

    number: str
    name: str
    active: bool
    standing: Standing


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order in a list."""

    number: str
    customer: str
    order_date: str
    status: str
    hold_reason: str | None
    currency: str
    total_minor: int
    to_invoice_minor: int


def statement(desk: Desk, customer: str) -> Statement:
    """A customer's statement as of the desk's day. Raises Refused for a customer that is not there."""
    row = record(desk, "customer", customer)
    counted = list(counted_of(desk.connection, [row["id"]]))
    items = _open_items(desk, counted)
    today = Today(desk.connection.dialect.name, desk.day, desk.at)
    return Statement(
        number=row["number"],
        name=row["name"],
        booked=_booked(desk.connection, counted),
        open_items=items,
        ages=_ages(items),
        standing=standings(desk.connection, [row["id"]], desk.day)[row["id"]],
        figures=figures.show(desk.connection, [row["id"]], today)[row["id"]],
    )


def _booked(connection: Connection, customers: Sequence[int]) -> tuple[Booked, ...]:
    query = select(Entry.entry_date, Entry.text, Posting.currency, Posting.amount_minor)
    query = query.join(Posting, Posting.entry_id == Entry.id).where(Posting.customer_id.in_(customers))
    query = query.where(Posting.account == RECEIVABLE, Entry.posted_at.is_not(None))
    found = connection.execute(query.order_by(Posting.currency, Entry.entry_date, Entry.id)).all()
    booked = []
    for currency in dict.fromkeys(row.currency for row in found):
        rows = [row for row in found if row.currency == currency]
        balances = accumulate(row.amount_minor for row in rows)
        for row, balance in zip(rows, balances, strict=True):
            booked.append(Booked(row.entry_date, row.text, currency, row.amount_minor, balance))
    return tuple(booked)


def _open_items(desk: Desk, customers: Sequence[int]) -> tuple[OpenItem, ...]:
    spent = select(func.coalesce(func.sum(Allocation.amount_minor), 0)).where(Allocation.invoice_id == Invoice.id)
    open_minor = (Invoice.total_minor - spent.scalar_subquery()).label("open_minor")
    query = select(Invoice.number, Invoice.due_date, Invoice.currency, Invoice.total_minor, open_minor)
    query = query.where(Invoice.customer_id.in_(customers), Invoice.kind == "invoice", open_minor > 0)
    today = date.fromisoformat(desk.day)
    return tuple(
        OpenItem(number, due, currency, total, int(left), max(0, (today - date.fromisoformat(due)).days))
        for number, due, currency, total, left in desk.connection.execute(query.order_by(Invoice.due_date, Invoice.id))
    )


def _ages(items: tuple[OpenItem, ...]) -> dict[str, tuple[int, ...]]:
    ages: dict[str, list[int]] = {}
    for item in items:
        place = next(place for place, (_, last) in enumerate(AGES) if last is None or item.days_overdue <= last)
        ages.setdefault(item.currency, [0] * len(AGES))[place] += item.open_minor
    return {currency: tuple(amounts) for currency, amounts in ages.items()}


def customers(desk: Desk, *, status: str | None = None, limit: int = 100) -> list[CustomerLine]:
    """Customers by number with their standing; ``status`` keeps those that are ok, warning or hold."""
    column = cast(Table, Customer.__table__).c
    query = select(column.id, column.number, column.name, column.active).where(~is_merged(column.id))
    query = query.order_by(column.id)
    found = desk.connection.execute(query if status else query.limit(limit)).all()
    known = standings(desk.connection, [row.id for row in found], desk.day)
    lines = [CustomerLine(row.number, row.name, row.active, known[row.id]) for row in found]
    return [line for line in lines if status in (None, line.standing.status)][:limit]


def orders(desk: Desk, *, status: str | None = None, customer: str | None = None, limit: int = 100) -> list[OrderLine]:
    """Orders, the latest first; of one status or customer if asked."""
    order, party = cast(Table, Order.__table__).c, cast(Table, Customer.__table__).c
    query = select(
        order.number,
        party.number.label("customer"),
        order.order_date,
        order.status,
        order.hold_reason,
        order.currency,
        order.total_minor,
        order.to_invoice_minor,
    ).join(cast(Table, Customer.__table__), party.id == order.customer_id)
    if status:
        query = query.where(order.status == status)
    if customer:
        query = query.where(order.customer_id == record(desk, "customer", customer)["id"])
    return [OrderLine(*row) for row in desk.connection.execute(query.order_by(order.id.desc()).limit(limit))]
