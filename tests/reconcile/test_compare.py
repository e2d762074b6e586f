"""Pure: equal is equal however it is spelled, and one change is one difference, at its place."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.kernel.records import Fields
from isthmus.kernel.units import Side
from isthmus.mapping.compile import compile_mapping
from isthmus.mapping.load import load_mappings
from isthmus.reconcile.compare import Pair, find_leaves
from isthmus.reconcile.findings import Difference, at_stake
from isthmus.reconcile.shape import Shape
from tests.scenarios.world import ROOT

SHAPES = {
    spec.entity: Shape(compile_mapping(spec, crm_numbers="decimal", erp_numbers="scaled", time_zone="UTC"))
    for spec in load_mappings(ROOT / "mappings" / "salesforce_erp")
}
ORDER = SHAPES["order"]
TEXTS = st.text(max_size=5) | st.none()
AMOUNTS = st.integers(-(10**12), 10**12) | st.none()
LINE = st.fixed_dictionaries(
    {"product": st.sampled_from("12"), "quantity": st.integers(0, 10**9), "unit_price": st.integers(0, 10**9),
     "description": TEXTS}
)  # fmt: skip
FORM = st.fixed_dictionaries(
    {
        "customer": st.sampled_from("12"), "order_date": st.sampled_from(("2026-01-01", "2026-02-01")),
        "currency": st.sampled_from(("EUR", "JPY", "KWD")), "po_number": TEXTS, "freight": AMOUNTS, "total": AMOUNTS,
        "tax": AMOUNTS, "status": st.sampled_from(("draft", "held")), "number": TEXTS,
        "bill_to": st.fixed_dictionaries({"street": TEXTS, "city": TEXTS}), "lines": st.lists(LINE, max_size=4),
    }
)  # fmt: skip


def _keyed(form: Fields) -> Fields:
    lines = [{**line, "key": f"k{number}"} for number, line in enumerate(form["lines"])]
    return {**form, "lines": lines}


def _pair(crm: Fields, erp: Fields, base: dict[Side, Fields] | None = None) -> Pair:
    return Pair(ORDER, {"crm": crm, "erp": erp}, {"crm": crm, "erp": erp}, base or {"crm": crm, "erp": erp})


@given(FORM, st.randoms())
@settings(deadline=None)
def test_what_is_spelled_otherwise_is_no_difference(form: Fields, dice: Any) -> None:
    """Nulls for noughts, lines in another order, rows in another order, empty texts for nulls."""
    crm = _keyed(form)
    erp = {name: crm[name] for name in reversed(crm)} | {"lines": dice.sample(crm["lines"], len(crm["lines"]))}
    erp |= {name: 0 for name in ("freight", "total", "tax") if erp[name] is None}
    erp |= {name: "" for name in ("po_number", "number") if erp[name] is None}
    assert [leaf for leaf in find_leaves(_pair(crm, erp)) if leaf.path != "comes to"] == []
    assert ORDER.print(ORDER.shown(crm)) == ORDER.print(ORDER.shown(erp))


CHANGES: dict[str, tuple[Any, str, str]] = {
    "po_number": ("other!", "field", "late"),
    "freight": (999, "amount", "late"),
    "order_date": ("2026-03-03", "field", "late"),
    "status": ("invoiced", "status", "edited in CRM"),
    "total": (998, "amount", "edited in CRM"),
    "currency": ("USD", "currency", "late"),
}


@given(form=FORM, name=st.sampled_from(sorted(CHANGES)))
@settings(deadline=None)
def test_one_change_is_one_difference(form: Fields, name: str) -> None:
    before, (value, kind, cause) = _keyed(form), CHANGES[name]
    after = copy.deepcopy(before)
    after[name] = (before[name] or 0) + value if isinstance(value, int) else value
    (leaf,) = find_leaves(_pair(after, before, {"crm": before, "erp": before}))
    assert (leaf.path, leaf.kind, leaf.cause) == (name, kind, cause)
    if isinstance(value, int):
        is_rounding = value <= max(1, len(before["lines"]))
        assert (leaf.amount_minor, leaf.cause == "rounding") == (value, is_rounding)
    assert ORDER.print(ORDER.shown(after)) != ORDER.print(ORDER.shown(before))


@given(FORM, FORM)
@settings(deadline=None)
def test_prints_differ_exactly_where_fields_do(crm: Fields, erp: Fields) -> None:
    left, right = _keyed(crm), _keyed(erp)
    same = ORDER.print(ORDER.shown(left)) == ORDER.print(ORDER.shown(right))
    leaves = [leaf for leaf in find_leaves(_pair(left, right)) if leaf.path != "comes to"]
    assert same == (leaves == [])


@pytest.mark.parametrize("minor", [1, 2, 3, 4])
def test_a_rounding_is_no_more_than_one_minor_unit_a_line(minor: int) -> None:
    line = {"product": "1", "quantity": 10**6, "unit_price": 10**6, "description": None}
    form = _keyed({"currency": "EUR", "total": 100, "lines": [line, line, line]})
    (leaf,) = find_leaves(_pair({**form, "total": 100 + minor}, form))
    assert (leaf.cause == "rounding") == (minor <= 3)


def test_what_a_side_does_not_say_is_no_difference() -> None:
    assert find_leaves(_pair({"currency": "EUR", "number": "O1"}, {"currency": "EUR"})) == []


def test_a_reference_that_does_not_cross_equals_nothing() -> None:
    form: Fields = {"customer": "001A", "lines": [{"key": "1", "product": "01tA"}, {"key": "2", "product": None}]}
    known = {("customer", "001A"): "7"}
    crossed = ORDER.cross(form, known)
    assert crossed["customer"] == "7"
    assert [line["product"] for line in crossed["lines"]] == ["?01tA", None]
    assert form["customer"] == "001A"
    assert ORDER.references_of(form) == {("customer", "001A"), ("product", "01tA")}


def test_quotes_and_orders_come_to_their_net_on_both_sides() -> None:
    crm = {
        "currency": "EUR",
        "order_date": "2026-11-23",
        "lines_total": 1000,
        "freight": 50,
        "discount": 10,
        "total": 1,
    }
    erp = {"currency": "EUR", "order_date": "2026-11-23", "total": 1237, "tax": 197}
    assert ORDER.cell("crm", crm) == ORDER.cell("erp", erp)
    assert ORDER.cell("crm", crm).amount_minor == 1040


def test_credit_notes_and_payments_lessen_a_balance() -> None:
    invoice, payment = SHAPES["invoice"], SHAPES["payment"]
    assert invoice.open_minor({"kind": "invoice", "outstanding": 500}) == 500
    assert invoice.open_minor({"kind": "credit_note", "outstanding": 500}) == -500
    assert payment.open_minor({"unapplied": 500}) == -500
    assert ORDER.open_minor({"total": 500}) == 0


def test_a_record_counts_once_with_its_greatest_difference() -> None:
    def one(field: str, minor: int, number: str = "1") -> Difference:
        return Difference("order", {"erp": number}, field, "amount", "", {}, minor, "EUR", "")

    assert at_stake([one("total", 500), one("tax", 100), one("total", 7, "2"), one("name", 0, "3")]) == {"EUR": 507}


def test_a_difference_is_json() -> None:
    told = Difference("order", {"crm": "1"}, "", "missing", "never arrived", {"crm": "O1"}, 1, "EUR", "wait").as_json()
    assert orjson.loads(orjson.dumps(told))["class"] == "never arrived"
