"""What the ERP tells sales: invoices, payments and shipments as objects of their own, credit and figures on accounts.

All amounts are plain numbers with three decimals: a Currency field has the record's currency, which a credit limit
need not have, and Salesforce adds Currency fields up in the organisation's currency, which nobody can check to the
cent.
"""

from __future__ import annotations

from isthmus.playground.own_fields import currency, key, owner, sync_fields
from isthmus.playground.schema import (
    SalesforceField,
    SalesforceObject,
    auto_number,
    choice,
    day,
    flag,
    lookup,
    master,
    moment,
    number,
    sobject,
    text,
)


def _amounts(*names: str) -> list[SalesforceField]:
    return [number(name, "double", 18, scale=3) for name in names]


def _count(name: str) -> SalesforceField:
    return number(name, "double", 9, scale=0)


def _complete() -> SalesforceField:
    """Set with the last line of a document that is too long for one transaction; until then it is half there."""
    return flag("Isthmus_Complete__c")


ACCOUNT_FIGURES: tuple[SalesforceField, ...] = (
    choice("ERP_Credit_Status__c", "OK|Warning|Hold", restricted=True),
    text("ERP_Credit_Reason__c", 1000, kind="textarea"),
    text("ERP_Credit_Currency__c", 3),
    *_amounts("ERP_Credit_Limit__c", "ERP_Credit_Exposure__c", "ERP_Credit_Available__c"),
    *_amounts("ERP_Outstanding__c", "ERP_Overdue__c", "ERP_Not_Due__c"),
    *_amounts("ERP_Overdue_1_30__c", "ERP_Overdue_31_60__c", "ERP_Overdue_61_90__c", "ERP_Overdue_Over_90__c"),
    _count("ERP_Days_Overdue__c"),
    day("ERP_Oldest_Due_Date__c"),
    _count("ERP_Held_Orders__c"),
    moment("ERP_Credit_As_Of__c"),
    text("ERP_Figures_Currency__c", 3),
    _count("ERP_Orders__c"),
    *_amounts("ERP_Order_Total__c"),
    day("ERP_Last_Order_Date__c"),
    *_amounts("ERP_Invoiced_12_Months__c"),
    number("ERP_Days_To_Pay__c", "double", 18, scale=1),
    *_amounts("ERP_List_Discount__c"),
    number("ERP_List_Discount_Percent__c", "double", 18, scale=2),
    moment("ERP_Figures_As_Of__c"),
)

INVOICE = sobject("ERP_Invoice__c", "a00", [
    text("Name", 80, required=True),
    choice("Kind__c", "Invoice|Credit note", restricted=True, required=True),
    lookup("Account__c", "Account", required=True, on_delete="restrict"),
    lookup("Order__c", "Order", on_delete="restrict"),
    lookup("Credits__c", "ERP_Invoice__c", on_delete="restrict"),
    day("Invoice_Date__c", required=True),
    day("Due_Date__c"),
    choice("Status__c", "Open|Partly paid|Paid|Cancelled", restricted=True, required=True),
    *_amounts("Freight__c", "Discount__c", "Net__c", "Tax__c", "Total__c", "Outstanding__c"),
    _count("Days_Overdue__c"),
    day("As_Of__c"),
    currency(),
    owner(),
    key(),
    _complete(),
    *sync_fields(),
], label="ERP Invoice")  # fmt: skip

INVOICE_LINE = sobject("ERP_Invoice_Line__c", "a01", [
    auto_number("Name", "IL-{:08d}"),
    master("Invoice__c", "ERP_Invoice__c"),
    lookup("Product__c", "Product2", on_delete="restrict"),
    text("Description__c", 4000, kind="textarea"),
    number("Quantity__c", "double", 18, scale=6),
    number("Unit_Price__c", "double", 18, scale=6),
    number("Discount_Percent__c", "double", 18, scale=6),
    *_amounts("Amount__c", "Tax__c"),
    currency(),
    key(),
], label="ERP Invoice Line")  # fmt: skip

PAYMENT = sobject("ERP_Payment__c", "a02", [
    text("Name", 80, required=True),
    lookup("Account__c", "Account", required=True, on_delete="restrict"),
    day("Payment_Date__c", required=True),
    *_amounts("Amount__c", "Unapplied__c", "Refunded__c"),
    lookup("Refunds__c", "ERP_Payment__c", on_delete="restrict"),
    lookup("Refunds_Note__c", "ERP_Invoice__c", on_delete="restrict"),
    text("Reference__c", 255),
    choice("Status__c", "Posted|Reversed", restricted=True, required=True),
    currency(),
    owner(),
    key(),
    _complete(),
    *sync_fields(),
], label="ERP Payment")  # fmt: skip

ALLOCATION = sobject("ERP_Allocation__c", "a03", [
    auto_number("Name", "AL-{:08d}"),
    master("Payment__c", "ERP_Payment__c"),
    lookup("Invoice__c", "ERP_Invoice__c", required=True, on_delete="restrict"),
    *_amounts("Amount__c", "Invoice_Amount__c"),
    text("Invoice_Currency__c", 3),
    currency(),
    key(),
], label="ERP Allocation")  # fmt: skip

SHIPMENT = sobject("ERP_Shipment__c", "a04", [
    text("Name", 80, required=True),
    lookup("Account__c", "Account", required=True, on_delete="restrict"),
    lookup("Order__c", "Order", on_delete="restrict"),
    choice("Status__c", "Planned|Reserved|Picked|Packed|Shipped|Done|Cancelled", restricted=True, required=True),
    day("Planned_Date__c"),
    day("Effective_Date__c"),
    text("Carrier__c", 255),
    text("Tracking_Number__c", 255),
    currency(),
    owner(),
    key(),
    _complete(),
    *sync_fields(),
], label="ERP Shipment")  # fmt: skip

SHIPMENT_LINE = sobject("ERP_Shipment_Line__c", "a05", [
    auto_number("Name", "SL-{:08d}"),
    master("Shipment__c", "ERP_Shipment__c"),
    lookup("Product__c", "Product2", on_delete="restrict"),
    number("Quantity__c", "double", 18, scale=6),
    text("Order_Line__c", 255),
    currency(),
    key(),
], label="ERP Shipment Line")  # fmt: skip

ERP_OBJECTS: tuple[SalesforceObject, ...] = (INVOICE, INVOICE_LINE, PAYMENT, ALLOCATION, SHIPMENT, SHIPMENT_LINE)
