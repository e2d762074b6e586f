"""Would import-linter notice? Each contract is broken once in a copy of the house."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.tidy.rules import ROOT

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
BREACHES = [  # contract, file, the line planted there
    ("layers", "isthmus/kernel/planted.py", "import isthmus.settings"),
    ("layers", "isthmus/settings/planted.py", "import isthmus.mapping"),
    ("layers", "isthmus/mapping/planted.py", "import isthmus.merge"),
    ("layers", "isthmus/connect/planted.py", "import isthmus.db"),
    ("layers", "isthmus/vocabulary/planted.py", "import isthmus.db"),
    ("layers", "isthmus/state/planted.py", "import isthmus.erp"),
    ("layers", "isthmus/playground/planted.py", "import isthmus.state"),
    ("layers", "isthmus/erp/planted.py", "import isthmus.sync"),
    ("layers", "isthmus/sync/planted.py", "import isthmus.reconcile"),
    ("layers", "isthmus/reconcile/planted.py", "import isthmus.cli"),
    ("layers", "isthmus/testing/planted.py", "import isthmus.cli"),
    ("layers", "isthmus/attic/__init__.py", ""),  # exhaustive: a room without a floor
    ("connectors", "connectors/planted.py", "import isthmus.mapping"),
    ("connectors", "connectors/planted.py", "import isthmus.erp"),
    ("systems", "isthmus/sync/planted.py", "import connectors"),
    ("airflow", "isthmus/sync/planted.py", "import airflow"),
    ("airflow", "connectors/planted.py", "from airflow.sdk import dag"),
    ("dags", "dags/planted.py", "import isthmus.sync"),
    ("dags", "dags/planted.py", "import connectors"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    house = tmp_path_factory.mktemp("house")
    for folder in ("isthmus", "connectors", "dags"):
        shutil.copytree(ROOT / folder, house / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", house)
    return house


def broken(house: Path, contract: str) -> bool:
    # In a process of its own, with the copy first on the path: the linter must not read this house by mistake.
    code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    program = f"{code[: code.index('lint_imports()')]}lint_imports(limit_to_contracts=({contract!r},), no_cache=True))"
    done = subprocess.run([sys.executable, "-c", program], cwd=house, capture_output=True, text=True, check=False)
    assert "Contracts: " in done.stdout, done.stdout + done.stderr
    return done.returncode != 0


@pytest.mark.parametrize(("contract", "where", "line"), BREACHES)
def test_the_contract_can_fail(copy: Path, contract: str, where: str, line: str) -> None:
    planted = copy / where
    new_folder = not planted.parent.exists()
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(line + "\n", encoding="utf-8")
    try:
        assert broken(copy, contract)
    finally:
        planted.unlink()
        if new_folder:
            shutil.rmtree(planted.parent)


def test_the_house_keeps_every_contract(copy: Path) -> None:
    assert [contract["id"] for contract in CONTRACTS if broken(copy, contract["id"])] == []


def test_every_contract_is_broken_above() -> None:
    assert {contract["id"] for contract in CONTRACTS} == {contract for contract, _, _ in BREACHES}
