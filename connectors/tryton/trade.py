"""What a sale needs of its customer and products: addresses, terms, units and taxes, looked up for a whole batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from connectors.tryton.lookups import Lookups
from connectors.tryton.pricing import net_price, note_of, short_minor
from connectors.tryton.rpc import Rpc
from connectors.tryton.sales import EXTRAS, ROUNDING
from connectors.tryton.streams import ANY_ACTIVITY, children
from connectors.tryton.values import Float, Row
from isthmus.connect.protocol import Change
from isthmus.kernel.errors import Refused
from isthmus.kernel.money import from_minor
from isthmus.kernel.records import Fields, Record

_PLACE = ("street", "city", "postal_code", "country")
_PARTY = (
    "customer_payment_term", "customer_tax_rule", "sale_price_list",
    *(f"addresses.{name}" for name in (*_PLACE, "invoice", "delivery", "active")),
)  # fmt: skip
_PRODUCT = ("sale_uom", "account_category.customer_taxes_used")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a sale is to be: what a change says and, where it says nothing, what Tryton shows."""

    change: Change
    record: Record | None

    def get(self, name: str) -> Any:
        """A field of the header; None when neither says anything."""
        shown = self.record.fields if self.record else {}
        return self.change.fields.get(name, shown.get(name))

    @property
    def lines(self) -> Sequence[Fields]:
        if self.change.lines is not None:
            return self.change.lines
        return (self.record.lines if self.record else None) or ()


@dataclass(slots=True)
class Trade:
    """The customers and products of one batch, by id."""

    rpc: Rpc
    lookups: Lookups
    parties: dict[int, Row]
    products: dict[int, Row]
    made: dict[tuple[int, tuple[Any, ...]], int] = field(default_factory=dict)  # addresses entered for this batch

    def party_values(self, order: Terms) -> Row:
        """What a sale takes over from its customer; of another customer also that he has none."""
        party = self._party(order)
        found = {"payment_term": party["customer_payment_term"], "price_list": party["sale_price_list"]}
        return {name: value for name, value in found.items() if value or order.record}

    def addresses(self, order: Terms) -> Row:
        """Where invoice and goods go: the customer's own address of that text, a new one, or his usual one.

        Who gets invoice and goods is named only where the order itself says where they go: that is how it reads back.
        """
        party = self._party(order)
        usual = _usual(party, "invoice")
        goods = _usual(party, "delivery") or usual
        invoice, shipment = (self._address(party, order.get(name)) for name in ("bill_to", "ship_to"))
        return {
            "invoice_party": party["id"] if invoice else None,
            "invoice_address": invoice or usual,
            "shipment_party": party["id"] if shipment else None,
            "shipment_address": shipment or goods,
        }

    def line_actions(self, order: Terms) -> list[Any]:
        """All lines of the sale: whatever it has goes, and the whole set is entered."""
        gone = [int(one) for one in (order.record.fields["line_ids"] if order.record else ())]
        rows = [self._line(order, one, place=place) for place, one in enumerate(order.lines, 1)]
        taxes = rows[0]["taxes"] if rows else []
        rows += [_extra(EXTRAS[name], _signed(name, amount), taxes) for name in EXTRAS if (amount := order.get(name))]
        rows += [row for one in order.lines for row in self._rounding(one, order.get("currency"), taxes)]
        return [*([["delete", gone]] if gone else []), ["create", rows]]

    def _rounding(self, line: Fields, currency: str, taxes: list[Any]) -> list[Row]:
        """A line of text under the same key, where Tryton comes to less than the CRM, or to more."""
        short = short_minor(line, currency, self.rpc.where)
        return [{**_extra(ROUNDING, from_minor(short, currency), taxes), "note": line["key"]}] if short else []

    def _line(self, order: Terms, line: Fields, *, place: int) -> Row:
        product = self.products.get(int(line["product_id"]))
        if product is None:
            what = f"Tryton has no product {line['product_id']}"
            raise Refused(self.rpc.where, what, "restore it in Tryton, or choose another product")
        category, price = product.get("account_category.") or {}, line.get("unit_price")
        values: Row = {
            "type": "line",
            "product": product["id"],
            "quantity": Float(Decimal(line["quantity"])),
            "unit": product["sale_uom"],
            "unit_price": None if price is None else net_price(Decimal(price), line.get("discount_percent")),
            "taxes": [["add", list(category.get("customer_taxes_used") or [])]],
            "description": line.get("description"),
            "note": note_of(line),
            "sequence": place,
        }
        if price is None or self._party(order)["customer_tax_rule"]:
            values |= self._asked(order, values, priced=price is None)
        return values

    def _asked(self, order: Terms, line: Row, *, priced: bool) -> Row:
        """Price and taxes as Tryton itself fills them in: its price lists and tax rules are its own business."""
        party = self._party(order)
        currency = self.lookups.currency(order.get("currency"))
        parent = {"party": party["id"], "currency": currency, "company": self.rpc.company(),
                  "price_list": party["sale_price_list"], "invoice_party": None, "sale_date": None}  # fmt: skip
        asked = {
            "id": -1, "type": "line", "product": line["product"], "quantity": line["quantity"], "unit": None,
            "taxes": [], "unit_price": None, "company": self.rpc.company(), "sale": -1, "_parent_sale.id": -1,
            **{f"_parent_sale.{name}": value for name, value in parent.items()},
        }  # fmt: skip
        told: Row = self.rpc.call("model.sale.line.on_change", asked, ["product", "quantity"])
        found: Row = {"taxes": [["add", _added(told.get("taxes"))]]}
        if priced:
            found["unit_price"] = told.get("unit_price")
        return found

    def _party(self, order: Terms) -> Row:
        party = self.parties.get(int(order.get("customer_id") or 0))
        if party is None:
            what = f"Tryton has no party {order.get('customer_id')}"
            raise Refused(self.rpc.where, what, "restore it in Tryton, or choose another customer")
        return party

    def _address(self, party: Row, place: Fields | None) -> int | None:
        """The party's address of this text; entered, without being anybody's usual one, when there is none."""
        if not any((place or {}).values()):
            return None
        wanted = self.lookups.place({name: (place or {}).get(name) for name in _PLACE})
        text = tuple(wanted[name] or None for name in _PLACE)
        for row in children(party, "addresses"):
            if tuple(row[name] or None for name in _PLACE) == text:
                return int(row["id"])
        key = (int(party["id"]), text)
        if key not in self.made:
            values = {**wanted, "party": party["id"], "invoice": False, "delivery": False}
            self.made[key] = int(self.rpc.call("model.party.address.create", [values])[0])
        return self.made[key]


def look_up_trade(rpc: Rpc, orders: Sequence[Terms], lookups: Lookups) -> Trade:
    """One call for all customers of a batch, one for all products."""
    parties = {int(one.get("customer_id")) for one in orders if one.get("customer_id")}
    products = {int(line["product_id"]) for one in orders for line in one.lines}
    return Trade(
        rpc,
        lookups,
        _rows(rpc, "party.party", parties, columns=_PARTY),
        _rows(rpc, "product.product", products, columns=_PRODUCT),
    )


def _rows(rpc: Rpc, model: str, ids: set[int], *, columns: Sequence[str]) -> dict[int, Row]:
    if not ids:
        return {}
    rows = rpc.search_read(model, [["id", "in", sorted(ids)], ANY_ACTIVITY], columns)
    return {int(row["id"]): row for row in rows}


def _usual(party: Row, flag: str) -> int | None:
    rows = [row for row in children(party, "addresses") if row["active"]]
    return next((int(row["id"]) for row in rows if row[flag]), int(rows[0]["id"]) if rows else None)


def _extra(title: str, amount: Decimal, taxes: list[Any]) -> Row:
    """An amount of the whole document as a line of text, taxed as the first of the goods."""
    return {"type": "line", "quantity": Float(Decimal(1)), "unit_price": amount, "description": title, "taxes": taxes}


def _signed(name: str, amount: Any) -> Decimal:
    return -Decimal(amount) if name == "discount" else Decimal(amount)


def _added(actions: Any) -> list[int]:
    """Tax ids out of what on_change says: a plain list, or what to add."""
    if isinstance(actions, dict):
        return [int(one[1]["id"]) if isinstance(one, list) else int(one) for one in actions.get("add", ())]
    return [int(one) for one in actions or ()]
