"""What does a wrong vocabulary hear, and is everything written as it is meant?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.kernel.errors import Misconfigured
from isthmus.mapping.document import read_document
from isthmus.mapping.grammar import Anything, Reader, plain
from isthmus.mapping.load import read_mapping
from isthmus.sync.trial import run_tests
from isthmus.vocabulary.join import Pair, join
from isthmus.vocabulary.layout import entry, item
from isthmus.vocabulary.load import find_vocabulary, read_vocabulary, vocabulary_files
from isthmus.vocabulary.words import Vocabulary
from isthmus.vocabulary.write import write

GUIDE = Path(__file__).parents[2] / "docs" / "adding-a-system.md"
ACME = """\
system: Acme
sides: [erp]
entities:
  customer:
    stream: customers
    record: a customer of Acme
    fields: {name: name, currency: currency}
"""
PRODUCT = """\
  product:
    stream: items
    record: an item of Acme
    withdraws: deactivate
    fields: {name: title, sku: code}
"""
QUOTE = """\
  quote:
    stream: offers
    record: an offer of Acme
    fields: {customer: customer_id, currency: currency}
    lines:
      fields: {product: item_id, quantity: quantity, unit_price: price}
"""


def acme(folder: Path, text: str = ACME) -> Vocabulary:
    path = folder / "acme.vocabulary.yaml"
    path.write_text(text, encoding="utf-8")
    return read_vocabulary(path, "acme")


def with_salesforce(folder: Path, text: str) -> Pair:
    return join(find_vocabulary("salesforce", "crm"), acme(folder, text))


# --- what a wrong one hears ---------------------------------------------------------------------------------------

FAULTS = [
    ("fields: {name", "fields: {nmae", "4:3: 'nmae' is no field of customer; did you mean 'name'?"),
    ("  customer:", "  custmer:", "4:3: there is no entity 'custmer'; did you mean 'customer'?"),
    ("    fields", "    lacks: {name: no}\n    fields", "4:3: 'name' of customer is said and lacked; keep one of them"),
    ("sides: [erp]", "sides: [erb]", "2:9: an item of 'sides' of the file is 'erb'; did you mean 'erp'?"),
    (
        "stream: customers",
        "strem: customers",
        "5:5: 'customer' in 'entities' of the file knows no key 'strem'; did you mean 'stream'?",
    ),
    (
        "name: name",
        "name: [a, b]",
        "7:20: 'name' in 'fields' of 'customer' in 'entities' of the file is a list; write {field: [first, second]}",
    ),
    ("name: name", "name: {field: name, via: trim}", "not a list"),
]


@pytest.mark.parametrize(("old", "new", "told"), FAULTS, ids=[told[:24] for *_, told in FAULTS])
def test_a_wrong_vocabulary_hears_where_what_and_what_to_do(old: str, new: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        acme(tmp_path, ACME.replace(old, new, 1))
    assert any(told in str(fault) for fault in caught.value.faults), caught.value.faults


def test_a_wrong_vocabulary_stops_no_other_system(tmp_path: Path) -> None:
    path = tmp_path / "acme.vocabulary.yaml"
    path.write_text("system: Acme\n")
    assert find_vocabulary("tryton", "erp", {**vocabulary_files(), "acme": path}).system == "Tryton"


def test_what_no_mapping_may_say_names_both_vocabularies(tmp_path: Path) -> None:
    text = ACME.replace("name: name", "name: {field: name, values: {A: 1, B: 1}}")
    with pytest.raises(Misconfigured) as caught:
        write(with_salesforce(tmp_path, text))
    assert str(caught.value.fault).startswith("salesforce_acme/customer.yaml:")
    assert caught.value.fault.remedy.endswith("acme.vocabulary.yaml")


# --- what two of them make ----------------------------------------------------------------------------------------


def test_an_entity_without_what_it_must_have_is_left_out_with_everything_that_needs_it(tmp_path: Path) -> None:
    pair = with_salesforce(tmp_path, ACME.replace(", currency: currency", "") + PRODUCT + QUOTE)
    assert [one.entity.name for one in pair.joined] == ["product"]
    assert pair.left_out["customer"] == "it must have currency; Acme: its vocabulary does not know it"
    assert pair.left_out["quote"] == "it must have customer; customer is not carried"
    assert pair.left_out["credit_status"] == "Acme: its vocabulary does not know it"


def test_a_price_is_the_one_after_the_discount_for_a_partner_without_discounts(tmp_path: Path) -> None:
    files = write(with_salesforce(tmp_path, ACME + PRODUCT + QUOTE))
    spec = read_mapping(files["quote.yaml"].encode(), "quote.yaml")
    (price,) = [row for row in spec.lines if row.name == "unit_price"]
    assert price.crm
    assert price.crm.formula == "UnitPrice * (100 - (if Discount = null then 0 else Discount)) * 0.01"
    assert all(one.passed for one in run_tests(spec))
    assert spec.tests[0].expects
    assert spec.tests[0].expects["erp"]["lines"][0]["price"] == "17.991"


def test_whoever_fills_a_field_alone_owns_it_and_two_who_do_share_nothing(tmp_path: Path) -> None:
    mine = ACME.replace("name: name", "name: {field: name, given: true}, phone: phone")
    (customer,) = with_salesforce(tmp_path, mine).joined
    assert {row.path: row.owner for row in customer.rows} == {"name": "erp", "currency": "crm", "phone": "crm"}
    text = ACME.replace("[erp]", "[crm]").replace("currency: currency", "currency: c, number: {field: nr, given: true}")
    joined = join(acme(tmp_path, text), find_vocabulary("builtin", "erp")).joined[0]
    assert {one.path: one.why for one in joined.left_out}["number"] == "both systems fill it themselves"


def test_a_record_that_is_withdrawn_follows_only_where_the_system_can(tmp_path: Path) -> None:
    customer, product = with_salesforce(tmp_path, ACME + PRODUCT).joined
    assert customer.gone == {"crm": "ask", "erp": "ask"}
    assert product.gone == {"crm": "deactivate", "erp": "ask"}
    assert product.match == (("sku",),)
    assert customer.match == ()  # neither a tax number nor addresses


def test_the_vocabulary_of_the_guide_is_one(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    pair = with_salesforce(tmp_path, text)
    files = write(pair)
    assert list(files) == ["customer.yaml", "product.yaml", "order.yaml"]
    assert "  #   parent: Acme: there are no groups of companies\n" in files["customer.yaml"]
    assert all(one.passed for name, file in files.items() for one in run_tests(read_mapping(file.encode(), name)))
    assert pair.left_out["quote"] == "Acme: there are no quotes"


# --- how it is written --------------------------------------------------------------------------------------------

_TEXTS = st.one_of(
    st.text("abc :#,[]{}&*!|>'\"%@`\\-?0189.~=\n\té€", max_size=12),
    st.sampled_from(
        ["true", "null", "~", "NO", "0012", "12:30", "a: b", "a #b", "-", ",0", "1.50", "<<", "=", "---", "a:"]
    ),
    st.text("ab ", min_size=100, max_size=200),
)
_SCALARS = st.one_of(_TEXTS, st.none(), st.booleans())
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3)),
    max_leaves=12,
)


@given(st.dictionaries(_TEXTS, _VALUES, min_size=1, max_size=3))
def test_what_is_written_reads_back_as_it_was(value: dict[str, Any]) -> None:
    lines = [line for name, one in value.items() for line in entry(name, one, width=6)]
    assert _read("\n".join(lines)) == value
    assert _read("list:\n" + "\n".join(item(value, indent=2, whole=True))) == {"list": [value]}


def _read(text: str) -> Any:
    faults: list[Any] = []
    node, found = read_document(text.encode(), "written.yaml")
    assert found == []
    assert node is not None
    piece = Reader(faults).read(node, Anything(), "it")
    assert piece is not None
    return plain(piece)
