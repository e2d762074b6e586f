"""Does what we ship work without this folder?"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.tidy.rules import ROOT


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy and unpacked."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for folder in ("isthmus", "connectors", "mappings", "schemas"):
        shutil.copytree(ROOT / folder, copy / folder)  # with bytecode: it must not be shipped
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    program = f"from setuptools.build_meta import build_wheel; build_wheel({str(out)!r})"
    done = subprocess.run([sys.executable, "-c", program], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = out.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(out / "unpacked")
    return out / "unpacked"


def shipped_files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def sources(name: str) -> set[str]:
    return {path for path in shipped_files(ROOT / name) if not path.endswith(".pyc")}


@pytest.mark.parametrize("room", ["isthmus", "connectors"])
def test_every_file_of_the_packages_is_shipped(unpacked: Path, room: str) -> None:
    assert sources(room) <= shipped_files(unpacked / room)


@pytest.mark.parametrize("folder", ["mappings", "schemas"])
def test_mappings_and_schemas_are_shipped_and_found(unpacked: Path, folder: str) -> None:
    program = f"from isthmus.settings import shipped; print(shipped({folder!r}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=unpacked, capture_output=True, text=True, check=True)
    found = Path(done.stdout.strip())
    assert found.is_relative_to(unpacked)
    assert shipped_files(found) == sources(folder)


def test_nothing_else_is_shipped(unpacked: Path) -> None:
    tops = {path.split("/")[0] for path in shipped_files(unpacked)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"isthmus", "connectors"}
    assert not [path for path in shipped_files(unpacked) if path.endswith(".pyc")]
