"""The simulated CRM: whole-second stamps, transactions that commit late, merges, a recycle bin, unique keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from isthmus.connect.protocol import Answer, Capabilities, Change, Note
from isthmus.kernel.clock import Clock, parse_stamp
from isthmus.kernel.description import StreamDescription
from isthmus.kernel.errors import Fault, Unavailable
from isthmus.kernel.records import Fields, Page, Record
from isthmus.kernel.selection import Selection
from isthmus.testing.world.shelf import US, Shelf, Thing

BIN = timedelta(days=15)
COLUMNS = {
    "Account": ("Name", "Tax", "Currency", "Phone", "Parent", "Number", "Type"),
    "Product": ("Name", "Sku", "Number"),
    "Quote": ("Account", "Day", "Currency", "Number", "ErpStatus", "ErpTotal", "Status"),
    "Order": ("Account", "Quote", "Day", "Currency", "PoNumber", "Number", "ErpStatus", "HoldReason", "ErpTotal",
              "Status"),
    "Invoice": ("Number", "Kind", "Account", "Order", "Day", "Currency", "Status", "Net", "Tax", "Total",
                "Outstanding"),
    "Payment": ("Number", "Account", "Day", "Currency", "Amount", "Unapplied"),
}  # fmt: skip
_LINE = ("key", "Product", "Quantity", "Price")
LINES = {"Quote": _LINE, "Order": _LINE, "Payment": ("key", "Invoice", "Amount")}
#: What a person's record may refer to: a merge moves these over to the winner.
CHILDREN = (("Account", "Parent"), ("Quote", "Account"), ("Order", "Account"), ("Invoice", "Account"),
            ("Payment", "Account"))  # fmt: skip


@dataclass
class Saving:
    """A transaction that somebody opened and that is not seen yet. Its records are locked."""

    stamp: str
    by: str
    edits: list[tuple[str, str, Fields]]  # stream, id, fields
    commits_at: datetime
    fresh: list[tuple[str, Thing]] = field(default_factory=list)

    def locks(self, record_id: str) -> bool:
        return any(one == record_id for _, one, _ in self.edits)


class Crm(Shelf):
    """Every stamp is the CRM's own clock, cut to whole seconds."""

    def __init__(self, clock: Clock) -> None:
        capabilities = Capabilities(
            batch_size=3, external_key="enforced", numbers="decimal", remote=True, tells_writer=True, annotates=True,
            deletions_kept=BIN,
        )  # fmt: skip
        super().__init__("crm", COLUMNS, LINES, capabilities=capabilities)
        self.clock = clock
        self.savings: list[Saving] = []
        self.notes: dict[str, str] = {}
        self.skew = timedelta()  # how much the CRM's clock is ahead
        self.organisation = super().identity()
        self.hidden: set[tuple[str, str]] = set()  # stream and field that our user may not see for now
        self.choices: dict[tuple[str, str], tuple[str, ...]] = {}  # stream and field → what its picklist offers
        self.moves = False  # pages are made one by one, and records may move between two of them
        self.backup: dict[str, dict[str, Thing]] = {}

    # --- the protocol ---------------------------------------------------------------------------------------------

    def identity(self) -> str:
        return self.organisation

    def describe(self, stream: str) -> StreamDescription:
        whole = super().describe(stream)
        fields = {
            name: replace(field, values=self.choices.get((stream, name), field.values))
            for name, field in whole.fields.items()
            if (stream, name) not in self.hidden
        }
        return replace(whole, fields=fields)

    def show(self, selection: Selection, thing: Thing) -> Record:
        record = super().show(selection, thing)
        record.fields.update({name: None for stream, name in self.hidden if stream == selection.stream})
        return record

    def stamp(self) -> str:
        return spell(self._now())

    def _now(self) -> datetime:
        return self.clock.now() + self.skew

    def short_of(self, version: str) -> str:
        return spell(parse_stamp(version) - timedelta(seconds=1))

    def moved(self, stream: str, since: str | None, overlap: timedelta) -> tuple[list[Thing], str]:
        """From the position less the overlap up to, not including, the running second."""
        low = "" if since is None else spell(parse_stamp(since) - overlap)
        return self._between(stream, low, self.stamp()), self.stamp()

    def _between(self, stream: str, low: str, high: str) -> list[Thing]:
        found = [one for one in self.things[stream].values() if low <= one.version < high and self.shows(one)]
        return sorted(found, key=lambda one: (one.version, one.id))

    def read(self, selection: Selection, since: str | None, overlap: timedelta) -> Iterator[Page]:
        """As `Shelf.read`; where records move meanwhile, each page is made of what there is when it is asked for."""
        if not self.moves:
            yield from super().read(selection, since, overlap)
            return
        low, high = "" if since is None else spell(parse_stamp(since) - overlap), self.stamp()
        passed = ("", "")
        while True:
            found = [one for one in self._between(selection.stream, low, high) if (one.version, one.id) > passed]
            if since is None and selection.where:
                found = self._born(selection, found)
            part = found[: self.page_size]
            if len(part) == len(found):
                yield self._page(selection, part, high)
                return
            passed = (part[-1].version, part[-1].id)
            yield self._page(selection, part, self.short_of(part[-1].version))

    def shows(self, thing: Thing) -> bool:
        """The recycle bin is emptied after a fortnight; who lost a merge stays known as long."""
        return not thing.deleted or (not thing.purged and parse_stamp(thing.version) > self._now() - BIN)

    def apply(self, stream: str, change: Change) -> Answer:
        if change.id is not None and any(one.locks(change.id) for one in self.savings):
            raise Unavailable("CRM", f"{change.id} is locked by somebody's transaction", "try again")
        self.written += 1
        if change.verb == "create":
            return self._create(stream, change)
        thing = self.things[stream].get(change.id or "")
        if thing is None or thing.deleted:
            return _refuse(change, "the record is not there any more")
        if change.expects is not None and thing.version > change.expects:
            return Answer(change.key, "moved", thing.id, thing.version)
        if change.verb != "update":
            return _refuse(change, f"the CRM cannot {change.verb} a record")
        thing.fields.update(change.fields)
        if change.lines is not None:
            thing.lines = [dict(line) for line in change.lines]
        self.touch(thing, US)
        return Answer(change.key, "updated", thing.id)

    def _create(self, stream: str, change: Change) -> Answer:
        made = self.find_keys(stream, [change.key])
        if change.key in made:
            return Answer(change.key, "created", made[change.key])
        fields = {name: change.fields.get(name) for name in COLUMNS[stream]}
        if stream == "Account" and not fields["Name"]:
            return _refuse(change, "an account needs a name")
        thing = Thing(self.new_id(stream[:1]), fields, [dict(one) for one in change.lines or ()], "", US, change.key)
        self.touch(self.put(stream, thing), US)
        return Answer(change.key, "created", thing.id)

    def annotate(self, stream: str, notes: Sequence[Note]) -> list[Fault | None]:
        """A note moves the stamp of its record, as every write does."""
        faults: list[Fault | None] = []
        for note in notes:
            thing = self.things[stream].get(note.id)
            if thing is None or thing.deleted:
                faults.append(Fault(note.id, "is not there any more", "nothing to do"))
                continue
            self.notes[note.id] = note.status
            self.touch(thing, US)
            faults.append(None)
        return faults

    # --- people ---------------------------------------------------------------------------------------------------

    def enter(self, stream: str, by: str, fields: Fields, *, lines: Sequence[Fields] = ()) -> str:
        """Somebody creates a record; seen at once."""
        thing = Thing(self.new_id(stream[:1]), {**dict.fromkeys(COLUMNS[stream]), **fields}, list(lines), "", by)
        self.touch(self.put(stream, thing), by)
        return thing.id

    def edit(self, stream: str, record_id: str, by: str, **fields: Any) -> None:
        thing = self.things[stream][record_id]
        thing.fields.update(fields)
        self.touch(thing, by)

    def begin(self, by: str, edits: Sequence[tuple[str, str, Fields]], lasts: timedelta) -> Saving:
        """Somebody's transaction: its stamps are of now, and it is seen when it commits."""
        saving = Saving(self.stamp(), by, list(edits), self.clock.now() + lasts)
        self.savings.append(saving)
        return saving

    def begin_entry(self, stream: str, by: str, fields: Fields, *, lasts: timedelta) -> str:
        """Somebody creates a record in a transaction that commits late."""
        saving = self.begin(by, (), lasts)
        made = {**dict.fromkeys(COLUMNS[stream]), **fields}
        thing = Thing(self.new_id(stream[:1]), made, [], saving.stamp, by)
        saving.fresh.append((stream, thing))
        return thing.id

    def commit_due(self) -> None:
        """Transactions whose time has come are seen now, under the stamps of their beginning."""
        for saving in [one for one in self.savings if one.commits_at <= self.clock.now()]:
            self.savings.remove(saving)
            for stream, record_id, fields in saving.edits:
                thing = self.things[stream][record_id]
                thing.fields.update(fields)
                thing.version, thing.by = max(saving.stamp, thing.version), saving.by
            for stream, thing in saving.fresh:
                self.put(stream, thing)

    def is_locked(self, record_id: str) -> bool:
        return any(one.locks(record_id) for one in self.savings)

    def delete(self, stream: str, record_id: str, by: str) -> None:
        thing = self.things[stream][record_id]
        thing.deleted = True
        self.touch(thing, by)

    def purge(self, stream: str, record_id: str) -> None:
        """A record is gone, and nothing tells of it."""
        thing = self.things[stream][record_id]
        thing.deleted = thing.purged = True

    def undelete(self, stream: str, record_id: str, by: str) -> None:
        """Out of the recycle bin. Who lost a merge does not say so any more."""
        thing = self.things[stream][record_id]
        thing.deleted, thing.merged_into = False, None
        self.touch(thing, by)

    def merge(self, winner: str, loser: str, by: str) -> None:
        """Two accounts become one; what belonged to the loser belongs to the winner."""
        lost = self.things["Account"][loser]
        lost.deleted, lost.merged_into, lost.lost = True, winner, True
        self.touch(lost, by)
        self.touch(self.things["Account"][winner], by)
        for stream, name in CHILDREN:
            for thing in self.things[stream].values():
                if thing.fields.get(name) == loser and thing.id != winner:
                    thing.fields[name] = winner
                    self.touch(thing, by)
        if self.things["Account"][winner].fields.get("Parent") in (loser, winner):
            self.things["Account"][winner].fields["Parent"] = None

    # --- who runs the CRM -----------------------------------------------------------------------------------------

    def back_up(self) -> None:
        self.backup = deepcopy(self.things)

    def bring_back(self) -> None:
        """All is as it was at the backup: open transactions are gone, and what was entered since leaves no trace."""
        self.savings.clear()
        for stream, kept in deepcopy(self.backup).items():
            for thing in self.things[stream].values():
                if thing.id not in kept:
                    thing.deleted = thing.purged = True
            self.things[stream].update(kept)

    def merged(self) -> set[str]:
        """Accounts that were merged into others."""
        return {one.id for one in self.things["Account"].values() if one.merged_into}

    def copy_state(self) -> dict[str, Any]:
        return {**super().copy_state(), **deepcopy({"savings": self.savings, "notes": self.notes})}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        super().restore_state(state)
        self.savings, self.notes = deepcopy(state["savings"]), dict(state["notes"])

    def alive(self, stream: str) -> list[Thing]:
        return [one for one in self.things[stream].values() if not one.deleted]


def spell(moment: datetime) -> str:
    """An instant in whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _refuse(change: Change, what: str) -> Answer:
    return Answer(change.key, "refused", change.id, fault=Fault(change.id or change.key, what, "correct it there"))
