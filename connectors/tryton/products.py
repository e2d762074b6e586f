"""Products: a template with one product. A product has no unique key; ours is one of its identifiers.

Their prices are in ``price_lists.py``.
"""

from __future__ import annotations

from connectors.tryton.lookups import Lookups
from connectors.tryton.price_lists import check_prices, list_price, price_lines, prices_of
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
from connectors.tryton.values import Row
from isthmus.connect.protocol import Change
from isthmus.kernel.records import Fields, Record

COLUMNS = (
    "code", "description", "active", "template", "template.name", "template.code", "template.list_price",
    "default_uom.name", "account_category.name", *STAMP, *stamped("template"),
)  # fmt: skip


def products() -> Stream:
    """The stream of products with their prices."""
    return Stream(
        "product", "product.product", COLUMNS, _records,
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


def _records(rpc: Rpc, rows: list[Row]) -> list[Record]:
    lines = price_lines(rpc, [int(row["id"]) for row in rows])
    currency = rpc.company_currency() if rows else ""
    records = []
    for row in rows:
        mine = lines.get(int(row["id"]), [])
        row["template."], row["prices."] = row["template."] or {}, mine
        row["templates."] = [row["template."]]
        prices = prices_of(mine, currency, row["template."].get("list_price"))
        records.append(record_of(rpc, row, _fields(row), lines=prices, also=("templates", "prices")))
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


# --- writing ------------------------------------------------------------------------------------------------------


def new_template(change: Change, lookups: Lookups, key: str) -> Row:
    """A template with its product as `create` takes it. Our key stands among the product's identifiers."""
    product = {**product_values(change), "identifiers": [["create", [{"code": key}]]]}
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
        check_prices(change.lines, lookups.config.where)
        values["list_price"] = list_price(change.lines, lookups)
    return values


def product_values(change: Change) -> Row:
    """What of a change stands on the product itself."""
    return {name: change.fields[name] for name in ("description", "active") if name in change.fields}
