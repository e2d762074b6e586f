"""Does a record become exactly its entity, and an entity exactly the other side's fields?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.kernel.errors import Refused
from isthmus.kernel.records import ABSENT, Record, form_text
from isthmus.kernel.selection import Lines, MovedBy, Term
from isthmus.kernel.units import Side, Unit
from isthmus.mapping.compile import compile_mapping
from isthmus.mapping.load import read_mapping
from tests.mapping.orders import HEAD, OWN, compiled, faults, read

# --- absent, null, empty ------------------------------------------------------------------------------------------

PO = "po_number: {crm: PoNumber, erp: customer_reference}"


@pytest.mark.parametrize(
    ("fields", "form"), [({}, {}), ({"PoNumber": None}, {"po_number": None}), ({"PoNumber": ""}, {"po_number": ""})]
)
def test_absent_null_and_empty_are_three_values(fields: dict[str, Any], form: dict[str, Any]) -> None:
    mapping = compiled(PO)
    assert read(mapping, fields) == form
    written, lines = mapping.to_fields("erp", form)
    assert written == {name.replace("po_number", "customer_reference"): value for name, value in form.items()}
    assert lines is None


@pytest.mark.parametrize(
    ("fields", "value"),
    [({"Owner": {"Email": "a@b.example"}}, "a@b.example"), ({"Owner": {"Email": None}}, None), ({"Owner": None}, None),
     ({"Owner": {}}, ABSENT), ({}, ABSENT), ({"Owner": "005"}, ABSENT)],
)  # fmt: skip
def test_a_null_parent_reads_as_null_and_a_missing_one_as_absent(fields: dict[str, Any], value: Any) -> None:
    assert (
        read(compiled("salesperson: {crm: Owner.Email, erp: salesperson}"), fields).get("salesperson", ABSENT) == value
    )
    deep = "salesperson: {crm: Owner.Manager.Email, erp: salesperson}"
    nested = {"Owner": {"Manager": fields["Owner"]}} if "Owner" in fields else {}
    assert read(compiled(deep), nested).get("salesperson", ABSENT) == value


@pytest.mark.parametrize(
    ("fields", "value"),
    [({"A": "x", "B": "y"}, "x"), ({"A": None, "B": "y"}, "y"), ({"A": "", "B": "y"}, "y"), ({"B": "y"}, "y"),
     ({"A": None, "B": None}, None), ({"A": None}, ABSENT), ({"B": None}, ABSENT), ({}, ABSENT)],
)  # fmt: skip
def test_of_a_list_the_first_filled_counts(fields: dict[str, Any], value: Any) -> None:
    """Nothing filled and one field not told: we do not know that it is empty."""
    form = read(compiled("po_number: {crm: {field: [A, B]}, erp: customer_reference}"), fields)
    assert form.get("po_number", ABSENT) == value


def test_a_row_with_a_condition_is_absent_where_it_does_not_hold() -> None:
    mapping = compiled("po_number: {crm: {field: PoNumber, when: {Kind: {in: [A]}}}, erp: customer_reference}")
    assert read(mapping, {"PoNumber": "7", "Kind": "a"}) == {"po_number": "7"}
    assert read(mapping, {"PoNumber": "7", "Kind": "B"}) == {}
    assert set(mapping.selection("crm").fields) >= {"PoNumber", "Kind"}


def test_a_formula_is_a_value_like_any_other() -> None:
    mapping = compiled("freight: {crm: {formula: 'if Free then 0 else Base * 2'}, erp: freight, as: money}")
    assert read(mapping, {"Currency": "EUR", "Free": False, "Base": Decimal("1.25")})["freight"] == 250
    assert "freight" not in read(mapping, {"Currency": "EUR", "Free": False})
    fault = "freight: the formula needs a number: 'x' is not a decimal number; correct the record or the formula"
    assert faults(mapping, {"Currency": "EUR", "Free": False, "Base": "x"}) == [fault]
    assert set(mapping.selection("crm").fields) >= {"Free", "Base"}


# --- texts --------------------------------------------------------------------------------------------------------

UNCLEAN = [
    ("a\x00b", "po_number: holds the character U+0000, which is not text; remove it"),
    ("a\ud800b", "po_number: holds the character U+D800, which is not text; remove it"),
    ("a\x1b[31m", "po_number: holds the character U+001B, which is not text; remove it"),
    ("a\x85b", "po_number: holds the character U+0085, which is not text; remove it"),
    (12, "po_number: 12 is not a text; say its type with 'as', or map another field"),
    (True, "po_number: true is not a text; say its type with 'as', or map another field"),
    ({"a": 1}, "po_number: a group of fields is not a text; say its type with 'as', or map another field"),
    (["a"], "po_number: a list is not a text; say its type with 'as', or map another field"),
]


@pytest.mark.parametrize(("value", "fault"), UNCLEAN, ids=range(len(UNCLEAN)))
def test_what_no_database_stores_is_a_fault_of_its_row(value: Any, fault: str) -> None:
    assert faults(compiled(PO), {"PoNumber": value}) == [fault]
    assert faults(compiled(PO.replace("PoNumber", "{field: PoNumber, via: [trim]}")), {"PoNumber": value}) == [fault]


CLEAN = ["שלום", "🚢 Aurora", "a\tb\nc", "=HYPERLINK(1)", "+1", "ﬁ", "١٢", "x" * 100_000, "e\u0301", "\u202eabc"]


@pytest.mark.parametrize("value", CLEAN, ids=range(len(CLEAN)))
def test_other_scripts_emoji_and_odd_texts_pass_in_one_normal_form(value: str) -> None:
    assert read(compiled(PO), {"PoNumber": value}) == {"po_number": normalize("NFC", value)}


def test_line_breaks_of_windows_are_line_breaks() -> None:
    assert read(compiled(PO), {"PoNumber": "a\r\nb\rc"}) == {"po_number": "a\nb\nc"}


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_every_text_either_passes_and_can_be_stored_or_is_a_fault(text: str) -> None:
    translated = OWN["order"].to_entity("crm", Record("1", "1", {"PoNumber": text}))
    if not translated.faults:
        assert form_text(translated.form).decode()


# --- values -------------------------------------------------------------------------------------------------------

STATUS = "status: {owner: erp, erp: status, crm: {field: S, values: {Draft: draft, On hold: held}}}"


def test_a_value_map_reads_from_system_to_entity_and_is_turned_round_for_writing() -> None:
    mapping = compiled(STATUS)
    assert read(mapping, {"S": "On hold"}) == {"status": "held"}
    assert mapping.to_fields("crm", {"status": "held"}, {"status"}) == ({"S": "On hold"}, None)
    assert mapping.to_fields("crm", {"status": None}, {"status"}) == ({"S": None}, None)
    fault = "status: 'Lost' is not one of Draft, On hold; correct the CRM or add it to 'values'"
    assert faults(mapping, {"S": "Lost"}) == [fault]
    fault = "status: 'closed' is not one of draft, held; correct the ERP or add it to 'values'"
    assert faults(mapping, {"status": "closed"}, side="erp") == [fault]


def test_true_and_false_can_be_mapped() -> None:
    text = HEAD.replace("order\nentity: order", "product\nentity: product").partition("fields:")[0] + (
        "fields:\n  name: {crm: Name, erp: name}\n"
        "  active: {crm: {field: State, values: {Live: true, Gone: false}}, erp: active, as: boolean}\n"
        "  unit: {crm: {field: Whole, values: {true: each, false: part}}, erp: unit}\n"
    )
    mapping = compile_mapping(
        read_mapping(text.encode(), "m"), crm_numbers="decimal", erp_numbers="scaled", time_zone="UTC"
    )
    assert read(mapping, {"State": "Gone", "Whole": True}) == {"active": False, "unit": "each"}
    assert faults(mapping, {"State": True})[0].startswith("active: true is not one of Live, Gone;")
    assert faults(mapping, {"active": "yes"}, side="erp") == ["active: 'yes' is not true or false; correct the ERP"]


def test_a_value_without_a_way_back_is_refused_with_its_row() -> None:
    mapping = compiled("po_number: {crm: {field: P, via: [{add_prefix: 'PO-'}]}, erp: customer_reference, owner: both}")
    assert mapping.to_fields("crm", {"po_number": "PO-7"}, {"po_number"}) == ({"P": "7"}, None)
    with pytest.raises(Refused) as caught:
        mapping.to_fields("crm", {"po_number": "7"}, {"po_number"})
    assert str(caught.value) == (
        "po_number: '7' does not begin with 'PO-' and cannot be written to the CRM; correct the ERP"
    )


# --- groups, lines, units -----------------------------------------------------------------------------------------

ADDRESS = """\
bill_to:
  city: {crm: City, erp: bill_to.city}
  state: {crm: State, erp: bill_to.state}"""
FREIGHT = "freight: {crm: Freight, erp: freight, as: money}"
ITEM = {"Id": "802", "Product2Id": "01t", "Quantity": Decimal(2), "UnitPrice": Decimal("1.5"), "TotalPrice": Decimal(3)}


def test_a_group_is_one_nested_value_on_both_ways() -> None:
    mapping = compiled(ADDRESS)
    assert read(mapping, {"City": "Kiel", "State": None}) == {"bill_to": {"city": "Kiel", "state": None}}
    assert read(mapping, {}) == {}
    assert mapping.to_fields("erp", {"bill_to": {"city": "Kiel"}}) == ({"bill_to": {"city": "Kiel"}}, None)
    assert read(mapping, {"bill_to": {"city": "Ulm"}}, side="erp") == {"bill_to": {"city": "Ulm"}}
    assert read(mapping, {"bill_to": None}, side="erp") == {"bill_to": {"city": None, "state": None}}


def test_lines_keep_their_key_and_order() -> None:
    mapping = compiled()
    form = read(mapping, {"Currency": "EUR"}, [ITEM, {**ITEM, "Id": "801"}])
    line = {"key": "802", "product": "01t", "quantity": 2_000_000, "unit_price": 1_500_000, "amount": 300}
    assert form["lines"] == [line, {**line, "key": "801"}]
    written = mapping.to_fields("erp", form)[1]
    assert written
    assert written[0] == {"key": "802", "product_id": "01t", "quantity": 2_000_000, "unit_price": 1_500_000}
    assert read(mapping, {}, written, side="erp")["lines"][1]["key"] == "801"
    assert read(mapping, {}, []) == {"lines": []}
    assert read(mapping, {}, None) == {}


def test_a_fault_in_a_line_says_which_line() -> None:
    bad = [ITEM, {**ITEM, "Quantity": "two", "Product2Id": None}, {**ITEM, "Id": None}]
    assert faults(compiled(), {"Currency": "EUR"}, bad) == [
        "lines[2].product: is empty; fill Product2Id in the CRM",
        "lines[2].quantity: 'two' is not a decimal number; correct the CRM",
        "lines[3]: has no key; read the field that 'lines' names as its key",
    ]


SUMS = [(Decimal("3.00"), 0, []), (None, 0, []), (Decimal("3.01"), 1, []), (Decimal("2.99"), 1, []),
        (Decimal("3.01"), 0, ["lines_total: the lines add up to 3.00 EUR, not to 3.01; correct the CRM"]),
        (Decimal("2.98"), 1, ["lines_total: the lines add up to 3.00 EUR, not to 2.98; correct the CRM"])]  # fmt: skip


@pytest.mark.parametrize(("total", "tolerance", "wrong"), SUMS)
def test_lines_must_add_up_to_the_total(total: Decimal | None, tolerance: int, wrong: list[str]) -> None:
    rest = f"lines_sum_to: {{field: lines_total, tolerance_minor: {tolerance}}}\n"
    mapping = compiled("lines_total: {crm: TotalAmount, as: money}", rest=rest)
    assert faults(mapping, {"Currency": "EUR", "TotalAmount": total}, [ITEM]) == wrong


def test_only_the_units_asked_for_are_written() -> None:
    mapping = compiled(f"{PO}\n{ADDRESS}\n{FREIGHT}\nlines_total: {{crm: TotalAmount, as: money}}")
    form = read(mapping, {"Currency": "EUR", "PoNumber": "7", "City": "Kiel", "Freight": 1, "TotalAmount": 3}, [ITEM])
    assert mapping.to_fields("erp", form, {"po_number"}) == ({"customer_reference": "7"}, None)
    assert mapping.to_fields("erp", form, {"bill_to"}) == ({"bill_to": {"city": "Kiel"}}, None)
    fields, lines = mapping.to_fields("erp", form, {"lines"})
    assert (fields, len(lines or [])) == ({}, 1)
    assert mapping.to_fields("erp", form, set()) == ({}, None)
    assert set(mapping.to_fields("erp", form)[0]) == {"currency", "customer_reference", "bill_to", "freight"}


def test_what_the_erp_gives_is_never_written_to_it_not_even_at_creation() -> None:
    """A cloned order carries the number of the order it was cloned from."""
    form = read(OWN["order"], {"ERP_Order_Number__c": "SO-1", "ERP_Status__c": "Confirmed", "PoNumber": "7"})
    assert form["number"] == "SO-1"
    assert OWN["order"].to_fields("erp", form)[0] == {"customer_reference": "7"}


def test_a_row_of_one_side_is_read_and_never_written() -> None:
    form = {"currency": "EUR", "lines_total": 300, "tax": 5}
    assert OWN["order"].to_fields("crm", form)[0] == {"CurrencyIsoCode": "EUR", "ERP_Tax__c": Decimal("0.05")}
    assert OWN["order"].to_fields("erp", form)[0] == {"currency": "EUR"}


def test_units_say_owner_sides_and_members() -> None:
    units = {unit.name: unit for unit in OWN["order"].units}
    both: frozenset[Side] = frozenset({"crm", "erp"})
    assert units["po_number"] == Unit("po_number", "both")
    assert units["tax"] == Unit("tax", "erp")
    assert units["lines_total"] == Unit("lines_total", "crm", sides=frozenset({"crm"}))
    members = frozenset({"street", "city", "state", "postal_code", "country"})
    assert units["bill_to"] == Unit("bill_to", "crm", "ask", both, False, members)
    assert set(units["lines"].members or ()) == {"product", "quantity", "unit_price", "description"}
    assert OWN["order"].writable_units("crm") == {"po_number", "number", "status", "hold_reason", "tax", "total"}


def test_the_selection_names_fields_filter_lines_and_what_else_moves_the_record() -> None:
    order = OWN["order"].selection("crm")
    assert {"AccountId", "Owner.Email", "BillingCountryCode", "BillingCountry", "StatusCode"} <= set(order.fields)
    assert order.lines
    assert (order.lines.stream, order.lines.parent, order.lines.key) == ("OrderItem", "OrderId", "Id")
    assert order.where[0] == Term("StatusCode", "in", ("Activated",))
    assert OWN["customer"].selection("crm").moved_by == (MovedBy("Contact", "AccountId"),)
    within = OWN["order"].selection("erp").lines
    assert within == Lines("order.lines", "", "key", None, ("product_id", "quantity", "unit_price", "description"))
    assert OWN["customer"].match_fields["erp"] == (("tax_id",), ("name", "billing.postal_code", "billing.country"))


# --- laws ---------------------------------------------------------------------------------------------------------

amounts = st.none() | st.integers(-(10**12), 10**12)
texts = st.none() | st.text(alphabet="aä 1\n", max_size=8)
line = st.fixed_dictionaries(
    {"key": st.uuids().map(str), "product": st.just("p"), "quantity": st.integers(1, 10**9), "unit_price": amounts}
)
forms = st.fixed_dictionaries(
    {"currency": st.sampled_from(["EUR", "JPY", "KWD"])},
    optional={
        "po_number": texts.map(lambda text: text and text.strip()), "salesperson": texts, "freight": amounts,
        "quote": st.none() | st.just("q1"), "order_date": st.dates().map(lambda day: day.isoformat()),
        "bill_to": st.dictionaries(st.sampled_from(["street", "city"]), texts, min_size=1),
        "lines": st.lists(line, max_size=3),
    },
)  # fmt: skip


@given(forms, st.sampled_from(["decimal", "scaled"]))
def test_what_is_written_to_the_erp_reads_back_as_the_same_entity(form: dict[str, Any], numbers: Any) -> None:
    mapping = compile_mapping(OWN["order"].spec, crm_numbers="decimal", erp_numbers=numbers, time_zone="UTC")
    fields, lines = mapping.to_fields("erp", form)
    assert read(mapping, fields, lines, side="erp") == form


@given(forms)
def test_translating_leaves_its_arguments_alone_and_is_a_function(form: dict[str, Any]) -> None:
    before = form_text(form)
    once = OWN["order"].to_fields("erp", form)
    assert OWN["order"].to_fields("erp", form) == once
    assert form_text(form) == before
