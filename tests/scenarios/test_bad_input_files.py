"""Half-saved and hostile files: is each told with file, line and column, and is nothing written anywhere?"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.conftest import Template
from tests.scenarios.mishaps import ROOT, YAML, Site, site_from

CUTS = 60
FAULT = re.compile(r"\S*customer\.yaml:\d+:\d+: .+; .+")


@pytest.fixture(scope="module")
def site(synchronised: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A company in step, with mapping files of its own, where people have worked since."""
    with site_from(synchronised, tmp_path_factory.mktemp("files") / "company") as site:
        shutil.copytree(ROOT / "mappings" / "salesforce_erp", site.folder / "mappings")
        (site.folder / "isthmus.yaml").write_text(YAML + "mappings: mappings\n")
        site.news()
        yield site


def test_a_mapping_cut_off_at_any_byte_is_told_with_its_place_and_runs_nothing(site: Site) -> None:
    """Where the file still says a whole mapping (only its tests are cut), nothing is wrong with it."""
    path = site.folder / "mappings" / "customer.yaml"
    whole = path.read_bytes()
    before, faulty = site.contents(), 0
    for number in range(CUTS):
        path.write_bytes(whole[: len(whole) * number // CUTS])
        said = site.isthmus("test", "product")  # reads all files
        assert said.code in (0, 2), said
        if said.code == 0:
            continue
        faulty += 1
        for words in ("sync", "check", "plan") if number % 10 == 0 else ("sync",):
            said = site.isthmus(words)
            assert said.code == 2, said
            assert said.err
            assert all(FAULT.fullmatch(line) for line in said.err.splitlines()), said.err
            assert "Traceback" not in said.out + said.err
    path.write_bytes(whole)
    assert faulty > CUTS * 2 // 3
    assert site.contents() == before
    site.sync()
    site.check_agreement()


def test_a_wrong_file_leaves_not_even_an_empty_database(site: Site) -> None:
    path = site.folder / "mappings" / "customer.yaml"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    site.environ["ISTHMUS_DATABASE"] = "sqlite:///new/isthmus.db"
    said = site.process("sync")
    path.write_bytes(whole)
    site.environ.clear()
    assert said.code == 2
    assert FAULT.fullmatch(said.fault)
    assert not (site.folder / "new").exists()


SETTINGS: dict[str, bytes] = {
    "NUL": b"crm: {connection: x}\x00\n",
    "an escape sequence": b"crm: {connection: \x1b[2J}\n",
    "not UTF-8": b"database: \xff\xfe\n",
    "UTF-16": "crm: {connection: x}\n".encode("utf-16"),
    "a tab": b"crm:\n\t{connection: x}\n",
    "an open bracket": b"crm: {connection: x\n",
    "an open quote": b'database: "sqlite:///x\n',
    "two documents": b"erp: builtin\n---\nerp: builtin\n",
    "very deep": b"crm: " + b"[" * 50_000,
    "an alias bomb": b"crm: &a [x, x]\nerp: [*a, *a]\n",
    "a list for a key": b"? [a, b]\n: c\n",
    "only words": b"hello world\n",
    "a tag": b"crm: !!python/object/apply:os.system [id]\n",
    "a value that is a table": b"database: {a: b}\n",
    "an unknown key": b"databse: x\n",
    "a huge number": b"limits: {gone_percent: 99999999999999999999999}\n",
    "an unknown anchor": b"crm: *nowhere\n",
    "another timeout": b"database: sqlite:///isthmus.db?timeout=soon\n",
    "another option": b"database: sqlite:///isthmus.db?mode=ro&x=y\n",
    "a port that is none": b"database: postgresql://127.0.0.1:many/x\n",
}


@pytest.mark.parametrize("case", SETTINGS)
def test_hostile_settings_are_told_in_one_line_each(site: Site, case: str) -> None:
    settings = site.folder / "isthmus.yaml"
    before, stored = settings.read_bytes(), site.contents()
    settings.write_bytes(SETTINGS[case])
    said = site.isthmus("sync")
    settings.write_bytes(before)
    assert said.code == 2, said
    lines = said.err.splitlines()
    assert lines
    assert all(re.fullmatch(r"(\S*isthmus\.yaml|database)(:\d+:\d+)?: .+; .+", line) for line in lines), lines
    assert "\x1b" not in said.err
    assert site.contents() == stored


def written(login: Any = None, **extra: Any) -> str:
    keys = {"instance_url": "https://127.0.0.1:9", "consumer_key": "a"}
    return json.dumps({"conn_type": "salesforce", "login": login, "extra": {**keys, **extra}})


CONNECTIONS = {
    "cut JSON": '{"conn_type": "salesforce", "extra": {"inst',
    "a list": "[1]",
    "a number": "5",
    "deep JSON": '{"conn_type": ' + "[" * 50_000,
    "no type": '{"host": "x"}',
    "an unknown type": '{"conn_type": "../../etc/passwd"}',
    "a type that is a module": '{"conn_type": "os"}',
    "extra is a number": '{"conn_type": "salesforce", "extra": 3}',
    "extra is cut": '{"conn_type": "salesforce", "extra": "{"}',
    "an address that is a list": written(instance_url=["x"]),
    "an address that is none": written(instance_url="https://[::1", consumer_secret="CANARY"),
    "a port beyond": written(instance_url="https://x.example:99999", consumer_secret="CANARY"),
    "a URI with a wrong port": "salesforce://a:CANARY@host:port/x",
    "a table for a login": written(login={"a": 1}, private_key="CANARY"),
    "a key that is none": written(login="a", private_key="CANARY"),
}


@pytest.mark.parametrize("case", CONNECTIONS)
def test_hostile_connections_are_told_in_one_line_without_their_values(site: Site, case: str) -> None:
    stored = site.contents()
    site.environ["AIRFLOW_CONN_SALESFORCE_DEFAULT"] = CONNECTIONS[case]
    said = site.isthmus("sync")
    site.environ.clear()
    assert said.code == 2, said
    assert said.fault.startswith(("connection salesforce_default", "connector "))
    assert "CANARY" not in said.err
    assert site.contents() == stored
