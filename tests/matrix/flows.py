"""The eight flows: for each, how something new comes into the world, and whether it has arrived exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from isthmus.erp.allocating import pay
from isthmus.erp.clerk import limit
from isthmus.erp.invoicing import invoice
from isthmus.kernel.money import MICROS
from tests.scenarios.world import World

#: What the CRM owns and the ERP answers with a number; and what the ERP owns and the CRM shows.
BORN = {"customer": "ERP_Customer_Number__c", "product": "ERP_Product_Number__c", "quote": "ERP_Quote_Number__c",
        "order": "ERP_Order_Number__c"}  # fmt: skip
SHOWN = {"invoice": "ERP_Invoice__c", "payment": "ERP_Payment__c"}
TOLD = {"credit_status": ("limit", "ERP_Credit_Limit__c"),
        "customer_figures": ("invoiced_12_months", "ERP_Invoiced_12_Months__c")}  # fmt: skip
FLOWS = (*BORN, *SHOWN, *TOLD)
#: A field of the CRM that the flow cannot do without.
FIELDS = {
    "customer": ("Account", "Phone"), "product": ("Product2", "ProductCode"), "quote": ("Quote", "ExpirationDate"),
    "order": ("Order", "PoNumber"), "invoice": ("ERP_Invoice__c", "Outstanding__c"),
    "payment": ("ERP_Payment__c", "Unapplied__c"), "credit_status": ("Account", "ERP_Credit_Limit__c"),
    "customer_figures": ("Account", "ERP_Invoiced_12_Months__c"),
}  # fmt: skip


@dataclass
class Desk:
    """A company with two great customers, whose great orders are billed piece by piece in turn."""

    world: World
    accounts: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def open(self) -> None:
        for name in ("Great Ltd", "Greater Ltd"):
            self.accounts.append(self.world.account(name, Payment_Terms__c="NET30", BillingCountryCode="DE"))
            self.orders.append(self.world.order(self.accounts[-1], quantity=9_000))
        self.world.cycle()

    def news(self, flow: str) -> str:
        """Something that this flow has to carry; how it is known."""
        number = next(self.numbers)
        account = self.accounts[number % 2]
        if flow == "customer":
            return self.world.account(f"Newcomer {number} Ltd", Phone=f"+{number}")
        if flow == "order":
            return self.world.order(account, PoNumber=f"PO-{number}")
        if flow == "quote":
            return self._quote(account, number)
        if flow == "product":
            fields = {"Name": f"Lamp {number}", "ProductCode": f"LAMP-M{number}", "IsActive": True}
            return str(self.world.sell({"verb": "create", "object": "Product2", "fields": fields})[0])
        if flow in ("invoice", "customer_figures"):
            bill = self._bill(self.orders[number % 2])
            return bill if flow == "invoice" else account
        customer = str(self.world.erp("customer", account)["number"])
        if flow == "payment":
            paid = self.world.at_desk(lambda desk: pay(desk, customer, amount_minor=100 + number, currency="EUR"))
            return str(paid.number)
        self.world.at_desk(lambda desk: limit(desk, customer, 500_000_000 + number))
        return account

    def _quote(self, account: str, number: int) -> str:
        entry = self.world.crm_rows("PricebookEntry", "CurrencyIsoCode = 'EUR' AND IsActive = 1")[0]
        header = {"Name": f"Offer {number}", "AccountId": account, "Status": "Presented", "CurrencyIsoCode": "EUR",
                  "Pricebook2Id": entry["Pricebook2Id"], "ExpirationDate": "2027-03-31"}  # fmt: skip
        quote = self.world.sell({"verb": "create", "object": "Quote", "fields": header})[0]
        line = {"QuoteId": quote, "PricebookEntryId": entry["Id"], "Quantity": 1, "UnitPrice": "10.00"}
        self.world.sell({"verb": "create", "object": "QuoteLineItem", "fields": line})
        return quote

    def _bill(self, order_id: str) -> str:
        """One piece of a great order is invoiced."""
        order = self.world.erp("order", order_id)
        parts = {str(order["lines"][0]["key"]): MICROS}
        return self.world.at_desk(lambda desk: invoice(desk, str(order["number"]), parts)).number

    def arrived(self, flow: str, news: str) -> bool:
        """Whether it is there, whole; more than one of it is an error."""
        if flow in BORN:
            return self._born(flow, news)
        if flow in SHOWN:
            found = self.world.crm_rows(SHOWN[flow], f"Name = '{news}'")
            assert len(found) < 2, f"{news} is there {len(found)} times"
            return len(found) == 1 and bool(found[0]["Isthmus_Complete__c"])
        inner, outer = TOLD[flow]
        mapping = self.world.shop.ports.mappings[flow]
        erp_id = self.world.pair("customer", news).erp.id
        (record,) = self.world.shop.ports.erp.fetch(mapping.selection("erp"), [erp_id])
        shown = self.world.crm("customer", news)[outer]
        return bool(record.fields[inner] is not None and shown == record.fields[inner] * 10)  # kept in thousandths

    def _born(self, flow: str, news: str) -> bool:
        keys = f"stream = '{flow}' AND status = 'live' AND key LIKE '%/{news}'"
        number = self.world.erp_count("external_key", keys)
        assert number < 2, f"{news} is there {number} times"
        return number == 1 and bool(self.world.crm(flow, news)[BORN[flow]] == self.world.erp(flow, news)["number"])
