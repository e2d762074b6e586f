"""Does somebody whose machine lacks something read what to do, in one line?"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tidy.rules import ROOT

NEEDED = ("sh", "dirname", "awk", "touch", "mkdir")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout, and beside it ``bin``: all that is on the PATH."""
    (tmp_path / "checkout" / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "bootstrap", tmp_path / "checkout" / ".ci")
    (tmp_path / "bin").mkdir()
    for name in NEEDED:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def python_that(folder: Path, answers: str) -> None:
    """A ``python3`` that is new enough; ``answers`` says what else it can."""
    python = folder / "bin" / "python3"
    python.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) {answers};; esac\n', encoding="utf-8")
    python.chmod(0o755)


def bootstrap(folder: Path) -> str:
    command = ["sh", str(folder / "checkout" / ".ci" / "bootstrap")]
    environ = {"PATH": str(folder / "bin")}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    return done.stderr


def test_no_python(folder: Path) -> None:
    assert bootstrap(folder) == (
        "python3: there is no Python 3.11 or newer on the PATH; install one and run make again\n"
    )


def test_a_python_without_venv(folder: Path) -> None:
    python_that(folder, "exit 1")
    assert bootstrap(folder).endswith(
        "bin/python3: has no venv module; install it (Debian: apt install python3-venv) and run make again\n"
    )


def test_a_folder_that_cannot_be_written_to(folder: Path) -> None:
    python_that(folder, "exit 0")
    (folder / "checkout" / ".venv").touch()  # a file where the folder should be: also root cannot write there
    assert bootstrap(folder) == f"{folder / 'checkout'}: cannot be written to; work in a folder of your own\n"
