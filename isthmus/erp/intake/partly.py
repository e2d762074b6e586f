"""Changes of orders of which something is invoiced: what is booked stays, what is not invoiced yet may change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy import Table, select

from isthmus.db import among
from isthmus.erp.credit import Rates, standings
from isthmus.erp.intake.documents import Around
from isthmus.erp.intake.page import Item, Page
from isthmus.erp.pricing import tax_on
from isthmus.erp.records import Row
from isthmus.erp.sales import SOLD, OrderLine
from isthmus.erp.taken import Taken, taken_of
from isthmus.kernel.errors import Fault
from isthmus.kernel.money import GREATEST, from_micros, from_minor, line_amount_minor, share_out

#: What no invoice ever books, and so may change for ever.
LOOSE = (
    *("customer_reference", "salesperson", "custom"),
    *(
        f"{kind}_{part}"
        for kind in ("bill_to", "ship_to")
        for part in ("street", "city", "state", "postal_code", "country")
    ),
)
CHOICE = "write a credit note and enter a new order, or dismiss the change"
_FIXED = ("product_id", "unit_price_micros", "discount_percent_micros")
_NOTHING = dict.fromkeys(("quantity_micros", "net_minor", "tax_minor", "discount_share_minor"), 0)


def refuse_booked(page: Page, items: Sequence[Item]) -> None:
    """Refuses what comes too late: any change of what an invoice booked."""
    sold = [item for item in items if item.present["status"] in SOLD]
    for item in sold:
        moved = [name for name, value in item.present.items() if item.row[name] != value and name not in LOOSE]
        if moved:
            path = next(one.path for one in page.stream.shape.fields if one.column == moved[0])
            _refuse(page, item, path, what="it stays as it was sold")
        elif item.present["status"] != "partly_invoiced" and item.lines != item.present_lines:
            _refuse(page, item, "lines", what="it stays as it was sold")
    changed = [one for one in page.left(sold) if one.lines != one.present_lines]
    taken = taken_of(page.desk.connection, "order", [item.present["id"] for item in changed])
    for item in changed:
        _refuse_taken(page, item, taken[item.present["id"]])


def _refuse(page: Page, item: Item, where: str, *, what: str) -> None:
    told = f"order {item.present['number']} is {item.present['status'].replace('_', ' ')}: {what}"
    page.refuse(item, Fault(where, told, CHOICE))


def _refuse_taken(page: Page, item: Item, taken: Taken) -> None:
    lines = {line["key"]: line for line in item.line_rows}
    shown = {line["key"]: line for line in item.present_lines or ()}
    for key, amounts in taken.items():
        line, least = lines.get(key), from_micros(amounts["quantity_micros"])
        if line is None:
            return _refuse(page, item, f"line {key}", what=f"{least} of it are invoiced, so it cannot go")
        if line["quantity_micros"] < amounts["quantity_micros"]:
            what = f"{least} are invoiced, {from_micros(line['quantity_micros'])} would be fewer"
            return _refuse(page, item, f"line {key} quantity", what=what)
        present = page.stream.lines.take(shown[key]) if page.stream.lines else {}
        moved = [name for name in _FIXED if line[name] != present[name]]
        if moved:
            name = moved[0].removesuffix("_micros")
            return _refuse(page, item, f"line {key} {name}", what=f"{least} of it are invoiced as it is")
    return None


def reprice(page: Page, items: Sequence[Item], around: Around) -> None:
    """Prices partly invoiced orders anew: what is invoiced as it was, what is not by the order's present lines.

    Refuses lines whose product is not there, and a discount of which more is left than of the goods.
    """
    ids = [item.present["id"] for item in items]
    taken, stored = taken_of(page.desk.connection, "order", ids), _stored(page, ids)
    for item in items:
        missing = next((line for line in item.line_rows if line["product_id"] not in around.products), None)
        if missing is not None:
            what = f"there is no product {missing['product_id']}"
            page.refuse(item, Fault(f"line {missing['key']} product_id", what, "bind the product first"))
            continue
        fault = _reprice(item, around, taken=taken[item.present["id"]], stored=stored[item.present["id"]])
        if fault:
            page.refuse(item, fault)


def _stored(page: Page, ids: Sequence[int]) -> dict[int, dict[str, Row]]:
    table = cast(Table, OrderLine.__table__)
    query = select(table).where(among(page.desk.connection, table.c.order_id, list(ids)))
    found: dict[int, dict[str, Row]] = {one: {} for one in ids}
    for row in page.desk.connection.execute(query).mappings():
        found[row["order_id"]][row["key"]] = dict(row)
    return found


def _reprice(item: Item, around: Around, *, taken: Taken, stored: Mapping[str, Row]) -> Fault | None:
    row, money = item.row, item.row["currency"]
    rests = [_rest(line, taken.get(line["key"], _NOTHING), money) for line in item.line_rows]
    given = sum(amounts["discount_share_minor"] for amounts in taken.values())
    discount = row["discount_minor"] - given
    if discount > sum(rests):
        what = f"{from_minor(discount, money)} {money} of it are not given yet, more than what is left of the lines"
        return Fault("discount", what, "leave more on the order, or close it: isthmus erp cancel")
    shares = share_out(discount, rests) if discount else [0] * len(rests)
    day, country = row["order_date"], around.customers[row["customer_id"]][1]
    for line, rest, share in zip(item.line_rows, rests, shares, strict=True):
        tax = around.taxes.tax(country, around.products[line["product_id"]], day)
        if line["key"] in taken:
            tax = around.taxes.by_code(stored[line["key"]]["tax_code"])
        _fill(line, taken.get(line["key"], _NOTHING), rest=rest - share, share=share)
        line.update(tax_code=tax.code, rest_minor=rest - share, rest_tax_minor=tax_on(rest - share, tax))
        line["tax_minor"] += line["rest_tax_minor"]
        line["list_minor"] = around.list_minor(line, money, day=day)
    return _sum_up(item, stored)


def _rest(line: Row, taken: Mapping[str, int], currency: str) -> int:
    """What the part of a line that is not invoiced comes to, before the order's discount."""
    if line["quantity_micros"] == taken["quantity_micros"]:
        return 0
    whole = line_amount_minor(
        line["quantity_micros"],
        line["unit_price_micros"],
        currency,
        discount_percent_micros=line["discount_percent_micros"],
    )
    return max(0, whole - taken["net_minor"] - taken["discount_share_minor"])


def _fill(line: Row, taken: Mapping[str, int], *, rest: int, share: int) -> None:
    line["invoiced_micros"] = taken["quantity_micros"]
    line["discount_share_minor"] = taken["discount_share_minor"] + share
    line["amount_minor"] = taken["net_minor"] + rest + line["discount_share_minor"]
    line["tax_minor"] = taken["tax_minor"]


def _sum_up(item: Item, stored: Mapping[str, Row]) -> Fault | None:
    row, lines = item.row, item.line_rows
    freight_tax = item.present["tax_minor"] - sum(line["tax_minor"] for line in stored.values())
    tax = sum(line["tax_minor"] for line in lines) + freight_tax
    net = sum(line["amount_minor"] - line["discount_share_minor"] for line in lines)
    row.update(tax_minor=tax, total_minor=net + row["freight_minor"] + tax, freight_tax_minor=freight_tax)
    row["to_invoice_minor"] = sum(line["rest_minor"] + line["rest_tax_minor"] for line in lines)
    if row["total_minor"] > GREATEST:
        return Fault("total", f"{from_minor(row['total_minor'], row['currency'])} is too great", "split the order")
    if all(line["invoiced_micros"] == line["quantity_micros"] for line in lines):
        row["status"] = "invoiced"
    return None


def refuse_raised(page: Page, items: Sequence[Item]) -> list[Item]:
    """Refuses partly invoiced orders that are raised beyond the credit: they cannot be held. Answers the others."""
    desk = page.desk
    known = standings(desk.connection, [item.row["customer_id"] for item in items], desk.day)
    rates = Rates(desk.connection, desk.day)
    for item in items:
        more = item.row["total_minor"] - item.present["total_minor"]
        if more <= 0:
            continue
        standing, money = known[item.row["customer_id"]], item.row["currency"]
        worth = rates.bounds(more, money, standing.currency)
        reason = standing.refusal(worth and worth[1], money)
        if reason:
            what = f"order {item.present['number']} is partly invoiced and cannot be raised: {reason}"
            page.refuse(item, Fault("credit", what, "free some credit, or enter a new order"))
        else:
            standing.line.exposure_minor += worth[1] if worth else 0
    return page.left(items)


def is_repriced(item: Item) -> bool:
    """Whether the lines of a partly invoiced order change."""
    return bool(item.present["status"] == "partly_invoiced" and item.lines != item.present_lines)
