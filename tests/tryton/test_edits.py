"""What is sent when a sale is edited: with the answers that Tryton gives, but without a Tryton."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from connectors.tryton.config import Config
from connectors.tryton.errors import Spoilt
from connectors.tryton.lookups import Lookups
from connectors.tryton.rpc import Rpc
from connectors.tryton.sales import quotes
from connectors.tryton.selling import Seller
from connectors.tryton.writing import Keys
from isthmus.connect.http import Ports
from isthmus.connect.protocol import Answer, Change

D = Decimal
STAMPS = {"last_modified_at": "2026-11-23T09:00:00.000000Z", "write_uid": 7, "create_uid": 7}
LINE = {
    "id": 31, "type": "line", "product": 5, "quantity": 3, "unit_price": D(10), "description": None, "note": "0QL1",
    "sequence": 1, "amount": D(30), **STAMPS,
}  # fmt: skip
QUOTE = {
    "id": 12, "_timestamp": "1", "number": "7", "reference": "Lamps", "state": "quotation", "invoice_state": "none",
    "party": 1, "currency.": {"code": "EUR"}, "origin": None, "sale_date": None, "quotation_date": "2026-11-20",
    "quotation_expire": "2026-12-20", "untaxed_amount": D(30), "tax_amount": D(6), "total_amount": D(36),
    "invoice_party": None, "shipment_party": None, "lines.": [LINE], **STAMPS,
}  # fmt: skip


def party(number: int, *, term: int | None, tax_rule: int | None = None) -> dict[str, Any]:
    address = {"id": number * 10, "street": "S", "city": "C", "postal_code": "1", "country": 2, "active": True}
    return {
        "id": number, "customer_payment_term": term, "customer_tax_rule": tax_rule, "sale_price_list": None,
        "addresses.": [{**address, "invoice": True, "delivery": True}],
    }  # fmt: skip


class Desk:
    """The part of Rpc that selling uses; remembers what was called."""

    where = "connection erp"
    config = Config("connection erp", "http://127.0.0.1", "erp", "isthmus", "-", reference="isthmus_reference")
    ports = Ports(sleep=lambda _: None)
    session = SimpleNamespace(user=lambda: 7)

    def __init__(self, refuses: str = "") -> None:
        self.called: list[tuple[str, Any]] = []
        self.refuses = refuses
        self.rows: dict[str, list[dict[str, Any]]] = {
            "sale.sale": [QUOTE],
            "party.party": [party(1, term=4), party(2, term=6, tax_rule=8)],
            "product.product": [{"id": 5, "sale_uom": 1, "account_category.": {"customer_taxes_used": [3]}}],
            "currency.currency": [{"id": 9, "code": "EUR"}],
        }

    def search_read(self, model: str, domain: Any, fields: Any, **_: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self.rows[model] if "origin" not in str(domain)]

    def call(self, method: str, *parameters: Any, context: Any = None) -> Any:
        self.called.append((method.rpartition(".")[2], parameters))
        if method.endswith(f".{self.refuses}"):
            raise Spoilt(self.where, "it does not fit", "correct it")
        return {"taxes": [8]} if method.endswith("on_change") else None

    def company(self) -> int:
        return 1

    def day_of(self, moment: datetime) -> date:
        return moment.date()

    @property
    def written(self) -> dict[str, Any]:
        """The values of the only write."""
        [values] = [parameters[1] for name, parameters in self.called if name == "write"]
        return dict(values)


def edit(desk: Desk, **fields: Any) -> Answer:
    rpc = cast(Rpc, desk)
    seller = Seller(rpc, Keys(rpc, "isthmus_reference"), Lookups(rpc))
    [answer] = seller.write(quotes(Desk.config), [Change("update", "org/Quote/1", fields, id="12")])
    return answer


def test_a_quote_that_is_valid_for_longer_keeps_the_day_of_its_offer() -> None:
    desk = Desk()
    assert edit(desk, valid_until="2027-01-20").result == "updated"
    assert str(desk.written["quotation_date"]) == "2026-11-20"
    assert desk.written["quotation_validity"].days == 61


def test_a_quotation_whose_edit_is_refused_is_one_again() -> None:
    desk = Desk(refuses="write")
    assert edit(desk, customer_reference="Other").result == "refused"
    assert [name for name, _ in desk.called] == ["draft", "write", "quote"]


def test_another_customer_brings_his_own_taxes_and_terms() -> None:
    desk = Desk()
    assert edit(desk, customer_id="2").result == "updated"
    assert (desk.written["party"], desk.written["payment_term"], desk.written["price_list"]) == (2, 6, None)
    [created] = [rows for action, rows in desk.written["lines"] if action == "create"]
    assert [row["taxes"] for row in created] == [[["add", [8]]]]
