"""What is remembered of each mapping: its hash, who accepted or paused it, whose organisations it joins."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Update, bindparam, select

from isthmus.mapping.compile import CompiledMapping
from isthmus.mapping.meaning import forgotten
from isthmus.state.tables import mapping


@dataclass(slots=True)
class Remembered:
    """The row of one mapping. ``full_wanted`` says why the next run must read everything."""

    name: str
    entity: str
    hash: str | None = None
    accepted_hash: str | None = None
    accepted_by: str | None = None
    accepted_why: str | None = None
    accepted_at: str | None = None
    paused_by: str | None = None
    paused_why: str | None = None
    paused_at: str | None = None
    crm_org: str | None = None
    erp_org: str | None = None
    crm_print: str | None = None
    erp_print: str | None = None
    full_wanted: str | None = None
    units: str | None = None


def load(connection: Connection, name: str, entity: str) -> Remembered:
    """What is known of a mapping; an empty row for one that never ran."""
    row = connection.execute(_one(), {"of": name}).first()
    return Remembered(*row) if row else Remembered(name, entity)


def former_names(connection: Connection, now: Remembered, orgs: tuple[str, str]) -> list[str]:
    """Under which other names the entity was carried between these two organisations."""
    at = (mapping.c.entity == now.entity, mapping.c.name != now.name, mapping.c.hash.is_not(None))
    query = select(mapping.c.name).where(*at, mapping.c.crm_org == orgs[0], mapping.c.erp_org == orgs[1])
    return list(connection.execute(query).scalars())


def unknown_units(connection: Connection, now: CompiledMapping) -> frozenset[str]:
    """The units of which nothing is known, as the file has come to mean another field by them."""
    before = load(connection, now.name, now.entity).units
    return forgotten(now.units, json.loads(before), now.meanings) if before else frozenset()


@cache
def _change() -> Update:
    return mapping.update().where(mapping.c.name == bindparam("of"))


@cache
def _one() -> Select[Any]:
    return select(mapping).where(mapping.c.name == bindparam("of"))


def store(connection: Connection, name: str, entity: str, **what: str | None) -> None:
    """Changes the named columns."""
    if connection.execute(_change(), {"of": name, **what}).rowcount == 0:
        connection.execute(mapping.insert().values(name=name, entity=entity, **what))
