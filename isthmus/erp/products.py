"""Products, their prices, and the taxes on them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Connection, ForeignKey, Index, desc, or_, select
from sqlalchemy.orm import Mapped, mapped_column

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


class TaxCode(Model):
    """The rate of a category in a country from a day on. Country ``*`` stands for every country not named."""

    __tablename__ = "erp_tax_code"
    code: Mapped[Code] = mapped_column(primary_key=True)
    country: Mapped[Code]
    category: Mapped[Code]
    rate_micros: Mapped[Whole]  # micros of a per cent: 19 % is 19_000_000
    valid_from: Mapped[OnDay]
    __table_args__ = (CheckConstraint("rate_micros BETWEEN 0 AND 100000000", name="rate"),)


def best_price(
    connection: Connection, product_id: int, *, price_list: str, currency: str, quantity_micros: int, day: str
) -> int | None:
    """The unit price in micros that a buyer of this quantity pays on a day; None where the list has none.

    The highest quantity step that is reached decides, then the latest day, then the lower price.
    """
    price = Price.__table__.c
    query = (
        select(price.unit_price_micros)
        .where(price.product_id == product_id, price.price_list == price_list, price.currency == currency)
        .where(price.active, price.minimum_quantity_micros <= quantity_micros)
        .where(or_(price.valid_from.is_(None), price.valid_from <= day))
        .order_by(desc(price.minimum_quantity_micros), price.valid_from.is_(None), desc(price.valid_from))
        .order_by(price.unit_price_micros)
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()
