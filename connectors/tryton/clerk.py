"""What a clerk does in Tryton, by the buttons and wizards of Tryton's own client; and his first day.

For `make run ERP=tryton` and the tests: the connector itself never bills, is never paid and ships nothing. Run as
``python -m connectors.tryton.clerk`` with the administrator's connection and a task as JSON on standard input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.tryton.config import read_config
from connectors.tryton.rpc import Rpc
from connectors.tryton.values import Float, Row
from isthmus.connect.http import Limits, Ports
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import IsthmusError
from isthmus.kernel.money import from_minor, to_minor

LIMITED_EVERY, WORKED_EVERY = 20, 12  # posting an invoice takes Tryton a second
LIMIT = Decimal(50_000)  # in the company's currency
MOST = 500
BATCH = 10  # documents a call: each is one transaction
#: Assigned by force: nobody ever stocked anything.
WAREHOUSE = ("assign_force", "pick", "pack", "ship", "do")


@dataclass(frozen=True, slots=True)
class Clerk:
    """One who may do everything, on one day."""

    rpc: Rpc
    today: date

    def limit(self, parties: Sequence[int], amount: Decimal | None) -> None:
        """A credit limit in the company's currency; None: no limit."""
        self.rpc.call("model.party.party.write", list(parties), {"credit_limit_amount": amount})

    def press(self, button: str, sales: Sequence[int]) -> None:
        self.rpc.call(f"model.sale.sale.{button}", list(sales))

    def bill(self, sales: Sequence[int]) -> list[int]:
        """Posts the invoices of sales, dated today; returns their ids."""
        rows = self.rpc.search_read("sale.sale", [["id", "in", list(sales)]], ["invoices"])
        invoices = [int(one) for row in rows for one in row["invoices"]]
        self.rpc.call("model.account.invoice.write", invoices, {"invoice_date": self.today})
        self.rpc.call("model.account.invoice.post", invoices)
        return invoices

    def pay(self, invoice: int, amount: Decimal) -> None:
        """A payment by bank, of the whole invoice or a part of it, in the invoice's currency."""
        wizard, context = "wizard.account.invoice.pay", active("account.invoice", invoice)
        session, *_ = self.rpc.call(f"{wizard}.create", context=context)
        told = self.rpc.call(f"{wizard}.execute", session, {}, "start", context=context)
        start = _plain(told["view"]["defaults"])
        [method] = self.rpc.call("model.account.invoice.payment.method.search", [["name", "=", "Bank"]])
        start |= {"amount": amount, "payment_method": method, "date": self.today}
        told = self.rpc.call(f"{wizard}.execute", session, {"start": start}, "choice", context=context)
        if told.get("view"):
            ask = {**_plain(told["view"]["defaults"]), "type": "partial"}
            self.rpc.call(f"{wizard}.execute", session, {"start": start, "ask": ask}, "pay", context=context)

    def shipments(self, sale: int) -> list[int]:
        """The shipments of a sale, the oldest first."""
        return sorted(int(one) for one in self.rpc.read("sale.sale", [sale], ["shipments"])[sale]["shipments"])

    def pick_less(self, shipment: int, quantity: Decimal) -> None:
        """Of its first line, the clerk will find so many only: the rest gets a shipment of its own."""
        [row] = self.rpc.search_read("stock.shipment.out", [["id", "=", shipment]], ["inventory_moves"])
        self.rpc.call("model.stock.move.write", row["inventory_moves"][:1], {"quantity": Float(quantity)})

    def handle(self, shipments: Sequence[int], *buttons: str) -> None:
        """Presses buttons of shipments; without any: through the warehouse and out of the house."""
        for button in buttons or WAREHOUSE:
            self.rpc.call(f"model.stock.shipment.out.{button}", list(shipments))


def _plain(defaults: Row) -> Row:
    """A wizard's defaults as it takes them back: without what is only shown; days as days."""
    kept = {name: value for name, value in defaults.items() if "." not in name}
    return {name: date.fromisoformat(it) if "date" in name and it else it for name, it in kept.items()}


def active(model: str, record_id: int) -> Row:
    """The context of a wizard that is started on a record."""
    return {"active_model": model, "active_id": record_id, "active_ids": [record_id]}


# --- the first day ------------------------------------------------------------------------------------------------


def books_are_empty(clerk: Clerk) -> bool:
    """Whether nothing was ever invoiced."""
    return clerk.rpc.search_count("account.invoice", [["number", "!=", None]]) == 0


def limit_credit(clerk: Clerk) -> str:
    """Gives every twentieth customer a credit limit. Returns what was done, in words."""
    own = clerk.rpc.read("company.company", [clerk.rpc.company()], ["party"])[clerk.rpc.company()]["party"]
    parties = [int(row["id"]) for row in clerk.rpc.search_read("party.party", [["id", "!=", own]], ["name"])]
    chosen = parties[:MOST][::LIMITED_EVERY]
    clerk.limit(chosen, LIMIT)
    return f"the clerk limits the credit of {len(chosen)} customers: an order beyond it will be held"


def bill_and_collect(clerk: Clerk) -> str:
    """Invoices and ships every twelfth confirmed order; of three customers one pays, one pays half, one nothing."""
    open_ = [["state", "=", "processing"], ["invoice_state", "=", "pending"]]
    rows = clerk.rpc.search_read("sale.sale", open_, ["number"], limit=MOST)
    sales = [int(row["id"]) for row in rows][::WORKED_EVERY]
    invoices = [one for part in _parts(sales) for one in clerk.bill(part)]
    paid = sum(_collect(clerk, invoice, place=place) for place, invoice in enumerate(invoices))
    shipments = _deliver(clerk, sales)
    return f"the clerk invoices {len(invoices)} orders, {paid} customers pay, and {shipments} shipments leave"


def _collect(clerk: Clerk, invoice: int, *, place: int) -> int:
    if place % 3 == 2:
        return 0
    row = clerk.rpc.read("account.invoice", [invoice], ["amount_to_pay", "currency.code"])[invoice]
    currency = str(row["currency."]["code"])
    owed_minor = to_minor(row["amount_to_pay"], currency)
    clerk.pay(invoice, from_minor(owed_minor if place % 3 == 0 else owed_minor // 2, currency))
    return 1


def _deliver(clerk: Clerk, sales: Sequence[int]) -> int:
    """All goods but one piece, which nobody finds: it is left for a second shipment."""
    sent = [one for sale in sales for one in clerk.shipments(sale)]
    waiting = [["id", "in", sent], ["state", "=", "waiting"]]
    rows = clerk.rpc.search_read("stock.shipment.out", waiting, ["inventory_moves.quantity"])
    found = {int(row["id"]): row["inventory_moves."][0]["quantity"] for row in rows}
    for shipment in [one for one, pieces in found.items() if pieces > 1][:1]:
        clerk.pick_less(shipment, found[shipment] - 1)
    for part in _parts(list(found)):
        clerk.handle(part)
    return len(found)


def _parts(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


TASKS = {"books_are_empty": books_are_empty, "limit_credit": limit_credit, "bill_and_collect": bill_and_collect}


def main() -> None:
    """Reads ``{"host", "database", "password", "today", "task"}``; prints what the task says, as JSON."""
    told: Mapping[str, str] = json.load(sys.stdin)
    connection = Connection("tryton", "tryton", told["host"], "admin", told["password"], schema=told["database"])
    rpc = Rpc(read_config(connection), Ports(), Limits(attempts=8))
    try:
        said: Any = TASKS[told["task"]](Clerk(rpc, date.fromisoformat(told["today"])))
    except IsthmusError as error:
        sys.exit(str(error))
    rpc.close()
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
