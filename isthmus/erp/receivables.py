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
    discount_minor: Mapped[Whole]  # its part of the order's discount; taken off already
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
        Index(None, "due_date"),
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
    discount_percent_micros: Mapped[Whole]
    description: Mapped[Long | None]
    net_minor: Mapped[Whole]
    discount_share_minor: Mapped[Whole]  # its share of the order's discount; taken off already
    tax_code: Mapped[Code] = mapped_column(ForeignKey("erp_tax_code.code"))
    tax_minor: Mapped[Whole]
    __table_args__ = ({"sqlite_with_rowid": False},)


class Payment(Model):
    """Money that a customer paid, or (below zero) was paid back. What is not allocated counts for the customer."""

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
    __table_args__ = (CheckConstraint("amount_minor <> 0", name="amount"), Index(None, "customer_id"))


class Allocation(Model):
    """A part of a payment or a credit note that settles a part of an invoice, or that was paid back (``refund_id``).

    ``amount_minor`` is in the currency of what it settles, ``source_minor`` in that of where it comes from; where the
    two differ, ``entry_id`` posts the exchange. Nothing is ever taken away: an allocation ends by a second row that
    ``ends_id`` and has its amounts below zero, so that a sum is always what holds now.
    """

    __tablename__ = "erp_allocation"
    id: Mapped[Id]
    invoice_id: Mapped[Whole | None] = mapped_column(ForeignKey("erp_invoice.id"))
    refund_id: Mapped[Whole | None] = mapped_column(ForeignKey("erp_payment.id"))
    payment_id: Mapped[Whole | None] = mapped_column(ForeignKey("erp_payment.id"))
    credit_note_id: Mapped[Whole | None] = mapped_column(ForeignKey("erp_invoice.id"))
    amount_minor: Mapped[Whole]
    source_minor: Mapped[Whole]
    ends_id: Mapped[Whole | None] = mapped_column(ForeignKey("erp_allocation.id"), unique=True)
    entry_id: Mapped[Whole | None] = mapped_column(ForeignKey("erp_entry.id"))
    allocated_at: Mapped[At]
    allocated_by: Mapped[Short]
    __table_args__ = (
        CheckConstraint(
            "CASE WHEN ends_id IS NULL THEN amount_minor > 0 AND source_minor > 0 "
            "ELSE amount_minor < 0 AND source_minor < 0 END",
            name="amount",
        ),
        CheckConstraint("(payment_id IS NULL) <> (credit_note_id IS NULL)", name="source"),
        CheckConstraint("(invoice_id IS NULL) <> (refund_id IS NULL)", name="target"),
        Index(None, "invoice_id"),
        Index(None, "refund_id"),
        Index(None, "payment_id"),
        Index(None, "credit_note_id"),
    )


class Reversal(Model):
    """A payment that was taken back, whole. The bank did so when it is a chargeback."""

    __tablename__ = "erp_reversal"
    payment_id: Mapped[Whole] = mapped_column(ForeignKey("erp_payment.id"), primary_key=True, autoincrement=False)
    entry_id: Mapped[Whole] = mapped_column(ForeignKey("erp_entry.id"))
    kind: Mapped[Code]
    reason: Mapped[Name]
    __table_args__ = (CheckConstraint("kind IN ('reversal', 'chargeback')", name="kind"),)
