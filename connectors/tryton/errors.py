"""Tryton's answers as our five errors.

A user error has no code, only a sentence (in English, for we ask for it) and is permanent; a warning names its kind;
status 503 says that the whole call was rolled back because somebody else holds a lock.
"""

from __future__ import annotations

from typing import Any

from isthmus.connect.http import Judge, Reply, Verdict, judge_plainly
from isthmus.connect.origins import redact
from isthmus.kernel.errors import Broken, IsthmusError, Misconfigured, Moved, Refused, Unavailable

NOT_UNIQUE = "must be unique"
WRONG_STATE = "You can not call"
#: What a sentence has in it → what a person can do. The first that fits.
_REMEDIES = (
    (NOT_UNIQUE, "another record has this value; merge them, or correct one"),
    ("is not valid for party", "correct the tax number"),
    ("VAT Number", "correct the tax number"),
    ("credit limit", "collect what is open or raise the limit; then confirm the order in Tryton, or retry"),
    ("dunning", "collect what is overdue or block the dunning; then confirm the order in Tryton, or retry"),
    ("invoice address", "give the customer an address in the CRM"),
    ('"(None, 0)"', "Tryton counts this unit in whole pieces; correct the quantity, or the product's unit"),
    ("number of digits", "Tryton keeps four decimals of a price; correct the price"),
    ("A value is required", "fill it in the CRM, or map it"),
    ("does not exist", "the record it refers to is gone from Tryton; restore it or choose another"),
    ("is not valid according to its domain", "the value does not fit the others of the record; correct it"),
    ("not one of the allowed options", "correct the value in the CRM, or the mapping"),
    ("No rate found", "enter the currency's rate in Tryton, then retry"),
    ("reopen the period", "reopen the period in Tryton, or correct the date"),
    ("create a period", "create the fiscal year in Tryton, or correct the date"),
    ("must define a receivable account", "complete the accounts in Tryton's configuration, then process the order"),
    (WRONG_STATE, "the document is in another state by now; look at it in Tryton"),
    ("not allowed to modify", "the document is past being edited; change it in Tryton, or cancel it"),
    ("you must cancel it", "cancel the document in Tryton first"),
)
#: A right that our user lacks concerns every record: the run stops instead of filling the worklist.
_RIGHTS = ("You are not allowed to access", "is not allowed.", "you are not allowed to")
_CREDIT = ("credit limit", "dunning")


class Busy(Unavailable):
    """Somebody holds a lock: the call was rolled back as a whole and may be sent again."""


class Warned(Refused):
    """A warning that a person could wave through. ``kind`` is Tryton's own name of it."""

    def __init__(self, where: str, what: str, remedy: str = "", *, kind: str = "") -> None:
        super().__init__(where, what, remedy)
        self.kind = kind


class Spoilt(Refused):
    """Tryton said no to a call; in a batch nobody knows yet to which record."""


def is_credit(error: IsthmusError) -> bool:
    """Whether the refusal is the customer's credit and not a mistake."""
    if isinstance(error, Warned) and "credit_limit" in error.kind:
        return True
    return any(word in error.fault.what for word in _CREDIT)


def judge_reply(where: str) -> Judge:
    """The judge of the door: what Tryton says by status."""
    plainly = judge_plainly(where)

    def judge(reply: Reply) -> Verdict | None:
        if reply.status == 503:
            what = "Tryton could not get a lock, and rolled the call back"
            return Verdict(Busy(where, what, "try again later"))
        found = _BY_STATUS.get(reply.status)
        if found is None:
            return plainly(reply)
        error, what, remedy = found
        return Verdict(error(where, what, remedy), again=reply.status == 429)

    return judge


_BY_STATUS: dict[int, tuple[type[IsthmusError], str, str]] = {
    401: (Misconfigured, "Tryton refuses user or password", "correct the connection, and see that the user is active"),
    403: (Misconfigured, "Tryton does not offer this call", "check that the modules of docs/tryton.md are active"),
    404: (Misconfigured, "Tryton has no such database", "correct the database (schema) in the connection"),
    409: (Moved, "the record was changed in Tryton meanwhile", "it is planned once more"),
    422: (Broken, "Tryton does not understand our call", "report this"),
    429: (Unavailable, "Tryton has seen too many failed logins", "wait some minutes, and correct the password"),
}


def error_told(where: str, error: Any) -> IsthmusError:
    """The error that an answer with status 200 holds."""
    parts = error if isinstance(error, list) else [str(error)]
    kind, told = str(parts[0]), parts[1] if len(parts) > 1 else ""
    if kind == "UserError":
        return _user_error(where, told)
    if kind == "UserWarning":
        name, message = str(told[0]), redact(str(told[1]))
        return Warned(where, message, remedy_for(message), kind=name.rpartition(".")[2])
    if kind == "ConcurrencyException":
        return Moved(where, "the record was changed in Tryton meanwhile", "it is planned once more")
    if kind in ("NotLogged", "LoginException"):
        return Misconfigured(where, "Tryton refuses user or password", "correct the connection")
    what = f"Tryton does not understand our call: {redact(kind)}"
    return Broken(where, what, "check that the modules of docs/tryton.md are active; else report this")


def _user_error(where: str, told: Any) -> IsthmusError:
    message = redact(". ".join(str(one) for one in (told[:2] if isinstance(told, list) else [told]) if one))
    if any(word in message for word in _RIGHTS) and "modify the field" not in message:
        return Misconfigured(where, message, "give our user the groups that docs/tryton.md names")
    return Spoilt(where, message, remedy_for(message))


def remedy_for(message: str) -> str:
    """What a person can do about a sentence of Tryton's."""
    found = next((remedy for words, remedy in _REMEDIES if words in message), None)
    return found or "correct the record in the CRM, or the mapping; the sentence is Tryton's own"
