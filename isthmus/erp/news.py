"""What makes a record news though it did not change itself: the documents around it, and time that passed an edge.

The edges of an invoice are the day after it was due, the first days of each age, and the day after its grace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Integer, Select, Table, func, literal, or_, select, union
from sqlalchemy import cast as sql_cast

from isthmus.erp.changes import between, change
from isthmus.erp.columns import Day
from isthmus.erp.credit import Rate
from isthmus.erp.ledger import RECEIVABLE, Posting
from isthmus.erp.parties import Company, CreditTerm, Customer, counts_to
from isthmus.erp.positions import Position
from isthmus.erp.receivables import Allocation, Invoice, Payment
from isthmus.erp.sales import OPEN, Order

#: The first day of each age, in days after the due date.
AGES = (1, 31, 61, 91)

_invoice, _term = cast(Table, Invoice.__table__), cast(Table, CreditTerm.__table__)
_customer, _company = cast(Table, Customer.__table__), cast(Table, Company.__table__)
_order, _posting = cast(Table, Order.__table__), cast(Table, Posting.__table__)
_allocation, _rate = cast(Table, Allocation.__table__), cast(Table, Rate.__table__)
_OWNERS = {"order": _order, "invoice": _invoice, "payment": cast(Table, Payment.__table__)}


@dataclass(frozen=True, slots=True)
class Days:
    """The days after one and up to another."""

    after: str
    until: str

    def shifted(self, days: int) -> Days:
        """As many days earlier."""
        step = timedelta(days=days)
        return Days(*((date.fromisoformat(one) - step).isoformat() for one in (self.after, self.until)))

    def hold(self, day: ColumnElement[Any]) -> ColumnElement[bool]:
        """That a day is one of them."""
        return (day > self.after) & (day <= self.until)


def customers_of_changes(since: Position, until: Position, streams: Sequence[str]) -> list[Select[Any]]:
    """The customers of what the log shows of these streams. Streams that are no documents log customers' own ids."""
    found = []
    for stream in streams:
        query = select(change.c.record_id).where(change.c.stream == stream, *between(since, until))
        if stream in _OWNERS:
            owner = _OWNERS[stream]
            query = select(owner.c.customer_id).join(change, change.c.record_id == owner.c.id)
            query = query.where(change.c.stream == stream, *between(since, until))
        found.append(query)
    return found


def customers_of_time(connection: Connection, days: Days) -> list[Select[Any]]:
    """The customers one of whose open invoices passed an edge in these days, or for whom a rate came into force."""
    column = _invoice.c
    grace = func.coalesce(_term.c.grace_days, _company.c.grace_days) + 1
    late = select(column.customer_id).select_from(_invoice)
    late = late.join(_customer, _customer.c.id == counts_to(column.customer_id))
    late = late.join(_company, _company.c.code == _customer.c.company)
    late = late.outerjoin(_term, _term.c.customer_id == _customer.c.id).where(_is_open())
    rated = select(_rate.c.source).where(days.hold(_rate.c.day)).distinct()
    return [
        select(column.customer_id).where(_at_edge(days), _is_open()),
        late.where(days.hold(_later(connection, column.due_date, grace))),
        *customers_in(connection.execute(rated).scalars().all()),
    ]


def customers_in(currencies: Sequence[str]) -> list[Select[Any]]:
    """The customers who owe, or ordered, in one of these currencies."""
    posting, order = _posting.c, _order.c
    return [
        select(posting.customer_id).where(posting.account == RECEIVABLE, posting.currency.in_(currencies)),
        select(order.customer_id).where(order.status.in_((*OPEN, "held")), order.currency.in_(currencies)),
    ]


def invoices_of_time(connection: Connection, days: Days) -> list[int]:
    """The open invoices that became due, or older by an age, in these days."""
    query = select(_invoice.c.id).where(_at_edge(days), _is_open()).order_by(_invoice.c.id)
    return [int(one) for (one,) in connection.execute(query)]


def gather(connection: Connection, queries: Sequence[Select[Any]]) -> list[int]:
    """The customers that any of the queries finds, ascending; instead of one that was merged, whom it counts to."""
    if not queries:
        return []
    (found,) = union(*queries).subquery().c
    return sorted(int(one) for (one,) in connection.execute(select(counts_to(found)).distinct()))


def _at_edge(days: Days) -> ColumnElement[bool]:
    return or_(*(days.shifted(first).hold(_invoice.c.due_date) for first in AGES))


def _is_open() -> ColumnElement[bool]:
    spent = select(func.coalesce(func.sum(_allocation.c.amount_minor), 0))
    spent = spent.where(_allocation.c.invoice_id == _invoice.c.id)
    return (_invoice.c.kind == "invoice") & (_invoice.c.total_minor > spent.scalar_subquery())


def _later(connection: Connection, day: ColumnElement[Any], days: ColumnElement[Any]) -> ColumnElement[Any]:
    """So many days after a day."""
    if connection.dialect.name == "postgresql":
        return sql_cast(day + sql_cast(days, Integer), Day())
    return func.date(day, literal("+").op("||")(days).op("||")(" days"))
