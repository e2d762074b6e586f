"""Products, their prices, and the taxes on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import CheckConstraint, Connection, ForeignKey, Index, Table, desc, select, union_all
from sqlalchemy.orm import Mapped, mapped_column

from isthmus.db import among
from isthmus.erp.columns import Code, Currency, Folded, Id, Line, Long, Model, Name, OnDay, Short, Truth, Whole


class Product(Model):
    """What is sold. ``match_sku`` is the SKU as match rules compare it."""

    __tablename__ = "erp_product"
    id: Mapped[Id]
    company: Mapped[Code]
    number: Mapped[Code] = mapped_column(unique=True)
    name: Mapped[Name]
    sku: Mapped[Name | None]
    description: Mapped[Long | None]
    unit: Mapped[Short | None]
    tax_category: Mapped[Code]
    active: Mapped[Truth]
    custom: Mapped[Long | None]  # fields of the company's own, as JSON
    match_sku: Mapped[Folded | None]
    version: Mapped[Whole]
    changed_by: Mapped[Short]
    __table_args__ = (
        CheckConstraint("tax_category IN ('standard', 'reduced', 'zero')", name="category"),
        Index(None, "match_sku"),
    )


class Price(Model):
    """One price of a product: on a list, in a currency, from a quantity, from a day (null: always)."""

    __tablename__ = "erp_price"
    product_id: Mapped[Whole] = mapped_column(ForeignKey("erp_product.id"), primary_key=True, autoincrement=False)
    key: Mapped[Line] = mapped_column(primary_key=True)
    position: Mapped[Whole]
    price_list: Mapped[Name]
    currency: Mapped[Currency]
    minimum_quantity_micros: Mapped[Whole]
    unit_price_micros: Mapped[Whole]
    valid_from: Mapped[OnDay | None]
    active: Mapped[Truth]
    __table_args__ = (
        CheckConstraint("minimum_quantity_micros > 0", name="minimum"),
        CheckConstraint("unit_price_micros >= 0", name="price"),
        {"sqlite_with_rowid": False},
    )


class PriceBreak(Model):
    """What a price list asks from a quantity on, from a day on: our own terms, beside the prices that come in.

    The prices of a product are replaced as a set by whoever owns them; these stay.
    """

    __tablename__ = "erp_price_break"
    product_id: Mapped[Whole] = mapped_column(ForeignKey("erp_product.id"), primary_key=True, autoincrement=False)
    price_list: Mapped[Name] = mapped_column(primary_key=True)
    currency: Mapped[Currency] = mapped_column(primary_key=True)
    minimum_quantity_micros: Mapped[Whole] = mapped_column(primary_key=True, autoincrement=False)
    valid_from: Mapped[OnDay] = mapped_column(primary_key=True)
    unit_price_micros: Mapped[Whole]
    entered_by: Mapped[Short]
    __table_args__ = (
        CheckConstraint("minimum_quantity_micros > 0", name="minimum"),
        CheckConstraint("unit_price_micros >= 0", name="price"),
    )


class TaxCode(Model):
    """The rate of a category in a country from a day on. Country ``*`` stands for every country not named."""

    __tablename__ = "erp_tax_code"
    code: Mapped[Code] = mapped_column(primary_key=True)
    country: Mapped[Code]
    category: Mapped[Code]
    rate_micros: Mapped[Whole]  # micros of a per cent: 19 % is 19_000_000
    valid_from: Mapped[OnDay]
    __table_args__ = (CheckConstraint("rate_micros BETWEEN 0 AND 100000000", name="rate"),)


class PriceLists:
    """The prices in force of some products, read once for a page."""

    def __init__(self, connection: Connection, product_ids: Sequence[int]) -> None:
        names = "product_id currency price_list minimum_quantity_micros valid_from unit_price_micros".split()
        tables = [cast(Table, model.__table__).c for model in (Price, PriceBreak)]
        asked = [select(*(one[name] for name in names)) for one in tables]
        wanted = [among(connection, one.product_id, list(product_ids)) for one in tables]
        price = union_all(asked[0].where(tables[0].active, wanted[0]), asked[1].where(wanted[1])).subquery().c
        # Of one list the last that applies decides: the highest step, then the latest day, then the lower price.
        query = select(*price).order_by(price.minimum_quantity_micros, price.valid_from.is_not(None), price.valid_from)
        self._prices: dict[tuple[int, str], list[tuple[str, int, str, int]]] = {}
        for product_id, currency, name, least, since, unit in connection.execute(
            query.order_by(desc(price.unit_price_micros))
        ):
            self._prices.setdefault((product_id, currency), []).append((name, least, since or "", unit))

    def price(
        self, product_id: int, *, currency: str, quantity_micros: int, day: str, price_list: str | None = None
    ) -> int | None:
        """The unit price in micros that a list asks of a buyer of this quantity on a day; None where it has none.

        Without a name it is the dearest list's: orders do not say from which list they were sold.
        """
        asked = {
            name: unit
            for name, least, since, unit in self._prices.get((product_id, currency), ())
            if least <= quantity_micros and since <= day and price_list in (None, name)
        }
        return max(asked.values(), default=None)
