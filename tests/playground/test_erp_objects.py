"""Do our own objects behave as Salesforce's custom objects do: masters, details, restrictions, running numbers?"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from isthmus.kernel.clock import SetClock
from isthmus.playground import start
from tests.playground.conftest import NOW, SMALL, Client


def invoice(client: Client, **fields: Any) -> str:
    account = fields.pop("Account__c", None) or client.create("Account", Name="Billed Ltd")
    given = {"Name": "RE-1", "Kind__c": "Invoice", "Account__c": account, "Invoice_Date__c": "2026-11-20",
             "Status__c": "Open", **fields}  # fmt: skip
    return client.create("ERP_Invoice__c", **given)


def test_a_detail_has_a_master_for_ever(shared: Client) -> None:
    one, other = invoice(shared), invoice(shared)
    line = shared.create("ERP_Invoice_Line__c", Invoice__c=one)
    assert shared.error("POST", "sobjects/ERP_Invoice_Line__c", json={}) == (400, "REQUIRED_FIELD_MISSING")
    moved = shared.error("PATCH", f"sobjects/ERP_Invoice_Line__c/{line}", json={"Invoice__c": other})
    assert moved == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


def test_the_end_of_a_master_is_the_end_of_its_details_and_both_come_back(shared: Client) -> None:
    header = invoice(shared)
    lines = [shared.create("ERP_Invoice_Line__c", Invoice__c=header) for _ in range(2)]
    assert shared.send("DELETE", f"sobjects/ERP_Invoice__c/{header}").status_code == 204
    soql = f"SELECT Id, IsDeleted FROM ERP_Invoice_Line__c WHERE Invoice__c = '{header}' ORDER BY Id"
    assert [row["IsDeleted"] for row in shared.query(soql, deleted=True)] == [True, True]
    assert set(shared.admin("undelete", id=header)["ids"]) == {header, *lines}
    assert [row["Id"] for row in shared.query(soql)] == lines


def test_running_numbers_are_the_servers(shared: Client) -> None:
    header = invoice(shared)
    for _ in range(2):
        shared.create("ERP_Invoice_Line__c", Invoice__c=header)
    rows = shared.query(f"SELECT Name FROM ERP_Invoice_Line__c WHERE Invoice__c = '{header}' ORDER BY Id")
    numbers = [int(row["Name"].removeprefix("IL-")) for row in rows]
    assert numbers[1] == numbers[0] + 1
    given = {"Invoice__c": header, "Name": "IL-1"}
    assert shared.error("POST", "sobjects/ERP_Invoice_Line__c", json=given)[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"


@pytest.mark.parametrize("entity", ["Account", "ERP_Invoice__c"])
def test_what_a_document_names_cannot_be_deleted(shared: Client, entity: str) -> None:
    account = shared.create("Account", Name="Kept Ltd")
    header = invoice(shared, Account__c=account)
    invoice(shared, Kind__c="Credit note", Credits__c=header)
    named = {"Account": account, "ERP_Invoice__c": header}[entity]
    assert shared.error("DELETE", f"sobjects/{entity}/{named}") == (400, "DELETE_FAILED")


def test_a_merge_takes_the_losers_invoices_over(shared: Client) -> None:
    winner, loser = shared.create("Account", Name="One Ltd"), shared.create("Account", Name="Two Ltd")
    header = invoice(shared, Account__c=loser)
    shared.admin("merge", master=winner, losers=[loser])
    assert shared.query(f"SELECT Account__c FROM ERP_Invoice__c WHERE Id = '{header}'")[0]["Account__c"] == winner


def test_what_was_made_again_keeps_the_old_one_in_the_bin(shared: Client) -> None:
    old = invoice(shared, Isthmus_Key__c="erp/invoice/1")
    shared.send("DELETE", f"sobjects/ERP_Invoice__c/{old}")
    body = {"Name": "RE-1", "Kind__c": "Invoice", "Account__c": shared.create("Account", Name="Billed Ltd"),
            "Invoice_Date__c": "2026-11-20", "Status__c": "Open"}  # fmt: skip
    told = shared.send("PATCH", "sobjects/ERP_Invoice__c/Isthmus_Key__c/erp%2Finvoice%2F1", json=body)
    assert told.status_code == 201
    url = f"{shared.playground.url}/playground/undelete"
    refused = shared.session.post(url, json={"id": old}, timeout=30)
    assert refused.json()[0]["errorCode"] == "DUPLICATE_VALUE"


def test_the_objects_describe_themselves(shared: Client) -> None:
    told = shared.send("GET", "sobjects/ERP_Invoice_Line__c/describe").json()
    fields = {one["name"]: one for one in told["fields"]}
    assert told["custom"]
    assert fields["Name"]["autoNumber"]
    assert (fields["Invoice__c"]["updateable"], fields["Invoice__c"]["relationshipName"]) == (False, "Invoice__r")
    children = shared.send("GET", "sobjects/ERP_Invoice__c/describe").json()["childRelationships"]
    kinds = {one["childSObject"]: (one["cascadeDelete"], one["restrictedDelete"]) for one in children}
    assert kinds == {"ERP_Invoice_Line__c": (True, False), "ERP_Invoice__c": (False, True),
                     "ERP_Allocation__c": (False, True), "ERP_Payment__c": (False, True)}  # fmt: skip


def test_a_folder_of_an_earlier_release_gets_the_new_fields(tmp_path: Path) -> None:
    clock = SetClock(NOW)
    with start(tmp_path, SMALL, clock=clock):
        pass
    with sqlite3.connect(tmp_path / "playground.sqlite") as db:
        db.execute('ALTER TABLE "Account" DROP COLUMN "ERP_Credit_Limit__c"')
    db.close()
    with start(tmp_path, SMALL, clock=clock) as playground:
        client = Client(playground).login()
        account = client.create("Account", Name="Later Ltd", ERP_Credit_Limit__c="5000.005")
        (row,) = client.query(f"SELECT ERP_Credit_Limit__c FROM Account WHERE Id = '{account}'")
        client.session.close()
    assert str(row["ERP_Credit_Limit__c"]) == "5000.005"
