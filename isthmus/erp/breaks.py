"""Quantity breaks: what a price list asks of who buys more. They are the ERP's own: a CRM's entry has one price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from sqlalchemy import Table, insert, select, update

from isthmus.erp.clerk import record
from isthmus.erp.columns import GREATEST_MICROS
from isthmus.erp.desk import Desk
from isthmus.erp.products import Price, PriceBreak
from isthmus.kernel.errors import Refused


@dataclass(frozen=True, slots=True)
class Break:
    """A step of a product's price list, in micros, from a day on."""

    product: str
    price_list: str
    currency: str
    minimum_quantity_micros: int
    unit_price_micros: int
    valid_from: str


def set_break(
    desk: Desk,
    product: str,
    *,
    unit_price_micros: int,
    minimum_quantity_micros: int,
    currency: str,
    price_list: str | None = None,
) -> Break:
    """Sets what a list (the product's only one, if none is named) asks from a quantity on, from today on.

    Orders that are in keep what the list asked on their day. Raises Refused for an unknown product or list.
    """
    row = record(desk, "product", product)
    for what, micros in (("price", unit_price_micros), ("quantity", minimum_quantity_micros)):
        if not (0 if what == "price" else 1) <= micros <= GREATEST_MICROS:
            raise Refused(what, "is out of range", f"choose one up to {GREATEST_MICROS // 1_000_000}")
    chosen = _list(desk, row["id"], row["number"], currency=currency, wanted=price_list)
    place = {
        "product_id": row["id"],
        "price_list": chosen,
        "currency": currency,
        "minimum_quantity_micros": minimum_quantity_micros,
        "valid_from": desk.day,
    }
    values = {"unit_price_micros": unit_price_micros, "entered_by": desk.by}
    column = cast(Table, PriceBreak.__table__).c
    same = [column[name] == value for name, value in place.items()]
    if desk.connection.execute(update(PriceBreak).where(*same).values(values)).rowcount == 0:
        desk.connection.execute(insert(PriceBreak), {**place, **values})
    return Break(row["number"], chosen, currency, minimum_quantity_micros, unit_price_micros, desk.day)


def _list(desk: Desk, product_id: int, number: str, *, currency: str, wanted: str | None) -> str:
    query = select(Price.price_list).where(Price.product_id == product_id, Price.currency == currency, Price.active)
    known = sorted(set(desk.connection.execute(query).scalars()))
    if wanted is None and len(known) == 1:
        return known[0]
    if wanted in known and wanted is not None:
        return wanted
    if not known:
        raise Refused(f"product {number}", f"has no price in {currency}", "enter one in the CRM first")
    what = f"is on {' and '.join(known)} in {currency}" if wanted is None else f"is not on {wanted} in {currency}"
    raise Refused(f"product {number}", what, f"name one with --list: {', '.join(known)}")
