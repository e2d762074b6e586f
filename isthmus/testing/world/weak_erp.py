"""A remote ERP without unique keys: it looks before it creates, and that is all it can do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from isthmus.connect.protocol import Answer, Capabilities, Change
from isthmus.kernel.errors import Fault
from isthmus.kernel.money import line_amount_minor
from isthmus.kernel.records import Fields, Record
from isthmus.kernel.selection import Lines, Selection
from isthmus.testing.world.shelf import US, Shelf, Thing

COLUMNS = {
    "customer": ("name", "tax_id", "currency", "phone", "parent_id", "number", "active"),
    "product": ("name", "sku", "number", "active"),
    "quote": ("customer_id", "quote_date", "currency", "number", "status", "total"),
    "order": ("customer_id", "quote_id", "order_date", "currency", "customer_reference", "number", "status",
              "hold_reason", "total"),
}  # fmt: skip
_LINE = ("key", "product_id", "quantity", "unit_price")
LINES = {"quote": _LINE, "order": _LINE}
WIDTH = 12


class WeakErp(Shelf):
    """Versions are counted. ``holds`` are the customers whose orders it does not confirm."""

    def __init__(self) -> None:
        capabilities = Capabilities(
            batch_size=3, external_key="looked_up", numbers="scaled", remote=True, tells_writer=True, annotates=False
        )
        super().__init__("weak-erp", COLUMNS, LINES, capabilities=capabilities)
        self.counted = 0
        self.holds: set[str] = set()
        self.is_hasty = False  # a request that was under way does not see what was made meanwhile

    def stamp(self) -> str:
        self.counted += 1
        return f"{self.counted:0{WIDTH}d}"

    def short_of(self, version: str) -> str:
        return version  # counted versions are never equal

    def moved(self, stream: str, since: str | None, overlap: timedelta) -> tuple[list[Thing], str]:  # noqa: ARG002
        found = [one for one in self.things[stream].values() if since is None or one.version > since]
        return sorted(found, key=lambda one: one.version), f"{self.counted:0{WIDTH}d}"

    def apply(self, stream: str, change: Change) -> Answer:
        self.written += 1
        if change.verb == "create":
            return self._create(stream, change)
        thing = self.things[stream].get(change.id or "")
        if thing is None:
            return _refuse(change, f"there is no {stream} {change.id}")
        if change.expects is not None and change.expects != thing.version:
            return Answer(change.key, "moved", thing.id, thing.version)
        if change.verb == "update" and thing.fields.get("status") == "cancelled":
            return _refuse(change, f"the {stream} is cancelled")
        before = (dict(thing.fields), list(thing.lines))
        thing.key = thing.key or change.key
        self._change(stream, thing, change)
        if (thing.fields, thing.lines) != before:
            self.touch(thing, US)
        return self._answer(stream, change, thing)

    def _create(self, stream: str, change: Change) -> Answer:
        made = {} if self.is_hasty else self.find_keys(stream, [change.key])
        if change.key in made:
            return self._answer(stream, change, self.things[stream][made[change.key]])
        record_id = self.new_id("")
        fields: Fields = {**dict.fromkeys(COLUMNS[stream]), "number": f"{stream[0].upper()}-{record_id}"}
        if stream not in LINES:
            fields["active"] = True
        thing = self.put(stream, Thing(record_id, fields, [], "", US, change.key))
        self._change(stream, thing, change)
        self.touch(thing, US)
        return self._answer(stream, change, thing)

    def _change(self, stream: str, thing: Thing, change: Change) -> None:
        thing.fields.update(change.fields)
        if change.lines is not None:
            thing.lines = [dict(line) for line in change.lines]
        if stream in LINES:
            self._settle(stream, thing, withdrawn=change.verb == "withdraw")
        elif change.verb in ("withdraw", "reopen"):
            thing.fields["active"] = change.verb == "reopen"

    def _settle(self, stream: str, thing: Thing, *, withdrawn: bool) -> None:
        currency = thing.fields["currency"]
        thing.fields["total"] = sum(
            line_amount_minor(line["quantity"], line["unit_price"], currency) for line in thing.lines
        )
        if stream == "quote":
            thing.fields["status"] = "cancelled" if withdrawn else "open"
            return
        held = thing.fields["customer_id"] in self.holds
        thing.fields["status"] = "cancelled" if withdrawn else "held" if held else "confirmed"
        thing.fields["hold_reason"] = "held by hand" if held and not withdrawn else None

    def _answer(self, stream: str, change: Change, thing: Thing) -> Answer:
        result: Any = {"create": "created", "withdraw": "withdrawn"}.get(change.verb, "updated")
        return Answer(change.key, result, thing.id, thing.version, self._whole(stream, thing))

    def _whole(self, stream: str, thing: Thing) -> Record:
        lines = Lines(f"{stream}.lines", "", "key", None, LINES[stream][1:]) if stream in LINES else None
        return self.show(Selection(stream, COLUMNS[stream], lines), thing)

    # --- clerks ---------------------------------------------------------------------------------------------------

    def edit(self, stream: str, record_id: str, by: str, **fields: Any) -> None:
        thing = self.things[stream][record_id]
        thing.fields.update(fields)
        self.touch(thing, by)

    def hold(self, customer_id: str, *, held: bool) -> None:
        """Puts a customer on hold, or lifts it and confirms what was held."""
        (self.holds.add if held else self.holds.discard)(customer_id)
        for thing in self.things["order"].values():
            if not held and thing.fields["customer_id"] == customer_id and thing.fields["status"] == "held":
                thing.fields.update(status="confirmed", hold_reason=None)
                self.touch(thing, "clerk:berta")

    def copy_state(self) -> dict[str, Any]:
        return {**super().copy_state(), "counted": self.counted, "holds": set(self.holds)}

    def restore_state(self, state: Any) -> None:
        super().restore_state(state)
        self.counted, self.holds = state["counted"], set(state["holds"])


def _refuse(change: Change, what: str) -> Answer:
    return Answer(change.key, "refused", change.id, fault=Fault(change.key, what, "correct it there"))
