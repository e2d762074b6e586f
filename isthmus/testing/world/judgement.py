"""The last judgement of a story: from the CRM's and the ERP's own records, what must be there by now, and why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from isthmus.testing.world.shelf import US, Thing
from isthmus.testing.world.world import Violation, World

SOLD = ("partly_invoiced", "invoiced", "closed")
#: What both sides of a document show alike: the ERP's name, the CRM's.
_SHOWN = {
    "quote": (("number", "Number"), ("status", "ErpStatus")),
    "order": (("customer_reference", "PoNumber"), ("number", "Number"), ("status", "ErpStatus"),
              ("hold_reason", "HoldReason")),
}  # fmt: skip
#: What both sides may edit: the form's name, the CRM's, the ERP's.
_SHARED = (("phone", "Phone", "phone"), ("po_number", "PoNumber", "customer_reference"))


@dataclass(frozen=True)
class Item:
    """A record on the worklist, as the table has it."""

    reason: str
    what: str
    detail: str


class Judgement:
    """One world at rest. Every difference between both sides must have an item that is still true."""

    def __init__(self, world: World) -> None:
        self.world, self.crm = world, world.crm
        self.pairs: dict[str, dict[str, str]] = {}  # entity → CRM id → ERP id, aliases too
        for row in world.ask(
            "SELECT entity, crm_id, erp_id FROM state_binding UNION ALL"
            " SELECT a.entity, a.id, b.erp_id FROM state_alias a JOIN state_binding b ON b.id = a.binding_id"
        ):
            self.pairs.setdefault(row["entity"], {})[row["crm_id"]] = row["erp_id"]
        self.items = {
            (row["mapping"], row["side"], row["source_id"]): Item(row["reason"], row["what"], row["detail"] or "")
            for row in world.ask("SELECT * FROM state_worklist")
        }
        query = "SELECT a.id, b.crm_id FROM state_alias a JOIN state_binding b ON b.id = a.binding_id"
        self.aliases = {row["id"]: row["crm_id"] for row in world.ask(query)}
        self.heirs = set(self.aliases.values())
        self.merged = {one.merged_into for one in self.crm.things["Account"].values() if one.merged_into}

    def judge(self) -> None:
        self._no_loose_ends()
        for thing in self.crm.things["Account"].values():
            self._judge_account(thing)
        for entity, stream in (("quote", "Quote"), ("order", "Order")):
            for thing in self.crm.things[stream].values():
                self._judge_sale(entity, thing)
        if "invoice" in self.world.ports.mappings:
            self._judge_books()
        self._judge_doubles()
        self._judge_orphans()

    def _no_loose_ends(self) -> None:
        intents = self.world.ask("SELECT * FROM state_intent WHERE settled_at IS NULL")
        for table, found in (("state_intent", intents), ("state_due", self.world.dues())):
            if rows := [tuple(row) for row in found]:
                raise Violation("Converges", f"{len(rows)} rows are left in {table}: {rows[:2]}")

        for row in self.world.ask("SELECT * FROM state_worklist WHERE reason = 'waiting' AND waits_for IS NOT NULL"):
            entity, key = row["waits_for"].split(" ", 1)
            query = f"SELECT crm_id FROM state_binding WHERE entity = ? AND {row['side']}_id = ?"
            bound = [pair["crm_id"] for pair in self.world.ask(query, (entity, key))]
            if any("winner" not in self._detail(entity, crm_id) for crm_id in bound):  # of a merge people are asked
                what = f"{row['mapping']} {row['source_id']} waits for {row['waits_for']}, which is bound"
                raise Violation("Accounted", what)

    def _detail(self, entity: str, crm_id: str) -> str:
        item = self.items.get((entity, "crm", crm_id))
        return item.detail if item else ""

    # --- what both sides show -------------------------------------------------------------------------------------

    def erp(self, stream: str, erp_id: str) -> dict[str, Any] | None:
        """An ERP record as its own table has it."""
        if self.world.is_weak:
            thing = self.world.weak.things[stream].get(erp_id)
            return {**thing.fields, "lines": thing.lines} if thing else None
        rows = self.world.ask(f"SELECT * FROM erp_{stream} WHERE id = ?", (int(erp_id),))
        return dict(rows[0]) if rows else None

    def item(self, entity: str, thing: Thing) -> Item | None:
        """The reason why a CRM record, or its pair's other half, is not through; of a merged one only its own."""
        found = self.items.get((entity, "crm", thing.id))
        if thing.merged_into or thing.id in self.aliases:
            return found
        erp_id = self.pairs.get(entity, {}).get(thing.id)
        return found or (self.items.get((entity, "erp", erp_id)) if erp_id else None)

    def _fail(self, promise: str, thing: Thing, what: str) -> None:
        raise Violation(promise, f"{thing.id} {thing.fields}: {what}")

    def _keep_last_edit(self, entity: str, thing: Thing, name: str) -> None:
        """No edit of a shared field is lost: who edited last is heard, or there is a question on the worklist."""
        last = self.world.last_said.get((entity, thing.id, name))
        now = thing.fields["Phone" if name == "phone" else "PoNumber"]
        if last is not None and now != last and not self.merged & {thing.id, thing.fields.get("Account")}:
            self._fail("No edit is lost", thing, f"{name} was last entered as {last}, both sides show {now}")

    # --- customers ------------------------------------------------------------------------------------------------

    def _judge_account(self, thing: Thing) -> None:
        erp_id = self.pairs.get("customer", {}).get(thing.id)
        item = self.item("customer", thing)
        if item is not None:
            if not self._is_true(item, thing):
                self._fail("Accounted", thing, f"stays on the worklist without need: {item}")
            return
        if thing.merged_into:
            return
        is_inside = not thing.deleted and thing.fields["Type"] == "Customer"
        if erp_id is None or thing.id in self.aliases:
            if is_inside:
                self._fail("Complete", thing, "is a customer, not bound and not listed")
            return
        self._compare_customer(thing, erp_id, is_inside=is_inside)

    def _compare_customer(self, thing: Thing, erp_id: str, *, is_inside: bool) -> None:
        row = self.erp("customer", erp_id)
        if row is None:
            self._fail("Once", thing, f"is bound to customer {erp_id}, which is not there")
            return
        closes = not is_inside and not self._is_pulled(thing)
        if bool(row["active"]) is closes:
            self._fail("Complete", thing, f"ERP customer {erp_id} is {'still open' if closes else 'closed'}")
        if closes:
            return
        pairs = [
            ("name", "Name"),
            ("tax_id", "Tax"),
            ("currency", "Currency"),
            ("phone", "Phone"),
            ("number", "Number"),
        ]
        for ours, theirs in pairs:
            if row[ours] != thing.fields[theirs]:
                self._fail("Complete", thing, f"{theirs} is {thing.fields[theirs]!r}, ERP {ours} is {row[ours]!r}")
        self._keep_last_edit("customer", thing, "phone")
        parent = self.pairs["customer"].get(thing.fields["Parent"] or "")
        if str(row["parent_id"] or "") != (parent or ""):
            self._fail("Ordered", thing, f"parent is {parent}, in the ERP {row['parent_id']}")

    def _is_pulled(self, thing: Thing) -> bool:
        query = "SELECT regardless FROM state_binding WHERE entity = 'customer' AND crm_id = ?"
        return any(row["regardless"] for row in self.world.ask(query, (thing.id,))) and not thing.deleted

    # --- quotes and orders ----------------------------------------------------------------------------------------

    def _judge_sale(self, entity: str, thing: Thing) -> None:
        erp_id = self.pairs.get(entity, {}).get(thing.id)
        item = self.item(entity, thing)
        if item is not None and item.reason != "held":
            if not self._is_true(item, thing):
                self._fail("Accounted", thing, f"stays on the worklist without need: {item}")
            return
        is_inside = not thing.deleted and thing.fields["Status"] in ("Activated", "Presented")
        if erp_id is None:
            if is_inside:
                self._fail("Complete", thing, f"is {thing.fields['Status']}, not bound and not listed")
            return
        row = self.erp(entity, erp_id)
        if row is None:
            self._fail("Once", thing, f"is bound to {entity} {erp_id}, which is not there")
        elif not is_inside:
            if row["status"] != "cancelled":
                self._fail("Complete", thing, f"left, and ERP {entity} {erp_id} is {row['status']}")
        else:
            self._compare_sale(entity, thing, row)

    def _compare_sale(self, entity: str, thing: Thing, row: dict[str, Any]) -> None:
        customer = self.pairs["customer"].get(thing.fields["Account"])
        if str(row["customer_id"]) != customer:
            self._fail("Ordered", thing, f"belongs to customer {customer}, in the ERP to {row['customer_id']}")
        for ours, theirs in _SHOWN[entity]:
            if row[ours] != thing.fields[theirs]:
                self._fail("Complete", thing, f"{theirs} is {thing.fields[theirs]!r}, ERP {ours} is {row[ours]!r}")
        if entity == "order":
            self._keep_last_edit("order", thing, "po_number")
            quote = self.pairs.get("quote", {}).get(thing.fields["Quote"] or "")
            if str(row["quote_id"] or "") != (quote or ""):
                self._fail("Ordered", thing, f"its quote is {quote}, in the ERP {row['quote_id']}")
        total = row["total"] if self.world.is_weak else row["total_minor"]
        if Decimal(total).scaleb(-2) != thing.fields["ErpTotal"]:
            self._fail("Complete", thing, f"ErpTotal is {thing.fields['ErpTotal']}, the ERP says {total}")
        wanted = sorted(
            (line["key"], int(line["Quantity"] * 10**6), int(line["Price"] * 10**6)) for line in thing.lines
        )
        if (there := self._lines(entity, row)) != wanted:
            self._fail("Complete", thing, f"lines are {wanted}, in the ERP {there}")

    def _lines(self, entity: str, row: dict[str, Any]) -> list[tuple[str, int, int]]:
        if self.world.is_weak:
            return sorted((line["key"], line["quantity"], line["unit_price"]) for line in row["lines"])
        query = (
            f"SELECT key, quantity_micros, unit_price_micros FROM erp_{entity}_line WHERE {entity}_id = ? ORDER BY key"
        )
        return [tuple(line) for line in self.world.ask(query, (row["id"],))]

    # --- invoices and payments ------------------------------------------------------------------------------------

    def _judge_books(self) -> None:
        """Each document of the ERP is shown once in the CRM, with its figures as the ledger gives them."""
        for row in self.world.ask("SELECT id, number, total_minor FROM erp_invoice"):
            self._judge_document("invoice", "Invoice", str(row["id"]), figure=("Total", row["total_minor"]))
        for row in self.world.ask("SELECT id, number, amount_minor FROM erp_payment"):
            self._judge_document("payment", "Payment", str(row["id"]), figure=("Amount", row["amount_minor"]))

    def _judge_document(self, entity: str, stream: str, erp_id: str, *, figure: tuple[str, int]) -> None:
        key = f"{self.world.near.identity()}/{entity}/{erp_id}"
        shown = [one for one in self.crm.alive(stream) if one.key == key]
        item = self.items.get((entity, "erp", erp_id))
        if item is not None:
            if item.reason != "waiting":
                raise Violation("Accounted", f"{entity} {erp_id} is on the worklist: {item}")
            return
        if len(shown) != 1:
            raise Violation("Complete", f"{entity} {erp_id} is shown {len(shown)} times in the CRM")
        name, amount = figure
        if shown[0].fields[name] != Decimal(amount).scaleb(-2):
            raise Violation("Complete", f"{entity} {erp_id} is {amount}, shown as {shown[0].fields[name]}")
        if entity == "invoice":
            self._judge_outstanding(erp_id, shown[0])

    def _judge_outstanding(self, erp_id: str, shown: Thing) -> None:
        query = (
            "SELECT i.total_minor - coalesce((SELECT sum(amount_minor) FROM erp_allocation a"
            " WHERE a.invoice_id = i.id OR a.credit_note_id = i.id), 0) AS open FROM erp_invoice i WHERE i.id = ?"
        )
        (row,) = self.world.ask(query, (int(erp_id),))
        if shown.fields["Outstanding"] != Decimal(row["open"]).scaleb(-2):
            what = f"invoice {erp_id} has {row['open']} open, shown as {shown.fields['Outstanding']}"
            raise Violation("Complete", what)

    # --- the worklist ---------------------------------------------------------------------------------------------

    def _is_true(self, item: Item, thing: Thing) -> bool:
        """Whether the reason that an item gives can be seen in the records as they are now."""
        checks: dict[str, Callable[[Item, Thing], bool]] = {
            "invalid": self._is_invalid,
            "waiting": self._is_waiting,
            "refused": self._is_refused,
            "ambiguous": self._is_ambiguous,
            "conflict": self._is_conflict,
            "held": self._is_held,
        }
        return item.reason in checks and checks[item.reason](item, thing)

    def _is_held(self, _item: Item, thing: Thing) -> bool:
        """Shown, and through: what it says is compared like that of any other order."""
        return thing.id in self.pairs.get("order", {})

    def _is_invalid(self, _item: Item, thing: Thing) -> bool:
        name, currency = thing.fields.get("Name") or "N", thing.fields.get("Currency")
        return len(name) > 200 or currency == "EUX"

    def _is_waiting(self, _item: Item, thing: Thing) -> bool:
        """What it refers to is not through either."""
        account, parent, quote = (thing.fields.get(name) for name in ("Account", "Parent", "Quote"))
        if quote and quote not in self.pairs.get("quote", {}):
            return True
        if account:  # pulled, so only what keeps the account itself out can keep the order out
            return self._is_off(account) or ("customer", "crm", account) in self.items or self._is_asked_into(account)
        if parent is None or self._is_off(parent) or parent not in self.pairs.get("customer", {}):
            return parent is not None
        return parent in self.aliases and ("customer", "crm", parent) in self.items  # it went over, and lives again

    def _is_asked_into(self, account: str) -> bool:
        """Whether people are asked which customer stays of two accounts that were merged into this one, or into one
        that was merged into it later.
        """
        asked = [json.loads(item.detail).get("winner") for item in self.items.values() if item.detail]
        return any(account in (one, self.aliases.get(one), self._survivor(one)) for one in asked if one)

    def _survivor(self, account: str) -> str | None:
        return self.crm.survivor("Account", self.crm.things["Account"][account])

    def _is_off(self, account: str) -> bool:
        known = self.crm.things["Account"].get(account)
        return known is None or known.deleted

    def _is_refused(self, item: Item, thing: Thing) -> bool:
        """The ERP still has its reason: a closed customer, a document that is sold or cancelled, a quote that is taken
        or another customer's."""
        if item.what == "the record is not there any more":
            return thing.deleted
        customer_id = self.pairs["customer"].get(thing.fields.get("Account") or "", "0")
        customer = self.erp("customer", customer_id)
        if customer is None or not customer["active"]:
            return True
        erp_id = self.pairs.get("order", {}).get(thing.id)
        row = self.erp("order", erp_id) if erp_id else None
        if row is not None and (row["status"] in SOLD or self._is_somebodys_end(row, str(erp_id))):
            return True
        return self._is_quote_off(thing, erp_id, customer_id)

    def _is_somebodys_end(self, row: dict[str, Any], erp_id: str) -> bool:
        """Whether people cancelled an order. Who edits a cancelled one is taken for who did that: it tells no more than
        who came last."""
        if erp_id in self.world.cancelled:
            return True
        return self.world.is_weak and row["status"] == "cancelled" and self.world.weak.things["order"][erp_id].by != US

    def _is_quote_off(self, thing: Thing, erp_id: str | None, customer_id: str) -> bool:
        quote_id = self.pairs.get("quote", {}).get(thing.fields.get("Quote") or "")
        quote = self.erp("quote", quote_id) if quote_id and not self.world.is_weak else None
        if quote is None or str(quote["customer_id"]) != customer_id:
            return quote is not None
        query = "SELECT id FROM erp_order WHERE quote_id = ? AND status <> 'cancelled'"
        return any(str(row["id"]) != erp_id for row in self.world.ask(query, (int(quote_id or 0),)))

    def _is_ambiguous(self, _item: Item, thing: Thing) -> bool:
        if thing.merged_into or thing.id in self.merged or thing.id in self.aliases:
            return True
        tax = thing.fields.get("Tax")
        others = [one.fields.get("Tax") for one in self.crm.things["Account"].values() if one.id != thing.id]
        return tax is not None and (tax in others or self._is_taken(tax))

    def _is_taken(self, tax: str) -> bool:
        if self.world.is_weak:
            return any(one.fields["tax_id"] == tax for one in self.world.weak.things["customer"].values())
        return bool(self.world.ask("SELECT id FROM erp_customer WHERE upper(tax_id) = upper(?)", (tax,)))

    def _is_conflict(self, item: Item, thing: Thing) -> bool:
        """Both sides edited the field at some time, and still show what the question says."""
        if not item.detail:
            return False
        values = json.loads(item.detail).get("values", {})
        entity = "order" if thing.id.startswith("O") else "customer"
        row = self.erp(entity, self.pairs[entity][thing.id]) or {}
        for name, theirs, ours in _SHARED:
            if name in values and (values[name]["crm"], values[name]["erp"]) != (thing.fields[theirs], row.get(ours)):
                return False
        both = [name for name in values if len(self.world.edited.get((entity, thing.id, name), ())) == 2]
        return bool(both) or thing.id in self.merged | self.heirs  # who took over a pair has a number of its own

    # --- doubles --------------------------------------------------------------------------------------------------

    def _judge_doubles(self) -> None:
        """Once: no two ERP records of one CRM record, save where a weak ERP took a request that nobody waited for."""
        for entity in ("customer", "quote", "order"):
            ids = [
                erp_id for crm_id, erp_id in self.pairs.get(entity, {}).items() if not self._is_alias(entity, crm_id)
            ]
            if len(ids) != len(set(ids)):
                raise Violation("Once", f"two CRM records share one ERP {entity}: {sorted(ids)}")

    def _judge_orphans(self) -> None:
        """Once: what lives in the ERP belongs to a CRM record that is still known; a late create made no orphan."""
        for entity in ("customer", "quote", "order"):
            bound = set(self.pairs.get(entity, {}).values())
            for erp_id in self._alive(entity) - bound:
                if not self._is_double(entity, erp_id, bound):
                    raise Violation("Once", f"ERP {entity} {erp_id} lives and belongs to nobody")

    def _alive(self, entity: str) -> set[str]:
        """The ids of what is neither closed nor cancelled in the ERP."""
        if self.world.is_weak:
            things = self.world.weak.things[entity].values()
            return {one.id for one in things if one.fields.get("active", one.fields.get("status") != "cancelled")}
        where = "active" if entity == "customer" else "status <> 'cancelled'"
        return {str(row["id"]) for row in self.world.ask(f"SELECT id FROM erp_{entity} WHERE {where}")}

    def _is_double(self, entity: str, erp_id: str, bound: set[str]) -> bool:
        """What a weak ERP made a second time of one key, or of a record that took over another pair meanwhile;
        reconciliation has to find it.
        """
        things = self.world.weak.things[entity]
        if not self.world.is_weak:
            return False
        key = str(things[erp_id].key)
        return key in {things[one].key for one in bound} or key.rpartition("/")[2] in self.pairs[entity]

    def _is_alias(self, entity: str, crm_id: str) -> bool:
        return bool(self.world.ask("SELECT id FROM state_alias WHERE entity = ? AND id = ?", (entity, crm_id)))
