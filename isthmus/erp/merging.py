"""Two customers become one: what is open, ordered and booked for the one counts to the other from then on.

Nothing posted is touched: invoices, payments and postings keep their customer, and `Merger` says to whom it counts.
Orders and quotes are not posted and go over, so that what is invoiced next is the other's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, insert, select, update

from isthmus.db import update_rows
from isthmus.erp.changes import log_changes
from isthmus.erp.clerk import confirmed, record
from isthmus.erp.credit import family_of, lock_customers, log_standings
from isthmus.erp.desk import Desk
from isthmus.erp.external_keys import external_key
from isthmus.erp.parties import CreditTerm, Merger
from isthmus.erp.records import Row
from isthmus.erp.release import release
from isthmus.erp.streams import STREAMS
from isthmus.kernel.errors import Refused

#: What is told of the customer that goes and follows it, with the column that names it.
_FOLLOWING = (("order", "customer_id"), ("quote", "customer_id"), ("customer", "parent_id"))


@dataclass(frozen=True, slots=True)
class Merged:
    """Which customer stays, which one went, and which orders the merger released."""

    stays: str
    goes: str
    released: tuple[str, ...]


def merge(desk: Desk, stays: str, goes: str) -> Merged:
    """Merges one customer into another, which keeps its own terms and limit. A hold by hand goes over with its reason.

    Said again, it changes nothing. Raises Refused for customers that are not there, and where it went the other way.
    """
    kept, gone = _lock(desk, stays, goes)
    if kept["id"] == gone["id"]:
        return Merged(kept["number"], goes, ())
    before = family_of(desk.connection, [kept["id"], gone["id"]])
    row = {"customer_id": gone["id"], "into_id": kept["id"], "merged_on": desk.day, "merged_by": desk.by}
    desk.connection.execute(update(Merger).where(Merger.into_id == gone["id"]).values(into_id=kept["id"]))
    desk.connection.execute(insert(Merger), row)
    known = (external_key.c.stream == "customer", external_key.c.record_id == gone["id"])
    alias = update(external_key).where(*known, external_key.c.status != "buried")
    desk.connection.execute(alias.values(status="alias", record_id=kept["id"]))
    for stream, column in _FOLLOWING:
        table = STREAMS[stream].table
        theirs = select(table.c.id).where(table.c[column] == gone["id"]).order_by(table.c.id)
        ids = [one for one in desk.connection.execute(theirs).scalars() if (stream, one) != ("customer", kept["id"])]
        _set(desk, stream, ids, **{column: kept["id"]})
    _set(desk, "customer", [gone["id"]], active=False)
    _carry_hold(desk, kept, gone)
    log_standings(desk, before)
    return Merged(kept["number"], gone["number"], confirmed(desk, release(desk, before)))


def _lock(desk: Desk, stays: str, goes: str) -> tuple[Row, Row]:
    kept, gone = record(desk, "customer", stays), record(desk, "customer", goes)
    lock_customers(desk.connection, [kept["id"], gone["id"]])
    kept, gone = record(desk, "customer", str(kept["id"])), record(desk, "customer", str(gone["id"]))
    if stays.strip().upper() not in (str(kept["id"]), kept["number"]):
        raise Refused(f"customer {stays}", f"was merged into {kept['number']}", "name that one")
    return kept, gone


def _set(desk: Desk, stream: str, ids: Sequence[int], **values: Any) -> None:
    """Writes the same values to records, each under a new version."""
    versions = log_changes(desk.connection, stream, ids, at=desk.at, by=desk.by)
    rows = [(*values.values(), version, desk.by, one) for one, version in zip(ids, versions, strict=True)]
    update_rows(desk.connection, STREAMS[stream].table, (*values, "version", "changed_by"), key="id", rows=rows)


def _carry_hold(desk: Desk, kept: Row, gone: Row) -> None:
    """The customer that goes shares no limit any more; what held it by hand holds the one that stays."""
    column = cast(Table, CreditTerm.__table__).c
    query = select(CreditTerm.__table__).where(column.customer_id.in_([kept["id"], gone["id"]]))
    terms = {row["customer_id"]: dict(row) for row in desk.connection.execute(query).mappings()}
    left, own = terms.get(gone["id"]), terms.get(kept["id"])
    if left is None:
        return
    of_gone = update(CreditTerm).where(CreditTerm.customer_id == gone["id"])
    desk.connection.execute(of_gone.values(shares_parent_limit=False))
    if not left["held"] or (own and own["held"]):
        return
    held = {name: left[name] for name in ("held", "held_why", "held_by", "held_on")}
    if own:
        desk.connection.execute(update(CreditTerm).where(CreditTerm.customer_id == kept["id"]).values(held))
    else:
        fresh = {"customer_id": kept["id"], "currency": kept["currency"], "shares_parent_limit": False}
        desk.connection.execute(insert(CreditTerm), {**fresh, **held})
