"""Every record that is not through, and what its owner should read on it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, Row, Select, bindparam, delete, func, select

from isthmus.db import among, insert_rows, update_rows
from isthmus.kernel.errors import Fault
from isthmus.state.bindings import Lane
from isthmus.state.tables import note, worklist

NUMBERS_END = 2**63  # no database counts further

Reason = Literal["invalid", "waiting", "refused", "ambiguous", "conflict", "in_doubt", "held"]


@dataclass(slots=True)
class Item:
    """One record of one direction that is not through, or (``held``) is shown because the ERP holds it.

    ``version`` is the hash of what the record showed: its stamp moves with our own notes.
    """

    source_id: str
    reason: Reason
    fault: Fault
    version: str
    waits_for: str | None = None  # "customer 001…": entity and id on the side that was read
    detail: str | None = None  # conflict: the values; ambiguous: the candidates; waiting: what else it waits for
    id: int | None = None
    since: str = ""
    seen: str = ""
    attempts: int = 0
    dismissed_by: str | None = None
    dismissed_why: str | None = None
    mapping: str = ""
    side: str = ""


_ORDER = (
    "source_id", "reason", "where", "what", "remedy", "version", "waits_for", "detail",
    "since", "seen", "attempts", "dismissed_by", "dismissed_why",
)  # fmt: skip


def _values(item: Item) -> tuple[object, ...]:
    fault = item.fault
    return (
        item.source_id, item.reason, fault.where, fault.what, fault.remedy, item.version, item.waits_for, item.detail,
        item.since, item.seen, item.attempts, item.dismissed_by, item.dismissed_why,
    )  # fmt: skip


def _item(row: Row[tuple[object, ...]]) -> Item:
    values = dict(zip(worklist.c.keys(), row, strict=True))
    fault = Fault(*(str(values.pop(name)) for name in ("where", "what", "remedy")))
    return Item(fault=fault, **values)  # type: ignore[arg-type]


def load(connection: Connection, lane: Lane, ids: Sequence[str]) -> dict[str, Item]:
    """The items of these records, by source id."""
    if not ids:
        return {}
    query = _of_lane().where(among(connection, worklist.c.source_id, ids))
    rows = connection.execute(query, {"of": lane.mapping, "read": lane.side})
    return {row.source_id: _item(row) for row in rows}


@cache
def _of_lane() -> Select[Any]:
    return select(worklist).where(worklist.c.mapping == bindparam("of"), worklist.c.side == bindparam("read"))


def ids(connection: Connection, lane: Lane) -> list[str]:
    """The source ids of everything that one way has listed."""
    query = select(worklist.c.source_id).where(worklist.c.mapping == lane.mapping, worklist.c.side == lane.side)
    return list(connection.execute(query).scalars())


def load_all(connection: Connection, mapping: str | None = None) -> list[Item]:
    """Everything that is open, oldest first."""
    query = select(worklist).order_by(worklist.c.since, worklist.c.id)
    if mapping:
        query = query.where(worklist.c.mapping == mapping)
    return [_item(row) for row in connection.execute(query)]


def find(connection: Connection, number: int) -> Item | None:
    row = connection.execute(select(worklist).where(worklist.c.id == number)).first() if number < NUMBERS_END else None
    return _item(row) if row else None


def put(connection: Connection, lane: Lane, items: Sequence[Item], *, now: str) -> None:
    """Adds or renews items. One that was dismissed stays so while its record shows the same and has the same fault.

    A question that is asked about other values gets a number of its own: nobody answers what they have not seen.
    """
    if not items:
        return
    known = load(connection, lane, [item.source_id for item in items])
    fresh, again, outdated = [], [], []
    for item in items:
        before = known.get(item.source_id)
        item.since, item.seen, item.attempts = (before.since, now, before.attempts + 1) if before else (now, now, 1)
        if before is None:
            fresh.append((lane.mapping, lane.side, *_values(item)))
            continue
        is_asked = item.detail is not None and item.reason != "waiting"
        if is_asked and not asks_the_same(item, before):
            outdated.append(item.source_id)
            fresh.append((lane.mapping, lane.side, *_values(item)))
            continue
        item.detail = before.detail if is_asked else item.detail
        if before.dismissed_by and (before.version, before.fault) == (item.version, item.fault):
            item.dismissed_by, item.dismissed_why = before.dismissed_by, before.dismissed_why
        again.append((*_values(item), before.id))
    remove(connection, lane, outdated)
    insert_rows(connection, worklist, ("mapping", "side", *_ORDER), rows=fresh)
    update_rows(connection, worklist, _ORDER, key="id", rows=again)


def asks_the_same(one: Item, other: Item) -> bool:
    """Whether two items ask about the same values. Who edited does not count: our own note covers their names."""
    if one.detail is None or other.detail is None or one.detail == other.detail:
        return one.detail == other.detail
    first, second = ({**orjson.loads(detail), "edits": None} for detail in (one.detail, other.detail))
    return first == second


def remove(connection: Connection, lane: Lane, ids: Sequence[str]) -> None:
    """These records are through."""
    if ids:
        at = (worklist.c.mapping == lane.mapping, worklist.c.side == lane.side)
        connection.execute(delete(worklist).where(*at, among(connection, worklist.c.source_id, ids)))


def dismiss(connection: Connection, number: int, *, who: str, why: str) -> None:
    connection.execute(worklist.update().where(worklist.c.id == number).values(dismissed_by=who, dismissed_why=why))


def waiting_for(
    connection: Connection, targets: Iterable[str], *, reasons: Collection[Reason] = ()
) -> list[tuple[Lane, str]]:
    """Lane and source id of the items, for these reasons or any, that wait for one of ``entity id``."""
    items = select(worklist.c.mapping, worklist.c.side, worklist.c.source_id).where(worklist.c.waits_for.is_not(None))
    if reasons:
        items = items.where(worklist.c.reason.in_(reasons))
    if connection.execute(items.limit(1)).first() is None:  # a first load binds by the thousand, and nobody waits
        return []
    query = items.where(among(connection, worklist.c.waits_for, list(dict.fromkeys(targets))))
    return [(Lane(row[0], row[1]), row[2]) for row in connection.execute(query)]


def waiting(connection: Connection, lane: Lane) -> list[tuple[str, str, str]]:
    """Who waits in one lane: its source id, and the entity and id of each record that it waits for."""
    at = (worklist.c.mapping == lane.mapping, worklist.c.side == lane.side, worklist.c.reason == "waiting")
    columns = (worklist.c.source_id, worklist.c.waits_for, worklist.c.detail)
    query = select(*columns).where(*at, worklist.c.waits_for.is_not(None))
    found = []
    for key, first, detail in connection.execute(query):
        others = orjson.loads(detail).get("also", ()) if detail else ()
        found += [(key, *one.split(" ", 1)) for one in (first, *others)]
    return found


def merges(connection: Connection, lane: Lane) -> dict[str, str]:
    """Merges of which a person has yet to say which record of the other side stays: who was merged → into whom."""
    at = (worklist.c.mapping == lane.mapping, worklist.c.side == lane.side, worklist.c.reason == "ambiguous")
    query = select(worklist.c.source_id, worklist.c.detail).where(*at, worklist.c.detail.is_not(None))
    asked = ((key, orjson.loads(detail)) for key, detail in connection.execute(query))
    return {key: told["winner"] for key, told in asked if "winner" in told}


def refused(connection: Connection, mappings: Sequence[str]) -> list[tuple[Lane, str]]:
    """Lane and source id of what the target of any of these mappings refused."""
    query = select(worklist.c.mapping, worklist.c.side, worklist.c.source_id)
    query = query.where(worklist.c.mapping.in_(mappings), worklist.c.reason == "refused")
    return [(Lane(row[0], row[1]), row[2]) for row in connection.execute(query)]


def awaited(connection: Connection, side: str, targets: Sequence[str]) -> list[tuple[str, str]]:
    """Which of these ``entity id`` of one side are waited for, and by which mapping."""
    query = select(worklist.c.mapping, worklist.c.waits_for).distinct()
    query = query.where(worklist.c.side == side, among(connection, worklist.c.waits_for, targets))
    return [(row[0], row[1]) for row in connection.execute(query)]


def count(connection: Connection) -> dict[tuple[str, str], int]:
    """(mapping, reason) → open items that nobody dismissed."""
    query = select(worklist.c.mapping, worklist.c.reason, func.count()).where(worklist.c.dismissed_by.is_(None))
    query = query.group_by(worklist.c.mapping, worklist.c.reason)
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def want_notes(connection: Connection, mapping: str, notes: Iterable[tuple[str, str, str | None]]) -> None:
    """(id, status, message): what the records should show from now on."""
    wanted = {key: (status, message) for key, status, message in notes}
    if not wanted:
        return
    query = select(note.c.id, note.c.status, note.c.message).where(note.c.mapping == mapping)
    known = {
        row[0]: (row[1], row[2]) for row in connection.execute(query.where(among(connection, note.c.id, list(wanted))))
    }
    fresh = [
        {"mapping": mapping, "id": key, "status": status, "message": message, "shown": False}
        for key, (status, message) in wanted.items()
        if key not in known
    ]
    changed = [
        {"b_id": key, "b_status": status, "b_message": message}
        for key, (status, message) in wanted.items()
        if key in known and known[key] != (status, message)
    ]
    if fresh:
        connection.execute(note.insert(), fresh)
    if changed:
        at = (note.c.mapping == mapping, note.c.id == bindparam("b_id"))
        new = {"status": bindparam("b_status"), "message": bindparam("b_message"), "shown": False}
        connection.execute(note.update().where(*at).values(new), changed)


def noted(connection: Connection, mapping: str, ids: Sequence[str]) -> set[str]:
    """Which of these records show, or are about to show, that they are not through."""
    if not ids:
        return set()
    query = select(note.c.id).where(note.c.mapping == mapping, note.c.status != "Synchronised")
    return {row[0] for row in connection.execute(query.where(among(connection, note.c.id, ids)))}


def drop_notes(connection: Connection, mapping: str, ids: Sequence[str]) -> None:
    """These records are deleted: there is nothing to show a note on. What they show if they come back is not known."""
    if ids:
        at = (note.c.mapping == mapping, among(connection, note.c.id, ids))
        connection.execute(note.update().where(*at).values(status="", message=None, shown=True))


def untold_notes(connection: Connection, mapping: str, most: int) -> list[tuple[str, str, str | None]]:
    """Notes that the records do not show yet."""
    return [tuple(row) for row in connection.execute(_untold(), {"of": mapping, "most": most})]


@cache
def _untold() -> Select[Any]:
    query = select(note.c.id, note.c.status, note.c.message).where(note.c.mapping == bindparam("of"), ~note.c.shown)
    return query.order_by(note.c.id).limit(bindparam("most"))


def notes_shown(connection: Connection, mapping: str, told: Sequence[tuple[str, str, str | None]]) -> None:
    """Remembers that the records now show these notes (unless they are to show another by now)."""
    rows = [{"b_id": key, "b_status": status} for key, status, _ in told]
    if rows:
        at = (note.c.mapping == mapping, note.c.id == bindparam("b_id"), note.c.status == bindparam("b_status"))
        connection.execute(note.update().where(*at).values(shown=True), rows)
