"""What does a folder of mappings say: all faults of all files at once, and rivals that would do the same twice?"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.kernel.errors import Misconfigured
from isthmus.mapping.load import load_mappings, read_mapping

FOLDER = Path(__file__).parents[2] / "mappings" / "salesforce_erp"
CUSTOMER = """\
mapping: customer
entity: customer
owner: crm
creates: [erp]
crm: {stream: Account}
erp: {stream: customer}
fields:
  name: {crm: Name, erp: name}
  currency: {crm: CurrencyIsoCode, erp: currency}
"""
ORDER = """\
mapping: order
entity: order
owner: crm
creates: [erp]
crm: {stream: Order, lines: {stream: OrderItem, parent: OrderId, key: Id}}
erp: {stream: order}
fields:
  customer: {crm: AccountId, erp: customer_id, refers_to: customer}
  order_date: {crm: EffectiveDate, erp: order_date, as: date}
  currency: {crm: CurrencyIsoCode, erp: currency}
lines:
  product: {crm: Product2Id, erp: product_id, refers_to: product}
  quantity: {crm: Quantity, erp: quantity, as: decimal}
  unit_price: {crm: UnitPrice, erp: unit_price, as: price}
"""
PRODUCT = CUSTOMER.replace("customer", "product").replace("Account", "Product2").partition("  currency:")[0]
QUOTE = ORDER.replace("mapping: order\nentity: order", "mapping: quote\nentity: quote").replace(
    "order_date: {crm: EffectiveDate, erp: order_date, as: date}", "quote_date: {crm: D, erp: d, as: date}"
)
BOTH = "would both create order records in the ERP; take erp out of 'creates' of one of them"


def told(tmp_path: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
    with pytest.raises(Misconfigured) as caught:
        load_mappings(tmp_path)
    return [str(fault).replace(f"{tmp_path}/", "") for fault in caught.value.faults]


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    files = {"a": CUSTOMER.replace("owner", "ownr"), "b": "x: [", "c": ORDER.replace("as: date", "as: dote")}
    assert [fault.split(":")[0] for fault in told(tmp_path, **files)] == ["a.yaml", "a.yaml", "b.yaml", "c.yaml"]


def test_two_mappings_that_would_both_create_erp_orders_are_refused(tmp_path: Path) -> None:
    other = ORDER.replace("mapping: order", "mapping: web_order").replace("stream: Order,", "stream: WebOrder__c,")
    files = {"customer": CUSTOMER, "product": PRODUCT, "order": ORDER, "web": other}
    assert told(tmp_path, **files) == [f"web.yaml:1:10: 'order' and 'web_order' {BOTH}"]
    assert told(tmp_path, web=QUOTE) == [f"web.yaml:1:10: 'order' and 'quote' {BOTH}"]


def test_an_entity_has_one_file(tmp_path: Path) -> None:
    other = CUSTOMER.replace("mapping: customer", "mapping: debtor").replace("creates: [erp]\n", "")
    both = "both map the entity customer; put their rows into one file: it works in both directions"
    assert told(tmp_path, a=CUSTOMER, b=other) == [f"b.yaml:1:10: 'customer' and 'debtor' {both}"]
    taken = "b.yaml:1:10: the name 'customer' is taken by a.yaml; give each mapping its own name"
    assert taken in told(tmp_path, b=other.replace("debtor", "customer"))


def test_what_is_referred_to_must_be_mapped(tmp_path: Path) -> None:
    why = "'product' refers to 'product', which no mapping brings; add its mapping, or refer to customer, order"
    assert told(tmp_path, customer=CUSTOMER, order=ORDER) == [f"order.yaml:12:3: {why}"]


def test_a_folder_without_mappings_says_so(tmp_path: Path) -> None:
    assert told(tmp_path) == [f"{tmp_path}: there is no mapping in this folder; name the folder with the *.yaml files"]


def test_what_is_referred_to_comes_first_and_a_record_may_refer_to_its_own_kind(tmp_path: Path) -> None:
    quote = QUOTE.replace("stream: order}", "stream: quote}")
    customer = CUSTOMER + "  parent: {crm: ParentId, erp: parent_id, refers_to: customer, required: false}\n"
    order = ORDER.replace("fields:", "fields:\n  quote: {crm: QuoteId, erp: quote_id, refers_to: quote}")
    for name, text in {"z": customer, "y": PRODUCT, "a": order, "b": quote}.items():
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
    assert [spec.name for spec in load_mappings(tmp_path)] == ["customer", "product", "quote", "order"]


CONTENT = (FOLDER / "order.yaml").read_bytes()


@given(st.integers(0, 2**32))
def test_no_damage_to_a_file_ends_in_a_traceback(seed: int) -> None:
    """Bytes are flipped, doubled, moved and cut; the file still loads, or says where it is wrong."""
    dice = random.Random(seed)
    content = bytearray(CONTENT)
    for _ in range(dice.randint(1, 4)):
        start = dice.randrange(len(content))
        piece = content[start : start + dice.randint(1, 40)]
        match dice.randrange(4):
            case 0:
                content[start] = dice.randrange(256)
            case 1:
                del content[start : start + len(piece)]
            case 2:
                content[start:start] = piece
            case _:
                content[start:start] = dice.choice(
                    [b"{", b"[", b"]", b"}", b": ", b"\n", b"&a ", b"*a", b"!!", b"'", b"\t"]
                )
    try:
        read_mapping(bytes(content), "m.yaml")
    except Misconfigured as error:
        wrong = [
            fault for fault in error.faults if not (fault.where.startswith("m.yaml:") and fault.what and fault.remedy)
        ]
        if wrong:
            raise AssertionError(wrong) from error


def test_what_shares_the_pairs_of_another_entity_needs_its_mapping_and_comes_after_it(tmp_path: Path) -> None:
    shared = PRODUCT.replace("creates: [erp]", "same_as: custommer")
    (fault,) = told(tmp_path, z=CUSTOMER, a=shared)
    assert (
        fault == "a.yaml:1:10: its records are those of 'custommer', which no mapping brings; did you mean 'customer'?"
    )
    (tmp_path / "a.yaml").write_text(shared.replace("custommer", "customer"), "utf-8")
    assert [spec.entity for spec in load_mappings(tmp_path)] == ["customer", "product"]
