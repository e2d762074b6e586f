"""Accounts and contacts: invented companies in a dozen countries."""

from __future__ import annotations

from typing import Any

from isthmus.playground.countries import COUNTRIES
from isthmus.playground.rows import Row
from isthmus.playground.sowing import Sowing

_FIRST_PARTS = ("Amber", "Bright", "Copper", "Delta", "Ever", "Falcon", "Granite", "Harbour", "Iron", "Jasper",
                "Kestrel", "Lumen", "Meridian", "North", "Opal", "Pine", "Quarry", "River", "Silver", "Timber", "Umber",
                "Vale", "Willow", "Yonder", "Zephyr")  # fmt: skip
_SECOND_PARTS = ("bridge", "brook", "crest", "dale", "field", "ford", "gate", "haven", "mark", "mill", "mont", "point",
                 "ridge", "stone", "ton", "wall", "ward", "well", "wick", "worth")  # fmt: skip
_TRADES = ("Machinery", "Foods", "Logistics", "Electronics", "Building Supplies", "Energy", "Textiles", "Packaging",
           "Instruments", "Furniture")  # fmt: skip
_INDUSTRIES = ("Machinery", "Food & Beverage", "Transportation", "Electronics", "Construction", "Energy", "Retail",
               "Retail", "Electronics", "Retail")  # fmt: skip
_GIVEN = ("Alva", "Bela", "Cato", "Dora", "Edda", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Kaja", "Levi", "Mira",
          "Nils", "Oda", "Piotr", "Quinn", "Rosa", "Sven", "Tilda", "Zofia", "Łucja", "Åse", "Jürgen")  # fmt: skip
_FAMILY = ("Arkwright", "Bloem", "Czarny", "Dorn", "Ekholm", "Fable", "Grzyb", "Holm", "Ivers", "Jansson", "Kowal",
           "Lindqvist", "Müller-Strand", "Novak", "Olsen", "Petit", "Rossi", "Śliwa", "Thorne", "Vint")  # fmt: skip

#: country: share, currency, legal form, cities, postal code, tax id (one # is one digit of a number without repeat).
_LANDS: dict[str, tuple[int, str, str, tuple[str, ...], str, str]] = {
    "DE": (24, "EUR", "GmbH", ("Neustadt", "Altenberg", "Seehausen"), "#####", "DE#########"),
    "PL": (16, "PLN", "Sp. z o.o.", ("Nowe Miasto", "Zielona Dolina", "Stara Wieś"), "##-###", "PL##########"),
    "US": (14, "USD", "Inc.", ("Springvale", "Lakewood Falls", "Granite City"), "#####", "##-#######"),
    "FR": (9, "EUR", "SARL", ("Villeneuve", "Montclair", "Beaupré"), "#####", "FR###########"),
    "NL": (7, "EUR", "B.V.", ("Waterdam", "Nieuwbrug"), "#### AB", "NL#########B01"),
    "GB": (7, "USD", "Ltd", ("Oldbridge", "Milltown-on-Sea"), "ZZ# #ZZ", "GB#########"),
    "AT": (6, "EUR", "GmbH", ("Bergdorf", "Unterwald"), "####", "ATU########"),
    "IT": (5, "EUR", "S.r.l.", ("Borgo Nuovo", "Pontevecchio"), "#####", "IT###########"),
    "ES": (4, "EUR", "S.L.", ("Villanueva", "Puente Alto"), "#####", "ESB########"),
    "CZ": (4, "EUR", "s.r.o.", ("Nové Město", "Dolní Lhota"), "### ##", "CZ########"),
    "SE": (2, "EUR", "AB", ("Nystad", "Västervik"), "### ##", "SE##########01"),
    "JP": (2, "JPY", "K.K.", ("Minamino", "Kitahama"), "###-####", "T#############"),
}
_STREETS = {"DE": "Musterstraße", "AT": "Musterweg", "PL": "ul. Przykładowa", "FR": "rue de l'Exemple",
            "IT": "Via Esempio", "ES": "Calle Ejemplo", "NL": "Voorbeeldlaan", "JP": "Sakura-dori"}  # fmt: skip
_US_STATES = ("California", "Texas", "Ohio", "New York")
_TERMS = (("NET14", "NET30", "NET60", "PREPAID", None), (20, 55, 15, 5, 5))


def plant_accounts(sowing: Sowing, count: int) -> None:
    """Plants accounts, 85 % of them customers, each with one to three contacts of which one is the primary."""
    codes = list(_LANDS)
    shares = [_LANDS[code][0] for code in codes]
    lands = sowing.dice.choices(codes, shares, k=count)
    for index, land in enumerate(lands):
        moment = sowing.moment(0.003 + 0.6 * index / max(1, count))
        account = sowing.add("Account", _account(sowing, index, land), moment)
        account["OwnerId"] = account["CreatedById"]
        if index > 20 and index % 25 == 0:
            account["ParentId"] = sowing.rows["Account"][index - 7]["Id"]
        contacts = [
            _plant_contact(sowing, account, index, place=place)
            for place in range(1 + (index % 5 == 0) + (index % 9 == 0))
        ]
        account["Primary_Contact__c"] = contacts[0]["Id"]


def _fill(pattern: str, number: int) -> str:
    """Writes a number's digits over the # of a pattern, so that different numbers give different texts."""
    digits = iter(str(number).zfill(pattern.count("#"))[-pattern.count("#") :])
    return "".join(next(digits) if char == "#" else char for char in pattern)


def company_name(index: int) -> str:
    """The name of the ``index``-th company without its legal form; never the same twice."""
    first, rest = _FIRST_PARTS[index % 25], index // 25
    second, rest = _SECOND_PARTS[rest % 20], rest // 20
    trade, rest = _TRADES[(rest + index) % 10], rest // 10
    return f"{first}{second} {trade}" + (f" {rest + 1}" if rest else "")


def _account(sowing: Sowing, index: int, land: str) -> Row:
    _, currency, form, _, _, tax_pattern = _LANDS[land]
    name = company_name(index)
    slug = name.lower().replace(" ", "-")
    currency = currency if sowing.multi_currency else "EUR"
    row: Row = {
        "Name": f"{name} {form}", "Type": "Customer" if sowing.dice.random() < 0.85 else "Prospect",
        "Phone": f"+{20 + index % 70} 555 {index:07d}", "Website": f"https://{slug}.example",
        "AccountNumber": f"A-{index + 1:06d}", "Industry": _INDUSTRIES[index % 10],
        "NumberOfEmployees": 5 + index * 7 % 900, "CurrencyIsoCode": currency,
        "Tax_Id__c": _fill(tax_pattern, 10_000_019 + index * 37),
        "Payment_Terms__c": sowing.dice.choices(*_TERMS)[0],
        **address("Billing", index, land),
    }  # fmt: skip
    if index % 3:
        row |= {key.replace("Billing", "Shipping"): value for key, value in row.items() if key.startswith("Billing")}
    else:
        row |= address("Shipping", index + 13, land)
    return row


def address(kind: str, index: int, land: str) -> dict[str, Any]:
    """One address of a country, under the field names of billing or shipping."""
    cities, postal = _LANDS[land][3:5]
    number = 1 + index % 180
    street = _STREETS.get(land, "Example Street")
    return {
        f"{kind}Street": f"{number} {street}" if land in ("US", "GB", "FR") else f"{street} {number}",
        f"{kind}City": cities[index % len(cities)],
        f"{kind}State": _US_STATES[index % 4] if land == "US" else None,
        f"{kind}PostalCode": _fill(postal, 10_000 + index * 7 % 89_000),
        f"{kind}Country": COUNTRIES[land],
        f"{kind}CountryCode": land,
    }


def _plant_contact(sowing: Sowing, account: Row, index: int, *, place: int) -> Row:
    first, last = _GIVEN[(index + place * 5) % 24], _FAMILY[(index // 3 + place) % 20]
    domain = account["Website"].removeprefix("https://")
    return sowing.add("Contact", {
        "AccountId": account["Id"], "FirstName": first, "LastName": last, "Name": f"{first} {last}",
        "Email": f"contact{place + 1}@{domain}", "Phone": f"+{20 + index % 70} 555 {index:07d}-{place}",
        "Title": ("Buyer", "Head of purchasing", "Accounts payable")[place],
        "CurrencyIsoCode": account["CurrencyIsoCode"], "OwnerId": account["CreatedById"],
    }, account["CreatedDate"], user=account["CreatedById"])  # fmt: skip
