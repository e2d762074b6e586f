"""What a finance clerk does with customers and orders: limits, holds, rates, cancelling. Amounts are minor units.

Each function works at a `Desk`, in one transaction, and raises Refused with the reason in the clerk's words. Records
are named by their number (``O0000042``) or their id. What frees credit releases held orders at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, insert, or_, select, update

from isthmus.erp.credit import Rate, Standing, family_of, lock_customers, log_figures, log_standings, standings, tops_of
from isthmus.erp.desk import Desk
from isthmus.erp.intake.quotes import move_quotes
from isthmus.erp.news import customers_in, gather
from isthmus.erp.parties import CreditTerm, Customer, merged_into
from isthmus.erp.records import Row
from isthmus.erp.release import release, release_by_time, set_status
from isthmus.erp.sales import Order
from isthmus.erp.streams import STREAMS
from isthmus.kernel.errors import Refused
from isthmus.kernel.money import CURRENCIES, GREATEST, exponent, parse_decimal

_NANOS = 9  # decimal places


@dataclass(frozen=True, slots=True)
class Decided:
    """How a customer stands after a decision, and which of their orders it released."""

    number: str
    standing: Standing
    released: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """An order's status after a clerk's step, and which orders the freed credit released."""

    number: str
    status: str
    released: tuple[str, ...]


def record(desk: Desk, stream: str, name: str) -> Row:
    """All columns of a record named by number or id; of a customer that was merged, those of whom it counts to.

    Raises Refused when there is none.
    """
    table = STREAMS[stream].table
    text = name.strip()
    known = table.c.number == text.upper()
    if text.isascii() and text.isdigit() and len(text) < 19:
        known = or_(known, table.c.id == int(text))
    row = desk.connection.execute(select(table).where(known)).mappings().one_or_none()
    if row is None:
        raise Refused(f"{stream} {text}", "is not there", "name it by its number or id")
    if stream == "customer" and (into := merged_into(desk.connection, row["id"])) is not None:
        return customer_row(desk, into)
    return dict(row)


def lock_record(desk: Desk, stream: str, name: str) -> Row:
    """As `record`, read again under a lock on its customer, so that nobody else moves its credit."""
    customer = record(desk, stream, name)
    lock_customers(desk.connection, [customer["id" if stream == "customer" else "customer_id"]])
    return record(desk, stream, str(customer["id"]))


def limit(
    desk: Desk, customer: str, limit_minor: int | None, *, currency: str | None = None, grace_days: int | None = None
) -> Decided:
    """Sets a customer's credit limit (None: no limit; 0: no credit) and, if given, the grace days."""
    row = lock_record(desk, "customer", customer)
    chosen = currency or row["currency"]
    if chosen not in CURRENCIES:
        raise Refused("currency", f"{chosen!r} is not an ISO 4217 currency", "use a code such as EUR")
    if limit_minor is not None and not 0 <= limit_minor <= GREATEST:
        raise Refused("limit", f"{limit_minor} is out of range", f"choose one from 0 to {GREATEST} minor units")
    if grace_days is not None and not 0 <= grace_days <= 3650:
        raise Refused("grace days", f"{grace_days} is out of range", "choose 0 to 3650 days")
    values: dict[str, Any] = {"limit_minor": limit_minor, "currency": chosen}
    return _decide(desk, row, values if grace_days is None else {**values, "grace_days": grace_days})


def hold(desk: Desk, customer: str, why: str) -> Decided:
    """Puts a customer on hold by hand: none of their orders is confirmed until `lift` is said."""
    row = lock_record(desk, "customer", customer)
    if not why.strip() or len(why) > 255:
        raise Refused("reason", "is missing or too long", "say in up to 255 characters why the customer is on hold")
    values = {"held": True, "held_why": why.strip(), "held_by": desk.by, "held_on": desk.day}
    return _decide(desk, row, values)


def lift(desk: Desk, customer: str) -> Decided:
    """Lifts a hold that was set by hand. Raises Refused when there is none."""
    row = lock_record(desk, "customer", customer)
    if not standings(desk.connection, [row["id"]], desk.day)[row["id"]].held:
        raise Refused(f"customer {row['number']}", "is not held by hand", "see `isthmus erp statement` for the reason")
    return _decide(desk, row, {"held": False, "held_why": None, "held_by": None, "held_on": None})


def share(desk: Desk, customer: str, *, shares: bool) -> Decided:
    """Lets a customer share its parent's limit, or gives it back its own. Raises Refused for one without a parent, and
    for parents that would go in a circle."""
    row = record(desk, "customer", customer)
    lock_customers(desk.connection, [one for one in (row["id"], row["parent_id"]) if one is not None])
    row = record(desk, "customer", str(row["id"]))
    if shares and row["parent_id"] is None:
        raise Refused(f"customer {row['number']}", "has no parent", "give it one in the CRM first")
    if shares and row["id"] in tops_of(desk.connection, [row["parent_id"]]):
        what = "its parent shares its limit already: they would go in a circle"
        raise Refused(f"customer {row['number']}", what, "correct the parents first")
    before = family_of(desk.connection, [row["id"]])
    return _decide(desk, row, {"shares_parent_limit": shares}, also=before)


def _decide(desk: Desk, row: Row, values: dict[str, Any], *, also: Sequence[int] = ()) -> Decided:
    changed = update(CreditTerm).where(CreditTerm.customer_id == row["id"]).values(values)
    if desk.connection.execute(changed).rowcount == 0:
        fresh = {
            "customer_id": row["id"],
            "currency": row["currency"],
            "held": False,
            "shares_parent_limit": False,
            **values,
        }
        desk.connection.execute(insert(CreditTerm), fresh)
    log_standings(desk, [row["id"], *also])
    released = confirmed(desk, release(desk, [row["id"], *also]))
    return Decided(row["number"], standings(desk.connection, [row["id"]], desk.day)[row["id"]], released)


def confirmed(desk: Desk, ids: Sequence[int]) -> tuple[str, ...]:
    """The numbers of those of these orders that are confirmed now."""
    query = select(Order.number).where(Order.id.in_(ids), Order.status == "confirmed").order_by(Order.id)
    return tuple(number for (number,) in desk.connection.execute(query))


def cancel(desk: Desk, order_name: str) -> Moved:
    """Cancels an order. One that is invoiced in part is closed: what is left of it will not be invoiced."""
    row = lock_record(desk, "order", order_name)
    steps = {"draft": "cancelled", "held": "cancelled", "confirmed": "cancelled", "partly_invoiced": "closed"}
    status = steps.get(row["status"])
    if status is None:
        what = f"is {row['status'].replace('_', ' ')}"
        remedy = "nothing is to be done" if row["status"] == "cancelled" else "write a credit note for its invoices"
        raise Refused(f"order {row['number']}", what, remedy)
    set_status(desk, [{**row, "status": status, "hold_reason": None}])
    if status == "cancelled" and row["quote_id"] is not None:
        move_quotes(desk, [row["quote_id"]], before="accepted", after="open")
    return Moved(row["number"], status, confirmed(desk, release(desk, [row["customer_id"]])))


def rate(desk: Desk, source: str, target: str, *, value: str, day: str | None = None) -> tuple[str, ...]:
    """Enters what one unit of a currency is worth in another from a day on. Answers the orders it released."""
    for currency in (source, target):
        if currency not in CURRENCIES:
            raise Refused("currency", f"{currency!r} is not an ISO 4217 currency", "use a code such as EUR")
    rate_nanos, minor_rate_nanos = _nanos(value, exponent(target) - exponent(source))
    row = {"source": source, "target": target, "day": day or desk.day}
    values = {"rate_nanos": rate_nanos, "minor_rate_nanos": minor_rate_nanos}
    column = cast(Table, Rate.__table__).c
    same = (column.source == source, column.target == target, column.day == row["day"])
    if source == target:
        raise Refused("rate", f"{source} needs no rate to itself", "name two currencies")
    if desk.connection.execute(update(Rate).where(*same).values(values)).rowcount == 0:
        desk.connection.execute(insert(Rate), {**row, **values})
    concerned = gather(desk.connection, customers_in([source]))
    log_standings(desk, concerned)
    log_figures(desk, concerned)
    return confirmed(desk, release_by_time(desk))


def _nanos(value: str, places: int) -> tuple[int, int]:
    try:
        number = parse_decimal(value)
    except ValueError as error:
        raise Refused("rate", str(error), "write it as 1.085") from None
    nanos, minor = number.scaleb(_NANOS), number.scaleb(_NANOS + places)
    if int(nanos) != nanos or int(minor) != minor or not 1 <= minor <= 10**15:
        raise Refused("rate", f"{value} is too small, too great or too long", "use up to 9 decimals, fewer for yen")
    return int(nanos), int(minor)


def customer_row(desk: Desk, customer_id: int) -> Row:
    """All columns of a customer."""
    table = cast(Table, Customer.__table__)
    return dict(desk.connection.execute(select(table).where(table.c.id == customer_id)).mappings().one())
