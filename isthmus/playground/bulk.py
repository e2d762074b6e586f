"""Bulk API 2.0 query jobs: create, look until it is done, fetch the CSV in parts."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from array import array
from pathlib import Path
from typing import Any

from starlette.responses import Response

from isthmus.playground.calls import Call, answer, nothing
from isthmus.playground.ids import suffix
from isthmus.playground.refusals import Refusal, not_there
from isthmus.playground.soql import malformed, parse
from isthmus.playground.soql_sql import Statement, compile_query
from isthmus.playground.values import read_object

_MOST_ROWS = 250_000  # of one part when the client does not say
_NEXT_STATE = {"UploadComplete": "InProgress", "InProgress": "JobComplete"}


def create(call: Call) -> Response:
    """POST …/jobs/query."""
    asked = read_object(call.body)
    operation = asked.get("operation")
    if operation not in ("query", "queryAll"):
        raise Refusal("INVALIDJOB", f"Invalid operation: {operation}")
    for name, only in (("contentType", "CSV"), ("lineEnding", "LF"), ("columnDelimiter", "COMMA")):
        if asked.get(name, only) != only:
            raise Refusal("INVALIDJOB", f"{name} {asked[name]} is not supported")
    text = str(asked.get("query", ""))
    statement = _compile(call, text, operation)
    number = secrets.token_hex(6).upper()
    job_id = "750Qy" + number[:10].rjust(10, "0")
    job = {
        "id": job_id + suffix(job_id), "operation": operation, "object": statement.entity, "createdById": call.user,
        "createdDate": call.store.stamp() + ".000+0000", "systemModstamp": call.store.stamp() + ".000+0000",
        "state": "UploadComplete", "concurrencyMode": "Parallel", "contentType": "CSV",
        "apiVersion": float(call.version), "lineEnding": "LF", "columnDelimiter": "COMMA",
    }  # fmt: skip
    _keep(call, job | {"query": text})
    return answer(job)


def job(call: Call) -> Response:
    """GET, PATCH (abort) and DELETE …/jobs/query/<id>. Each look moves the job one state on."""
    kept = _find(call)
    if call.method == "DELETE":
        return _remove(call, kept)
    if call.method == "PATCH":
        if read_object(call.body).get("state") != "Aborted" or kept["state"] not in _NEXT_STATE:
            raise Refusal("INVALIDJOBSTATE", f"The job is {kept['state']}; only an unfinished one can be aborted")
        kept["state"] = "Aborted"
        _keep(call, kept)
    elif kept["state"] in _NEXT_STATE:
        kept["state"] = _NEXT_STATE[kept["state"]]
        if kept["state"] == "JobComplete":
            _carry_out(call, kept)
        _keep(call, kept)
    return answer({name: value for name, value in kept.items() if name != "query"})


def results(call: Call) -> Response:
    """GET …/jobs/query/<id>/results?maxRecords=&locator=: the heading and the next rows."""
    kept = _find(call)
    if kept["state"] != "JobComplete":
        raise Refusal("INVALIDJOBSTATE", f"The job is {kept['state']}; results come when it is JobComplete")
    if float(call.version) != kept["apiVersion"]:
        raise Refusal("API_VERSION_MISMATCH", f"The job was made with version {kept['apiVersion']}", status=409)
    start, most = _read_locator(call, kept), _read_most(call)
    total = int(kept["numberRecordsProcessed"])
    end = min(total, start + most)
    header, rows = _read_rows(_file(call, kept), start, end)
    locator = "null" if end >= total else base64.urlsafe_b64encode(f"{kept['id'][:15]}:{end}".encode()).decode()
    headers = {"Sforce-Locator": locator, "Sforce-NumberOfRecords": str(end - start)}
    return Response(header + rows, headers=headers, media_type="text/csv")


def _compile(call: Call, text: str, operation: str) -> Statement:
    parsed = parse(text)
    if not parsed.fields or parsed.offset is not None:
        raise malformed("Bulk queries support neither aggregates nor OFFSET")
    return compile_query(
        parsed,
        call.store.schema,
        shape="csv",
        version=call.version,
        deleted_since=call.store.bin_since() if operation == "queryAll" else None,
    )


def _carry_out(call: Call, kept: dict[str, Any]) -> None:
    """Writes all rows into a file, and where each begins beside it."""
    statement = _compile(call, kept["query"], kept["operation"])
    path = _file(call, kept)
    path.parent.mkdir(exist_ok=True)
    starts = array("Q")
    header = (",".join(f'"{name}"' for name in statement.header) + "\n").encode()
    place = len(header)
    with path.open("wb") as file:
        file.write(header)
        for (row,) in call.store.connection().execute(statement.sql, statement.parameters):
            starts.append(place)
            place += file.write(row.encode() + b"\n")
    starts.append(place)
    path.with_suffix(".starts").write_bytes(starts.tobytes())
    kept |= {"numberRecordsProcessed": len(starts) - 1, "retries": 0, "totalProcessingTime": 1,
             "isPkChunkingSupported": True}  # fmt: skip


def _read_rows(path: Path, start: int, end: int) -> tuple[bytes, bytes]:
    starts = array("Q")
    starts.frombytes(path.with_suffix(".starts").read_bytes())
    with path.open("rb") as file:
        header = file.read(starts[0])
        file.seek(starts[start])
        return header, file.read(starts[end] - starts[start])


def _read_locator(call: Call, kept: dict[str, Any]) -> int:
    locator = call.query.get("locator")
    if not locator:
        return 0
    try:
        owner, _, place = base64.urlsafe_b64decode(locator).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        owner, place = "", ""
    if owner != kept["id"][:15] or not place.isdigit() or int(place) > int(kept["numberRecordsProcessed"]):
        raise Refusal("INVALID_QUERY_LOCATOR", f"Invalid locator: {locator}")
    return int(place)


def _read_most(call: Call) -> int:
    most = call.query.get("maxRecords", str(_MOST_ROWS))
    if not most.isdigit() or int(most) < 1:
        raise Refusal("INVALID_ARGUMENT", f"maxRecords must be a positive number: {most}")
    return int(most)


def _file(call: Call, kept: dict[str, Any]) -> Path:
    return call.store.folder / "bulk" / f"{kept['id']}.csv"


def _keep(call: Call, kept: dict[str, Any]) -> None:
    with call.store.writing(call.user) as tx:
        tx.db.execute('INSERT OR REPLACE INTO "_job" VALUES (?, ?)', (kept["id"], json.dumps(kept)))


def _find(call: Call) -> dict[str, Any]:
    asked = call.path["id"]
    whole = asked + suffix(asked) if len(asked) == 15 else asked
    found = call.store.connection().execute('SELECT job FROM "_job" WHERE id = ?', (whole,)).fetchone()
    if found is None:
        raise not_there()
    kept: dict[str, Any] = json.loads(found[0])
    return kept


def _remove(call: Call, kept: dict[str, Any]) -> Response:
    if kept["state"] in _NEXT_STATE:
        raise Refusal("INVALIDJOBSTATE", "An unfinished job cannot be deleted; abort it")
    with call.store.writing(call.user) as tx:
        tx.db.execute('DELETE FROM "_job" WHERE id = ?', (kept["id"],))
    path = _file(call, kept)
    path.unlink(missing_ok=True)
    path.with_suffix(".starts").unlink(missing_ok=True)
    return nothing()
