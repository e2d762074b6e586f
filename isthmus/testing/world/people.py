"""What people do while Isthmus works. Each act is chosen by the world's dice; those of sales in the CRM stand here."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from isthmus.kernel.clock import business_day
from isthmus.testing.world.administrators import Administrators
from isthmus.testing.world.clerks import Clerks
from isthmus.testing.world.operators import Operators
from isthmus.testing.world.shelf import Thing
from isthmus.testing.world.world import World

SALES = "sales:ada"
Act = Callable[[], str | None]


class People:
    """Everybody of one world. An act answers what was done, or None when there was nothing to do it to."""

    def __init__(self, world: World) -> None:
        self.world, self.crm, self.dice = world, world.crm, world.dice
        self.clerks, self.operators, self.administrators = Clerks(world), Operators(world), Administrators(world)

    def one_of(self, stream: str, *, deleted: bool = False) -> Thing | None:
        """Any record that is there (or in the bin) and that nobody's open transaction locks."""
        found = [
            one for one in self.crm.things[stream].values() if one.deleted is deleted and not self.crm.is_locked(one.id)
        ]
        return self.dice.choice(found) if found else None

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
            self.world.note("very_late")
            return timedelta(hours=self.dice.randrange(1, 30))
        self.world.note("late_commit")
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
        self.world.remember_edit(place, "crm", None if len(self.crm.savings) > locked else value)
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
        stream, thing = self._any()
        if thing is None:
            return None
        self.crm.delete(stream, thing.id, SALES)
        return f"deletes {thing.id}"

    def _any(self) -> tuple[str, Thing | None]:
        stream = self.dice.choice(("Account", "Quote", "Order", "Order", "Invoice", "Payment"))
        return stream, self.one_of(stream)

    def delete_hard(self) -> str | None:
        stream, thing = self._any()
        if thing is None:
            return None
        self.crm.purge(stream, thing.id)
        self.world.fell_behind = True  # only a comparison of all keys finds it
        return f"deletes {thing.id} without a trace"

    def undelete(self) -> str | None:
        stream = self.dice.choice(("Account", "Quote", "Order"))
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
        account = self.one_of("Account")
        return self._enter_order(account.id) if account else None

    def take_foreign_order(self) -> str | None:
        account = self.one_of("Account")
        return self._enter_order(account.id, Currency="USD") if account else None

    def _enter_order(self, account: str, **more: Any) -> str | None:
        lines = self._lines()
        fields = {"Account": account, "Day": self.today(), "Currency": "EUR", "PoNumber": self.world.say("O"), **more}
        fields["Status"] = "Activated" if self.dice.random() < 0.8 else "Draft"
        if not lines:
            return None
        return f"enters order {self.crm.enter('Order', SALES, fields, lines=lines)} of {account} {more or ''}"

    def _lines(self) -> list[dict[str, Any]]:
        product = self.one_of("Product")
        return [
            {"key": f"L{number}", "Product": product.id, "Quantity": Decimal(self.dice.randrange(1, 4)),
             "Price": Decimal(self.dice.choice(("9.99", "10", "0.335")))}
            for number in range(self.dice.randrange(1, 3)) if product
        ]  # fmt: skip

    def make_quote(self) -> str | None:
        account, lines = self.one_of("Account"), self._lines()
        if account is None:
            return None
        fields = {"Account": account.id, "Day": self.today(), "Currency": "EUR"}
        fields["Status"] = "Presented" if self.dice.random() < 0.8 else "Draft"
        return f"makes quote {self.crm.enter('Quote', SALES, fields, lines=lines)} for {account.id}"

    def edit_quote(self) -> str | None:
        thing = self.one_of("Quote")
        if thing is None:
            return None
        if self.dice.random() < 0.5:
            return self._requantify(thing)
        status = "Draft" if thing.fields["Status"] == "Presented" else "Presented"
        return self._edit(thing, "Quote", {"Status": status})

    def order_quote(self) -> str | None:
        """A customer takes a quote; one that is ordered is not ordered again by who looks first."""
        taken = {one.fields["Quote"] for one in self.crm.alive("Order")}
        thing = self.one_of("Quote")
        return self._order_quote(thing) if thing and thing.id not in taken else None

    def order_again(self) -> str | None:
        """A second order names a quote that has one."""
        taken = sorted({one.fields["Quote"] for one in self.crm.alive("Order") if one.fields["Quote"]})
        thing = self.crm.things["Quote"][self.dice.choice(taken)] if taken else None
        return self._order_quote(thing) if thing else None

    def _order_quote(self, quote: Thing) -> str | None:
        return self._enter_order(quote.fields["Account"], Quote=quote.id)

    def reassign(self) -> str | None:
        """An order moves to another account."""
        thing, account = self.one_of("Order"), self.one_of("Account")
        if thing is None or account is None or thing.fields["Quote"]:
            return None
        return self._edit(thing, "Order", {"Account": account.id})

    def reparent(self) -> str | None:
        """An account gets a parent that was there before it, or none."""
        thing, parent = self.one_of("Account"), self.one_of("Account")
        if thing is None or parent is None:
            return None
        return self._edit(thing, "Account", {"Parent": parent.id if parent.id < thing.id else None})

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
        return self._requantify(thing)

    def _requantify(self, thing: Thing) -> str:
        quantity = Decimal(self.dice.randrange(1, 9))
        thing.lines = [{**thing.lines[0], "Quantity": quantity}, *thing.lines[1:]]
        self.crm.touch(thing, SALES)
        return f"{thing.id} is for {quantity} now"

    # --- everybody ------------------------------------------------------------------------------------------------

    def contradict(self) -> str | None:
        """Sales and a clerk enter two telephone numbers of one customer."""
        pairs = [pair for pair in self.world.pairs("customer") if not self.crm.is_locked(pair[0])]
        if not pairs:
            return None
        (crm_id, erp_id), ours, theirs = self.dice.choice(pairs), self.world.say("P"), self.world.say("P")
        place = ("customer", crm_id, "phone")
        if self.crm.things["Account"][crm_id].deleted:
            return None
        self.crm.edit("Account", crm_id, SALES, Phone=ours)
        self.world.remember_edit(place, "crm", ours)
        done = self.clerks.enter("customer", erp_id, phone=theirs)
        if done and "may not" not in done:
            self.world.remember_edit(place, "erp", theirs)
        return f"sales call {crm_id} on {ours}, and {done}"

    def take_back(self) -> str | None:
        """Who is asked about two values puts back what stood there before: there is nothing left to ask."""
        rows = self.world.ask(
            "SELECT mapping, side, source_id, detail FROM state_worklist WHERE reason = 'conflict' ORDER BY id"
        )
        asked = [(row, values) for row in rows if (values := json.loads(row["detail"] or "{}").get("values"))]
        if not asked:
            return None
        row, values = self.dice.choice(asked)
        name = self.dice.choice(sorted(values))
        found = [pair for pair in self.world.pairs(row["mapping"]) if row["source_id"] == pair[row["side"] == "erp"]]
        if not found or self.crm.is_locked(found[0][0]):
            return None
        crm_id, erp_id = found[0]
        if self.dice.random() < 0.5 or values[name]["base_erp"] is None:
            stream, field = ("Account", "Phone") if name == "phone" else ("Order", "PoNumber")
            self.world.remember_edit((row["mapping"], crm_id, name), "crm", None)
            self.crm.edit(stream, crm_id, SALES, **{field: values[name]["base_crm"]})
            return f"sales put {values[name]['base_crm']} back on {crm_id}"
        self.world.remember_edit((row["mapping"], crm_id, name), "erp", None)
        ours = "phone" if name == "phone" else "customer_reference"
        return self.clerks.enter(row["mapping"], erp_id, **{ours: values[name]["base_erp"]})

    def acts(self) -> list[tuple[int, str, Act]]:
        """What people may do: its weight, the kinds of trouble that need it (none: business), the act."""
        business: list[tuple[int, str, Act]] = [
            (4, "", self.win_customer), (6, "", self.edit_account), (7, "", self.take_order),
            (5, "", self.edit_order), (1, "", self.misnumber),
        ]  # fmt: skip
        troubles: list[tuple[int, str, Act]] = [
            (2, "delete", self.delete), (2, "delete", self.undelete), (1, "hard_delete", self.delete_hard),
            (2, "merge", self.merge), (1, "shared_tax", self.share_tax),
            (2, "reparented", self.reparent), (5, "families", self.reparent),
            (2, "reassigned", self.reassign), (2, "foreign_orders", self.take_foreign_order),
            (3, "quotes twice_ordered", self.make_quote), (2, "quotes", self.edit_quote),
            (3, "quotes twice_ordered", self.order_quote), (2, "twice_ordered", self.order_again),
            (3, "contradictions answers second_thoughts", self.contradict), (5, "second_thoughts", self.take_back),
            *self.clerks.acts(), *self.operators.acts(), *self.administrators.acts(),
        ]  # fmt: skip
        kinds = self.world.weather.kinds
        return business + [one for one in troubles if not kinds.isdisjoint(one[1].split())]

    def act(self) -> None:
        """One act, by weight. Where it is a kind of trouble itself, that was met."""
        acts = self.acts()
        ((_, kinds, chosen),) = self.dice.choices(acts, [one[0] for one in acts])
        done = chosen()
        if done is None:
            return
        self.world.tell(done)
        kind = kinds.partition(" ")[0]
        if kind in self.world.weather.kinds and "may not" not in done:
            self.world.note(kind)
