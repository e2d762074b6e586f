"""Are the mapping files of a pair of systems what two vocabularies make of it, and nothing copied by hand?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from connectors.tryton import Connector as Tryton
from isthmus.kernel.connection import Connection
from isthmus.mapping.check import check_against
from isthmus.mapping.load import load_mappings, read_mapping
from isthmus.mapping.spec import MappingSpec, Row, Source
from isthmus.sync.trial import run_tests
from isthmus.vocabulary.join import Pair, join
from isthmus.vocabulary.load import find_vocabulary, vocabulary_files
from isthmus.vocabulary.write import write

ROOT = Path(__file__).parents[2]
PAIRS = [("salesforce", "builtin"), ("salesforce", "tryton"), ("salesforce", "spreadsheet"), ("spreadsheet", "tryton"),
         ("spreadsheet", "builtin"), ("spreadsheet", "spreadsheet")]  # fmt: skip
SHIPPED = [
    (erp, folder, path.stem)
    for erp, folder in (("builtin", "salesforce_erp"), ("tryton", "salesforce_tryton"))
    for path in sorted((ROOT / "mappings" / folder).glob("*.yaml"))
]


@cache
def pair(crm: str, erp: str) -> Pair:
    return join(find_vocabulary(crm, "crm"), find_vocabulary(erp, "erp"))


@cache
def generated(crm: str, erp: str) -> dict[str, MappingSpec]:
    files = write(pair(crm, erp))
    return {Path(name).stem: read_mapping(text.encode(), name) for name, text in files.items()}


@cache
def shipped(folder: str) -> dict[str, MappingSpec]:
    return {spec.name: spec for spec in load_mappings(ROOT / "mappings" / folder)}


@pytest.mark.parametrize(("crm", "erp"), PAIRS)
def test_what_is_written_loads_together_and_its_own_tests_hold(crm: str, erp: str, tmp_path: Path) -> None:
    for name, text in write(pair(crm, erp)).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    specs = load_mappings(tmp_path)
    results = [one for spec in specs for one in run_tests(spec)]
    assert [f"{one.where}: {one.name}: {one.message}" for one in results if not one.passed] == []
    for spec in specs:
        shown = {row.owner for row in spec.rows if row.two_sided}
        assert len([one for one in spec.tests if one.expects is not None]) > len(shown - {"both"})


@pytest.mark.parametrize(("crm", "erp"), PAIRS)
def test_what_is_written_has_short_lines(crm: str, erp: str) -> None:
    files = write(pair(crm, erp), schema="../../schemas/mapping.json")
    long = [f"{name}: {line}" for name, text in files.items() for line in text.splitlines() if len(line) > 120]
    assert long == []


# --- against what is shipped --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("erp", "folder", "name"), SHIPPED)
def test_a_shipped_mapping_means_what_its_two_vocabularies_make(erp: str, folder: str, name: str) -> None:
    assert dict(meaning(generated("salesforce", erp)[name])) == dict(meaning(shipped(folder)[name]))


@pytest.mark.parametrize(("erp", "folder", "name"), SHIPPED)
def test_the_tests_of_a_shipped_mapping_hold_for_the_generated_one(erp: str, folder: str, name: str) -> None:
    results = run_tests(replace(generated("salesforce", erp)[name], tests=shipped(folder)[name].tests))
    assert [f"{one.where}: {one.name}: {one.message}" for one in results if not one.passed] == []


@pytest.mark.parametrize(("erp", "folder"), [("builtin", "salesforce_erp"), ("tryton", "salesforce_tryton")])
def test_what_is_shipped_is_what_init_writes_byte_by_byte(erp: str, folder: str) -> None:
    there = {path.name: path.read_text("utf-8") for path in (ROOT / "mappings" / folder).iterdir()}
    assert there == write(pair("salesforce", erp), schema="../../schemas/mapping.json")


def meaning(spec: MappingSpec) -> Iterator[tuple[str, Any]]:
    """Everything of a mapping but its words, places and tests; rows by name, since their order says nothing."""
    for name in ("entity", "same_as", "owner", "creates", "gone", "match", "schedule", "maintainer"):
        yield name, getattr(spec, name)
    for side in ("crm", "erp"):
        system = getattr(spec, side)
        yield side, (system.stream, set(system.where), system.lines, system.moved_by)
    for part, rows in (("row", spec.rows), ("line", spec.lines)):
        for row in rows:
            yield f"{part} {row.path}", _row(row)
    total = spec.lines_sum_to
    yield "sum", total and (total.field, total.of, total.tolerance_minor)


def _row(row: Row) -> dict[str, Any]:
    said = {name: getattr(row, name) for name in ("type", "owner", "if_both_changed", "refers_to", "pull", "required")}
    sides = {side: source and _source(source) for side, source in (("crm", row.crm), ("erp", row.erp))}
    return {**said, **sides, "volatile": row.volatile, "values": _ends(row)}


def _source(source: Source) -> tuple[Any, ...]:
    via = tuple((call.function, call.arguments) for call in source.via)
    return source.fields, source.formula, via, source.when


def _ends(row: Row) -> set[tuple[Any, Any]]:
    """What the CRM says and what the ERP says for it, whatever the entity calls it in between."""
    crm, erp = (dict(source.values) if source else {} for source in (row.crm, row.erp))
    across = {entity: system for system, entity in erp.items()}
    pairs = crm.items() if crm else ((entity, entity) for entity in across)
    return {(system, across.get(entity, entity)) for system, entity in pairs}


# --- against the systems ------------------------------------------------------------------------------------------


def test_what_is_written_for_tryton_fits_what_its_connector_describes() -> None:
    connector = Tryton(Connection("tryton_default", "tryton", "erp.example", "isthmus", "invented", schema="company"))
    specs = generated("salesforce", "tryton").values()
    assert [str(fault) for spec in specs for fault in check_against(spec, "erp", connector.describe)] == []


@pytest.mark.parametrize("kind", sorted(vocabulary_files()))
def test_a_shipped_vocabulary_says_or_lacks_every_field_with_a_reason(kind: str) -> None:
    from isthmus.mapping.entities import load_entity, schemas_folder
    from isthmus.vocabulary.load import outlines, read_vocabulary

    found = read_vocabulary(vocabulary_files()[kind], kind)
    silent = [name for name in outlines() if name not in {**found.entities, **found.lacks}]
    for name, naming in found.entities.items():
        entity = load_entity(name, schemas_folder())
        lines = () if "lines" in naming.lacks else tuple(f"lines.{path}" for path in entity.lines or ())
        said = {*naming.fields, *(f"lines.{path}" for path in naming.lines or ()), *naming.lacks}
        silent += [f"{name}.{path}" for path in (*entity.fields, *lines) if path not in said]
    assert silent == []
