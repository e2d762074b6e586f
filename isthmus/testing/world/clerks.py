"""What clerks do in the ERP while Isthmus works. Each act answers what was done, or None when there was nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from isthmus.connect.protocol import Change
from isthmus.db import writing
from isthmus.erp import allocating, clerk, invoicing, ledger, reversing
from isthmus.erp.desk import Desk, sit_down
from isthmus.erp.intake import write as take_in
from isthmus.kernel.clock import business_day
from isthmus.kernel.errors import Refused, Unavailable
from isthmus.testing.world.world import World

CLERK = "clerk:berta"
ONE = 10**6  # of a line's quantity, in micros


class Clerks:
    """The clerks of one world."""

    def __init__(self, world: World) -> None:
        self.world, self.dice = world, world.dice

    def acts(self) -> list[tuple[int, str, Callable[[], str | None]]]:
        """Weight, kinds of trouble, act."""
        return [
            (4, "erp_edits", self.edit_customer), (2, "erp_edits", self.edit_order),
            (3, "holds", self.hold), (3, "limits", self.limit), (5, "families", self.share),
            (1, "foreign_orders", self.enter_rate), (4, "books credits", self.invoice),
            (3, "books reversals refunds", self.pay), (5, "part_invoiced", self.invoice_in_part),
            (5, "credits", self.credit), (2, "reversals", self.reverse), (1, "refunds", self.refund),
            (3, "cancels", self.cancel), (1, "closing", self.close_books),
        ]  # fmt: skip

    # --- records --------------------------------------------------------------------------------------------------

    def edit_customer(self) -> str | None:
        """A clerk edits what both may edit, or what is not theirs to edit."""
        name = self.dice.choice(("phone", "name"))
        return self._edit("customer", name, self.world.say("P" if name == "phone" else "K"))

    def edit_order(self) -> str | None:
        return self._edit("order", "customer_reference", self.world.say("O"))

    def _edit(self, stream: str, name: str, value: str) -> str | None:
        pair = self._one_of(stream)
        if pair is None:
            return None
        crm_id, erp_id = pair
        done = self.enter(stream, erp_id, **{name: value})
        if name == "name":
            self.world.meddled.add((stream, crm_id))
        elif done and "may not" not in done:
            self.world.remember_edit((stream, crm_id, "phone" if name == "phone" else "po_number"), "erp", value)
        return done

    def _one_of(self, entity: str) -> tuple[str, str] | None:
        pairs = self.world.pairs(entity)
        return self.dice.choice(pairs) if pairs else None

    def enter(self, stream: str, erp_id: str, **fields: str) -> str | None:
        """A clerk edits a record, in whichever ERP there is."""
        what = f"edits {stream} {erp_id} {' '.join(map(' '.join, fields.items()))}"
        if self.world.is_weak:
            self.world.weak.edit(stream, erp_id, CLERK, **fields)
            return f"the clerk {what}"
        return self.at_desk(what, lambda desk: self.take(desk, stream, erp_id=erp_id, fields=fields))

    def take(self, desk: Desk, stream: str, *, erp_id: str, fields: dict[str, Any]) -> None:
        """Writes a record as a clerk who edits it by hand: under the key that it has. Raises Refused."""
        query = text("SELECT key FROM erp_external_key WHERE stream = :stream AND record_id = :id AND status = 'live'")
        key = desk.connection.execute(query, {"stream": stream, "id": int(erp_id)}).scalar()
        if key is None:
            return
        (answer,) = take_in(desk, stream, [Change("update", str(key), fields, id=erp_id)])
        if answer.fault is not None:
            raise Refused(answer.fault.where, answer.fault.what, answer.fault.remedy)

    def at_desk(self, what: str, work: Callable[[Desk], object]) -> str | None:
        """A clerk of the built-in ERP works in one transaction; what the ERP refuses, or is busy with, is not done."""
        if self.world.is_weak:
            return None
        self.world.sittings += 1
        try:
            with self.world.offstage(), writing(self.world.disk.engine) as connection:
                work(sit_down(connection, by=CLERK, clock=self.world.clock))
        except (Refused, Unavailable) as error:
            return f"the clerk may not: {what}: {error}"
        return f"the clerk {what}"

    # --- credit ---------------------------------------------------------------------------------------------------

    def hold(self) -> str | None:
        pair = self._one_of("customer")
        if pair is None:
            return None
        erp_id, lifts = pair[1], self.dice.random() < 0.5
        if self.world.is_weak:
            self.world.weak.hold(erp_id, held=not lifts)
            return f"the clerk {'lifts' if lifts else 'holds'} {erp_id}"
        if lifts:
            return self.at_desk(f"lifts {erp_id}", lambda desk: clerk.lift(desk, erp_id))
        return self.at_desk(f"holds {erp_id}", lambda desk: clerk.hold(desk, erp_id, "late"))

    def limit(self) -> str | None:
        pair, amount = self._one_of("customer"), self.dice.choice((None, 0, 2000, 5000, 100_000))
        if pair is None:
            return None
        return self.at_desk(f"limits {pair[1]} to {amount}", lambda desk: clerk.limit(desk, pair[1], amount))

    def share(self) -> str | None:
        """A customer shares its parent's limit, or has its own again; some parents get a limit first."""
        query = "SELECT id, parent_id FROM erp_customer WHERE parent_id IS NOT NULL ORDER BY id"
        found = self._rows(query)
        if not found:
            return None
        (child, parent), shares = self.dice.choice(found), self.dice.random() < 0.7
        amount = self.dice.choice((None, 3000, 9000))

        def work(desk: Desk) -> None:
            clerk.limit(desk, str(parent), amount)
            clerk.share(desk, str(child), shares=shares)

        return self.at_desk(f"lets {child} {'share' if shares else 'not share'} {parent}'s limit of {amount}", work)

    def enter_rate(self) -> str | None:
        value = self.dice.choice(("0.9", "1.1", "0.05"))
        return self.at_desk(f"enters a rate of {value}", lambda desk: clerk.rate(desk, "USD", "EUR", value=value))

    # --- books ----------------------------------------------------------------------------------------------------

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.world.ask(query)]

    def invoice(self) -> str | None:
        pair = self._one_of("order")
        return self.at_desk(f"invoices {pair[1]}", lambda desk: invoicing.invoice(desk, pair[1])) if pair else None

    def invoice_in_part(self) -> str | None:
        """One piece of an order's first line."""
        pair = self._one_of("order")
        if pair is None:
            return None
        what = f"invoices one piece of {pair[1]}"
        return self.at_desk(what, lambda desk: invoicing.invoice(desk, pair[1], {"L0": ONE}))

    def cancel(self) -> str | None:
        pair = self._one_of("order")
        if pair is None or self.world.is_weak:
            return None
        self.world.cancelled.add(pair[1])
        return self.at_desk(f"cancels {pair[1]}", lambda desk: clerk.cancel(desk, pair[1]))

    def pay(self) -> str | None:
        pair, amount = self._one_of("customer"), self.dice.choice((500, 999, 2500))
        if pair is None:
            return None
        return self.at_desk(
            f"books a payment of {amount} by {pair[1]}",
            lambda desk: allocating.pay(desk, pair[1], amount_minor=amount, currency="EUR"),
        )

    def credit(self) -> str | None:
        number = self._number("SELECT number FROM erp_invoice WHERE kind = 'invoice' ORDER BY id")
        return self.at_desk(f"credits {number}", lambda desk: invoicing.credit_note(desk, number)) if number else None

    def reverse(self) -> str | None:
        number = self._number("SELECT number FROM erp_payment WHERE amount_minor > 0 ORDER BY id")
        if not number:
            return None
        return self.at_desk(f"reverses {number}", lambda desk: reversing.reverse(desk, number, "it bounced"))

    def refund(self) -> str | None:
        number = self._number("SELECT number FROM erp_payment WHERE amount_minor > 0 ORDER BY id")
        if not number:
            return None
        return self.at_desk(f"pays {number} back", lambda desk: reversing.refund(desk, number, 100))

    def _number(self, query: str) -> str:
        numbers = [] if self.world.is_weak else self._rows(query)
        return str(self.dice.choice(numbers)[0]) if numbers else ""

    def close_books(self) -> str | None:
        month = business_day(self.world.clock.now(), "UTC").isoformat()[:7]
        return self.at_desk(f"closes {month}", lambda desk: ledger.close_period(desk, month))
