"""Verifies a mapping's hash chain: no page or audit entry was changed, taken away, put in or put elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, or_, select

from isthmus.db import among
from isthmus.state.runs import FIRST_LINK, digest_of, link_of
from isthmus.state.tables import audit, page, run

_FACTS = (
    page.c.run_id, run.c.who, run.c.mapping_hash, page.c.mapping, page.c.side, page.c.number, page.c.read,
    page.c.outcomes, page.c.answered, page.c.complete_to, page.c.committed_at,
)  # fmt: skip
_TOLD = ("entity", "side", "source_id", "target_id", "outcome", "version")


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain is broken first: the page's number and, if one is to blame, the audit entry."""

    page: int
    what: str
    entry: int | None = None


def verify_chain(connection: Connection, mapping: str) -> Break | None:
    """Recomputes every link of a mapping from the stored rows; None when all of it holds.

    Cutting off the newest pages is noticed only if a run that ended with them is still remembered, or its report
    was kept elsewhere: a task's log shows it.
    """
    previous, number = FIRST_LINK, 0
    links = {FIRST_LINK}
    for one, entries in _pages(connection, mapping):
        number += 1
        if broken := _check_page(one, entries, previous=previous, number=number):
            return broken
        previous = one.link
        links.add(previous)
    return _check_heads(connection, mapping, links=links, number=number)


def head(connection: Connection, mapping: str) -> str:
    """The newest link of a mapping."""
    query = select(page.c.link).where(page.c.mapping == mapping).order_by(page.c.number.desc()).limit(1)
    return str(connection.execute(query).scalar() or FIRST_LINK)


def erase(connection: Connection, entity: str, ids: Sequence[str]) -> int:
    """Erases what was read and written of these records (either side's ids); that it happened stays and verifies.

    Returns how many entries were emptied.
    """
    theirs = or_(among(connection, audit.c.source_id, ids), among(connection, audit.c.target_id, ids))
    filled = (audit.c.entity == entity, audit.c.payload.is_not(None), theirs)
    return connection.execute(audit.update().where(*filled).values(payload=None, salt=None)).rowcount


def _pages(connection: Connection, mapping: str) -> Iterator[tuple[Any, list[Any]]]:
    """Each page with its entries, in order; both are read side by side."""
    pages = select(page.c.id, page.c.previous, page.c.link, *_FACTS).join(run, run.c.id == page.c.run_id, isouter=True)
    pages = pages.where(page.c.mapping == mapping).order_by(page.c.number)
    entries = select(audit, page.c.number).join(page, page.c.id == audit.c.page_id)
    entries = entries.where(page.c.mapping == mapping).order_by(page.c.number, audit.c.id)
    groups = groupby(connection.execute(entries), key=lambda row: row.number)
    waiting = next(groups, None)
    for one in connection.execute(pages):
        mine: list[Any] = []
        if waiting is not None and waiting[0] == one.number:
            mine = list(waiting[1])
            waiting = next(groups, None)
        yield one, mine


def _check_page(one: Any, entries: Sequence[Any], *, previous: str, number: int) -> Break | None:
    if one.number != number:
        return Break(number, f"page {number} is missing")
    if one.previous != previous:
        return Break(number, f"page {number} does not follow the page before it")
    for entry in entries:
        if entry.payload is not None and digest_of(entry.salt or b"", entry.payload.encode()) != bytes(entry.digest):
            what = f"the entry of {entry.entity} {entry.source_id} on page {number} was changed"
            return Break(number, what, entry.id)
    facts = [getattr(one, column.name) for column in _FACTS]
    told = [[getattr(entry, name) for name in _TOLD] for entry in entries]
    if link_of(previous, facts, told, digests=[bytes(entry.digest) for entry in entries]) != one.link:
        return Break(number, f"page {number} or its entries were changed, taken away or added to")
    return None


def _check_heads(connection: Connection, mapping: str, *, links: set[str], number: int) -> Break | None:
    query = select(run.c.id, run.c.report).where(run.c.mapping == mapping, run.c.report.is_not(None))
    for run_id, report in connection.execute(query.order_by(run.c.id)):
        ended = json.loads(report).get("chain")
        if ended is not None and ended not in links:
            return Break(number + 1, f"run {run_id} ended with a page that is not there any more")
    return None
