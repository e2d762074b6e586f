"""What Isthmus is made of: is every package pinned by hashes, allowed, listed, and held against advisories?"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ["requirements.lock", "isthmus/cli/tryton_requirements.txt"]


@pytest.fixture(scope="module")
def supply() -> ModuleType:
    spec = importlib.util.spec_from_file_location("supply", ROOT / ".ci" / "supply.py")
    assert spec
    assert spec.loader
    module = sys.modules["supply"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def parts(supply: ModuleType) -> list[Any]:
    return list(supply.parts(supply.LOCK.read_text()))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_a_version_or_a_hash_and_no_address(lock: str) -> None:
    """Nothing else may stand there: neither an index, nor a link, nor a range."""
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=[a-zA-Z0-9])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())
    shape = re.compile(r"[a-zA-Z0-9][\w.-]*==[\w.!+-]+( ; [^\\\n]+?)?( \\\n    --hash=sha256:[0-9a-f]{64})+")
    assert [one for one in entries if not shape.fullmatch(one.strip())] == []
    assert len(entries) > 20


def test_every_package_has_a_licence_that_may_be_used_or_is_named_with_a_reason(
    supply: ModuleType, parts: list[Any]
) -> None:
    assert [(one.name, one.licence) for one in parts if not one.is_allowed] == []
    stale = {*supply.EXCEPTIONS, *supply.ELSEWHERE} - {one.name for one in parts}
    assert not stale, "an exception for what is not used any more"
    needless = [one.name for one in parts if one.name in supply.EXCEPTIONS and _allowed(supply, one.licence)]
    assert needless == []


def _allowed(supply: ModuleType, licence: str) -> bool:
    return bool(supply.Part("x", "1", (), licence, True).is_allowed)


@pytest.mark.parametrize(
    ("licence", "may"),
    [("MIT", True), ("BSD-3-Clause AND 0BSD", True), ("(MIT OR Apache-2.0) AND MPL-2.0", True), ("", False),
     ("GPL-3.0-only", False), ("MIT AND GPL-3.0-only", False), ("Proprietary", False)],
)  # fmt: skip
def test_only_what_is_on_the_list_may_be_used(supply: ModuleType, licence: str, may: bool) -> None:
    assert _allowed(supply, licence) is may


def test_the_kept_list_of_licences_is_that_of_the_lock(supply: ModuleType, parts: list[Any]) -> None:
    assert supply.LIST.read_text() == supply.licence_list(parts), "run `make licences`"


def test_the_bill_of_materials_is_complete_and_the_same_each_time(supply: ModuleType, parts: list[Any]) -> None:
    bill = supply.sbom(parts)
    assert bill == supply.sbom(list(supply.parts(supply.LOCK.read_text())))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    locked = set(re.findall(r"^([a-z0-9][\w.-]*==[\w.!+-]+)", supply.LOCK.read_text(), re.MULTILINE))
    assert {f"{one['name']}=={one['version']}" for one in bill["components"]} == locked
    refs = {one["bom-ref"] for one in bill["components"]} | {"isthmus"}
    assert {one["ref"] for one in bill["dependencies"]} == refs
    assert {other for one in bill["dependencies"] for other in one["dependsOn"]} <= refs
    assert all(one["hashes"] and one["licenses"] != [{"license": {"name": ""}}] for one in bill["components"])
    scopes = {one["name"]: one["scope"] for one in bill["components"]}
    assert (scopes["sqlalchemy"], scopes["hypothesis"]) == ("required", "excluded")


def _advisory(name: str, *events: dict[str, str], **more: Any) -> dict[str, Any]:
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": [*events]}]}
    return {"id": "X-1", "summary": "invented", "affected": [affected | more]}


@pytest.mark.parametrize(
    ("advisory", "fits"),
    [
        (_advisory("Requests", {"introduced": "0"}, {"fixed": "2.32.4"}), True),
        (_advisory("requests", {"introduced": "0"}, {"fixed": "2.32.3"}), False),
        (_advisory("requests", {"introduced": "0"}, {"last_affected": "2.32.3"}), True),
        (_advisory("requests", {"introduced": "2.33"}), False),
        (_advisory("requests", {"introduced": "1"}, {"fixed": "2"}, {"introduced": "2.30"}), True),
        (_advisory("requests", versions=["2.32.3"]), True),
        (_advisory("request", {"introduced": "0"}), False),
        (_advisory("requests", {"introduced": "0"}) | {"withdrawn": "2026-01-01T00:00:00Z"}, False),
    ],
)
def test_an_advisory_is_told_of_the_versions_that_it_names(
    supply: ModuleType, tmp_path: Path, advisory: dict[str, Any], fits: bool
) -> None:
    ours = [supply.Part("requests", "2.32.3", (), "MIT", True)]
    (tmp_path / "X-1.json").write_text(json.dumps(advisory))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        packed.write(tmp_path / "X-1.json", "X-1.json")
    for source in (tmp_path, tmp_path / "X-1.json", tmp_path / "all.zip"):
        if source != tmp_path or not fits:
            assert supply.advisories(ours, source) == (["requests 2.32.3: X-1 invented"] if fits else [])


def test_without_a_source_it_is_said_that_nothing_was_checked(
    supply: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert supply.main(["advisories"]) == supply.NO_SOURCE
    assert supply.main(["advisories", str(tmp_path / "gone.zip")]) == supply.NO_SOURCE
    assert capsys.readouterr().err.count("NOTHING WAS CHECKED") == 2
