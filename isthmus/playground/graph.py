"""Composite requests: several records in one call, later ones naming earlier ones by ``@{ref.id}``.

A graph is carried out wholly or not at all; a plain composite only with ``allOrNone``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.responses import Response

from isthmus.playground import deleting, writing
from isthmus.playground.calls import Call, answer
from isthmus.playground.describe import addressed
from isthmus.playground.ids import whole_id
from isthmus.playground.refusals import Refusal, not_there
from isthmus.playground.rest import record_text
from isthmus.playground.schema import SalesforceObject
from isthmus.playground.store import Transaction
from isthmus.playground.values import read_object

_MOST_NODES, _MOST_GRAPHS, _MOST_KINDS, _MOST_PARTS = 500, 75, 15, 25
_FAILURES_BEFORE_HALT = 14
_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)\.([A-Za-z0-9_.]+)\}")
_URL = re.compile(r"/services/data/v\d+\.0/sobjects/([A-Za-z0-9_]+)(?:/([^/?]+))?(?:/([^?]+))?/?")
_NAME = re.compile(r"[A-Za-z0-9_]{1,80}")


class _RolledBack(Exception):
    """The transaction is to be undone; the answers are kept."""


@dataclass(slots=True)
class _Node:
    method: str
    url: str
    name: str
    body: dict[str, Any]

    @property
    def kind(self) -> tuple[str, str]:
        return self.method, self.url.split("/")[5].lower() if self.url.count("/") >= 5 else ""


@dataclass(slots=True)
class _Run:
    """One transaction's answers, and what later nodes may refer to."""

    call: Call
    tx: Transaction
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    parts: list[dict[str, Any]] = field(default_factory=list)
    failed: bool = False


def graphs(call: Call) -> Response:
    """POST …/composite/graph."""
    asked = read_object(call.body).get("graphs")
    if not isinstance(asked, list) or not asked:
        raise Refusal("JSON_PARSER_ERROR", "The property 'graphs' must be a list of graphs")
    if len(asked) > _MOST_GRAPHS:
        raise Refusal("LIMIT_EXCEEDED", f"The number of graphs cannot exceed {_MOST_GRAPHS}")
    read = [(str(one.get("graphId")), _nodes(one.get("compositeRequest"))) for one in asked if isinstance(one, dict)]
    if sum(len(nodes) for _, nodes in read) > _MOST_NODES:
        raise Refusal("LIMIT_EXCEEDED", f"The number of nodes cannot exceed {_MOST_NODES}")
    results: list[dict[str, Any]] = []
    failures = 0
    for name, nodes in read:
        parts, good = _halted(nodes) if failures >= _FAILURES_BEFORE_HALT else _run_whole(call, nodes)
        failures += not good
        results.append({"graphId": name, "graphResponse": {"compositeResponse": parts}, "isSuccessful": good})
    return answer({"graphs": results})


def composite(call: Call) -> Response:
    """POST …/composite: at most 25 parts, here only of records."""
    body = read_object(call.body)
    nodes = _nodes(body.get("compositeRequest"))
    if len(nodes) > _MOST_PARTS:
        raise Refusal("LIMIT_EXCEEDED", f"The number of composite subrequests cannot exceed {_MOST_PARTS}")
    if str(body.get("allOrNone", False)).lower() == "true":
        return answer({"compositeResponse": _run_whole(call, nodes)[0]})
    with call.store.writing(call.user) as tx:
        run = _Run(call, tx)
        for node in nodes:
            _do(run, node)
    return answer({"compositeResponse": run.parts})


def _nodes(asked: Any) -> list[_Node]:
    if not isinstance(asked, list) or not asked:
        raise Refusal("JSON_PARSER_ERROR", "The property 'compositeRequest' must be a list of requests")
    nodes = [_node(one) for one in asked]
    if len({node.name for node in nodes}) != len(nodes):
        raise Refusal("INVALID_INPUT", "Each referenceId must be unique in its request")
    if len({node.kind for node in nodes}) > _MOST_KINDS:
        raise Refusal("LIMIT_EXCEEDED", f"The number of distinct nodes cannot exceed {_MOST_KINDS}")
    return nodes


def _node(asked: Any) -> _Node:
    if not isinstance(asked, dict):
        raise Refusal("JSON_PARSER_ERROR", "Each request must be an object")
    method, url, name = (str(asked.get(part, "")) for part in ("method", "url", "referenceId"))
    body = asked.get("body") or {}
    if not _NAME.fullmatch(name):
        raise Refusal("INVALID_INPUT", f"The referenceId '{name}' may hold letters, digits and underscores")
    if method not in ("GET", "POST", "PATCH", "DELETE") or not isinstance(body, dict):
        raise Refusal("INVALID_INPUT", f"The request '{name}' has no valid method or body")
    return _Node(method, url, name, body)


def _run_whole(call: Call, nodes: Sequence[_Node]) -> tuple[list[dict[str, Any]], bool]:
    """All nodes in one transaction, or none."""
    try:
        with call.store.writing(call.user) as tx:
            run = _Run(call, tx)
            _do_all(run, nodes)
    except _RolledBack:
        return _only_cause(run, nodes), False
    return run.parts, True


def _do_all(run: _Run, nodes: Sequence[_Node]) -> None:
    for node in nodes:
        _do(run, node)
        if run.failed:
            raise _RolledBack


def _only_cause(run: _Run, nodes: Sequence[_Node]) -> list[dict[str, Any]]:
    """The failed node says why; all others were halted."""
    cause = run.parts[-1]
    return [cause if node.name == cause["referenceId"] else _halt(node) for node in nodes]


def _halted(nodes: Sequence[_Node]) -> tuple[list[dict[str, Any]], bool]:
    return [_halt(node) for node in nodes], False


def _halt(node: _Node) -> dict[str, Any]:
    refusal = Refusal(
        "PROCESSING_HALTED", "The transaction was rolled back since another operation in the same transaction failed."
    )
    return _part(node, refusal.body(), 400)


def _part(node: _Node, body: Any, status: int, *, location: str | None = None) -> dict[str, Any]:
    headers = {"Location": location} if location else {}
    return {"body": body, "httpHeaders": headers, "httpStatusCode": status, "referenceId": node.name}


def _do(run: _Run, node: _Node) -> None:
    try:
        with writing.alone(run.tx):
            part = _carry_out(run, _resolved(run, node))
    except Refusal as refusal:
        run.failed = True
        part = _part(node, refusal.body(), refusal.status)
    run.parts.append(part)
    if isinstance(part["body"], dict):
        run.known[node.name] = part["body"]


def _resolved(run: _Run, node: _Node) -> _Node:
    """The node with every ``@{ref.field}`` replaced by what an earlier answer says."""

    def replace(match: re.Match[str]) -> str:
        value: Any = run.known.get(match[1])
        for step in match[2].split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            raise Refusal("PROCESSING_HALTED", f"Invalid reference specified. No value for {match[0]} found.")
        return str(value)

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: walk(each) for name, each in value.items()}
        return _REFERENCE.sub(replace, value) if isinstance(value, str) else value

    return _Node(node.method, _REFERENCE.sub(replace, node.url), node.name, walk(node.body))


def _carry_out(run: _Run, node: _Node) -> dict[str, Any]:
    match = _URL.fullmatch(node.url)
    if match is None:
        raise not_there()
    entity = addressed(run.tx.schema, match[1])
    if match[2] is None:
        if node.method != "POST":
            raise Refusal("METHOD_NOT_ALLOWED", f"HTTP Method '{node.method}' not allowed.", status=405)
        return _created(run, node, entity, record_id=writing.create(run.tx, entity, node.body))
    if match[3] is not None:
        return _keyed(run, node, entity, key=(match[2], match[3]))
    return _by_id(run, node, entity, record_id=match[2])


def _keyed(run: _Run, node: _Node, entity: SalesforceObject, *, key: tuple[str, str]) -> dict[str, Any]:
    if node.method != "PATCH":
        raise Refusal("METHOD_NOT_ALLOWED", f"HTTP Method '{node.method}' not allowed.", status=405)
    record_id, created = writing.upsert(run.tx, entity, (key[0], unquote(key[1])), fields=node.body)
    if created:
        return _created(run, node, entity, record_id=record_id)
    return _part(node, {"id": record_id, "success": True, "errors": [], "created": False}, 200)


def _created(run: _Run, node: _Node, entity: SalesforceObject, *, record_id: str) -> dict[str, Any]:
    location = f"/services/data/v{run.call.version}/sobjects/{entity.name}/{record_id}"
    body = {"id": record_id, "success": True, "errors": []} | ({"created": True} if node.method == "PATCH" else {})
    return _part(node, body, 201, location=location)


def _by_id(run: _Run, node: _Node, entity: SalesforceObject, *, record_id: str) -> dict[str, Any]:
    if node.method == "GET":
        whole = whole_id(record_id)
        text = record_text(run.call, entity, whole or "", fields=tuple(entity.fields)) if whole else "null"
        if text == "null":
            raise not_there()
        return _part(node, orjson.loads(text), 200)
    if node.method == "POST":
        raise Refusal("METHOD_NOT_ALLOWED", "HTTP Method 'POST' not allowed.", status=405)
    if node.method == "DELETE":
        deleting.delete(run.tx, entity, record_id)
    else:
        writing.update(run.tx, entity, record_id, fields=node.body)
    return _part(node, None, 204)
