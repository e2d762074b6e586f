"""Is a record written as Salesforce would write it, and refused with the same code?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from isthmus.kernel.clock import SetClock
from tests.playground.conftest import Client


def _account(client: Client) -> str:
    return str(client.query("SELECT Id FROM Account WHERE Type = 'Customer' ORDER BY Id LIMIT 1")[0]["Id"])


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({}, "REQUIRED_FIELD_MISSING", ["Name"]),
        ({"Name": "  "}, "REQUIRED_FIELD_MISSING", ["Name"]),
        ({"Name": "x" * 256}, "STRING_TOO_LONG", ["Name"]),
        ({"Name": "🦊" * 128}, "STRING_TOO_LONG", ["Name"]),
        ({"Name": "n", "Nope": 1}, "INVALID_FIELD", None),
        ({"Name": "n", "CreatedDate": "2020-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["CreatedDate"]),
        ({"Name": "n", "Id": "001000000000000AAA"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["Id"]),
        ({"Name": "n", "Payment_Terms__c": "NET99"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Payment_Terms__c"]),
        ({"Name": "n", "CurrencyIsoCode": "CHF"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["CurrencyIsoCode"]),
        ({"Name": "n", "NumberOfEmployees": "many"}, "JSON_PARSER_ERROR", None),
        ({"Name": "n", "NumberOfEmployees": 1.5}, "JSON_PARSER_ERROR", None),
        ({"Name": "n", "NumberOfEmployees": 10**9}, "NUMBER_OUTSIDE_VALID_RANGE", ["NumberOfEmployees"]),
        ({"Name": {"a": 1}}, "JSON_PARSER_ERROR", None),
        ({"Name": "n", "ParentId": "nonsense"}, "MALFORMED_ID", ["ParentId"]),
        ({"Name": "n", "ParentId": "003Qy0000000001IAA"}, "FIELD_INTEGRITY_EXCEPTION", ["ParentId"]),
        ({"Name": "n", "ParentId": "001Qy0000zzzzzz"}, "INVALID_CROSS_REFERENCE_KEY", ["ParentId"]),
        ({"Name": "n", "BillingCountry": "Atlantis"}, "FIELD_INTEGRITY_EXCEPTION", ["BillingCountry"]),
        ({"Name": "n", "BillingCountryCode": "XX"}, "FIELD_INTEGRITY_EXCEPTION", ["BillingCountry"]),
        ({"Name": "n", "BillingCountryCode": "DE", "BillingState": "Texas"}, "FIELD_INTEGRITY_EXCEPTION",
         ["BillingState"]),
    ],
)  # fmt: skip
def test_bad_account_is_refused_with_its_code(
    shared: Client, fields: dict[str, Any], code: str, named: list[str] | None
) -> None:
    told = shared.send("POST", "sobjects/Account", json=fields)
    assert told.status_code == 400
    (error,) = told.json()
    assert (error["errorCode"], error.get("fields")) == (code, named)


def test_refused_record_leaves_nothing(shared: Client) -> None:
    before = len(shared.query("SELECT Id FROM Account"))
    shared.error("POST", "sobjects/Account", json={"Name": "n", "BillingCountry": "Atlantis"})
    assert len(shared.query("SELECT Id FROM Account")) == before


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"Name": NaN}', b'{"Name": "\\ud800"}', b'{"Name": "\xff"}'])
def test_body_that_is_no_json_object_is_refused(shared: Client, body: bytes) -> None:
    assert shared.error("POST", "sobjects/Account", data=body) == (400, "JSON_PARSER_ERROR")


def test_values_are_kept_as_salesforce_keeps_them(shared: Client) -> None:
    made = shared.create("Account", Name="  Trimmed Ltd\n", Description="", NumberOfEmployees="12", AnnualRevenue="2.5",
                         Payment_Terms__c="net30", BillingCountry="germany", BillingStreet="One\r\nTwo")  # fmt: skip
    row = shared.send("GET", f"sobjects/Account/{made[:15]}").json()
    assert row["Name"] == "Trimmed Ltd"
    assert row["Description"] is None
    assert row["NumberOfEmployees"] == 12
    assert row["AnnualRevenue"] == 3, "halves are rounded up, silently"
    assert row["Payment_Terms__c"] == "NET30"
    assert (row["BillingCountry"], row["BillingCountryCode"]) == ("Germany", "DE")
    assert row["BillingStreet"] == "One\r\nTwo"
    assert row["CurrencyIsoCode"] == "EUR"
    shared.send("PATCH", f"sobjects/Account/{made}", json={"BillingCountryCode": "FR", "NumberOfEmployees": None})
    row = shared.send("GET", f"sobjects/Account/{made}", params={"fields": "BillingCountry,NumberOfEmployees"}).json()
    assert (row["BillingCountry"], row["NumberOfEmployees"]) == ("France", None)


def test_the_server_says_who_and_when(fresh: Client, clock: SetClock) -> None:
    made = fresh.create("Account", Name="Stamped")
    clock.advance(timedelta(seconds=90, microseconds=700_000))
    fresh.send("PATCH", f"sobjects/Account/{made}", json={"Phone": "1"})
    (row,) = fresh.query("SELECT CreatedDate, LastModifiedDate, SystemModstamp, LastModifiedBy.Username, OwnerId,"
                         f" CreatedById FROM Account WHERE Id = '{made}'")  # fmt: skip
    assert row["CreatedDate"] == "2026-11-20T12:00:00.000+0000"
    assert row["SystemModstamp"] == row["LastModifiedDate"] == "2026-11-20T12:01:30.000+0000"
    assert row["LastModifiedBy"]["Username"] == "integration@playground.example"
    assert row["OwnerId"] == row["CreatedById"]


def test_upsert_by_external_id(shared: Client) -> None:
    path = "sobjects/Account/ERP_Customer_Number__c/C%2F1%20a"
    first = shared.send("PATCH", path, json={"Name": "First"})
    second = shared.send("PATCH", path, json={"Name": "Second"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert (first.json()["created"], second.json()["created"]) == (True, False)
    assert shared.send("GET", path).json()["ERP_Customer_Number__c"] == "C/1 a"
    assert shared.error("PATCH", path, json={"ERP_Customer_Number__c": "C-2"}) == (400, "INVALID_FIELD")
    assert shared.error("PATCH", "sobjects/Account/Phone/1", json={"Name": "n"}) == (404, "NOT_FOUND")
    assert shared.error("POST", "sobjects/Account", json={"Name": "n", "ERP_Customer_Number__c": "c/1 A"}) == (
        400, "DUPLICATE_VALUE")  # fmt: skip


def test_upsert_that_fits_two_records_is_a_choice(shared: Client) -> None:
    ids = [shared.create("Contact", LastName="Twin", Email="twin@contact.example") for _ in range(2)]
    told = shared.send("PATCH", "sobjects/Contact/Email/twin@contact.example", json={"LastName": "Which"})
    assert told.status_code == 300
    assert [address.rsplit("/", 1)[1] for address in told.json()] == ids


def test_parent_may_be_named_by_its_external_id(shared: Client) -> None:
    shared.send("PATCH", "sobjects/Account/Isthmus_Key__c/parent", json={"Name": "Parent"})
    contact = shared.create("Contact", LastName="Child", Account={"Isthmus_Key__c": "parent"})
    (row,) = shared.query(f"SELECT Account.Name FROM Contact WHERE Id = '{contact}'")
    assert row["Account"]["Name"] == "Parent"
    missing = {"LastName": "Child", "Account": {"Isthmus_Key__c": "nobody"}}
    assert shared.error("POST", "sobjects/Contact", json=missing) == (400, "INVALID_FIELD")


def test_guarded_write_is_refused_when_the_record_moved(fresh: Client, clock: SetClock) -> None:
    made = fresh.create("Account", Name="Guarded")
    seen = {"If-Unmodified-Since": "Fri, 20 Nov 2026 12:00:00 GMT"}
    assert fresh.send("PATCH", f"sobjects/Account/{made}", json={"Phone": "1"}, headers=seen).status_code == 204
    clock.advance(timedelta(seconds=1))
    fresh.send("PATCH", f"sobjects/Account/{made}", json={"Phone": "2"})
    told = fresh.send("PATCH", f"sobjects/Account/{made}", json={"Phone": "3"}, headers=seen)
    assert told.status_code == 412
    assert fresh.send("GET", f"sobjects/Account/{made}").json()["Phone"] == "2"


def test_addresses_that_lead_nowhere(shared: Client) -> None:
    assert shared.error("GET", "sobjects/Nothing/describe") == (404, "NOT_FOUND")
    assert shared.error("GET", "sobjects/Account/001Qy0000zzzzzz") == (404, "NOT_FOUND")
    assert shared.error("GET", "sobjects/Account/003Qy0000000001IAA") == (404, "NOT_FOUND")
    assert shared.error("GET", "nothing/at/all") == (404, "NOT_FOUND")
    assert shared.error("PUT", "sobjects/Account", json={}) == (405, "METHOD_NOT_ALLOWED")
    code = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    assert shared.error("POST", "sobjects/Organization", json={"Name": "n"}) == (400, code)


def test_describe_says_what_may_be_written(shared: Client) -> None:
    told = shared.send("GET", "sobjects/Order/describe").json()
    fields = {one["name"]: one for one in told["fields"]}
    assert (told["keyPrefix"], told["createable"], told["mergeable"]) == ("801", True, False)
    amount = fields["TotalAmount"]
    assert (amount["type"], amount["precision"], amount["scale"]) == ("currency", 18, 2)
    assert not amount["createable"]
    status = fields["ERP_Status__c"]
    assert status["restrictedPicklist"]
    assert [one["value"] for one in status["picklistValues"]][:2] == ["Draft", "Confirmed"]
    assert (fields["AccountId"]["referenceTo"], fields["AccountId"]["relationshipName"]) == (["Account"], "Account")
    assert not fields["AccountId"]["nillable"]
    number = fields["ERP_Order_Number__c"]
    assert (number["externalId"], number["unique"], number["length"]) == (True, True, 40)
    assert {one["name"] for one in shared.send("GET", "sobjects").json()["sobjects"]} >= {"Account", "CurrencyType"}


def test_deleting_and_what_goes_with_it(fresh: Client) -> None:
    account = fresh.create("Account", Name="Going")
    contact = fresh.create("Contact", LastName="With it", AccountId=account)
    fresh.send("PATCH", f"sobjects/Account/{account}", json={"Primary_Contact__c": contact})
    child = fresh.create("Account", Name="Child", ParentId=account)
    assert fresh.send("DELETE", f"sobjects/Account/{account}").status_code == 204
    assert fresh.error("GET", f"sobjects/Account/{account}") == (404, "ENTITY_IS_DELETED")
    assert fresh.error("PATCH", f"sobjects/Contact/{contact}", json={"Phone": "1"}) == (404, "ENTITY_IS_DELETED")
    assert fresh.send("GET", f"sobjects/Account/{child}").json()["ParentId"] is None
    gone = {"LastName": "n", "AccountId": account}
    assert fresh.error("POST", "sobjects/Contact", json=gone) == (400, "ENTITY_IS_DELETED")
    assert fresh.query(f"SELECT Id FROM Account WHERE Id = '{account}'") == []
    (row,) = fresh.query(f"SELECT IsDeleted FROM Account WHERE Id = '{account}'", deleted=True)
    assert row["IsDeleted"]
    ordering = fresh.query("SELECT AccountId FROM Order WHERE Account.IsDeleted = false LIMIT 1")[0]["AccountId"]
    assert fresh.error("DELETE", f"sobjects/Account/{ordering}") == (400, "DELETE_FAILED")
