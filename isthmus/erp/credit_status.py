"""How customers stand today, as others are told: one record for each customer, worked out when it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Table, case, func, select

from isthmus.db import among
from isthmus.erp.computed import Today
from isthmus.erp.credit import Rates, family_of, standings
from isthmus.erp.ledger import RECEIVABLE, Posting
from isthmus.erp.news import AGES, Days, customers_of_changes, customers_of_time, gather
from isthmus.erp.parties import counted_of
from isthmus.erp.positions import Position
from isthmus.erp.receivables import Allocation, Invoice
from isthmus.erp.sales import Order
from isthmus.kernel.records import Fields

#: The names of the ages, from what is not due yet to what is overdue for more than 90 days.
BUCKETS = ("not_due", "overdue_1_30", "overdue_31_60", "overdue_61_90", "overdue_over_90")
STREAMS = ("customer", "order", "invoice", "payment", "credit_status")

_Owed = dict[str, list[int]]  # by currency: what is open in each bucket, and the balance of the account


def news(connection: Connection, since: Position, until: Position) -> list[int]:
    """The customers whose standing moved between two positions; with them all who share their limits."""
    queries = customers_of_changes(since, until, STREAMS)
    if since.day and since.day < until.day:
        queries += customers_of_time(connection, Days(since.day, until.day))
    return family_of(connection, gather(connection, queries))


def show(connection: Connection, ids: Sequence[int], today: Today) -> dict[int, Fields]:
    """The standing of these customers by id; those that are not there are left out."""
    counted = counted_of(connection, ids)
    found = standings(connection, sorted(set(counted.values())), today.day)
    owed, held = _owed(connection, counted, today), _held_orders(connection, list(found))
    rates = Rates(connection, today.day)
    return {
        one: {
            "customer_id": str(one),
            "currency": standing.currency,
            "limit": standing.limit_minor,
            "exposure": standing.exposure_minor,
            "available": standing.available_minor,
            **_amounts(owed.get(one, {}), standing.currency, rates),
            "days_overdue": standing.days_late,
            "oldest_due_date": standing.oldest_due_date,
            "status": standing.status,
            "reason": standing.reason(),
            "held_orders": held.get(one, 0),
            "as_of": today.at,
        }
        for one, standing in found.items()
    }


def _amounts(owed: _Owed, currency: str, rates: Rates) -> dict[str, int | None]:
    """What is owed in one currency, by age. All is null where a currency has no rate: a part of it would deceive."""
    sums = dict.fromkeys(("outstanding", "overdue", *BUCKETS), 0)
    for other, (*open_minor, balance) in owed.items():
        worths = [rates.worth(amount, other, currency) for amount in (*open_minor, sum(open_minor) - balance)]
        if None in worths and any((*open_minor, balance)):
            return dict.fromkeys(sums)
        *ages, unapplied = (worth or 0 for worth in worths)
        for name, worth in zip(BUCKETS, ages, strict=True):
            sums[name] += worth
        sums["overdue"] += sum(ages[1:])
        sums["outstanding"] += sum(ages) - unapplied
    return dict(sums)


def _owed(connection: Connection, counted: Mapping[int, int], today: Today) -> dict[int, _Owed]:
    owed: dict[int, _Owed] = {}
    ids = list(counted)

    def place(customer_id: int, currency: str) -> list[int]:
        return owed.setdefault(counted[customer_id], {}).setdefault(currency, [0] * (len(BUCKETS) + 1))

    for customer_id, currency, age, amount in connection.execute(_open_items(connection, ids, today)):
        place(customer_id, currency)[age] += int(amount)
    posting = cast(Table, Posting.__table__).c
    query = select(posting.customer_id, posting.currency, func.sum(posting.amount_minor))
    query = query.where(posting.account == RECEIVABLE, among(connection, posting.customer_id, ids))
    for customer_id, currency, balance in connection.execute(query.group_by(posting.customer_id, posting.currency)):
        place(customer_id, currency)[-1] += int(balance)
    return owed


def _open_items(connection: Connection, ids: Sequence[int], today: Today) -> Any:
    invoice, allocation = cast(Table, Invoice.__table__).c, cast(Table, Allocation.__table__).c
    spent = select(func.coalesce(func.sum(allocation.amount_minor), 0)).where(allocation.invoice_id == invoice.id)
    left = invoice.total_minor - spent.scalar_subquery()
    firsts = [(date.fromisoformat(today.day) - timedelta(days=first)).isoformat() for first in AGES]
    age = case(*((invoice.due_date > day, place) for place, day in enumerate(firsts)), else_=len(firsts))
    items = select(invoice.customer_id, invoice.currency, age.label("age"), left.label("open_minor"))
    items = items.where(invoice.kind == "invoice", among(connection, invoice.customer_id, ids))
    item = items.subquery().c
    query = select(item.customer_id, item.currency, item.age, func.sum(item.open_minor))
    return query.group_by(item.customer_id, item.currency, item.age)


def _held_orders(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    order = cast(Table, Order.__table__).c
    query = select(order.customer_id, func.count()).where(order.status == "held")
    query = query.where(among(connection, order.customer_id, ids)).group_by(order.customer_id)
    return {row[0]: row[1] for row in connection.execute(query)}
