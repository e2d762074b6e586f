"""Do orders and quotes keep Salesforce's own rules?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.playground.conftest import Client


class Shop:
    """A customer who buys in euros from the standard price book."""

    def __init__(self, client: Client) -> None:
        self.client = client
        where = "Type = 'Customer' AND CurrencyIsoCode = 'EUR'"
        self.account = client.query(f"SELECT Id FROM Account WHERE {where} ORDER BY Id LIMIT 1")[0]["Id"]
        self.book = client.query("SELECT Id FROM Pricebook2 WHERE IsStandard = true")[0]["Id"]
        soql = f"SELECT Id, Product2Id FROM PricebookEntry WHERE Pricebook2Id = '{self.book}' AND CurrencyIsoCode = "
        self.entry = client.query(soql + "'EUR' AND IsActive = true ORDER BY Id LIMIT 1")[0]
        self.foreign = client.query(soql + "'PLN' AND IsActive = true ORDER BY Id LIMIT 1")[0]["Id"]

    def order(self, **more: Any) -> str:
        return self.client.create("Order", AccountId=self.account, EffectiveDate="2026-11-01", Status="Draft",
                                  Pricebook2Id=self.book, CurrencyIsoCode="EUR", **more)  # fmt: skip

    def line(self, order: str, **more: Any) -> dict[str, Any]:
        return {"OrderId": order, "PricebookEntryId": self.entry["Id"], "Quantity": "3", "UnitPrice": "10.05"} | more

    def add(self, order: str, **more: Any) -> str:
        return self.client.create("OrderItem", **self.line(order, **more))

    def activate(self, order: str) -> None:
        told = self.client.send("PATCH", f"sobjects/Order/{order}", json={"Status": "Activated"})
        assert told.status_code == 204, told.text

    def total(self, order: str) -> Any:
        return self.client.query(f"SELECT TotalAmount FROM Order WHERE Id = '{order}'")[0]["TotalAmount"]


@pytest.fixture
def shop(shared: Client) -> Shop:
    return Shop(shared)


def test_order_begins_as_a_draft_and_is_activated_with_lines(shop: Shop) -> None:
    client = shop.client
    asked = {"AccountId": shop.account, "EffectiveDate": "2026-11-01", "Status": "Activated"}
    assert client.error("POST", "sobjects/Order", json=asked) == (400, "FAILED_ACTIVATION")
    assert client.error("POST", "sobjects/Order", json=asked | {"Status": "Sent"}) == (400, "INVALID_STATUS")
    order = shop.order()
    activate = {"Status": "Activated"}
    assert client.error("PATCH", f"sobjects/Order/{order}", json=activate) == (400, "FAILED_ACTIVATION")
    shop.add(order)
    shop.activate(order)
    (row,) = client.query(f"SELECT StatusCode, ActivatedDate, OrderNumber FROM Order WHERE Id = '{order}'")
    assert row["StatusCode"] == "Activated"
    assert row["ActivatedDate"] == "2026-11-20T12:00:00.000+0000"
    assert len(row["OrderNumber"]) == 8
    refused = {"StatusCode": "Draft"}
    assert client.error("PATCH", f"sobjects/Order/{order}", json=refused)[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_activated_order_is_closed_to_some_changes_and_open_to_others(shop: Shop) -> None:
    client, order = shop.client, shop.order()
    line = shop.add(order)
    shop.activate(order)
    assert client.error("DELETE", f"sobjects/OrderItem/{line}") == (400, "DELETE_FAILED")
    assert client.error("DELETE", f"sobjects/Order/{order}") == (400, "DELETE_FAILED")
    assert client.error("POST", "sobjects/OrderItem", json=shop.line(order))[1] == "FIELD_INTEGRITY_EXCEPTION"
    other = client.create("Account", Name="Other")
    moved = {"AccountId": other}
    assert client.error("PATCH", f"sobjects/Order/{order}", json=moved) == (400, "FIELD_INTEGRITY_EXCEPTION")
    assert client.send("PATCH", f"sobjects/OrderItem/{line}", json={"Quantity": 4}).status_code == 204
    assert shop.total(order) == Decimal("40.2")
    assert client.send("PATCH", f"sobjects/Order/{order}", json={"Status": "Draft"}).status_code == 204
    assert client.send("DELETE", f"sobjects/Order/{order}").status_code == 204
    assert client.error("GET", f"sobjects/OrderItem/{line}") == (404, "ENTITY_IS_DELETED")


def test_totals_follow_the_lines(shop: Shop) -> None:
    client, order = shop.client, shop.order()
    first, second = shop.add(order), shop.add(order, Quantity="0.5", UnitPrice="0.01")
    lines = client.query(f"SELECT TotalPrice, Product2Id FROM OrderItem WHERE OrderId = '{order}' ORDER BY Id")
    assert [row["TotalPrice"] for row in lines] == [Decimal("30.15"), Decimal("0.01")], "halves round up"
    assert lines[0]["Product2Id"] == shop.entry["Product2Id"]
    assert shop.total(order) == Decimal("30.16")
    client.send("DELETE", f"sobjects/OrderItem/{second}")
    assert shop.total(order) == Decimal("30.15")
    assert client.error("PATCH", f"sobjects/OrderItem/{first}", json={"TotalPrice": 1})[1] == (
        "INVALID_FIELD_FOR_INSERT_UPDATE")  # fmt: skip
    wrong = {"TotalAmount": 1}
    assert client.error("PATCH", f"sobjects/Order/{order}", json=wrong)[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_line_must_fit_its_order(shop: Shop) -> None:
    client, order = shop.client, shop.order()
    for line in (shop.line(order, PricebookEntryId=shop.foreign), shop.line(order, Quantity=-1),
                 shop.line(order, Quantity=0)):  # fmt: skip
        assert client.error("POST", "sobjects/OrderItem", json=line) == (400, "FIELD_INTEGRITY_EXCEPTION")
    missing = {"OrderId": order, "PricebookEntryId": shop.entry["Id"], "Quantity": 1}
    assert client.error("POST", "sobjects/OrderItem", json=missing) == (400, "REQUIRED_FIELD_MISSING")


def test_reduction_order_takes_back(shop: Shop) -> None:
    client, original = shop.client, shop.order()
    line = shop.add(original)
    shop.activate(original)
    asked = {"AccountId": shop.account, "EffectiveDate": "2026-11-02", "Status": "Draft", "IsReductionOrder": True}
    assert client.error("POST", "sobjects/Order", json=asked) == (400, "REQUIRED_FIELD_MISSING")
    reduction = shop.order(IsReductionOrder=True, OriginalOrderId=original)
    assert client.error("POST", "sobjects/OrderItem", json=shop.line(reduction))[1] == "FIELD_INTEGRITY_EXCEPTION"
    shop.add(reduction, Quantity=-3, OriginalOrderItemId=line)
    assert shop.total(reduction) == Decimal("-30.15")


def test_quote_adds_up_with_discounts_and_freight(shop: Shop) -> None:
    client = shop.client
    quote = client.create("Quote", Name="Q", AccountId=shop.account, Pricebook2Id=shop.book, CurrencyIsoCode="EUR",
                          ShippingHandling="5.5")  # fmt: skip
    line = {"QuoteId": quote, "PricebookEntryId": shop.entry["Id"], "Quantity": 3, "UnitPrice": "9.99"}
    client.create("QuoteLineItem", **line, Discount="12.5")
    (row,) = client.query(f"SELECT Subtotal, TotalPrice, GrandTotal, LineItemCount FROM Quote WHERE Id = '{quote}'")
    assert (row["Subtotal"], row["TotalPrice"]) == (Decimal("29.97"), Decimal("26.22"))
    assert (row["GrandTotal"], row["LineItemCount"]) == (Decimal("31.72"), 1)


def test_one_price_per_book_product_and_currency(shop: Shop) -> None:
    client = shop.client
    product = client.create("Product2", Name="Lamp", IsActive=True)
    partner = client.query("SELECT Id FROM Pricebook2 WHERE IsStandard = false")[0]["Id"]
    price = {"Product2Id": product, "UnitPrice": 5, "IsActive": True, "CurrencyIsoCode": "EUR"}
    early = price | {"Pricebook2Id": partner}
    assert client.error("POST", "sobjects/PricebookEntry", json=early) == (400, "STANDARD_PRICE_NOT_DEFINED")
    client.create("PricebookEntry", **price, Pricebook2Id=shop.book)
    client.create("PricebookEntry", **early)
    assert client.error("POST", "sobjects/PricebookEntry", json=early) == (400, "DUPLICATE_VALUE")


def test_header_moves_when_its_total_does(shop: Shop) -> None:
    client, order = shop.client, shop.order()
    line = shop.add(order)
    client.admin("settings", clock_offset_seconds=60)
    client.send("PATCH", f"sobjects/OrderItem/{line}", json={"Description": "red"})
    stamp = f"SELECT SystemModstamp FROM Order WHERE Id = '{order}'"
    assert client.query(stamp)[0]["SystemModstamp"] == "2026-11-20T12:00:00.000+0000", "a line moves alone"
    client.send("PATCH", f"sobjects/OrderItem/{line}", json={"Quantity": 7})
    assert client.query(stamp)[0]["SystemModstamp"] == "2026-11-20T12:01:00.000+0000"
    client.admin("settings", clock_offset_seconds=0)
