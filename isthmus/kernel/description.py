"""How a system describes its own streams: what `isthmus check` and the preflight compare mappings with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

FieldType = Literal["text", "number", "boolean", "date", "datetime", "picklist", "reference", "id", "other"]


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """One field as the system, and the rights of our user, show it. A hidden field is not described at all."""

    name: str
    type: FieldType
    length: int | None = None
    decimals: int | None = None
    required: bool = False
    creatable: bool = True
    updatable: bool = True
    unique: bool = False
    external_id: bool = False
    values: tuple[str, ...] = ()  # of a picklist, active ones
    restricted: bool = False  # values outside the list are refused
    refers_to: tuple[str, ...] = ()
    relationship: str | None = None  # `Owner` for `OwnerId`: how a dotted path begins


@dataclass(frozen=True, slots=True)
class StreamDescription:
    """One stream with its fields by name."""

    stream: str
    fields: dict[str, FieldDescription] = field(default_factory=dict)
    label: str = ""
