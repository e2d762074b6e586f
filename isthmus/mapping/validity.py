"""What the schema of an entity says against a form, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from isthmus.kernel.errors import Fault
from isthmus.kernel.money import from_micros
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
    value, limit, schema = _parts(error)
    if error.validator == "required":
        prefix = f"{_path(error.absolute_path)}." if error.absolute_path else ""
        name = next(name for name in limit if f"'{name}'" in error.message)
        return [Fault(f"{prefix}{name}", "is missing", "map a field that gives it")]
    if error.validator == "additionalProperties":
        known = tuple(schema["properties"])
        extra = [name for name in value if name not in known]
        return [
            Fault(where, f"'{name}' is not a field of the entity", suggest(name, known, "it has")) for name in extra
        ]
    if value is None:
        return [Fault(where, "is empty", "fill it in the source system")]
    return [Fault(where, _what(error), _CORRECT)]


def _parts(error: ValidationError) -> tuple[Any, Any, Any]:
    """The value, what the keyword asks for, and the schema around it."""
    return error.instance, error.validator_value, error.schema


def _what(error: ValidationError) -> str:
    value, limit, schema = _parts(error)
    say = _SAYINGS.get(str(error.validator))
    return say(value, limit, schema) if say else f"is not {limit if isinstance(limit, str) else ' or '.join(limit)}"


_Saying = Callable[[Any, Any, Any], str]
_SAYINGS: dict[str, _Saying] = {
    "maxLength": lambda value, limit, _: f"has {len(value)} characters, {limit} are allowed",
    "minLength": lambda _value, _limit, _: "is empty",
    "enum": lambda value, limit, _: (
        f"'{value}' is not one of {', '.join(str(one) for one in limit if one is not None)}"
    ),
    "pattern": lambda value, limit, schema: (
        f"'{str(value)[:60]}' does not have its form: {schema.get('description', limit)}"
    ),
    "minimum": lambda value, limit, schema: (
        f"is {_number(value, schema)}, and must not be less than {_number(limit, schema)}"
    ),
    "exclusiveMinimum": lambda value, limit, schema: (
        f"is {_number(value, schema)}, and must be more than {_number(limit, schema)}"
    ),
    "maximum": lambda value, limit, schema: (
        f"is {_number(value, schema)}, and must not be more than {_number(limit, schema)}"
    ),
    "maxItems": lambda value, limit, _: f"has {len(value)} entries, {limit} are allowed",
}


def _number(value: int, schema: Any) -> str:
    """A number as people write it: micros as decimals; minor units stay, since the currency is not known here."""
    return str(from_micros(value)) if schema.get("x-as") in {"price", "decimal"} else str(value)


def _path(parts: Iterable[str | int]) -> str:
    """``lines[2].quantity``: lines are counted from 1."""
    text = ""
    for part in parts:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text
