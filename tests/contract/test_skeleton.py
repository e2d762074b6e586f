"""Does `isthmus connector new` write a connector that keeps every promise, in the style of the house?"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from isthmus.cli.connecting import app
from isthmus.kernel.errors import Misconfigured
from isthmus.testing.contract import PROMISES

ROOT = Path(__file__).parents[2]
ROOM = typer.Typer()
ROOM.add_typer(app, name="connector")


def test_what_is_written_passes_its_tests_and_the_house_rules(tmp_path: Path) -> None:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "__init__.py").touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    result = CliRunner().invoke(ROOM, ["connector", "new", "acme_erp", "--in", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "test_acme_erp_contract.py" in result.output
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_acme_erp_contract.py"]
    ran = subprocess.run(tests, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout
    assert f"{len(PROMISES) - 1} passed, 1 skipped" in ran.stdout, ran.stdout  # it merges nothing
    for words in (["check", "--quiet"], ["format", "--check", "--quiet"]):
        tidy = [sys.executable, "-m", "ruff", *words, "connectors", "tests"]
        told = subprocess.run(tidy, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert told.returncode == 0, told.stdout + told.stderr


def test_a_second_one_of_the_same_name_is_refused(tmp_path: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(ROOM, ["connector", "new", "acme", "--in", str(tmp_path)]).exit_code == 0
    again = runner.invoke(ROOM, ["connector", "new", "acme", "--in", str(tmp_path)])
    assert again.exit_code == Misconfigured.exit_code
    assert "is there already" in again.output


@pytest.mark.parametrize("name", ["Acme", "1st", "../evil", "a-b", "", "ünïcode"])
def test_a_name_that_is_no_module_is_refused(tmp_path: Path, name: str) -> None:
    result = CliRunner().invoke(ROOM, ["connector", "new", name, "--in", str(tmp_path)])
    assert result.exit_code == Misconfigured.exit_code
    assert not list(tmp_path.iterdir())
