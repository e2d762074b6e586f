"""Is what an administrator deploys what the mappings, the connector and the playground rely on?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from connectors.salesforce.config import API_VERSION
from isthmus.playground.objects import OBJECTS
from isthmus.playground.schema import SalesforceField

ROOT = Path(str(files("connectors.salesforce").joinpath("metadata")))
NS = "{http://soap.sforce.com/2006/04/metadata}"
KINDS = {
    "Text": "string", "LongTextArea": "textarea", "Currency": "currency", "Picklist": "picklist", "Number": "double",
    "Date": "date", "DateTime": "datetime", "Checkbox": "boolean",
}  # fmt: skip
ON_DELETE = {"Restrict": "restrict", "SetNull": "clear", "Cascade": "cascade", None: "clear"}


def shipped() -> dict[tuple[str, str], ET.Element]:
    found = ROOT.glob("isthmus/objects/*/fields/*.field-meta.xml")
    return {(path.parts[-3], path.name.removesuffix(".field-meta.xml")): ET.parse(path).getroot() for path in found}


def known() -> Iterator[tuple[str, SalesforceField]]:
    for one in OBJECTS:
        for field in one.fields.values():
            if field.custom:
                yield one.name, field


def text(element: ET.Element, name: str) -> str | None:
    return element.findtext(NS + name)


def shape(element: ET.Element) -> dict[str, Any]:
    """A shipped field in the playground's words."""
    kind = str(text(element, "type"))
    values = [one.findtext(NS + "fullName") for one in element.iter(NS + "value")]
    return {
        "type": KINDS.get(kind, "reference"),
        "length": int(text(element, "length") or 0),
        "values": tuple(values),
        "restricted": "true" in [one.text for one in element.iter(NS + "restricted")],
        "external_id": text(element, "externalId") == "true",
        "unique": text(element, "unique") == "true",
        "scale": int(text(element, "scale") or 0),
        "precision": int(text(element, "precision") or 0),
        "required": text(element, "required") == "true" or kind == "MasterDetail",
        "refers_to": tuple(filter(None, [text(element, "referenceTo")])),
        "on_delete": "cascade" if kind == "MasterDetail" else ON_DELETE[text(element, "deleteConstraint")],
        "fixed": kind == "MasterDetail" and text(element, "reparentableMasterDetail") == "false",
    }


def test_the_playground_has_exactly_the_custom_fields_that_are_shipped() -> None:
    assert set(shipped()) == {(stream, field.name) for stream, field in known()}


@pytest.mark.parametrize(("stream", "field"), [pytest.param(*one, id=f"{one[0]}.{one[1].name}") for one in known()])
def test_a_shipped_field_is_what_the_playground_shows(stream: str, field: SalesforceField) -> None:
    element = shipped()[stream, field.name]
    measured = field.type in ("string", "textarea")
    expected = {
        "type": field.type,
        "length": field.length if measured else 0,
        "values": field.values,
        "restricted": field.restricted,
        "external_id": field.external_id,
        "unique": field.unique,
        "scale": field.scale,
        "precision": field.precision,
        "required": field.required,
        "refers_to": field.refers_to,
        "on_delete": field.on_delete,
        "fixed": not field.updateable,
    }
    assert shape(element) == expected
    assert text(element, "fullName") == field.name
    assert text(element, "description")


def rights_of(name: str) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """What a permission set allows: fields → read or edit, objects → the names of what is allowed."""
    root = ET.parse(ROOT / f"isthmus/permissionsets/{name}.permissionset-meta.xml").getroot()
    fields = {
        str(text(one, "field")): "edit" if text(one, "editable") == "true" else "read"
        for one in root.iter(NS + "fieldPermissions")
        if text(one, "readable") == "true"
    }
    objects = {
        str(text(one, "object")): tuple(part.tag.removeprefix(NS) for part in one if part.text == "true")
        for one in root.iter(NS + "objectPermissions")
    }
    return fields, objects


def grantable() -> set[str]:
    """A required field and a master are seen by whoever sees the object: a permission set may not name them."""
    return {
        f"{stream}.{field}"
        for (stream, field), element in shipped().items()
        if text(element, "required") != "true" and text(element, "type") != "MasterDetail"
    }


def test_the_integration_user_sees_every_shipped_field_and_writes_only_ours() -> None:
    fields, objects = rights_of("Isthmus_integration")
    own = {one.name for one in OBJECTS if one.custom}
    assert {name for name in fields if name.endswith("__c")} == grantable()
    written = {name for name, right in fields.items() if right == "edit" and name.partition(".")[0] not in own}
    assert {name for name in written if ".ERP_" not in name and ".Isthmus_" not in name} == {"Order.PoNumber"}
    assert own <= set(objects)
    assert all(fields[name] == "edit" for name in grantable() if name.partition(".")[0] in own)


def test_the_integration_user_creates_our_documents_and_deletes_only_their_lines() -> None:
    _, objects = rights_of("Isthmus_integration")
    created = {name for name, rights in objects.items() if "allowCreate" in rights}
    deleted = {name for name, rights in objects.items() if "allowDelete" in rights}
    assert created == {one.name for one in OBJECTS if one.custom}
    assert deleted == {"ERP_Invoice_Line__c", "ERP_Allocation__c", "ERP_Shipment_Line__c"}
    assert not [name for name, rights in objects.items() if "modifyAllRecords" in rights]


def test_sales_sees_what_the_erp_says_and_edits_nothing_of_it() -> None:
    fields, objects = rights_of("Isthmus_reader")
    internal = ("Isthmus_Key__c", "Isthmus_Complete__c")
    told = {name for name in grantable() if name.startswith("ERP_") or ".ERP_" in name}
    assert set(fields) == {name for name in told if not name.endswith(internal)}
    assert set(fields.values()) == {"read"}
    assert objects == {one.name: ("allowRead",) for one in OBJECTS if one.custom}


def test_a_shipped_object_is_what_the_playground_shows() -> None:
    found = {path.parts[-2]: ET.parse(path).getroot() for path in ROOT.glob("isthmus/objects/*/*.object-meta.xml")}
    own = {one.name: one for one in OBJECTS if one.custom}
    assert set(found) == set(own)
    for name, element in found.items():
        details = any(field.on_delete == "cascade" for field in own[name].fields.values())
        numbered = own[name].fields["Name"].auto
        assert text(element, "label") == own[name].label
        assert text(element, "sharingModel") == ("ControlledByParent" if details else "Read")
        assert element.findtext(f"{NS}nameField/{NS}type") == ("AutoNumber" if numbered else "Text")
        shown = element.findtext(f"{NS}nameField/{NS}displayFormat") or ""
        assert shown.replace("{00000000}", "{:08d}") == numbered


def test_the_package_names_everything_and_the_api_version_of_the_connector() -> None:
    package = ET.parse(ROOT / "package.xml").getroot()
    members = {one.text for one in package.iter(NS + "members")}
    own = {one.name for one in OBJECTS if one.custom} | {"Isthmus_integration", "Isthmus_reader"}
    assert members == {f"{stream}.{field}" for stream, field in shipped()} | own
    project = json.loads((ROOT / "sfdx-project.json").read_text(encoding="utf-8"))
    assert text(package, "version") == project["sourceApiVersion"] == API_VERSION
    assert (ROOT / project["packageDirectories"][0]["path"]).is_dir()
