"""Documents: header and lines in one composite graph, which Salesforce carries out wholly or not at all.

One that is too long for a graph is written in several, if its header has a mark that says when all of it is there.

A graph is never simply sent again: a line that is there already does not take its parent a second time. What nobody
answered is looked up and drafted anew, by what is there then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.salesforce.describing import CURRENCY, Describer
from connectors.salesforce.errors import code_of, kind_of, path_part, row_fault
from connectors.salesforce.limits import NODES, TRIES
from connectors.salesforce.query import id_list, select
from connectors.salesforce.rest import Rest
from connectors.salesforce.searching import COMPLETE, Searcher
from connectors.salesforce.values import whole_id
from isthmus.connect.http import Unanswered
from isthmus.connect.protocol import Answer, Change
from isthmus.kernel.errors import Fault, Misconfigured, Refused
from isthmus.kernel.records import Fields

#: The lines of a document: their object and its field that names the header.
LINES = {
    "Order": ("OrderItem", "OrderId"),
    "Quote": ("QuoteLineItem", "QuoteId"),
    "Opportunity": ("OpportunityLineItem", "OpportunityId"),
    "Product2": ("PricebookEntry", "Product2Id"),
    "ERP_Invoice__c": ("ERP_Invoice_Line__c", "Invoice__c"),
    "ERP_Payment__c": ("ERP_Allocation__c", "Payment__c"),
    "ERP_Shipment__c": ("ERP_Shipment_Line__c", "Shipment__c"),
}
_HEADER = "header"
_GRAPHS = 75
#: What Salesforce takes for a field of an earlier node, also in the middle of a text; nothing escapes it.
_REFERENCE = re.compile(r"@\{\w+[.[][^}]*\}", re.ASCII)


Node = dict[str, Any]
Graph = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Draft:
    change: Change
    nodes: list[Node]  # the header first


@dataclass(slots=True)
class _Told:
    """What came back. ``again``: those that nobody answered, or that somebody else had locked."""

    answers: dict[int, Answer] = field(default_factory=dict)
    again: set[int] = field(default_factory=set)

    def note(self, place: int, answer: Answer) -> None:
        self.answers[place] = answer
        if answer.result == "in_doubt" or answer.busy:
            self.again.add(place)


class Documents:
    """Writes headers with their whole set of lines. Lines are told apart by a field that holds their key."""

    def __init__(self, rest: Rest, describer: Describer, searcher: Searcher) -> None:
        self._rest = rest
        self._describer = describer
        self._searcher = searcher

    def write(self, stream: str, changes: dict[int, Change]) -> dict[int, Answer]:
        """One answer per document. A create with an id goes on with what an earlier call left half done.

        Raises Unanswered when nobody answers in the end either.
        """
        answers: dict[int, Answer] = {}
        going = dict(changes)
        for attempt in range(TRIES):
            if attempt:
                self._rest.pause(attempt)
                answers |= self._searcher.take_made(stream, going)
            told = self._write_once(stream, going, is_last=attempt == TRIES - 1)
            answers |= told.answers
            going = {place: change for place, change in going.items() if place in told.again}
            if not going:
                break
        return answers

    def _write_once(self, stream: str, changes: dict[int, Change], *, is_last: bool) -> _Told:
        told = _Told()
        short: dict[int, _Draft] = {}
        long: dict[int, _Draft] = {}
        for place, change in changes.items():
            try:
                draft = self._draft(stream, change)
            except (Refused, Misconfigured) as error:
                told.answers[place] = Answer(change.key, "refused", change.id, fault=error.fault)
                continue
            (short if len(draft.nodes) <= NODES else long)[place] = draft
        for drafts in (*_payloads(short), *({place: draft} for place, draft in long.items())):
            try:
                self._send(stream, drafts, told)
            except Unanswered:
                if is_last:
                    raise
                told.again |= drafts.keys() - told.answers.keys()
        return told

    def _draft(self, stream: str, change: Change) -> _Draft:
        where = f"{self._rest.where} {stream} {change.id or change.key}"
        if stream not in LINES:
            raise Refused(where, f"{stream} has no lines that we can write", "write its lines as records of their own")
        line_stream, parent = LINES[stream]
        line_field = self._searcher.key_field(line_stream, "writing lines")
        present = self._present(change, (line_stream, parent, line_field))
        nodes = [self._header(stream, change, where)]
        given = {parent: change.id or f"@{{{_HEADER}.id}}", **self._line_currency(stream, change)}
        for number, line in enumerate(change.lines or ()):
            key = f"{change.key}/{line['key']}"
            body = {name: value for name, value in line.items() if name not in ("key", "Id", parent, line_field)}
            self._describer.refuse_rounding(line_stream, body, f"{where} {key}")
            _refuse_references(body, f"{where} {key}")
            known = present.pop(key, None)
            if known:
                changed = self._changeable(line_stream, body, known, where=f"{where} {key}")
                nodes.append(self._node("PATCH", f"{line_stream}/{known['Id']}", f"line{number}", body=changed))
            else:
                path = f"{line_stream}/{line_field}/{path_part(key, where)}"
                nodes.append(self._node("PATCH", path, f"line{number}", body={**body, **given}))
        nodes += [
            self._node("DELETE", f"{line_stream}/{gone['Id']}", f"gone{number}")
            for number, gone in enumerate(present.values())
        ]
        if len(nodes) > NODES and not self._searcher.has_mark(stream):
            raise Refused(
                where,
                f"header and lines are {len(nodes)} records, and Salesforce takes {NODES} in one transaction",
                f"split the document, or give {stream} a checkbox {COMPLETE}",
            )
        return _Draft(change, nodes)

    def _line_currency(self, stream: str, change: Change) -> Fields:
        """What a new line's own currency is, on an object where it could be another one: its header's."""
        field = self._describer.shape(LINES[stream][0]).description.fields.get(CURRENCY)
        if field is None or not field.creatable:
            return {}
        code = change.fields.get(CURRENCY)
        if code is None and change.id:
            where = f"Id IN {id_list([change.id])}"
            code = next(
                (row[CURRENCY] for row in self._rest.query_all(select([CURRENCY], stream, where), "high")), None
            )
        return {CURRENCY: code} if code else {}

    def _present(self, change: Change, names: tuple[str, str, str]) -> dict[str, Fields]:
        """The lines that are there now, by key. Lines without our key are there under their own id, and go."""
        if change.id is None:
            return {}
        stream, parent, key = names
        fixed = {name for line in change.lines or () for name in line if self._is_fixed(stream, name)}
        where = f"IsDeleted = false AND {parent} IN {id_list([change.id])}"
        rows = self._rest.query_all(select(["Id", key, *sorted(fixed)], stream, where), "high")
        return {row[key] or row["Id"]: row for row in rows}

    def _is_fixed(self, stream: str, name: str) -> bool:
        """Can this field be given only when a record is made?"""
        field = self._describer.shape(stream).description.fields.get(name)
        return field is not None and field.creatable and not field.updatable

    def _changeable(self, stream: str, body: Fields, known: Fields, *, where: str) -> Fields:
        """The body without what can no longer change; Refused when it would have to."""
        fixed = [name for name in body if self._is_fixed(stream, name)]
        for name in fixed:
            if body[name] != known.get(name):
                raise Refused(where, f"{name} of a line cannot change once it is made", "give the line another key")
        return {name: value for name, value in body.items() if name not in fixed}

    def _header(self, stream: str, change: Change, where: str) -> Node:
        body = {name: value for name, value in change.fields.items() if name != "Id"}
        _refuse_references(body, where)
        if self._searcher.has_mark(stream):
            body[COMPLETE] = True
        if change.id:
            return self._node("PATCH", f"{stream}/{change.id}", _HEADER, body=body)
        field = self._searcher.key_field(stream, "creating records")
        body.pop(field, None)
        return self._node("PATCH", f"{stream}/{field}/{path_part(change.key, where)}", _HEADER, body=body)

    def _node(self, method: str, path: str, name: str, *, body: Fields | None = None) -> Node:
        url = f"/services/data/v{self._rest.config.version}/sobjects/{path}"
        node: Node = {"method": method, "url": url, "referenceId": name}
        return node if body is None else {**node, "body": body}

    def _send(self, stream: str, drafts: dict[int, _Draft], told: _Told) -> None:
        if len(drafts) == 1 and len(next(iter(drafts.values())).nodes) > NODES:
            ((place, draft),) = drafts.items()
            told.note(place, self._send_in_parts(stream, draft))
            return
        left = drafts
        while left:
            graphs = self._ask({str(place): one.nodes for place, one in left.items()})
            # After fourteen that failed Salesforce looks at no further one: those are asked anew, without the failed.
            halted = {place: one for place, one in left.items() if _is_halted(graphs.get(str(place)))}
            halted = halted if len(halted) < len(left) else {}
            for place, one in left.items():
                if place not in halted:
                    graph = graphs.get(str(place))
                    told.note(place, self._answer(stream, one.change, graph))
            left = halted

    def _send_in_parts(self, stream: str, draft: _Draft) -> Answer:
        """The header marked as incomplete, its lines part by part, and the mark last. Sent again, it goes on."""
        change, (header, *rest) = draft.change, draft.nodes
        opening = {COMPLETE: False} if change.id else {**header["body"], COMPLETE: False}
        graph = self._ask_one([{**header, "body": opening}])
        answer = self._answer(stream, change, graph)
        parts = [rest[start : start + NODES] for start in range(0, len(rest), NODES)]
        for part in [*parts, [header]]:
            if answer.id is None or answer.fault:
                break
            graph = self._ask_one([_with_header(node, answer.id) for node in part])
            answer = replace(self._answer(stream, change, graph), id=answer.id)
        return answer

    def _ask_one(self, nodes: list[Node]) -> Graph | None:
        return self._ask({"0": nodes}).get("0")

    def _ask(self, graphs: dict[str, list[Node]]) -> dict[str, Graph]:
        """What is told of each graph, by its name. Raises Unanswered when nobody knows what became of them."""
        value = {"graphs": [{"graphId": name, "compositeRequest": nodes} for name, nodes in graphs.items()]}
        told = self._rest.send("POST", "composite/graph", value, repeatable=False, priority="high").value
        found = told.get("graphs") if isinstance(told, dict) else None
        return {str(one.get("graphId")): one for one in found or () if isinstance(one, dict)}

    def _answer(self, stream: str, change: Change, graph: Graph | None) -> Answer:
        where = f"{self._rest.where} {stream} {change.id or change.key}"
        if graph is None or "isSuccessful" not in graph:
            fault = Fault(where, "Salesforce gave no answer for this document", "it is asked again by its key")
            return Answer(change.key, "in_doubt", change.id, fault=fault)
        if graph["isSuccessful"] is True:
            made = change.verb == "create"
            return Answer(change.key, "created" if made else "updated", change.id or _header_id(_parts(graph)))
        node, error = _error(_parts(graph))
        fault = row_fault(where if node is None else f"{where} {node}", error)
        return Answer(change.key, "refused", change.id, fault=fault, busy=kind_of(error) == "again")


def _refuse_references(body: Fields, where: str) -> None:
    """Raises Refused for a text that Salesforce would write as another one."""
    for name, value in body.items():
        if isinstance(value, str) and (found := _REFERENCE.search(value)):
            what = f"{name} holds {found[0]!r}, which Salesforce would replace"
            raise Refused(where, what, "write it in another way in the ERP")


def _payloads(drafts: dict[int, _Draft]) -> Iterator[dict[int, _Draft]]:
    part: dict[int, _Draft] = {}
    nodes = 0
    for place, draft in drafts.items():
        if part and (nodes + len(draft.nodes) > NODES or len(part) == _GRAPHS):
            yield part
            part, nodes = {}, 0
        part[place] = draft
        nodes += len(draft.nodes)
    if part:
        yield part


def _with_header(node: Node, header_id: str) -> Node:
    """A node that no longer stands beside its header names it by its id."""
    body = node.get("body")
    if body is None:
        return node
    return {
        **node,
        "body": {name: header_id if value == f"@{{{_HEADER}.id}}" else value for name, value in body.items()},
    }


def _parts(graph: Graph) -> list[dict[str, Any]]:
    """What is told of the nodes of a graph."""
    response = graph.get("graphResponse")
    parts = response.get("compositeResponse") if isinstance(response, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _header_id(parts: list[dict[str, Any]]) -> str | None:
    for part in parts:
        body = part.get("body")
        if part.get("referenceId") == _HEADER and isinstance(body, dict):
            return whole_id(str(body.get("id") or ""))
    return None


def _error(parts: list[dict[str, Any]]) -> tuple[object, dict[str, Any]]:
    """The node that was refused, and why; its neighbours were only halted."""
    for part in parts:
        errors = part.get("body")
        error = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else None
        if error and code_of(error) != "PROCESSING_HALTED":
            return part.get("referenceId"), error
    return None, {"statusCode": "PROCESSING_HALTED", "message": "the document was not carried out"}


def _is_halted(graph: Graph | None) -> bool:
    """Was it not looked at? One that failed by itself has a node that says why."""
    return graph is not None and graph.get("isSuccessful") is False and _error(_parts(graph))[0] is None
