"""Schema drift: what an administrator of the organisation may change while others rely on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from isthmus.playground.refusals import Refusal
from isthmus.playground.schema import NUMBERS, TEXTS, SalesforceField, SalesforceObject, Schema

_TO_TEXT = frozenset({"string", "textarea", "picklist", "email", "phone", "url"})


@dataclass(frozen=True, slots=True)
class Alteration:
    """One change of one field. ``value`` is a new name, a type, a length or a picklist value."""

    action: Literal["hide", "show", "rename", "retype", "resize", "add_value", "remove_value", "rename_value"]
    object: str
    field: str
    value: Any = None
    new_value: str | None = None


def altered(objects: Iterable[SalesforceObject], alterations: Sequence[Alteration], *, multi_currency: bool) -> Schema:
    """The declared schema after all changes in their order. Raises Refusal for a change that makes no sense."""
    schema = Schema(
        one if multi_currency else _without_currency(one)
        for one in objects
        if multi_currency or one.name != "CurrencyType"
    )
    hidden = {(one.object, one.field): one.action == "hide" for one in alterations if one.action in ("hide", "show")}
    for one in alterations:
        if one.action not in ("hide", "show"):
            schema = _apply(schema, one)
    for (entity, name), gone in hidden.items():
        if gone:
            schema = _hide(schema, entity, name)
    return schema


def _without_currency(entity: SalesforceObject) -> SalesforceObject:
    return entity.with_fields(one for one in entity.fields.values() if one.name != "CurrencyIsoCode")


def _found(schema: Schema, entity: str, name: str) -> tuple[SalesforceObject, SalesforceField]:
    found = schema.objects.get(entity)
    if found is None or name not in found.fields:
        raise Refusal("INVALID_FIELD", f"{entity} has no field {name}")
    return found, found.fields[name]


def _replaced(schema: Schema, entity: SalesforceObject, name: str, *, new: SalesforceField | None) -> Schema:
    fields = [new if one.name == name else one for one in entity.fields.values()]
    changed = entity.with_fields(one for one in fields if one is not None)
    return Schema(changed if one.name == entity.name else one for one in schema.objects.values())


def _hide(schema: Schema, entity: str, name: str) -> Schema:
    found, _ = _found(schema, entity, name)
    return _replaced(schema, found, name, new=None)


def _apply(schema: Schema, change: Alteration) -> Schema:
    entity, one = _found(schema, change.object, change.field)
    return _replaced(schema, entity, one.name, new=_changed(one, change))


def _changed(one: SalesforceField, change: Alteration) -> SalesforceField:
    if change.action == "rename":
        return replace(one, name=str(change.value))
    if change.action == "resize":
        return replace(one, length=int(change.value))
    if change.action == "retype":
        return _retyped(one, change.value)
    return replace(one, values=_new_values(one, change))


def _retyped(one: SalesforceField, kind: Any) -> SalesforceField:
    """Numbers and texts can be shown as texts; Salesforce would lose data the other way."""
    if kind not in _TO_TEXT or one.kept not in NUMBERS | TEXTS:
        raise Refusal("FIELD_INTEGRITY_EXCEPTION", f"{one.name} cannot change from {one.type} to {kind}")
    return replace(one, type=kind, stored=one.kept, length=one.length or 255)


def _new_values(one: SalesforceField, change: Alteration) -> tuple[str, ...]:
    value = str(change.value)
    if change.action == "add_value":
        return (*one.values, value)
    if value not in one.values:
        raise Refusal("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", f"{one.name} has no value {value}")
    if change.action == "rename_value":
        return tuple(str(change.new_value) if each == value else each for each in one.values)
    return tuple(each for each in one.values if each != value)
