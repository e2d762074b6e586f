"""One answer per record, and graphs that are carried out wholly or not at all."""

from __future__ import annotations

from typing import Any

from tests.playground.conftest import Client
from tests.playground.test_orders import Shop


def _rows(names: list[str], entity: str = "Account") -> list[dict[str, Any]]:
    return [{"attributes": {"type": entity}, "Name": name} for name in names]


def _count(client: Client, where: str) -> int:
    return len(client.query(f"SELECT Id FROM Account WHERE {where}"))


def test_each_record_has_its_answer_in_order(shared: Client) -> None:
    told = shared.send("POST", "composite/sobjects", json={"records": _rows(["One", "", "Three"])})
    assert told.status_code == 200
    answers = told.json()
    assert [one["success"] for one in answers] == [True, False, True]
    (error,) = answers[1]["errors"]
    assert (error["statusCode"], error["fields"]) == ("REQUIRED_FIELD_MISSING", ["Name"])
    changed = [{"attributes": {"type": "Account"}, "id": answers[0]["id"], "Name": "Uno"},
               {"attributes": {"type": "Contact"}, "id": answers[2]["id"], "LastName": "x"},
               {"attributes": {"type": "Nothing"}, "id": answers[2]["id"]}]  # fmt: skip
    answers = shared.send("PATCH", "composite/sobjects", json={"records": changed}).json()
    assert [one["errors"][0]["statusCode"] if one["errors"] else "ok" for one in answers] == [
        "ok", "MALFORMED_ID", "INVALID_TYPE"]  # fmt: skip


def test_all_or_none(shared: Client) -> None:
    before = _count(shared, "Name LIKE 'Atomic%'")
    body = {"allOrNone": True, "records": _rows(["Atomic 1", "", "Atomic 2"])}
    answers = shared.send("POST", "composite/sobjects", json=body).json()
    assert [one["errors"][0]["statusCode"] for one in answers] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING", "ALL_OR_NONE_OPERATION_ROLLED_BACK"]  # fmt: skip
    assert _count(shared, "Name LIKE 'Atomic%'") == before


def test_upsert_collection_tells_created_from_updated(shared: Client) -> None:
    path = "composite/sobjects/Account/ERP_Customer_Number__c"

    def send(*numbers: str | None) -> list[dict[str, Any]]:
        records = [row | {"ERP_Customer_Number__c": number}
                   for row, number in zip(_rows(["Up"] * len(numbers)), numbers, strict=True)]  # fmt: skip
        told: list[dict[str, Any]] = shared.send("PATCH", path, json={"records": records}).json()
        return told

    assert [one["created"] for one in send("U-1", "U-2", "U-1")] == [True, True, False]
    assert [one.get("created") for one in send("U-2", None)] == [False, None]
    assert send(None)[0]["errors"][0]["statusCode"] == "MISSING_ARGUMENT"
    wrong = {"records": [{"attributes": {"type": "Contact"}, "LastName": "x", "ERP_Customer_Number__c": "U-9"}]}
    assert shared.send("PATCH", path, json=wrong).json()[0]["errors"][0]["statusCode"] == "INVALID_TYPE"
    assert shared.error("PATCH", "composite/sobjects/Account/Phone", json=wrong) == (404, "NOT_FOUND")


def test_limits_of_a_collection(shared: Client) -> None:
    assert shared.error("POST", "composite/sobjects", json={"records": _rows(["n"] * 201)}) == (
        400, "EXCEEDED_ID_LIMIT")  # fmt: skip
    mixed = [row for _ in range(6) for row in (*_rows(["n"]), *_rows(["n"], "Product2"))]
    assert shared.error("POST", "composite/sobjects", json={"records": mixed}) == (400, "INVALID_OPERATION")
    assert shared.error("POST", "composite/sobjects", json={"records": "x"}) == (400, "JSON_PARSER_ERROR")


def test_retrieve_keeps_the_order_and_shows_gaps(shared: Client) -> None:
    ids = [shared.create("Account", Name=name) for name in ("R1", "R2")]
    shared.send("DELETE", "composite/sobjects", params={"ids": ids[0]})
    asked = {"ids": [ids[1], ids[0], ids[1]], "fields": ["Name"]}
    told = shared.send("POST", "composite/sobjects/Account", json=asked).json()
    assert [row and row["Name"] for row in told] == ["R2", None, "R2"]
    params = {"ids": ids[1], "fields": "Name,Nope"}
    assert shared.error("GET", "composite/sobjects/Account", params=params) == (400, "INVALID_FIELD")


def _node(name: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    node = {"method": method, "url": f"/services/data/v66.0/sobjects/{path}", "referenceId": name}
    return node if body is None else node | {"body": body}


def _order_graph(shop: Shop, name: str, quantity: Any) -> dict[str, Any]:
    header = {"AccountId": shop.account, "EffectiveDate": "2026-11-03", "Status": "Draft", "PoNumber": name,
              "Pricebook2Id": shop.book, "CurrencyIsoCode": "EUR"}  # fmt: skip
    line = shop.line("@{header.id}", Quantity=quantity)
    nodes = [_node("header", "PATCH", f"Order/Isthmus_Key__c/{name}", header),
             _node("line", "POST", "OrderItem", line),
             _node("again", "PATCH", "Order/@{header.id}", {"Status": "Activated"})]  # fmt: skip
    return {"graphId": name, "compositeRequest": nodes}


def test_each_graph_is_a_transaction_of_its_own(shared: Client) -> None:
    shop = Shop(shared)
    body = {"graphs": [_order_graph(shop, "G-good", 2), _order_graph(shop, "G-bad", -2)]}
    good, bad = shared.send("POST", "composite/graph", json=body).json()["graphs"]
    assert (good["isSuccessful"], bad["isSuccessful"]) == (True, False)
    parts = good["graphResponse"]["compositeResponse"]
    assert [part["httpStatusCode"] for part in parts] == [201, 201, 204]
    order = parts[0]["body"]["id"]
    assert shop.total(order) > 0
    codes = [part["body"][0]["errorCode"] for part in bad["graphResponse"]["compositeResponse"]]
    assert codes == ["PROCESSING_HALTED", "FIELD_INTEGRITY_EXCEPTION", "PROCESSING_HALTED"]
    assert shared.query("SELECT Id FROM Order WHERE PoNumber = 'G-bad'") == []


def test_graph_limits_and_references(shared: Client) -> None:
    nodes = [_node(f"n{number}", "POST", "Account", {"Name": "n"}) for number in range(501)]
    body = {"graphs": [{"graphId": "1", "compositeRequest": nodes}]}
    assert shared.error("POST", "composite/graph", json=body) == (400, "LIMIT_EXCEEDED")
    twice = [nodes[0], nodes[0]]
    body = {"graphs": [{"graphId": "1", "compositeRequest": twice}]}
    assert shared.error("POST", "composite/graph", json=body) == (400, "INVALID_INPUT")
    nobody = [_node("child", "POST", "Contact", {"LastName": "n", "AccountId": "@{nobody.id}"})]
    body = {"graphs": [{"graphId": "1", "compositeRequest": nobody}]}
    (graph,) = shared.send("POST", "composite/graph", json=body).json()["graphs"]
    assert graph["graphResponse"]["compositeResponse"][0]["body"][0]["errorCode"] == "PROCESSING_HALTED"


def test_after_fourteen_failed_graphs_the_rest_is_halted(shared: Client) -> None:
    graphs = [{"graphId": str(number), "compositeRequest": [_node("a", "POST", "Account", {})]} for number in range(15)]
    graphs.append({"graphId": "good", "compositeRequest": [_node("a", "POST", "Account", {"Name": "Late"})]})
    told = shared.send("POST", "composite/graph", json={"graphs": graphs}).json()["graphs"]
    assert not told[-1]["isSuccessful"]
    assert told[-1]["graphResponse"]["compositeResponse"][0]["body"][0]["errorCode"] == "PROCESSING_HALTED"


def test_plain_composite_goes_on_after_a_failure_unless_all_or_none(shared: Client) -> None:
    nodes = [_node("bad", "POST", "Account", {}), _node("good", "POST", "Account", {"Name": "Composite"}),
             _node("read", "GET", "Account/@{good.id}"), _node("child", "POST", "Account",
                                                              {"Name": "x", "ParentId": "@{read.Id}"})]  # fmt: skip
    told = shared.send("POST", "composite", json={"compositeRequest": nodes}).json()["compositeResponse"]
    assert [part["httpStatusCode"] for part in told] == [400, 201, 200, 201]
    before = _count(shared, "Name = 'Composite'")
    body = {"allOrNone": True, "compositeRequest": [nodes[1], nodes[0]]}
    assert shared.send("POST", "composite", json=body).status_code == 200
    assert _count(shared, "Name = 'Composite'") == before
    many = {"compositeRequest": [_node(f"n{number}", "POST", "Account", {"Name": "n"}) for number in range(26)]}
    assert shared.error("POST", "composite", json=many) == (400, "LIMIT_EXCEEDED")


def test_refused_delete_leaves_no_half_of_it(shared: Client) -> None:
    """Contacts go with their account; when its orders forbid the deletion they are there again."""
    account = shared.query("SELECT AccountId FROM Order WHERE Account.IsDeleted = false LIMIT 1")[0]["AccountId"]
    contacts = f"SELECT Id FROM Contact WHERE AccountId = '{account}'"
    before = shared.query(contacts)
    (told,) = shared.send("DELETE", "composite/sobjects", params={"ids": account}).json()
    assert told["errors"][0]["statusCode"] == "DELETE_FAILED"
    assert shared.query(contacts) == before != []
