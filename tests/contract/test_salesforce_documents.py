"""Is a document written wholly or not at all, and once however often it is sent?"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from isthmus.connect.protocol import Answer, Change
from isthmus.kernel.records import Record
from isthmus.kernel.selection import Lines, Selection
from tests.contract.crm_world import World

LINES = Lines("OrderItem", "OrderId", "Id", "OrderItemNumber", ("Isthmus_Key__c", "Quantity", "UnitPrice"))
DOCUMENT = Selection("Order", ("Isthmus_Key__c", "PoNumber", "TotalAmount"), LINES)


@dataclass
class Desk:
    """Writes orders for one account from one price."""

    world: World
    header: dict[str, Any]
    entry: str

    def line(self, key: str, quantity: str, price: str = "10.50") -> dict[str, Any]:
        return {
            "key": key,
            "PricebookEntryId": self.entry,
            "Quantity": Decimal(quantity),
            "UnitPrice": Decimal(price),
        }

    def write(self, *changes: Change) -> list[Answer]:
        return self.world.crm.write("Order", changes)

    def order(self, record_id: str | None) -> Record:
        (found,) = self.world.crm.fetch(DOCUMENT, [str(record_id)])
        return found


def lines_of(record: Record) -> dict[str, Decimal]:
    return {line["Isthmus_Key__c"]: line["Quantity"] for line in record.lines or []}


@pytest.fixture
def desk(world: World) -> Desk:
    soql = "SELECT Id, Pricebook2Id, CurrencyIsoCode FROM PricebookEntry WHERE IsActive = true AND IsDeleted = false"
    entry = next(row for row in world.crm.rest.query_all(soql) if row["CurrencyIsoCode"] == "EUR")
    account = world.create("Account", Name="Ordering Ltd", CurrencyIsoCode="EUR")
    header = {
        "AccountId": account,
        "EffectiveDate": "2026-11-22",
        "Status": "Draft",
        "Pricebook2Id": entry["Pricebook2Id"],
        "CurrencyIsoCode": "EUR",
    }
    return Desk(world, header, entry["Id"])


def test_a_document_is_created_once_with_its_lines(desk: Desk) -> None:
    change = Change("create", "erp/order/1", desk.header, [desk.line("a", "2"), desk.line("b", "0.5")])
    (first,), (second,) = desk.write(change), desk.write(change)
    assert (first.result, second.result, first.id) == ("created", "created", second.id)
    order = desk.order(first.id)
    assert order.fields["TotalAmount"] == Decimal("26.25")
    assert lines_of(order) == {"erp/order/1/a": 2, "erp/order/1/b": Decimal("0.5")}
    assert desk.world.crm.find_keys("Order", ["erp/order/1"]) == {"erp/order/1": first.id}


def test_an_update_brings_the_whole_set_of_lines(desk: Desk) -> None:
    key = "erp/order/2"
    (made,) = desk.write(Change("create", key, desk.header, [desk.line("a", "1"), desk.line("b", "1")]))
    changed = [desk.line("b", "3"), desk.line("c", "4")]
    (answer,) = desk.write(Change("update", key, {"PoNumber": "PO-2"}, changed, id=made.id))
    assert answer.result == "updated"
    order = desk.order(made.id)
    assert lines_of(order) == {f"{key}/b": 3, f"{key}/c": 4}
    assert order.fields["PoNumber"] == "PO-2"


def test_a_refused_line_refuses_its_document_and_no_other(desk: Desk) -> None:
    good = Change("create", "erp/order/3", desk.header, [desk.line("a", "1")])
    bad = Change("create", "erp/order/4", desk.header, [desk.line("a", "1"), {**desk.line("b", "1"), "Quantity": None}])
    answers = desk.write(bad, good)
    assert [one.result for one in answers] == ["refused", "created"]
    assert answers[0].fault is not None
    assert "Quantity" in answers[0].fault.what
    assert "line1" in answers[0].fault.where
    assert desk.world.crm.find_keys("Order", ["erp/order/3", "erp/order/4"]) == {"erp/order/3": answers[1].id}


def test_a_text_that_salesforce_would_replace_is_refused(desk: Desk) -> None:
    headers = [{**desk.header, "PoNumber": text} for text in ("see @{header.id}", "@{x[0].y}", "Dear @{name}")]
    lines = [[{**desk.line("a", "1"), "Description": text}] for text in ("@{header.id}", "plain")]
    changes = [Change("create", f"erp/text/{number}", one, [desk.line("a", "1")]) for number, one in enumerate(headers)]
    changes += [Change("create", f"erp/line/{number}", desk.header, one) for number, one in enumerate(lines)]
    answers = desk.write(*changes)
    assert [one.result for one in answers] == ["refused", "refused", "created", "refused", "created"]
    assert "PoNumber holds '@{header.id}', which Salesforce would replace" in str(answers[0].fault)
    assert desk.order(answers[2].id).fields["PoNumber"] == "Dear @{name}"


def test_a_line_cannot_become_another_product(desk: Desk) -> None:
    key = "erp/order/6"
    (made,) = desk.write(Change("create", key, desk.header, [desk.line("a", "1")]))
    other = {**desk.line("a", "1"), "PricebookEntryId": "01u000000000001AAA"}
    (answer,) = desk.write(Change("update", key, {}, [other], id=made.id))
    assert answer.result == "refused"
    assert "PricebookEntryId" in str(answer.fault)


def test_what_does_not_fit_into_one_transaction_is_refused(desk: Desk) -> None:
    many = [desk.line(str(number), "1") for number in range(500)]
    (answer,) = desk.write(Change("create", "erp/order/5", desk.header, many))
    assert answer.result == "refused"
    assert "501 records" in str(answer.fault)


@pytest.mark.parametrize("key", [".", "..", "a/../b"])
def test_a_key_never_leads_to_another_address(desk: Desk, key: str) -> None:
    (answer,) = desk.write(Change("create", key, desk.header, [desk.line("a", "1")]))
    assert answer.result == ("refused" if key.strip(".") == "" else "created")


def test_more_documents_than_one_request_takes_are_written_all(desk: Desk) -> None:
    lines = [desk.line(str(number), "1") for number in range(30)]
    changes = [Change("create", f"erp/many/{number}", desk.header, lines) for number in range(20)]
    assert {one.result for one in desk.write(*changes)} == {"created"}


def test_a_stream_without_lines_says_so(desk: Desk) -> None:
    (answer,) = desk.world.crm.write("Account", [Change("create", "erp/x", {"Name": "Ada"}, [])])
    assert answer.result == "refused"
    assert "has no lines" in str(answer.fault)
