"""Invoices and credit notes: the clerk's documents that post."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

from sqlalchemy import Table, func, insert, select, update

from isthmus.db import insert_rows
from isthmus.erp.allocating import allocate_note, follow
from isthmus.erp.changes import log_changes
from isthmus.erp.clerk import confirmed, customer_row, lock_record
from isthmus.erp.desk import COMPANY, Desk
from isthmus.erp.ledger import FREIGHT, RECEIVABLE, REVENUE, TAX, Leg, draft, post, refuse_closed
from isthmus.erp.parties import Term
from isthmus.erp.pricing import part_of
from isthmus.erp.receivables import Invoice, InvoiceLine
from isthmus.erp.records import Row
from isthmus.erp.release import move_orders, order, release
from isthmus.erp.sales import OrderLine
from isthmus.erp.sequences import number_of, take_numbers
from isthmus.erp.taken import AMOUNTS, Taken, taken_of
from isthmus.kernel.errors import Refused
from isthmus.kernel.money import from_micros

_LINE = ("key", "position", "product_id", "unit_price_micros", "discount_percent_micros", "description", "tax_code")


@dataclass(frozen=True, slots=True)
class Written:
    """An invoice or credit note as it was posted, the order's status after it, and the orders it released."""

    id: int
    number: str
    kind: str
    currency: str
    net_minor: int
    tax_minor: int
    total_minor: int
    due_date: str
    order_status: str | None
    released: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a line: how much of it, and what that comes to. ``net_minor`` is after the discounts."""

    line: Row
    quantity_micros: int
    net_minor: int
    tax_minor: int
    discount_share_minor: int


def invoice(desk: Desk, order_name: str, quantities: Mapping[str, int] | None = None) -> Written:
    """Invoices an order, or only some of it: ``quantities`` are micros by the key of the line.

    All parts of a line add up to exactly the line; freight is on the first invoice.
    """
    row = lock_record(desk, "order", order_name)
    if row["status"] not in ("confirmed", "partly_invoiced"):
        why = f": {row['hold_reason']}" if row["hold_reason"] else ""
        what = f"is {row['status'].replace('_', ' ')}{why}"
        raise Refused(f"order {row['number']}", what, "only a confirmed order is invoiced")
    refuse_closed(desk)
    lines = _lines(desk, cast(Table, OrderLine.__table__), row["id"])
    for line in lines:
        line["net_minor"] = line["amount_minor"] - line["discount_share_minor"]
    taken = taken_of(desk.connection, "order", [row["id"]])
    parts = _parts(row, lines, taken[row["id"]], wanted=quantities)
    first = row["status"] == "confirmed"
    freight = (row["freight_minor"], row["freight_tax_minor"]) if first else (0, 0)
    due = date.fromisoformat(desk.day) + timedelta(days=_days(desk, row["customer_id"]))
    written = _write(desk, row, parts, kind="invoice", freight=freight, due_date=due.isoformat())
    status = _mark_invoiced(desk, row, lines, parts=parts, total_minor=written["total_minor"])
    if not written["total_minor"]:  # no money will come and close the order
        status = move_orders(desk, [row["id"]]).get(row["id"], status)
    return _result(written, status)


def _days(desk: Desk, customer_id: int) -> int:
    """The days of the customer's terms; without terms an invoice is due at once."""
    query = select(Term.days).where(Term.code == customer_row(desk, customer_id)["terms"])
    return int(desk.connection.execute(query).scalar_one_or_none() or 0)


def _lines(desk: Desk, table: Table, document_id: int) -> list[Row]:
    parent = table.c["order_id" if "order_id" in table.c else "invoice_id"]
    query = select(table).where(parent == document_id).order_by(table.c.position)
    return [dict(row) for row in desk.connection.execute(query).mappings()]


def _parts(row: Row, lines: Sequence[Row], taken: Taken, *, wanted: Mapping[str, int] | None) -> list[_Part]:
    """What is taken of each line, of what others left of it: the last part takes the rest, to the cent."""
    left = {line["key"]: _left(line, taken.get(line["key"], {})) for line in lines}
    if wanted is None:
        wanted = {key: rest["quantity_micros"] for key, rest in left.items() if rest["quantity_micros"]}
    for key, quantity in wanted.items():
        if key not in left:
            raise Refused(f"{row['number']} line {key}", "is not there", f"use one of {', '.join(left)}")
        if not 0 < quantity <= left[key]["quantity_micros"]:
            what = f"{from_micros(quantity)} is not within what is left, {from_micros(left[key]['quantity_micros'])}"
            raise Refused(f"{row['number']} line {key}", what, "correct the quantity")
    if not wanted:
        raise Refused(row["number"], "nothing is left of it", "nothing is to be done")
    return [_part(line, left[line["key"]], wanted[line["key"]]) for line in lines if line["key"] in wanted]


def _left(line: Row, taken: Mapping[str, int]) -> dict[str, int]:
    return {name: line[name] - taken.get(name, 0) for name in AMOUNTS}


def _part(line: Row, left: Mapping[str, int], quantity_micros: int) -> _Part:
    share = {"done_micros": 0, "more_micros": quantity_micros, "of_micros": left["quantity_micros"]}
    amounts = {name: part_of(left[name], **share) for name in AMOUNTS[1:]}
    return _Part(line, quantity_micros, **amounts)


def _write(desk: Desk, row: Row, parts: Sequence[_Part], *, kind: str, freight: tuple[int, int], due_date: str) -> Row:
    """Writes and posts a document. ``row`` is the order that is invoiced, or the invoice that is credited."""
    (invoice_id,) = take_numbers(desk.connection, "invoice", 1)
    number, sign = number_of("invoice", invoice_id), 1 if kind == "invoice" else -1
    goods = sum(part.net_minor for part in parts)
    tax = sum(part.tax_minor for part in parts) + freight[1]
    document: dict[str, Any] = {"id": invoice_id, "company": COMPANY, "number": number, "kind": kind}
    document.update({name: row[name] for name in ("customer_id", "currency")})
    document.update(invoice_date=desk.day, due_date=due_date, freight_minor=freight[0], tax_minor=tax)
    document["discount_minor"] = sum(part.discount_share_minor for part in parts)
    document.update(net_minor=goods + freight[0], total_minor=goods + freight[0] + tax, changed_by=desk.by)
    credited = kind == "credit_note"
    document["order_id"] = row["order_id"] if credited else row["id"]
    document["credits_id"] = row["id"] if credited else None
    entry_id = draft(desk, kind, f"{number} for {row['number']}", reverses_id=row["entry_id"] if credited else None)
    (document["version"],) = log_changes(desk.connection, "invoice", [invoice_id], at=desk.at, by=desk.by)
    desk.connection.execute(insert(Invoice), {**document, "entry_id": entry_id})
    _write_lines(desk, invoice_id, parts)
    legs = (
        Leg(RECEIVABLE, sign * document["total_minor"], row["customer_id"]),
        Leg(REVENUE, -sign * goods),
        Leg(FREIGHT, -sign * freight[0]),
        Leg(TAX, -sign * tax),
    )
    post(desk, entry_id, currency=row["currency"], legs=legs)
    return document


def _write_lines(desk: Desk, invoice_id: int, parts: Sequence[_Part]) -> None:
    names = ("invoice_id", *_LINE, *AMOUNTS)
    rows = [
        (invoice_id, *(part.line[name] for name in _LINE), *(getattr(part, name) for name in AMOUNTS)) for part in parts
    ]
    insert_rows(desk.connection, cast(Table, InvoiceLine.__table__), names, rows=rows)


def _mark_invoiced(desk: Desk, row: Row, lines: Sequence[Row], *, parts: Sequence[_Part], total_minor: int) -> str:
    taken = {part.line["key"]: part.quantity_micros for part in parts}
    for key, quantity in taken.items():
        line = update(OrderLine).where(OrderLine.order_id == row["id"], OrderLine.key == key)
        desk.connection.execute(line.values(invoiced_micros=OrderLine.invoiced_micros + quantity))
    done = all(one["invoiced_micros"] + taken.get(one["key"], 0) == one["quantity_micros"] for one in lines)
    status = "invoiced" if done else "partly_invoiced"
    (version,) = log_changes(desk.connection, "order", [row["id"]], at=desk.at, by=desk.by)
    values = {"status": status, "to_invoice_minor": row["to_invoice_minor"] - total_minor}
    changed = update(order).where(order.c.id == row["id"])
    desk.connection.execute(changed.values(version=version, changed_by=desk.by, **values))
    return status


def credit_note(desk: Desk, invoice_name: str, quantities: Mapping[str, int] | None = None) -> Written:
    """Credits an invoice, or some of its lines, by a linked reversal; it is allocated to what is open of it.

    ``quantities`` are micros by the key of the line. Freight goes back with a credit of all that is left.
    """
    row = lock_record(desk, "invoice", invoice_name)
    if row["kind"] != "invoice":
        raise Refused(row["number"], "is a credit note", "name the invoice")
    refuse_closed(desk)
    lines = _lines(desk, cast(Table, InvoiceLine.__table__), row["id"])
    credited = taken_of(desk.connection, "invoice", [row["id"]])[row["id"]]
    left = any(_left(line, credited.get(line["key"], {}))["quantity_micros"] for line in lines)
    parts = _parts(row, lines, credited, wanted=quantities) if left or quantities is not None else []
    freight = _freight_left(desk, row, lines) if quantities is None else (0, 0)
    if not parts and not any(freight):
        raise Refused(row["number"], "is credited already", "nothing is to be done")
    note = _write(desk, row, parts, kind="credit_note", freight=freight, due_date=desk.day)
    allocate_note(desk, note, row)
    follow(desk, [row["id"]])
    return _result(note, None, confirmed(desk, release(desk, [row["customer_id"]])))


def _freight_left(desk: Desk, row: Row, lines: Sequence[Row]) -> tuple[int, int]:
    """The freight that is not credited yet, and the tax on it."""
    query = select(func.count()).where(Invoice.credits_id == row["id"], Invoice.freight_minor > 0)
    if not row["freight_minor"] or desk.connection.execute(query).scalar_one():
        return 0, 0
    return row["freight_minor"], row["tax_minor"] - sum(line["tax_minor"] for line in lines)


def _result(document: Row, status: str | None, released: tuple[str, ...] = ()) -> Written:
    names = ("id", "number", "kind", "currency", "net_minor", "tax_minor", "total_minor", "due_date")
    return Written(**{name: document[name] for name in names}, order_status=status, released=released)
