"""The clerk's first day at the built-in ERP: credit limits before the orders come, then invoices and payments.

Without them its books are empty: nothing would be on credit hold, and a ledger without entries proves nothing. It
happens once, on books that are empty; the same commands are `isthmus erp limit`, `invoice` and `pay`. A remote ERP has
screens and clerks of its own.
"""

from __future__ import annotations

from sqlalchemy import Engine, func, select

from isthmus.db import writing
from isthmus.erp.allocating import pay
from isthmus.erp.clerk import limit
from isthmus.erp.desk import Desk, sit_down
from isthmus.erp.invoicing import invoice
from isthmus.erp.receivables import Invoice
from isthmus.erp.statement import customers, orders
from isthmus.kernel.clock import Clock
from isthmus.kernel.money import exponent

CLERK = "the clerk's first day"
LIMITED_EVERY, BILLED_EVERY, PAID_EVERY = 20, 5, 2
LIMIT = 50_000  # in the customer's own currency
MOST = 500


def books_are_empty(engine: Engine) -> bool:
    """Whether nothing was ever invoiced."""
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(Invoice)).scalar_one() == 0


def limit_credit(engine: Engine, clock: Clock, time_zone: str) -> str:
    """Gives every twentieth customer a credit limit. Returns what was done, in words."""
    with writing(engine) as connection:
        desk = sit_down(connection, by=CLERK, clock=clock, time_zone=time_zone)
        chosen = customers(desk, limit=MOST)[::LIMITED_EVERY]
        for customer in chosen:
            currency = customer.standing.currency
            limit(desk, customer.number, LIMIT * 10 ** exponent(currency))
    return f"the clerk limits the credit of {len(chosen)} customers: an order beyond it will be held"


def bill_and_collect(engine: Engine, clock: Clock, time_zone: str) -> str:
    """Invoices every fifth confirmed order and books the payment of every second invoice. Returns what was done."""
    with writing(engine) as connection:
        desk = sit_down(connection, by=CLERK, clock=clock, time_zone=time_zone)
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
