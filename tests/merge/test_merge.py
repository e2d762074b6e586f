"""Does the merge lose an edit, invent one, echo, or favour a side that is not the owner?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.kernel.units import SIDES, Side, Unit, other_side
from isthmus.merge import Conflict, Forms, Merged, Overruled, merge

NAMES = ("name", "terms", "billing", "lines")


def one(owner: Any = "both", rule: Any = "ask") -> list[Unit]:
    return [Unit("name", owner, rule)]


def forms(crm: Any = ..., erp: Any = ...) -> Forms:
    given: dict[Side, Any] = {"crm": crm, "erp": erp}
    return {side: {} if value is ... else {"name": value} for side, value in given.items()}


OUTCOMES = [
    # owner, rule, before, after, written to, conflicts, overruled, agreed: in the order in which the rules apply
    ("crm", "ask", ("A", "A"), ("A", "A"), {}, 0, 0, 0),
    ("crm", "ask", ("A", "A"), ("B", "A"), {"erp"}, 0, 0, 0),
    ("crm", "ask", ("A", "A"), ("A", "B"), {"erp"}, 0, 1, 0),  # the ERP's edit is undone, and told
    ("crm", "ask", ("A", "A"), ("B", "C"), {"erp"}, 0, 1, 0),
    ("crm", "ask", ("A", "a"), ("A", "a"), {}, 0, 0, 0),  # different spelling on both sides is no change
    ("crm", "ask", ("A", "A"), (None, "A"), {"erp"}, 0, 0, 0),  # null clears
    ("crm", "ask", ("A", "A"), (..., "B"), {}, 0, 0, 0),  # absent keeps: the owner said nothing
    ("crm", "ask", (..., ...), ("A", "B"), {"erp"}, 0, 0, 0),  # a new row: the owner's value
    ("crm", "ask", (..., ...), (None, "B"), {"erp"}, 0, 0, 0),
    ("erp", "ask", ("A", "A"), ("A", "B"), {"crm"}, 0, 0, 0),
    ("erp", "ask", ("A", "A"), ("B", "A"), {"crm"}, 0, 1, 0),
    ("both", "ask", ("A", "A"), ("A", "A"), {}, 0, 0, 0),
    ("both", "ask", ("A", "A"), ("B", "A"), {"erp"}, 0, 0, 0),
    ("both", "ask", ("A", "A"), ("A", "B"), {"crm"}, 0, 0, 0),
    ("both", "ask", ("A", "A"), ("B", "B"), {}, 0, 0, 1),
    ("both", "ask", ("A", "A"), ("B", "C"), {}, 1, 0, 0),
    ("both", "crm", ("A", "A"), ("B", "C"), {"erp"}, 0, 1, 0),
    ("both", "erp", ("A", "A"), ("B", "C"), {"crm"}, 0, 1, 0),
    ("both", "ask", ("A", "A"), ("B", None), {}, 1, 0, 0),  # a clearing is an edit like any other
    ("both", "ask", (..., ...), ("A", None), {"erp"}, 0, 0, 0),  # without a base null gives way to a value
    ("both", "ask", (..., "A"), ("A", None), {}, 1, 0, 0),  # but a known clearing is an edit
    ("both", "ask", (..., ...), ("A", "A"), {}, 0, 0, 1),
    ("both", "ask", (..., ...), ("A", "B"), {}, 1, 0, 0),
    ("both", "ask", ("A", "A"), ("B", ...), {"erp"}, 0, 0, 0),
    ("both", "ask", (..., ...), ("A", ...), {"erp"}, 0, 0, 0),
    ("both", "ask", (..., ...), (None, ...), {}, 0, 0, 0),
    ("both", "ask", ("A", "A"), (..., ...), {}, 0, 0, 0),
]


@pytest.mark.parametrize(("owner", "rule", "before", "after", "to", "conflicts", "overruled", "agreed"), OUTCOMES)
def test_one_line_per_outcome(owner, rule, before, after, to, conflicts, overruled, agreed) -> None:  # type: ignore[no-untyped-def]
    merged = merge(one(owner, rule), forms(*before), forms(*after))
    assert {side for side in SIDES if merged.writes[side]} == set(to)
    assert (len(merged.conflicts), len(merged.overruled), len(merged.agreed)) == (conflicts, overruled, agreed)


def test_a_conflict_shows_base_and_both_values() -> None:
    merged = merge(one(), forms("A", "a"), forms("B", "C"))
    assert merged.conflicts == [Conflict("name", "A", "a", "B", "C")]


def test_an_overruled_edit_says_whose_it_was_and_what_it_said() -> None:
    merged = merge(one("crm"), forms("A", "A"), forms("A", "B"))
    assert merged.overruled == [Overruled("name", "erp", "A", "B")]


def test_a_unit_of_one_side_is_never_merged() -> None:
    unit = Unit("name", "crm", sides=frozenset({"crm"}))
    assert merge([unit], forms("A"), forms("B")) == Merged()


def test_a_volatile_unit_is_written_along_but_is_no_reason_to_write() -> None:
    units = [Unit("name", "erp"), Unit("days_overdue", "erp", volatile=True)]
    before: Forms = {"crm": {"name": "A", "days_overdue": 1}, "erp": {"name": "A", "days_overdue": 1}}
    later: Forms = {"crm": before["crm"], "erp": {"name": "A", "days_overdue": 2}}
    assert not merge(units, before, later).writes["crm"]
    changed: Forms = {"crm": before["crm"], "erp": {"name": "B", "days_overdue": 2}}
    assert merge(units, before, changed).writes["crm"] == {"name", "days_overdue"}


def test_what_only_one_side_has_in_a_group_or_line_moves_nobody() -> None:
    """The CRM's line amounts have no counterpart: a recomputed amount is no reason to write the lines."""
    unit = Unit("lines", "crm", members=frozenset({"quantity"}))
    before: Forms = {"crm": {"lines": [{"key": "1", "quantity": 2, "amount": 5}]}, "erp": {"lines": []}}
    after: Forms = {"crm": {"lines": [{"key": "1", "quantity": 2, "amount": 6}]}, "erp": {"lines": []}}
    assert merge([unit], before, after) == Merged()
    group = Unit("lines", "both", members=frozenset({"quantity"}))
    same: Forms = {"crm": {"lines": {"quantity": 3, "amount": 6}}, "erp": {"lines": {"quantity": 3}}}
    start: Forms = {"crm": {"lines": {"quantity": 1, "amount": 6}}, "erp": {"lines": {"quantity": 1}}}
    assert merge([group], start, same).agreed == {"lines"}


# --- laws ---------------------------------------------------------------------------------------------------------

values = st.sampled_from(["A", "B", None, 0, 1, {"city": "A"}, {"city": "B"}, [{"key": "1"}], []])
form = st.dictionaries(st.sampled_from(NAMES), values)
owners = st.sampled_from(["crm", "erp", "both"])
rules = st.sampled_from(["ask", "crm", "erp"])
units_of_all = st.lists(
    st.builds(Unit, st.sampled_from(NAMES), owners, rules, volatile=st.booleans()), unique_by=lambda unit: unit.name
)
pairs = st.fixed_dictionaries({"crm": form, "erp": form})


def _edits(unit: Unit, side: Side, before: Forms, after: Forms) -> bool:
    known = unit.name in before[side] and unit.name in after[side]
    return known and before[side][unit.name] != after[side][unit.name]


def _apply(merged: Merged, after: Forms) -> dict[Side, dict[str, Any]]:
    """Both sides once the writes are done."""
    done: dict[Side, dict[str, Any]] = {side: dict(after[side]) for side in SIDES}
    for side in SIDES:
        for name in merged.writes[side]:
            done[side][name] = after[other_side(side)][name]
    return done


@given(units_of_all, pairs, pairs)
def test_no_edit_is_lost(units: list[Unit], before: Forms, after: Forms) -> None:
    """Every edit is written across, agreed, asked about, or reported as overruled."""
    merged = merge(units, before, after)
    asked = {conflict.unit for conflict in merged.conflicts}
    overruled = {(edit.unit, edit.side) for edit in merged.overruled}
    for unit in units:
        for side in SIDES:
            if not _edits(unit, side, before, after) or unit.volatile:
                continue
            silent_owner = unit.owner == other_side(side) and unit.name not in after[other_side(side)]
            told = (
                unit.name in merged.writes[other_side(side)] | merged.agreed | asked or (unit.name, side) in overruled
            )
            assert told or silent_owner


@given(units_of_all, pairs, pairs)
def test_none_is_invented(units: list[Unit], before: Forms, after: Forms) -> None:
    """What is written is what the other side shows, and only units that somebody changed or nobody knew."""
    merged = merge(units, before, after)
    by_name = {unit.name: unit for unit in units}
    for side in SIDES:
        for name in merged.writes[side]:
            unit = by_name[name]
            assert name in after[other_side(side)]
            assert unit.owner in ({other_side(side)} if unit.volatile else {other_side(side), "both"})
            new = any(name not in before[one] for one in SIDES)
            assert new or unit.volatile or any(_edits(unit, one, before, after) for one in SIDES)
    assert not merged.writes["crm"] & merged.writes["erp"]


@given(units_of_all, pairs, pairs)
def test_merging_again_after_the_writes_does_nothing(units: list[Unit], before: Forms, after: Forms) -> None:
    done = _apply(merge(units, before, after), after)
    again = merge(units, done, done)
    known = {unit.name for unit in units if not unit.volatile and all(unit.name in done[side] for side in SIDES)}
    assert not (again.writes["crm"] | again.writes["erp"]) & known
    assert not again.overruled
    assert not [conflict for conflict in again.conflicts if conflict.unit in known]


@given(units_of_all, pairs)
def test_without_a_change_there_is_no_echo(units: list[Unit], seen: Forms) -> None:
    merged = merge(units, seen, seen)
    known = {unit.name for unit in units if not unit.volatile and all(unit.name in seen[side] for side in SIDES)}
    assert not (merged.writes["crm"] | merged.writes["erp"]) & known


def _mirror(owner: Any) -> Any:
    return other_side(owner) if owner in SIDES else owner


@given(units_of_all, pairs, pairs)
def test_neither_side_is_favoured(units: list[Unit], before: Forms, after: Forms) -> None:
    """Swapping the sides, with their owners and rules, swaps the result."""
    swapped = [
        Unit(unit.name, _mirror(unit.owner), _mirror(unit.if_both_changed), unit.sides, unit.volatile) for unit in units
    ]
    merged = merge(units, before, after)
    mirrored = merge(swapped, {"crm": before["erp"], "erp": before["crm"]}, {"crm": after["erp"], "erp": after["crm"]})
    assert merged.writes == {"crm": mirrored.writes["erp"], "erp": mirrored.writes["crm"]}
    assert merged.agreed == mirrored.agreed
    assert [one.unit for one in merged.conflicts] == [one.unit for one in mirrored.conflicts]
    assert {(one.unit, one.side) for one in merged.overruled} == {
        (one.unit, other_side(one.side)) for one in mirrored.overruled
    }


@given(units_of_all, pairs, pairs)
def test_the_arguments_are_left_alone(units: list[Unit], before: Forms, after: Forms) -> None:
    copies = [{side: dict(pair[side]) for side in SIDES} for pair in (before, after)]
    merge(units, before, after)
    assert [before, after] == copies
