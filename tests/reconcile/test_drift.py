"""Is every drift found, told as what it is, valued to the cent, and repaired or listed? And nothing else reported?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from isthmus.mapping.compile import compile_mapping
from isthmus.mapping.load import load_mappings
from isthmus.reconcile.findings import Difference
from isthmus.reconcile.run import TieOut, reconcile
from isthmus.state.bindings import Binding
from tests.reconcile.conftest import Template
from tests.reconcile.lab import Lab
from tests.reconcile.records import cases_of
from tests.scenarios.world import ROOT

Ids = tuple[str, str, str]  # entity, CRM id, ERP id
SHARED = ("credit_status", "customer_figures")  # what a customer shows of itself: planted in tests of their own

_MAPPINGS = [
    compile_mapping(spec, crm_numbers="decimal", erp_numbers="scaled", time_zone="UTC")
    for spec in load_mappings(ROOT / "mappings" / "salesforce_erp")
]
CASES = {case.name: case for one in _MAPPINGS if one.entity not in SHARED for case in cases_of(one)}


@dataclass
class Planted:
    """What was planted where, what the tie-out said of it, and what was left of it after the next runs."""

    where: dict[str, tuple[Ids, str, int]] = field(default_factory=dict)  # case → ids, field, what is at stake
    found: dict[Ids, list[Difference]] = field(default_factory=dict)
    after: dict[Ids, list[Difference]] = field(default_factory=dict)
    touched: set[Ids] = field(default_factory=set)  # what follows a payment that was tampered with
    listed: set[str] = field(default_factory=set)  # ids on the worklist after the next runs
    first: TieOut | None = None


@pytest.fixture(scope="module")
def planted(large: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """Everything at once, each case in a pair of its own: one tie-out, the next runs, another tie-out."""
    with large.copied(tmp_path_factory.mktemp("drift") / "company") as lab:
        ports = lab.world.shop.ports
        clean = reconcile(ports, "totals", "cli:ada")
        assert clean.agrees, clean.table()
        told = Planted()
        with lab.unguarded():
            _plant(lab, told)
        told.first = reconcile(ports, "totals", "cli:ada")
        told.found = _by_record(told.first)
        for _ in range(3):
            lab.world.cycle()
        lab.world.pass_time()
        told.after = _by_record(reconcile(ports, "totals", "cli:ada"))
        told.listed = {item.source_id for item in lab.world.shop.worklist()}
        yield told


def _plant(lab: Lab, told: Planted) -> None:
    free: dict[str, list[Binding]] = {}
    for case in sorted(CASES.values(), key=lambda case: case.entity != "payment"):
        pairs = free.setdefault(case.entity, [one for one in lab.pairs(case.entity) if _ids(one) not in told.touched])
        pair = next(pair for pair in pairs if case.fits(lab, pair))
        pairs.remove(pair)
        paid: set[Ids] = _paid_by(lab, pair) if case.name.startswith("payment.lines") else set()
        stake = case.plant(lab, pair)
        new = lab.new.get(pair.crm.id, "")
        ids = {side: pair.seen(side).id if len(case.sides) == 2 else new for side in case.sides}
        place = (case.entity, ids.get("crm", ""), ids.get("erp", ""))
        if paid:
            told.touched.update(paid, _paid_by(lab, pair))
        told.where[case.name] = (place, case.field.replace("*", lab.line_keys.get(pair.crm.id, "")), stake)


def _ids(pair: Binding) -> Ids:
    return pair.entity, pair.crm.id, pair.erp.id


def _paid_by(lab: Lab, payment: Binding) -> set[Ids]:
    """Invoices whose open amount the ERP works out of this payment: they show what is done to it."""
    paid = {str(row["invoice_id"]) for row in lab.all("erp", "erp_allocation", f"payment_id = {payment.erp.id}")}
    return {_ids(pair) for pair in lab.pairs("invoice") if pair.erp.id in paid}


def _by_record(tie_out: TieOut) -> dict[Ids, list[Difference]]:
    found = defaultdict(list)
    for one in tie_out.differences:
        found[one.place[:3]].append(one)
    return dict(found)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 200, len(CASES)


@pytest.mark.parametrize("name", CASES)
def test_drift_is_found_told_and_valued(planted: Planted, name: str) -> None:
    case, (ids, field_name, stake) = CASES[name], planted.where[name]
    found = [one for one in planted.found.get(ids, []) if one.field not in case.follow]
    told = [(one.field, one.told, one.amount_minor, one.repair) for one in found]
    assert told == [(field_name, case.told, stake, case.repair)], planted.found.get(ids)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.repair == "due"])
def test_drift_is_repaired_by_the_next_run_or_listed(planted: Planted, name: str) -> None:
    ids = planted.where[name][0]
    left = [one for one in planted.after.get(ids, []) if one.repair == "due" and not set(ids[1:]) & planted.listed]
    assert left == []


def test_nothing_else_is_reported(planted: Planted) -> None:
    wanted = {ids for ids, _, _ in planted.where.values()} | planted.touched
    strays = [one for one in planted.found if one not in wanted and one[0] not in SHARED]  # theirs follow documents
    assert strays == [], [planted.found[one] for one in strays]


def test_the_totals_add_up_with_all_of_it(planted: Planted) -> None:
    assert planted.first is not None
    for entity in planted.first.entities:
        assert [line for line in entity.lines if line.left_minor or line.left_count] == []
        assert [own for own in entity.own if not own.agrees] == []
        assert entity.unseen == 0


def test_what_people_must_correct_stays_listed(planted: Planted) -> None:
    by_hand = [name for name, case in CASES.items() if case.repair == "worklist"]
    lost = [name for name in by_hand if planted.where[name][0] not in planted.after]
    asked = [name for name in lost if not set(planted.where[name][0][1:]) & planted.listed]
    assert asked == [], "neither among the differences nor on the worklist"
