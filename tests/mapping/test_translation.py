"""Does a record become exactly its entity, and an entity exactly the other side's fields?"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.kernel.errors import Refused
from isthmus.kernel.records import ABSENT, Record, form_text
from isthmus.kernel.selection import Lines, MovedBy, Term
from isthmus.kernel.units import Unit
from isthmus.mapping.compile import CompiledMapping, compile_mapping
from isthmus.mapping.load import load_mappings, read_mapping

FOLDER = Path(__file__).parents[2] / "mappings" / "salesforce_erp"
HEAD = """\
mapping: order
entity: order
owner: crm
creates: [erp]
crm: {stream: Order, lines: {stream: OrderItem, parent: OrderId, key: Id}}
erp: {stream: order}
fields:
  customer: {crm: AccountId, erp: customer_id, refers_to: customer}
  order_date: {crm: EffectiveDate, erp: order_date, as: date}
  currency: {crm: Currency, erp: currency}
"""
LINES = """\
lines:
  product: {crm: Product2Id, erp: product_id, refers_to: product}
  quantity: {crm: Quantity, erp: quantity, as: decimal}
  unit_price: {crm: UnitPrice, erp: unit_price, as: price}
  amount: {crm: TotalPrice, as: money}
"""


def compiled(rows: str = "", *, zone: str = "Europe/Berlin", rest: str = "") -> CompiledMapping:
    """The order mapping with more rows."""
    text = HEAD + "".join(f"  {row}\n" for row in rows.splitlines()) + LINES + rest
    spec = read_mapping(text.encode(), "m.yaml")
    return compile_mapping(spec, crm_numbers="decimal", erp_numbers="scaled", time_zone=zone)


OWN = {
    spec.name: compile_mapping(spec, crm_numbers="decimal", erp_numbers="scaled", time_zone="Europe/Berlin")
    for spec in load_mappings(FOLDER)
}


def read(mapping: CompiledMapping, fields: dict[str, Any], lines: Any = None, side: Any = "crm") -> dict[str, Any]:
    translated = mapping.to_entity(side, Record("1", "1", fields, lines))
    assert translated.faults == []
    return translated.form


def faults(mapping: CompiledMapping, fields: dict[str, Any], lines: Any = None, side: Any = "crm") -> list[str]:
    return [str(fault) for fault in mapping.to_entity(side, Record("1", "1", fields, lines)).faults]


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


# --- numbers, dates, ids ------------------------------------------------------------------------------------------

FREIGHT = "freight: {crm: Freight, erp: freight, as: money}"
NUMBERS = [
    ("EUR", Decimal("12.34"), 1234), ("EUR", Decimal("12.340"), 1234), ("EUR", "12.34", 1234), ("EUR", 12, 1200),
    ("JPY", Decimal("12.0"), 12), ("KWD", Decimal("1.234"), 1234), ("EUR", Decimal("-0.01"), -1), ("EUR", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("currency", "value", "minor"), NUMBERS)
def test_money_becomes_minor_units_of_the_currency(currency: str, value: Any, minor: int | None) -> None:
    mapping = compiled(FREIGHT)
    form = read(mapping, {"Currency": currency, "Freight": value})
    assert form == {"currency": currency, "freight": minor}
    assert mapping.to_fields("erp", form)[0]["freight"] == minor
    assert read(mapping, {"currency": currency, "freight": minor}, side="erp") == form


BAD_NUMBERS = [
    (
        {"Currency": "EUR", "Freight": Decimal("0.005")},
        "freight: 0.005 has more decimals than EUR (2); correct the CRM",
    ),
    ({"Currency": "EUR", "Freight": "1_0"}, "freight: '1_0' is not a decimal number; correct the CRM"),
    ({"Currency": "EUR", "Freight": "١٢"}, "freight: '١٢' is not a decimal number; correct the CRM"),
    ({"Currency": "EUR", "Freight": 1.5}, "freight: 1.5 is not a decimal number; correct the CRM"),
    ({"Currency": "EUR", "Freight": Decimal("NaN")}, "freight: NaN is not a number; correct the CRM"),
    (
        {"Currency": "EUR", "Freight": Decimal("1e30")},
        "freight: 1000000000000000000000000000000 is too great; correct the CRM",
    ),
    ({"Freight": 1}, "freight: is an amount without a currency; fill the currency in the CRM"),
    ({"Currency": None, "Freight": 1}, "freight: is an amount without a currency; fill the currency in the CRM"),
    (
        {"Currency": "XTS", "Freight": 1},
        "currency: 'XTS' is not an ISO 4217 currency; correct the CRM or add it to 'values'",
    ),
]


@pytest.mark.parametrize(("fields", "fault"), BAD_NUMBERS, ids=range(len(BAD_NUMBERS)))
def test_a_number_that_does_not_fit_is_a_fault_and_never_rounded(fields: dict[str, Any], fault: str) -> None:
    assert faults(compiled(FREIGHT), fields) == [fault]


def test_an_amount_of_the_erp_must_be_whole() -> None:
    fault = "freight: 12.5 is not an amount in whole units; correct the ERP"
    assert faults(compiled(FREIGHT), {"currency": "EUR", "freight": Decimal("12.5")}, side="erp") == [fault]


DAYS = [
    ("2026-11-22", "2026-11-22"),
    ("2026-11-22T23:30:00.000+0000", "2026-11-23"),  # already the next day where the books are kept
    ("2026-11-22T23:30:00Z", "2026-11-23"),
    ("2026-10-25T00:30:00+02:00", "2026-10-25"),
    ("2026-11-22T23:30:00-05:00", "2026-11-23"),
]


@pytest.mark.parametrize(("value", "day"), DAYS)
def test_an_instant_becomes_the_business_day(value: str, day: str) -> None:
    assert read(compiled(), {"EffectiveDate": value}) == {"order_date": day}


@pytest.mark.parametrize("value", ["22.11.2026", "2026-02-30", "2026-11-22T10:00:00", "", 20261122, "0000-01-01"])
def test_what_is_no_date_is_refused(value: Any) -> None:
    (fault,) = faults(compiled(), {"EffectiveDate": value})
    assert fault.startswith("order_date: ")
    assert fault.endswith("is not a date; write it as 2026-11-22")


def test_ids_are_texts_and_must_be_filled_unless_the_row_says_otherwise() -> None:
    mapping = compiled("quote: {crm: QuoteId, erp: quote_id, refers_to: quote, required: false}")
    assert read(mapping, {"AccountId": "001", "QuoteId": None}) == {"customer": "001", "quote": None}
    assert read(mapping, {"customer_id": 17}, side="erp") == {"customer": "17"}
    assert faults(mapping, {"AccountId": None}) == ["customer: is empty; fill AccountId in the CRM"]
    assert faults(mapping, {"AccountId": ""}) == ["customer: is empty; fill AccountId in the CRM"]
    assert [(one.row, one.required, one.in_lines) for one in mapping.references] == [
        ("customer", True, False), ("quote", False, False), ("product", True, True),
    ]  # fmt: skip


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


def test_units_say_owner_sides_and_members() -> None:
    units = {unit.name: unit for unit in OWN["order"].units}
    both = frozenset({"crm", "erp"})
    assert units["po_number"] == Unit("po_number", "both")
    assert units["tax"] == Unit("tax", "erp")
    assert units["lines_total"] == Unit("lines_total", "crm", sides=frozenset({"crm"}))
    members = frozenset({"street", "city", "state", "postal_code", "country"})
    assert units["bill_to"] == Unit("bill_to", "crm", "ask", both, False, members)
    assert units["lines"].members == {"product", "quantity", "unit_price", "description"}
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
