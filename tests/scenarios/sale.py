"""An order of a new customer that both systems know, and how the CRM shows what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from isthmus.erp.allocating import pay
from isthmus.erp.invoicing import credit_note, invoice
from tests.scenarios.world import OBJECTS, World

SHOWN = (*OBJECTS.values(), "ERP_Invoice__c", "ERP_Invoice_Line__c", "ERP_Payment__c", "ERP_Allocation__c")


@dataclass
class Sale:
    """An order of a new customer that both systems know."""

    world: World
    account: str
    order: str

    @property
    def number(self) -> str:
        return str(self.world.erp("order", self.order)["number"])

    @property
    def customer(self) -> str:
        return str(self.world.erp("customer", self.account)["number"])

    def bill(self) -> str:
        """The clerk invoices the order; the invoice's number."""
        return self.world.at_desk(lambda desk: invoice(desk, self.number)).number

    def pay(self, amount_minor: int, **how: Any) -> str:
        """The customer pays; the payment's number."""
        money = {"amount_minor": amount_minor, "currency": "EUR", **how}
        return self.world.at_desk(lambda desk: pay(desk, self.customer, **money)).number

    def credit(self, number: str) -> str:
        """The clerk takes an invoice back; the credit note's number."""
        return self.world.at_desk(lambda desk: credit_note(desk, number)).number


def shown(world: World, number: str, stream: str = "ERP_Invoice__c") -> dict[str, Any]:
    """The CRM's copy of an ERP document, amounts in thousandths as the playground keeps them."""
    (found,) = world.crm_rows(stream, f"Name = '{number}'")
    return found


def stamps(world: World) -> dict[str, str]:
    """When each record of the CRM moved last, documents of the ERP included."""
    return {row["Id"]: row["SystemModstamp"] for one in SHOWN for row in world.crm_rows(one)}
