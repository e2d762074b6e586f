"""What a run is given from outside: the systems, the store, the clock and the limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Engine

from isthmus.connect.protocol import Connector
from isthmus.kernel.clock import Clock, format_stamp
from isthmus.mapping.compile import CompiledMapping
from isthmus.state.bindings import Side, Stream, other
from isthmus.sync.decision import Direction


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run stops instead of going on (design, sections 3 and 5). Shares are of one."""

    overlap: timedelta = timedelta(minutes=10)
    refused_share: float = 0.5  # of a page with at least `refused_least` of one cause
    refused_least: int = 20
    gone_share: float = 0.02  # of a mapping's bound records, and more than `gone_least`
    gone_least: int = 20
    mapping_change_share: float = 0.05


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything with an effect, handed in by `app` (or by a simulation)."""

    engine: Engine
    crm: Connector
    erp: Connector
    clock: Clock
    mappings: Mapping[str, CompiledMapping]  # by entity, in reference order
    limits: Limits = field(default_factory=Limits)
    program: str = "isthmus"

    def system(self, side: Side) -> Connector:
        return self.crm if side == "crm" else self.erp

    def direction(self, mapping: CompiledMapping, source: Side) -> Direction:
        target = other(source)
        return Direction(mapping, source, target, self.system(source).identity(), self.system(target).identity())

    def stream(self, entity: str, side: Side) -> Stream:
        return Stream(entity, side, self.system(side).identity())

    def now(self) -> str:
        return format_stamp(self.clock.now())
