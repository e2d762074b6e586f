"""How far each direction is durably done, what is due, and what a page was about to write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import orjson
from sqlalchemy import Connection, Select, Update, bindparam, delete, func, select, text

from isthmus.db import among
from isthmus.state.bindings import Lane
from isthmus.state.tables import due, intent, watermark


@dataclass(frozen=True, slots=True)
class Watermark:
    """Where a direction stands: ``position`` is the connector's own text; ``resume`` is inside an unfinished read.

    ``moved_at`` is the moment by our own clock at which the source was there: all that it showed by then has been read.
    """

    position: str | None
    resume: str | None
    moved_at: str


def load_watermark(connection: Connection, lane: Lane) -> Watermark | None:
    row = connection.execute(_watermark(), {"of": lane.mapping, "read": lane.side}).first()
    return Watermark(*row) if row else None


def load_watermarks(connection: Connection, mapping: str) -> dict[str, Watermark]:
    """Where the ways of a mapping stand, by the side that is read; one that was never read is left out."""
    return {side: Watermark(*rest) for side, *rest in connection.execute(_watermarks(), {"of": mapping})}


@cache
def _watermarks() -> Select[Any]:
    query = select(watermark.c.side, watermark.c.position, watermark.c.resume, watermark.c.moved_at)
    return query.where(watermark.c.mapping == bindparam("of"))


@cache
def _watermark() -> Select[str | None, str | None, str]:
    at = (watermark.c.mapping == bindparam("of"), watermark.c.side == bindparam("read"))
    return select(watermark.c.position, watermark.c.resume, watermark.c.moved_at).where(*at)


def store_watermark(connection: Connection, lane: Lane, mark: Watermark) -> None:
    values = {"position": mark.position, "resume": mark.resume, "moved_at": mark.moved_at}
    if connection.execute(_move(), {"of": lane.mapping, "read": lane.side, **values}).rowcount == 0:
        connection.execute(watermark.insert().values(mapping=lane.mapping, side=lane.side, **values))


@cache
def _move() -> Update:
    at = (watermark.c.mapping == bindparam("of"), watermark.c.side == bindparam("read"))
    return watermark.update().where(*at)


@dataclass(frozen=True, slots=True)
class Due:
    """A record to be fetched again by id and planned by the next run of its mapping.

    ``regardless``: it is born even outside the filter. ``force``: the owner's values are written even if unchanged.
    ``resolution``: a person's answer to a conflict (JSON: unit → side).
    """

    id: str
    why: str
    since: str
    regardless: bool = False
    force: bool = False
    resolution: str | None = None


def add_due(connection: Connection, lane: Lane, items: Iterable[Due]) -> None:
    """Makes records due. One that is due already gains what is new, and the new date: who is planning it just now does
    not take it away then. Two runs may say the same at once, so each row is one statement's, in one order.
    """
    wanted = {item.id: item for item in items}
    if not wanted:
        return
    connection.execute(_DUE, [_due_row(lane, wanted[key]) for key in sorted(wanted)])


def _due_row(lane: Lane, item: Due) -> dict[str, object]:
    return {
        "mapping": lane.mapping, "side": lane.side, "id": item.id, "why": item.why, "since": item.since,
        "regardless": item.regardless, "force": item.force, "resolution": item.resolution,
    }  # fmt: skip


_DUE = text(
    "INSERT INTO state_due (mapping, side, id, why, since, regardless, force, resolution) "
    "VALUES (:mapping, :side, :id, :why, :since, :regardless, :force, :resolution) "
    "ON CONFLICT (mapping, side, id) DO UPDATE SET since = excluded.since, "
    "regardless = state_due.regardless OR excluded.regardless, force = state_due.force OR excluded.force, "
    "resolution = COALESCE(excluded.resolution, state_due.resolution)"
)


def load_due(connection: Connection, lane: Lane, ids: Sequence[str] | None = None) -> list[Due]:
    """What is due, oldest first; only these ids if some are given."""
    query = _dues()
    if ids is not None:
        query = query.where(among(connection, due.c.id, ids))
    rows = connection.execute(query, {"of": lane.mapping, "read": lane.side})
    return [Due(row[0], row[1], row[2], bool(row[3]), bool(row[4]), row[5]) for row in rows]


@cache
def _dues() -> Select[Any]:
    query = select(due.c.id, due.c.why, due.c.since, due.c.regardless, due.c.force, due.c.resolution)
    at = (due.c.mapping == bindparam("of"), due.c.side == bindparam("read"))
    return query.where(*at).order_by(due.c.since, due.c.id)


def drop_due(connection: Connection, lane: Lane, items: Iterable[Due]) -> None:
    """Takes away what has been planned, unless it became due anew or gained something meanwhile."""
    names = ("id", "since", "regardless", "force", "resolution")
    rows = [{f"b_{name}": getattr(item, name) for name in names} for item in items]
    if rows:
        at = (due.c.mapping == lane.mapping, due.c.side == lane.side)
        same = [due.c[name].is_not_distinct_from(bindparam(f"b_{name}", type_=due.c[name].type)) for name in names]
        connection.execute(delete(due).where(*at, *same), rows)


def count_due(connection: Connection) -> dict[tuple[str, str], int]:
    """(mapping, side) → how many records are due."""
    query = select(due.c.mapping, due.c.side, func.count()).group_by(due.c.mapping, due.c.side)
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


@dataclass(frozen=True, slots=True, eq=False)
class Announced:
    """One change that is about to be written.

    ``units`` are what it writes, comma separated. ``values`` has for each what the target showed before, what it shows
    once this is written, and what the source showed; of a creation only for those that both sides may change.
    """

    source_id: str
    key: str
    verb: str
    id: str | None
    units: str = ""
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    regardless: bool = False  # it was pulled: wanted even outside the filter
    over: bool = False  # it cannot land any more, and its record is planned a last time
    buried: bool = False  # its key is being buried: nobody has heard yet that it is


@dataclass(frozen=True, slots=True)
class Intent:
    """What a page was about to write to a remote system, less what was answered. ``settled``: it is planned anew."""

    id: int
    opened_at: str
    settled: bool
    entries: tuple[Announced, ...]


def open_intent(connection: Connection, scope: Mapping[str, object], entries: Sequence[Announced]) -> int:
    """Stores an intent before the call; ``scope`` gives run_id, mapping, side and opened_at."""
    values = {**scope, "body": _spell(entries)}
    return int(connection.execute(intent.insert().values(values).returning(intent.c.id)).scalar_one())


def load_intents(connection: Connection, mapping: str) -> dict[str, list[Intent]]:
    """Those that nobody heard of in full, by the side that was read, oldest first."""
    found: dict[str, list[Intent]] = {"crm": [], "erp": []}
    for side, number, opened_at, settled_at, body in connection.execute(_intents(), {"of": mapping}):
        entries = tuple(Announced(**entry) for entry in orjson.loads(body))
        found[side].append(Intent(number, opened_at, settled_at is not None, entries))
    return found


@cache
def _intents() -> Select[Any]:
    query = select(intent.c.side, intent.c.id, intent.c.opened_at, intent.c.settled_at, intent.c.body)
    return query.where(intent.c.mapping == bindparam("of")).order_by(intent.c.id)


def narrow_intent(connection: Connection, number: int, keys: Collection[str]) -> None:
    """Leaves only what nobody answered: the entries with these external keys. An intent without any is gone."""
    if not keys:
        connection.execute(delete(intent).where(intent.c.id == number))
        return
    body = connection.execute(select(intent.c.body).where(intent.c.id == number)).scalar_one()
    left = orjson.dumps([entry for entry in orjson.loads(body) if entry["key"] in keys]).decode()
    connection.execute(intent.update().where(intent.c.id == number).values(body=left))


def settle_intent(connection: Connection, number: int, entries: Sequence[Announced], *, now: str) -> None:
    """Its records are planned anew; these entries may still land. Without any it is gone."""
    if not entries:
        connection.execute(delete(intent).where(intent.c.id == number))
        return
    settled_at = func.coalesce(intent.c.settled_at, now)
    values = {"body": _spell(entries), "settled_at": settled_at}
    connection.execute(intent.update().where(intent.c.id == number).values(values))


def announce_burial(connection: Connection, intents: Iterable[Intent], keys: Collection[str]) -> None:
    """Keeps, before the call, that these keys are being buried: no record may go by them any more."""
    for one in intents:
        if any(entry.key in keys for entry in one.entries):
            entries = [replace(entry, buried=entry.buried or entry.key in keys) for entry in one.entries]
            connection.execute(intent.update().where(intent.c.id == one.id).values(body=_spell(entries)))


def forget_values(connection: Connection, mapping: str, ids: Collection[str]) -> None:
    """Takes away what unheard writes of these records, of either side, said; that they may still land stays known."""
    _rewrite(connection, mapping, lambda one: replace(one, values={}) if {one.source_id, one.id} & set(ids) else one)


def forget_units(connection: Connection, mapping: str, units: Collection[str]) -> None:
    """Takes away what unheard writes said of these: it was said of another field than is meant by now."""

    def without(one: Announced) -> Announced:
        left = [unit for unit in one.units.split(",") if unit not in units]
        values = {unit: said for unit, said in one.values.items() if unit not in units}
        return replace(one, units=",".join(left), values=values)

    _rewrite(connection, mapping, without)


def _rewrite(connection: Connection, mapping: str, change: Callable[[Announced], Announced]) -> None:
    for number, body in connection.execute(select(intent.c.id, intent.c.body).where(intent.c.mapping == mapping)).all():
        entries = [change(Announced(**entry)) for entry in orjson.loads(body)]
        connection.execute(intent.update().where(intent.c.id == number).values(body=_spell(entries)))


def _spell(entries: Sequence[Announced]) -> str:
    return orjson.dumps(list(entries)).decode()
