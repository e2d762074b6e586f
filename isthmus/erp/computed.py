"""What is worked out of documents each time they are read, and kept nowhere: what is open, how old it is, its status.

All are SQL expressions, so that they can be shown, asked for and added up alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import BigInteger, ColumnElement, Date, Integer, Table, case, func, literal, select
from sqlalchemy import cast as sql_cast

from isthmus.erp.receivables import Allocation, Invoice, Payment, Reversal
from isthmus.kernel.money import ODD_PLACES

_invoice, _payment = cast(Table, Invoice.__table__), cast(Table, Payment.__table__)
_allocation, _reversal = cast(Table, Allocation.__table__), cast(Table, Reversal.__table__)


@dataclass(frozen=True, slots=True)
class Today:
    """When and where something is worked out: the database, the business day, the instant."""

    dialect: str
    day: str
    at: str


Expression = Callable[[Today], ColumnElement[Any]]


def _sum(amount: str, column: str, of: ColumnElement[Any]) -> ColumnElement[int]:
    """The sum of what was allocated to, or of, a document."""
    total = func.coalesce(func.sum(_allocation.c[amount]), 0)
    return sql_cast(select(total).where(_allocation.c[column] == of).scalar_subquery(), BigInteger)


def _outstanding() -> ColumnElement[int]:
    settled = _sum("amount_minor", "invoice_id", _invoice.c.id)
    given = _sum("source_minor", "credit_note_id", _invoice.c.id)
    return _invoice.c.total_minor - case((_invoice.c.kind == "invoice", settled), else_=given)


def _invoice_status() -> ColumnElement[str]:
    note = _invoice.alias("note")
    credited = select(func.coalesce(func.sum(note.c.total_minor), 0)).where(note.c.credits_id == _invoice.c.id)
    left = _outstanding()
    whole = credited.scalar_subquery() == _invoice.c.total_minor
    return case(
        (left == 0, case((_invoice.c.kind != "invoice", "paid"), (_invoice.c.total_minor == 0, "paid"),
                         (whole, "cancelled"), else_="paid")),
        (left < _invoice.c.total_minor, "partly_paid"),
        else_="open",
    )  # fmt: skip


def days_between(first: ColumnElement[Any], second: ColumnElement[Any], today: Today) -> ColumnElement[int]:
    """How many days lie between two days."""
    if today.dialect == "postgresql":
        return sql_cast(sql_cast(second, Date) - sql_cast(first, Date), Integer)
    return sql_cast(func.julianday(second) - func.julianday(first), Integer)


def _days_overdue(today: Today) -> ColumnElement[int]:
    days = days_between(_invoice.c.due_date, literal(today.day), today)
    late = (_invoice.c.kind == "invoice") & (_invoice.c.due_date < today.day) & (_outstanding() > 0)
    return case((late, days), else_=0)


def _reversed() -> ColumnElement[bool]:
    return select(_reversal.c.payment_id).where(_reversal.c.payment_id == _payment.c.id).exists()


def _unapplied() -> ColumnElement[int]:
    left = _payment.c.amount_minor - _sum("source_minor", "payment_id", _payment.c.id)
    return case((_reversed(), 0), else_=left + _sum("amount_minor", "refund_id", _payment.c.id))


def _refunded() -> ColumnElement[int]:
    total = func.coalesce(func.sum(_allocation.c.source_minor), 0)
    query = select(total).where(_allocation.c.payment_id == _payment.c.id, _allocation.c.refund_id.is_not(None))
    return sql_cast(query.scalar_subquery(), BigInteger)


def _paid_back(source: str) -> ColumnElement[int]:
    query = select(func.max(_allocation.c[source])).where(_allocation.c.refund_id == _payment.c.id)
    return query.scalar_subquery()


def _other_currency() -> ColumnElement[str]:
    """The currency of the invoice that an allocation settles, where that is another one than the payment's."""
    query = select(_invoice.c.currency).where(_invoice.c.id == _allocation.c.invoice_id)
    return case((_allocation.c.entry_id.is_not(None), query.scalar_subquery()), else_=None)


def _other_amount() -> ColumnElement[int]:
    """What an allocation settles in that currency, in micros: a payment's minor units are those of its own currency."""
    micros = {currency: 10 ** (6 - places) for currency, places in ODD_PLACES.items()}
    in_micros = _allocation.c.amount_minor * case(micros, value=_other_currency(), else_=10_000)
    return case((_allocation.c.entry_id.is_not(None), in_micros), else_=None)


def holds() -> ColumnElement[bool]:
    """Of allocations: that it has not ended, and settles an invoice."""
    end = _allocation.alias("ending")
    ended = select(end.c.id).where(end.c.ends_id == _allocation.c.id).exists()
    return _allocation.c.ends_id.is_(None) & _allocation.c.invoice_id.is_not(None) & ~ended


#: Expressions by table and name of the column that they stand for.
COMPUTED: Mapping[str, Mapping[str, Expression]] = {
    "erp_invoice": {
        "outstanding_minor": lambda _: _outstanding(),
        "status": lambda _: _invoice_status(),
        "days_overdue": _days_overdue,
        "as_of": lambda today: literal(today.day),
    },
    "erp_payment": {
        "unapplied_minor": lambda _: _unapplied(),
        "refunded_minor": lambda _: _refunded(),
        "refunds_id": lambda _: _paid_back("payment_id"),
        "refunds_note_id": lambda _: _paid_back("credit_note_id"),
        "status": lambda _: case((_reversed(), "reversed"), else_="posted"),
    },
    "erp_allocation": {
        "invoice_amount_micros": lambda _: _other_amount(),
        "invoice_currency": lambda _: _other_currency(),
    },
}
