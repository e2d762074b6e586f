"""Does `check` find, before anything runs, what a system's own description says against a mapping?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from isthmus.kernel.description import FieldDescription, StreamDescription
from isthmus.kernel.errors import Misconfigured
from isthmus.mapping.check import check_against
from isthmus.mapping.load import read_mapping

TEXT = """\
mapping: order
entity: order
owner: crm
creates: [erp]
crm:
  stream: Order
  where: {StatusCode: {in: [Activated]}, Level: {after: 3}}
  lines: {stream: OrderItem, parent: OrderId, key: Id, sort: Number}
  moved_by: [{stream: Contact, parent: OrderId}]
erp: {stream: order}
fields:
  customer: {crm: AccountId, erp: customer_id, refers_to: customer}
  order_date: {crm: EffectiveDate, erp: order_date, as: date}
  currency: {crm: CurrencyIsoCode, erp: currency}
  salesperson: {crm: Owner.Email, erp: salesperson}
  po_number: {crm: {field: PoNumber, when: {Kind: {in: [A]}}}, erp: customer_reference}
  freight: {crm: {formula: Base * 2}, erp: freight, as: money}
  number: {crm: Number__c, erp: number, owner: erp}
  status: {crm: {field: Status__c, values: {Draft: draft, Held: held}}, erp: status, owner: erp}
  bill_to:
    city: {crm: City, erp: bill_to.city}
lines:
  product: {crm: Product2Id, erp: product_id, refers_to: product}
  quantity: {crm: Quantity, erp: quantity, as: decimal}
  unit_price: {crm: UnitPrice, erp: unit_price, as: price}
"""
SPEC = read_mapping(TEXT.encode(), "m.yaml")


def stream(name: str, *fields: FieldDescription) -> StreamDescription:
    return StreamDescription(name, {field.name: field for field in fields})


def field(name: str, kind: Any = "text", **more: Any) -> FieldDescription:
    return FieldDescription(name, kind, **more)


def crm() -> dict[str, StreamDescription]:
    return {
        "Order": stream(
            "Order",
            field("AccountId", "reference", refers_to=("Account",), relationship="Account"),
            field("OwnerId", "reference", refers_to=("User",), relationship="Owner"),
            field("EffectiveDate", "date"), field("CurrencyIsoCode", "picklist", values=("EUR",), restricted=True),
            field("PoNumber", length=80), field("Kind", "picklist", values=("A", "B"), restricted=True),
            field("Base", "number"), field("Number__c", length=40, external_id=True, unique=True),
            field("Status__c", "picklist", values=("Draft", "Held"), restricted=True), field("City", length=80),
            field("StatusCode", "picklist", values=("Draft", "Activated"), restricted=True, updatable=False),
            field("Level", "number"),
        ),
        "OrderItem": stream(
            "OrderItem", field("Id", "id"), field("OrderId", "reference"), field("Number"),
            field("Product2Id", "reference"), field("Quantity", "number"), field("UnitPrice", "number"),
        ),
        "Contact": stream("Contact", field("OrderId", "reference")),
        "User": stream("User", field("Email")),
    }  # fmt: skip


def erp() -> dict[str, StreamDescription]:
    given = {"creatable": False, "updatable": False}
    return {
        "order": stream(
            "order", field("customer_id", "reference"), field("order_date", "date"), field("currency"),
            field("salesperson"), field("customer_reference"), field("freight", "number"), field("number", **given),
            field("status", "picklist", values=("draft", "held"), **given), field("bill_to.city", length=80),
        ),
        "order.lines": stream(
            "order.lines", field("product_id", "reference"), field("quantity", "number"), field("unit_price", "number")
        ),
    }  # fmt: skip


def faults(side: Any, streams: dict[str, StreamDescription]) -> list[str]:
    def describe(name: str) -> StreamDescription:
        if name not in streams:
            raise Misconfigured(f"stream {name}", "there is no such stream", "use another")
        return streams[name]

    return [str(fault) for fault in check_against(SPEC, side, describe)]


def test_a_mapping_that_fits_has_no_faults() -> None:
    assert faults("crm", crm()) == []
    assert faults("erp", erp()) == []


RIGHT = "give our user the right to edit it, or map another field"
HIDDEN = "or our user may not see it; correct the name, or give our user the right to read it"
AS = "map another field, or correct 'as'"
LONGER = "make the field longer, or cut openly with 'via: [{truncate: 20}]' on the other side"
Changed = dict[str, Any] | None
CRM_CASES: list[tuple[str, Changed, str]] = [
    ("Order.Base", None, f"m.yaml:17:18: Order has no field 'Base', {HIDDEN}"),
    ("Order.Kind", None, f"m.yaml:16:20: Order has no field 'Kind', {HIDDEN}"),
    ("Order.AccountId", None, f"m.yaml:12:19: Order has no field 'AccountId', {HIDDEN}"),
    ("User.Email", None, f"m.yaml:15:22: Order has no field 'Owner.Email', {HIDDEN}"),
    ("OrderItem.Number", None, f"m.yaml:6:3: OrderItem has no field 'Number', {HIDDEN}"),
    ("Contact.OrderId", None, f"m.yaml:6:3: Contact has no field 'OrderId', {HIDDEN}"),
    ("Order.EffectiveDate", {"type": "text"},
     f"m.yaml:13:21: 'EffectiveDate' is a text field, and 'order_date' reads it as date; {AS}"),
    ("Order.PoNumber", {"type": "number"},
     f"m.yaml:16:20: 'PoNumber' is a number field, and 'po_number' reads it as text; {AS}"),
    ("Order.Number__c", {"updatable": False},
     f"m.yaml:18:17: 'Number__c' cannot be written by our user, but 'number' must be; {RIGHT}"),
    ("Order.Number__c", {"unique": False},
     "m.yaml:18:17: 'Number__c' is an external id that is not unique; make it unique, or two records may share it"),
    ("Order.Number__c", {"length": 20},
     f"m.yaml:18:17: 'Number__c' takes 20 characters, and 'number' may have 40; {LONGER}"),
    ("Order.Status__c", {"values": ("Draft", "Held", "Lost")},
     "m.yaml:19:17: 'values' does not cover Lost of Status__c; add them to 'values'"),
    ("Order.Status__c", {"values": ("Draft",)},
     "m.yaml:19:17: 'values' names 'Held', which Status__c does not have; use one of Draft"),
    ("Order.StatusCode", {"values": ("Draft", "Active")},
     "m.yaml:6:3: 'StatusCode' is never 'Activated'; did you mean 'Active'?"),
    ("Order.Level", {"type": "text"}, "m.yaml:6:3: 'Level' is a text field, compared with 3; write it in quotes"),
    ("Order.StatusCode", {"type": "boolean"},
     "m.yaml:6:3: 'StatusCode' is a boolean field, compared with 'Activated'; write true or false, without quotes"),
    ("Order.Kind", {"type": "number"},
     "m.yaml:16:20: 'Kind' is a number field, compared with 'A'; write a whole number, without quotes"),
]  # fmt: skip
ERP_CASES: list[tuple[str, Changed, str]] = [
    ("order.salesperson", {"creatable": False},
     f"m.yaml:15:40: 'salesperson' cannot be written by our user, but 'salesperson' must be; {RIGHT}"),
    ("order.bill_to.city", {"updatable": False},
     f"m.yaml:21:28: 'bill_to.city' cannot be written by our user, but 'bill_to.city' must be; {RIGHT}"),
    ("order.lines.quantity", {"type": "text"},
     f"m.yaml:24:34: 'quantity' is a text field, and 'quantity' reads it as decimal; {AS}"),
    ("order.lines.quantity", None, f"m.yaml:24:34: order.lines has no field 'quantity', {HIDDEN}"),
    ("order.salesperson", None, f"m.yaml:15:40: order has no field 'salesperson', {HIDDEN}"),
]  # fmt: skip


def change(streams: dict[str, StreamDescription], path: str, how: Changed) -> dict[str, StreamDescription]:
    name = max((one for one in streams if path.startswith(f"{one}.")), key=len)
    fields, changed = streams[name].fields, path.removeprefix(f"{name}.")
    if how is None:
        del fields[changed]
    else:
        fields[changed] = replace(fields[changed], **how)
    return streams


@pytest.mark.parametrize(("path", "how", "fault"), CRM_CASES, ids=range(len(CRM_CASES)))
def test_what_the_crm_says_against_it(path: str, how: Changed, fault: str) -> None:
    assert faults("crm", change(crm(), path, how)) == [fault]


@pytest.mark.parametrize(("path", "how", "fault"), ERP_CASES, ids=range(len(ERP_CASES)))
def test_what_the_erp_says_against_it(path: str, how: Changed, fault: str) -> None:
    assert faults("erp", change(erp(), path, how)) == [fault]


def test_a_name_nearly_right_is_suggested() -> None:
    streams = crm()
    streams["Order"].fields["PoNumbr"] = replace(streams["Order"].fields.pop("PoNumber"), name="PoNumbr")
    (fault,) = faults("crm", streams)
    assert fault.endswith("Order has no field 'PoNumber', or our user may not see it; did you mean 'PoNumbr'?")


@pytest.mark.parametrize("name", ["Order", "OrderItem", "Contact"])
def test_a_stream_that_is_not_there_is_one_fault_with_its_place(name: str) -> None:
    streams = {key: value for key, value in crm().items() if key != name}
    assert faults("crm", streams) == ["m.yaml:6:3: there is no such stream; use another"]


def test_a_field_of_another_record_cannot_be_written() -> None:
    text = TEXT.replace("salesperson: {crm: Owner.Email, erp: salesperson}",
                        "salesperson: {crm: Owner.Email, erp: salesperson, owner: erp}")  # fmt: skip
    streams = crm()
    found = check_against(read_mapping(text.encode(), "m.yaml"), "crm", streams.__getitem__)
    assert [str(fault) for fault in found] == [
        "m.yaml:15:22: 'Owner.Email' belongs to another record and cannot be written here; make crm the owner"
    ]


def test_an_open_cut_on_the_other_side_makes_room() -> None:
    text = TEXT.replace("number: {crm: Number__c, erp: number,",
                        "number: {crm: Number__c, erp: {field: number, via: [{truncate: 20}]},")  # fmt: skip
    streams = change(crm(), "Order.Number__c", {"length": 20})
    assert check_against(read_mapping(text.encode(), "m.yaml"), "crm", streams.__getitem__) == []


def test_a_day_cannot_be_written_to_an_instant() -> None:
    streams = change(erp(), "order.order_date", {"type": "datetime"})
    why = "'order_date' is an instant, and 'order_date' has only the day"
    assert faults("erp", streams) == [f"m.yaml:13:41: {why}; map a date field, or make the other side the owner"]
    assert faults("crm", change(crm(), "Order.EffectiveDate", {"type": "datetime"})) == []


def test_a_picklist_whose_values_the_entity_does_not_know_needs_a_map() -> None:
    text = TEXT.replace("{field: Status__c, values: {Draft: draft, Held: held}}", "Status__c")
    found = check_against(read_mapping(text.encode(), "m.yaml"), "crm", crm().__getitem__)
    (fault,) = found
    assert fault.what == "Status__c may be Draft, Held, which 'status' does not know"
    assert fault.remedy.startswith("map them with 'values' to draft, confirmed, held, ")
