"""The objects of the playground's organisation: the standard ones that order to cash needs, with our custom fields."""

from __future__ import annotations

from isthmus.playground.countries import COUNTRIES
from isthmus.playground.objects_erp import ACCOUNT_FIGURES, ERP_OBJECTS
from isthmus.playground.own_fields import currency, external_number, key, owner, sync_fields
from isthmus.playground.schema import (
    SERVERS,
    SalesforceField,
    SalesforceObject,
    choice,
    day,
    flag,
    lookup,
    moment,
    number,
    sobject,
    text,
)


def _address(kind: str) -> list[SalesforceField]:
    return [
        text(f"{kind}Street", 255, kind="textarea"),
        text(f"{kind}City", 40),
        text(f"{kind}State", 80),
        text(f"{kind}PostalCode", 20),
        text(f"{kind}Country", 80),
        choice(f"{kind}CountryCode", "|".join(COUNTRIES), length=10, restricted=True),
    ]


def _sums(*names: str) -> list[SalesforceField]:
    return [number(name, default=0, **SERVERS) for name in names]


ORGANIZATION = sobject("Organization", "00D", [
    text("Name", 80, required=True),
    text("DefaultLocaleSidKey", 40),
    text("TimeZoneSidKey", 40),
    text("DefaultCurrencyIsoCode", 3),
    text("OrganizationType", 40, **SERVERS),
    text("InstanceName", 5, **SERVERS),
    flag("IsSandbox", **SERVERS),
], writable=False, recycled=False)  # fmt: skip

USER = sobject("User", "005", [
    text("Username", 80, required=True, unique=True),
    text("FirstName", 40),
    text("LastName", 80, required=True),
    text("Name", 121, **SERVERS),
    text("Email", 128, kind="email", required=True),
    text("Alias", 8, required=True),
    text("Title", 80),
    flag("IsActive", default=1),
    text("TimeZoneSidKey", 40),
    text("UserType", 40, **SERVERS),
], writable=False, recycled=False)  # fmt: skip

CURRENCY_TYPE = sobject("CurrencyType", "01L", [
    text("IsoCode", 3, required=True, unique=True),
    number("ConversionRate", "double", 18, scale=6, required=True),
    number("DecimalPlaces", "int", 2, scale=0, required=True),
    flag("IsActive"),
    flag("IsCorporate"),
], writable=False, recycled=False)  # fmt: skip

ORDER_STATUS = sobject("OrderStatus", "01c", [
    text("MasterLabel", 255, **SERVERS),
    text("ApiName", 255, **SERVERS),
    number("SortOrder", "int", 9, scale=0, **SERVERS),
    flag("IsDefault", **SERVERS),
    text("StatusCode", 40, **SERVERS),
], writable=False, recycled=False)  # fmt: skip

ACCOUNT = sobject("Account", "001", [
    lookup("MasterRecordId", "Account", "MasterRecord", **SERVERS),
    text("Name", 255, required=True),
    choice("Type", "Prospect|Customer|Partner|Other"),
    lookup("ParentId", "Account", "Parent"),
    *_address("Billing"),
    *_address("Shipping"),
    text("Phone", 40, kind="phone"),
    text("Website", 255, kind="url"),
    text("AccountNumber", 40),
    choice("Industry", "Agriculture|Construction|Electronics|Energy|Food & Beverage|Machinery|Retail|Transportation"),
    number("NumberOfEmployees", "int", 8, scale=0),
    number("AnnualRevenue", digits=18, scale=0),
    text("Description", 32000, kind="textarea"),
    currency(),
    owner(),
    text("Tax_Id__c", 30),
    choice("Payment_Terms__c", "NET14|NET30|NET60|PREPAID", restricted=True),
    lookup("Primary_Contact__c", "Contact", "Primary_Contact__r"),
    external_number("ERP_Customer_Number__c"),
    *ACCOUNT_FIGURES,
    key(),
    *sync_fields(),
], mergeable=True)  # fmt: skip

CONTACT = sobject("Contact", "003", [
    lookup("MasterRecordId", "Contact", "MasterRecord", **SERVERS),
    lookup("AccountId", "Account", on_delete="cascade"),
    text("FirstName", 40),
    text("LastName", 80, required=True),
    text("Name", 121, **SERVERS),
    text("Email", 80, kind="email", id_lookup=True),
    text("Phone", 40, kind="phone"),
    text("Title", 128),
    currency(),
    owner(),
    key(),
], mergeable=True)  # fmt: skip

PRODUCT2 = sobject("Product2", "01t", [
    text("Name", 255, required=True),
    text("ProductCode", 255),
    text("StockKeepingUnit", 180),
    text("Description", 4000, kind="textarea"),
    flag("IsActive"),
    choice("Family", "Hardware|Software|Services"),
    choice("QuantityUnitOfMeasure", "Each|Box|Hour|Kilogram|Metre"),
    currency(),
    choice("Tax_Category__c", "standard|reduced|zero", restricted=True),
    external_number("ERP_Product_Number__c"),
    key(),
    *sync_fields(),
])  # fmt: skip

PRICEBOOK2 = sobject("Pricebook2", "01s", [
    text("Name", 255, required=True),
    text("Description", 255),
    flag("IsActive"),
    flag("IsStandard", **SERVERS),
])  # fmt: skip

PRICEBOOK_ENTRY = sobject("PricebookEntry", "01u", [
    text("Name", 255, **SERVERS),
    lookup("Pricebook2Id", "Pricebook2", required=True, updateable=False, on_delete="cascade"),
    lookup("Product2Id", "Product2", required=True, updateable=False, on_delete="cascade"),
    number("UnitPrice", required=True),
    flag("IsActive"),
    flag("UseStandardPrice"),
    text("ProductCode", 255, **SERVERS),
    currency(updateable=False),
])  # fmt: skip

QUOTE = sobject("Quote", "0Q0", [
    text("QuoteNumber", 30, **SERVERS),
    text("Name", 255, required=True),
    lookup("AccountId", "Account", required=True),
    lookup("ContactId", "Contact"),
    lookup("Pricebook2Id", "Pricebook2"),
    choice("Status", "Draft|Needs Review|In Review|Approved|Rejected|Presented|Accepted|Denied", default="Draft"),
    day("ExpirationDate"),
    text("Description", 32000, kind="textarea"),
    number("ShippingHandling"),
    number("Tax"),
    *_sums("Subtotal", "TotalPrice", "GrandTotal"),
    number("LineItemCount", "int", 9, scale=0, default=0, **SERVERS),
    flag("IsSyncing", **SERVERS),
    text("Email", 80, kind="email"),
    currency(),
    owner(),
    number("Header_Discount__c"),
    external_number("ERP_Quote_Number__c"),
    text("ERP_Status__c", 40),
    number("ERP_Tax__c"),
    number("ERP_Total__c"),
    key(),
    *sync_fields(),
])  # fmt: skip

QUOTE_LINE_ITEM = sobject("QuoteLineItem", "0QL", [
    lookup("QuoteId", "Quote", required=True, updateable=False, on_delete="cascade"),
    text("LineNumber", 255, **SERVERS),
    lookup("PricebookEntryId", "PricebookEntry", required=True, updateable=False),
    lookup("Product2Id", "Product2", **SERVERS),
    number("Quantity", "double", required=True),
    number("UnitPrice", required=True),
    number("Discount", "percent", 5, scale=2),
    number("ListPrice", **SERVERS),
    *_sums("Subtotal", "TotalPrice"),
    text("Description", 255),
    day("ServiceDate"),
    number("SortOrder", "int", 9, scale=0),
    currency(**SERVERS),
    key(),
])  # fmt: skip

ORDER = sobject("Order", "801", [
    text("OrderNumber", 30, **SERVERS),
    lookup("AccountId", "Account", required=True),
    lookup("Pricebook2Id", "Pricebook2"),
    lookup("QuoteId", "Quote"),
    lookup("OriginalOrderId", "Order", "OriginalOrder", updateable=False),
    day("EffectiveDate", required=True),
    day("EndDate"),
    flag("IsReductionOrder", updateable=False),
    choice("Status", "Draft|Activated", required=True),
    choice("StatusCode", "Draft|Activated", restricted=True, **SERVERS),
    text("Description", 32000, kind="textarea"),
    lookup("BillToContactId", "Contact", "BillToContact"),
    lookup("ShipToContactId", "Contact", "ShipToContact"),
    *_address("Billing"),
    *_address("Shipping"),
    text("Name", 80),
    text("PoNumber", 80),
    day("PoDate"),
    text("OrderReferenceNumber", 80),
    choice("Type", "New|Change|Renewal"),
    moment("ActivatedDate", **SERVERS),
    lookup("ActivatedById", "User", "ActivatedBy", **SERVERS),
    *_sums("TotalAmount"),
    currency(),
    owner(),
    number("Freight__c"),
    number("Header_Discount__c"),
    external_number("ERP_Order_Number__c"),
    choice(
        "ERP_Status__c", "Draft|Confirmed|On credit hold|Partly invoiced|Invoiced|Closed|Cancelled", restricted=True
    ),
    text("ERP_Hold_Reason__c", 255),
    number("ERP_Tax__c"),
    number("ERP_Total__c"),
    key(),
    *sync_fields(),
])  # fmt: skip

ORDER_ITEM = sobject("OrderItem", "802", [
    lookup("OrderId", "Order", required=True, updateable=False, on_delete="cascade"),
    text("OrderItemNumber", 30, **SERVERS),
    lookup("PricebookEntryId", "PricebookEntry", required=True, updateable=False),
    lookup("Product2Id", "Product2", **SERVERS),
    lookup("OriginalOrderItemId", "OrderItem", "OriginalOrderItem", updateable=False),
    number("Quantity", "double", required=True),
    number("AvailableQuantity", "double", **SERVERS),
    number("UnitPrice", required=True),
    number("ListPrice", **SERVERS),
    *_sums("TotalPrice"),
    day("ServiceDate"),
    day("EndDate"),
    text("Description", 255),
    currency(**SERVERS),
    key(),
])  # fmt: skip

OBJECTS: tuple[SalesforceObject, ...] = (
    ORGANIZATION, USER, CURRENCY_TYPE, ORDER_STATUS, ACCOUNT, CONTACT, PRODUCT2, PRICEBOOK2, PRICEBOOK_ENTRY,
    QUOTE, QUOTE_LINE_ITEM, ORDER, ORDER_ITEM, *ERP_OBJECTS,
)  # fmt: skip
