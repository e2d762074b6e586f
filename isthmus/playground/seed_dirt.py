"""The about two records in a hundred that are not as they should be. Each is noted in the manifest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from isthmus.playground.rows import Row
from isthmus.playground.seed_sales import plant_line
from isthmus.playground.sowing import Sowing

#: Of each kind of defect, one in so many records of its object.
_ONE_IN = 260
_RECENTLY = 0.975
_STRANGE = (
    "Fröhlich & Söhne 🚀🦊",
    "Tab\tand\u0007bell \u0085 Works",
    "\u202eشركة المثال\u202c للتجارة",
    "Zero\u200bwidth \u2066Join\u2069 — “Quotes” \\ 'apostrophe'",
    "𝕸𝖆𝖙𝖍 Ltd ﬁne ① Ⅻ",
)
_Planter = Callable[["_Dirt", Row], None]


class _Dirt:
    """The records that are still clean, each to be spoilt once at most."""

    def __init__(self, sowing: Sowing) -> None:
        self.sowing = sowing
        self.place = 0
        self._orders: dict[str, list[Row]] = {}
        for order in sowing.rows["Order"]:
            self._orders.setdefault(order["AccountId"], []).append(order)
        self.contacts: dict[str, list[Row]] = {}
        for contact in sowing.rows["Contact"]:
            self.contacts.setdefault(contact["AccountId"], []).append(contact)
        self.quotes: dict[str, list[Row]] = {}
        for quote in sowing.rows["Quote"]:
            self.quotes.setdefault(quote["AccountId"], []).append(quote)
        self.entries = {row["Id"]: row for row in sowing.rows["PricebookEntry"]}
        parents = {row.get("ParentId") for row in sowing.rows["Account"]}
        customers = [row for row in sowing.rows["Account"] if row["Type"] == "Customer" and row["Id"] not in parents]
        self.pools: dict[str, list[Row]] = {
            "customer": customers,
            "ordering": [row for row in customers if row["Id"] in self._orders],
            "order": [row for row in sowing.rows["Order"] if row["Status"] == "Activated"],
        }
        for pool in self.pools.values():
            sowing.dice.shuffle(pool)
        self._spoilt: set[str] = set()

    def orders_of(self, account: Row) -> list[Row]:
        return self._orders.get(account["Id"], [])

    def take(self, pool: str) -> Row | None:
        """The next record of a pool that nobody spoilt; an order's account counts as spoilt with it."""
        while self.pools[pool]:
            row = self.pools[pool].pop()
            if not {row["Id"], row.get("AccountId")} & self._spoilt:
                self._spoilt |= {row["Id"], *(order["Id"] for order in self.orders_of(row))}
                return row
        return None


def plant_dirt(sowing: Sowing) -> None:
    """Spoils records of each kind, as many as the sizes give; a small seed gets one of each."""
    dirt = _Dirt(sowing)
    kinds: list[tuple[_Planter, str, str]] = [
        (_deleted_account, "ordering", "Account"),
        (_duplicate_company, "customer", "Account"),
        (_merged_accounts, "customer", "Account"),
        (_strange_characters, "customer", "Account"),
        (_long_name, "customer", "Account"),
        (_wrong_total, "order", "Order"),
        (_unknown_currency, "order", "Order"),
        (_inactive_product, "order", "Order"),
        (_recalled, "order", "Order"),
        (_reduction, "order", "Order"),
    ]
    for plant, pool, entity in kinds:
        for place in range(max(1, len(sowing.rows[entity]) // _ONE_IN)):
            dirt.place = place
            row = dirt.take(pool)
            if row is not None:
                plant(dirt, row)


def _note(dirt: _Dirt, kind: str, rows: list[Row], *, note: str) -> None:
    entity = str(dirt.sowing.schema.of_id(rows[0]["Id"]).name)  # type: ignore[union-attr]  # planted rows have one
    dirt.sowing.defect(kind, entity, [row["Id"] for row in rows], note=note)


def _twin(dirt: _Dirt, account: Row, name: str, *, moment: str) -> Row:
    """A second account of the same company."""
    own = ("Id", "Primary_Contact__c", "ParentId", "CreatedDate", "CreatedById", "AccountNumber")
    copied: dict[str, Any] = {key: value for key, value in account.items() if key not in own}
    return dirt.sowing.add("Account", copied | {"Name": name}, moment, user=account["OwnerId"])


def _duplicate_company(dirt: _Dirt, account: Row) -> None:
    name = account["Name"]
    spellings = (name.upper(), name.replace(" ", "  ").replace(".", ""), name.replace("e", "é", 1) + " ")
    spelling = spellings[dirt.place % 3].strip()
    twin = _twin(dirt, account, spelling, moment=account["CreatedDate"])
    _note(dirt, "duplicate_company", [account, twin], note="two spellings, one tax id")


def _merged_accounts(dirt: _Dirt, account: Row) -> None:
    """The first of them is a chain: the loser of the loser."""
    losers = [
        _twin(dirt, account, f"{account['Name']} ({what})", moment=account["CreatedDate"])
        for what in (("old", "older") if dirt.place == 0 else ("old",))
    ]
    moment = dirt.sowing.moment(_RECENTLY)
    master = account
    for loser in losers:
        dirt.sowing.bury("Account", loser, moment)
        loser["MasterRecordId"] = master["Id"]
        master = loser
    dirt.sowing.touch(account, moment, dirt.sowing.admin)
    _note(dirt, "merged_accounts", [account, *losers], note="the winner, then losers, each merged into the one before")


def _deleted_account(dirt: _Dirt, account: Row) -> None:
    dirt.sowing.bury("Account", account, dirt.sowing.moment(_RECENTLY))
    for contact in dirt.contacts.get(account["Id"], []):
        dirt.sowing.bury("Contact", contact, dirt.sowing.moment(_RECENTLY), root=account)
    orders = dirt.orders_of(account)
    _note(dirt, "deleted_account", [account], note="deleted, with orders left behind")
    _note(dirt, "order_of_deleted_account", orders, note=f"its account {account['Id']} is in the recycle bin")
    quotes = dirt.quotes.get(account["Id"])
    if quotes:
        _note(dirt, "quote_of_deleted_account", quotes, note=f"its account {account['Id']} is in the recycle bin")


def _strange_characters(dirt: _Dirt, account: Row) -> None:
    account["Name"] = _STRANGE[dirt.place % len(_STRANGE)] + (f" {dirt.place}" if dirt.place >= len(_STRANGE) else "")
    account["BillingStreet"] = 'Line one\r\nLine "two", third; 🏭'
    _note(dirt, "strange_characters", [account], note="emoji, control, invisible, right-to-left characters; line feeds")


def _long_name(dirt: _Dirt, account: Row) -> None:
    account["Name"] = f"{account['Name']} " + "Consolidated Holding and Trading Company of the Northern Provinces " * 4
    account["Name"] = account["Name"][:240].strip()
    _note(dirt, "long_name", [account], note=f"{len(account['Name'])} characters")


def _wrong_total(dirt: _Dirt, order: Row) -> None:
    order["TotalAmount"] += 1_00 if dirt.place % 2 else 1_23
    if order["CurrencyIsoCode"] == "JPY":
        order["TotalAmount"] = order["TotalAmount"] // 100 * 100
    _note(dirt, "wrong_total", [order], note="TotalAmount is not what the lines add up to")


def _unknown_currency(dirt: _Dirt, order: Row) -> None:
    order["CurrencyIsoCode"] = "XBT"
    for line in dirt.sowing.lines[order["Id"]]:
        line["CurrencyIsoCode"] = "XBT"
    _note(dirt, "unknown_currency", [order], note="XBT is no ISO 4217 currency and has no rate")


def _inactive_product(dirt: _Dirt, order: Row) -> None:
    sowing = dirt.sowing
    number = len(sowing.rows["Product2"]) + 1
    product = sowing.add("Product2", {
        "Name": f"Discontinued Lamp {number}", "ProductCode": f"XX-{number:05d}",
        "StockKeepingUnit": f"SKU{number:06d}", "IsActive": 0, "Family": "Hardware",
        "QuantityUnitOfMeasure": "Each", "CurrencyIsoCode": "EUR", "Tax_Category__c": "standard",
    }, sowing.moment(0.001))  # fmt: skip
    entry = sowing.add("PricebookEntry", {
        "Name": product["Name"], "ProductCode": product["ProductCode"], "Pricebook2Id": order["Pricebook2Id"],
        "Product2Id": product["Id"], "UnitPrice": 25_00, "IsActive": 0, "CurrencyIsoCode": order["CurrencyIsoCode"],
    }, sowing.moment(0.002))  # fmt: skip
    line = plant_line(sowing, "OrderItem", order, entry=entry, quantity=2_00)
    order["TotalAmount"] += line["TotalPrice"]
    _note(dirt, "inactive_product", [order], note=f"line {line['Id']} sells {product['Id']}, which is inactive")


def _recalled(dirt: _Dirt, order: Row) -> None:
    dirt.sowing.touch(order, dirt.sowing.moment(0.995), order["OwnerId"])
    order |= {"Status": "Draft", "StatusCode": "Draft", "ActivatedDate": None, "ActivatedById": None}
    _note(dirt, "recalled_order", [order], note="activated once, a draft again")


def _reduction(dirt: _Dirt, original: Row) -> None:
    """An order that takes one line of another back."""
    sowing = dirt.sowing
    own = ("Id", "OrderNumber", "PoNumber", "Freight__c", "QuoteId", "TotalAmount")
    copied = {key: value for key, value in original.items() if key not in own}
    copied |= {"OrderNumber": f"{sowing.number('OrderNumber'):08d}", "IsReductionOrder": 1,
               "OriginalOrderId": original["Id"]}  # fmt: skip
    order = sowing.add("Order", copied, original["LastModifiedDate"], user=original["OwnerId"])
    first = sowing.lines[original["Id"]][0]
    entry = dirt.entries[first["PricebookEntryId"]]
    line = plant_line(sowing, "OrderItem", order, entry=entry, quantity=-first["Quantity"])
    line["OriginalOrderItemId"] = first["Id"]
    order["TotalAmount"] = line["TotalPrice"]
    _note(dirt, "reduction_order", [order], note=f"takes back a line of {original['Id']}; negative")
