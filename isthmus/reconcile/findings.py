"""What a tie-out says: differences, what explains the rest, and the totals of an entity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from isthmus.kernel.records import Fields
from isthmus.kernel.units import Side
from isthmus.reconcile.compare import Cause, Kind, Spelling
from isthmus.reconcile.shape import Cell

Repair = Literal["due", "worklist", "none"]
Reason = str  # why a record does not count as a difference: "worklist: invalid", "not yet synchronised", …


@dataclass(slots=True)
class Difference:
    """One field, or a whole record (``field`` is empty), in which the sides do not agree.

    ``amount_minor`` is what is at stake, in minor units of ``currency``. ``lane`` is the side to be planned again.
    """

    entity: str
    ids: dict[Side, str]  # empty where that side has nothing
    field: str
    kind: Kind
    cause: Cause
    values: dict[Side, Any]
    amount_minor: int
    currency: str | None
    remedy: str
    lane: Side | None = None
    repair: Repair = "worklist"
    is_pending: bool = False  # a run had it still before it when it was looked at
    name: str = ""  # what people call the record: its number
    spelling: Spelling = ""
    first_seen: str = ""
    age_days: int = 0

    @property
    def told(self) -> str:
        """The class: why it differs or, when nobody knows, what differs."""
        return self.cause or self.kind

    @property
    def place(self) -> tuple[str, str, str, str]:
        return (self.entity, self.ids.get("crm", ""), self.ids.get("erp", ""), self.field)

    def as_json(self) -> Fields:
        return {
            "entity": self.entity, "name": self.name, "crm_id": self.ids.get("crm", ""),
            "erp_id": self.ids.get("erp", ""), "class": self.told, "kind": self.kind, "cause": self.cause,
            "field": self.field, "crm": self.values.get("crm"), "erp": self.values.get("erp"),
            "amount_minor": self.amount_minor, "currency": self.currency, "first_seen": self.first_seen,
            "age_days": self.age_days, "repair": self.repair, "remedy": self.remedy,
        }  # fmt: skip


@dataclass(slots=True)
class Verdict:
    """What a closer look at one candidate came to: differences, or an explanation, or neither (it agrees)."""

    cells: dict[Side, Cell]
    parties: frozenset[str | None] = frozenset()
    differences: list[Difference] = field(default_factory=list)
    reason: Reason | None = None


@dataclass(slots=True)
class Line:
    """One currency and month of an entity. Amounts are in minor units; counts only where there is no currency."""

    currency: str | None
    month: str | None
    crm_count: int = 0
    erp_count: int = 0
    crm_minor: int = 0
    erp_minor: int = 0
    explained_minor: int = 0
    explained_count: int = 0
    differing_minor: int = 0
    differing_count: int = 0

    @property
    def left_minor(self) -> int:
        """CRM less ERP less what is explained and what is listed: 0, or the tie-out itself does not add up."""
        return self.crm_minor - self.erp_minor - self.explained_minor - self.differing_minor

    @property
    def left_count(self) -> int:
        return self.crm_count - self.erp_count - self.explained_count - self.differing_count

    def as_json(self) -> Fields:
        return {
            "currency": self.currency, "month": self.month, "crm_count": self.crm_count, "erp_count": self.erp_count,
            "crm_minor": self.crm_minor, "erp_minor": self.erp_minor, "explained_count": self.explained_count,
            "explained_minor": self.explained_minor, "differing_count": self.differing_count,
            "differing_minor": self.differing_minor,
        }  # fmt: skip


@dataclass(slots=True)
class Tally:
    """Why records are not through: how many, and what they come to by currency (the greater of both sides)."""

    reason: Reason
    count: int = 0
    amounts: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> Fields:
        return {"reason": self.reason, "count": self.count, "amounts_minor": dict(self.amounts)}


@dataclass(frozen=True, slots=True)
class Own:
    """What a system itself counted and added up (None: it cannot), against what was read from it."""

    side: Side
    currency: str | None
    counted: int
    added_minor: int | None
    read: int
    read_minor: int | None

    @property
    def agrees(self) -> bool:
        return (self.counted, self.added_minor) == (self.read, self.read_minor)

    def as_json(self) -> Fields:
        return {
            "side": self.side, "currency": self.currency, "count": self.counted, "sum_minor": self.added_minor,
            "read_count": self.read, "read_sum_minor": self.read_minor,
        }  # fmt: skip


@dataclass(slots=True)
class EntityResult:
    """One entity of a tie-out. ``unseen`` are candidates that were too many to be looked at."""

    entity: str
    pairs: int = 0
    lines: list[Line] = field(default_factory=list)
    explained: list[Tally] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    own: list[Own] = field(default_factory=list)
    unseen: int = 0
    is_part: bool = False  # only some of its records were asked for

    @property
    def agrees(self) -> bool:
        adds_up = all(line.left_minor == 0 and line.left_count == 0 for line in self.lines)
        is_listed = self.differences or any(line.differing_minor or line.differing_count for line in self.lines)
        return not is_listed and not self.unseen and adds_up and all(one.agrees for one in self.own)

    def as_json(self) -> Fields:
        return {
            "entity": self.entity, "agrees": self.agrees, "pairs": self.pairs,
            "totals": [line.as_json() for line in self.lines], "explained": [one.as_json() for one in self.explained],
            "own": [one.as_json() for one in self.own], "not_looked_at": self.unseen,
        }  # fmt: skip


def weighed(differences: Sequence[Difference]) -> list[tuple[int, str | None, int]]:
    """(minor units, currency, age in days) of each; a record counts once, with its greatest difference."""
    greatest: dict[tuple[object, ...], Difference] = {}
    for one in differences:
        if one.currency:
            record = one.place[:3]
            greatest[record] = max(greatest.get(record, one), one, key=lambda other: other.amount_minor)
    return [
        (one.amount_minor if greatest.get(one.place[:3]) is one else 0, one.currency, one.age_days)
        for one in differences
    ]


def at_stake(differences: Sequence[Difference]) -> dict[str, int]:
    """Minor units by currency; a record counts once."""
    sums: Counter[str] = Counter()
    for amount, currency, _ in weighed(differences):
        if currency and amount:
            sums[currency] += amount
    return dict(sums)
