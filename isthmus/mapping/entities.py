"""What an entity consists of, read from its JSON Schema, and where the schemas are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from isthmus.kernel.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class EntityField:
    """One field of an entity. ``type`` is what a row must say with ``as``."""

    path: str
    type: str
    required: bool
    values: tuple[str, ...]
    refers_to: str | None
    read_only: bool  # given by the system that owns it, never by us
    length: int | None


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity: its fields by path (``bill_to.country``), those of its lines apart."""

    name: str
    schema: dict[str, Any]
    fields: dict[str, EntityField] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    open_groups: tuple[str, ...] = ()  # take rows of any name: fields of the company's own
    lines: dict[str, EntityField] | None = None


@cache
def schemas_folder() -> Path:
    """The folder with the entities' schemas: in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "schemas"
    return inside if inside.is_dir() else package.parent / "schemas"


def entity_names(folder: Path) -> tuple[str, ...]:
    """The entities that have a schema."""
    return tuple(sorted(path.stem for path in folder.glob("*.json") if path.stem != "mapping"))


@cache
def load_entity(name: str, folder: Path) -> Entity:
    """An entity by name. Raises Misconfigured when its schema is not there or not JSON."""
    path = folder / f"{name}.json"
    try:
        schema = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        what = f"the schema of '{name}' cannot be read ({type(error).__name__})"
        raise Misconfigured(str(path), what, "restore the file from the release") from None
    properties = schema["properties"]
    required = frozenset(schema.get("required", ()))
    header = {name: one for name, one in properties.items() if name != "lines"}
    lines = properties.get("lines")
    return Entity(
        name,
        schema,
        dict(_fields(header, required, "")),
        tuple(name for name, one in header.items() if "properties" in one or "x-open" in one),
        tuple(name for name, one in header.items() if "x-open" in one),
        _line_fields(lines["items"]) if lines else None,
    )


def _line_fields(items: dict[str, Any]) -> dict[str, EntityField]:
    properties = {name: one for name, one in items["properties"].items() if name != "key"}
    return dict(_fields(properties, frozenset(items.get("required", ())), ""))


def _fields(properties: dict[str, Any], required: frozenset[str], prefix: str) -> Iterator[tuple[str, EntityField]]:
    for name, one in properties.items():
        path = f"{prefix}{name}"
        if "x-open" in one:
            continue
        if "properties" in one:
            yield from _fields(one["properties"], frozenset(one.get("required", ())), f"{path}.")
            continue
        yield (
            path,
            EntityField(
                path=path,
                type=one.get("x-as", "text"),
                required=name in required,
                values=tuple(value for value in one.get("enum", ()) if value is not None),
                refers_to=one.get("x-refers-to"),
                read_only=bool(one.get("readOnly", False)),
                length=one.get("maxLength"),
            ),
        )
