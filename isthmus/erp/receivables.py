"""Invoices, credit notes, payments, and what is allocated to what."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from isthmus.erp.columns import At, Code, Currency, Id, Line, Long, Model, Name, OnDay, Short, Whole


class Invoice(Model):
    """An invoice, or a credit note (``kind``) of the invoice that it ``credits_id``. Amounts are never negative."""

    __tablename__ = "erp_invoice"
    id: Mapped[Id]
    company: Mapped[Code]
    number: Mapped[Code] = mapped_column(unique=True)
    kind: Mapped[Code]
    order_id: Mapped[Whole | None] = mapped_column(ForeignKey("erp_order.id"))
    customer_id: Mapped[Whole] = mapped_column(ForeignKey("erp_customer.id"))
    credits_id: Mapped[Whole | None] = mapped_column(ForeignKey("erp_invoice.id"))
    invoice_date: Mapped[OnDay]
    due_date: Mapped[OnDay]
    currency: Mapped[Currency]
    freight_minor: Mapped[Whole]
    net_minor: Mapped[Whole]  # freight included
    tax_minor: Mapped[Whole]
    total_minor: Mapped[Whole]
    entry_id: Mapped[Whole] = mapped_column(ForeignKey("erp_entry.id"))
    version: Mapped[Whole]
    changed_by: Mapped[Short]
    __table_args__ = (
        CheckConstraint("kind IN ('invoice', 'credit_note')", name="kind"),
        CheckConstraint("(kind = 'credit_note') = (credits_id IS NOT NULL)", name="credits"),
        CheckConstraint("net_minor >= 0 AND tax_minor >= 0 AND total_minor = net_minor + tax_minor", name="total"),
        CheckConstraint("due_date >= invoice_date", name="due"),
        Index(None, "customer_id"),
        Index(None, "order_id"),
        Index(None, "credits_id"),
    )


class InvoiceLine(Model):
    """What was invoiced, or credited, of one order line."""

    __tablename__ = "erp_invoice_line"
    invoice_id: Mapped[Whole] = mapped_column(ForeignKey("erp_invoice.id"), primary_key=True, autoincrement=False)
    key: Mapped[Line] = mapped_column(primary_key=True)
    position: Mapped[Whole]
    product_id: Mapped[Whole] = mapped_column(ForeignKey("erp_product.id"))
    quantity_micros: Mapped[Whole]
    unit_price_micros: Mapped[Whole]
    description: Mapped[Long | None]
    net_minor: Mapped[Whole]
    tax_code: Mapped[Code] = mapped_column(ForeignKey("erp_tax_code.code"))
    tax_minor: Mapped[Whole]
    __table_args__ = ({"sqlite_with_rowid": False},)


class Payment(Model):
    """Money that a customer paid. What is not allocated is unapplied and counts for the customer."""

    __tablename__ = "erp_payment"
    id: Mapped[Id]
    company: Mapped[Code]
    number: Mapped[Code] = mapped_column(unique=True)
    customer_id: Mapped[Whole] = mapped_column(ForeignKey("erp_customer.id"))
    payment_date: Mapped[OnDay]
    currency: Mapped[Currency]
    amount_minor: Mapped[Whole]
    reference: Mapped[Name | None]
    entry_id: Mapped[Whole] = mapped_column(ForeignKey("erp_entry.id"))
    version: Mapped[Whole]
    changed_by: Mapped[Short]
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount"), Index(None, "customer_id"))


class Allocation(Model):
    """A part of a payment or a credit note that settles a part of an invoice."""

    __tablename__ = "erp_allocation"
    id: Mapped[Id]
    invoice_id: Mapped[Whole] = mapped_column(ForeignKey("erp_invoice.id"))
    payment_id: Mapped[Whole | None] = mapped_column(ForeignKey("erp_payment.id"))
    credit_note_id: Mapped[Whole | None] = mapped_column(ForeignKey("erp_invoice.id"))
    amount_minor: Mapped[Whole]
    allocated_at: Mapped[At]
    allocated_by: Mapped[Short]
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("(payment_id IS NULL) <> (credit_note_id IS NULL)", name="source"),
        Index(None, "invoice_id"),
        Index(None, "payment_id"),
        Index(None, "credit_note_id"),
    )
