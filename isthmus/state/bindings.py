"""The state row of each pair, and the aliases that merges leave."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, select, text

from isthmus.db import among, insert_rows, update_rows
from isthmus.kernel.records import form_text
from isthmus.kernel.units import Side, other_side
from isthmus.state.tables import alias, binding

LAST = "~erased "  # begins the version of what is erased: sorts after every version of every system
FORGOTTEN_AT_ONCE = 5_000
SAME = ""  # stored for the ERP's form where it is the CRM's, as most are: half of a row


@dataclass(slots=True)
class Sight:
    """How one side was seen last: its id, its version, and the form that it showed (as text) with its hash.

    ``wrote`` names the units that we have written there since, comma separated: what they show next, under a newer
    version, is no edit.
    """

    org: str
    id: str
    version: str
    hash: bytes
    form: str
    wrote: str = ""

    @property
    def is_erased(self) -> bool:
        """Whether nothing that it shows is ever to be stored again."""
        return self.version.startswith(LAST)


@dataclass(slots=True)
class Binding:
    """A pair: the same customer, product, quote or order on both sides. ``id`` is None until it is stored."""

    id: int | None
    entity: str
    crm: Sight
    erp: Sight
    gone: str = ""  # "", or which side left and how: "crm outside", "crm deleted"
    regardless: bool = False

    def left(self, side: Side) -> str:
        """How a side left: ``outside`` the filter, ``deleted``, or not at all (empty)."""
        who, _, how = self.gone.partition(" ")
        return how if who == side else ""

    def seen(self, side: Side) -> Sight:
        return self.crm if side == "crm" else self.erp

    def forget(self, side: Side, record_id: str = "") -> None:
        """From now on another record is meant on this side; nothing of it was seen yet."""
        seen = self.seen(side)
        seen.id, seen.version, seen.hash, seen.form, seen.wrote = record_id, "", b"", "{}", ""

    def forget_units(self, units: Collection[str]) -> bool:
        """What both sides showed of these says nothing any more. Whether there was anything to forget."""
        had = False
        for seen in (self.crm, self.erp):
            form = orjson.loads(seen.form)
            if not form.keys().isdisjoint(units):
                kept = {name: value for name, value in form.items() if name not in units}
                seen.hash, seen.form, had = b"", form_text(kept).decode(), True
        return had


_ORDER = (
    "entity",
    "gone",
    "regardless",
    *(f"{side}_{part}" for side in ("crm", "erp") for part in ("org", "id", "version", "hash", "form", "wrote")),
)
_COLUMNS = [binding.c.id, *(binding.c[name] for name in _ORDER)]


def _values(item: Binding) -> tuple[object, ...]:
    crm, erp = item.crm, item.erp
    return (
        item.entity, item.gone, item.regardless,
        crm.org, crm.id, crm.version, crm.hash, crm.form, crm.wrote,
        erp.org, erp.id, erp.version, erp.hash, SAME if erp.form == crm.form else erp.form, erp.wrote,
    )  # fmt: skip


def _binding(row: Sequence[object]) -> Binding:
    number, entity, gone, regardless, *rest = row
    crm, erp = Sight(*rest[:6]), Sight(*rest[6:])  # type: ignore[arg-type]
    if erp.form == SAME:
        erp.form = crm.form
    return Binding(number, entity, crm, erp, gone, bool(regardless))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Lane:
    """One direction of one mapping, named by the side that is read."""

    mapping: str
    side: Side


@dataclass(frozen=True, slots=True)
class Stream:
    """Whose ids are meant: the entity, the side and that side's organisation."""

    entity: str
    side: Side
    org: str


def load(connection: Connection, stream: Stream, ids: Sequence[str]) -> dict[str, Binding]:
    """The bindings of these ids of one side, by id; an alias is found under its own id too. Each pair is one object,
    whichever of its ids are asked for: what is decided of one of them is known of the others.
    """
    if not ids:
        return {}
    query = _whole(stream.side).where(among(connection, binding.c[f"{stream.side}_id"], ids))
    found = {}
    for row in connection.execute(query, {"entity": stream.entity, "org": stream.org}):
        item = _binding(row)
        found[item.seen(stream.side).id] = item
    if stream.side == "crm" and len(found) < len(ids):
        pairs = {item.id: item for item in found.values()}
        aliases = _load_aliases(connection, stream, [key for key in ids if key not in found])
        found.update((key, pairs.setdefault(item.id, item)) for key, item in aliases.items())
    return found


@cache
def _whole(side: Side) -> Select[Any]:
    return select(*_COLUMNS).where(*_of(side))


@cache
def _of(side: Side) -> tuple[ColumnElement[bool], ...]:
    """The bindings of one entity and one organisation of a side, both named when the query runs."""
    return binding.c.entity == bindparam("entity"), binding.c[f"{side}_org"] == bindparam("org")


def _load_aliases(connection: Connection, stream: Stream, ids: Sequence[str]) -> dict[str, Binding]:
    query = (
        select(alias.c.id, *_COLUMNS)
        .join(binding, binding.c.id == alias.c.binding_id)
        .where(alias.c.entity == stream.entity, alias.c.org == stream.org, among(connection, alias.c.id, ids))
    )
    return {row[0]: _binding(row[1:]) for row in connection.execute(query)}


def translate_ids(connection: Connection, stream: Stream, ids: Sequence[str]) -> dict[str, str]:
    """The other side's id for each id that is bound or an alias: how references cross."""
    if not ids:
        return {}
    found = bound_across(connection, stream, ids)
    missing = [key for key in ids if key not in found]
    if missing:
        query = (
            select(alias.c.id, binding.c[f"{other_side(stream.side)}_id"])
            .join(binding, binding.c.id == alias.c.binding_id)
            .where(alias.c.entity == stream.entity, alias.c.org == stream.org, among(connection, alias.c.id, missing))
        )
        found.update({row[0]: row[1] for row in connection.execute(query)})
    return found


def heirs(connection: Connection, stream: Stream, ids: Sequence[str]) -> dict[str, str]:
    """Of those that were merged into another: id → the id on the same side that stands for it by now."""
    if not ids:
        return {}
    query = select(alias.c.id, binding.c[f"{stream.side}_id"]).join(binding, binding.c.id == alias.c.binding_id)
    query = query.where(alias.c.entity == stream.entity, alias.c.org == stream.org, among(connection, alias.c.id, ids))
    return {row[0]: row[1] for row in connection.execute(query)}


def bound_across(connection: Connection, stream: Stream, ids: Sequence[str]) -> dict[str, str]:
    """Which of these ids of a side are bound, and to which id of the other side (aliases do not count)."""
    if not ids:
        return {}
    query = _pairs(stream.side).where(among(connection, binding.c[f"{stream.side}_id"], ids))
    rows = connection.execute(query, {"entity": stream.entity, "org": stream.org})
    return {row[0]: row[1] for row in rows}


@cache
def _pairs(side: Side) -> Select[Any]:
    return select(binding.c[f"{side}_id"], binding.c[f"{other_side(side)}_id"]).where(*_of(side))


def insert(connection: Connection, items: Sequence[Binding]) -> None:
    """Stores new bindings and numbers them. The database refuses a second binding of either id."""
    if not items:
        return
    for number, item in zip(_take_numbers(connection, len(items)), items, strict=True):
        item.id = number
    insert_rows(connection, binding, ("id", *_ORDER), rows=((item.id, *_values(item)) for item in items))


def _take_numbers(connection: Connection, many: int) -> Iterable[int]:
    """Numbers for new rows. On SQLite the writing transaction is alone; on PostgreSQL other mappings insert too."""
    if connection.dialect.name == "postgresql":
        query = text("SELECT nextval('state_binding_id_seq') FROM generate_series(1, :many)")
        return connection.execute(query, {"many": many}).scalars()
    greatest = connection.execute(select(func.coalesce(func.max(binding.c.id), 0))).scalar_one()
    return range(greatest + 1, greatest + 1 + many)


def update(connection: Connection, items: Sequence[Binding]) -> None:
    """Stores what changed in known bindings."""
    update_rows(connection, binding, _ORDER, key="id", rows=[(*_values(item), item.id) for item in items])


def forget_units(connection: Connection, entity: str, units: Collection[str]) -> None:
    """Takes what these units showed out of all pairs of an entity, some at a time."""
    last: int | None = 0
    while last is not None:
        query = select(*_COLUMNS).where(binding.c.entity == entity, binding.c.id > last).order_by(binding.c.id)
        pairs = [_binding(row) for row in connection.execute(query.limit(FORGOTTEN_AT_ONCE))]
        update(connection, [pair for pair in pairs if pair.forget_units(units)])
        last = pairs[-1].id if pairs else None


def add_aliases(connection: Connection, stream: Stream, pairs: Iterable[tuple[str, Binding]]) -> None:
    """From now on each id stands for the record of its binding."""
    wanted = dict(pairs)
    at = (alias.c.entity == stream.entity, alias.c.org == stream.org)
    query = select(alias.c.id).where(*at, among(connection, alias.c.id, list(wanted)))
    known = set(connection.execute(query).scalars()) if wanted else set()
    named = {"entity": stream.entity, "org": stream.org}
    if fresh := [{**named, "id": key, "binding_id": item.id} for key, item in wanted.items() if key not in known]:
        connection.execute(alias.insert(), fresh)


def drop_aliases(connection: Connection, stream: Stream, ids: Sequence[str]) -> None:
    """These ids stand for nobody else from now on: they have, or get, pairs of their own."""
    at = (alias.c.entity == stream.entity, alias.c.org == stream.org)
    if ids:
        connection.execute(delete(alias).where(*at, among(connection, alias.c.id, ids)))


def count(connection: Connection, entity: str) -> int:
    """How many pairs are bound and not withdrawn."""
    query = select(func.count()).select_from(binding).where(binding.c.entity == entity, binding.c.gone == "")
    return connection.execute(query).scalar_one()


def all_ids(connection: Connection, stream: Stream) -> list[str]:
    """Every id of a side that is bound and not withdrawn: for the comparison of keys."""
    own = binding.c[f"{stream.side}_id"]
    query = select(own).where(
        binding.c.entity == stream.entity, binding.c[f"{stream.side}_org"] == stream.org, binding.c.gone == ""
    )
    return [row[0] for row in connection.execute(query)]
