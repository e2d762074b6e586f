"""What single objects enforce and compute when they are written: orders, quotes, prices, names, addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from isthmus.kernel.money import divide_half_up
from isthmus.playground.countries import CODES, COUNTRIES, STATES
from isthmus.playground.refusals import Refusal
from isthmus.playground.rows import Row, read_row
from isthmus.playground.schema import SalesforceObject
from isthmus.playground.store import Transaction

_Before = Callable[[Transaction, Row | None, Row], None]


def before(tx: Transaction, entity: SalesforceObject, *, old: Row | None, row: Row) -> None:
    """Completes and checks a row before it is written. ``old`` is None for a new one. Raises Refusal."""
    _check_currency(tx, old, row)
    rule = _BEFORE.get(entity.name)
    if rule:
        rule(tx, old, row)


def after(tx: Transaction, entity: SalesforceObject, row: Row) -> None:
    """Carries a written or deleted line up to its header."""
    if entity.name in _HEADERS:
        add_up(tx, entity.name, str(row[_HEADERS[entity.name][1]]))


def before_delete(tx: Transaction, entity: SalesforceObject, row: Row) -> None:
    """Raises Refusal when the record must stay."""
    if entity.name == "Order" and row["StatusCode"] == "Activated":
        raise Refusal("DELETE_FAILED", "Your attempt to delete the order could not be completed: it is activated.")
    if entity.name == "OrderItem" and _order(tx, row)["StatusCode"] == "Activated":
        raise Refusal("DELETE_FAILED", "You can't delete order products of an activated order.")


#: Lines, their header and the field that names it.
_HEADERS = {"OrderItem": ("Order", "OrderId"), "QuoteLineItem": ("Quote", "QuoteId")}


def add_up(tx: Transaction, lines: str, header_id: str) -> None:
    """Recomputes the totals of an order or a quote; a header whose total changed is saved and moves."""
    header, parent = _HEADERS[lines]
    old = read_row(tx.db, header, header_id)
    if old is None or old["IsDeleted"]:
        return
    sums = 'ifnull(SUM("TotalPrice"), 0), COUNT(*)' + (', ifnull(SUM("Subtotal"), 0)' if header == "Quote" else ", 0")
    sql = f'SELECT {sums} FROM "{lines}" WHERE "{parent}" = ? AND "IsDeleted" = 0'
    total, count, subtotal = tx.db.execute(sql, (header_id,)).fetchone()
    row = old | (
        {"TotalAmount": total}
        if header == "Order"
        else {"TotalPrice": total, "Subtotal": subtotal, "LineItemCount": count}
    )
    if header == "Quote":
        _quote_total(row)
    if row != old:
        row |= {"SystemModstamp": tx.stamp, "LastModifiedDate": tx.stamp, "LastModifiedById": tx.user}
        sets = ", ".join(f'"{name}" = ?' for name in row)
        tx.db.execute(f'UPDATE "{header}" SET {sets} WHERE "Id" = ?', (*row.values(), header_id))


def _quote_total(row: Row) -> None:
    row["GrandTotal"] = (row["TotalPrice"] or 0) + (row["Tax"] or 0) + (row["ShippingHandling"] or 0)


def _check_currency(tx: Transaction, old: Row | None, row: Row) -> None:
    code = row.get("CurrencyIsoCode")
    if code is None or (old and old["CurrencyIsoCode"] == code):
        return
    if not tx.db.execute('SELECT 1 FROM "CurrencyType" WHERE "IsoCode" = ? AND "IsActive" = 1', (code,)).fetchone():
        raise Refusal(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"CurrencyIsoCode: bad value for restricted picklist field: {code}",
            fields=("CurrencyIsoCode",),
        )


def _before_account(_: Transaction, old: Row | None, row: Row) -> None:
    _complete_addresses(old, row)
    if old and row["ParentId"] == row["Id"]:
        raise Refusal("CIRCULAR_DEPENDENCY", "An account cannot be its own parent.", fields=("ParentId",))


def _complete_addresses(old: Row | None, row: Row) -> None:
    for kind in ("Billing", "Shipping"):
        _complete_country(kind, old or {}, row)
        state, code = row[f"{kind}State"], row[f"{kind}CountryCode"]
        unchanged = old and old[f"{kind}State"] == state and old[f"{kind}CountryCode"] == code
        if state and not unchanged and state not in STATES.get(str(code), ()):
            raise Refusal(
                "FIELD_INTEGRITY_EXCEPTION",
                "There's a problem with this state, even though it may appear"
                " correct. Please select a state/province from the list of valid states.: "
                f"{kind} State/Province",
                fields=(f"{kind}State",),
            )


def _complete_country(kind: str, old: Row, row: Row) -> None:
    """The label follows the code, or the code the label: whichever was written."""
    label, code = f"{kind}Country", f"{kind}CountryCode"
    code_moved, label_moved = row[code] != old.get(code), row[label] != old.get(label)
    if label_moved and row[label] is not None:
        found = CODES.get(row[label].casefold())
        if found is None or (code_moved and row[code] is not None and row[code] != found):
            raise Refusal(
                "FIELD_INTEGRITY_EXCEPTION",
                "There's a problem with this country, even though it may appear"
                " correct. Please select a country/territory from the list of valid countries.: "
                f"{kind} Country/Territory",
                fields=(label,),
            )
        row[code] = found
    elif label_moved and not code_moved:
        row[code] = None
    if row[code] != old.get(code):
        row[label] = COUNTRIES.get(row[code]) if row[code] else None


def _before_contact(_: Transaction, __: Row | None, row: Row) -> None:
    row["Name"] = " ".join(filter(None, (row["FirstName"], row["LastName"])))


def _before_entry(tx: Transaction, old: Row | None, row: Row) -> None:
    product = read_row(tx.db, "Product2", row["Product2Id"]) or {}
    row["Name"], row["ProductCode"] = product["Name"], product["ProductCode"]
    if old is not None:
        return
    key = (row["Product2Id"], row["CurrencyIsoCode"])
    sql = (
        'SELECT e."Pricebook2Id", b."IsStandard" FROM "PricebookEntry" e JOIN "Pricebook2" b'
        ' ON b."Id" = e."Pricebook2Id" WHERE e."Product2Id" = ? AND e."CurrencyIsoCode" = ? AND e."IsDeleted" = 0'
    )
    books = dict(tx.db.execute(sql, key).fetchall())
    if row["Pricebook2Id"] in books:
        raise Refusal("DUPLICATE_VALUE", "This price definition already exists in this price book")
    book = read_row(tx.db, "Pricebook2", row["Pricebook2Id"]) or {}
    if not book["IsStandard"] and not any(books.values()):
        raise Refusal("STANDARD_PRICE_NOT_DEFINED", "No standard price defined for this product")


def _before_quote(tx: Transaction, old: Row | None, row: Row) -> None:
    if old is None:
        row["QuoteNumber"] = f"{tx.next_number('QuoteNumber'):08d}"
    elif old["CurrencyIsoCode"] != row["CurrencyIsoCode"] and row["LineItemCount"]:
        raise _integrity("CurrencyIsoCode", "the currency of a quote with line items cannot change")
    _quote_total(row)


def _before_order(tx: Transaction, old: Row | None, row: Row) -> None:
    _complete_addresses(old, row)
    code = status_code(tx, row["Status"])
    if old is None:
        row["OrderNumber"] = f"{tx.next_number('OrderNumber'):08d}"
        if code != "Draft":
            raise Refusal(
                "FAILED_ACTIVATION",
                "Choose a valid order status and save your changes. A new order is a draft.",
                fields=("Status",),
            )
        if row["IsReductionOrder"] and not row["OriginalOrderId"]:
            raise Refusal(
                "REQUIRED_FIELD_MISSING", "Required fields are missing: [OriginalOrderId]", fields=("OriginalOrderId",)
            )
    row["StatusCode"] = code
    if old is not None:
        _check_order_change(tx, old, row)


def status_code(tx: Transaction, status: Any) -> str:
    """Draft or Activated: what the organisation's word for a status means."""
    found = tx.db.execute('SELECT "StatusCode" FROM "OrderStatus" WHERE "ApiName" = ?', (status,)).fetchone()
    if found is None:
        raise Refusal("INVALID_STATUS", f"Status: not a valid order status: {status}", fields=("Status",))
    return str(found[0])


def _check_order_change(tx: Transaction, old: Row, row: Row) -> None:
    if old["StatusCode"] == "Activated":
        fixed = [name for name in ("AccountId", "Pricebook2Id", "CurrencyIsoCode") if old[name] != row[name]]
        if fixed:
            raise _integrity(fixed[0], "cannot be changed on an activated order")
    count = 'SELECT COUNT(*) FROM "OrderItem" WHERE "OrderId" = ? AND "IsDeleted" = 0'
    (lines,) = tx.db.execute(count, (row["Id"],)).fetchone()
    if lines and (old["Pricebook2Id"], old["CurrencyIsoCode"]) != (row["Pricebook2Id"], row["CurrencyIsoCode"]):
        raise _integrity("Pricebook2Id", "price book and currency of an order with products cannot change")
    if row["StatusCode"] == "Activated" and old["StatusCode"] == "Draft":
        if not lines:
            raise Refusal("FAILED_ACTIVATION", "An order must have at least one product.")
        row["ActivatedDate"], row["ActivatedById"] = tx.stamp, tx.user
    elif row["StatusCode"] == "Draft":
        row["ActivatedDate"] = row["ActivatedById"] = None


def _order(tx: Transaction, row: Row) -> Row:
    found = read_row(tx.db, "Order", row["OrderId"])
    if found is None:
        raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=("OrderId",))
    return found


def _before_order_item(tx: Transaction, old: Row | None, row: Row) -> None:
    order = _order(tx, row)
    if old is None:
        if order["StatusCode"] == "Activated":
            raise Refusal("FIELD_INTEGRITY_EXCEPTION", "You can't add order products to an activated order.")
        _take_entry(tx, order, row)
        row["OrderItemNumber"] = f"{tx.next_number('OrderItemNumber'):010d}"
    if (row["Quantity"] < 0) != bool(order["IsReductionOrder"]) or not row["Quantity"]:
        wanted = "negative" if order["IsReductionOrder"] else "positive"
        raise _integrity("Quantity", f"the quantity of this order's products must be {wanted}")
    row["TotalPrice"] = _line_total(tx, row["CurrencyIsoCode"], row["Quantity"] * row["UnitPrice"] * 10_000)
    row["AvailableQuantity"] = row["Quantity"]


def _before_quote_line(tx: Transaction, old: Row | None, row: Row) -> None:
    if old is None:
        quote = read_row(tx.db, "Quote", row["QuoteId"]) or {}
        _take_entry(tx, quote, row)
        row["LineNumber"] = f"{tx.next_number('QuoteLineNumber'):08d}"
    if row["Quantity"] <= 0:
        raise _integrity("Quantity", "must be greater than zero")
    product = row["Quantity"] * row["UnitPrice"]
    row["Subtotal"] = _line_total(tx, row["CurrencyIsoCode"], product * 10_000)
    row["TotalPrice"] = _line_total(tx, row["CurrencyIsoCode"], product * (10_000 - (row["Discount"] or 0)))


def _line_total(tx: Transaction, currency: str | None, exact: int) -> int:
    """Hundredths, rounded at the currency's own decimals. ``exact`` is in 10^-8: two factors with two decimals each
    and a share in ten-thousandths."""
    sql = 'SELECT "DecimalPlaces" FROM "CurrencyType" WHERE "IsoCode" = ?'
    (places,) = tx.db.execute(sql, (currency,)).fetchone() or (2,)
    return divide_half_up(exact, int(10 ** (8 - places))) * int(10 ** (2 - places))


def _take_entry(tx: Transaction, header: Row, row: Row) -> None:
    """Copies product, list price and currency from the price book entry, which must be of the header's price book."""
    entry = read_row(tx.db, "PricebookEntry", row["PricebookEntryId"]) or {}
    if header["Pricebook2Id"] is None or entry["Pricebook2Id"] != header["Pricebook2Id"]:
        raise _integrity("PricebookEntryId", "pricebook entry is in a different pricebook than the one assigned")
    if entry["CurrencyIsoCode"] != header["CurrencyIsoCode"]:
        raise _integrity("PricebookEntryId", "the pricebook entry currency code does not match the header's")
    if not entry["IsActive"]:
        raise _integrity("PricebookEntryId", "pricebook entry is inactive")
    row["Product2Id"], row["ListPrice"] = entry["Product2Id"], entry["UnitPrice"]
    row["CurrencyIsoCode"] = header["CurrencyIsoCode"]


def _integrity(field: str, what: str) -> Refusal:
    return Refusal("FIELD_INTEGRITY_EXCEPTION", f"field integrity exception: {field} ({what})", fields=(field,))


_BEFORE: dict[str, _Before] = {
    "Account": _before_account,
    "Contact": _before_contact,
    "PricebookEntry": _before_entry,
    "Quote": _before_quote,
    "QuoteLineItem": _before_quote_line,
    "Order": _before_order,
    "OrderItem": _before_order_item,
}
