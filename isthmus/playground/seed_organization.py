"""The organisation itself: users, currencies, order statuses, price books."""

from __future__ import annotations

from datetime import datetime

from isthmus.playground.rows import Row
from isthmus.playground.sowing import Sowing

_PEOPLE = (
    ("Integration", "Isthmus", "integration@playground.example", "Integration user"),
    ("Ada", "Mirk", "ada.mirk@playground.example", "Administrator"),
    ("Bruno", "Tallow", "bruno.tallow@playground.example", "Account executive"),
    ("Chiara", "Vells", "chiara.vells@playground.example", "Account executive"),
    ("Dariusz", "Okno", "dariusz.okno@playground.example", "Account executive"),
    ("Emi", "Hoshino", "emi.hoshino@playground.example", "Account executive"),
    ("Femke", "Roozen", "femke.roozen@playground.example", "Inside sales"),
)
#: Units per euro, in millionths, and decimals.
_CURRENCIES = (
    ("EUR", 1_000_000, 2),
    ("USD", 1_085_000, 2),
    ("PLN", 4_310_000, 2),
    ("JPY", 162_400_000, 0),
    ("KWD", 333_000, 3),
)


def plant_organization(sowing: Sowing) -> None:
    """Plants what every other record refers to."""
    start = sowing.moment(0)
    sowing.users = ["005000000000000AAA"]  # until there are users; replaced below
    users = [_plant_user(sowing, person) for person in _PEOPLE]
    for row in users:
        row["CreatedById"] = row["LastModifiedById"] = users[1]["Id"]
    sowing.integration_user, sowing.admin = users[0]["Id"], users[1]["Id"]
    sowing.users = [row["Id"] for row in users[2:]]
    sowing.add("Organization", {
        "Id": sowing.org_id, "Name": "Playground Trading", "DefaultLocaleSidKey": "en_GB",
        "TimeZoneSidKey": "Europe/Berlin", "DefaultCurrencyIsoCode": "EUR", "OrganizationType": "Developer Edition",
        "InstanceName": "PLAY1", "IsSandbox": 1,
    }, start, user=sowing.admin)  # fmt: skip
    _plant_lists(sowing, start)


def _plant_lists(sowing: Sowing, start: datetime) -> None:
    """Currencies, order statuses and price books."""
    for code, rate, places in _CURRENCIES:
        sowing.add(
            "CurrencyType",
            {
                "IsoCode": code,
                "ConversionRate": rate,
                "DecimalPlaces": places,
                "IsActive": 1,
                "IsCorporate": int(code == "EUR"),
            },
            start,
            user=sowing.admin,
        )
    for order, status in enumerate(("Draft", "Activated"), 1):
        sowing.add(
            "OrderStatus",
            {
                "MasterLabel": status,
                "ApiName": status,
                "StatusCode": status,
                "SortOrder": order,
                "IsDefault": int(order == 1),
            },
            start,
            user=sowing.admin,
        )
    for name, standard in (("Standard Price Book", 1), ("Partner Price Book", 0)):
        sowing.add("Pricebook2", {"Name": name, "IsActive": 1, "IsStandard": standard}, start, user=sowing.admin)


def _plant_user(sowing: Sowing, person: tuple[str, str, str, str]) -> Row:
    first, last, email, title = person
    return sowing.add("User", {
        "Username": email, "FirstName": first, "LastName": last, "Name": f"{first} {last}", "Email": email,
        "Alias": (first[0] + last)[:8].lower(), "Title": title, "IsActive": 1, "TimeZoneSidKey": "Europe/Berlin",
        "UserType": "Standard",
    }, sowing.moment(0))  # fmt: skip
