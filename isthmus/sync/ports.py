"""What a run is given from outside: the systems, the store, the clock and the limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine

from isthmus.connect.protocol import Connector
from isthmus.kernel.clock import Clock, format_stamp
from isthmus.mapping.compile import CompiledMapping
from isthmus.settings import Limits
from isthmus.state.bindings import Side, Stream, other
from isthmus.sync.decision import Direction


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
