"""Does what goes wrong on demand go wrong as it would with Salesforce?"""

from __future__ import annotations

import json

import pytest
import requests

from tests.playground.conftest import Client

QUERY = {"q": "SELECT Id, Name FROM Account"}


def test_fault_takes_its_requests_and_no_others(fresh: Client) -> None:
    body = [{"errorCode": "SERVER_UNAVAILABLE", "message": "m"}]
    fresh.admin("faults", kind="status", status=503, body=body, count=2, skip=1, path="/query", method="GET")
    fresh.send("GET", "limits")
    codes = [fresh.send("GET", "query", params=QUERY).status_code for _ in range(4)]
    assert codes == [200, 503, 503, 200]
    assert fresh.admin("faults", "GET") == []


@pytest.mark.parametrize(
    ("kind", "status", "code"), [("expired", 401, "INVALID_SESSION_ID"), ("limit", 403, "REQUEST_LIMIT_EXCEEDED")]
)
def test_ready_made_refusals(fresh: Client, kind: str, status: int, code: str) -> None:
    fresh.admin("faults", kind=kind)
    assert fresh.error("GET", "limits") == (status, code)
    assert fresh.send("GET", "limits").status_code == 200


def test_maintenance_page_is_html(fresh: Client) -> None:
    fresh.admin("faults", kind="html")
    told = fresh.send("GET", "limits")
    assert (told.status_code, told.text[:6]) == (503, "<html>")


def test_truncated_answer_is_no_json(fresh: Client) -> None:
    fresh.admin("faults", kind="truncated")
    told = fresh.send("GET", "query", params=QUERY)
    assert told.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(told.text)


def test_lost_answer_was_carried_out_and_a_cut_request_was_not(fresh: Client) -> None:
    for kind, found in (("lost", 1), ("cut", 0)):
        fresh.admin("faults", kind=kind, method="POST", path="/sobjects")
        with pytest.raises(requests.ConnectionError):
            fresh.create("Account", Name=f"Account {kind}")
        assert len(fresh.query(f"SELECT Id FROM Account WHERE Name = 'Account {kind}'")) == found


def test_slow_answer_comes_after_the_clients_patience(fresh: Client) -> None:
    fresh.admin("faults", kind="slow", seconds=0.3)
    with pytest.raises(requests.ReadTimeout):
        fresh.session.get(f"{fresh.playground.url}/services/data/v66.0/limits", timeout=0.1)


def test_ended_sessions_need_a_new_login(fresh: Client) -> None:
    assert fresh.admin("sessions/end") == {"ended": 1}
    assert fresh.error("GET", "limits") == (401, "INVALID_SESSION_ID")
    assert fresh.login().send("GET", "limits").status_code == 200


def test_hidden_field_looks_as_if_it_never_was(fresh: Client) -> None:
    fresh.admin("drift", changes=[{"action": "hide", "object": "Account", "field": "Tax_Id__c"}])
    assert fresh.refusal("SELECT Tax_Id__c FROM Account") == "INVALID_FIELD"
    named = {one["name"] for one in fresh.send("GET", "sobjects/Account/describe").json()["fields"]}
    assert "Tax_Id__c" not in named
    assert fresh.error("POST", "sobjects/Account", json={"Name": "n", "Tax_Id__c": "1"}) == (400, "INVALID_FIELD")
    fresh.admin("drift", "DELETE")
    assert fresh.query("SELECT Tax_Id__c FROM Account WHERE Tax_Id__c != null")


def test_renamed_and_retyped_fields_keep_their_values(fresh: Client) -> None:
    soql = "SELECT {} FROM Order WHERE Freight__c != null ORDER BY Id LIMIT 1"
    before = fresh.query(soql.format("Freight__c"))[0]["Freight__c"]
    fresh.admin("drift", changes=[{"action": "retype", "object": "Order", "field": "Freight__c", "value": "string"}])
    after = fresh.query(soql.format("Freight__c"))[0]["Freight__c"]
    assert isinstance(after, str)
    assert float(after) == float(before)
    assert len(fresh.query(f"SELECT Id FROM Order WHERE Freight__c = '{after}'")) >= 1
    fresh.admin("drift", changes=[{"action": "rename", "object": "Order", "field": "Freight__c", "value": "Cost__c"}])
    assert fresh.query(soql.format("Cost__c").replace("Freight__c", "Cost__c"))[0]["Cost__c"] == after
    assert fresh.refusal("SELECT Freight__c FROM Order") == "INVALID_FIELD"


def test_renamed_picklist_value_moves_the_records_but_not_their_editor(fresh: Client) -> None:
    fresh.admin("settings", clock_offset_seconds=3600)
    change = {"action": "rename_value", "object": "Account", "field": "Payment_Terms__c", "value": "NET30",
              "new_value": "NET31"}  # fmt: skip
    before = len(fresh.query("SELECT Id FROM Account WHERE Payment_Terms__c = 'NET30'"))
    fresh.admin("drift", changes=[change])
    rows = fresh.query("SELECT SystemModstamp, LastModifiedDate FROM Account WHERE Payment_Terms__c = 'NET31'")
    assert len(rows) == before > 0
    assert all(row["LastModifiedDate"] < row["SystemModstamp"] == "2026-11-20T13:00:00.000+0000" for row in rows)
    refused = {"Name": "n", "Payment_Terms__c": "NET30"}
    assert fresh.error("POST", "sobjects/Account", json=refused)[1] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


def test_single_currency_organisation_has_no_currency_field(fresh: Client) -> None:
    fresh.admin("settings", multi_currency=False)
    assert fresh.refusal("SELECT CurrencyIsoCode FROM Account") == "INVALID_FIELD"
    assert fresh.refusal("SELECT Id FROM CurrencyType") == "INVALID_TYPE"
    assert fresh.create("Account", Name="Plain")
    assert fresh.query("SELECT DefaultCurrencyIsoCode FROM Organization")[0]["DefaultCurrencyIsoCode"] == "EUR"


def test_another_organisation_with_the_same_data(fresh: Client) -> None:
    fresh.admin("settings", org_id="00DQy00000OTHER")
    (row,) = fresh.query("SELECT Id FROM Organization")
    assert row["Id"].startswith("00DQy00000OTHER")
    told = fresh.login().session.get(f"{fresh.playground.url}/services/oauth2/userinfo", timeout=30).json()
    assert told["organization_id"] == row["Id"]
