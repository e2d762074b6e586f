"""Is every command in the guide, with an example that is a real command, and does every help work?"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import cast

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from isthmus.cli.main import app
from tests.cli.conftest import say

GUIDE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def commands(group: TyperGroup, *before: str) -> list[tuple[str, ...]]:
    """The words of every command."""
    found: list[tuple[str, ...]] = []
    for word, one in group.commands.items():
        found += commands(one, *before, word) if isinstance(one, TyperGroup) else [(*before, word)]
    return found


ALL = commands(cast(TyperGroup, get_command(app)))


def test_the_commands_of_the_design_are_all_there() -> None:
    wanted = """check, test, match, plan, sync, accept, pause, resume, status, explain, playground, functions,
        worklist show, worklist retry, worklist resolve, worklist dismiss, db upgrade, db check, erp invoice, erp pay,
        erp credit-note, erp cancel, erp limit, erp hold, erp release, erp rate, erp close-period, erp statement,
        erp customers, erp orders"""
    assert {tuple(one.split()) for one in wanted.split(",")} <= set(ALL)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_help_works_and_shows_an_example(words: tuple[str, ...]) -> None:
    said = say(*words, "--help")
    assert said.code == 0
    assert "--json" in said.out
    assert "--settings" in said.out
    assert f"Example: isthmus {' '.join(words)}" in said.out


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_has_a_heading_and_an_example_in_the_guide(words: tuple[str, ...]) -> None:
    name = " ".join(words)
    assert re.search(rf"^### isthmus {name}\b", GUIDE, re.MULTILINE), f"docs/cli.md has no '### isthmus {name}'"
    assert re.search(rf"^isthmus {name}(?![\w-])", GUIDE, re.MULTILINE), f"docs/cli.md has no example of {name}"


def examples() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("isthmus ")]


@pytest.mark.parametrize("line", examples())
def test_every_example_of_the_guide_is_understood(line: str) -> None:
    """Parsed, not run: a wrong option or a missing argument is an error of usage."""
    words = shlex.split(line.partition("|")[0].partition(">")[0], comments=True)[1:]
    context = get_command(app).make_context("isthmus", list(words), resilient_parsing=False)
    with context:
        rest = [*context._protected_args, *context.args]
        inner = context.command
        while rest:
            name, found, rest = inner.resolve_command(context, rest)  # type: ignore[attr-defined]
            assert found is not None
            inner = found
            context = inner.make_context(name, rest, parent=context)
            rest = [*context._protected_args, *context.args]
