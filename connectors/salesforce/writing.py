"""Writing: collections for records, one composite graph for a document, one answer per change.

Everything that is sent may be sent twice: an update goes by id, a create is an upsert on a field that holds our key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from connectors.salesforce.describing import CURRENCY, Describer
from connectors.salesforce.documents import Documents
from connectors.salesforce.errors import Unread, kind_of, row_fault, understood
from connectors.salesforce.limits import IDS, ROWS, TRIES
from connectors.salesforce.query import id_list, select
from connectors.salesforce.rest import Rest
from connectors.salesforce.searching import COMPLETE, Searcher
from connectors.salesforce.values import version_of, whole_id
from isthmus.connect.protocol import Answer, Change, Note, Result, Verb
from isthmus.kernel.errors import Fault, Misconfigured, Refused, Unavailable
from isthmus.kernel.records import Fields

STATUS, MESSAGE = "ERP_Sync_Status__c", "ERP_Sync_Message__c"
#: What deactivating means, for objects that know it.
_ACTIVE = {"Product2": "IsActive", "Pricebook2": "IsActive", "PricebookEntry": "IsActive"}

_DONE: dict[Verb, Result] = {"create": "created", "withdraw": "withdrawn"}

Row = dict[str, Any]
Told = dict[str, Any]


class Writer:
    """Writes changes and notes to one organisation."""

    def __init__(self, rest: Rest, describer: Describer, searcher: Searcher) -> None:
        self._rest = rest
        self._describer = describer
        self._searcher = searcher
        self._documents = Documents(rest, describer, searcher)

    def write(self, stream: str, changes: Sequence[Change]) -> list[Answer]:
        """One answer per change, in order. Raises Unavailable only while nothing has been written."""
        answers: dict[int, Answer] = {}
        for part in _batches(list(enumerate(changes))):
            try:
                with understood(self._rest.where):
                    answers |= self._write_batch(stream, dict(part))
            except Unavailable as error:
                if not answers:
                    raise
                answers |= {
                    place: Answer(change.key, "in_doubt", change.id, fault=error.fault) for place, change in part
                }
        return [answers[place] for place in range(len(changes))]

    def annotate(self, stream: str, notes: Sequence[Note]) -> list[Fault | None]:
        """Writes status and message, cut to the fields' lengths. Without the fields, everybody gets the same fault."""
        fields = self._describer.shape(stream).description.fields
        missing = [name for name in (STATUS, MESSAGE) if name not in fields or not fields[name].updatable]
        if missing:
            fault = Fault(
                f"{self._rest.where} {stream}", f"{' and '.join(missing)} cannot be written by our user",
                "deploy connectors/salesforce/metadata and assign the permission set 'Isthmus integration'",
            )  # fmt: skip
            return [fault] * len(notes)
        faults: list[Fault | None] = []
        for start in range(0, len(notes), ROWS):
            faults += self._annotate_batch(stream, notes[start : start + ROWS])
        return faults

    def _annotate_batch(self, stream: str, notes: Sequence[Note]) -> list[Fault | None]:
        fields = self._describer.shape(stream).description.fields
        rows = [
            _row(stream, {
                "id": whole_id(note.id) or note.id,
                STATUS: _cut(note.status, fields[STATUS].length),
                MESSAGE: _cut(note.message, fields[MESSAGE].length),
            })
            for note in notes
        ]  # fmt: skip
        told = self._send_rows("composite/sobjects", rows)
        where = f"{self._rest.where} {stream}"
        return [
            None if one.get("success") else _fault(f"{where} {note.id}", one)
            for note, one in zip(notes, told, strict=True)
        ]

    def _write_batch(self, stream: str, changes: dict[int, Change]) -> dict[int, Answer]:
        answers, going = self._sort_out(stream, changes)
        answers |= self._searcher.take_made(stream, going)
        updates = {place: one for place, one in going.items() if one.id and one.lines is None}
        creates = {place: one for place, one in going.items() if not one.id and one.lines is None}
        documents = {place: one for place, one in going.items() if one.lines is not None}
        if updates:
            answers |= self._update(stream, updates)
        if creates:
            answers |= self._create(stream, creates)
        if documents:
            answers |= self._documents.write(stream, documents)
        return answers

    def _sort_out(self, stream: str, changes: dict[int, Change]) -> tuple[dict[int, Answer], dict[int, Change]]:
        """Answers what cannot be sent at all, and what is no longer as expected."""
        answers: dict[int, Answer] = {}
        going: dict[int, Change] = {}
        for place, change in changes.items():
            try:
                going[place] = self._prepare(stream, change)
            except Refused as refused:
                answers[place] = _refused(change, refused.fault)
        for place, answer in self._check_versions(stream, going).items():
            answers[place] = answer
            del going[place]
        return answers, going

    def _prepare(self, stream: str, change: Change) -> Change:
        where = f"{self._rest.where} {stream} {change.id or change.key}"
        self._describer.refuse_rounding(stream, change.fields, where)
        if change.verb == "create":
            try:
                self._searcher.key_field(stream, "creating records")
            except Misconfigured as error:
                raise Refused(where, error.fault.what, error.fault.remedy) from None
            whole = {COMPLETE: True} if change.lines is None and self._searcher.has_mark(stream) else {}
            return replace(change, fields={**self._fit_currency(stream, change.fields, where), **whole})
        record_id = whole_id(change.id or "")
        if record_id is None:
            raise Refused(where, f"{change.id!r} is not a Salesforce id", "correct the binding")
        fields = self._fit_currency(stream, change.fields, where)
        if change.verb in ("withdraw", "reopen"):
            fields = self._activity(stream, change, where)
        return Change(change.verb, change.key, fields, change.lines, record_id, change.expects, change.how)

    def _fit_currency(self, stream: str, fields: Fields, where: str) -> Fields:
        """Where multi-currency is off there is one currency and no field for it: another one cannot be shown."""
        code = fields.get(CURRENCY)
        if code is None or self._describer.shape(stream).own_currency:
            return fields
        only = self._describer.currency()
        if code != only:
            raise Refused(
                where, f"it is in {code}, and the organisation knows only {only}", "activate multiple currencies"
            )
        return {name: value for name, value in fields.items() if name != CURRENCY}

    def _activity(self, stream: str, change: Change, where: str) -> Fields:
        flag = _ACTIVE.get(stream)
        if flag is None or change.how == "cancel":
            raise Refused(
                where, f"Salesforce has no {'cancelling' if change.how == 'cancel' else 'deactivating'} of {stream}",
                "do it by hand in Salesforce, then dismiss this item",
            )  # fmt: skip
        return {**change.fields, flag: change.verb == "reopen"}

    def _check_versions(self, stream: str, changes: dict[int, Change]) -> dict[int, Answer]:
        """``moved`` for every record that is newer than expected, asked right before writing."""
        expecting = {place: one for place, one in changes.items() if one.id and one.expects}
        if not expecting:
            return {}
        shape = self._describer.shape(stream)
        columns = ["Id", shape.stamp] + (["IsDeleted"] if shape.has_deleted else [])
        ids = sorted({str(one.id) for one in expecting.values()})
        rows: dict[str, Row] = {}
        for start in range(0, len(ids), IDS):
            soql = select(columns, stream, f"Id IN {id_list(ids[start : start + IDS])}")
            rows |= {row["Id"]: row for row in self._rest.query_all(soql, "high")}
        found = {place: self._compare(one, rows.get(str(one.id)), shape.stamp) for place, one in expecting.items()}
        return {place: answer for place, answer in found.items() if answer}

    def _compare(self, change: Change, row: Row | None, stamp: str) -> Answer | None:
        where = f"{self._rest.where} {change.id}"
        if row is None or row.get("IsDeleted") is True:
            code = "ENTITY_IS_DELETED" if row else "NOT_FOUND"
            return _refused(
                change, row_fault(where, {"statusCode": code, "message": "the record is not there any more"})
            )
        version = version_of(row[stamp])
        if version > str(change.expects):
            fault = Fault(where, "it was changed in Salesforce meanwhile", "it is planned once more")
            return Answer(change.key, "moved", change.id, version, fault=fault)
        return None

    def _update(self, stream: str, changes: dict[int, Change]) -> dict[int, Answer]:
        rows = [_row(stream, {"id": one.id, **_without_id(one.fields)}) for one in changes.values()]
        told = self._send_rows("composite/sobjects", rows)
        return {
            place: self._answer(stream, change, one) for (place, change), one in zip(changes.items(), told, strict=True)
        }

    def _create(self, stream: str, changes: dict[int, Change]) -> dict[int, Answer]:
        """Upserts on our key: of two calls at once, one creates and the other finds."""
        field = self._searcher.key_field(stream, "creating records")
        rows = [_row(stream, {**_without_id(one.fields), field: one.key}) for one in changes.values()]
        told = self._send_rows(f"composite/sobjects/{stream}/{field}", rows)
        return {
            place: self._answer(stream, change, one) for (place, change), one in zip(changes.items(), told, strict=True)
        }

    def _answer(self, stream: str, change: Change, told: Told) -> Answer:
        where = f"{self._rest.where} {stream} {change.id or change.key}"
        if told.get("success") is True:
            result = _DONE.get(change.verb, "updated")
            return Answer(change.key, result, whole_id(str(told.get("id") or "")) or change.id)
        if told.get("success") is None:
            fault = Fault(where, "Salesforce gave no answer for this record", "it is asked again by its key")
            return Answer(change.key, "in_doubt", change.id, fault=fault)
        return Answer(
            change.key, "refused", change.id, fault=_fault(where, told), busy=kind_of(_first(told)) == "again"
        )

    def _send_rows(self, path: str, rows: list[Row]) -> list[Told]:
        """One answer per row, in order. Locked rows, and the loser of a race for a new key, are sent again."""
        told: list[Told] = [{} for _ in rows]
        open_places = list(range(len(rows)))
        upsert = path != "composite/sobjects"
        for attempt in range(TRIES):
            if attempt:
                self._rest.pause(attempt)
            sent = [rows[place] for place in open_places]
            for place, one in zip(open_places, self._send_once(path, sent), strict=True):
                told[place] = one
            open_places = [place for place in open_places if _once_more(told[place], attempt, upsert)]
            if not open_places:
                break
        return told

    def _send_once(self, path: str, rows: list[Row]) -> list[Told]:
        """The server's answers matched to our rows: by place, and by id where it names one; others are empty.

        A value that it cannot read spoils the whole request: it is halved, until the record is found.
        """
        value = {"allOrNone": False, "records": rows}
        try:
            answers = self._rest.send("PATCH", path, value, repeatable=True, priority="high").value
        except Unread as no:
            if len(rows) == 1:
                return [{"success": False, "fault": no.fault}]
            middle = len(rows) // 2
            return [*self._send_once(path, rows[:middle]), *self._send_once(path, rows[middle:])]
        told = [one for one in answers if isinstance(one, dict)] if isinstance(answers, list) else []
        by_id = {whole_id(str(one.get("id"))): one for one in told if one.get("success") is True and one.get("id")}
        if len(told) != len(rows):
            return [by_id.get(row.get("id"), {}) for row in rows]
        return [_same(row, one, by_id) for row, one in zip(rows, told, strict=True)]


def _batches(changes: list[tuple[int, Change]]) -> Iterator[list[tuple[int, Change]]]:
    """At most 200 at once, and no record twice in one request."""
    part: list[tuple[int, Change]] = []
    seen: set[str] = set()
    for place, change in changes:
        name = whole_id(change.id or "") or change.key
        if len(part) == ROWS or name in seen:
            yield part
            part, seen = [], set()
        part.append((place, change))
        seen.add(name)
    if part:
        yield part


def _same(row: Row, told: Told, by_id: dict[str | None, Told]) -> Told:
    """The answer at the row's place, unless it names another record than the row does."""
    mine = row.get("id")
    if mine is None or told.get("success") is not True or whole_id(str(told.get("id"))) == mine:
        return told
    return by_id.get(mine, {})


def _once_more(told: Told, attempt: int, upsert: bool) -> bool:
    if told.get("success") is not False:
        return False
    kind = kind_of(_first(told))
    return kind == "again" or (kind == "duplicate" and upsert and attempt == 0)


def _row(stream: str, fields: Fields) -> Row:
    return {"attributes": {"type": stream}, **fields}


def _without_id(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if name.lower() not in ("id", "attributes")}


def _fault(where: str, told: Told) -> Fault:
    """Why a row was refused: by itself, or because the request could not be read for it."""
    whole = told.get("fault")
    return Fault(where, whole.what, whole.remedy) if isinstance(whole, Fault) else row_fault(where, _first(told))


def _first(told: Told) -> dict[str, Any]:
    errors = told.get("errors")
    return errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}


def _refused(change: Change, fault: Fault) -> Answer:
    return Answer(change.key, "refused", change.id, fault=fault)


def _cut(text: str | None, length: int | None) -> str | None:
    """Salesforce counts UTF-16 units: an emoji is two."""
    units = (text or "").encode("utf-16-le", "surrogatepass")
    if text is None or length is None or len(units) <= 2 * length:
        return text
    return units[: 2 * (length - 1)].decode("utf-16-le", "ignore") + "…"
