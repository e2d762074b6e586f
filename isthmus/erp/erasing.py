"""A person leaves the ERP: names, addresses, contacts and free text go; numbers, days, amounts and postings stay.

What is posted is guarded, also by the database: the caller lifts the guards of `GUARDED` for the length of its
transaction, which only the owner of the tables can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Table, or_, select, text, update

from isthmus.db import among, update_rows
from isthmus.erp.changes import log_changes
from isthmus.erp.desk import Desk, sit_down
from isthmus.erp.parties import CreditTerm, Customer
from isthmus.erp.receivables import Invoice, InvoiceLine, Payment, Reversal
from isthmus.erp.sales import Order, OrderLine, Quote, QuoteLine
from isthmus.kernel.clock import Clock
from isthmus.kernel.errors import Refused
from isthmus.kernel.money import from_minor

ERASED = "(erased)"  # where something must stand
GUARDED = ("erp_payment", "erp_invoice_line", "erp_reversal")

_OF_CUSTOMER = ("tax_id", "match_tax_id", "email", "phone", "website", "custom")
_GROUPS = ("billing_", "shipping_", "contact_")
_ADDRESSES = tuple(
    f"{group}_{part}"
    for group in ("bill_to", "ship_to")
    for part in ("street", "city", "state", "postal_code", "country")
)
_HEADERS: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "quote": (Quote, ("customer_reference", "custom")),
    "order": (Order, ("customer_reference", "custom", *_ADDRESSES)),
    "invoice": (Invoice, ()),
    "payment": (Payment, ("reference",)),
}
_LINES: Mapping[str, tuple[Any, str]] = {
    "quote": (QuoteLine, "quote_id"),
    "order": (OrderLine, "order_id"),
    "invoice": (InvoiceLine, "invoice_id"),
}
_SHARED = (
    "city",
    "state",
    "postal_code",
    "country",
    "custom",
    "description",
)  # tells nothing of one person where it stands alone
_OPEN = ("draft", "confirmed", "held", "partly_invoiced")


@dataclass(slots=True)
class Emptied:
    """What was found of a person: documents by stream, those of which something was taken, and the texts that went.

    Of the texts those are told that may point to the person wherever else they stand.
    """

    documents: dict[str, list[int]] = field(default_factory=dict)
    changed: dict[str, list[int]] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Books:
    """The built-in ERP, as far as a person leaves it."""

    clock: Clock
    time_zone: str
    guarded: tuple[str, ...] = GUARDED

    def customer_id(self, connection: Connection, number: str) -> str | None:
        """The customer of a number, if there is one."""
        found = connection.execute(select(Customer.id).where(Customer.number == number.upper())).scalar()
        return None if found is None else str(found)

    def erase(self, connection: Connection, ids: Iterable[str], by: str) -> Emptied:
        """`erase_customers`, by somebody; ids that are none of ours are left out."""
        desk = sit_down(connection, by=by, clock=self.clock, time_zone=self.time_zone)
        return erase_customers(desk, sorted(int(one) for one in ids if one.isdigit()))


def erase_customers(desk: Desk, ids: Sequence[int]) -> Emptied:
    """Takes everything personal from these customers and their documents, and closes them for new business.

    Raises Refused while anything is open: an order that is not done, an amount that is not settled.
    """
    _refuse_open(desk.connection, ids)
    emptied = Emptied()
    _empty_customers(desk, ids, emptied)
    for stream, (model, columns) in _HEADERS.items():
        table = _table(model)
        query = select(table.c.id).where(among(desk.connection, table.c.customer_id, list(ids))).order_by(table.c.id)
        found = emptied.documents[stream] = list(desk.connection.execute(query).scalars())
        changed = _empty(desk.connection, table, table.c.id, columns=columns, ids=found, emptied=emptied)
        if stream in _LINES:
            lines, parent = _table(_LINES[stream][0]), _LINES[stream][1]
            names = ("description",)
            changed |= _empty(desk.connection, lines, lines.c[parent], columns=names, ids=found, emptied=emptied)
        emptied.changed[stream] = sorted(changed)
        _renew(desk, stream, table, ids=emptied.changed[stream])
    _empty_reasons(desk.connection, emptied.documents["payment"])
    return emptied


def _table(model: Any) -> Table:
    return cast(Table, model.__table__)


def _refuse_open(connection: Connection, ids: Sequence[int]) -> None:
    order = _table(Order).c
    query = select(order.number).where(among(connection, order.customer_id, list(ids)), order.status.in_(_OPEN))
    numbers = list(connection.execute(query.order_by(order.id)).scalars())
    if numbers:
        what = f"has {len(numbers)} orders that are not done, e.g. {numbers[0]}"
        raise Refused("customer", what, "finish or cancel them, then erase")
    view = text("SELECT customer_id, currency, not_due_minor + overdue_minor, unapplied_minor FROM erp_receivable")
    for customer_id, currency, open_minor, unapplied_minor in connection.execute(view):
        if customer_id in ids and (open_minor or unapplied_minor):
            amount = from_minor(int(open_minor or unapplied_minor), currency)
            what = f"has {amount:f} {currency} {'outstanding' if open_minor else 'not allocated'}"
            raise Refused("customer", what, "settle it, then erase: the law keeps what is owed")


def _empty_customers(desk: Desk, ids: Sequence[int], emptied: Emptied) -> None:
    table, term = _table(Customer), _table(CreditTerm)
    grouped = tuple(column.name for column in table.columns if column.name.startswith(_GROUPS))
    among_ids = among(desk.connection, table.c.id, list(ids))
    emptied.texts |= set(desk.connection.execute(select(table.c.name).where(among_ids)).scalars())
    columns = (*_OF_CUSTOMER, *grouped)
    _empty(desk.connection, table, table.c.id, columns=columns, ids=ids, emptied=emptied)
    name = {"name": ERASED, "match_name": ERASED, "active": False}
    desk.connection.execute(update(table).where(among_ids).values(name))
    _empty(desk.connection, term, term.c.customer_id, columns=("held_why",), ids=ids, emptied=emptied)
    _renew(desk, "customer", table, ids=ids)


def _empty(
    connection: Connection,
    table: Table,
    key: ColumnElement[Any],
    *,
    columns: Sequence[str],
    ids: Sequence[int],
    emptied: Emptied,
) -> set[int]:
    """Empties columns of the rows with these keys; the keys of those that held something."""
    if not columns or not ids:
        return set()
    chosen = among(connection, key, list(ids))
    filled = or_(*(table.c[name].is_not(None) for name in columns))
    rows = connection.execute(select(key, *(table.c[name] for name in columns)).where(chosen, filled)).all()
    if rows:
        connection.execute(update(table).where(chosen, filled).values(dict.fromkeys(columns)))
    told = [place + 1 for place, name in enumerate(columns) if not name.endswith(_SHARED)]
    emptied.texts.update(row[place] for row in rows for place in told if row[place] is not None)
    return {row[0] for row in rows}


def _empty_reasons(connection: Connection, payments: Sequence[int]) -> None:
    table = _table(Reversal)
    chosen = among(connection, table.c.payment_id, list(payments))
    connection.execute(update(table).where(chosen, table.c.reason != ERASED).values(reason=ERASED))


def _renew(desk: Desk, stream: str, table: Table, *, ids: Sequence[int]) -> None:
    """Whoever reads the ERP hears of it."""
    versions = log_changes(desk.connection, stream, list(ids), at=desk.at, by=desk.by)
    rows = [(version, desk.by, record_id) for version, record_id in zip(versions, ids, strict=True)]
    update_rows(desk.connection, table, ("version", "changed_by"), key="id", rows=rows)
