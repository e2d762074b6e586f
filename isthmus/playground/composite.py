"""sObject collections: up to 200 records in one request, answered one by one in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from starlette.responses import Response

from isthmus.playground import deleting, writing
from isthmus.playground.calls import Call, answer
from isthmus.playground.describe import described
from isthmus.playground.ids import whole_id
from isthmus.playground.refusals import Refusal, unknown_column
from isthmus.playground.rest import record_text
from isthmus.playground.store import Transaction
from isthmus.playground.values import read_object

MOST_RECORDS = 200
_MOST_RUNS = 10
_Work = Callable[[Transaction, Any], dict[str, Any]]


def collection(call: Call) -> Response:
    """POST (create), PATCH (update by id) and DELETE (?ids=) …/composite/sobjects."""
    if call.method == "DELETE":
        ids = [each for each in call.query.get("ids", "").split(",") if each]
        return _each(call, ids, _delete_one, whole=_flag(call.query.get("allOrNone", "false")))
    records, whole = _records(call)
    _check_runs(records)
    return _each(call, records, _create_one if call.method == "POST" else _update_one, whole=whole)


def upsert_collection(call: Call) -> Response:
    """PATCH …/composite/sobjects/<object>/<external id field>."""
    entity = described(call)
    records, whole = _records(call)
    one = writing.external_field(entity, call.path["field"])

    def work(tx: Transaction, record: dict[str, Any]) -> dict[str, Any]:
        if _type_of(record).lower() != entity.name.lower():
            raise Refusal("INVALID_TYPE", f"all records must be of type {entity.name}")
        key = next((name for name in record if name.lower() == one.name.lower()), None)
        rest = {name: value for name, value in record.items() if name != key}
        try:
            record_id, created = writing.upsert(tx, entity, (one.name, record[key] if key else None), fields=rest)
        except Refusal as refusal:
            if refusal.status == 300:
                raise Refusal(
                    "DUPLICATE_EXTERNAL_ID",
                    f"{one.name}: more than one record found for external id field:"
                    f" [{refusal.message.replace('|', ', ')}]",
                    fields=(one.name,),
                ) from None
            raise
        return {"id": record_id, "success": True, "errors": [], "created": created}

    return _each(call, records, work, whole=whole)


def retrieve(call: Call) -> Response:
    """GET (?ids=&fields=) and POST ({ids, fields}) …/composite/sobjects/<object>: null for what is not there."""
    entity = described(call)
    if call.method == "GET":
        ids, fields = (call.query.get(name, "").split(",") for name in ("ids", "fields"))
    else:
        asked = read_object(call.body)
        ids, fields = asked.get("ids") or [], asked.get("fields") or []
    _check_count(ids)
    for name in fields:
        if entity.find(str(name)) is None:
            raise unknown_column(str(name), entity.name)
    whole = [whole_id(str(each)) for each in ids]
    if any(each is None or not each.startswith(entity.prefix) for each in whole):
        raise Refusal("MALFORMED_ID", "malformed id among the ids asked for")
    texts = (record_text(call, entity, str(each), fields=tuple(fields)) for each in whole)
    return answer(f"[{','.join(texts)}]".encode())


def _records(call: Call) -> tuple[list[dict[str, Any]], bool]:
    body = read_object(call.body)
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise Refusal("JSON_PARSER_ERROR", "The property 'records' must be a list of records")
    return records, _flag(body.get("allOrNone", False))


def _flag(value: Any) -> bool:
    return str(value).lower() == "true"


def _check_count(records: Sequence[Any]) -> None:
    if not records:
        raise Refusal("MISSING_ARGUMENT", "At least one record is needed")
    if len(records) > MOST_RECORDS:
        raise Refusal(
            "EXCEEDED_ID_LIMIT",
            f"record limit reached. cannot submit more than {MOST_RECORDS} records in this operation",
        )


def _check_runs(records: list[dict[str, Any]]) -> None:
    types = [_type_of(record) for record in records]
    runs = sum(one != before for one, before in zip(types, ["", *types], strict=False))
    if runs > _MOST_RUNS:
        raise Refusal("INVALID_OPERATION", f"more than {_MOST_RUNS} chunks of different types in one request")


def _type_of(record: dict[str, Any]) -> str:
    attributes = record.get("attributes")
    if not isinstance(attributes, dict) or not isinstance(attributes.get("type"), str):
        raise Refusal("INVALID_TYPE", "attributes.type is required for each record")
    return str(attributes["type"])


def _each(call: Call, records: Sequence[Any], work: _Work, *, whole: bool) -> Response:
    _check_count(records)
    with call.store.writing(call.user) as tx:
        tx.db.execute("SAVEPOINT request")
        results = [_try_one(tx, record, work) for record in records]
        if whole and not all(result["success"] for result in results):
            tx.db.execute("ROLLBACK TO request")
            results = [_rolled_back(result) for result in results]
    return answer(results)


def _try_one(tx: Transaction, record: Any, work: _Work) -> dict[str, Any]:
    try:
        with writing.alone(tx):
            return work(tx, record)
    except Refusal as refusal:
        failed: dict[str, Any] = {"success": False, "errors": [refusal.row()]}
        return {"id": record["id"], **failed} if isinstance(record, dict) and "id" in record else failed


def _rolled_back(result: dict[str, Any]) -> dict[str, Any]:
    if not result["success"]:
        return result
    refusal = Refusal(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone header",
    )
    return {"success": False, "errors": [refusal.row()]}


def _create_one(tx: Transaction, record: dict[str, Any]) -> dict[str, Any]:
    entity = writing.object_named(tx, _type_of(record))
    return {"id": writing.create(tx, entity, record), "success": True, "errors": []}


def _update_one(tx: Transaction, record: dict[str, Any]) -> dict[str, Any]:
    entity = writing.object_named(tx, _type_of(record))
    key = next((name for name in record if name.lower() == "id"), None)
    if key is None:
        raise Refusal("MISSING_ARGUMENT", "Id not specified in an update call")
    rest = {name: value for name, value in record.items() if name != key}
    return {"id": writing.update(tx, entity, record[key], fields=rest), "success": True, "errors": []}


def _delete_one(tx: Transaction, record_id: str) -> dict[str, Any]:
    whole = whole_id(record_id)
    entity = tx.schema.of_id(whole) if whole else None
    if whole is None or entity is None:
        raise Refusal("MALFORMED_ID", f"malformed id {record_id}")
    return {"id": deleting.delete(tx, entity, whole), "success": True, "errors": []}
