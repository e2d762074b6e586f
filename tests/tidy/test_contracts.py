"""Would import-linter notice? Each contract is broken in a copy of the house, and must name every breach."""

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
    ("layers", "isthmus/attic/__init__.py", "# a room without a floor"),
    ("connectors", "connectors/planted.py", "import isthmus.mapping"),
    ("connectors", "connectors/planted.py", "import isthmus.erp"),
    ("systems", "isthmus/sync/planted.py", "import connectors"),
    ("airflow", "isthmus/sync/planted.py", "import airflow"),
    ("airflow", "connectors/planted.py", "from airflow.sdk import dag"),
    ("dags", "dags/planted.py", "import isthmus.sync"),
    ("dags", "dags/planted.py", "import connectors"),
]


def copy_house(into: Path) -> Path:
    for folder in ("isthmus", "connectors", "dags"):
        shutil.copytree(ROOT / folder, into / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", into)
    return into


def lint(house: Path, *contracts: str) -> tuple[bool, str]:
    """Whether these contracts (or all) are kept, and what is said."""
    # In a process of its own, with the copy first on the path: the linter must not read this house by mistake.
    code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports; sys.exit(lint_imports("
    program = f"{code}limit_to_contracts={contracts!r}, no_cache=True))"
    done = subprocess.run([sys.executable, "-c", program], cwd=house, capture_output=True, text=True, check=False)
    assert "Contracts: " in done.stdout, done.stdout + done.stderr
    return done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said of each contract where all breaches are planted at once."""
    house = copy_house(tmp_path_factory.mktemp("planted"))
    for _, where, line in BREACHES:
        (house / where).parent.mkdir(exist_ok=True)
        with (house / where).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    said = {contract: lint(house, contract) for contract in {contract for contract, _, _ in BREACHES}}
    assert [contract for contract, (kept, _) in said.items() if kept] == []
    return {contract: words for contract, (_, words) in said.items()}


@pytest.mark.parametrize(("contract", "where", "line"), BREACHES)
def test_the_contract_can_fail(told: dict[str, str], contract: str, where: str, line: str) -> None:
    assert f"{finding(where, line)}\n" in told[contract].replace(" (l.", "\n"), told[contract]


def finding(where: str, line: str) -> str:
    """How the linter names a breach: who imports what, or a room that has no floor."""
    module = where.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    verb, *name = line.split()
    return f"- {module}" if verb == "#" else f"{module} -> {name[0].partition('.sdk')[0]}"


def test_the_house_keeps_every_contract(tmp_path: Path) -> None:
    kept, said = lint(copy_house(tmp_path))
    assert kept, said
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in said


def test_every_contract_is_broken_above() -> None:
    assert {contract["id"] for contract in CONTRACTS} == {contract for contract, _, _ in BREACHES}
