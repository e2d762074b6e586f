"""Are documents of our own objects written with their lines, once, also very long ones, and read back as written?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from isthmus.connect.protocol import Answer, Change
from isthmus.kernel.errors import Unavailable
from isthmus.kernel.records import Record
from isthmus.kernel.selection import Lines, Selection
from tests.contract.crm_world import SMALL, World, world_of

LINES = Lines("ERP_Invoice_Line__c", "Invoice__c", "Isthmus_Key__c", "Name", ("Quantity__c", "Amount__c"))
INVOICES = Selection("ERP_Invoice__c", ("Name", "Account__c", "CurrencyIsoCode", "Total__c", "Status__c"), LINES)
HEADER = {"Kind__c": "Invoice", "Invoice_Date__c": "2026-11-22", "CurrencyIsoCode": "USD", "Status__c": "Open"}


@dataclass
class Books:
    """Shows the ERP's invoices to one customer."""

    world: World
    account: str

    def invoice(self, key: str, *lines: str, **fields: Any) -> Change:
        given = {**HEADER, "Name": key.rpartition("/")[2], "Account__c": self.account, **fields}
        return Change("create", key, given, [self.line(one) for one in lines])

    def line(self, key: str, amount: str = "10.005") -> dict[str, Any]:
        return {"key": key, "Quantity__c": Decimal(1), "Unit_Price__c": Decimal(amount), "Amount__c": Decimal(amount)}

    def write(self, *changes: Change) -> list[Answer]:
        return self.world.crm.write("ERP_Invoice__c", changes)

    def make(self, key: str, *lines: str, **fields: Any) -> str:
        (answer,) = self.write(self.invoice(key, *lines, **fields))
        assert answer.result == "created", answer
        return str(answer.id)

    def read(self, record_id: str) -> Record:
        (found,) = self.world.crm.fetch(INVOICES, [record_id])
        return found

    def keys(self, record_id: str) -> list[str]:
        return [line["Isthmus_Key__c"] for line in self.read(record_id).lines or []]

    def is_complete(self, record_id: str) -> bool:
        soql = f"SELECT Id, Isthmus_Complete__c FROM ERP_Invoice__c WHERE Id = '{record_id}'"
        return bool(self.world.crm.rest.query_all(soql)[0]["Isthmus_Complete__c"])


@pytest.fixture
def books(world: World) -> Books:
    return Books(world, world.create("Account", Name="Billed Ltd", CurrencyIsoCode="USD"))


@pytest.fixture
def single(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path, replace(SMALL, multi_currency=False)) as running:
        yield running


def test_an_invoice_is_created_once_and_reads_back_with_the_erps_own_line_keys(books: Books) -> None:
    change = books.invoice("erp/invoice/1", "10", "9", Total__c=Decimal("20.01"))
    (first,), (second,) = books.write(change), books.write(change)
    assert (first.result, second.result, first.id) == ("created", "created", second.id)
    read = books.read(str(first.id))
    assert (read.fields["Name"], read.fields["Total__c"]) == ("1", Decimal("20.01"))
    assert books.keys(read.id) == ["10", "9"], "in the order in which they were written"
    assert [line["Amount__c"] for line in read.lines or []] == [Decimal("10.005")] * 2
    assert read.by_us
    assert books.is_complete(read.id)


def test_a_line_is_in_the_currency_of_its_invoice_also_when_it_comes_later(books: Books) -> None:
    made = books.make("erp/invoice/2", "1")
    books.write(Change("update", "erp/invoice/2", {}, [books.line("1"), books.line("2")], id=made))
    soql = f"SELECT Id, CurrencyIsoCode FROM ERP_Invoice_Line__c WHERE Invoice__c = '{made}' AND IsDeleted = false"
    assert [row["CurrencyIsoCode"] for row in books.world.crm.rest.query_all(soql)] == ["USD", "USD"]


def test_a_line_of_a_strangers_own_is_shown_and_taken_away(books: Books) -> None:
    made = books.make("erp/invoice/3", "1")
    stray = books.world.create("ERP_Invoice_Line__c", Invoice__c=made, Amount__c="1")
    assert books.keys(made) == ["1", stray]
    assert not books.read(made).by_us
    (answer,) = books.write(Change("update", "erp/invoice/3", {}, [books.line("1")], id=made))
    assert answer.result == "updated"
    assert books.keys(made) == ["1"]


def test_a_line_cannot_go_over_to_another_invoice(books: Books) -> None:
    one, other = books.make("erp/invoice/4", "1"), books.make("erp/invoice/5", "1")
    line = books.read(one).lines or []
    (answer,) = books.world.crm.write(
        "ERP_Invoice_Line__c", [Change("update", "x", {"Invoice__c": other}, id=line[0]["Id"])]
    )
    assert answer.result == "refused"
    assert "Invoice__c" in str(answer.fault)


def test_a_deleted_invoice_is_told_and_made_again_under_the_same_key(books: Books) -> None:
    made = books.make("erp/invoice/6", "1")
    mark = books.world.mark(INVOICES)
    books.world.delete("ERP_Invoice__c", made)
    moved = books.world.moved(INVOICES, mark)
    assert moved[made].deleted
    again = books.make("erp/invoice/6", "1")
    assert again != made
    assert books.keys(again) == ["1"]
    assert books.world.crm.find_keys("ERP_Invoice__c", ["erp/invoice/6"]) == {"erp/invoice/6": again}


def test_an_invoice_that_comes_back_from_the_bin_comes_with_its_lines(books: Books) -> None:
    from isthmus.playground import deleting

    made = books.make("erp/invoice/7", "1", "2")
    books.world.delete("ERP_Invoice__c", made)
    mark = books.world.mark(INVOICES)
    store = books.world.playground.store
    with store.writing(books.world.stranger) as tx:
        deleting.undelete(tx, made, bin_since=store.bin_since())
    back = books.world.moved(INVOICES, mark)[made]
    assert not back.deleted
    assert len(back.lines or []) == 2


def test_an_invoice_of_more_lines_than_one_transaction_takes_is_written_in_parts(books: Books) -> None:
    keys = [str(number) for number in range(1, 1101)]
    made = books.make("erp/invoice/8", *keys)
    assert books.keys(made) == keys
    assert books.is_complete(made)
    kept = [books.line(key) for key in keys[:550]]
    (answer,) = books.write(Change("update", "erp/invoice/8", {"Status__c": "Paid"}, kept, id=made))
    assert answer.result == "updated"
    assert books.keys(made) == keys[:550]
    assert books.read(made).fields["Status__c"] == "Paid"
    assert books.is_complete(made)


def test_half_an_invoice_is_none_until_the_rest_of_it_is_there(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    crm, key = books.world.crm, "erp/invoice/9"
    change = books.invoice(key, *map(str, range(1, 601)))
    send, sent = crm.rest.send, []

    def break_off(method: str, path: str, *more: Any, **how: Any) -> Any:
        if path == "composite/graph":
            sent.append(path)
            if len(sent) == 3:
                raise Unavailable("Salesforce", "the line is dead", "run again")
        return send(method, path, *more, **how)

    monkeypatch.setattr(crm.rest, "send", break_off)
    with pytest.raises(Unavailable):
        books.write(change)
    assert crm.find_keys("ERP_Invoice__c", [key]) == {}, "nobody is told that it is there"
    monkeypatch.setattr(crm.rest, "send", send)
    (answer,) = books.write(change)
    assert answer.result == "created"
    assert books.keys(str(answer.id)) == [str(number) for number in range(1, 601)]
    assert crm.find_keys("ERP_Invoice__c", [key]) == {key: answer.id}


def test_a_refused_line_of_a_long_invoice_leaves_it_unfinished(books: Books) -> None:
    change = books.invoice("erp/invoice/10", *map(str, range(1, 601)))
    assert change.lines is not None
    change.lines[-1]["Product__c"] = "01t000000000001AAA"
    (answer,) = books.write(change)
    assert answer.result == "refused"
    assert "line599" in str(answer.fault)
    assert books.world.crm.find_keys("ERP_Invoice__c", [change.key]) == {}


def test_one_currency_is_written_and_no_other_where_there_is_only_one(single: World) -> None:
    account = single.create("Account", Name="Local Ltd")
    header = {**HEADER, "Name": "1", "Account__c": account}
    (only,) = single.crm.describe("ERP_Invoice__c").fields["CurrencyIsoCode"].values
    own = Change("create", "erp/invoice/1", {**header, "CurrencyIsoCode": only}, [])
    strange = Change("create", "erp/invoice/2", {**header, "CurrencyIsoCode": "JPY"}, [])
    answers = single.crm.write("ERP_Invoice__c", [own, strange])
    assert [one.result for one in answers] == ["created", "refused"]
    assert str(answers[1].fault).endswith(
        f"it is in JPY, and the organisation knows only {only}; activate multiple currencies"
    )
