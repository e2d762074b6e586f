"""Money that goes back: payments reversed or charged back, over-payments and credit notes paid out.

Nothing posted is edited: each is a document or an entry of its own, linked to what it undoes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import insert, select

from isthmus.erp.allocating import Source, add, book, end, find_source, follow, live, reversal_of, touch
from isthmus.erp.clerk import customer_row, lock_record
from isthmus.erp.desk import Desk
from isthmus.erp.exchange import Exchanged
from isthmus.erp.ledger import BANK, BANK_CHARGES, RECEIVABLE, Leg, draft, post, refuse_closed, reverse_entry
from isthmus.erp.receivables import Invoice, Payment, Reversal
from isthmus.erp.records import Row
from isthmus.erp.release import Reviewed, review
from isthmus.kernel.errors import Refused
from isthmus.kernel.money import GREATEST, from_minor

Kind = Literal["reversal", "chargeback"]


@dataclass(frozen=True, slots=True)
class Reversed:
    """A payment that was taken back, which invoices are open again by it, and what became of the customer's orders."""

    number: str
    kind: Kind
    currency: str
    amount_minor: int
    fee_minor: int
    reopened: tuple[str, ...]
    orders: Reviewed


@dataclass(frozen=True, slots=True)
class Refunded:
    """Money paid back, of which payment or credit note it was, what is left of that, and what became of orders."""

    id: int
    number: str
    of: str
    currency: str
    amount_minor: int
    left_minor: int
    orders: Reviewed


def reverse(desk: Desk, payment: str, why: str, *, kind: Kind = "reversal", fee_minor: int = 0) -> Reversed:
    """Takes a payment back, whole: its allocations end, what they settled is open again, its entry is reversed.

    A chargeback may cost a fee. Orders that the money had let pass are looked at again. A payment that was paid back
    in part is refused: the customer would keep the money twice.
    """
    row = lock_record(desk, "payment", payment)
    _check(desk, row, why, fee_minor=fee_minor)
    refuse_closed(desk)
    allocations = live(desk, "payment_id", row["id"]) + live(desk, "refund_id", row["id"])
    end(desk, allocations)
    entry_id = reverse_entry(desk, row["entry_id"], kind=kind)
    said = {"payment_id": row["id"], "entry_id": entry_id, "kind": kind, "reason": why.strip()}
    desk.connection.execute(insert(Reversal), said)
    if fee_minor:
        charge = draft(desk, "bank_charge", f"fee for {row['number']}")
        post(desk, charge, currency=row["currency"], legs=(Leg(BANK_CHARGES, fee_minor), Leg(BANK, -fee_minor)))
    payments = {row["id"]} | {one["payment_id"] for one in allocations}
    touch(desk, "payment", sorted(payments - {None}))
    touch(desk, "invoice", sorted({one["credit_note_id"] for one in allocations} - {None}))
    settled = [one["invoice_id"] for one in allocations if one["invoice_id"] is not None]
    follow(desk, settled)
    names = {"number": row["number"], "currency": row["currency"], "amount_minor": row["amount_minor"]}
    return Reversed(
        **names,
        kind=kind,
        fee_minor=fee_minor,
        reopened=_numbers(desk, settled),
        orders=review(desk, [row["customer_id"]]),
    )


def _check(desk: Desk, row: Row, why: str, *, fee_minor: int) -> None:
    if not why.strip() or len(why) > 255:
        raise Refused("reason", "is missing or too long", "say in up to 255 characters why the money goes back")
    if not 0 <= fee_minor <= GREATEST:
        raise Refused("fee", f"{fee_minor} is out of range", f"say 0 to {GREATEST} minor units")
    past = reversal_of(desk, row["id"])
    if past:
        raise Refused(row["number"], f"was reversed already: {past.reason}", "nothing is to be done")
    refunds = [one["refund_id"] for one in live(desk, "payment_id", row["id"]) if one["refund_id"] is not None]
    if refunds:
        query = select(Payment.number).where(Payment.id.in_(refunds)).order_by(Payment.id)
        told = ", ".join(desk.connection.execute(query).scalars())
        raise Refused(row["number"], f"was paid back in part by {told}", f"reverse {told} first, if it came back too")


def _numbers(desk: Desk, invoice_ids: list[int]) -> tuple[str, ...]:
    query = select(Invoice.number).where(Invoice.id.in_(invoice_ids)).order_by(Invoice.id)
    return tuple(desk.connection.execute(query).scalars())


def refund(desk: Desk, source: str, amount_minor: int | None = None, *, reference: str | None = None) -> Refunded:
    """Pays back what is unapplied of a payment or credit note, or so much of it. Never more than that."""
    found = find_source(desk, source)
    amount = found.left_minor if amount_minor is None else amount_minor
    _check_refund(found, amount)
    customer = customer_row(desk, found.row["customer_id"])
    legs = (Leg(BANK, -amount), Leg(RECEIVABLE, amount, customer["id"]))
    money = found.row["currency"]
    paid = book(desk, customer, currency=money, legs=legs, reference=reference, kind="refund")
    add(desk, found, Exchanged(amount, amount, 0), refund_id=paid["id"])
    touch(desk, found.stream, [found.row["id"]])
    return Refunded(
        id=paid["id"],
        number=paid["number"],
        of=found.row["number"],
        currency=money,
        amount_minor=amount,
        left_minor=found.left_minor - amount,
        orders=review(desk, [customer["id"]]),
    )


def _check_refund(found: Source, amount_minor: int) -> None:
    money, number = found.row["currency"], found.row["number"]
    if found.left_minor == 0:
        raise Refused(number, "is applied whole: nothing is left to pay back", "nothing is to be done")
    if not 0 < amount_minor <= found.left_minor:
        asked, left = (f"{from_minor(one, money)} {money}" for one in (amount_minor, found.left_minor))
        raise Refused(number, f"{asked} is not within what is left of it, {left}", "correct the amount")
