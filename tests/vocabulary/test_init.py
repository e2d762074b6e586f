"""Does `isthmus init` do what a person expects who begins with two systems and an empty folder?"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from isthmus.cli.connecting import write_skeleton
from isthmus.kernel.clock import SetClock
from isthmus.mapping.load import load_mappings
from isthmus.playground import start
from isthmus.vocabulary.join import join
from isthmus.vocabulary.load import find_vocabulary, vocabulary_files
from isthmus.vocabulary.write import write
from tests.cli.conftest import SIZES, Company, Said, say

ROOT = Path(__file__).parents[2]


def begin(folder: Path, *words: str) -> Said:
    """``isthmus init words…`` where the settings are, or are not yet, in the folder."""
    return say("init", *words, ISTHMUS_SETTINGS=str(folder / "isthmus.yaml"))


def both(erp: str, crm: str = "salesforce") -> tuple[str, ...]:
    return ("--crm", crm, "--erp", erp)


# --- for real -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A local Salesforce."""
    folder, clock = tmp_path_factory.mktemp("crm"), SetClock(datetime(2026, 11, 23, 8, 0, tzinfo=UTC))
    with start(folder, SIZES, clock=clock) as running:
        yield Company(folder, running, clock)


@pytest.fixture
def town(crm: Company, tmp_path: Path) -> Company:
    """A folder with nothing in it yet, and a CRM in which nobody writes just now."""
    assert crm.clock
    crm.clock.advance(timedelta(seconds=10))  # beyond what a read leaves out as too young
    return replace(crm, folder=tmp_path)


def test_from_an_empty_folder_to_customers_in_the_erp(town: Company) -> None:
    said = town.say("init", *both("builtin"))
    assert said.code == 0, said
    assert (town.folder / "mappings" / "salesforce_erp" / "order.yaml").exists()
    assert re.search(r"^\d+ tests of 8 mappings hold$", town.say("test").out, re.MULTILINE)
    checked = town.say("check")
    assert checked.code == 0, checked
    assert "everything is in order" in checked.out
    assert "ERP: builtin, organisation to be made with the tables, in this database" in checked.out
    (report,) = town.ask("sync", "customer", "--strict")["runs"]
    assert report["directions"][0]["outcomes"]["created"] == len(town.rows("SELECT name FROM erp_customer")) > 0


def test_from_an_empty_folder_to_rows_in_a_spreadsheet(town: Company) -> None:
    sheets = town.folder / "sheets"
    told = {"conn_type": "spreadsheet", "extra": {"folder": str(sheets)}}
    environ = {**town.environ, "AIRFLOW_CONN_SPREADSHEET_DEFAULT": json.dumps(told)}
    assert say("init", *both("spreadsheet"), **environ).code == 0
    sheets.mkdir()
    for spec in load_mappings(town.folder / "mappings" / "salesforce_spreadsheet"):
        columns = ["id", *(row.erp.fields[0] for row in spec.rows if row.erp)]
        (sheets / f"{spec.erp.stream}.csv").write_text(",".join(columns) + "\n")
    checked = say("check", **environ)
    assert checked.code == 0, checked
    assert "everything is in order" in checked.out
    assert "ERP: spreadsheet_default, organisation sheets-sheets, a system of its own" in checked.out
    synced = say("sync", "customer", "--strict", "--json", **environ)
    assert synced.code == 0, synced
    rows = (sheets / "customers.csv").read_text().splitlines()[1:]
    assert synced.json["runs"][0]["directions"][0]["outcomes"]["created"] == len(rows) > 0


# --- what it leaves alone -----------------------------------------------------------------------------------------


def test_what_is_there_is_named_and_left_alone_until_it_is_forced(tmp_path: Path) -> None:
    assert begin(tmp_path, *both("tryton")).code == 0
    mine = tmp_path / "mappings" / "salesforce_tryton" / "quote.yaml"
    theirs = mine.with_name("order.yaml")
    mine.write_text("mine")
    theirs.unlink()
    said = begin(tmp_path, *both("tryton"))
    assert said.code == 2
    assert f"{mine}: is there already; say --force to overwrite, or --folder for another place\n" in said.err
    assert len(said.err.splitlines()) == 7  # all that are there, not only the first
    assert mine.read_text() == "mine"
    assert not theirs.exists()
    assert begin(tmp_path, *both("tryton"), "--force").code == 0
    assert mine.read_text() != "mine"
    assert theirs.exists()


def test_settings_that_are_there_stay_and_what_they_should_say_is_said(tmp_path: Path) -> None:
    settings = tmp_path / "isthmus.yaml"
    settings.write_text("crm: {connection: salesforce_default}\nerp: builtin\n")
    said = begin(tmp_path, *both("tryton"), "--folder", str(tmp_path / "ours"))
    assert said.code == 0, said
    assert settings.read_text() == "crm: {connection: salesforce_default}\nerp: builtin\n"
    assert f"{settings} is as it was. To use these files, let it say:\n" in said.out
    assert "  erp: {connection: tryton_default}\n  mappings: ours\n" in said.out
    assert sorted(path.stem for path in (tmp_path / "ours").iterdir()) == [
        "credit_status", "customer", "invoice", "order", "payment", "product", "quote", "shipment"
    ]  # fmt: skip


def test_wrong_settings_stop_it_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "isthmus.yaml").write_text("cmr: {connection: salesforce_default}\n")
    said = begin(tmp_path, *both("tryton"))
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("isthmus.yaml:1:1: ")
    assert not (tmp_path / "mappings").exists()


# --- what it says -------------------------------------------------------------------------------------------------


def test_it_says_what_it_wrote_what_it_left_out_and_what_to_do_next(tmp_path: Path) -> None:
    lines = begin(tmp_path, *both("tryton")).out.splitlines()
    (customer,) = [
        line for line in lines if line.startswith(f"wrote {tmp_path}/mappings/salesforce_tryton/customer.yaml")
    ]
    assert customer.endswith(
        ": 19 rows; not carried, the file says why: email, parent, active, billing.state, shipping.state"
    )
    assert any(line.startswith("no customer_figures: Tryton: ") for line in lines)
    assert [line.split()[:2] for line in lines[-3:]] == [["isthmus", "test"], ["isthmus", "check"], ["isthmus", "plan"]]
    text = (tmp_path / "mappings" / "salesforce_tryton" / "customer.yaml").read_text()
    assert "  #   parent: Tryton: a party has no parent company\n" in text


def test_new_settings_say_how_the_connections_are_made(tmp_path: Path) -> None:
    begin(tmp_path, *both("tryton"))
    text = (tmp_path / "isthmus.yaml").read_text()
    (hint,) = re.findall(r"#   for Airflow's tasks: airflow connections add tryton_default --conn-json '(.*)'\n", text)
    assert json.loads(hint)["conn_type"] == "tryton"
    assert f"#   for the command line, in var/connections.env: AIRFLOW_CONN_TRYTON_DEFAULT={hint}\n" in text
    assert "\nerp: {connection: tryton_default}\n" in text
    assert "\nmappings: mappings/salesforce_tryton\n" in text


def test_json_says_it_too(tmp_path: Path) -> None:
    told = begin(tmp_path, *both("builtin"), "--json").json
    assert [Path(one).name for one in told["written"]][-1] == "isthmus.yaml"
    assert told["carried"]["product"]["left_out"]["lines.minimum_quantity"].startswith("Salesforce: ")
    assert told["left_out"] == {"shipment": "the built-in ERP: it keeps books and has no warehouse"}


WRONG = [
    (both("tyrton"), "--erp tyrton: there is no such system; did you mean 'tryton'?\n"),
    (both("sap"), "--erp sap: there is no such system; use one of builtin, spreadsheet, tryton\n"),
    (both("builtin", crm="tryton"), "--crm tryton: Tryton is no CRM; use one of salesforce, spreadsheet\n"),
]


@pytest.mark.parametrize(("words", "told"), WRONG, ids=[told[:12] for _, told in WRONG])
def test_a_system_that_cannot_be_meant_is_refused_with_what_can(
    words: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    said = begin(tmp_path, *words)
    assert (said.code, said.err) == (2, told)
    assert not list(tmp_path.iterdir())


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    begin(tmp_path / "here", *both("builtin"))
    (tmp_path / "there").mkdir()
    subprocess.run(
        [sys.executable, "-m", "isthmus.cli.main", "init", *both("builtin_erp")], cwd=tmp_path / "there", check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}, capture_output=True, timeout=60,
    )  # fmt: skip
    texts = [
        {path.name: path.read_bytes() for path in (tmp_path / place).rglob("*.yaml")} for place in ("here", "there")
    ]
    assert len(texts[0]) == 9
    assert texts[0] == texts[1]


# --- a connector of one's own -------------------------------------------------------------------------------------


def test_a_new_connector_has_a_vocabulary_that_fits_it(tmp_path: Path) -> None:
    _, _, path = write_skeleton("acme_erp", tmp_path)
    erp = find_vocabulary("acme_erp", "erp", {**vocabulary_files(), "acme_erp": path})
    pair = join(find_vocabulary("salesforce", "crm"), erp)
    assert list(write(pair)) == ["customer.yaml"]
    assert pair.left_out["order"] == "acme_erp: the connector does not read them yet"
    skeleton = (tmp_path / "connectors" / "acme_erp.py").read_text()
    named = {word.fields[0] for word in erp.entities["customer"].fields.values()}
    assert all(f'"{name}"' in skeleton for name in named)
