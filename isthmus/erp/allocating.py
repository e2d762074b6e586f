"""Payments, and what settles what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, func, insert, select

from isthmus.erp.changes import log_changes
from isthmus.erp.clerk import confirmed, lock_record
from isthmus.erp.desk import COMPANY, Desk
from isthmus.erp.ledger import BANK, RECEIVABLE, Leg, draft, post, refuse_closed
from isthmus.erp.receivables import Allocation, Invoice, Payment
from isthmus.erp.records import Row
from isthmus.erp.release import order, release, set_status
from isthmus.erp.sequences import number_of, take_numbers
from isthmus.kernel.errors import Refused
from isthmus.kernel.money import CURRENCIES, GREATEST


@dataclass(frozen=True, slots=True)
class Settled:
    """A part of a payment or credit note, and the invoice that it settles."""

    invoice: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment, what it settled, what of it is unapplied, and which orders it released."""

    id: int
    number: str
    currency: str
    amount_minor: int
    settled: tuple[Settled, ...]
    unapplied_minor: int
    released: tuple[str, ...]


def pay(
    desk: Desk,
    customer: str,
    *,
    amount_minor: int,
    currency: str,
    reference: str | None = None,
    invoices: Sequence[str] | None = None,
) -> Paid:
    """Books a payment and allocates it: to the invoices named, in that order; to the oldest due ones when None.

    An empty list leaves it unapplied. What is left over stays unapplied and counts for the customer.
    """
    row = lock_record(desk, "customer", customer)
    if currency not in CURRENCIES:
        raise Refused("currency", f"{currency!r} is not an ISO 4217 currency", "use a code such as EUR")
    if not 0 < amount_minor <= GREATEST:
        raise Refused("amount", f"{amount_minor} is out of range", f"pay 1 to {GREATEST} minor units")
    if reference and len(reference) > 255:
        raise Refused("reference", "is longer than 255 characters", "shorten it")
    refuse_closed(desk)
    (payment_id,) = take_numbers(desk.connection, "payment", 1)
    payment = {"id": payment_id, "company": COMPANY, "number": number_of("payment", payment_id)}
    payment.update(customer_id=row["id"], payment_date=desk.day, currency=currency, amount_minor=amount_minor)
    entry_id = draft(desk, "payment", f"{payment['number']} of {row['number']}")
    (version,) = log_changes(desk.connection, "payment", [payment_id], at=desk.at, by=desk.by)
    rest = {"reference": reference, "entry_id": entry_id, "version": version, "changed_by": desk.by}
    desk.connection.execute(insert(Payment), {**payment, **rest})
    post(desk, entry_id, currency=currency, legs=(Leg(BANK, amount_minor), Leg(RECEIVABLE, -amount_minor, row["id"])))
    return _spend(desk, payment, invoices)


def allocate(desk: Desk, payment: str, invoices: Sequence[str] | None = None) -> Paid:
    """Allocates what is unapplied of a payment: to the invoices named, to the oldest due ones when None."""
    return _spend(desk, lock_record(desk, "payment", payment), invoices)


def _spend(desk: Desk, payment: Row, invoices: Sequence[str] | None) -> Paid:
    spent = select(func.coalesce(func.sum(Allocation.source_minor), 0)).where(Allocation.payment_id == payment["id"])
    left = payment["amount_minor"] - int(desk.connection.execute(spent).scalar_one())
    settled = []
    for item in _open_items(desk, payment, invoices):
        amount = min(left, item["open_minor"])
        if amount > 0:
            _allocate(desk, item["id"], amount, payment_id=payment["id"])
            settled.append((item, Settled(item["number"], amount)))
            left -= amount
    ids = [item["id"] for item, _ in settled]
    touch(desk, "payment", [payment["id"]] if ids else [])
    close_settled(desk, ids)
    return Paid(
        id=payment["id"],
        number=payment["number"],
        currency=payment["currency"],
        amount_minor=payment["amount_minor"],
        settled=tuple(one for _, one in settled),
        unapplied_minor=left,
        released=confirmed(desk, release(desk, [payment["customer_id"]])),
    )


def _open_items(desk: Desk, payment: Row, invoices: Sequence[str] | None) -> list[Row]:
    """The open invoices of the payment's customer and currency: those named, or all, the oldest due first."""
    table = cast(Table, Invoice.__table__)
    spent = select(func.coalesce(func.sum(Allocation.amount_minor), 0)).where(Allocation.invoice_id == table.c.id)
    query = select(table.c.id, table.c.number, table.c.total_minor, spent.scalar_subquery().label("spent"))
    query = query.where(table.c.customer_id == payment["customer_id"], table.c.currency == payment["currency"])
    query = query.where(table.c.kind == "invoice").order_by(table.c.due_date, table.c.id)
    found = [dict(row) for row in desk.connection.execute(query).mappings()]
    for row in found:
        row["open_minor"] = row["total_minor"] - int(row["spent"])
    if invoices is None:
        return [row for row in found if row["open_minor"] > 0]
    known = {name: row for row in found for name in (row["number"], str(row["id"]))}
    for name in invoices:
        item = known.get(name.strip().upper())
        if item is None or item["open_minor"] == 0:
            what = "is not there for this customer and currency" if item is None else "is settled already"
            raise Refused(f"invoice {name}", what, "name an open invoice of the customer")
    return list({known[name.strip().upper()]["id"]: known[name.strip().upper()] for name in invoices}.values())


def _allocate(desk: Desk, invoice_id: int, amount_minor: int, **source: int) -> None:
    (allocation_id,) = take_numbers(desk.connection, "allocation", 1)
    row: dict[str, Any] = {"id": allocation_id, "invoice_id": invoice_id, "amount_minor": amount_minor}
    row["source_minor"] = amount_minor
    desk.connection.execute(insert(Allocation), {**row, **source, "allocated_at": desk.at, "allocated_by": desk.by})


def allocate_note(desk: Desk, note: Row, invoice: Row) -> None:
    """Settles with a credit note what is open of the invoice that it credits."""
    query = select(func.coalesce(func.sum(Allocation.amount_minor), 0)).where(Allocation.invoice_id == invoice["id"])
    left = invoice["total_minor"] - int(desk.connection.execute(query).scalar_one())
    amount = min(left, note["total_minor"])
    if amount > 0:
        _allocate(desk, invoice["id"], amount, credit_note_id=note["id"])


def touch(desk: Desk, stream: str, ids: Sequence[int]) -> None:
    """Logs a change of documents whose own fields stay, but not what is open of them."""
    versions = log_changes(desk.connection, stream, ids, at=desk.at, by=desk.by)
    table = cast(Table, (Invoice if stream == "invoice" else Payment).__table__)
    for record_id, version in zip(ids, versions, strict=True):
        changed = table.update().where(table.c.id == record_id)
        desk.connection.execute(changed.values(version=version, changed_by=desk.by))


def close_settled(desk: Desk, invoice_ids: Sequence[int]) -> None:
    """Closes the invoiced orders of these invoices all of whose invoices are settled."""
    touch(desk, "invoice", invoice_ids)
    table = cast(Table, Invoice.__table__)
    spent = select(func.coalesce(func.sum(Allocation.amount_minor), 0)).where(Allocation.invoice_id == table.c.id)
    open_ones = select(table.c.order_id).where(table.c.kind == "invoice", table.c.order_id.is_not(None))
    open_ones = open_ones.where(table.c.total_minor > spent.scalar_subquery())
    own = select(table.c.order_id).where(table.c.id.in_(invoice_ids))
    query = select(order.c.id, order.c.status).where(order.c.id.in_(own), order.c.status == "invoiced")
    query = query.where(order.c.id.not_in(open_ones))
    rows = [{"id": one, "status": "closed", "hold_reason": None} for one, _ in desk.connection.execute(query)]
    set_status(desk, rows)
