"""The catalogue of failures as a table: entry by flow, each cell with its tests or with the reason why it has none."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.matrix.faults import FAULTS
from tests.matrix.flows import FLOWS
from tests.tidy.rules import ROOT

COLUMNS = {"credit_status": "credit", "customer_figures": "figures"}
INJECTION = "tests/matrix/test_injections.py::test_nothing_is_lost_and_nothing_is_doubled"
ENTRIES = {"A": 16, "B": 22, "C": 20, "D": 15, "E": 13}


@dataclass
class Entry:
    """One way to fail. ``cells`` have node ids by flow, ``reasons`` words."""

    key: str
    title: str
    cells: dict[str, list[str]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def columns() -> list[str]:
    return [COLUMNS.get(flow, flow) for flow in FLOWS]


def read_catalogue() -> list[Entry]:
    """All entries in their order. ValueError says what is wrong with the file."""
    entries: list[Entry] = []
    for line in (Path(__file__).parent / "catalogue.txt").read_text("utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith(" "):
            key, _, title = line.partition(" ")
            entries.append(Entry(key, title))
        else:
            _read_cells(entries[-1], line.strip())
    return entries


def _read_cells(entry: Entry, line: str) -> None:
    names, mark, rest = line.partition(" - ") if " - " in line.partition(":")[0] else line.partition(": ")
    for column in _named(entry, names):
        if mark == " - ":
            entry.reasons[column] = rest
        else:
            entry.cells.setdefault(column, []).extend(_tests(rest, column))


def _named(entry: Entry, names: str) -> list[str]:
    every = columns()
    if names == "all":
        return every
    if names == "rest":
        return [one for one in every if one not in entry.cells]
    unknown = set(names.split()) - set(every)
    if unknown:
        raise ValueError(f"{entry.key}: {unknown} is no flow")
    return names.split()


def _tests(text: str, column: str) -> Iterator[str]:
    """``room/file::test, …`` and ``inject NAME; NAME`` as node ids."""
    flow = next(flow for flow in FLOWS if COLUMNS.get(flow, flow) == column)
    plain, _, injected = text.partition("inject ")
    for one in filter(None, (part.strip(" ;") for part in plain.split(","))):
        file, _, name = one.partition("::")
        yield f"tests/{file}.py::{name}"
    for name in filter(None, (part.strip() for part in injected.split(";"))):
        yield f"{INJECTION}[{flow}-{name}]"


@cache
def tests_in(file: str) -> frozenset[str]:
    """The names of the test functions of a file, read and not imported."""
    path = ROOT / file
    tree = ast.parse(path.read_text("utf-8")) if path.is_file() else ast.Module([], [])
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def exists(node_id: str) -> bool:
    """Whether there is such a test; of an injection also, whether there is such a fault."""
    if node_id.startswith(INJECTION):
        return node_id.removesuffix("]").partition("[")[2].partition("-")[2] in FAULTS
    file, _, name = node_id.partition("::")
    return name in tests_in(file)


def rendered() -> str:
    """The table as a page: numbers lead to the tests below it."""
    entries = read_catalogue()
    covered = sum(len(entry.cells) for entry in entries)
    lines = [
        "# What can go wrong, in each flow",
        "",
        "Written by `python -m tests.matrix.render`; `tests/matrix` holds it to the tests that exist.",
        "",
        f"{len(entries)} ways to fail × {len(columns())} flows: {covered} cells are covered by tests,",
        f"the other {len(entries) * len(columns()) - covered} say why it means nothing there (–).",
        "",
        "| | " + " | ".join(columns()) + " |",
        "|---|" + ":-:|" * len(columns()),
    ]
    for entry in entries:
        cells = [str(len(entry.cells[one])) if one in entry.cells else "–" for one in columns()]
        lines.append(f"| **{entry.key}** {entry.title} | " + " | ".join(cells) + " |")
    lines += ["", "Numbers are tests. Which ones, and why not:", ""]
    for entry in entries:
        lines += [f"**{entry.key} {entry.title}**", "", *_told(entry), ""]
    return "\n".join(lines).rstrip() + "\n"


def _told(entry: Entry) -> Iterator[str]:
    by_test: dict[str, list[str]] = {}
    for column, tests in entry.cells.items():
        for test in tests:
            by_test.setdefault(_short(test), []).append(column)
    for test, names in by_test.items():
        yield f"- {'all' if len(names) == len(columns()) else ', '.join(names)}: {test}"
    by_reason: dict[str, list[str]] = {}
    for column, reason in entry.reasons.items():
        by_reason.setdefault(reason, []).append(column)
    for reason, names in by_reason.items():
        yield f"- {'all' if len(names) == len(columns()) else ', '.join(names)}: – {reason}"


def _short(node_id: str) -> str:
    if node_id.startswith(INJECTION):
        return f"put in: {node_id.removesuffix(']').partition('[')[2].partition('-')[2]}"
    file, _, name = node_id.removeprefix("tests/").partition("::")
    return f"`{file.removesuffix('.py')}` {name.removeprefix('test_').replace('_', ' ')}"
