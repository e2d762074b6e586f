"""What a run is given from outside: the systems, the store, the clock and the limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from isthmus.connect.protocol import Connector
from isthmus.kernel.clock import Clock, format_stamp
from isthmus.kernel.units import Side, other_side
from isthmus.mapping.compile import CompiledMapping
from isthmus.settings import Limits
from isthmus.state.bindings import Stream
from isthmus.state.leases import Lease, kept
from isthmus.sync.ahead import Ahead, read_ahead
from isthmus.sync.decision import Direction
from isthmus.sync.unheard import Unheard


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
    ahead: Ahead = read_ahead  # how pages are taken from a source
    keep: Callable[[Engine, Lease], AbstractContextManager[None]] = kept  # how a lease outlives what takes long

    def system(self, side: Side) -> Connector:
        return self.crm if side == "crm" else self.erp

    def direction(self, mapping: CompiledMapping, source: Side) -> Direction:
        target = other_side(source)
        return Direction(mapping, source, target, self.system(source).identity(), self.system(target).identity())

    def stream(self, entity: str, side: Side) -> Stream:
        return Stream(entity, side, self.system(side).identity())

    def now(self) -> str:
        return format_stamp(self.clock.now())


@dataclass(frozen=True, slots=True)
class Stage:
    """Where one page is worked on: the direction, and the connection whose transaction it is."""

    ports: Ports
    direction: Direction
    connection: Connection
    unheard: Unheard = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()  # units that were never seen, as the file means others by them now

    @property
    def source(self) -> Connector:
        return self.ports.system(self.direction.source)

    @property
    def target(self) -> Connector:
        return self.ports.system(self.direction.target)

    def stream(self, side: Side) -> Stream:
        """The ids of this mapping's entity on one side."""
        return self.ports.stream(self.direction.mapping.entity, side)
