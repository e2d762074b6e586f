"""Figures of a customer's history, each traceable to its documents: orders, invoices, days to pay, discounts.

A figure and its trace read the same parts, so they cannot differ. Amounts are in the customer's currency; a document
in another counts at the rate of its own day, so a figure moves only when a document does, or such a rate is entered or
corrected. Where it is missing the figure is null: a part of it would deceive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, Table, case, func, literal, null, select
from sqlalchemy import cast as sql_cast

from isthmus.db import among
from isthmus.erp.computed import Today, days_between, holds
from isthmus.erp.credit import Rates
from isthmus.erp.ledger import Posting
from isthmus.erp.news import Days, customers_of_changes, gather
from isthmus.erp.parties import Customer, counted_of, counts_to
from isthmus.erp.positions import Position
from isthmus.erp.receivables import Allocation, Invoice, Payment
from isthmus.erp.sales import Order, OrderLine
from isthmus.kernel.errors import Refused
from isthmus.kernel.money import MICROS, divide_half_up
from isthmus.kernel.records import Fields

STREAMS = ("customer", "order", "invoice", "payment", "customer_figures")

_order, _line = cast(Table, Order.__table__), cast(Table, OrderLine.__table__)
_invoice, _payment = cast(Table, Invoice.__table__), cast(Table, Payment.__table__)
_allocation, _customer = cast(Table, Allocation.__table__), cast(Table, Customer.__table__)
_posting = cast(Table, Posting.__table__)


def year_before(day: str) -> str:
    """The same day a year before; the last of February before the 29th."""
    then = date.fromisoformat(day)
    return then.replace(year=then.year - 1, day=28 if (then.month, then.day) == (2, 29) else then.day).isoformat()


def _parts(**columns: Any) -> Select[Any]:
    """The parts of a figure: of whom, which document, on which day, and how much. ``second`` is what goes along with
    the amount: days times amount, or the amount at the price list."""
    return select(*(columns[name].label(name) for name in _COLUMNS))


_COLUMNS = ("customer_id", "kind", "document", "day", "currency", "amount_minor", "second", "entry_id")
_NONE = sql_cast(null(), BigInteger)


def _ordered(_today: Today) -> Select[Any]:
    at = _order.c
    found = _parts(
        customer_id=at.customer_id, kind=literal("order"), document=at.number, day=at.order_date,
        currency=at.currency, amount_minor=at.total_minor, second=_NONE, entry_id=_NONE,
    )  # fmt: skip
    return found.where(_counts())


def _counts() -> ColumnElement[bool]:
    return _order.c.status.not_in(("draft", "cancelled"))


def _invoiced(today: Today) -> Select[Any]:
    at = _invoice.c
    sign = case((at.kind == "invoice", 1), else_=-1)
    found = _parts(
        customer_id=at.customer_id, kind=at.kind, document=at.number, day=at.invoice_date,
        currency=at.currency, amount_minor=at.total_minor * sign, second=_NONE, entry_id=at.entry_id,
    )  # fmt: skip
    return found.where(at.invoice_date > year_before(today.day))


def _paid(today: Today) -> Select[Any]:
    days = days_between(_invoice.c.invoice_date, _payment.c.payment_date, today)
    amount = _allocation.c.amount_minor
    found = _parts(
        customer_id=_invoice.c.customer_id, kind=literal("payment"), document=_payment.c.number,
        day=_invoice.c.invoice_date, currency=_invoice.c.currency, amount_minor=amount,
        second=amount * case((days > 0, days), else_=0), entry_id=_payment.c.entry_id,
    )  # fmt: skip
    found = found.select_from(_allocation).join(_invoice, _invoice.c.id == _allocation.c.invoice_id)
    return found.join(_payment, _payment.c.id == _allocation.c.payment_id).where(holds())


def _discounted(_today: Today) -> Select[Any]:
    at, line = _order.c, _line.c
    given = line.list_minor - (line.amount_minor - line.discount_share_minor)
    found = _parts(
        customer_id=at.customer_id, kind=literal("order"), document=at.number, day=at.order_date,
        currency=at.currency, amount_minor=given, second=line.list_minor, entry_id=_NONE,
    )  # fmt: skip
    found = found.select_from(_order).join(_line, line.order_id == at.id)
    return found.where(_counts(), line.list_minor.is_not(None))


_PARTS: dict[str, Callable[[Today], Select[Any]]] = {
    "orders": _ordered,
    "invoiced": _invoiced,
    "paid": _paid,
    "discounts": _discounted,
}
#: Figures by name, and the parts that they are made of.
FIGURES = {
    "orders": "orders",
    "order_total": "orders",
    "last_order_date": "orders",
    "invoiced_12_months": "invoiced",
    "days_to_pay": "paid",
    "list_discount": "discounts",
    "list_discount_percent": "discounts",
}
#: Figures that are made of the same documents.
GROUPS = tuple(
    tuple(name for name, other in FIGURES.items() if other == part) for part in dict.fromkeys(FIGURES.values())
)


@dataclass(slots=True)
class _Sum:
    """The parts of one customer added up, in the customer's currency; None where a rate is missing."""

    count: int = 0
    amount: int | None = 0
    second: int | None = 0
    latest: str | None = None


def news(connection: Connection, since: Position, until: Position) -> list[int]:
    """The customers whose figures moved: by a document or a rate, or because an invoice is more than a year old now."""
    queries = customers_of_changes(since, until, STREAMS)
    if since.day and since.day < until.day:
        aged = Days(year_before(since.day), year_before(until.day))
        queries.append(select(_invoice.c.customer_id).where(aged.hold(_invoice.c.invoice_date)))
    return gather(connection, queries)


def show(connection: Connection, ids: Sequence[int], today: Today) -> dict[int, Fields]:
    """The figures of these customers by id; those that are not there are left out."""
    counted = counted_of(connection, ids)
    query = select(_customer.c.id, _customer.c.currency).where(
        among(connection, _customer.c.id, list(counted.values()))
    )
    home: dict[int, str] = {row[0]: row[1] for row in connection.execute(query)}
    sums = {name: _sums(connection, parts(today), home, of=list(counted)) for name, parts in _PARTS.items()}
    return {
        one: _fields(one, currency, {name: found.get(one) or _Sum() for name, found in sums.items()}, today=today)
        for one, currency in home.items()
    }


def _fields(one: int, currency: str, sums: Mapping[str, _Sum], *, today: Today) -> Fields:
    ordered, paid, given = sums["orders"], sums["paid"], sums["discounts"]
    return {
        "customer_id": str(one),
        "currency": currency,
        "orders": ordered.count,
        "order_total": ordered.amount,
        "last_order_date": ordered.latest,
        "invoiced_12_months": sums["invoiced"].amount,
        "days_to_pay": _share(paid.second, paid.amount, places=1),
        "list_discount": given.amount,
        "list_discount_percent": _share(given.amount and 100 * given.amount, given.second, places=2),
        "as_of": today.at,
    }


def _share(amount: int | None, whole: int | None, *, places: int) -> int | None:
    """One amount over another in micros, as exact as people read it: a digit that nobody reads would be news too."""
    if amount is None or not whole:
        return None
    step = int(10**places)
    return divide_half_up(amount * step, whole) * (MICROS // step)


def _sums(connection: Connection, parts: Select[Any], home: Mapping[int, str], *, of: Sequence[int]) -> dict[int, _Sum]:
    """The parts of these customers added up: by currency in the database, where a rate must be asked for by day and
    amount. There each part is rounded by itself, as its trace shows it: who adds the trace up must come to the figure.

    ``of`` are all who count to them.
    """
    source = parts.subquery()
    part = source.c
    is_home = part.currency == _customer.c.currency
    apart = [
        case((is_home, None), else_=one).label(f"of_{one.name}") for one in (part.day, part.amount_minor, part.second)
    ]
    query = select(_customer.c.id, part.currency, *apart, part.day, part.amount_minor, part.second)
    query = query.select_from(source).join(_customer, _customer.c.id == counts_to(part.customer_id))
    item = query.where(among(connection, part.customer_id, of)).subquery().c
    keys = (item.id, item.currency, item.of_day, item.of_amount_minor, item.of_second)
    sums = (func.count(), func.sum(item.amount_minor), func.sum(item.second), func.max(item.day))
    found: dict[int, _Sum] = {}
    rates: dict[str, Rates] = {}
    for one, currency, day, _, _, count, *totals, latest in connection.execute(select(*keys, *sums).group_by(*keys)):
        known = found.setdefault(one, _Sum())
        rate = None if day is None else rates.setdefault(day, Rates(connection, day))
        amount, second = (_worth(rate, total, count, pair=(currency, home[one])) for total in totals)
        known.count += count
        known.latest = max(known.latest or "", latest)
        known.amount, known.second = _add(known.amount, amount), _add(known.second, second)
    return found


def _worth(rate: Rates | None, total_minor: int | None, count: int, *, pair: tuple[str, str]) -> int | None:
    """What so many amounts, ``total_minor`` together, are worth: themselves or, equal ones that have a rate, each."""
    if rate is None or total_minor is None:
        return None if total_minor is None else int(total_minor)
    worth = rate.worth(int(total_minor) // count, *pair)
    return None if worth is None else worth * count


def _add(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second


# --- where a figure comes from ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Booked:
    """One posting of an entry."""

    entry_id: int
    account: str
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Traced:
    """One document's part of a figure, in its own currency and (None without a rate) in the figure's.

    ``second`` is days times amount of `days_to_pay`, and the amount at the price list of the discounts.
    """

    kind: str
    document: str
    day: str
    currency: str
    amount_minor: int
    worth_minor: int | None
    second: int | None
    postings: tuple[Booked, ...]


def trace(connection: Connection, customer_id: int, figure: str, *, today: Today) -> list[Traced]:
    """The documents and postings that a figure of a customer is made of, the oldest first.

    Raises Refused for a figure or customer that is not there.
    """
    if figure not in FIGURES:
        raise Refused(f"figure {figure}", "is not there", f"use one of {', '.join(FIGURES)}")
    home = connection.execute(select(_customer.c.currency).where(_customer.c.id == customer_id)).scalar_one_or_none()
    if home is None:
        raise Refused(f"customer {customer_id}", "is not there", "name it by its id")
    part = _PARTS[FIGURES[figure]](today).subquery().c
    mine = among(connection, part.customer_id, list(counted_of(connection, [customer_id])))
    query = select(*(part[name] for name in _COLUMNS)).where(mine)
    rows = [dict(row) for row in connection.execute(query.order_by(part.day, part.document)).mappings()]
    booked = _booked(connection, [row["entry_id"] for row in rows if row["entry_id"] is not None])
    return [_traced(connection, row, home, booked=booked.get(row["entry_id"], ())) for row in rows]


def _traced(connection: Connection, row: Mapping[str, Any], home: str, *, booked: tuple[Booked, ...]) -> Traced:
    worth = Rates(connection, row["day"]).worth(row["amount_minor"], row["currency"], home)
    names = ("kind", "document", "day", "currency", "amount_minor", "second")
    return Traced(**{name: row[name] for name in names}, worth_minor=worth, postings=booked)


def _booked(connection: Connection, entries: Sequence[int]) -> dict[int, tuple[Booked, ...]]:
    at = _posting.c
    query = select(at.entry_id, at.account, at.currency, at.amount_minor).where(among(connection, at.entry_id, entries))
    found: dict[int, tuple[Booked, ...]] = {}
    for row in connection.execute(query.order_by(at.entry_id, at.position)):
        found[row[0]] = (*found.get(row[0], ()), Booked(*row))
    return found
