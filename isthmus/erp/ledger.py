"""The ledger: entries and their postings. The only verbs are *post* and *reverse*."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table, func, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from isthmus.db import insert_rows
from isthmus.erp.columns import At, Code, Currency, Id, Model, Name, OnDay, Short, Truth, Whole
from isthmus.erp.desk import COMPANY, Desk
from isthmus.erp.sequences import take_numbers
from isthmus.kernel.errors import Refused

BANK, RECEIVABLE, TAX, REVENUE, FREIGHT = "1000", "1100", "2200", "4000", "4100"
EXCHANGE, EXCHANGE_GAIN, BANK_CHARGES = "1190", "4900", "6800"


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


@dataclass(frozen=True, slots=True)
class Leg:
    """What one posting says: debits are positive, credits negative."""

    account: str
    amount_minor: int
    customer_id: int | None = None
    currency: str | None = None  # else the entry's


def draft(desk: Desk, kind: str, text: str, *, reverses_id: int | None = None) -> int:
    """Writes an entry of the day that is not posted yet, so that its document and postings can be. Answers its id."""
    (entry_id,) = take_numbers(desk.connection, "entry", 1)
    row = {"id": entry_id, "company": COMPANY, "entry_date": desk.day, "kind": kind, "text": text}
    desk.connection.execute(insert(Entry), {**row, "reverses_id": reverses_id})
    return entry_id


def post(desk: Desk, entry_id: int, *, currency: str, legs: Sequence[Leg]) -> None:
    """Gives a draft its postings and posts it. Legs of nothing are left out, as long as two remain.

    The database refuses what is unbalanced, short or in a closed period; a closed period raises Refused.
    """
    refuse_closed(desk)
    worth = [leg for leg in legs if leg.amount_minor]
    chosen = worth if len(worth) > 1 else legs
    names = ("entry_id", "position", "account", "customer_id", "currency", "amount_minor")
    rows = [
        (entry_id, position, leg.account, leg.customer_id, leg.currency or currency, leg.amount_minor)
        for position, leg in enumerate(chosen, 1)
    ]
    insert_rows(desk.connection, cast(Table, Posting.__table__), names, rows=rows)
    posted = update(Entry).where(Entry.id == entry_id).values(posted_at=desk.at, posted_by=desk.by)
    desk.connection.execute(posted)


def reverse_entry(desk: Desk, entry_id: int, *, kind: str) -> int:
    """Posts the opposite of an entry, linked to it. Answers the new entry's id."""
    text = desk.connection.execute(select(Entry.text).where(Entry.id == entry_id)).scalar_one()
    query = select(Posting.account, Posting.amount_minor, Posting.customer_id, Posting.currency)
    query = query.where(Posting.entry_id == entry_id).order_by(Posting.position)
    legs = [
        Leg(account, -amount, customer, money) for account, amount, customer, money in desk.connection.execute(query)
    ]
    reversal_id = draft(desk, kind, f"{text}, reversed"[:255], reverses_id=entry_id)
    post(desk, reversal_id, currency="", legs=legs)
    return reversal_id


def refuse_closed(desk: Desk) -> None:
    """Raises Refused when the desk's day lies in a closed period."""
    month = desk.day[:7]
    query = select(func.max(Period.month)).where(Period.company == COMPANY, Period.closed)
    last = desk.connection.execute(query).scalar_one_or_none()
    if last is not None and last >= month:
        raise Refused(f"period {month}", f"the books are closed up to {last}", "post it in an open period")


def close_period(desk: Desk, month: str) -> None:
    """Closes a month and all before it, for ever. Raises Refused for what is no month, yet to come, or closed."""
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", month, re.ASCII):
        raise Refused(f"period {month}", "is not a month", "write it as 2026-11")
    if month > desk.day[:7]:  # nothing could be booked until then, and no month is ever opened again
        raise Refused(f"period {month}", "has not begun", f"close no month after {desk.day[:7]}")
    query = select(Period.closed).where(Period.company == COMPANY, Period.month == month)
    present = desk.connection.execute(query).scalar_one_or_none()
    if present:
        raise Refused(f"period {month}", "is closed already", "nothing is to be done")
    closed = {"closed": True, "closed_at": desk.at, "closed_by": desk.by}
    if present is None:
        desk.connection.execute(insert(Period), {"company": COMPANY, "month": month, **closed})
    else:
        desk.connection.execute(update(Period).where(Period.company == COMPANY, Period.month == month).values(closed))
