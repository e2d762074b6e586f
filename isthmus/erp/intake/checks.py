"""What is wrong with the fields of one change, in words, before the database sees it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache, partial
from typing import Any

from isthmus.connect.protocol import Change
from isthmus.erp.columns import GREATEST_MICROS
from isthmus.erp.shapes import Field, Shape, Stream, spell_custom
from isthmus.kernel.errors import Fault
from isthmus.kernel.money import CURRENCIES, GREATEST
from isthmus.kernel.records import Fields


def faults_of(stream: Stream, change: Change) -> list[Fault]:
    """Everything wrong with the change's own values; whom it refers to is looked up elsewhere."""
    faults = _faults(stream.shape, change.fields, new=change.verb == "create", where="")
    if change.lines is None:
        return faults
    if stream.lines is None:
        return [*faults, Fault("lines", f"a {stream.name} has no lines", "leave them out")]
    seen: set[str] = set()
    for number, line in enumerate(change.lines, 1):
        faults += _faults(stream.lines, line, new=True, where=f"line {number} ")
        key = line.get("key")
        if isinstance(key, str) and key in seen:
            faults.append(Fault(f"line {number} key", f"{key!r} stands twice", "give each line a key of its own"))
        seen.add(str(key))
    return faults


def _faults(shape: Shape, fields: Fields, *, new: bool, where: str) -> list[Fault]:
    if _passes(shape, fields, new=new):
        return []
    values = dict(_flatten(shape, fields))
    faults = []
    for path, value in values.items():
        fault = _fault(shape, path, value)
        if fault:
            faults.append(Fault(where + path, *fault))
    needed = [field.path for field in shape.writable.values() if field.required]
    missing = [path for path in needed if values.get(path, "" if new else path) in (None, "")]
    return faults + [Fault(where + path, "is missing", "fill it in") for path in missing]


_Test = Callable[[Any], bool]


def _passes(shape: Shape, fields: Fields, *, new: bool) -> bool:
    """Whether nothing is wrong, at a glance. What does not pass is looked at again, for the words."""
    tests, required = _KNOWN.get(shape.table.name) or _tests(shape)
    for name, value in fields.items():
        test = tests.get(name)
        if test is None or (value is not None and not test(value)):
            return False
    return not any(fields.get(name, "" if new else name) in {None, ""} for name in required)


_KNOWN: dict[str, tuple[dict[str, _Test], tuple[str, ...]]] = {}


def _tests(shape: Shape) -> tuple[dict[str, _Test], tuple[str, ...]]:
    """A test for each name at the top, and the names that must be filled."""
    fields = shape.writable
    tests = {path: _test(field) for path, field in fields.items() if "." not in path}
    for group, members in shape.groups.items():
        inner = {name: _test(fields[f"{group}.{name}"]) for name in members.names if f"{group}.{name}" in fields}
        tests[group] = partial(_group_passes, inner)
    found = _KNOWN[shape.table.name] = tests, tuple(path for path, field in fields.items() if field.required)
    return found


def _group_passes(tests: dict[str, _Test], group: Any) -> bool:
    if group.__class__ is not dict:
        return False
    for name, value in group.items():
        test = tests.get(name)
        if test is None or (value is not None and not test(value)):
            return False
    return True


def _test(field: Field) -> _Test:
    if field.kind == "text" and field.path != "currency":
        length = field.length or sys.maxsize
        return lambda value: value.__class__ is str and len(value) <= length and value.isprintable()
    if field.kind in ("amount", "micros"):
        greatest = GREATEST if field.kind == "amount" else GREATEST_MICROS
        most = 100_000_000 if field.path == "discount_percent" else greatest
        least = _LEAST.get(field.path, -greatest)
        return lambda value: value.__class__ is int and least <= value <= most
    test = partial(_sound, field)
    return lru_cache(maxsize=4096)(test) if field.kind == "day" else test  # few days, and slow to read


def _sound(field: Field, value: Any) -> bool:
    return _CHECKS[field.kind](field, value) is None


def _flatten(shape: Shape, fields: Fields) -> list[tuple[str, Any]]:
    groups = shape.groups
    flat: list[tuple[str, Any]] = []
    for name, value in fields.items():
        if name in groups and isinstance(value, Mapping):
            flat += [(f"{name}.{member}", inner) for member, inner in value.items()]
        elif name in groups and value is None:
            flat += [(f"{name}.{member}", None) for member in groups[name].names]
        else:
            flat.append((name, value))
    return flat


def _fault(shape: Shape, path: str, value: Any) -> tuple[str, str] | None:
    field = shape.writable.get(path)
    if field is None:
        owned = any(one.path == path for one in shape.fields)
        what = "belongs to the ERP" if owned else "is not a field of the ERP"
        return what, "take it out of the mapping"
    if value is None:
        return None
    return _CHECKS[field.kind](field, value)


def _check_text(field: Field, value: Any) -> tuple[str, str] | None:
    if not isinstance(value, str):
        return f"{value!r} is not text", "write text"
    if field.length and len(value) > field.length:
        return f"is {len(value)} characters long, the ERP takes {field.length}", "shorten it"
    if "\0" in value or _unwritable(value):
        return "holds a character that no database keeps", "remove it"
    if field.path == "currency" and value not in CURRENCIES:
        return f"{value!r} is not an ISO 4217 currency", "use a code such as EUR"
    return None


def _unwritable(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)


def _check_number(field: Field, value: Any) -> tuple[str, str] | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return f"{value!r} is not a whole number of {'minor units' if field.kind == 'amount' else 'micros'}", "scale it"
    greatest = GREATEST if field.kind == "amount" else GREATEST_MICROS
    if abs(value) > greatest:
        return f"{value} is too great", f"the ERP takes up to {greatest}"
    if value < _LEAST.get(field.path, -greatest):
        return f"{value} is too small", f"the ERP takes {_LEAST[field.path]} or more"
    if field.path == "discount_percent" and value > 100_000_000:
        return "is more than 100 %", "correct the discount"
    return None


_LEAST = {"quantity": 1, "minimum_quantity": 1, "unit_price": 0, "discount_percent": 0, "freight": 0, "discount": 0}


def _check_truth(_field: Field, value: Any) -> tuple[str, str] | None:
    return None if isinstance(value, bool) else (f"{value!r} is neither true nor false", "write true or false")


def _check_day(_field: Field, value: Any) -> tuple[str, str] | None:
    try:
        if isinstance(value, str) and date.fromisoformat(value).isoformat() == value:
            return None
    except ValueError:
        pass
    return f"{value!r} is not a day", "write it as 2026-11-22"


def _check_reference(_field: Field, value: Any) -> tuple[str, str] | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return None
    return f"{value!r} is no id of the ERP", "refer to a record by its id"


def _check_choice(field: Field, value: Any) -> tuple[str, str] | None:
    return None if value in field.values else (f"{value!r} is not one of {', '.join(field.values)}", "use one of them")


def _check_open(field: Field, value: Any) -> tuple[str, str] | None:
    if not isinstance(value, Mapping):
        return f"{value!r} is no group of fields", "write the fields below it"
    for name, inner in value.items():
        if not (isinstance(inner, (str, int, bool)) or inner is None):
            return f"{name} is {type(inner).__name__}", "a field of your own is a text, a whole number or true/false"
        if isinstance(inner, str) and ("\0" in inner or _unwritable(inner)):
            return f"{name} holds a character that no database keeps", "remove it"
    if field.length and len(spell_custom(value) or "") > field.length:
        return f"is more than {field.length} characters in all", "shorten it"
    return None


_CHECKS = {
    "text": _check_text,
    "amount": _check_number,
    "micros": _check_number,
    "truth": _check_truth,
    "day": _check_day,
    "reference": _check_reference,
    "choice": _check_choice,
    "open": _check_open,
}
