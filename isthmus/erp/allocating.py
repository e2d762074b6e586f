"""Payments, and what settles what: by whole allocations that are only ever added, also when they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Table, func, insert, select

from isthmus.erp.changes import log_changes
from isthmus.erp.clerk import confirmed, lock_record
from isthmus.erp.credit import Rates
from isthmus.erp.desk import COMPANY, Desk
from isthmus.erp.exchange import DayRates, Exchanged, exchange
from isthmus.erp.ledger import (
    BANK,
    EXCHANGE,
    EXCHANGE_GAIN,
    RECEIVABLE,
    Leg,
    draft,
    post,
    refuse_closed,
    reverse_entry,
)
from isthmus.erp.parties import Company, account_of
from isthmus.erp.receivables import Allocation, Invoice, Payment, Reversal
from isthmus.erp.records import Row
from isthmus.erp.release import move_orders, release
from isthmus.erp.sequences import number_of, take_numbers
from isthmus.kernel.errors import Refused
from isthmus.kernel.money import CURRENCIES, GREATEST, from_minor

_allocation, _invoice = cast(Table, Allocation.__table__), cast(Table, Invoice.__table__)


@dataclass(frozen=True, slots=True)
class Settled:
    """An invoice, and how much of it is settled by a payment or credit note, in the invoice's currency."""

    invoice: str
    amount_minor: int
    currency: str
    gain_minor: int = 0  # in the company's currency, where the two differ


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment or credit note, what it settled, what of it is unapplied, and which orders it released."""

    id: int
    number: str
    currency: str
    amount_minor: int
    settled: tuple[Settled, ...]
    unapplied_minor: int
    released: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """What invoices are settled with: a payment or (``column`` says so) a credit note, and what is left of it."""

    column: str
    row: Row
    left_minor: int

    @property
    def stream(self) -> str:
        """Where its own changes are logged."""
        return "payment" if self.column == "payment_id" else "invoice"

    @property
    def day(self) -> str:
        """The day whose rates count."""
        return str(self.row["payment_date" if self.column == "payment_id" else "invoice_date"])


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

    An empty list leaves it unapplied. What is left over stays unapplied and counts for the customer. Invoices in other
    currencies are settled only when they are named, at the day's rates.
    """
    row = lock_record(desk, "customer", customer)
    if currency not in CURRENCIES:
        raise Refused("currency", f"{currency!r} is not an ISO 4217 currency", "use a code such as EUR")
    if not 0 < amount_minor <= GREATEST:
        raise Refused("amount", f"{amount_minor} is out of range", f"pay 1 to {GREATEST} minor units")
    legs = (Leg(BANK, amount_minor), Leg(RECEIVABLE, -amount_minor, row["id"]))
    payment = book(desk, row, currency=currency, legs=legs, reference=reference, kind="payment")
    return _spend(desk, Source("payment_id", payment, amount_minor), invoices)


def book(desk: Desk, customer: Row, *, currency: str, legs: Sequence[Leg], reference: str | None, kind: str) -> Row:
    """Writes and posts a payment over what its first leg puts into the bank; below zero it is paid back."""
    if reference and len(reference) > 255:
        raise Refused("reference", "is longer than 255 characters", "shorten it")
    refuse_closed(desk)
    (payment_id,) = take_numbers(desk.connection, "payment", 1)
    payment: Row = {"id": payment_id, "company": COMPANY, "number": number_of("payment", payment_id)}
    payment.update(customer_id=customer["id"], payment_date=desk.day, currency=currency, reference=reference)
    payment["amount_minor"] = legs[0].amount_minor
    payment["entry_id"] = draft(desk, kind, f"{payment['number']} of {customer['number']}")
    (payment["version"],) = log_changes(desk.connection, "payment", [payment_id], at=desk.at, by=desk.by)
    desk.connection.execute(insert(Payment), {**payment, "changed_by": desk.by})
    post(desk, payment["entry_id"], currency=currency, legs=legs)
    return payment


def allocate(desk: Desk, source: str, invoices: Sequence[str] | None = None) -> Paid:
    """Allocates what is unapplied of a payment or credit note: to the invoices named, to the oldest due when None."""
    return _spend(desk, find_source(desk, source), invoices)


def find_source(desk: Desk, name: str) -> Source:
    """The payment or credit note of this number or (of payments) id, with its customer locked, and what is left of it.

    Raises Refused for what is neither, or was reversed.
    """
    if name.strip().upper().startswith("I"):
        row = lock_record(desk, "invoice", name)
        if row["kind"] != "credit_note":
            raise Refused(row["number"], "is no credit note", "name a payment or a credit note")
        return Source("credit_note_id", row, row["total_minor"] - _given(desk.connection, "credit_note_id", row["id"]))
    row = lock_record(desk, "payment", name)
    if row["amount_minor"] < 0:
        raise Refused(row["number"], "was paid back", "name a payment of the customer")
    if reversal_of(desk, row["id"]):
        raise Refused(row["number"], "was reversed", "book the money again when it comes")
    return Source("payment_id", row, row["amount_minor"] - _given(desk.connection, "payment_id", row["id"]))


def reversal_of(desk: Desk, payment_id: int) -> Any:
    """How a payment was reversed; None when it was not."""
    query = select(Reversal.kind, Reversal.reason).where(Reversal.payment_id == payment_id)
    return desk.connection.execute(query).one_or_none()


def _given(connection: Connection, column: str, of: int) -> int:
    total = select(func.coalesce(func.sum(_allocation.c.source_minor), 0)).where(_allocation.c[column] == of)
    return int(connection.execute(total).scalar_one())


def _spend(desk: Desk, source: Source, invoices: Sequence[str] | None) -> Paid:
    left, settled = source.left_minor, []
    for item in _open_items(desk, source, invoices):
        if left <= 0:
            break
        part = _part(desk, source, item, left_minor=left)
        entry_id = _post_exchange(desk, source, item, part=part) if item["currency"] != source.row["currency"] else None
        add(desk, source, part, invoice_id=item["id"], entry_id=entry_id)
        settled.append((item["id"], Settled(item["number"], part.amount_minor, item["currency"], part.gain_minor)))
        left -= part.source_minor
    touch(desk, source.stream, [source.row["id"]] if settled else [])
    follow(desk, [one for one, _ in settled])
    return Paid(
        id=source.row["id"],
        number=source.row["number"],
        currency=source.row["currency"],
        amount_minor=source.row["amount_minor" if source.stream == "payment" else "total_minor"],
        settled=tuple(one for _, one in settled),
        unapplied_minor=left,
        released=confirmed(desk, release(desk, [source.row["customer_id"]])),
    )


def _open_items(desk: Desk, source: Source, invoices: Sequence[str] | None) -> list[Row]:
    """The open invoices of the source's customer: those named; or all of its currency, the oldest due first."""
    spent = select(func.coalesce(func.sum(_allocation.c.amount_minor), 0)).where(
        _allocation.c.invoice_id == _invoice.c.id
    )
    names = ("id", "number", "total_minor", "currency", "invoice_date")
    query = select(*(_invoice.c[name] for name in names), spent.scalar_subquery().label("spent"))
    owners = account_of(desk.connection, source.row["customer_id"])
    query = query.where(_invoice.c.customer_id.in_(owners), _invoice.c.kind == "invoice")
    found = [
        dict(row) for row in desk.connection.execute(query.order_by(_invoice.c.due_date, _invoice.c.id)).mappings()
    ]
    for row in found:
        row["open_minor"] = row["total_minor"] - int(row["spent"])
    if invoices is None:
        return [row for row in found if row["open_minor"] > 0 and row["currency"] == source.row["currency"]]
    known = {name: row for row in found for name in (row["number"], str(row["id"]))}
    chosen = [known.get(name.strip().upper()) for name in invoices]
    for name, item in zip(invoices, chosen, strict=True):
        _check_item(name, item, source)
    return list({item["id"]: item for item in chosen if item}.values())


def _check_item(name: str, item: Row | None, source: Source) -> None:
    remedy = "name an open invoice of the customer"
    if item is None:
        raise Refused(f"invoice {name}", "is not there for this customer", remedy)
    if item["open_minor"] == 0:
        raise Refused(f"invoice {name}", "is settled already", remedy)
    if item["currency"] != source.row["currency"] and source.column == "credit_note_id":
        what = f"is in {item['currency']}, the credit note in {source.row['currency']}"
        raise Refused(f"invoice {name}", what, "pay the credit note back instead: isthmus erp refund")


def _part(desk: Desk, source: Source, item: Row, *, left_minor: int) -> Exchanged:
    if item["currency"] == source.row["currency"]:
        amount = min(left_minor, item["open_minor"])
        return Exchanged(amount, amount, 0)
    home = desk.connection.execute(select(Company.currency).where(Company.code == COMPANY)).scalar_one()
    rates = DayRates(
        paid=_rate(desk, source.row["currency"], home, day=source.day),
        invoiced=_rate(desk, item["currency"], home, day=source.day),
        booked=_rate(desk, item["currency"], home, day=item["invoice_date"]),
    )
    part = exchange(left_minor, item["open_minor"], rates)
    if not part.amount_minor:
        money = source.row["currency"]
        what = f"{from_minor(left_minor, money)} {money} is worth nothing in {item['currency']}"
        raise Refused(f"invoice {item['number']}", what, "leave it unapplied, or pay it back")
    return part


def _rate(desk: Desk, source: str, target: str, *, day: str) -> int:
    found = Rates(desk.connection, day).minor_rate(source, target)
    if found is None:
        remedy = f"enter it: isthmus erp rate {source} {target} VALUE --day {day}"
        raise Refused(f"rate {source} to {target}", f"there is none for {day}", remedy)
    return found


def _post_exchange(desk: Desk, source: Source, item: Row, *, part: Exchanged) -> int:
    """Moves the receivable from one currency to the other through an account of its own, with what was gained."""
    refuse_closed(desk)
    home = desk.connection.execute(select(Company.currency).where(Company.code == COMPANY)).scalar_one()
    customer_id, paid, owed = source.row["customer_id"], source.row["currency"], item["currency"]
    entry_id = draft(desk, "exchange", f"{source.row['number']} settles {item['number']}")
    legs = (
        Leg(RECEIVABLE, part.source_minor, customer_id, paid),
        Leg(EXCHANGE, -part.source_minor, None, paid),
        Leg(EXCHANGE, part.amount_minor, None, owed),
        Leg(RECEIVABLE, -part.amount_minor, customer_id, owed),
        Leg(EXCHANGE, part.gain_minor, None, home),
        Leg(EXCHANGE_GAIN, -part.gain_minor, None, home),
    )
    post(desk, entry_id, currency=home, legs=legs)
    return entry_id


def add(desk: Desk, source: Source, part: Exchanged, **target: int | None) -> None:
    """Adds an allocation of a part of a source: to an ``invoice_id``, or to the ``refund_id`` that paid it back."""
    row = {"amount_minor": part.amount_minor, "source_minor": part.source_minor, source.column: source.row["id"]}
    _insert(desk, [{**row, **target}])


def allocate_note(desk: Desk, note: Row, invoice: Row) -> None:
    """Settles with a credit note what is open of the invoice that it credits."""
    query = select(func.coalesce(func.sum(Allocation.amount_minor), 0)).where(Allocation.invoice_id == invoice["id"])
    left = invoice["total_minor"] - int(desk.connection.execute(query).scalar_one())
    amount = min(left, note["total_minor"])
    if amount > 0:
        add(desk, Source("credit_note_id", note, amount), Exchanged(amount, amount, 0), invoice_id=invoice["id"])


def live(desk: Desk, column: str, record_id: int) -> list[Row]:
    """The allocations of this document that have not ended."""
    ended = select(_allocation.c.ends_id).where(_allocation.c.ends_id.is_not(None))
    query = select(_allocation).where(_allocation.c[column] == record_id, _allocation.c.ends_id.is_(None))
    query = query.where(_allocation.c.id.not_in(ended)).order_by(_allocation.c.id)
    return [dict(row) for row in desk.connection.execute(query).mappings()]


def end(desk: Desk, rows: Sequence[Row]) -> None:
    """Ends allocations whole, each by a second row; what their currencies' exchange posted is reversed."""
    ends = []
    for row in rows:
        entry_id = row["entry_id"] and reverse_entry(desk, row["entry_id"], kind="exchange")
        amounts = {name: -row[name] for name in ("amount_minor", "source_minor")}
        ends.append({**row, **amounts, "ends_id": row["id"], "entry_id": entry_id})
    _insert(desk, ends)


_COLUMNS = ("invoice_id", "refund_id", "payment_id", "credit_note_id", "ends_id", "entry_id")


def _insert(desk: Desk, rows: Sequence[Row]) -> None:
    ids = take_numbers(desk.connection, "allocation", len(rows))
    by = {"allocated_at": desk.at, "allocated_by": desk.by}
    for allocation_id, row in zip(ids, rows, strict=True):
        amounts = {name: row[name] for name in ("amount_minor", "source_minor")}
        places = {name: row.get(name) for name in _COLUMNS}
        desk.connection.execute(insert(Allocation), {"id": allocation_id, **amounts, **places, **by})


def touch(desk: Desk, stream: str, ids: Sequence[int]) -> None:
    """Logs a change of documents whose own fields stay, but not what is open of them."""
    versions = log_changes(desk.connection, stream, ids, at=desk.at, by=desk.by)
    table = cast(Table, (Invoice if stream == "invoice" else Payment).__table__)
    for record_id, version in zip(ids, versions, strict=True):
        changed = table.update().where(table.c.id == record_id)
        desk.connection.execute(changed.values(version=version, changed_by=desk.by))


def follow(desk: Desk, invoice_ids: Sequence[int]) -> None:
    """Logs that what is open of these invoices changed, and lets their orders follow.

    An invoiced order all of whose invoices are settled is closed; one that is not so any more is invoiced again,
    unless it was closed by hand before everything was invoiced.
    """
    ids = list(dict.fromkeys(invoice_ids))
    touch(desk, "invoice", ids)
    query = select(_invoice.c.order_id).where(_invoice.c.id.in_(ids), _invoice.c.order_id.is_not(None)).distinct()
    move_orders(desk, desk.connection.execute(query).scalars().all())
