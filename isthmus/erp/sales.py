"""Quotes and orders with their lines, and the states that an order may go through."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from isthmus.erp.columns import Code, Currency, Id, Line, Long, Model, Name, OnDay, Short, Whole

#: Orders that still have something to invoice, and so count in the exposure.
OPEN = ("confirmed", "partly_invoiced")
#: Orders that are in the books: what was sold of them stays.
SOLD = ("partly_invoiced", "invoiced", "closed")
QUOTE_STATES = ("draft", "open", "accepted", "expired", "cancelled")


class Transition(Model):
    """One step that an order may take; the database refuses all others. The migrations write them."""

    __tablename__ = "erp_order_transition"
    before: Mapped[Code] = mapped_column(primary_key=True)
    after: Mapped[Code] = mapped_column(primary_key=True)


class Quote(Model):
    """An offer. It never becomes an order by itself; an order may carry its quote."""

    __tablename__ = "erp_quote"
    id: Mapped[Id]
    company: Mapped[Code]
    number: Mapped[Code] = mapped_column(unique=True)
    status: Mapped[Code]
    customer_id: Mapped[Whole] = mapped_column(ForeignKey("erp_customer.id"))
    quote_date: Mapped[OnDay | None]
    valid_until: Mapped[OnDay | None]
    currency: Mapped[Currency]
    customer_reference: Mapped[Name | None]
    salesperson: Mapped[Name | None]
    freight_minor: Mapped[Whole]
    discount_minor: Mapped[Whole]
    tax_minor: Mapped[Whole]
    total_minor: Mapped[Whole]
    custom: Mapped[Long | None]  # fields of the company's own, as JSON
    version: Mapped[Whole]
    changed_by: Mapped[Short]
    __table_args__ = (
        CheckConstraint("status IN ('draft', 'open', 'accepted', 'expired', 'cancelled')", name="status"),
        CheckConstraint("freight_minor >= 0 AND discount_minor >= 0", name="signs"),
    )


class QuoteLine(Model):
    """A line of a quote. ``amount_minor`` is net, before its share of the header's discount."""

    __tablename__ = "erp_quote_line"
    quote_id: Mapped[Whole] = mapped_column(ForeignKey("erp_quote.id"), primary_key=True, autoincrement=False)
    key: Mapped[Line] = mapped_column(primary_key=True)
    position: Mapped[Whole]
    product_id: Mapped[Whole] = mapped_column(ForeignKey("erp_product.id"))
    quantity_micros: Mapped[Whole]
    unit_price_micros: Mapped[Whole]
    discount_percent_micros: Mapped[Whole]
    description: Mapped[Long | None]
    amount_minor: Mapped[Whole]
    discount_share_minor: Mapped[Whole]
    tax_code: Mapped[Code] = mapped_column(ForeignKey("erp_tax_code.code"))
    tax_minor: Mapped[Whole]
    __table_args__ = (
        CheckConstraint("quantity_micros > 0", name="quantity"),
        CheckConstraint("discount_percent_micros BETWEEN 0 AND 100000000", name="discount"),
        {"sqlite_with_rowid": False},
    )


class Order(Model):
    """A sales order. ``to_invoice_minor`` is what is still to be invoiced of ``total_minor``, tax included."""

    __tablename__ = "erp_order"
    id: Mapped[Id]
    company: Mapped[Code]
    number: Mapped[Code] = mapped_column(unique=True)
    status: Mapped[Code]
    hold_reason: Mapped[Name | None]
    customer_id: Mapped[Whole] = mapped_column(ForeignKey("erp_customer.id"))
    quote_id: Mapped[Whole | None] = mapped_column(ForeignKey("erp_quote.id"))
    order_date: Mapped[OnDay]
    currency: Mapped[Currency]
    customer_reference: Mapped[Name | None]
    salesperson: Mapped[Name | None]
    bill_to_street: Mapped[Name | None]
    bill_to_city: Mapped[Short | None]
    bill_to_state: Mapped[Short | None]
    bill_to_postal_code: Mapped[Code | None]
    bill_to_country: Mapped[Code | None]
    ship_to_street: Mapped[Name | None]
    ship_to_city: Mapped[Short | None]
    ship_to_state: Mapped[Short | None]
    ship_to_postal_code: Mapped[Code | None]
    ship_to_country: Mapped[Code | None]
    freight_minor: Mapped[Whole]
    discount_minor: Mapped[Whole]
    tax_minor: Mapped[Whole]
    total_minor: Mapped[Whole]
    custom: Mapped[Long | None]  # fields of the company's own, as JSON
    to_invoice_minor: Mapped[Whole]
    freight_tax_minor: Mapped[Whole]
    version: Mapped[Whole]
    changed_by: Mapped[Short]
    __table_args__ = (
        CheckConstraint(
            "status IN ('draft', 'confirmed', 'held', 'partly_invoiced', 'invoiced', 'closed', 'cancelled')",
            name="status",
        ),
        CheckConstraint("freight_minor >= 0 AND discount_minor >= 0", name="signs"),
        CheckConstraint("to_invoice_minor BETWEEN 0 AND total_minor", name="to_invoice"),
        CheckConstraint("(status = 'held') = (hold_reason IS NOT NULL)", name="reason"),
        Index(
            "uq_erp_order_quote_id",
            "quote_id",
            unique=True,
            postgresql_where=text("status <> 'cancelled'"),
            sqlite_where=text("status <> 'cancelled'"),
        ),
        Index(None, "customer_id", "status"),
    )


class OrderLine(Model):
    """A line of an order. Amounts as on a quote's line; ``invoiced_micros`` is the part of its quantity invoiced.

    ``list_minor`` is what the price list, with its quantity breaks, asked on the order's day; null where it has none.
    """

    __tablename__ = "erp_order_line"
    order_id: Mapped[Whole] = mapped_column(ForeignKey("erp_order.id"), primary_key=True, autoincrement=False)
    key: Mapped[Line] = mapped_column(primary_key=True)
    position: Mapped[Whole]
    product_id: Mapped[Whole] = mapped_column(ForeignKey("erp_product.id"))
    quantity_micros: Mapped[Whole]
    unit_price_micros: Mapped[Whole]
    discount_percent_micros: Mapped[Whole]
    description: Mapped[Long | None]
    amount_minor: Mapped[Whole]
    discount_share_minor: Mapped[Whole]
    tax_code: Mapped[Code] = mapped_column(ForeignKey("erp_tax_code.code"))
    tax_minor: Mapped[Whole]
    invoiced_micros: Mapped[Whole]
    list_minor: Mapped[Whole | None]
    __table_args__ = (
        CheckConstraint("quantity_micros > 0", name="quantity"),
        CheckConstraint("discount_percent_micros BETWEEN 0 AND 100000000", name="discount"),
        CheckConstraint("invoiced_micros BETWEEN 0 AND quantity_micros", name="invoiced"),
        {"sqlite_with_rowid": False},
    )
