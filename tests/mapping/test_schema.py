"""Are the committed schemas what the code says, and do they mean what the mapping and the engine need?"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from isthmus.mapping.compile import compile_mapping
from isthmus.mapping.document import Listing, Node, Scalar, read_document
from isthmus.mapping.entities import entity_names, load_entity, schemas_folder
from isthmus.mapping.load import load_mapping, read_mapping
from isthmus.mapping.schema import mapping_schema, schema_text, write_mapping_schema

ROOT = Path(__file__).parents[2]
FOLDER = schemas_folder()
MAPPINGS = sorted((ROOT / "mappings" / "salesforce_erp").glob("*.yaml"))
ENTITIES = entity_names(FOLDER)
DOCUMENTS = {"quote", "order", "invoice", "payment", "credit_status"}


def test_the_committed_schema_is_the_generated_one(tmp_path: Path) -> None:
    """After a change of the grammar: python -c 'from isthmus.mapping.schema import *; write_mapping_schema()'"""
    assert (FOLDER / "mapping.json").read_text("utf-8") == schema_text()
    assert write_mapping_schema(tmp_path).read_text("utf-8") == schema_text()


def values(node: Node) -> Any:
    """What an editor sees: whole numbers are numbers to it."""
    if isinstance(node, Scalar):
        is_number = node.plain and isinstance(node.value, str) and re.fullmatch("0|[1-9][0-9]*", node.value)
        return int(str(node.value)) if is_number else node.value
    if isinstance(node, Listing):
        return [values(item) for item in node.items]
    return {key.value: values(child) for key, child in node.entries}


@pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: path.stem)
def test_editors_find_our_own_mappings_right(path: Path) -> None:
    node, _ = read_document(path.read_bytes(), path.name)
    assert node
    jsonschema.Draft202012Validator(mapping_schema()).validate(values(node))
    assert path.read_text("utf-8").startswith("# yaml-language-server: $schema=../../schemas/mapping.json\n")


@pytest.mark.parametrize(
    "change", [{"ownr": "crm"}, {"owner": "me"}, {"fields": {"name": {"crm": {"field": "A", "via": ["trimm"]}}}}]
)
def test_editors_see_what_the_loader_refuses(change: dict[str, Any]) -> None:
    small: dict[str, Any] = {
        "mapping": "m", "entity": "customer", "owner": "crm", "crm": {"stream": "A"}, "erp": {"stream": "a"},
        "fields": {"name": {"crm": {"field": "A", "via": ["trim", {"truncate": 4}]}, "erp": "n"}},
    }  # fmt: skip
    validator = jsonschema.Draft202012Validator(mapping_schema())
    assert validator.is_valid(small)
    assert not validator.is_valid({**small, **change})


@pytest.mark.parametrize("name", [*ENTITIES, "mapping"])
def test_every_schema_is_json_schema_2020_12(name: str) -> None:
    schema = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def objects(schema: Any) -> list[dict[str, Any]]:
    found = [schema] if isinstance(schema, dict) and "properties" in schema else []
    parts = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    return found + [one for part in parts for one in objects(part)]


@pytest.mark.parametrize("name", ENTITIES)
def test_entities_are_closed_described_and_bounded(name: str) -> None:
    for one in objects(load_entity(name, FOLDER).schema):
        assert one["additionalProperties"] is False
        for field, schema in one["properties"].items():
            assert "description" in schema or "items" in schema, field
            types = schema.get("type", [])
            if "string" in ([types] if isinstance(types, str) else types):
                assert {"maxLength", "pattern", "enum"} & set(schema), field
            if schema.get("x-as") in {"money", "price", "decimal"}:
                assert re.search("[Mm]inor units|[Mm]icros", schema["description"]), field


def test_all_entities_are_there() -> None:
    assert set(ENTITIES) == {"customer", "product", "customer_figures", "shipment"} | DOCUMENTS


def test_what_the_erp_gives_is_read_only() -> None:
    order = load_entity("order", FOLDER)
    given = {path for path, field in order.fields.items() if field.read_only}
    assert given == {"number", "status", "hold_reason", "tax", "total"}


ORDER = {"customer": "1", "order_date": "2026-11-22", "currency": "EUR", "lines": []}
LINE = {"key": "1", "product": "p", "quantity": 1, "unit_price": 1}
MAP_IT = "correct it in the source system, or map it"
INVALID = [
    ({"currency": None}, "currency: is empty; fill it in the source system"),
    ({"currency": "eur"}, f"currency: 'eur' does not have its form: ISO 4217 code, for example EUR.; {MAP_IT}"),
    ({"hold_reason": "x" * 256}, f"hold_reason: has 256 characters, 255 are allowed; {MAP_IT}"),
    ({"freight": -1}, f"freight: is -1, and must not be less than 0; {MAP_IT}"),
    ({"freigth": 1}, "the record: 'freigth' is not a field of the entity; did you mean 'freight'?"),
    ({"tax": "1"}, f"tax: is not integer or null; {MAP_IT}"),
    ({"bill_to": {"country": "DEU"}},
     f"bill_to.country: 'DEU' does not have its form: ISO 3166-1 alpha-2 code, for example DE.; {MAP_IT}"),
    ({"lines": [{**LINE, "quantity": 0}]}, f"lines[1].quantity: is 0, and must be more than 0; {MAP_IT}"),
    ({"lines": [LINE, {"key": "2", "product": "p", "quantity": 1}]},
     "lines[2].unit_price: is missing; map a field that gives it"),
    ({"lines": [{**LINE, "discount_percent": 100_000_001}]},
     f"lines[1].discount_percent: is 100.000001, and must not be more than 100; {MAP_IT}"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "fault"), INVALID, ids=range(len(INVALID)))
def test_an_entity_that_is_not_valid_says_so_in_words(change: dict[str, Any], fault: str) -> None:
    mapping = compile_mapping(
        load_mapping(ROOT / "mappings/salesforce_erp/order.yaml"),
        crm_numbers="decimal", erp_numbers="scaled", time_zone="UTC",
    )  # fmt: skip
    assert mapping.validate(ORDER) == []
    assert [str(one) for one in mapping.validate({**ORDER, **change})] == [fault]
    without = {name: value for name, value in ORDER.items() if name != "customer"}
    assert [str(one) for one in mapping.validate(without)] == ["customer: is missing; map a field that gives it"]
    assert mapping.validate(without, partial=True) == []


# --- the hash of a mapping ----------------------------------------------------------------------------------------

CONTENT = (ROOT / "mappings/salesforce_erp/order.yaml").read_text("utf-8")


def digest(text: str, zone: str = "UTC") -> str:
    spec = read_mapping(text.encode(), "m.yaml")
    return compile_mapping(spec, crm_numbers="decimal", erp_numbers="scaled", time_zone=zone).hash


SAME = [
    ("mapping: order", "\n# a comment\n\nmapping: order"),
    ("about: An", "about: One"),
    ("maintainer: sales-ops", "maintainer: somebody-else"),
    ('schedule: "*/15 * * * *"', 'schedule: "*/5 * * * *"'),
    ("Ulm", "Bonn"),
    ("customer:    {crm: AccountId, erp: customer_id,", "customer: {erp: customer_id, crm: AccountId,"),
    ("refers_to: quote, required: false}", "required: false, refers_to: quote}"),
]
OTHER = [
    ("owner: both}", "owner: crm}"),
    ("creates: [erp]", "creates: []"),
    ("{in: [Activated]}", "{in: [Activated, Shipped]}"),
    ("{in: [false]}", "{in: ['false']}"),
    ("field: PoNumber", "field: OrderReferenceNumber"),
    ("via: [trim]", "via: [trim, upper]"),
    ("On credit hold: held", "Held: held"),
    ("tolerance_minor: 0", "tolerance_minor: 1"),
    ("required: false", "required: true"),
    ("sort: OrderItemNumber", "sort: Id"),
    ("gone: {crm: cancel", "gone: {crm: keep"),
    ("  freight:     {crm: Freight__c, erp: freight, as: money}\n", ""),
]


@pytest.mark.parametrize(("old", "new"), SAME, ids=range(len(SAME)))
def test_the_hash_stays_when_only_words_change(old: str, new: str) -> None:
    assert old in CONTENT
    assert digest(CONTENT.replace(old, new)) == digest(CONTENT)


@pytest.mark.parametrize(("old", "new"), OTHER, ids=range(len(OTHER)))
def test_the_hash_moves_when_the_meaning_does(old: str, new: str) -> None:
    assert old in CONTENT
    assert digest(CONTENT.replace(old, new)) != digest(CONTENT)


def test_the_hash_moves_with_the_place_where_a_day_begins() -> None:
    assert digest(CONTENT, "UTC") != digest(CONTENT, "Europe/Berlin")
