"""The ledger: entries and their postings. The only verbs are *post* and *reverse*."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from isthmus.erp.columns import At, Code, Currency, Id, Model, Name, OnDay, Short, Truth, Whole

BANK, RECEIVABLE, TAX, REVENUE, FREIGHT = "1000", "1100", "2200", "4000", "4100"


class Account(Model):
    """An account of the chart."""

    __tablename__ = "erp_account"
    code: Mapped[Code] = mapped_column(primary_key=True)
    name: Mapped[Name]
    kind: Mapped[Code]


class Period(Model):
    """A month of the books. Once closed, neither it nor an earlier one takes an entry, and it stays closed."""

    __tablename__ = "erp_period"
    company: Mapped[Code] = mapped_column(primary_key=True)
    month: Mapped[Code] = mapped_column(primary_key=True)  # 2026-11
    closed: Mapped[Truth]
    closed_at: Mapped[At | None]
    closed_by: Mapped[Short | None]


class Entry(Model):
    """A journal entry. It is written as a draft; one update of ``posted_at`` posts it and fires the checks."""

    __tablename__ = "erp_entry"
    id: Mapped[Id]
    company: Mapped[Code]
    entry_date: Mapped[OnDay]
    kind: Mapped[Code]
    text: Mapped[Name]
    reverses_id: Mapped[Whole | None] = mapped_column(ForeignKey("erp_entry.id"))
    posted_at: Mapped[At | None]
    posted_by: Mapped[Short | None]


class Posting(Model):
    """One line of an entry: a debit is positive, a credit negative."""

    __tablename__ = "erp_posting"
    entry_id: Mapped[Whole] = mapped_column(ForeignKey("erp_entry.id"), primary_key=True, autoincrement=False)
    position: Mapped[Whole] = mapped_column(primary_key=True, autoincrement=False)
    account: Mapped[Code] = mapped_column(ForeignKey("erp_account.code"))
    customer_id: Mapped[Whole | None] = mapped_column(ForeignKey("erp_customer.id"))
    currency: Mapped[Currency]
    amount_minor: Mapped[Whole]
    __table_args__ = (
        CheckConstraint(f"account <> '{RECEIVABLE}' OR customer_id IS NOT NULL", name="customer"),
        Index(None, "customer_id", "account", "currency"),
        {"sqlite_with_rowid": False},  # or REPLACE on the hidden row id could take a posted line away
    )
