"""``schemas/mapping.json``: the grammar as JSON Schema, so that editors complete and explain a mapping file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from isthmus.mapping.entities import schemas_folder
from isthmus.mapping.functions import FUNCTIONS, Function
from isthmus.mapping.grammar import (
    Anything,
    Block,
    Choice,
    Either,
    Flag,
    Kind,
    ListOf,
    MapOf,
    Never,
    Plain,
    Text,
    Whole,
)
from isthmus.mapping.shape import CALL, MAPPING

Schema = dict[str, Any]


def mapping_schema() -> Schema:
    """The schema of a mapping file, JSON Schema 2020-12."""
    shared: dict[str, Schema] = {}
    top = _block(MAPPING, shared)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:isthmus:schema:mapping",
        "title": "Mapping",
        **top,
        "$defs": dict(sorted(shared.items())),
    }


def write_mapping_schema(folder: Path | None = None) -> Path:
    """Writes the generated schema where the others are; a test compares the file with what is generated."""
    path = (folder or schemas_folder()) / "mapping.json"
    path.write_text(schema_text(), "utf-8")
    return path


def schema_text() -> str:
    """The schema as the file has it."""
    return json.dumps(mapping_schema(), indent=2, ensure_ascii=False) + "\n"


def _schema(kind: Kind, shared: dict[str, Schema]) -> Schema:
    if kind is CALL:
        return _call()
    match kind:
        case Block():
            name = kind.title.replace("'", "").removeprefix("a ").removeprefix("an ").replace(" ", "_")
            if name not in shared:
                shared[name] = {}  # taken before it is filled: blocks may contain themselves
                shared[name] = _block(kind, shared)
            return {"$ref": f"#/$defs/{name}"}
        case MapOf():
            return _map(kind, shared)
        case ListOf():
            least = {"minItems": kind.least} if kind.least else {}
            return _told(kind.about, {"type": "array", **least, "items": _schema(kind.of, shared)})
        case Either():
            kinds = [_schema(one, shared) for one in kind.kinds if not isinstance(one, Never)]
            return _told(kind.about, kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
    return _scalar(kind)


def _scalar(kind: Kind) -> Schema:
    match kind:
        case Text():
            pattern = {"pattern": f"^({kind.pattern})$"} if kind.pattern else {}
            return _told(kind.about, {"type": "string", **pattern})
        case Flag():
            return _told(kind.about, {"type": "boolean"})
        case Whole():
            return _told(kind.about, {"type": "integer", "minimum": 0})
        case Choice():
            return _told(kind.about, {"enum": list(kind.options)})
        case Plain():
            return _told(kind.about, {"type": ["string", "integer", "boolean"]})
        case Anything():
            return _told(kind.about, {})
    return {"not": {}}


def _told(about: str, schema: Schema) -> Schema:
    return {"description": about, **schema} if about else schema


def _map(kind: MapOf, shared: dict[str, Schema]) -> Schema:
    names = {"propertyNames": {"pattern": f"^({kind.pattern})$"}} if kind.pattern else {}
    return _told(kind.about, {"type": "object", **names, "additionalProperties": _schema(kind.of, shared)})


def _block(kind: Block, shared: dict[str, Schema]) -> Schema:
    required = [key.name for key in kind.keys if key.required]
    schema: Schema = {
        "type": "object",
        "additionalProperties": False,
        **({"required": required} if required else {}),
        "properties": {key.name: _schema(key.kind, shared) for key in kind.keys},
    }
    return _told(kind.about, schema)


def _call() -> Schema:
    """Functions by name, each with its prose and its argument."""
    simple = [{"const": one.name, "description": one.about} for one in FUNCTIONS if not one.parameters]
    return {
        "description": CALL.about,
        "anyOf": [*simple, *(_with_argument(one) for one in FUNCTIONS if one.parameters)],
    }


def _with_argument(function: Function) -> Schema:
    parameter = function.parameters[0]
    argument = {"description": parameter.about, "type": "integer" if parameter.kind is int else "string"}
    return {
        "type": "object",
        "description": function.about,
        "additionalProperties": False,
        "required": [function.name],
        "properties": {function.name: argument},
    }
