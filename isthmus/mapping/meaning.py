"""What the units of a mapping mean in both systems, and which of them an edit of the file made another thing."""

from __future__ import annotations

from typing import Any

from isthmus.kernel.records import form_hash
from isthmus.kernel.units import SIDES, Side, Unit
from isthmus.mapping.spec import MappingSpec, Row

#: Unit → side → hash of where its values stand, hash of how they are spelled there.
Meanings = dict[str, dict[str, list[str]]]


def meanings(spec: MappingSpec, time_zone: str) -> Meanings:
    """Where each unit stands in both systems, and how it is spelled there."""
    gathered: dict[str, list[Row]] = {}
    for row in spec.rows:
        gathered.setdefault(row.group or row.name, []).append(row)
    if spec.lines:
        gathered["lines"] = list(spec.lines)
    return {
        name: {side: [_hash(_places(spec, rows, side)), _hash(_spellings(rows, side, time_zone))] for side in SIDES}
        for name, rows in gathered.items()
    }


def forgotten(units: tuple[Unit, ...], before: Meanings, now: Meanings) -> frozenset[str]:
    """The units of which what was seen says nothing any more: another field is meant, or another spelling.

    What the owner alone spells in another way is compared with what it showed before, and goes over where it differs.
    """
    return frozenset(unit.name for unit in units if _is_another(unit, before.get(unit.name, {}), now[unit.name]))


def _is_another(unit: Unit, before: dict[str, list[str]], now: dict[str, list[str]]) -> bool:
    for side in SIDES:
        (place, spelling), known = now[side], before.get(side)
        if known is None or (unit.owner != side and known[0] != place):
            return True
        if unit.owner not in (side, "both") and known[1] != spelling:
            return True
    return False


def _places(spec: MappingSpec, rows: list[Row], side: Side) -> list[Any]:
    at = spec.system(side)
    found: list[Any] = [at.stream, at.lines and rows[0] in spec.lines and [at.lines.stream, at.lines.key]]
    for row in sorted(rows, key=lambda one: one.name):
        if row.two_sided and (source := row.source(side)):
            when = sorted(([one.field, one.operator, list(one.values)] for one in source.when), key=str)
            found.append([row.name, source.fields, source.formula, when, row.type, row.refers_to])
    return found


def _spellings(rows: list[Row], side: Side, time_zone: str) -> list[Any]:
    """Without the tables of values: mostly one is added, and nothing that is there is spelled otherwise by that."""
    found: list[Any] = []
    for row in sorted(rows, key=lambda one: one.name):
        if row.two_sided and (source := row.source(side)):
            calls = [[call.function, dict(call.arguments)] for call in source.via]
            found.append([row.name, calls, time_zone if row.type == "date" else None])
    return found


def _hash(meaning: list[Any]) -> str:
    return form_hash({"means": meaning}).hex()[:16]
