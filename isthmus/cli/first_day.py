"""The clerk's first day at the ERP of `make run`: credit limits before the orders come, then invoices and payments.

Without them its books are empty: nothing would be on credit hold, and a ledger without entries proves nothing. It
happens once, on books that are empty. At the built-in ERP the same commands are `isthmus erp limit`, `invoice` and
`pay`; in Tryton, the clerk presses the buttons of its own client. Any other ERP has clerks of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Engine, func, select

from isthmus.cli.tryton_server import Server
from isthmus.db import writing
from isthmus.erp.allocating import pay
from isthmus.erp.clerk import limit
from isthmus.erp.desk import Desk, sit_down
from isthmus.erp.invoicing import invoice
from isthmus.erp.receivables import Invoice
from isthmus.erp.statement import customers, orders
from isthmus.kernel.clock import Clock, SystemClock
from isthmus.kernel.money import exponent
from isthmus.settings import BUILTIN, Settings

CLERK = "the clerk's first day"
LIMITED_EVERY, BILLED_EVERY, PAID_EVERY = 20, 5, 2
LIMIT = 50_000  # in the customer's own currency
MOST = 500


class Clerk(Protocol):
    """Somebody who works in the ERP. What was done is told in words."""

    def books_are_empty(self) -> bool:
        """Whether nothing was ever invoiced."""

    def limit_credit(self) -> str:
        """Gives every twentieth customer a credit limit."""

    def bill_and_collect(self) -> str:
        """Invoices some of the confirmed orders, and books payments of some of these."""


def newcomer(settings: Settings, engine: Engine, tryton: Server | None) -> Clerk | None:
    """The clerk whose first day it is; None once his books are not empty, and for an ERP that has people of its own."""
    clerk: Clerk | None = None
    if tryton:
        clerk = TrytonClerk(tryton)
    elif settings.erp == BUILTIN:
        clerk = BuiltinClerk(engine, SystemClock(), settings.time_zone)
    return clerk if clerk and clerk.books_are_empty() else None


@dataclass(frozen=True, slots=True)
class TrytonClerk:
    """The administrator of a Tryton on this machine."""

    server: Server

    def books_are_empty(self) -> bool:
        return bool(self.server.ask_clerk("books_are_empty"))

    def limit_credit(self) -> str:
        return str(self.server.ask_clerk("limit_credit"))

    def bill_and_collect(self) -> str:
        return str(self.server.ask_clerk("bill_and_collect"))


@dataclass(frozen=True, slots=True)
class BuiltinClerk:
    """A clerk at the built-in ERP."""

    engine: Engine
    clock: Clock
    time_zone: str

    def books_are_empty(self) -> bool:
        with self.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(Invoice)).scalar_one() == 0

    def limit_credit(self) -> str:
        with writing(self.engine) as connection:
            desk = sit_down(connection, by=CLERK, clock=self.clock, time_zone=self.time_zone)
            chosen = customers(desk, limit=MOST)[::LIMITED_EVERY]
            for customer in chosen:
                currency = customer.standing.currency
                limit(desk, customer.number, LIMIT * 10 ** exponent(currency))
        return f"the clerk limits the credit of {len(chosen)} customers: an order beyond it will be held"

    def bill_and_collect(self) -> str:
        """Invoices every fifth confirmed order; every second one is paid."""
        with writing(self.engine) as connection:
            desk = sit_down(connection, by=CLERK, clock=self.clock, time_zone=self.time_zone)
            billed = orders(desk, status="confirmed", limit=MOST)[::BILLED_EVERY]
            paid = sum(
                _bill(desk, order.number, order.customer, pays=place % PAID_EVERY == 0)
                for place, order in enumerate(billed)
            )
        return f"the clerk invoices {len(billed)} orders, and {paid} customers pay"


def _bill(desk: Desk, order: str, customer: str, *, pays: bool) -> int:
    written = invoice(desk, order)
    if pays:
        pay(desk, customer, amount_minor=written.total_minor, currency=written.currency, invoices=[written.number])
    return int(pays)
