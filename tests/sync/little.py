"""A world of a few customers in memory: two sides, their pairs, and the engine's pure half between them.

Writes are answered as a remote CRM does (it says nothing of the record) and as the built-in ERP does (it shows it).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from isthmus.connect.protocol import Answer
from isthmus.kernel.records import Fields, Record
from isthmus.kernel.units import Side, other_side
from isthmus.mapping.compile import CompiledMapping, compile_mapping
from isthmus.mapping.load import load_mapping
from isthmus.state.bindings import Binding
from isthmus.state.progress import Due
from isthmus.sync.conclude import Conclusion, conclude
from isthmus.sync.decision import Decision, Direction, Read, Sights, translate
from isthmus.sync.match import Hit, Matches
from isthmus.sync.plan import plan_page

ROOT = Path(__file__).parents[2]
SHARED = ("phone:    {crm: Phone, erp: phone}", "phone:    {crm: Phone, erp: phone, owner: both}")


@cache
def customers(folder: Path) -> CompiledMapping:
    """The customer mapping as shipped, but both sides may change the telephone number."""
    words = (ROOT / "mappings" / "salesforce_erp" / "customer.yaml").read_text()
    assert SHARED[0] in words
    path = folder / "customer.yaml"
    path.write_text(words.replace(*SHARED))
    return compile_mapping(load_mapping(path), crm_numbers="decimal", erp_numbers="scaled", time_zone="UTC")


@dataclass
class Held:
    """One record as its system holds it."""

    fields: Fields
    version: int
    by_us: bool = False
    deleted: bool = False
    merged_into: str | None = None


@dataclass
class Little:
    """Both sides and what Isthmus knows. Every stamp is a tick of one clock."""

    mapping: CompiledMapping
    sides: dict[Side, dict[str, Held]] = field(default_factory=lambda: {"crm": {}, "erp": {}})
    pairs: list[Binding] = field(default_factory=list)
    aliases: dict[str, Binding] = field(default_factory=dict)
    dues: dict[Side, dict[str, Due]] = field(default_factory=lambda: {"crm": {}, "erp": {}})
    listed: dict[tuple[Side, str], Decision] = field(default_factory=dict)
    read_to: dict[Side, int] = field(default_factory=lambda: {"crm": -1, "erp": -1})
    tick: int = 0
    writes: int = 0

    # --- people ---------------------------------------------------------------------------------------------------

    def enter(self, key: str, **fields: Any) -> None:
        """Sales enters an account."""
        empty = dict.fromkeys(self._fields("crm"))
        given = {"Name": f"Firm {key}", "CurrencyIsoCode": "EUR", "Type": "Customer", **fields}
        self.sides["crm"][key] = Held(nested({**empty, **given}), self._next())

    def edit(self, side: Side, key: str, **fields: Any) -> None:
        held = self.sides[side][key]
        held.fields, held.version, held.by_us = {**held.fields, **fields}, self._next(), False

    def delete(self, key: str, merged_into: str | None = None) -> None:
        held = self.sides["crm"][key]
        held.deleted, held.merged_into, held.version = True, merged_into, self._next()
        if merged_into is not None:
            self.edit("crm", merged_into)

    def restore(self, key: str) -> None:
        held = self.sides["crm"][key]
        if not held.merged_into:
            held.deleted, held.version = False, self._next()

    # --- Isthmus --------------------------------------------------------------------------------------------------

    def cycle(self) -> list[Conclusion]:
        """Both directions, and again what became due."""
        done = []
        for _ in range(2):
            for side in ("crm", "erp"):
                done += self.travel(side)
        return done

    def retry(self) -> None:
        """What is on the worklist may have become possible by what happened to others: the scheduler asks again."""
        for side, key in self.listed:
            self.dues[side][key] = Due(key, "retried", "")
        self.cycle()

    def travel(self, side: Side, *, everything: bool = False) -> list[Conclusion]:
        """One direction: what moved since it was read last, and what is due."""
        direction = self.direction(side)
        since = -1 if everything else self.read_to[side]
        dues, self.dues[side] = self.dues[side], {}
        moved = [key for key, held in self.sides[side].items() if held.version > since or key in dues]
        reads = [translate(direction, self.record(side, key), dues.get(key)) for key in moved]
        self.read_to[side] = self.tick
        return self.settle(direction, plan_page(direction, reads, self.look(direction, reads)))

    def direction(self, side: Side) -> Direction:
        return Direction(self.mapping, side, other_side(side), f"org-{side}", f"org-{other_side(side)}")

    def record(self, side: Side, key: str) -> Record:
        held = self.sides[side][key]
        winner, seen = held.merged_into, {key}
        while side == "crm" and winner and winner not in seen and self.sides["crm"][winner].merged_into:
            seen.add(winner)
            winner = self.sides["crm"][winner].merged_into
        who = "us" if held.by_us else "somebody"
        fields = copy.deepcopy(held.fields)
        return Record(key, f"{held.version:05d}", fields, None, held.deleted, winner, held.by_us, who)

    def look(self, direction: Direction, reads: list[Read]) -> Sights:
        """What the look-up step would find: fresh copies, as a database gives."""
        side, across = direction.source, direction.target
        known: dict[str, Binding] = {}
        for pair in copy.deepcopy(self.pairs):
            known[pair.seen(side).id] = pair
        if side == "crm":
            by_number = {pair.id: pair for pair in known.values()}
            known = {key: by_number[pair.id] for key, pair in self.aliases.items()} | known
        matches = Matches(rules=direction.spec.match)
        taken = {pair.seen(across).id: pair.seen(side).id for pair in self.pairs}
        for read in reads:
            read.keys = matches.keys(read.form)
        targets = {
            key: (f"{held.version:05d}", self.mapping.to_entity(across, self.record(across, key)).form)
            for key, held in self.sides[across].items()
        }
        for key, (_, form) in targets.items() if direction.creates else ():
            own = matches.keys(form)
            for place in ((index, values) for index, values in enumerate(own) if values):
                matches.hits.setdefault(place, []).append(Hit(key, taken.get(key), own))
        references = {("customer", key): pair.seen(across).id for key, pair in known.items()}
        return Sights(known, references, {}, matches, targets)

    def settle(self, direction: Direction, decisions: list[Decision]) -> list[Conclusion]:
        """Carries decisions out and remembers what they came to."""
        done = []
        for one in decisions:
            answer = self._write(direction, one) if one.change is not None else None
            concluded = conclude(direction, one, answer)
            self._remember(direction, concluded)
            done.append(concluded)
        return done

    def _write(self, direction: Direction, one: Decision) -> Answer:
        change, side = one.change, direction.target
        assert change is not None
        self.writes += 1
        records = self.sides[side]
        if change.verb == "create":
            change.id = f"{len(records) + 1}"
            empty = dict.fromkeys(self._fields(side))
            records[change.id] = Held(nested({**empty, "number": f"C-{change.id}"}), 0)
        held = records[change.id or ""]
        held.fields = overlaid(held.fields, change.fields)
        held.version, held.by_us = self._next(), True
        result = {"create": "created", "withdraw": "withdrawn"}.get(change.verb, "updated")
        record = self.record(side, change.id or "") if side == "erp" else None
        version = record.version if record else None
        return Answer(change.key, result, change.id, version, record)  # type: ignore[arg-type]

    def _remember(self, direction: Direction, one: Conclusion) -> None:
        pair, side = one.decision.binding, direction.source
        self.listed.pop((side, one.read.id), None)
        if one.item is not None and one.item.reason != "held":
            self.listed[side, one.read.id] = one.decision
        if pair is None:
            return
        if one.bind == "insert":
            pair.id = len(self.pairs) + 1
            self.pairs.append(pair)
        elif one.bind == "update":
            self.pairs = [pair if known.id == pair.id else known for known in self.pairs]
        self.aliases = {key: pair if old.id == pair.id else old for key, old in self.aliases.items()}
        if one.decision.alias:
            self.aliases[one.decision.alias] = pair
        self._make_due(direction, one, pair.seen(direction.target).id)

    def _make_due(self, direction: Direction, one: Conclusion, target: str) -> None:
        if one.decision.overruled:
            self.dues[direction.target][target] = Due(target, "undo", "", force=True)
        elif one.outcome != "worklisted" and one.decision.asks_back:
            self.dues[direction.target][target] = Due(target, one.decision.asks_back, "", force=True)
        elif one.bind == "insert" and one.outcome == "updated":
            self.dues[direction.target][target] = Due(target, "matched", "")

    def _fields(self, side: Side) -> list[str]:
        return list(self.mapping.selection(side).fields)

    def _next(self) -> int:
        self.tick += 1
        return self.tick

    # --- what a test asks -----------------------------------------------------------------------------------------

    def alive(self) -> Iterator[tuple[Held, Held]]:
        """Pairs whose account lives and is not on the worklist: (account, customer)."""
        for pair in self.pairs:
            account = self.sides["crm"].get(pair.crm.id)
            is_listed = ("crm", pair.crm.id) in self.listed or ("erp", pair.erp.id) in self.listed
            if account and not account.deleted and account.fields["Type"] == "Customer" and not is_listed:
                yield account, self.sides["erp"][pair.erp.id]


def nested(fields: Fields) -> Fields:
    """Dotted names as groups, as systems give them."""
    whole: Fields = {}
    for name, value in fields.items():
        group, _, member = name.partition(".")
        if member:
            whole.setdefault(group, {})[member] = value
        else:
            whole[group] = value
    return whole


def overlaid(before: Fields, given: Fields) -> Fields:
    """What an update leaves: given values over those that were there, also inside groups."""
    after = copy.deepcopy(before)
    for name, value in given.items():
        is_group = isinstance(value, dict) and isinstance(after.get(name), dict)
        after[name] = {**after[name], **value} if is_group else value
    return after
