"""What the schema of an entity says against a form, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from isthmus.kernel.errors import Fault
from isthmus.kernel.records import Fields
from isthmus.mapping.entities import Entity
from isthmus.mapping.grammar import suggest

_CORRECT = "correct it in the source system, or map it"


def explain(entity: Entity, form: Fields, *, partial: bool = False) -> list[Fault]:
    """One fault per thing that is wrong; ``partial`` leaves out what is only missing."""
    faults: list[Fault] = []
    for error in sorted(
        Draft202012Validator(entity.schema).iter_errors(form), key=lambda one: [str(part) for part in one.path]
    ):
        if not (partial and error.validator == "required"):
            faults.extend(_fault(error))
    return faults


def _fault(error: ValidationError) -> Iterable[Fault]:
    where = _path(error.absolute_path) or "the record"
    value: Any = error.instance
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in value]
        prefix = f"{_path(error.absolute_path)}." if error.absolute_path else ""
        name = next(name for name in missing if f"'{name}'" in error.message)
        return [Fault(f"{prefix}{name}", "is missing", "map a field that gives it")]
    if error.validator == "additionalProperties":
        known = tuple(error.schema["properties"])
        extra = [name for name in value if name not in known]
        return [
            Fault(f"{where}: {name}", "is not a field of the entity", suggest(name, known, "it has")) for name in extra
        ]
    if value is None:
        return [Fault(where, "is empty", "fill it in the source system")]
    return [Fault(where, _what(error), _CORRECT)]


def _what(error: ValidationError) -> str:
    value, limit = error.instance, error.validator_value
    match error.validator:
        case "maxLength":
            return f"has {len(value)} characters, {limit} are allowed"
        case "minLength":
            return "is empty"
        case "enum":
            return f"'{value}' is not one of {', '.join(str(one) for one in limit if one is not None)}"
        case "pattern":
            return f"'{str(value)[:60]}' does not look like {error.schema.get('description', limit)}"
        case "minimum":
            return f"{value} is below {limit}"
        case "maximum":
            return f"{value} is above {limit}"
        case "maxItems":
            return f"has {len(value)} entries, {limit} are allowed"
    return f"is not {limit if isinstance(limit, str) else ' or '.join(limit)}"


def _path(parts: Iterable[str | int]) -> str:
    """``lines[2].quantity``: lines are counted from 1."""
    text = ""
    for part in parts:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text
