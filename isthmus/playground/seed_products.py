"""Products and their prices in two price books and four currencies."""

from __future__ import annotations

from isthmus.kernel.money import divide_half_up
from isthmus.playground.rows import Row
from isthmus.playground.sowing import Sowing

_THINGS = ("Pump", "Valve", "Sensor", "Controller", "Gearbox", "Conveyor belt", "Filter", "Coupling", "Display",
           "Power supply", "Cable set", "Mounting kit")  # fmt: skip
_SERIES = ("Alder", "Birch", "Cedar", "Dune", "Ember", "Fjord", "Grove", "Heron", "Islet", "Juniper")
_SERVICES = ("Commissioning", "On-site training", "Annual inspection", "Remote support")
#: Units per euro in thousandths, and the step in hundredths that prices end on.
_PRICE_LEVELS = {"EUR": (1_000, 5), "USD": (1_090, 5), "PLN": (4_300, 10), "JPY": (160_000, 10_000)}


def plant_products(sowing: Sowing, count: int) -> None:
    """Plants products with a standard price in each currency, and for two of three a partner price."""
    standard, partner = sowing.rows["Pricebook2"]
    for index in range(count):
        moment = sowing.moment(0.001 * (index % 100) / 100)
        product = sowing.add("Product2", _product(sowing, index), moment)
        base = sowing.dice.randrange(450, 250_000)
        for code, (level, step) in _PRICE_LEVELS.items():
            price = max(step, divide_half_up(base * level, 1000 * step) * step)
            _plant_price(sowing, product, standard, price=(code, price))
            if index % 3:
                _plant_price(sowing, product, partner, price=(code, max(step, price * 9 // (10 * step) * step)))


def _product(sowing: Sowing, index: int) -> Row:
    service = index % 12 == 11
    name = _SERVICES[index // 12 % 4] if service else _THINGS[index % 12]
    series = _SERIES[index // 12 % 10]
    variant = f" {index // 120 + 1}" if index >= 120 else ""
    return {
        "Name": f"{name} {series}{variant}", "ProductCode": f"{series[:2].upper()}-{index + 1:05d}",
        "StockKeepingUnit": f"SKU{index + 1:06d}", "Description": f"{name} of the {series} series",
        "IsActive": 1, "Family": "Services" if service else "Hardware",
        "QuantityUnitOfMeasure": "Hour" if service else "Each", "CurrencyIsoCode": "EUR",
        "Tax_Category__c": sowing.dice.choices(("standard", "reduced", "zero"), (90, 7, 3))[0],
    }  # fmt: skip


def _plant_price(sowing: Sowing, product: Row, book: Row, *, price: tuple[str, int]) -> None:
    sowing.add("PricebookEntry", {
        "Name": product["Name"], "ProductCode": product["ProductCode"], "Pricebook2Id": book["Id"],
        "Product2Id": product["Id"], "UnitPrice": price[1], "IsActive": 1, "CurrencyIsoCode": price[0],
    }, sowing.moment(0.002))  # fmt: skip
