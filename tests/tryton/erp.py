"""A Tryton of a test: our connector, and a clerk who works in it as administrator."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from connectors.tryton import Connector
from connectors.tryton.clerk import Clerk, active
from connectors.tryton.config import STANDARD, read_config
from connectors.tryton.rpc import Rpc
from isthmus.cli.tryton_server import REFERENCE, Postgres, Server
from isthmus.connect.http import Limits, Ports
from isthmus.connect.protocol import Answer, Change
from isthmus.kernel.clock import SetClock, SystemClock
from isthmus.kernel.records import Fields, Record
from isthmus.kernel.selection import Selection

_NUMBERS = count(1)


@dataclass
class Erp:
    """One database and its server. ``clock`` stands still at one of the machine's days: Tryton has no other."""

    server: Server
    database: str
    template: str
    postgres: Postgres
    clock: SetClock = field(default_factory=lambda: SetClock(SystemClock().now()))
    opened: list[Any] = field(default_factory=list)

    @property
    def extra(self) -> dict[str, str]:
        """What a connection to it says beyond address and user. Invented tax numbers have no check digits."""
        return {"tax_id_type": ""} | ({"reference": "isthmus_reference"} if self.template == REFERENCE else {})

    def connect(self, **ports: Any) -> Connector:
        """Another connector, as another process would have."""
        connector = Connector(self.server.connection(self.database, **self.extra), **{"clock": self.clock, **ports})
        self.opened.append(connector)
        return connector

    @property
    def connector(self) -> Connector:
        if not hasattr(self, "_connector"):
            self._connector = self.connect()
        return self._connector

    @property
    def clerk(self) -> Rpc:
        """The administrator's own calls."""
        if not hasattr(self, "_clerk"):
            connection = self.server.connection(self.database, "admin")
            self._clerk = Rpc(read_config(connection), Ports(), Limits())
            self.opened.append(self._clerk)
        return self._clerk

    @property
    def today(self) -> date:
        return self.connector.rpc.day_of(self.clock.now())

    def day(self, days: int = 0) -> str:
        """A day from today, as records have it."""
        return (self.today + timedelta(days=days)).isoformat()

    def close(self) -> None:
        """Ends its server, without ceremony: the database goes with the folder of all of them."""
        for one in self.opened:
            one.close()
        self.server.kill()
        shutil.rmtree(self.server.config.parent, ignore_errors=True)

    # --- what the CRM wants ---------------------------------------------------------------------------------------

    def write(self, stream: str, *changes: Change) -> list[Answer]:
        return self.connector.write(stream, changes)

    def one(self, stream: str, record_id: str | None) -> Record:
        """A record as it is now."""
        [record] = self.connector.fetch(Selection(stream, ()), [str(record_id)])
        return record

    def customer(self, name: str = "Aurora Lighting", **fields: Any) -> str:
        """Enters a customer; returns the party's id."""
        [answer] = self.write("customer", customer(name, **fields))
        assert answer.result == "created", answer
        return str(answer.id)

    def product(self, name: str = "Harbour lamp", price: str = "10.00") -> str:
        [answer] = self.write("product", product(name, price))
        assert answer.result == "created", answer
        return str(answer.id)

    def order(self, party: str, item: str, **more: Any) -> str:
        """Enters an order of 10 EUR net a piece; returns the sale's id."""
        [answer] = self.write("order", order(party, item, **more))
        assert answer.result == "created", answer
        return str(answer.id)

    # --- what the clerk does --------------------------------------------------------------------------------------

    @property
    def desk(self) -> Clerk:
        """What a clerk does today."""
        return Clerk(self.clerk, self.today)

    def limit(self, party: str, amount: str | None) -> None:
        self.desk.limit([int(party)], None if amount is None else Decimal(amount))

    def press(self, button: str, sale: str) -> None:
        self.desk.press(button, [int(sale)])

    def bill(self, sale: str) -> str:
        """Posts the invoice of a sale, dated today; returns its id."""
        [invoice] = self.desk.bill([int(sale)])
        return str(invoice)

    def pay(self, invoice: str, amount: str) -> None:
        """A payment by bank, today, of the whole invoice or a part of it."""
        self.desk.pay(int(invoice), Decimal(amount))

    def receive(self, party: str, amount: str) -> None:
        """Cash of a customer's, booked without saying for what; then reconciled with all that he owes."""
        cash, [journal] = (
            self._account("code", "1.1.1"),
            self.clerk.call("model.account.journal.search", [["type", "=", "cash"]]),
        )
        paid = {"account": self._account("type.receivable", True), "party": int(party), "credit": Decimal(amount)}
        self._post(journal, {**paid, "debit": Decimal(0)}, {"account": cash, "debit": Decimal(amount)})
        owed = [["party", "=", int(party)], ["account.type.receivable", "=", True], ["reconciliation", "=", None]]
        lines = self.clerk.call("model.account.move.line.search", owed)
        wizard = "wizard.account.move.reconcile_lines"
        context = {"active_model": "account.move.line", "active_id": lines[0], "active_ids": lines}
        session, *_ = self.clerk.call(f"{wizard}.create", context=context)
        self.clerk.call(f"{wizard}.execute", session, {}, "start", context=context)

    def merge(self, winner: str, loser: str) -> None:
        """Two parties become one."""
        session = self.clerk.call("wizard.party.replace.create")[0]
        names = {"source": int(loser), "destination": int(winner)}
        context = active("party.party", int(loser))
        self.clerk.call("wizard.party.replace.execute", session, {"ask": names}, "replace", context=context)

    def credit(self, invoice: str) -> str:
        """Credits an invoice whole; returns the id of the posted credit note."""
        wizard, context = "wizard.account.invoice.credit", active("account.invoice", int(invoice))
        session, *_ = self.clerk.call(f"{wizard}.create", context=context)
        start = {"with_refund": False, "with_refund_allowed": True, "invoice_date": self.today}
        self.clerk.call(f"{wizard}.execute", session, {"start": start}, "credit", context=context)
        notes = [
            ["total_amount", "<", Decimal(0)],
            ["lines.origin.invoice.id", "=", int(invoice), "account.invoice.line"],
        ]
        [note] = self.clerk.call("model.account.invoice.search", notes)
        self.clerk.call("model.account.invoice.post", [note])
        return str(note)

    def owes(self, party: str, amount: str, due: str) -> None:
        """An opening balance: the party owes an amount since a day."""
        [journal] = self.clerk.call("model.account.journal.search", [["code", "=", "MISC"]])
        debt = {"account": self._account("type.receivable", True), "party": int(party), "debit": Decimal(amount)}
        sold = {"account": self._account("type.revenue", True), "credit": Decimal(amount)}
        self._post(journal, {**debt, "maturity_date": date.fromisoformat(due)}, sold)

    def _account(self, field: str, value: Any) -> int:
        domain = [[field, "=", value], ["closed", "!=", True]]
        return int(self.clerk.call("model.account.account.search", domain, 0, 1)[0])

    def _post(self, journal: int, *lines: dict[str, Any]) -> None:
        """A move of today."""
        periods = [["start_date", "<=", self.today], ["end_date", ">=", self.today]]
        [period] = self.clerk.call("model.account.period.search", periods, 0, 1)
        rows = [{"debit": Decimal(0), "credit": Decimal(0), **line} for line in lines]
        move = {"journal": journal, "period": period, "date": self.today, "lines": [["create", rows]]}
        self.clerk.call("model.account.move.post", self.clerk.call("model.account.move.create", [move]))

    def sale(self, sale: str, *columns: str) -> dict[str, Any]:
        return self.clerk.read("sale.sale", [int(sale)], columns)[int(sale)]

    def count(self, model: str, *domain: Sequence[Any]) -> int:
        return int(self.clerk.call(f"model.{model}.search_count", list(domain)))


def read(erp: Erp, stream: str, since: str | None = None) -> tuple[dict[str, Record], str]:
    """All that moved, each once, and the watermark."""
    pages = list(erp.connector.read(Selection(stream, ()), since, timedelta(0)))
    records = [record for page in pages for record in page.records]
    assert sum(page.read for page in pages) == len(records) == len({record.id for record in records})
    assert [page.complete_to for page in pages if page.complete_to is None] == []
    return {record.id: record for record in records}, str(pages[-1].complete_to)


def key(stream: str) -> str:
    """An external key of a record that nobody had yet."""
    return f"00D000000000001EAA/{stream}/{next(_NUMBERS):015d}AAA"


def customer(name: str = "Aurora Lighting", **fields: Any) -> Change:
    given: Fields = {
        "name": name, "currency": "EUR", "terms": "Net 30 days", "phone": "+1 555 1",
        "billing": {"street": "Harbour Road 1", "city": "Kiel", "postal_code": "24103", "country": "DE"},
        "shipping": dict.fromkeys(("street", "city", "postal_code", "country")),
        "contact": {"first_name": "Ada", "last_name": "Alder", "email": "ada@aurora.example", "phone": None},
    }  # fmt: skip
    return Change("create", key("Account"), {**given, **fields})


def product(name: str = "Harbour lamp", price: str = "10.00", **fields: Any) -> Change:
    given: Fields = {
        "name": name, "sku": f"SKU-{next(_NUMBERS)}", "description": "It shines", "unit": "Unit",
        "tax_category": "Standard", "active": True,
    }  # fmt: skip
    return Change("create", key("Product2"), {**given, **fields}, [price_line(STANDARD, price)])


def price_line(price_list: str, price: str, **more: Any) -> Fields:
    given = {
        "key": price_list,
        "price_list": price_list,
        "currency": "EUR",
        "unit_price": Decimal(price),
        "active": True,
    }
    return {**given, **more}


def _day_of_the_machine() -> str:
    """Any day would do; Tryton has currency rates and periods for those around today."""
    return SystemClock().now().date().isoformat()


def order(party: str, item: str, *, quantity: str = "1", price: str | None = "10.00", **fields: Any) -> Change:
    given: Fields = {
        "customer_id": party, "order_date": _day_of_the_machine(), "currency": "EUR", "customer_reference": "PO-1",
    }  # fmt: skip
    return Change("create", key("Order"), {**given, **fields}, [line(item, quantity, price)])


def quote(party: str, item: str, **fields: Any) -> Change:
    given: Fields = {
        "customer_id": party, "quote_date": _day_of_the_machine(), "valid_until": "2126-12-24", "currency": "EUR",
        "customer_reference": "Lamps for the harbour",
    }  # fmt: skip
    return Change("create", key("Quote"), {**given, **fields}, [line(item, "3", "19.99")])


def line(item: str, quantity: str, price: str | None) -> Fields:
    return {
        "key": f"802{next(_NUMBERS)}", "product_id": item, "quantity": Decimal(quantity),
        "unit_price": None if price is None else Decimal(price), "description": "Lamp",
    }  # fmt: skip


def update(change: Change, record_id: str, *, lines: list[Fields] | None = None, **fields: Any) -> Change:
    return Change("update", change.key, fields, lines, record_id)
