"""Does the house keep its rules, and would each rule notice?"""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from tests.tidy.planted import PLANTED
from tests.tidy.rules import RULES, Rule, house


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule: Rule) -> None:
    breaches = [breach for path, text in house() for breach in rule(path, text)]
    assert not breaches, "\n" + "\n".join(breaches)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_can_fail(rule: Rule) -> None:
    (bad_path, bad_text), (good_path, good_text) = PLANTED[rule.__name__]
    assert list(rule(PurePosixPath(bad_path), bad_text)), "the planted breach was not seen"
    assert not list(rule(PurePosixPath(good_path), good_text)), "a good file was refused"


def test_the_rules_look_at_something() -> None:
    """A rule that looks at no file is kept whatever happens."""
    seen = {path.parts[0] for path, _ in house()}
    assert {"isthmus", "connectors", "dags", "tests", "pyproject.toml", "Makefile", "README.md", ".ci"} <= seen
