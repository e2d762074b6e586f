"""What Tryton sends to customers. Only read: a confirmed sale makes its shipments, and the warehouse moves them on.

A shipment holds two kinds of moves: out of the storage, and out of the house. The latter are what the customer gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from connectors.tryton.pricing import key_of
from connectors.tryton.rpc import Rpc
from connectors.tryton.streams import STAMP, Stream, Watched, children, described, given, needed_by, record_of, stamped
from connectors.tryton.values import Row
from isthmus.kernel.records import Fields, Record

#: Tryton's states as ours. `done` says that the goods are booked out; `shipped` that they have left before that.
_STATES = {
    "draft": "planned", "waiting": "planned", "assigned": "reserved", "picked": "picked", "packed": "packed",
    "shipped": "shipped", "done": "done", "cancelled": "cancelled",
}  # fmt: skip
STATUSES = tuple(dict.fromkeys(_STATES.values()))
_GOODS = "outgoing_moves"
_LINE = ("product", "quantity", "origin", "sale")
COLUMNS = ("number", "state", "customer", "planned_date", "effective_date", *STAMP, *stamped(_GOODS, *_LINE))
_ORIGIN = "sale.line,"

Keys = Mapping[int, str]  # a line of a sale → its key


def shipments() -> Stream:
    """The stream of shipments to customers. One without a number was entered by hand and goes nowhere yet."""
    return Stream(
        "shipment", "stock.shipment.out", COLUMNS, _shipments,
        described(
            given("number"), given("customer_id", "reference"), given("order_id", "reference"),
            given("status", "picklist", values=STATUSES, restricted=True), given("planned_date", "date"),
            given("effective_date", "date"),
        ),
        {
            line.name: line
            for line in (
                given("key"), given("product_id", "reference"), given("quantity", "number"), given("order_line"),
            )
        },
        (["number", "!=", None],),
        (Watched("stock.move", "shipment", (["shipment.state", "!=", None, "stock.shipment.out"],)),),
        dear=needed_by((f"{_GOODS}.{name}" for name in _LINE), "lines", "order_id"),
    )  # fmt: skip


def _shipments(rpc: Rpc, rows: list[Row]) -> list[Record]:
    keys = _order_lines(rpc, rows)
    return [
        record_of(rpc, row, _shipment(row), lines=[_line(it, keys) for it in _moves(row)], also=(_GOODS,))
        for row in rows
    ]


def _shipment(row: Row) -> Fields:
    orders = {it["sale"] for it in _moves(row) if it["sale"]}
    return {
        "number": row["number"],
        "customer_id": str(row["customer"]),
        "order_id": str(orders.pop()) if len(orders) == 1 else None,
        "status": _STATES.get(row["state"], row["state"]),
        "planned_date": row["planned_date"],
        "effective_date": row["effective_date"],
    }


def _moves(row: Row) -> list[Row]:
    """The moves out of the house, if they were asked for."""
    return [it for it in children(row, _GOODS) if "product" in it]


def _line(row: Row, keys: Keys) -> Fields:
    return {
        "key": str(row["id"]),
        "product_id": str(row["product"]),
        "quantity": Decimal(str(row["quantity"])),
        "order_line": keys.get(_sale_line(row)),
    }


def _sale_line(row: Row) -> int:
    """The line of a sale that a move serves; 0 for none."""
    origin = str(row["origin"] or "")
    return int(origin.removeprefix(_ORIGIN)) if origin.startswith(_ORIGIN) else 0


def _order_lines(rpc: Rpc, rows: list[Row]) -> Keys:
    """The keys of the sales' lines that these shipments serve, as their orders show them: one call a page."""
    ids = sorted({_sale_line(it) for row in rows for it in _moves(row)} - {0})
    lines = rpc.search_read("sale.line", [["id", "in", ids]], ["note"]) if ids else []
    return {int(it["id"]): key_of(it["note"]) or str(it["id"]) for it in lines}
