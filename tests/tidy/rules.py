"""The house rules that no linter holds: each takes a file and returns what is wrong with it, in one line each."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("isthmus", "connectors", "dags", "bench", "mappings", "schemas", "tests", "docs", ".ci")
ROOT_FILES = ("*.py", "*.toml", "*.yaml", "*.md", "*.in", "*.lock", "Makefile")
TEXT_ENDINGS = frozenset(
    ".py .yaml .yml .json .md .toml .xml .html .sql .sh .cfg .in .lock .css .js .mako .txt".split()
)
FUNCTION_LINES, FILE_LINES, FOLDER_DEPTH = 40, 400, 3
BANNED_NAMES = frozenset(
    "utils util helpers helper common base manager managers handler handlers data info misc".split()
)

_ABOUT_RULES = frozenset({Path(__file__), Path(__file__).with_name("planted.py")})  # they spell what they forbid

Rule = Callable[[PurePosixPath, str], Iterator[str]]


@cache
def house() -> tuple[tuple[PurePosixPath, str], ...]:
    """Every text file of ours, by its path from the root; read once for all rules."""
    places = (*((ROOT / folder).rglob("*") for folder in FOLDERS), *(ROOT.glob(pattern) for pattern in ROOT_FILES))
    return tuple(file for paths in places for file in _texts(paths))


def _texts(paths: Iterator[Path]) -> Iterator[tuple[PurePosixPath, str]]:
    for path in paths:
        known = path.suffix in TEXT_ENDINGS or path.parent.name == ".ci" or path.name == "Makefile"
        if known and path.is_file() and "__pycache__" not in path.parts and path not in _ABOUT_RULES:
            yield PurePosixPath(path.relative_to(ROOT).as_posix()), path.read_text(encoding="utf-8")


def long_functions(path: PurePosixPath, text: str) -> Iterator[str]:
    """A function has at most 40 lines; its docstring is not counted."""
    if path.suffix != ".py":
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1 - _docstring_lines(node)
            if lines > FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {lines} lines; at most {FUNCTION_LINES}, split it"


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return (first.end_lineno or 0) - first.lineno + 1 if told else 0


def long_files(path: PurePosixPath, text: str) -> Iterator[str]:
    """A Python file has at most 400 lines."""
    lines = text.count("\n")
    if path.suffix == ".py" and lines > FILE_LINES:
        yield f"{path}: has {lines} lines; at most {FILE_LINES}, make a folder of it"


def deep_folders(path: PurePosixPath, _text: str) -> Iterator[str]:
    """Python is at most three folders below its top-level one."""
    depth = len(path.parts) - 2
    if path.suffix == ".py" and depth > FOLDER_DEPTH:
        yield f"{path}: is {depth} folders deep; at most {FOLDER_DEPTH}, move it up"


def empty_names(path: PurePosixPath, _text: str) -> Iterator[str]:
    """A module's name says what is in it."""
    if path.suffix != ".py":
        return
    for part in (*path.parts[:-1], path.stem):
        if BANNED_NAMES & set(part.removeprefix("test_").split("_")):
            yield f"{path}: {part!r} says nothing; name it for what is in it"


def second_roundings(path: PurePosixPath, text: str) -> Iterator[str]:
    """Rounding has one door; ruff cannot ban a builtin."""
    if path.suffix != ".py" or path.parts[0] not in ("isthmus", "connectors", "dags"):
        return
    for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
        built_in = isinstance(call.func, ast.Name) and call.func.id == "round"
        method = isinstance(call.func, ast.Attribute) and call.func.attr in ("quantize", "__round__")
        if (built_in or method) and path.as_posix() != "isthmus/kernel/money.py":
            yield f"{path}:{call.lineno}: rounds; isthmus.kernel.money has the one rule (divide_half_up)"


def unfinished_work(path: PurePosixPath, text: str) -> Iterator[str]:
    """Nothing is left for later in a file: it is done, or it is in a list of its own."""
    marks = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    for number, line in enumerate(text.splitlines(), 1):
        if found := marks.search(line):
            yield f"{path}:{number}: {found.group()}; do it now, or drop it"


def machine_paths(path: PurePosixPath, text: str) -> Iterator[str]:
    """No file knows the machine it was written on."""
    machine = re.compile(r"""(?<![\w.$}~*-])/(home|root|Users|work|tmp|opt|mnt)/\w""")
    for number, line in enumerate(text.splitlines(), 1):
        if found := machine.search(line):
            yield f"{path}:{number}: {found.group()}… is a path of one machine; make it relative"


def registry_addresses(path: PurePosixPath, text: str) -> Iterator[str]:
    """Where packages come from is the installer's business, not ours."""
    registry = re.compile(r"pypi\.org|pythonhosted|index[-_]url|find[-_]links|registry\.npmjs")
    for number, line in enumerate(text.splitlines(), 1):
        if found := registry.search(line):
            yield f"{path}:{number}: {found.group()} names a package registry; leave it out"


def real_mailboxes(path: PurePosixPath, text: str) -> Iterator[str]:
    """E-mail addresses are invented: at example.com, example.org, example.net or under .example."""
    mailbox = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
    for number, line in enumerate(text.splitlines(), 1):
        for found in mailbox.finditer(line):
            host = found.group(1).lower().rstrip(".")
            if not re.search(r"(^|\.)example(\.(com|org|net))?$|\.(invalid|test|localhost)$", host):
                yield f"{path}:{number}: {found.group()} may be somebody's; use one at example.com"


RULES: tuple[Rule, ...] = (
    long_functions,
    long_files,
    deep_folders,
    empty_names,
    second_roundings,
    unfinished_work,
    machine_paths,
    registry_addresses,
    real_mailboxes,
)
