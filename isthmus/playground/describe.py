"""describe: what the organisation has, as the user sees it. A hidden field is not there at all."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from isthmus.playground.calls import NEWEST, OLDEST, Call, answer
from isthmus.playground.refusals import not_there
from isthmus.playground.schema import SalesforceField, SalesforceObject, Schema

_SOAP = {"id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "double": "xsd:double",
         "currency": "xsd:double", "percent": "xsd:double", "int": "xsd:int", "date": "xsd:date",
         "datetime": "xsd:dateTime"}  # fmt: skip
_SEASONS = ("Winter", "Spring", "Summer")


def versions(_: Call) -> Response:
    """GET /services/data/: needs no session."""
    return answer([
        {"label": f"{_SEASONS[(one - 62) % 3]} '{25 + (one - 62) // 3}", "url": f"/services/data/v{one}.0",
         "version": f"{one}.0"}
        for one in range(OLDEST, NEWEST + 1)
    ])  # fmt: skip


def resources(call: Call) -> Response:
    """GET /services/data/vXX.X/: what this version offers."""
    root = f"/services/data/v{call.version}"
    return answer(
        {name: f"{root}/{name}" for name in ("sobjects", "query", "queryAll", "limits", "composite", "jobs")}
        | {"identity": f"/id/{call.store.setting('org_id')}/{call.user}"}
    )


def describe_all(call: Call) -> Response:
    """GET …/sobjects: all objects in short."""
    listed = [_summary(one, call.version) for one in call.store.schema.objects.values()]
    return answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": listed})


def basic(call: Call) -> Response:
    """GET …/sobjects/<object>: one object in short, and the records last used (none)."""
    return answer({"objectDescribe": _summary(described(call), call.version), "recentItems": []})


def describe(call: Call) -> Response:
    """GET …/sobjects/<object>/describe: all fields."""
    entity = described(call)
    fields = [_field(one) for one in entity.fields.values()]
    children = [
        {"childSObject": child.name, "field": one.name, "cascadeDelete": one.on_delete == "cascade",
         "relationshipName": None, "restrictedDelete": one.on_delete == "restrict", "deprecatedAndHidden": False}
        for child, one in call.store.schema.children(entity.name)
    ]  # fmt: skip
    return answer(
        _summary(entity, call.version)
        | {"fields": fields, "childRelationships": children, "recordTypeInfos": [], "supportedScopes": []}
    )


def described(call: Call) -> SalesforceObject:
    """The object that the address names. Raises Refusal NOT_FOUND."""
    return addressed(call.store.schema, call.path["object"])


def addressed(schema: Schema, name: str) -> SalesforceObject:
    """The object of that name, as a part of an address. Raises Refusal NOT_FOUND."""
    entity = schema.find(name)
    if entity is None:
        raise not_there()
    return entity


def _summary(entity: SalesforceObject, version: str) -> dict[str, Any]:
    root = f"/services/data/v{version}/sobjects/{entity.name}"
    return {
        "name": entity.name, "label": entity.label, "labelPlural": entity.label + "s", "keyPrefix": entity.prefix,
        "custom": entity.custom, "customSetting": False, "activateable": False, "createable": entity.writable,
        "updateable": entity.writable, "deletable": entity.writable, "undeletable": entity.recycled,
        "mergeable": entity.mergeable, "queryable": True, "retrieveable": True, "replicateable": True,
        "searchable": True, "layoutable": True, "triggerable": entity.writable, "feedEnabled": False,
        "deprecatedAndHidden": False,
        "urls": {"sobject": root, "describe": f"{root}/describe", "rowTemplate": root + "/{ID}"},
    }  # fmt: skip


def _field(one: SalesforceField) -> dict[str, Any]:
    picklist = [
        {"active": True, "defaultValue": value == one.default, "label": value, "validFor": None, "value": value}
        for value in one.values
    ]
    return {
        "name": one.name, "label": one.name.removesuffix("__c").replace("_", " "), "type": one.type,
        "soapType": _SOAP.get(one.type, "xsd:string"), "length": one.length, "byteLength": one.length * 3,
        "digits": one.precision if one.type == "int" else 0, "precision": 0 if one.type == "int" else one.precision,
        "scale": one.scale, "createable": one.createable, "updateable": one.updateable, "custom": one.custom,
        "nillable": not one.required and one.type != "boolean", "unique": one.unique, "externalId": one.external_id,
        "idLookup": one.external_id or one.id_lookup or one.name == "Id", "caseSensitive": False,
        "calculated": False, "autoNumber": bool(one.auto), "filterable": one.filterable, "sortable": one.filterable,
        "groupable": one.filterable, "defaultedOnCreate": one.default is not None or one.name == "OwnerId",
        "defaultValue": bool(one.default) if one.type == "boolean" else one.default, "picklistValues": picklist,
        "restrictedPicklist": one.restricted, "referenceTo": list(one.refers_to),
        "relationshipName": one.relationship, "nameField": one.name == "Name", "deprecatedAndHidden": False,
        "inlineHelpText": None, "htmlFormatted": False, "compoundFieldName": None, "controllerName": None,
        "dependentPicklist": False, "encrypted": False, "namePointing": False, "permissionable": one.custom,
    }  # fmt: skip
