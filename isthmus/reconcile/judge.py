"""What a candidate comes to once both sides were fetched again: it agrees, it is explained, or it differs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from isthmus.kernel.records import Fields
from isthmus.kernel.units import SIDES, Side, other_side
from isthmus.reconcile.compare import COMES_TO, Cause, Kind, Leaf, Pair, find_leaves
from isthmus.reconcile.findings import Difference, Reason, Repair, Verdict
from isthmus.reconcile.scratch import Glance
from isthmus.reconcile.shape import Shape
from isthmus.reconcile.sides import Look, Moved
from isthmus.state.bindings import Binding
from isthmus.state.worklist import Item

MEANWHILE = "moved while it was compared"
NOT_YET = "not yet synchronised"
WITHDRAWN = "withdrawn: the other side has left"
PULLED = "outside the filter, but referred to"
HELD = "held"
NO_PAIR = "belongs to no pair"
ERASED = "erased: nothing of it is carried any more"
_EDITED: Mapping[Side, Cause] = {"crm": "edited in CRM", "erp": "edited in ERP"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is known of one candidate. ``ids`` are those of the pair, or of the one record without a pair."""

    shape: Shape
    ids: dict[Side, str]
    binding: Binding | None
    glances: Mapping[Side, Glance]
    looks: Mapping[Side, Look]
    moved: Moved
    items: Mapping[Side, Item] = field(default_factory=dict)
    dues: Mapping[Side, str] = field(default_factory=dict)
    twin: str | None = None
    is_part: bool = False  # only some records were read: that a side was not seen says nothing

    def look(self, side: Side) -> Look | None:
        """The record, if it is there and not deleted."""
        look = self.looks.get(side)
        return look if look is not None and look.is_live else None

    def is_live(self, side: Side) -> bool:
        """Whether the side has it as the mapping wants it: inside the filter, or pulled."""
        look = self.look(side)
        return look is not None and (look.is_inside or (self.binding is not None and self.binding.regardless))

    def excuse(self, side: Side) -> Reason | None:
        """Why a whole record of this side may not be through: it is known."""
        item = self.items.get(side)
        if item is not None and item.reason != HELD:
            return told_item(item)
        if side in self.dues:
            return f"due: {self.dues[side]}"
        return NOT_YET if self.moved.has(side, self.ids.get(side, "")) else None


def told_item(item: Item) -> Reason:
    """Why a worklist item is open, in few words."""
    return f"worklist: {item.reason}" + (f", dismissed by {item.dismissed_by}" if item.dismissed_by else "")


def judge(evidence: Evidence) -> Verdict:
    """The verdict on one candidate."""
    cells = {side: glance.cell for side, glance in evidence.glances.items()}
    verdict = Verdict(cells, frozenset(glance.party for glance in evidence.glances.values()))
    if _moved_meanwhile(evidence):
        verdict.reason = MEANWHILE
    elif evidence.binding is None:
        _judge_loose(evidence, verdict)
    elif evidence.binding.crm.is_erased and evidence.binding.erp.is_erased and not evidence.items:
        verdict.reason = ERASED
    elif evidence.binding.gone:
        _judge_withdrawn(evidence, verdict)
    elif evidence.is_live("crm") and evidence.is_live("erp"):
        _judge_both(evidence, verdict)
    else:
        _judge_half(evidence, verdict)
    return verdict


def _moved_meanwhile(evidence: Evidence) -> bool:
    """Neither side may have moved between the two looks."""
    for side, glance in evidence.glances.items():
        look = evidence.look(side)
        if look is None or look.record.version != glance.version:
            return True
    return not evidence.is_part and any(
        side not in evidence.glances and (look := evidence.look(side)) is not None and look.is_inside
        for side in evidence.ids
    )


# --- records without a pair ---------------------------------------------------------------------------------------


def _judge_loose(evidence: Evidence, verdict: Verdict) -> None:
    shape = evidence.shape
    (side,) = evidence.glances
    if not shape.births():
        verdict.reason = NO_PAIR
    elif side in shape.births():
        verdict.reason = evidence.excuse(side)
        if verdict.reason is None:
            verdict.differences = [_whole(evidence, side, kind="missing", cause="never arrived")]
    elif evidence.twin is not None:
        verdict.differences = [_whole(evidence, side, kind="extra", cause="duplicate")]
    elif not shape.is_money:
        verdict.reason = f"only in the {side.upper()}"
    else:
        verdict.differences = [_whole(evidence, side, kind="extra", cause="")]


def _whole(evidence: Evidence, side: Side, *, kind: Kind, cause: Cause) -> Difference:
    """A record that one side alone has."""
    look = evidence.look(side)
    form = look.crossed if look else {}
    cell = evidence.shape.cell(side, form)
    entity, across = evidence.shape.entity, other_side(side).upper()
    remedies = {
        "missing": f"the next run of {evidence.shape.mapping.name} plans it",
        "extra": f"enter it in the {across}, or cancel it in the {side.upper()}",
    }
    remedy = remedies[kind]
    if cause == "duplicate":
        remedy = f"it is {entity} {evidence.twin} once more: cancel or delete one of them in the {side.upper()}"
    elif kind == "extra" and "erp" in evidence.shape.births():
        remedy = f"delete it in the CRM: the ERP knows no such {entity}"
    return Difference(
        entity, {side: evidence.ids[side]}, "", kind, cause, {side: _name(evidence)},
        abs(cell.amount_minor or 0), cell.currency, remedy,
        lane=side if kind == "missing" else None, repair="due" if kind == "missing" else "worklist",
        name=_name(evidence),
    )  # fmt: skip


def _name(evidence: Evidence) -> str:
    """What people call it: the number, else a name, else an id."""
    forms = [look.form for side in reversed(SIDES) if (look := evidence.look(side))]
    named = (form.get(name) for name in ("number", "name") for form in forms)
    return str(next(filter(None, named), None) or next(filter(None, evidence.ids.values()), ""))


# --- pairs --------------------------------------------------------------------------------------------------------


def _judge_withdrawn(evidence: Evidence, verdict: Verdict) -> None:
    """One side has left and the other was withdrawn. If it is back, the next run will say so."""
    binding = evidence.binding
    side: Side = "crm" if binding is not None and binding.left("crm") else "erp"
    if not evidence.is_live(side):
        verdict.reason = WITHDRAWN
        return
    verdict.reason = evidence.excuse(side)
    if verdict.reason is None:
        what = f"it is back in the {side.upper()}: the next run of {evidence.shape.mapping.name} plans it"
        verdict.differences = [_standing(evidence, "status", "late", remedy=what, lane=side)]


def _judge_half(evidence: Evidence, verdict: Verdict) -> None:
    """A pair that one side does not have any more, and nobody was told."""
    lost = [side for side in SIDES if not evidence.is_live(side)]
    if len(lost) == 2:
        verdict.reason = WITHDRAWN if verdict.cells else None
        return
    side = lost[0]
    verdict.reason = evidence.excuse(side) or (evidence.excuse(other_side(side)) if evidence.items else None)
    if verdict.reason is not None:
        return
    shape, policy = evidence.shape, evidence.shape.mapping.spec.gone.get(side, "ask")
    is_birth = side in shape.births()
    where = "is outside the filter" if evidence.look(side) else "was deleted"
    remedy = {
        "ask": f"it {where} in the {side.upper()}: the worklist asks what to do",
        "restore": f"it {where} in the {side.upper()}: the next run of {shape.mapping.name} makes it again",
    }.get(policy, f"it {where} in the {side.upper()}: the next run of {shape.mapping.name} withdraws the other one")
    cause: Cause = "late" if is_birth else _EDITED[side]
    verdict.differences = [_standing(evidence, "missing", cause, remedy=remedy, lane=side)]
    if policy == "ask":
        verdict.differences[0].repair = "worklist"


def _standing(evidence: Evidence, kind: Kind, cause: Cause, *, remedy: str, lane: Side) -> Difference:
    """A difference in whether a whole record is there at all."""
    cells = [evidence.shape.cell(side, look.crossed) for side in SIDES if (look := evidence.look(side))]
    worth = max((abs(cell.amount_minor or 0) for cell in cells), default=0)
    currency = next((cell.currency for cell in cells if cell.currency), None)
    values = {side: _name(evidence) if evidence.is_live(side) else None for side in SIDES}
    return Difference(
        evidence.shape.entity, dict(evidence.ids), "", kind, cause, dict(values), worth, currency, remedy,
        lane=lane, repair="due", name=_name(evidence),
    )  # fmt: skip


def _judge_both(evidence: Evidence, verdict: Verdict) -> None:
    looks = {side: look for side in SIDES if (look := evidence.look(side)) is not None}
    unfit: Side | None = next((side for side in SIDES if looks[side].faults), None)
    if unfit is not None:
        _judge_unfit(evidence, verdict, unfit)
        return
    pair = _pair(evidence, looks)
    reasons: list[Reason] = []
    for leaf in find_leaves(pair):
        reason = _excuse_leaf(evidence, leaf)
        if reason is None:
            verdict.differences.append(_difference(evidence, pair, leaf))
        else:
            reasons.append(reason)
    if not verdict.differences:
        pulled = [PULLED] if len(verdict.cells) == 1 else []
        verdict.reason = next(iter([*reasons, *pulled]), None)


def _pair(evidence: Evidence, looks: Mapping[Side, Look]) -> Pair:
    own, crossed = ({side: getattr(looks[side], name) for side in SIDES} for name in ("form", "crossed"))
    binding = evidence.binding
    base: dict[Side, Fields] = {side: orjson.loads(binding.seen(side).form) for side in SIDES} if binding else {}
    return Pair(evidence.shape, own, crossed, base)


def _judge_unfit(evidence: Evidence, verdict: Verdict, side: Side) -> None:
    """A record that is no entity any more: the worklist has it, or the next run will list it."""
    verdict.reason = evidence.excuse(side)
    look = evidence.look(side)
    if verdict.reason is None and look is not None:
        fault = look.faults[0]
        found = _standing(evidence, "field", _EDITED[side], remedy=fault.remedy, lane=side)
        found.field, found.values = fault.where, {side: fault.what}
        verdict.differences = [found]


def _excuse_leaf(evidence: Evidence, leaf: Leaf) -> Reason | None:
    """Why a field may differ: it is known to be on its way, or a person is asked about this very field."""
    for item in evidence.items.values():
        if _covers(evidence.shape, item, leaf):
            return told_item(item)
    if evidence.dues:
        return f"due: {next(iter(evidence.dues.values()))}"
    moved = any(evidence.moved.has(side, evidence.ids[side]) for side in leaf.changed)
    return NOT_YET if moved else None


def _covers(shape: Shape, item: Item, leaf: Leaf) -> bool:
    """Whether a worklist item is about this field."""
    if item.reason == HELD:
        return False
    if item.reason == "conflict" and item.detail:
        unit = leaf.path.partition(".")[0].partition("[")[0]
        asked = orjson.loads(item.detail).get("values")
        return asked is None or unit in asked
    return item.reason != "waiting" or bool(leaf.changed) or leaf.path in shape.references


def _difference(evidence: Evidence, pair: Pair, leaf: Leaf) -> Difference:
    lane = _lane(pair, leaf)
    repair: Repair = "due" if lane else "worklist"
    name = evidence.shape.mapping.name
    if lane:
        remedy = f"the next run of {name} writes the value of the {lane.upper()}"
        if leaf.cause in ("edited in CRM", "edited in ERP") and (by := _editor(evidence, other_side(lane))):
            remedy = f"edited by {by}; {remedy}"
    elif leaf.path == COMES_TO:
        remedy = "all fields agree, but the two systems add them up differently: look at rounding and discounts"
    else:
        remedy = "both sides may change it and nobody knows who did: correct it on one side"
    return Difference(
        evidence.shape.entity, dict(evidence.ids), leaf.path, leaf.kind, leaf.cause, dict(leaf.own),
        leaf.amount_minor, pair.currency, remedy, lane=lane, repair=repair, name=_name(evidence),
        spelling=leaf.spelling,
    )  # fmt: skip


def _lane(pair: Pair, leaf: Leaf) -> Side | None:
    """The side to be planned again: the owner; of a shared field the one side that moved, or that fills the other."""
    if leaf.path == COMES_TO:
        return None
    owner = pair.shape.owner(leaf.path)
    if owner == "both":
        sides = leaf.changed if len(leaf.changed) == 1 else _filling(pair, leaf)
        return next(iter(sides)) if len(sides) == 1 else None
    return "crm" if owner == "crm" else "erp"


def _filling(pair: Pair, leaf: Leaf) -> list[Side]:
    """Who has a value in a shared row that was never seen, as the mapping file was edited: an empty one gives way. Of a
    group or of lines that is not said of one field.
    """
    is_row = any(unit.name == leaf.path for unit in pair.shape.units)
    is_new = not any(leaf.path in base for base in pair.base.values())
    return [side for side in SIDES if is_row and is_new and leaf.own.get(side) is not None]


def _editor(evidence: Evidence, side: Side) -> str | None:
    """Who wrote last on a side; None when that were we, or when nobody has written there since it was seen last: what
    moved no stamp was not done by who is named beside it.
    """
    look, binding = evidence.look(side), evidence.binding
    if look is None or look.record.by_us or (binding and look.record.version <= binding.seen(side).version):
        return None
    return look.record.changed_by
