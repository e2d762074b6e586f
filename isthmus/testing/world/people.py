"""What people do while Isthmus works: sales in the CRM, clerks in the ERP. Each act is chosen by the world's dice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from isthmus.connect.protocol import Change
from isthmus.db import writing
from isthmus.erp import allocating, clerk, invoicing, ledger
from isthmus.erp.desk import Desk, sit_down
from isthmus.erp.intake import write as take_in
from isthmus.kernel.clock import business_day
from isthmus.kernel.errors import Refused
from isthmus.testing.world.shelf import Thing
from isthmus.testing.world.world import World

SALES, CLERK = "sales:ada", "clerk:berta"
Act = Callable[[], str | None]


class People:
    """Sales and clerks of one world. An act answers what was done, or None when there was nothing to do it to."""

    def __init__(self, world: World) -> None:
        self.world, self.crm, self.dice = world, world.crm, world.dice

    def one_of(self, stream: str, *, deleted: bool = False) -> Thing | None:
        """Any record that is there (or in the bin) and that nobody's open transaction locks."""
        found = [
            one
            for one in self.crm.things[stream].values()
            if one.deleted is deleted and not self.crm.is_locked(one.id) and not one.merged_into
        ]
        return self.dice.choice(found) if found else None

    def remember(self, place: tuple[str, str, str], side: str, value: str | None) -> None:
        """Who entered what both sides may edit: the auditor judges by it. None: nobody can say what came last."""
        self.world.edited.setdefault(place, set()).add(side)
        known = self.world.last_said.get(place, "")
        self.world.last_said[place] = None if known is None else value

    # --- sales ----------------------------------------------------------------------------------------------------

    def win_customer(self) -> str:
        fields: dict[str, Any] = {"Name": self.world.say("N"), "Currency": "EUR", "Phone": self.world.say("P")}
        fields["Type"] = "Customer" if self.dice.random() < 0.8 else "Prospect"
        fields["Tax"] = self.world.say("T") if self.dice.random() < 0.6 else None
        parent = self.one_of("Account") if self.dice.random() < 0.3 else None
        fields["Parent"] = parent.id if parent else None
        if self.dice.random() < 0.1:
            fields["Currency"] = "EUX"
        if "late_commit" in self.world.weather.kinds and self.dice.random() < 0.4:
            return f"opens a transaction: account {self._enter_late('Account', fields)}"
        return f"enters account {self.crm.enter('Account', SALES, fields)} {fields}"

    def _enter_late(self, stream: str, fields: dict[str, Any]) -> str:
        return self.crm.begin_entry(stream, SALES, fields, lasts=self._lateness())

    def _lateness(self) -> timedelta:
        """Mostly within what a read looks back; now and then far beyond it."""
        if "very_late" in self.world.weather.kinds and self.dice.random() < 0.3:
            self.world.fell_behind = True
            return timedelta(hours=self.dice.randrange(1, 30))
        return timedelta(seconds=self.dice.randrange(5, 540))

    def edit_account(self) -> str | None:
        """One field of an account: renamed, called, moved in or out of the filter, corrected."""
        thing = self.one_of("Account")
        if thing is None:
            return None
        name, value = self.dice.choice(
            [
                ("Name", self.world.say("N")),
                ("Phone", self.world.say("P")),
                ("Type", "Prospect" if thing.fields["Type"] == "Customer" else "Customer"),
                ("Currency", "EUR"),
                ("Name", "N" * 201 if self.dice.random() < 0.3 else self.world.say("N")),
            ]
        )
        if name == "Phone":
            return self._edit_shared(thing, "Account", ("customer", thing.id, "phone"), value=value)
        return self._edit(thing, "Account", {name: value})

    def _edit_shared(self, thing: Thing, stream: str, place: tuple[str, str, str], *, value: str) -> str:
        """An edit of what the ERP may edit too. In a late transaction nobody knows which came last."""
        locked = len(self.crm.savings)
        done = self._edit(thing, stream, {"Phone" if place[2] == "phone" else "PoNumber": value})
        self.remember(place, "crm", None if len(self.crm.savings) > locked else value)
        return done

    def _edit(self, thing: Thing, stream: str, fields: dict[str, Any]) -> str:
        if "late_commit" in self.world.weather.kinds and self.dice.random() < 0.3:
            self.crm.begin(SALES, [(stream, thing.id, fields)], self._lateness())
            return f"opens a transaction: {thing.id} {fields}"
        self.crm.edit(stream, thing.id, SALES, **fields)
        return f"edits {thing.id} {fields}"

    def share_tax(self) -> str | None:
        """Two accounts of one company, or one again."""
        thing, other = self.one_of("Account"), self.one_of("Account")
        if thing is None or other is None:
            return None
        tax = other.fields["Tax"] if self.dice.random() < 0.5 else self.world.say("T")
        return self._edit(thing, "Account", {"Tax": tax})

    def misnumber(self) -> str | None:
        """Sales edits what the ERP owns."""
        thing = self.one_of("Account")
        if thing is None:
            return None
        self.world.meddled.add(("customer", thing.id))
        self.crm.edit("Account", thing.id, SALES, Number=self.world.say("X"))
        return f"misnumbers {thing.id}"

    def delete(self) -> str | None:
        stream = self.dice.choice(("Account", "Order", "Order", "Invoice", "Payment"))
        thing = self.one_of(stream)
        if thing is None:
            return None
        self.crm.delete(stream, thing.id, SALES)
        return f"deletes {thing.id}"

    def undelete(self) -> str | None:
        stream = self.dice.choice(("Account", "Order"))
        thing = self.one_of(stream, deleted=True)
        if thing is None or not self.crm.shows(thing):
            return None
        self.crm.undelete(stream, thing.id, SALES)
        return f"undeletes {thing.id}"

    def merge(self) -> str | None:
        winner, loser = self.one_of("Account"), self.one_of("Account")
        if winner is None or loser is None or winner.id == loser.id:
            return None
        self.crm.merge(winner.id, loser.id, SALES)
        return f"merges {loser.id} into {winner.id}"

    def take_order(self) -> str | None:
        account, product = self.one_of("Account"), self.one_of("Product")
        if account is None or product is None:
            return None
        fields = {"Account": account.id, "Day": self.today(), "Currency": "EUR", "PoNumber": self.world.say("O")}
        fields["Status"] = "Activated" if self.dice.random() < 0.8 else "Draft"
        lines = [
            {"key": f"L{number}", "Product": product.id, "Quantity": Decimal(self.dice.randrange(1, 4)),
             "Price": Decimal(self.dice.choice(("9.99", "10", "0.335")))}
            for number in range(self.dice.randrange(1, 3))
        ]  # fmt: skip
        return f"enters order {self.crm.enter('Order', SALES, fields, lines=lines)} of {account.id}"

    def today(self) -> str:
        return business_day(self.world.clock.now(), "UTC").isoformat()

    def edit_order(self) -> str | None:
        thing = self.one_of("Order")
        if thing is None:
            return None
        act = self.dice.randrange(4)
        if act == 0:
            status = "Draft" if thing.fields["Status"] == "Activated" else "Activated"
            return self._edit(thing, "Order", {"Status": status})
        if act == 1:
            return self._edit_shared(thing, "Order", ("order", thing.id, "po_number"), value=self.world.say("O"))
        if act == 2:
            self.world.meddled.add(("order", thing.id))
            self.crm.edit("Order", thing.id, SALES, ErpStatus=self.dice.choice(("draft", "closed")))
            return f"says of {thing.id} what the ERP should say"
        quantity = Decimal(self.dice.randrange(1, 9))
        thing.lines = [{**thing.lines[0], "Quantity": quantity}, *thing.lines[1:]]
        self.crm.touch(thing, SALES)
        return f"{thing.id} is for {quantity} now"

    # --- clerks ---------------------------------------------------------------------------------------------------

    def edit_customer(self) -> str | None:
        """A clerk edits what both may edit, or what is not theirs to edit."""
        name = self.dice.choice(("phone", "name"))
        return self._edit_erp("customer", name, self.world.say("P" if name == "phone" else "K"))

    def edit_erp_order(self) -> str | None:
        return self._edit_erp("order", "customer_reference", self.world.say("O"))

    def _edit_erp(self, stream: str, name: str, value: str) -> str | None:
        pairs = self.pairs(stream)
        if not pairs:
            return None
        crm_id, erp_id = self.dice.choice(pairs)
        done = self.enter(stream, erp_id, **{name: value})
        if name == "name":
            self.world.meddled.add((stream, crm_id))
        elif done and "may not" not in done:
            self.remember((stream, crm_id, "phone" if name == "phone" else "po_number"), "erp", value)
        return done

    def enter(self, stream: str, erp_id: str, **fields: str) -> str | None:
        """A clerk edits a record, in whichever ERP there is."""
        what = f"edits {stream} {erp_id} {' '.join(map(' '.join, fields.items()))}"
        if self.world.is_weak:
            self.world.weak.edit(stream, erp_id, CLERK, **fields)
            return f"the clerk {what}"
        return self.at_desk(what, lambda desk: self.take(desk, stream, erp_id=erp_id, fields=fields))

    def take(self, desk: Desk, stream: str, *, erp_id: str, fields: dict[str, Any]) -> None:
        """Writes a record as a clerk who edits it by hand: under the key that it has. Raises Refused."""
        query = "SELECT key FROM erp_external_key WHERE stream = ? AND record_id = ? AND status = 'live'"
        key = desk.connection.exec_driver_sql(query, (stream, int(erp_id))).scalar()
        if key is None:
            return
        (answer,) = take_in(desk, stream, [Change("update", str(key), fields, id=erp_id)])
        if answer.fault is not None:
            raise Refused(answer.fault.where, answer.fault.what, answer.fault.remedy)

    def pairs(self, entity: str) -> list[tuple[str, str]]:
        """Bound pairs: CRM id, ERP id."""
        look = self.world.disk.look()
        rows = look.execute(
            "SELECT crm_id, erp_id FROM state_binding WHERE entity = ? ORDER BY id", (entity,)
        ).fetchall()
        look.close()
        return [(row["crm_id"], row["erp_id"]) for row in rows if row["erp_id"]]

    def at_desk(self, what: str, work: Callable[[Desk], object]) -> str | None:
        """A clerk of the built-in ERP works in one transaction; what the ERP refuses is not done."""
        if self.world.is_weak:
            return None
        try:
            with self.world.offstage(), writing(self.world.disk.engine) as connection:
                work(sit_down(connection, by=CLERK, clock=self.world.clock))
        except Refused as error:
            return f"the clerk may not: {what}: {error}"
        return f"the clerk {what}"

    def hold(self) -> str | None:
        pairs = self.pairs("customer")
        if not pairs:
            return None
        erp_id = self.dice.choice(pairs)[1]
        lifts = self.dice.random() < 0.5
        if self.world.is_weak:
            self.world.weak.hold(erp_id, held=not lifts)
            return f"the clerk {'lifts' if lifts else 'holds'} {erp_id}"
        if lifts:
            return self.at_desk(f"lifts {erp_id}", lambda desk: clerk.lift(desk, erp_id))
        return self.at_desk(f"holds {erp_id}", lambda desk: clerk.hold(desk, erp_id, "late"))

    def limit(self) -> str | None:
        pairs = self.pairs("customer")
        if not pairs or self.world.is_weak:
            return None
        erp_id, amount = self.dice.choice(pairs)[1], self.dice.choice((None, 0, 2000, 5000, 100_000))
        return self.at_desk(f"limits {erp_id} to {amount}", lambda desk: clerk.limit(desk, erp_id, amount))

    def bill(self) -> str | None:
        """An order is invoiced, paid, credited or cancelled."""
        pairs = self.pairs("order")
        if not pairs or self.world.is_weak:
            return None
        erp_id = self.dice.choice(pairs)[1]
        act = self.dice.choice(("invoice", "invoice", "pay", "cancel", "credit"))
        if act == "invoice":
            return self.at_desk(f"invoices {erp_id}", lambda desk: invoicing.invoice(desk, erp_id))
        if act == "cancel":
            self.world.cancelled.add(erp_id)
            return self.at_desk(f"cancels {erp_id}", lambda desk: clerk.cancel(desk, erp_id))
        if act == "credit":
            return self.at_desk("credits an invoice", self._credit)
        return self.at_desk("books a payment", self._pay)

    def _pay(self, desk: Desk) -> None:
        customer = self.dice.choice(self.pairs("customer"))[1]
        amount = self.dice.choice((500, 999, 2500))
        allocating.pay(desk, customer, amount_minor=amount, currency="EUR")

    def _credit(self, desk: Desk) -> None:
        query = "SELECT number FROM erp_invoice WHERE kind = 'invoice' ORDER BY id"
        numbers = [row[0] for row in desk.connection.exec_driver_sql(query)]
        if numbers:
            invoicing.credit_note(desk, self.dice.choice(numbers))

    def close_books(self) -> str | None:
        month = self.today()[:7]
        return self.at_desk(f"closes {month}", lambda desk: ledger.close_period(desk, month))

    def acts(self) -> list[tuple[int, Act]]:
        """What people may do, with its weight; some only where the seed enables it."""
        kinds = self.world.weather.kinds
        always: list[tuple[int, Act]] = [(3, self.win_customer), (5, self.edit_account), (5, self.take_order),
                                         (4, self.edit_order), (1, self.misnumber)]  # fmt: skip
        chosen = {
            "delete": [(2, self.delete), (2, self.undelete)],
            "merge": [(2, self.merge)],
            "shared_tax": [(1, self.share_tax)],
            "erp_edits": [(4, self.edit_customer), (2, self.edit_erp_order)],
            "holds": [(3, self.hold), (2, self.limit)],
            "books": [(6, self.bill)],
            "closing": [(1, self.close_books)],
        }
        return always + [act for kind, acts in chosen.items() if kind in kinds for act in acts]

    def act(self) -> None:
        """One act, by weight."""
        acts = self.acts()
        (chosen,) = self.dice.choices([one for _, one in acts], [weight for weight, _ in acts])
        done = chosen()
        if done is not None:
            self.world.tell(done)
