"""query, queryAll and queryMore."""

from __future__ import annotations

from starlette.responses import Response

from isthmus.playground.aggregates import aggregate
from isthmus.playground.calls import Call, answer
from isthmus.playground.refusals import Refusal
from isthmus.playground.soql import malformed, parse
from isthmus.playground.soql_sql import compile_query

LARGEST_PAGE, SMALLEST_PAGE = 2000, 200


def query(call: Call) -> Response:
    """GET …/query?q=: the first page."""
    return _first(call, deleted=False)


def query_all(call: Call) -> Response:
    """GET …/queryAll?q=: the same with the recycle bin."""
    return _first(call, deleted=True)


def _first(call: Call, *, deleted: bool) -> Response:
    text = call.query.get("q")
    if not text:
        raise malformed("unexpected token: '<EOF>'")
    parsed = parse(text)
    since = call.store.bin_since() if deleted or parsed.all_rows else None
    if parsed.terms or parsed.groups:
        return answer(aggregate(parsed, call.store, deleted_since=since))
    statement = compile_query(parsed, call.store.schema, shape="json", version=call.version, deleted_since=since)
    if not parsed.fields:
        (total,) = call.store.connection().execute(statement.count_sql, statement.parameters).fetchone()
        return answer({"totalSize": total, "done": True, "records": []})
    return answer(call.cursors.start(call.user, statement, batch=_batch(call), version=call.version))


def query_more(call: Call) -> Response:
    """GET …/query/<locator>: the next page."""
    return answer(call.cursors.more(call.user, call.path["locator"], version=call.version))


def _batch(call: Call) -> int:
    options = call.headers.get("sforce-query-options", "")
    for part in options.split(","):
        name, _, value = part.partition("=")
        if name.strip().lower() == "batchsize":
            return _batch_size(value.strip())
    return LARGEST_PAGE


def _batch_size(value: str) -> int:
    if not value.isdigit():
        raise Refusal("INVALID_QUERY_OPTIONS", f"batchSize is not a number: {value}")
    return max(SMALLEST_PAGE, min(LARGEST_PAGE, int(value)))
