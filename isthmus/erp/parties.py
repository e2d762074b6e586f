"""Customers, the company itself, and the terms at which customers pay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Table,
    func,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import Mapped, mapped_column

from isthmus.db import among
from isthmus.erp.columns import Code, Currency, Folded, Id, Long, Model, Name, OnDay, Short, Truth, Whole


class Company(Model):
    """Whose books these are. ``identity`` is made once and is part of every key that others keep of us."""

    __tablename__ = "erp_company"
    code: Mapped[Code] = mapped_column(primary_key=True)
    identity: Mapped[Short]
    name: Mapped[Name]
    currency: Mapped[Currency]
    grace_days: Mapped[Whole]  # after a due date, where a customer has no days of its own


class Term(Model):
    """Terms of payment: an invoice is due so many days after its date."""

    __tablename__ = "erp_term"
    code: Mapped[Code] = mapped_column(primary_key=True)
    name: Mapped[Name]
    days: Mapped[Whole]


class Customer(Model):
    """A customer. ``match_…`` are its values as match rules compare them, kept so that they can be looked up."""

    __tablename__ = "erp_customer"
    id: Mapped[Id]
    company: Mapped[Code]
    number: Mapped[Code] = mapped_column(unique=True)
    name: Mapped[Name]
    tax_id: Mapped[Short | None]
    currency: Mapped[Currency]
    terms: Mapped[Code | None] = mapped_column(ForeignKey("erp_term.code"))
    email: Mapped[Name | None]
    phone: Mapped[Short | None]
    website: Mapped[Name | None]
    parent_id: Mapped[Whole | None] = mapped_column(ForeignKey("erp_customer.id"))
    active: Mapped[Truth]
    billing_street: Mapped[Name | None]
    billing_city: Mapped[Short | None]
    billing_state: Mapped[Short | None]
    billing_postal_code: Mapped[Code | None]
    billing_country: Mapped[Code | None]
    shipping_street: Mapped[Name | None]
    shipping_city: Mapped[Short | None]
    shipping_state: Mapped[Short | None]
    shipping_postal_code: Mapped[Code | None]
    shipping_country: Mapped[Code | None]
    contact_first_name: Mapped[Short | None]
    contact_last_name: Mapped[Short | None]
    contact_email: Mapped[Name | None]
    contact_phone: Mapped[Short | None]
    custom: Mapped[Long | None]  # fields of the company's own, as JSON
    match_name: Mapped[Folded]
    match_tax_id: Mapped[Folded | None]
    version: Mapped[Whole]
    changed_by: Mapped[Short]
    __table_args__ = (
        Index(None, "match_name"),
        Index(None, "match_tax_id"),
        Index(None, "parent_id"),
    )


class CreditTerm(Model):
    """What credit a customer has. No limit (null) is not a limit of 0. A hold by hand is lifted only by hand.

    One that ``shares_parent_limit`` has no limit of its own: what it owes counts against its parent's.
    """

    __tablename__ = "erp_credit_term"
    customer_id: Mapped[Whole] = mapped_column(ForeignKey("erp_customer.id"), primary_key=True, autoincrement=False)
    currency: Mapped[Currency]  # of the limit; the customer's own may change later
    limit_minor: Mapped[Whole | None]
    grace_days: Mapped[Whole | None]
    held: Mapped[Truth]
    held_why: Mapped[Name | None]
    held_by: Mapped[Short | None]
    held_on: Mapped[OnDay | None]
    shares_parent_limit: Mapped[Truth] = mapped_column(server_default=text("false"))


class Merger(Model):
    """A customer that was merged into another: what is booked for it stays booked so, and counts to that one.

    ``into_id`` is never merged itself: where that one is merged later, this follows it.
    """

    __tablename__ = "erp_merger"
    customer_id: Mapped[Whole] = mapped_column(ForeignKey("erp_customer.id"), primary_key=True, autoincrement=False)
    into_id: Mapped[Whole] = mapped_column(ForeignKey("erp_customer.id"))
    merged_on: Mapped[OnDay]
    merged_by: Mapped[Short]
    __table_args__ = (CheckConstraint("into_id <> customer_id", name="other"), Index(None, "into_id"))


_customer, _merger = cast(Table, Customer.__table__).c, cast(Table, Merger.__table__).c
_company = cast(Table, Company.__table__).c  # asked by its class, SQLAlchemy would map every model first


def is_merged(customer_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """That this customer was merged into another."""
    return customer_id.in_(select(_merger.customer_id))


def counts_to(customer_id: ColumnElement[Any]) -> ColumnElement[int]:
    """The customer to whom counts what is booked for this one."""
    into = select(_merger.into_id).where(_merger.customer_id == customer_id)
    return func.coalesce(into.scalar_subquery(), customer_id)


def merged_into(connection: Connection, customer_id: int) -> int | None:
    """The customer that this one was merged into; None for one that was not."""
    query = select(_merger.into_id).where(_merger.customer_id == customer_id)
    return connection.execute(query).scalar_one_or_none()


def counted_of(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    """Who counts to these customers: they themselves and all that were merged into them, each with whom it counts to.

    One of them that was merged into another is left out.
    """
    own = select(_customer.id, _customer.id).where(among(connection, _customer.id, ids), ~is_merged(_customer.id))
    merged = select(_merger.customer_id, _merger.into_id).where(among(connection, _merger.into_id, ids))
    return {row[0]: row[1] for row in connection.execute(union_all(own, merged))}


def account_of(connection: Connection, customer_id: int) -> list[int]:
    """All whose documents stand on one account with this customer's: it, what was merged into it, and with it."""
    into = merged_into(connection, customer_id)
    return sorted(counted_of(connection, [customer_id if into is None else into]))


def identity_of(connection: Connection) -> str:
    """The company's id: part of every key that others keep of its records."""
    return str(connection.execute(select(_company.identity)).scalar_one())
