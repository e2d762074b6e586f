"""Do the mapping files for Tryton hold what their own tests say?"""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.mapping.load import load_mappings
from isthmus.mapping.spec import MappingSpec
from isthmus.sync.trial import run_tests

SPECS = load_mappings(Path(__file__).parents[2] / "mappings" / "salesforce_tryton")


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_the_tests_of_each_mapping_hold(spec: MappingSpec) -> None:
    results = run_tests(spec)
    assert len(results) >= 2
    assert [f"{one.where}: {one.message}" for one in results if not one.passed] == []


def test_every_entity_that_tryton_has_is_mapped() -> None:
    assert {spec.entity for spec in SPECS} == {
        "customer", "product", "quote", "order", "invoice", "payment", "shipment", "credit_status"
    }  # fmt: skip
