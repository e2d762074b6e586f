"""Fields that many objects have: currency, owner, our key, and why a record is not through."""

from __future__ import annotations

from isthmus.playground.schema import SalesforceField, choice, lookup, text

CURRENCIES = "EUR|USD|PLN|JPY|KWD"


def currency(**more: bool) -> SalesforceField:
    """The record's currency, where the organisation has several."""
    return choice("CurrencyIsoCode", CURRENCIES, length=3, restricted=True, required=True, default="EUR", **more)


def owner() -> SalesforceField:
    return lookup("OwnerId", "User", "Owner", required=True)


def external_number(name: str) -> SalesforceField:
    return text(name, 40, unique=True, external_id=True)


def key() -> SalesforceField:
    """Where an integration may keep its own external key, also on lines."""
    return text("Isthmus_Key__c", 255, unique=True, external_id=True)


def sync_fields() -> list[SalesforceField]:
    """Why a record is not through, and what to do."""
    return [text("ERP_Sync_Status__c", 40), text("ERP_Sync_Message__c", 1000, kind="textarea")]
