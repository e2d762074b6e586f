"""Adding a field of the company's own is one row in one mapping file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from shutil import copytree

import pytest

from isthmus.app import Order, Workshop, open_workshop
from isthmus.connect.registry import connect
from isthmus.kernel.selection import Selection, Term
from isthmus.playground import Playground, SeedSizes, start
from isthmus.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
ROW = "fields:\n  custom:\n    industry: {crm: Industry, erp: custom.industry}\n"
SIZES = SeedSizes(accounts=30, products=2, quotes=2, orders=2, dirty=False)


@pytest.fixture
def playground(tmp_path: Path) -> Iterator[Playground]:
    with start(tmp_path / "playground", SIZES) as running:
        yield running


def _open(playground: Playground, mappings: Path, database: Path) -> Workshop:
    settings = replace(load_settings(ROOT / "isthmus.yaml", {}), database=f"sqlite:///{database}", mappings=mappings)
    return open_workshop(settings, {}, connections={settings.crm: playground.connection})


def _industries(workshop: Workshop) -> dict[str, str | None]:
    selection = workshop.mapping("customer").selection("erp")
    pages = workshop.ports.erp.read(replace(selection, lines=None), None, timedelta(0))
    records = [record for page in pages for record in page.records]
    return {str(record.fields["name"]): (record.fields.get("custom") or {}).get("industry") for record in records}


def _industries_of_the_crm(playground: Playground) -> dict[str, str | None]:
    crm = connect(playground.connection)
    selection = Selection("Account", ("Name", "Industry", "Type"), where=(Term("Type", "in", ("Customer",)),))
    pages = crm.read(selection, None, timedelta(0))
    return {str(one.fields["Name"]): one.fields["Industry"] for page in pages for one in page.records}


def test_one_row_brings_the_field_of_every_customer(playground: Playground, tmp_path: Path) -> None:
    mappings = Path(copytree(ROOT / "mappings/salesforce_erp", tmp_path / "mappings"))
    before = _open(playground, mappings, tmp_path / "isthmus.db")
    wanted = _industries_of_the_crm(playground)
    before.sync("customer", Order("test"))
    assert set(_industries(before).values()) == {None}
    before.close()

    file = mappings / "customer.yaml"
    file.write_text(file.read_text().replace("fields:\n", ROW, 1))
    after = _open(playground, mappings, tmp_path / "isthmus.db")
    after.office.accept("customer", "test", "finance reports by industry")
    report = after.sync("customer", Order("test"))

    assert _industries(after) == wanted
    assert report.adds_up
    assert report.legs[0].outcomes["updated"] == len([value for value in wanted.values() if value])
    after.close()
