"""Products: a template with one product, its list price, and a line in each price list.

Tryton's price lists know one currency, the company's: prices in others stay in the CRM. A product has no unique key;
ours is one of its identifiers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from decimal import Decimal
from typing import Any

from connectors.tryton.lookups import Lookups
from connectors.tryton.rpc import Rpc
from connectors.tryton.streams import (
    ANY_ACTIVITY,
    STAMP,
    Stream,
    Watched,
    described,
    field,
    given,
    one,
    record_of,
    stamped,
)
from connectors.tryton.values import Float, Row
from isthmus.connect.protocol import Change
from isthmus.kernel.records import Fields, Record

_PRICE_LINE = ("price_list.name", "price_list", "product", "quantity", "formula", *STAMP)
COLUMNS = (
    "code", "description", "active", "template", "template.name", "template.code", "template.list_price",
    "default_uom.name", "account_category.name", *STAMP, *stamped("template"),
)  # fmt: skip
_MOST = 1_000_000  # a price from more pieces on comes first: the first line that fits wins


def products(list_price_of: str) -> Stream:
    """The stream of products. ``list_price_of`` is the price list whose price is the template's own."""
    return Stream(
        "product", "product.product", COLUMNS, lambda rpc, rows: _records(rpc, rows, list_price_of),
        described(
            field("name", required=True), field("sku"), field("description"), field("unit", "reference"),
            field("tax_category", "reference"), field("active", "boolean"), given("number", unique=True),
        ),
        lines={
            one.name: one
            for one in (
                field("key"), field("price_list"), field("currency", "reference"), field("unit_price", "number"),
                field("minimum_quantity", "number"), field("active", "boolean"),
            )
        },
        domain=(ANY_ACTIVITY,),
        watched=(
            Watched("product.template", "products", (ANY_ACTIVITY,)),
            Watched("product.price_list.line", "product", (["product", "!=", None],)),
        ),
    )  # fmt: skip


def _records(rpc: Rpc, rows: list[Row], list_price_of: str) -> list[Record]:
    prices = _price_lines(rpc, [int(row["id"]) for row in rows])
    currency = rpc.company_currency() if rows else ""
    records = []
    for row in rows:
        mine = prices.get(int(row["id"]), [])
        row["template."], row["prices."] = row["template."] or {}, mine
        lines = [_line(it, currency) for it in mine]
        listed = row["template."].get("list_price")
        if listed is not None:
            lines.insert(0, _own_line(list_price_of, currency, listed))
        row["templates."] = [row["template."]]
        records.append(record_of(rpc, row, _fields(row), lines=lines, also=("templates", "prices")))
    return records


def _fields(row: Row) -> Fields:
    return {
        "name": row["template."].get("name"),
        "sku": row["code"],
        "description": row["description"],
        "unit": one(row, "default_uom", "name"),
        "tax_category": one(row, "account_category", "name"),
        "active": row["active"],
        "number": str(row["id"]),
    }


def _own_line(price_list: str, currency: str, price: Decimal) -> Fields:
    return {"key": "list price", "price_list": price_list, "currency": currency, "unit_price": price,
            "minimum_quantity": None, "active": True}  # fmt: skip


def _line(row: Row, currency: str) -> Fields:
    return {
        "key": str(row["id"]),
        "price_list": one(row, "price_list", "name"),
        "currency": currency,
        "unit_price": _price(row["formula"]),
        "minimum_quantity": None if row["quantity"] is None else int(row["quantity"]),
        "active": True,
    }


def _price(formula: str) -> Decimal | None:
    """A line of ours has a plain price; what a clerk computes there is no price that could be told."""
    text = formula.strip()
    return Decimal(text) if text.replace(".", "", 1).isdigit() else None


def _price_lines(rpc: Rpc, ids: Sequence[int]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    domain = [["product", "in", list(ids)], ["price_list.company", "=", rpc.company()]]
    for row in rpc.search_read("product.price_list.line", domain, _PRICE_LINE) if ids else ():
        found[int(row["product"])].append(row)
    return found


# --- writing ------------------------------------------------------------------------------------------------------


def new_template(change: Change, lookups: Lookups) -> Row:
    """A template with its product as `create` takes it. Our key stands among the product's identifiers."""
    product = {**_product_values(change), "identifiers": [["create", [{"code": change.key}]]]}
    unit = lookups.unit(change.fields.get("unit"))
    values = {
        "type": "goods",
        "salable": True,
        **template_values(change, lookups),
        "default_uom": unit,
        "sale_uom": unit,
    }
    return {**values, "products": [["create", [product]]]}


def template_values(change: Change, lookups: Lookups) -> Row:
    """What of a change stands on the template."""
    fields = change.fields
    values: Row = {"name": fields["name"]} if "name" in fields else {}
    if "sku" in fields:
        values["code"] = fields["sku"]
    if "tax_category" in fields:
        values["account_category"] = lookups.tax_category(fields["tax_category"])
    if change.lines is not None:
        values["list_price"] = _list_price(change.lines, lookups)
    return values


def product_values(change: Change) -> Row:
    """What of a change stands on the product itself."""
    return _product_values(change)


def _product_values(change: Change) -> Row:
    return {name: change.fields[name] for name in ("description", "active") if name in change.fields}


def _list_price(lines: Sequence[Fields], lookups: Lookups) -> Decimal:
    found = [it for it in _in_our_currency(lines, lookups) if it["price_list"] == lookups.config.list_price_of]
    return Decimal(found[0]["unit_price"]) if found else Decimal(0)


def _in_our_currency(lines: Sequence[Fields], lookups: Lookups) -> list[Fields]:
    currency = lookups.company_currency()
    return [it for it in lines if it["currency"] == currency and it.get("active") is not False]


def write_prices(rpc: Rpc, lookups: Lookups, wanted: Mapping[int, Sequence[Fields]]) -> None:
    """Brings the price lists to what the lines of these products say; one call for what is new, changed, gone."""
    known = _price_lines(rpc, list(wanted))
    todo = _Prices(lookups)
    for product, lines in wanted.items():
        present = {(one(it, "price_list", "name"), it["quantity"]): it for it in known.get(product, [])}
        for line in _in_our_currency(lines, lookups):
            if line["price_list"] != lookups.config.list_price_of:
                todo.put(product, line, present.pop((line["price_list"], line.get("minimum_quantity")), None))
        todo.gone += [it["id"] for it in present.values()]
    model = "model.product.price_list.line"
    if todo.news:
        rpc.call(f"{model}.create", todo.news)
    if todo.changes:
        rpc.call(f"{model}.write", *todo.changes)
    if todo.gone:
        rpc.call(f"{model}.delete", todo.gone)


@dataclass(slots=True)
class _Prices:
    """Lines of price lists that are to be entered, changed and deleted."""

    lookups: Lookups
    news: list[Row] = dataclass_field(default_factory=list)
    changes: list[Any] = dataclass_field(default_factory=list)
    gone: list[int] = dataclass_field(default_factory=list)

    def put(self, product: int, line: Fields, before: Row | None) -> None:
        formula = f"{Decimal(line['unit_price']):f}"
        if before is None:
            self.news.append(_new_line(self.lookups, product, line, formula=formula))
        elif before["formula"] != formula:
            self.changes += [[before["id"]], {"formula": formula}]


def _new_line(lookups: Lookups, product: int, line: Fields, *, formula: str) -> Row:
    quantity = line.get("minimum_quantity")
    return {
        "price_list": lookups.price_list(line["price_list"]),
        "product": product,
        "quantity": None if quantity is None else Float(Decimal(quantity)),
        "formula": formula,
        "sequence": _MOST - int(quantity or 0),
    }
