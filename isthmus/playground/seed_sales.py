"""Quotes and orders with their lines; totals are what the lines add up to."""

from __future__ import annotations

from datetime import datetime, timedelta

from isthmus.kernel.money import divide_half_up
from isthmus.playground.rows import Row
from isthmus.playground.sowing import Sowing

_QUOTE_STATUSES = (("Draft", "Presented", "Accepted", "Denied", "Needs Review"), (20, 30, 35, 10, 5))
_LINE_DISCOUNTS = ((None, 500, 1000, 250), (70, 15, 10, 5))


def plant_quotes(sowing: Sowing, count: int, lines: int) -> None:
    """Plants quotes of customers, without opportunities, over the last year."""
    customers = _customers(sowing)
    for index in range(count):
        moment = sowing.moment(0.62 + 0.3 * index / max(1, count))
        account = sowing.dice.choice(customers)
        header = _header(sowing, "Quote", account, moment=moment)
        status = sowing.dice.choices(*_QUOTE_STATUSES)[0]
        header |= {"Name": f"{account['Name'][:40]} {index + 1}", "Status": status,
                   "ExpirationDate": (moment + timedelta(days=30)).date().isoformat()}  # fmt: skip
        header["ContactId"] = account["Primary_Contact__c"]
        _plant_lines(sowing, "QuoteLineItem", header, count=_line_count(sowing, lines))
        _sum_quote(sowing, header)


def plant_orders(sowing: Sowing, count: int, lines: int) -> None:
    """Plants orders: nine of ten activated; a third of the accepted quotes' customers order from their quote."""
    customers = {row["Id"]: row for row in _customers(sowing)}
    accounts = list(customers.values())
    accepted = [row for row in sowing.rows["Quote"] if row["Status"] == "Accepted"]
    for index in range(count):
        moment = sowing.moment(0.63 + 0.36 * index / max(1, count))
        quote = accepted[index // 3] if index % 3 == 0 and index // 3 < len(accepted) else None
        account = customers[quote["AccountId"]] if quote else sowing.dice.choice(accounts)
        header = _header(sowing, "Order", account, moment=moment)
        if quote:
            header |= {"QuoteId": quote["Id"], "Pricebook2Id": quote["Pricebook2Id"], "OwnerId": quote["OwnerId"]}
        _complete_order(sowing, header, account, index=index)
        _plant_lines(sowing, "OrderItem", header, count=_line_count(sowing, lines))
        header["TotalAmount"] = sum(row["TotalPrice"] for row in sowing.lines[header["Id"]])
        if sowing.dice.random() < 0.9:
            activate(sowing, header, moment + timedelta(minutes=45))


def activate(sowing: Sowing, order: Row, moment: datetime) -> None:
    """The owner activates an order."""
    sowing.touch(order, moment, order["OwnerId"])
    order |= {"Status": "Activated", "StatusCode": "Activated", "ActivatedDate": order["LastModifiedDate"],
              "ActivatedById": order["OwnerId"]}  # fmt: skip


def _customers(sowing: Sowing) -> list[Row]:
    return [row for row in sowing.rows["Account"] if row["Type"] == "Customer"]


def _header(sowing: Sowing, entity: str, account: Row, *, moment: datetime) -> Row:
    standard, partner = sowing.rows["Pricebook2"]
    header = sowing.add(entity, {
        "AccountId": account["Id"], "CurrencyIsoCode": account["CurrencyIsoCode"], "OwnerId": account["OwnerId"],
        "Pricebook2Id": (partner if sowing.dice.random() < 0.3 else standard)["Id"],
    }, moment, user=account["OwnerId"])  # fmt: skip
    header[f"{entity}Number"] = f"{sowing.number(f'{entity}Number'):08d}"
    return header


def _complete_order(sowing: Sowing, order: Row, account: Row, *, index: int) -> None:
    order |= {
        "EffectiveDate": order["CreatedDate"][:10], "Status": "Draft", "StatusCode": "Draft",
        "Type": "New", "BillToContactId": account["Primary_Contact__c"],
        "PoNumber": f"PO-{4500000 + index}" if sowing.dice.random() < 0.8 else None,
    }  # fmt: skip
    if sowing.dice.random() < 0.25:
        order["Freight__c"] = _in_currency(order, sowing.dice.randrange(500, 9_000))
    order |= {name: value for name, value in account.items() if name.startswith(("Billing", "Shipping"))}


def _in_currency(row: Row, hundredths: int) -> int:
    """A euro amount as a round one of the row's currency."""
    return hundredths * 160 // 100 * 100 if row["CurrencyIsoCode"] == "JPY" else hundredths


def _line_count(sowing: Sowing, average: int) -> int:
    return sowing.dice.randint(1, max(1, 2 * average - 1))


def _plant_lines(sowing: Sowing, entity: str, header: Row, *, count: int) -> None:
    entries = price_list(sowing, header["Pricebook2Id"], header["CurrencyIsoCode"])
    for entry in sowing.dice.sample(entries, min(count, len(entries))):
        plant_line(sowing, entity, header, entry=entry, quantity=sowing.dice.randint(1, 24) * 100)


def price_list(sowing: Sowing, book: str, currency: str) -> list[Row]:
    """The entries of a price book in a currency."""
    if not sowing.prices:
        for entry in sowing.rows["PricebookEntry"]:
            sowing.prices.setdefault((entry["Pricebook2Id"], entry["CurrencyIsoCode"]), []).append(entry)
    return sowing.prices[book, currency]


def plant_line(sowing: Sowing, entity: str, header: Row, *, entry: Row, quantity: int) -> Row:
    """One line; ``quantity`` in hundredths."""
    step = 100 if header["CurrencyIsoCode"] == "JPY" else 1
    row: Row = {
        "PricebookEntryId": entry["Id"], "Product2Id": entry["Product2Id"], "ListPrice": entry["UnitPrice"],
        "UnitPrice": entry["UnitPrice"], "Quantity": quantity, "CurrencyIsoCode": header["CurrencyIsoCode"],
    }  # fmt: skip
    exact = quantity * row["UnitPrice"]
    if entity == "OrderItem":
        row |= {"OrderId": header["Id"], "OrderItemNumber": f"{sowing.number('OrderItemNumber'):010d}",
                "AvailableQuantity": quantity}  # fmt: skip
        row["TotalPrice"] = divide_half_up(exact, 100 * step) * step
    else:
        row |= {"QuoteId": header["Id"], "LineNumber": f"{sowing.number('QuoteLineNumber'):08d}"}
        row["Discount"] = sowing.dice.choices(*_LINE_DISCOUNTS)[0]
        row["Subtotal"] = divide_half_up(exact, 100 * step) * step
        row["TotalPrice"] = divide_half_up(exact * (10_000 - (row["Discount"] or 0)), 1_000_000 * step) * step
    sowing.lines.setdefault(header["Id"], []).append(row)
    return sowing.add(entity, row, header["CreatedDate"], user=header["CreatedById"])


def _sum_quote(sowing: Sowing, quote: Row) -> None:
    lines = sowing.lines[quote["Id"]]
    quote["Subtotal"] = sum(row["Subtotal"] for row in lines)
    quote["TotalPrice"] = sum(row["TotalPrice"] for row in lines)
    quote["LineItemCount"] = len(lines)
    if sowing.dice.random() < 0.3:
        quote["ShippingHandling"] = _in_currency(quote, sowing.dice.randrange(500, 9_000))
    quote["GrandTotal"] = quote["TotalPrice"] + quote.get("ShippingHandling", 0)
