"""What happens when the database says no to a page: those at fault are found, the others written."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from isthmus.db import explain
from isthmus.erp.intake.checks import faults_of
from isthmus.erp.intake.keys import settle_keys
from isthmus.erp.intake.page import Item, Page
from isthmus.kernel.errors import Fault

#: What says that a record, and not the database, is at fault.
_REFUSALS = (IntegrityError, DataError, psycopg.IntegrityError, psycopg.DataError)
#: …or that a value has a type that only a look at each record can name.
_CONFUSIONS = (
    *(*_REFUSALS, DBAPIError, psycopg.ProgrammingError),
    *(OverflowError, TypeError, AttributeError, ValueError, KeyError),
)


def attempt(page: Page, items: list[Item], write: Callable[[Page, list[Item]], None]) -> None:
    """Writes items under a savepoint. If the database refuses, those at fault are found and the others written."""
    if not items:
        return
    try:
        _under_savepoint(page, items, write)
    except _CONFUSIONS as error:
        if explain(error):  # the database itself cannot go on; it may have given up the whole transaction
            raise
        _find_refused(page, items, write=write, cause=error)


def _find_refused(
    page: Page, items: list[Item], *, write: Callable[[Page, list[Item]], None], cause: Exception
) -> None:
    for item in items:
        for fault in faults_of(page.stream, item.change)[:1]:
            page.refuse(item, fault)
    settle_keys(page, [item for item in page.left(items) if item.change.verb == "create"])
    sound = page.left(items)
    if len(sound) < len(items):
        attempt(page, sound, write)
        return
    if not isinstance(cause, _REFUSALS):
        raise cause
    if len(items) == 1:
        page.refuse(items[0], Fault(page.stream.name, _words(cause), "correct the record"))
        return
    half = len(items) // 2
    attempt(page, items[:half], write)
    attempt(page, items[half:], write)


def _under_savepoint(page: Page, items: list[Item], write: Callable[[Page, list[Item]], None]) -> None:
    answers = dict(page.answers)
    try:
        with page.desk.connection.begin_nested():
            write(page, items)
    except BaseException:
        page.answers = answers
        raise


def _words(error: BaseException) -> str:
    """The database's reason without the values that it may quote."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, psycopg.Error):
        if cause.diag.constraint_name:
            return f"the database refuses it: {cause.diag.constraint_name}"
        return f"the database refuses it: {cause.diag.message_primary}"
    return f"the database refuses it: {cause}"
