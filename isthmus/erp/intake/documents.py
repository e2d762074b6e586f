"""What quotes and orders have in common on their way in: lines, references, prices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Table, delete, select

from isthmus.db import among, insert_rows, update_rows
from isthmus.erp.changes import log_changes
from isthmus.erp.desk import COMPANY
from isthmus.erp.intake.checks import faults_of
from isthmus.erp.intake.page import Item, Page
from isthmus.erp.parties import Customer
from isthmus.erp.pricing import Tax, price
from isthmus.erp.products import PriceLists, Product
from isthmus.erp.records import Row
from isthmus.erp.shapes import Shape
from isthmus.erp.taxes import TaxTable
from isthmus.kernel.errors import Broken, Fault, Refused
from isthmus.kernel.money import GREATEST, line_amount_minor


@dataclass(slots=True)
class Around:
    """What the documents of a page refer to: customers (active, country), products (tax category), taxes, prices."""

    customers: dict[int, tuple[bool, str | None]]
    products: dict[int, str]
    taxes: TaxTable
    lists: PriceLists

    known: dict[tuple[int, int, str, str], int | None] = field(default_factory=dict)

    def list_minor(self, line: Row, currency: str, *, day: str) -> int | None:
        """What a line comes to at the price list; None where the list has no price, or one beyond all amounts."""
        asked = (line["product_id"], line["quantity_micros"], currency, day)
        if asked not in self.known:  # pages repeat a few products in a few quantities
            self.known[asked] = self._at_list(asked)
        return self.known[asked]

    def _at_list(self, asked: tuple[int, int, str, str]) -> int | None:
        product_id, quantity_micros, currency, day = asked
        unit = self.lists.price(product_id, currency=currency, quantity_micros=quantity_micros, day=day)
        amount = None if unit is None else line_amount_minor(quantity_micros, unit, currency)
        return amount if amount is not None and amount <= GREATEST else None


def take_in(page: Page, items: Iterable[Item]) -> None:
    """Turns changes into rows; refuses those whose own values are wrong."""
    shape = lines_shape(page)
    for item in items:
        faults = faults_of(page.stream, item.change)
        if faults:
            page.refuse(item, faults[0])
            continue
        item.row = page.stream.shape.take(item.change.fields, item.present or None)
        lines = item.present_lines if item.change.lines is None else item.change.lines
        item.line_rows = [shape.take(line) for line in lines or ()]
        item.lines = [shape.show(row) for row in item.line_rows]


def refuse_deactivation(page: Page, items: Iterable[Item]) -> None:
    """A document has no state of rest: it is live, or it is cancelled."""
    for item in items:
        if item.change.verb == "withdraw" and item.change.how == "deactivate":
            what = f"the {page.stream.name} cannot be deactivated"
            page.refuse(item, Fault("gone", what, "write `cancel` in the mapping"))


def lines_shape(page: Page) -> Shape:
    """The shape of the stream's lines, which every document has. Raises Broken for a stream without."""
    if page.stream.lines is None:
        raise Broken(page.stream.name, "has no lines")
    return page.stream.lines


def look_around(page: Page, items: Sequence[Item]) -> Around:
    """Looks up all that the items refer to, once for the page."""
    connection = page.desk.connection
    customer, product = cast(Table, Customer.__table__).c, cast(Table, Product.__table__).c
    customers = {item.row["customer_id"] for item in items}
    products = {line["product_id"] for item in items for line in item.line_rows}
    found = select(customer.id, customer.active, customer.billing_country)
    found = found.where(among(connection, customer.id, sorted(customers)))
    named = select(product.id, product.tax_category).where(among(connection, product.id, sorted(products)))
    return Around(
        {one: (active, country) for one, active, country in connection.execute(found)},
        {row[0]: row[1] for row in connection.execute(named)},
        TaxTable(connection),
        PriceLists(connection, sorted(products)),
    )


def settle_amounts(page: Page, items: Sequence[Item], around: Around, *, day: str) -> None:
    """Prices each document as of its day (the column's name); refuses what refers to nobody or cannot be priced."""
    for item in items:
        customer = around.customers.get(item.row["customer_id"])
        missing = next((line for line in item.line_rows if line["product_id"] not in around.products), None)
        if customer is None:
            what = f"there is no customer {item.row['customer_id']}"
            page.refuse(item, Fault("customer_id", what, "bind the customer first"))
        elif missing is not None:
            where, what = f"line {missing['key']} product_id", f"there is no product {missing['product_id']}"
            page.refuse(item, Fault(where, what, "bind the product first"))
        else:
            _price(page, item, around, country=customer[1], day=item.row[day] or page.desk.day)


def _price(page: Page, item: Item, around: Around, *, country: str | None, day: str) -> None:
    try:
        sums = price(item.line_rows, item.row, partial(_tax, around=around, country=country, day=day))
    except Refused as error:
        page.refuse(item, error.fault)
        return
    item.row.update(tax_minor=sums.tax_minor, total_minor=sums.total_minor, company=COMPANY)
    item.row.update(to_invoice_minor=sums.total_minor, freight_tax_minor=sums.freight_tax_minor)
    for line in item.line_rows:
        line["list_minor"] = around.list_minor(line, item.row["currency"], day=day)


def _tax(product_id: int | None, *, around: Around, country: str | None, day: str) -> Tax:
    category = "standard" if product_id is None else around.products[product_id]
    return around.taxes.tax(country, category, day)


def insert_documents(page: Page, items: Sequence[Item]) -> None:
    """Writes new documents with their lines."""
    columns = tuple(column.name for column in page.stream.table.columns)
    rows = list(map(itemgetter(*columns), rows_of(items)))
    insert_rows(page.desk.connection, page.stream.table, columns, rows=rows)
    insert_lines(page, items)


def rows_of(items: Iterable[Item]) -> list[dict[str, Any]]:
    """The items' rows."""
    return [item.row for item in items]


def insert_lines(page: Page, items: Sequence[Item]) -> None:
    """Writes the lines of these documents."""
    shape, parent = lines_shape(page), page.stream.parent
    columns = tuple(column.name for column in shape.table.columns)
    rows = []
    for item in items:
        for position, line in enumerate(item.line_rows):
            line.update({parent: item.row["id"], "position": position})
            line.setdefault("invoiced_micros", 0)
            rows.append(tuple([line[name] for name in columns]))
    if rows:
        insert_rows(page.desk.connection, shape.table, columns, rows=rows)


def update_documents(page: Page, items: Sequence[Item]) -> None:
    """Gives each changed document a new version, and writes its row and, if they changed, its lines."""
    desk, table, shape = page.desk, page.stream.table, lines_shape(page)
    ids = [item.row["id"] for item in items]
    versions = log_changes(desk.connection, page.stream.name, ids, at=desk.at, by=desk.by)
    for item, version in zip(items, versions, strict=True):
        item.row.update(version=version, changed_by=desk.by)
    columns = tuple(column.name for column in table.columns if column.name not in ("id", "number", "company"))
    rows = list(map(itemgetter(*columns, "id"), rows_of(items)))
    update_rows(desk.connection, table, columns, key="id", rows=rows)
    if ids:
        connection = desk.connection
        connection.execute(delete(shape.table).where(among(connection, shape.table.c[page.stream.parent], ids)))
        insert_lines(page, items)


def unchanged(item: Item) -> bool:
    """Whether the document, as it is shown, stays as it was."""
    same = all(item.row[name] == value for name, value in item.present.items())
    return same and item.lines == item.present_lines
