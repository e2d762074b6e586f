"""Would ruff notice? Each single door and each limit of pyproject.toml is broken once, on purpose."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib

import pytest

from tests.tidy.planted import LIMITS
from tests.tidy.rules import ROOT

CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BANNED = CONFIG["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
DOORS = {  # which room may, and for what
    "isthmus/kernel/clock.py": "datetime.datetime.now",
    "isthmus/settings/__init__.py": "os.environ",
}


def codes(snippet: str, where: str) -> dict[str, str]:
    """What ruff says of a snippet that would stand there: code → message."""
    command = [sys.executable, "-m", "ruff", "check", "--output-format", "json", "--stdin-filename", where, "-"]
    done = subprocess.run(command, cwd=ROOT, input=snippet + "\n", capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return {fault["code"]: fault["message"] for fault in json.loads(done.stdout)}


def use(name: str) -> str:
    """A line that uses a banned name."""
    if name in ("requests", "httpx", "urllib3", "urllib.request", "http.client"):
        return f"import {name}"
    return f"import {name.partition('.')[0]}\nprint({name})"


@pytest.mark.parametrize("name", sorted(BANNED))
def test_a_single_door_is_held_and_its_message_names_it(name: str) -> None:
    found = codes(use(name), "isthmus/sync/planted.py")
    assert "isthmus." in BANNED[name]["msg"]
    assert BANNED[name]["msg"] in found.get("TID251", ""), found


@pytest.mark.parametrize(("where", "name"), DOORS.items())
def test_the_door_itself_is_open(where: str, name: str) -> None:
    assert "TID251" not in codes(use(name), where)


@pytest.mark.parametrize("code", sorted(LIMITS))
def test_a_limit_is_held(code: str) -> None:
    assert code in codes(LIMITS[code], "isthmus/sync/planted.py")


def test_every_exception_is_for_a_file_that_exists() -> None:
    """A waiver whose file is gone waits for the next file of that name."""
    waived = CONFIG["tool"]["ruff"]["lint"]["per-file-ignores"]
    assert [pattern for pattern in waived if not any(ROOT.glob(re.sub(r"/[*][*]$", "/**/*", pattern)))] == []
