"""Do the documents, the lock and the Makefile say what is true?"""

from __future__ import annotations

import re
import tomllib

from typer.core import TyperGroup
from typer.main import get_command

from isthmus.cli.main import app
from tests.tidy.rules import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_every_link_in_a_document_leads_somewhere() -> None:
    lost = [
        f"{document.relative_to(ROOT)}: {link}"
        for document in DOCUMENTS
        for link in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
        if "://" not in link and not (document.parent / link).exists()
    ]
    assert not lost


def test_every_make_command_in_a_document_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    said = {
        (document.name, target)
        for document in DOCUMENTS
        for target in re.findall(r"(?:`|^)make ([a-z]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {target for _, target in said} <= targets, sorted(said)


def test_the_readme_names_exactly_the_commands_that_exist() -> None:
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    said = re.findall(r"^isthmus ([a-z]+)(?: [|] ([a-z]+))?", readme, re.MULTILINE)
    assert {name for names in said for name in names if name} == set(command.commands)


def test_the_changelog_has_a_place_for_what_is_not_released() -> None:
    assert "\n## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_lock_pins_every_package_by_hash_and_names_no_index() -> None:
    assert "://" not in LOCK
    assert not re.search(r"^-", LOCK, re.MULTILINE)
    packages = re.split(r"\n(?=\S)", LOCK.strip())
    assert len(packages) > 100
    assert [package for package in packages if "==" not in package or "--hash=sha256:" not in package] == []


def test_the_lock_has_everything_that_the_project_asks_for() -> None:
    asked = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    names = {re.split(r"[\[<>=,; ]", requirement)[0].lower() for requirement in asked}
    pinned = set(re.findall(r"^([a-z0-9-]+)==", LOCK, re.MULTILINE))
    assert names <= pinned, names - pinned
