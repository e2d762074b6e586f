"""The laws of planning, over small worlds that people and merges shake: no edit lost, none invented, no echo."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from isthmus.kernel.errors import Refused
from isthmus.kernel.records import Fields
from isthmus.kernel.units import Side
from isthmus.mapping.compile import CompiledMapping
from isthmus.sync.decision import translate
from isthmus.sync.plan import plan_page
from tests.sync.little import Little, customers

ACCOUNTS = ("A", "B", "C")
ACTS = (
    "rename", "call_crm", "call_erp", "misname", "renumber", "delete", "restore", "merge", "leave", "come", "share_tax",
    "unshare_tax",
)  # fmt: skip
Act = tuple[str, str, str, int]

#: Rounds of a few acts; between two rounds Isthmus runs. The first says who is entered from the start.
acts = st.lists(
    st.tuples(st.sampled_from(ACTS), st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS), st.integers(1, 3)),
    max_size=4,
)
stories = st.tuples(st.sets(st.sampled_from(ACCOUNTS), min_size=1), st.lists(acts, min_size=1, max_size=4))
Told = tuple[set[str], list[list[Act]]]


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> CompiledMapping:
    return customers(tmp_path_factory.mktemp("mapping"))


#: A loaded machine is no reason to fail.
law = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Story:
    """Plays acts and remembers what people entered."""

    def __init__(self, mapping: CompiledMapping) -> None:
        self.world = Little(mapping)
        self.entered: set[Any] = {None}

    def play(self, told: Told) -> Little:
        """Plays all rounds; what the last one did has not been synchronised yet."""
        early, rounds = told
        for key in sorted(early):
            self.enter(key)
        for place, acts in enumerate(rounds):
            self.world.cycle()
            if place == 1:
                for key in ACCOUNTS:
                    self.enter(key)
            for verb, one, other, number in acts:
                getattr(self, verb)(one, other, f"{verb} {one} {place % number}")
        return self.world

    def _say(self, text: str) -> str:
        self.entered.add(text)
        return text

    def _is_there(self, key: str) -> bool:
        held = self.world.sides["crm"].get(key)
        return held is not None and not held.deleted

    def _customer(self, key: str) -> str | None:
        return next((pair.erp.id for pair in self.world.pairs if pair.crm.id == key), None)

    def enter(self, key: str) -> None:
        if key not in self.world.sides["crm"]:
            self.world.enter(key, Name=self._say(f"Firm {key}"), Tax_Id__c=None if key == "C" else f"DE {key}")

    def share_tax(self, key: str, other: str, _: str) -> None:
        """Two accounts of one company."""
        if self._is_there(key) and self._is_there(other):
            self.world.edit("crm", key, Tax_Id__c=self.world.sides["crm"][other].fields["Tax_Id__c"])

    def unshare_tax(self, key: str, _: str, __: str) -> None:
        if self._is_there(key):
            self.world.edit("crm", key, Tax_Id__c=f"DE {key}")

    def rename(self, key: str, _: str, text: str) -> None:
        if self._is_there(key):
            self.world.edit("crm", key, Name=self._say(text))

    def call_crm(self, key: str, _: str, text: str) -> None:
        if self._is_there(key):
            self.world.edit("crm", key, Phone=self._say(text))

    def call_erp(self, key: str, _: str, text: str) -> None:
        if customer := self._customer(key):
            self.world.edit("erp", customer, phone=self._say(text))

    def misname(self, key: str, _: str, text: str) -> None:
        """A clerk edits what the CRM owns."""
        if customer := self._customer(key):
            self.world.edit("erp", customer, name=text)

    def renumber(self, key: str, _: str, text: str) -> None:
        """Sales edits what the ERP owns."""
        if self._is_there(key):
            self.world.edit("crm", key, ERP_Customer_Number__c=text)

    def delete(self, key: str, _: str, __: str) -> None:
        if self._is_there(key):
            self.world.delete(key)

    def restore(self, key: str, _: str, __: str) -> None:
        if key in self.world.sides["crm"] and not self._is_there(key):
            self.world.restore(key)

    def merge(self, key: str, other: str, _: str) -> None:
        if key != other and self._is_there(key) and self._is_there(other):
            self.world.delete(other, merged_into=key)

    def leave(self, key: str, _: str, __: str) -> None:
        if self._is_there(key):
            self.world.edit("crm", key, Type="Prospect")

    def come(self, key: str, _: str, __: str) -> None:
        if self._is_there(key):
            self.world.edit("crm", key, Type="Customer")


@given(stories)
@law
def test_each_record_has_one_outcome_and_planning_is_a_function(mapping: CompiledMapping, story: Told) -> None:
    world = Story(mapping).play(story)
    for side in ("crm", "erp"):
        direction = world.direction(side)
        reads = [translate(direction, world.record(side, key)) for key in world.sides[side]]
        sights = world.look(direction, reads)
        again = copy.deepcopy((reads, sights))
        first, second = plan_page(direction, reads, sights), plan_page(direction, *again)
        assert sorted(one.read.id for one in first) == sorted(world.sides[side])
        assert [(one.read.id, one.outcome, one.change, one.item) for one in first] == [
            (one.read.id, one.outcome, one.change, one.item) for one in second
        ]


@given(stories)
@example(({"A"}, [[], [("call_erp", "A", "A", 1), ("delete", "A", "A", 1)], [("restore", "A", "A", 1)]]))
@example(({"A"}, [[("call_erp", "A", "A", 1), ("leave", "A", "A", 1)], [("come", "A", "A", 1)]]))
@law
def test_no_edit_is_lost_and_none_is_invented(mapping: CompiledMapping, story: Told) -> None:
    told = Story(mapping)
    world = told.play(story)
    world.cycle()
    world.cycle()
    for account, customer in world.alive():
        assert customer.fields["name"] == account.fields["Name"], "the CRM owns the name"
        assert account.fields["ERP_Customer_Number__c"] == customer.fields["number"], "the ERP owns the number"
        assert customer.fields["phone"] == account.fields["Phone"], "both agree on what both may change"
        assert {customer.fields["name"], customer.fields["phone"]} <= told.entered, "entered where it counts"
    for key, customer in world.sides["erp"].items():
        assert customer.fields["number"] == f"C-{key}"


@given(stories)
@example(({"B"}, [[], [("share_tax", "A", "B", 1), ("share_tax", "B", "C", 1)]]))
@example(
    (
        {"A"},
        [[], [("call_erp", "C", "A", 1), ("delete", "C", "A", 1)], [("restore", "C", "A", 1), ("leave", "C", "A", 1)]],
    )
)
@law
def test_when_people_rest_nothing_is_written(mapping: CompiledMapping, story: Told) -> None:
    world = Story(mapping).play(story)
    world.cycle()
    world.cycle()
    world.retry()
    writes, held = world.writes, copy.deepcopy(world.sides)
    for side in ("crm", "erp", "crm", "erp"):
        for one in world.travel(side, everything=True):
            assert one.decision.change is None or one.outcome == "worklisted", (side, one.read.id, one.outcome)
    assert world.writes == writes
    assert world.sides == held


@given(stories)
@law
def test_nobody_has_two_customers(mapping: CompiledMapping, story: Told) -> None:
    world = Story(mapping).play(story)
    world.cycle()
    for side in ("crm", "erp"):
        ids = [pair.seen(side).id for pair in world.pairs]
        assert len(ids) == len(set(ids))
    numbers = {pair.id for pair in world.pairs}
    assert {pair.id for pair in world.aliases.values()} <= numbers
    entered = [one for one in world.sides["crm"].values() if one.merged_into is None]
    assert len(world.sides["erp"]) <= len(world.sides["crm"])
    assert len(entered) <= len(ACCOUNTS)


@given(stories, st.integers(1, 4))
@law
def test_an_older_look_never_changes_anything(mapping: CompiledMapping, story: Told, back: int) -> None:
    """A page that was read long ago and arrives now, as after a slow network."""
    teller = Story(mapping)
    world = teller.play(story)
    direction = world.direction("crm")
    old = [world.record("crm", key) for key, held in world.sides["crm"].items() if not held.deleted]
    for key in [record.id for record in old]:
        world.edit("crm", key, Name=f"newest {key}")
    world.cycle()
    world.cycle()
    late = [record for record in old if any(pair.crm.id == record.id for pair in world.pairs)]
    if any(listed for (_, listed) in world.listed):
        return  # what waits for a person has not been seen at its newest
    reads = [translate(direction, record) for record in late][:back]
    decisions = plan_page(direction, reads, world.look(direction, reads))
    assert all(one.change is None for one in decisions)
    assert {one.outcome for one in decisions} <= {"superseded", "unchanged"}


def test_an_equal_stamp_with_another_form_is_applied(mapping: CompiledMapping) -> None:
    """Stamps have whole seconds: the second edit of a second is no echo of the first."""
    world = Little(mapping)
    world.enter("A")
    world.cycle()
    stamp = world.sides["crm"]["A"].version = world.tick + 5
    world.cycle()
    world.tick = stamp + 1
    world.sides["crm"]["A"].fields["Name"] = "Second edit of the second"
    world.sides["crm"]["A"].by_us = False
    world.travel("crm", everything=True)
    assert world.sides["erp"]["1"].fields["name"] == "Second edit of the second"


def test_a_loser_that_lives_again_is_a_question_not_an_edit_of_the_winner(mapping: CompiledMapping) -> None:
    world = Little(mapping)
    world.enter("A", Name="Loser")
    world.cycle()
    world.enter("B", Name="Winner")
    world.delete("A", merged_into="B")
    world.cycle()
    assert world.sides["erp"]["1"].fields["name"] == "Winner"
    world.sides["crm"]["A"].merged_into = None
    world.restore("A")
    world.cycle()
    assert world.sides["erp"]["1"].fields["name"] == "Winner"
    item = world.listed["crm", "A"].item
    assert item is not None
    assert (item.reason, "is a record of its own again" in item.fault.what) == ("ambiguous", True)


def test_a_value_without_a_way_to_the_target_stops_no_neighbour(
    mapping: CompiledMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, honest = Little(mapping), mapping.to_fields
    for key in ACCOUNTS:
        world.enter(key)

    def to_fields(side: Side, form: Fields, units: frozenset[str] | None = None) -> tuple[Fields, list[Fields] | None]:
        if form["name"] == "Firm B":
            raise Refused("name", "has no way back", "correct it")
        return honest(side, form, units)

    monkeypatch.setattr(mapping, "to_fields", to_fields)
    outcomes = {one.read.id: one.outcome for one in world.travel("crm")}
    assert outcomes == {"A": "created", "B": "worklisted", "C": "created"}
    item = world.listed["crm", "B"].item
    assert item is not None
    assert str(item.fault) == "name: has no way back; correct it"
