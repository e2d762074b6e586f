"""An order mapping that takes more rows, and how tests read records with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isthmus.kernel.records import Record
from isthmus.mapping.compile import CompiledMapping, compile_mapping
from isthmus.mapping.load import load_mappings, read_mapping

FOLDER = Path(__file__).parents[2] / "mappings" / "salesforce_erp"
HEAD = """\
mapping: order
entity: order
owner: crm
creates: [erp]
crm: {stream: Order, lines: {stream: OrderItem, parent: OrderId, key: Id}}
erp: {stream: order}
fields:
  customer: {crm: AccountId, erp: customer_id, refers_to: customer}
  order_date: {crm: EffectiveDate, erp: order_date, as: date}
  currency: {crm: Currency, erp: currency}
"""
LINES = """\
lines:
  product: {crm: Product2Id, erp: product_id, refers_to: product}
  quantity: {crm: Quantity, erp: quantity, as: decimal}
  unit_price: {crm: UnitPrice, erp: unit_price, as: price}
  amount: {crm: TotalPrice, as: money}
"""


def compiled(rows: str = "", *, zone: str = "Europe/Berlin", rest: str = "") -> CompiledMapping:
    """The order mapping with more rows."""
    text = HEAD + "".join(f"  {row}\n" for row in rows.splitlines()) + LINES + rest
    spec = read_mapping(text.encode(), "m.yaml")
    return compile_mapping(spec, crm_numbers="decimal", erp_numbers="scaled", time_zone=zone)


OWN = {
    spec.name: compile_mapping(spec, crm_numbers="decimal", erp_numbers="scaled", time_zone="Europe/Berlin")
    for spec in load_mappings(FOLDER)
}


def read(mapping: CompiledMapping, fields: dict[str, Any], lines: Any = None, side: Any = "crm") -> dict[str, Any]:
    translated = mapping.to_entity(side, Record("1", "1", fields, lines))
    assert translated.faults == []
    return translated.form


def faults(mapping: CompiledMapping, fields: dict[str, Any], lines: Any = None, side: Any = "crm") -> list[str]:
    return [str(fault) for fault in mapping.to_entity(side, Record("1", "1", fields, lines)).faults]
