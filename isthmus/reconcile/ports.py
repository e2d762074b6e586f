"""What a tie-out is given from outside: the same things as a run, as far as it needs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sqlalchemy import Engine

from isthmus.connect.protocol import Connector
from isthmus.kernel.units import Side
from isthmus.mapping.compile import CompiledMapping
from isthmus.state.bindings import Stream


class Ports(Protocol):
    """The systems, the store and the mappings."""

    @property
    def engine(self) -> Engine: ...

    @property
    def mappings(self) -> Mapping[str, CompiledMapping]:
        """By entity, in reference order."""
        ...

    def system(self, side: Side) -> Connector: ...

    def stream(self, entity: str, side: Side) -> Stream:
        """Whose ids are meant: the entity, the side and that side's organisation."""
        ...

    def now(self) -> str: ...
