"""Records that somebody asks for by their ids in the CRM: what a run of only these, and its plan, has to look at."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from isthmus.db import reading
from isthmus.kernel.selection import Selection
from isthmus.mapping.compile import CompiledMapping
from isthmus.state import bindings, progress
from isthmus.sync.leg import Leg
from isthmus.sync.ports import Ports


def as_written(ports: Ports, mapping: CompiledMapping, ids: Sequence[str]) -> list[str]:
    """Ids of the CRM as it writes them: people also copy the short ones that Salesforce shows in reports."""
    shown = [record.id for record in ports.crm.fetch(mapping.selection("crm"), ids)] if ids else []
    return [key if key in shown else next((one for one in shown if one.startswith(key)), key) for key in ids]


def on_side(leg: Leg, ids: Sequence[str]) -> list[str]:
    """Their ids on the side that is read. With those that nobody knows yet goes whom they took over in a merge: its
    pair is theirs, and a second one would be made.
    """
    with reading(leg.ports.engine) as connection:
        stream = leg.ports.stream(leg.direction.mapping.entity, "crm")
        across = bindings.translate_ids(connection, stream, list(ids))
    if leg.direction.source == "erp":
        return list(across.values())
    fresh = set(ids) - across.keys()
    return [*(_lost_to(leg, fresh) if fresh else ()), *ids]


def _lost_to(leg: Leg, winners: Collection[str]) -> list[str]:
    """Who was merged into one of these since the last read."""
    with reading(leg.ports.engine) as connection:
        mark = progress.load_watermark(connection, leg.direction.lane)
    if mark is None or mark.position is None:
        return []
    own, overlap = leg.direction.mapping.selection("crm"), timedelta(minutes=leg.ports.limits.overlap_minutes)
    pages = leg.ports.crm.read(Selection(own.stream, own.fields[:1]), mark.position, overlap)
    return [record.id for page in pages for record in page.records if record.merged_into in winners]
