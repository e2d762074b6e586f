"""Salesforce's error codes → our five errors for a whole request, and faults for one row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from typing import Any, Literal
from urllib.parse import quote

from isthmus.connect.http import Reply, Verdict
from isthmus.connect.origins import redact
from isthmus.kernel.errors import Broken, Fault, IsthmusError, Misconfigured, Moved, Refused, Unavailable

Kind = Literal["again", "data", "duplicate", "gone", "rights", "halted"]


class LocatorLost(Unavailable):
    """The server forgot where an unfinished query was: it is asked anew from the last record."""


class Unread(Refused):
    """The server could not take a request apart: of many records in it one has a value that it cannot read."""


_AGAIN = frozenset(
    """UNABLE_TO_LOCK_ROW SERVER_UNAVAILABLE UNKNOWN_EXCEPTION QUERY_TIMEOUT REQUEST_RUNNING_TOO_LONG
    REQUEST_LIMIT_EXCEEDED""".split()
)
#: Said before anything is done, or after it was rolled back.
_UNDONE = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"})
_REMEDIES: dict[str, str] = {
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "a validation rule of Salesforce refuses it; correct the record or the rule",
    "REQUIRED_FIELD_MISSING": "fill the field, or map it",
    "STRING_TOO_LONG": "shorten the value, or lengthen the field in Salesforce",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "add the value to the picklist, or to 'values' in the mapping",
    "NUMBER_OUTSIDE_VALID_RANGE": "correct the number, or widen the field in Salesforce",
    "INVALID_EMAIL_ADDRESS": "correct the e-mail address",
    "FIELD_INTEGRITY_EXCEPTION": "the value does not fit the others of the record; correct it",
    "FIELD_FILTER_VALIDATION_EXCEPTION": "a lookup filter of Salesforce refuses it; choose another record",
    "JSON_PARSER_ERROR": "the value has another type than the field; correct the mapping",
    "DUPLICATE_VALUE": "another record has this value; merge them or correct one",
    "DUPLICATES_DETECTED": "a duplicate rule found similar records; merge them, or exempt our user",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "a trigger of this organisation refuses it; ask its administrator",
    "CANNOT_EXECUTE_FLOW_TRIGGER": "a flow of this organisation refuses it; ask its administrator",
    "INVALID_CROSS_REFERENCE_KEY": "it refers to a record that is not there, or that our user may not see",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "our user may not see the record it refers to; give it access",
    "ENTITY_IS_DELETED": "restore the record from the recycle bin, or dismiss this item",
    "NOT_FOUND": "the record is not there any more; dismiss this item, or restore the record",
    "INSUFFICIENT_ACCESS_OR_READONLY": "give the integration user edit access to this record",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "a field is read-only for our user; give edit access by the permission set",
    "PROCESSING_HALTED": "correct the other part of the document that was refused",
    "STORAGE_LIMIT_EXCEEDED": "the organisation's storage is full; ask its administrator",
    "EXCEEDED_ID_LIMIT": "ask for less at once",
    "FAILED_ACTIVATION": "the order may not be activated as it is; complete it in Salesforce",
}
_KINDS: dict[str, Kind] = {
    "DUPLICATE_VALUE": "duplicate",
    "ENTITY_IS_DELETED": "gone",
    "NOT_FOUND": "gone",
    "INSUFFICIENT_ACCESS_OR_READONLY": "rights",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "rights",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "rights",
    "PROCESSING_HALTED": "halted",
}


_HIDDEN = (
    "it was deleted or renamed, or field-level security hides it from our user: assign the permission set, or correct "
    "the mapping"
)
#: What is wrong for good, told by an error code or a status.
_CAUSES: dict[str, tuple[str | int, ...]] = {
    "field": ("INVALID_FIELD", "INVALID_TYPE"),
    "Salesforce does not accept our session, even a new one": ("INVALID_SESSION_ID", 401),
    "API version {version} does not exist here": ("UNSUPPORTED_API_VERSION", "GONE", "InvalidVersion", 410),
    "our user may not do this: {said} ({code})": (403,),
}
_CAUSE_REMEDIES = dict(
    zip(
        list(_CAUSES)[1:],
        (
            "check the session settings, the IP restrictions and that the user is active",
            "correct 'version' in the connection",
            "give the right by the permission set",
        ),
        strict=True,
    )
)


def kind_of(error: Mapping[str, Any]) -> Kind:
    """What happens next with a refused row; an unknown code is a refusal, never a reason to try again."""
    code, message = code_of(error), str(error.get("message", ""))
    if code in _AGAIN or "UNABLE_TO_LOCK_ROW" in message:
        return "again"
    return _KINDS.get(code, "data")


def code_of(error: Mapping[str, Any]) -> str:
    """A row of a collection calls it ``statusCode``, everything else ``errorCode``."""
    return str(error.get("statusCode") or error.get("errorCode") or "UNKNOWN")


def row_fault(where: str, error: Mapping[str, Any]) -> Fault:
    """One refused row in the user's words: field, Salesforce's own sentence, and what to do."""
    code = code_of(error)
    remedy = _REMEDIES.get(code, "correct the record in Salesforce, or the mapping")
    if kind_of(error) == "again":
        failed = code in _AGAIN and code != "UNABLE_TO_LOCK_ROW"
        why = "Salesforce itself failed" if failed else "somebody else is at work on it"
        remedy = f"{why}; nothing to do: the next run tries it again"
    names = ", ".join(map(str, error.get("fields") or ()))
    what = redact(f"{names + ': ' if names else ''}{error.get('message', '')} ({code})")
    return Fault(where, what, remedy)


def first_error(reply: Reply) -> Mapping[str, Any]:
    """The first error of a body, whether it is an array, an object or no JSON at all."""
    value = reply.value
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return value[0]
    if isinstance(value, dict):
        code = value.get("errorCode") or value.get("error") or value.get("exceptionCode") or "UNKNOWN"
        text = value.get("message") or value.get("error_description") or value.get("exceptionMessage") or ""
        return {"errorCode": code, "message": text}
    return {"errorCode": "UNKNOWN", "message": ""}


def judge_reply(where: str, version: str) -> Any:
    """The judge of all requests to one organisation (see :class:`isthmus.connect.http.Door`)."""

    def judge(reply: Reply) -> Verdict | None:
        if reply.status < 300:
            return None
        error = first_error(reply)
        code, said = code_of(error), redact(str(error.get("message", "")))
        if code == "REQUEST_LIMIT_EXCEEDED":
            return _quota(where, said)
        if code in _AGAIN or reply.status == 429 or reply.status >= 500:
            what = f"Salesforce answers {reply.status} {code}"
            return Verdict(Unavailable(where, what, "try again later"), again=True, undone=code in _UNDONE)
        return Verdict(_permanent(where, (reply.status, code, said), version))

    return judge


def _quota(where: str, said: str) -> Verdict:
    """One code, two meanings: the day's requests are used up (hours), or too many long ones run now (seconds)."""
    if "TotalRequests" in said:
        what = "the organisation's daily API quota is used up"
        remedy = "wait until older requests leave the 24-hour window, or raise the quota"
        return Verdict(Unavailable(where, what, remedy, retry_after_seconds=3600))
    what = "too many long requests run in the organisation"
    return Verdict(Unavailable(where, what, "try again later"), again=True, undone=True)


def _permanent(where: str, told: tuple[int, str, str], version: str) -> IsthmusError:
    status, code, said = told
    if code == "INVALID_QUERY_LOCATOR":
        return LocatorLost(where, "the place in an unfinished query is gone", "run again")
    if code == "UNKNOWN":
        return Unavailable(where, f"something that is not Salesforce answers {status}", "check address and proxy")
    if status == 412:
        return Moved(where, "the record was changed meanwhile", "it is planned once more")
    if code == "JSON_PARSER_ERROR":
        return Unread(where, f"{said} ({code})", _REMEDIES[code])
    if status == 404 or (code in _REMEDIES and status != 403):
        return Refused(where, f"{said} ({code})", _REMEDIES.get(code, "check the address in the connection"))
    cause = next((cause for cause, codes in _CAUSES.items() if code in codes or status in codes), None)
    if cause == "field":
        return Misconfigured(where, said, _HIDDEN)
    if cause:
        return Misconfigured(where, cause.format(version=version, code=code, said=said), _CAUSE_REMEDIES[cause])
    return Broken(where, f"Salesforce does not understand our request: {status} {code}: {said}", "report this")


@contextmanager
def understood(where: str) -> Iterator[None]:
    """An answer that has another shape than Salesforce documents is no answer: Unavailable instead of a traceback.

    The place in our code is told, but not the error's own words, which may quote a record.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        place = extract_tb(error.__traceback__)[-1]
        what = f"an answer is not what Salesforce documents ({type(error).__name__}, {Path(place.filename).name}:"
        raise Unavailable(where, f"{what}{place.lineno})", "run again; report it if it happens again") from None


def path_part(value: str, where: str) -> str:
    """A value inside an address; Refused for ``.`` and ``..``, which every proxy may resolve to another record."""
    if value.strip(".") == "":
        raise Refused(where, f"{value!r} cannot be an external id", "give the record another key")
    return quote(value, safe="")
