"""What documents took of the lines of others: invoices of an order's, credit notes of an invoice's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from sqlalchemy import Connection, Table, func, select

from isthmus.db import among
from isthmus.erp.receivables import Invoice, InvoiceLine

AMOUNTS = ("quantity_micros", "net_minor", "tax_minor", "discount_share_minor")

#: By the key of a line, and the name of the amount.
Taken = dict[str, dict[str, int]]


def taken_of(connection: Connection, of: Literal["order", "invoice"], ids: Sequence[int]) -> dict[int, Taken]:
    """What was invoiced of these orders, or credited of these invoices, by their ids; all of them are there."""
    invoice, line = cast(Table, Invoice.__table__).c, cast(Table, InvoiceLine.__table__).c
    parent, kind = (invoice.order_id, "invoice") if of == "order" else (invoice.credits_id, "credit_note")
    query = select(parent, line.key, *(func.sum(line[name]) for name in AMOUNTS))
    query = query.join_from(InvoiceLine.__table__, Invoice.__table__, invoice.id == line.invoice_id)
    query = query.where(invoice.kind == kind, among(connection, parent, list(ids))).group_by(parent, line.key)
    found: dict[int, Taken] = {one: {} for one in ids}
    for one, key, *amounts in connection.execute(query):
        found[one][key] = dict(zip(AMOUNTS, map(int, amounts), strict=True))
    return found
