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
KINDS = {"Text": "string", "LongTextArea": "textarea", "Currency": "currency", "Picklist": "picklist"}


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
        "refers_to": tuple(filter(None, [text(element, "referenceTo")])),
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
        "refers_to": field.refers_to,
    }
    assert shape(element) == expected
    assert text(element, "fullName") == field.name
    assert text(element, "description")


def test_the_permission_set_shows_every_shipped_field_and_lets_nobody_delete() -> None:
    rights = ET.parse(ROOT / "isthmus/permissionsets/Isthmus_integration.permissionset-meta.xml").getroot()
    readable = {text(one, "field") for one in rights.iter(NS + "fieldPermissions") if text(one, "readable") == "true"}
    assert {f"{stream}.{field}" for stream, field in shipped()} <= readable
    for one in rights.iter(NS + "objectPermissions"):
        assert (text(one, "allowCreate"), text(one, "allowDelete"), text(one, "modifyAllRecords")) == ("false",) * 3
    written = {text(one, "field") for one in rights.iter(NS + "fieldPermissions") if text(one, "editable") == "true"}
    ours = (".ERP_", ".Isthmus_")
    assert {name for name in written if name and not any(part in name for part in ours)} == {"Order.PoNumber"}


def test_the_package_names_everything_and_the_api_version_of_the_connector() -> None:
    package = ET.parse(ROOT / "package.xml").getroot()
    members = {one.text for one in package.iter(NS + "members")}
    assert members == {f"{stream}.{field}" for stream, field in shipped()} | {"Isthmus_integration"}
    project = json.loads((ROOT / "sfdx-project.json").read_text(encoding="utf-8"))
    assert text(package, "version") == project["sourceApiVersion"] == API_VERSION
    assert (ROOT / project["packageDirectories"][0]["path"]).is_dir()
