"""Single records: create, read, update, delete, upsert; updated and deleted lists; limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from starlette.responses import Response

from isthmus.playground import deleting, writing
from isthmus.playground.calls import Call, answer, nothing
from isthmus.playground.describe import described
from isthmus.playground.ids import whole_id
from isthmus.playground.refusals import Refusal, not_there, record_deleted, unknown_column
from isthmus.playground.schema import SalesforceObject
from isthmus.playground.soql import Comparison, Literal, Query
from isthmus.playground.soql_sql import compile_query
from isthmus.playground.store import BIN_LIFE
from isthmus.playground.values import read_object


def create(call: Call) -> Response:
    """POST …/sobjects/<object>: 201 with the new id."""
    entity = described(call)
    fields = read_object(call.body)
    with call.store.writing(call.user) as tx:
        record_id = writing.create(tx, entity, fields)
    return answer(
        {"id": record_id, "success": True, "errors": []},
        201,
        Location=f"/services/data/v{call.version}/sobjects/{entity.name}/{record_id}",
    )


def record(call: Call) -> Response:
    """GET, PATCH, DELETE …/sobjects/<object>/<id>."""
    entity = described(call)
    record_id = whole_id(call.path["id"])
    if record_id is None or not record_id.startswith(entity.prefix):
        raise not_there()
    if call.method == "GET":
        return _read(call, entity, record_id)
    with call.store.writing(call.user) as tx:
        _check_unmodified(call, entity, record_id)
        if call.method == "DELETE":
            deleting.delete(tx, entity, record_id)
        else:
            writing.update(tx, entity, record_id, fields=read_object(call.body))
    return nothing()


def keyed(call: Call) -> Response:
    """GET, PATCH, DELETE …/sobjects/<object>/<external id field>/<value>."""
    entity = described(call)
    value = call.path["value"]
    if call.method == "PATCH":
        return _upsert(call, entity, value)
    with call.store.writing(call.user) as tx:
        one = writing.external_field(entity, call.path["field"])
        found = writing.keyed_ids(tx, entity, (one, whole_id(value) if one.name == "Id" else value))
        if len(found) > 1:
            return _choices(call, entity, found)
        if not found:
            raise not_there()
        if call.method == "DELETE":
            deleting.delete(tx, entity, found[0])
            return nothing()
    return _read(call, entity, found[0])


def _upsert(call: Call, entity: SalesforceObject, value: str) -> Response:
    fields = read_object(call.body)
    try:
        with call.store.writing(call.user) as tx:
            record_id, created = writing.upsert(tx, entity, (call.path["field"], value), fields=fields)
    except Refusal as refusal:
        if refusal.status == 300:
            return _choices(call, entity, refusal.message.split("|"))
        raise
    body = {"id": record_id, "success": True, "errors": [], "created": created}
    return answer(body, 201 if created else 200)


def _choices(call: Call, entity: SalesforceObject, ids: list[str]) -> Response:
    return answer([f"/services/data/v{call.version}/sobjects/{entity.name}/{each}" for each in ids], 300)


def _read(call: Call, entity: SalesforceObject, record_id: str) -> Response:
    names = [name for name in call.query.get("fields", "").split(",") if name]
    for name in names:
        if entity.find(name) is None:
            raise unknown_column(name, entity.name)
    _check_deleted(call, entity, record_id)
    text = record_text(call, entity, record_id, fields=tuple(names or entity.fields))
    return answer(text.encode())


def _check_deleted(call: Call, entity: SalesforceObject, record_id: str) -> str:
    sql = f'SELECT "IsDeleted", "SystemModstamp" FROM "{entity.name}" WHERE "Id" = ?'
    found = call.store.connection().execute(sql, (record_id,)).fetchone()
    if found is None:
        raise not_there()
    if found[0]:
        raise record_deleted()
    return str(found[1])


def record_text(call: Call, entity: SalesforceObject, record_id: str, *, fields: tuple[str, ...]) -> str:
    """One record's JSON, as a query would show it."""
    by_id = Comparison("Id", "=", Literal("text", record_id))
    statement = compile_query(
        Query(fields, entity.name, where=by_id), call.store.schema, shape="json", version=call.version
    )
    row = call.store.connection().execute(statement.sql, statement.parameters).fetchone()
    return str(row[0]) if row else "null"


def _check_unmodified(call: Call, entity: SalesforceObject, record_id: str) -> None:
    condition = call.headers.get("if-unmodified-since")
    if condition is None:
        return
    try:
        since = parsedate_to_datetime(condition)
    except ValueError:
        raise Refusal("INVALID_HEADER_VALUE", f"If-Unmodified-Since: {condition}") from None
    if datetime.fromisoformat(_check_deleted(call, entity, record_id)).replace(tzinfo=UTC) > since:
        raise Refusal("PRECONDITION_FAILED", "The record was modified since " + format_datetime(since), status=412)


def limits(call: Call) -> Response:
    """GET …/limits: what is left of the day's allowance."""
    used, most = call.usage.spent()
    left = {"Max": most, "Remaining": max(0, most - used)}
    return answer(
        {
            "DailyApiRequests": left,
            "DailyBulkV2QueryJobs": {"Max": 10000, "Remaining": 10000},
            "DailyBulkV2QueryFileStorageMB": {"Max": 976562, "Remaining": 976562},
        }
    )


def updated(call: Call) -> Response:
    """GET …/sobjects/<object>/updated?start=&end=: ids that moved, and how far that is sure."""
    entity = described(call)
    start, end, covered = _span(call, timedelta(days=30))
    sql = (
        f'SELECT "Id" FROM "{entity.name}" WHERE "SystemModstamp" >= ? AND "SystemModstamp" <= ?'
        ' AND "IsDeleted" = 0 ORDER BY "Id"'
    )
    ids = [each for (each,) in call.store.connection().execute(sql, (start, end))]
    return answer({"ids": ids, "latestDateCovered": covered})


def deleted(call: Call) -> Response:
    """GET …/sobjects/<object>/deleted?start=&end=: what is in the recycle bin since."""
    entity = described(call)
    start, end, covered = _span(call, BIN_LIFE)
    sql = 'SELECT id, stamp FROM "_deleted" WHERE object = ? AND stamp >= ? AND stamp <= ? ORDER BY stamp, id'
    rows = call.store.connection().execute(sql, (entity.name, start, end))
    records = [{"id": each, "deletedDate": stamp + ".000+0000"} for each, stamp in rows]
    earliest = call.store.bin_since() + ".000+0000"
    return answer({"deletedRecords": records, "earliestDateAvailable": earliest, "latestDateCovered": covered})


def _span(call: Call, furthest: timedelta) -> tuple[str, str, str]:
    """Start and end cut to whole minutes, and latestDateCovered: not past the oldest open transaction."""
    start, end = (_minute(call, name) for name in ("start", "end"))
    now = call.store.now()
    if end <= start:
        raise Refusal("INVALID_REPLICATION_DATE", "The startDate must be at least one minute before the endDate")
    if start < now - furthest:
        raise Refusal("INVALID_REPLICATION_DATE", f"startDate before org's earliest date: {furthest.days} days ago")
    covered = min(end, now)
    oldest = call.store.connection().execute('SELECT MIN(stamp) FROM "_late"').fetchone()[0]
    if oldest:
        covered = min(covered, datetime.fromisoformat(oldest).replace(tzinfo=UTC))
    form = "%Y-%m-%dT%H:%M:%S"
    return start.strftime(form), end.strftime(form), covered.strftime(form + ".000+0000")


def _minute(call: Call, name: str) -> datetime:
    try:
        # An unescaped + of an offset arrives as a blank.
        moment = datetime.fromisoformat(call.query[name].replace(" ", "+"))
        return moment.astimezone(UTC).replace(second=0, microsecond=0)
    except (KeyError, ValueError):
        raise Refusal("INVALID_REPLICATION_DATE", f"{name} is missing or not a dateTime") from None
