"""Random hostile input, for as long as you like: mapping files, formulas, queries, Salesforce's answers, sheets.

``python -m bench.fuzz`` runs each target for ten seconds; ``--seconds`` and ``--only`` say otherwise. With atheris
installed (``uv pip install atheris``; it is not among our dependencies, because it is there for Linux only)
``--atheris TARGET`` finds its way by which of our lines an input reaches. Ends with 1 or more at the first thing that
is none of our errors, tells it, and keeps the input as ``fuzz-<target>-…``.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from random import Random
from time import perf_counter
from types import FunctionType

from connectors.salesforce.query import like_pattern, text_literal
from connectors.spreadsheet.cells import disarm, rearm
from connectors.spreadsheet.sheet import Sheet
from isthmus.kernel.errors import IsthmusError
from isthmus.mapping.formula import BadFormula, parse_formula
from isthmus.mapping.functions import Unfit
from isthmus.playground.soql import Comparison, Joined, Literal, parse, plain_text
from tests.hostile.answers import CUSTOMERS, ORDERS, answering
from tests.hostile.test_mapping_language import ESCAPES, PLACES, RECORD, planted, use
from tests.hostile.test_workbooks import built
from tests.scenarios.world import ROOT

Target = Callable[[bytes], None]
SEEDS = 200  # inputs that a coverage-guided run begins with


@cache
def _mapping() -> bytes:
    return (ROOT / "mappings" / "salesforce_erp" / "order.yaml").read_bytes()


def fuzz_mapping(data: bytes) -> None:
    """A shipped file with some of its bytes exchanged; or a text in one place of a small one."""
    if data[:1] < b"\x80":
        whole = _mapping()
        at = int.from_bytes(data[1:3], "big") % len(whole)
        use(whole[:at] + data[3:] + whole[at + len(data[3:]) // 2 :])
        return
    path, is_name = PLACES[int.from_bytes(data[1:2], "big") % len(PLACES)]
    text = ESCAPES[data[2] % len(ESCAPES)] if len(data) == 3 else data[2:].decode("utf-8", "replace")
    use(planted(path, text, is_name=is_name))


def fuzz_formula(data: bytes) -> None:
    try:
        parse_formula(data.decode("utf-8", "replace")).evaluate(RECORD)
    except (BadFormula, Unfit):
        return


def fuzz_query(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    found = parse(f"SELECT Id FROM Account WHERE Name = {text_literal(text)} AND Phone LIKE {like_pattern(text)}").where
    match found:
        case Joined("and", (Comparison("Name", "=", Literal(_, written)), Comparison("Phone", "like"))):
            if plain_text(written) != text:
                raise AssertionError(f"{text!r} became {written!r}")
        case _:
            raise AssertionError(f"{text!r} made it {found!r}")


def fuzz_answer(data: bytes) -> None:
    """One answer, the n-th, is the data; or has it somewhere in the middle."""
    asked = [0]

    def change(_path: str, body: bytes) -> bytes:
        asked[0] += 1
        if asked[0] != 1 + data[0] % 6:
            return body
        at = int.from_bytes(data[1:3], "big") % len(body)
        return data[3:] if data[0] < 32 else body[:at] + data[3:] + body[at + len(data[3:]) :]

    with answering(change) as crm:
        try:
            for selection in (CUSTOMERS, ORDERS):
                list(crm.read(selection, "2026-11-22T08:00:00.000Z", timedelta(hours=1)))
        except IsthmusError:
            return


def fuzz_sheet(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    if rearm(disarm(text)) != text:
        raise AssertionError(f"{text!r} does not come back")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customer.csv"
        path.write_bytes(b"id,name\n" + data if data[:1] < b"\x80" else data)
        try:
            Sheet.read(path)
        except IsthmusError:
            return


@cache
def _workbook() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = built(Path(folder) / "a.xlsx", [1, "x"], [2, 0.5], [3, "=A1"])
        with zipfile.ZipFile(path) as packed:
            return {name: packed.read(name) for name in packed.namelist()}


def fuzz_workbook(data: bytes) -> None:
    """A workbook with some bytes of one of its parts exchanged; or of its table."""
    parts = dict(_workbook())
    name = "xl/worksheets/sheet1.xml" if data[0] < 128 else sorted(parts)[data[0] % len(parts)]
    at = int.from_bytes(data[1:3], "big") % len(parts[name])
    parts[name] = parts[name][:at] + data[3:] + parts[name][at + len(data[3:]) // 2 :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.xlsx"
        with zipfile.ZipFile(path, "w") as packed:
            for one, content in parts.items():
                packed.writestr(one, content)
        try:
            Sheet.read(path).save()
        except IsthmusError:
            return


TARGETS: dict[str, Target] = {
    "mapping": fuzz_mapping, "formula": fuzz_formula, "query": fuzz_query, "answer": fuzz_answer, "sheet": fuzz_sheet,
    "workbook": fuzz_workbook,
}  # fmt: skip
WORDS = [one.encode("utf-8", "replace") for one in ESCAPES] + [b'"', b"'", b"{", b"}", b"[", b"]", b":", b"\n", b"null"]


def main(words: Sequence[str] | None = None) -> int:
    """Runs what is asked for and tells the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description="Random hostile input.")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--only", choices=TARGETS, nargs="*", default=list(TARGETS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--atheris", choices=TARGETS, metavar="TARGET")
    given = parser.parse_args(words)
    dice = Random(given.seed)  # noqa: S311 - which input, not a secret
    if given.atheris:
        return _by_coverage(given.atheris, dice, given.seconds)
    for name in given.only:
        _at_random(name, dice, given.seconds)
    return 0


def _at_random(name: str, dice: Random, seconds: float) -> None:
    began, done = perf_counter(), 0
    slowest = 0.0
    while perf_counter() - began < seconds:
        start = perf_counter()
        _try(name, _input(dice))
        slowest = max(slowest, perf_counter() - start)
        done += 1
    sys.stdout.write(f"{name:8} {done:8} inputs, slowest {slowest * 1000:.0f} ms, nothing but our own errors\n")
    sys.stdout.flush()


def _input(dice: Random) -> bytes:
    """Bytes, texts and pieces of what is dangerous, at least three bytes."""
    parts = [dice.choice(WORDS) if dice.random() < 0.6 else dice.randbytes(dice.randint(0, 8)) for _ in range(4)]
    return dice.randbytes(3) + b"".join(parts)


def _try(name: str, data: bytes) -> None:
    """Whatever comes out of a target is what we are looking for: it ends the run, and its input is kept."""
    survived = False
    try:
        TARGETS[name](data)
        survived = True
    finally:
        if not survived:
            Path(f"fuzz-{name}-{sha256(data).hexdigest()[:12]}.bin").write_bytes(data)


def _by_coverage(name: str, dice: Random, seconds: float) -> int:
    try:
        atheris = import_module("atheris")
    except ImportError:
        sys.stdout.write("atheris is not installed: uv pip install atheris (Linux wheels only)\n")
        return 2
    TARGETS[name](_input(dice))  # what is imported late is there now
    for function in [one for one in gc.get_objects() if isinstance(one, FunctionType)]:
        if (function.__module__ or "").startswith(("isthmus.", "connectors.")):
            atheris.instrument_func(function)
    with tempfile.TemporaryDirectory() as seeds:
        for number in range(SEEDS):
            (Path(seeds) / str(number)).write_bytes(_input(dice))
        limits = [f"-max_total_time={seconds:.0f}", "-timeout=20", "-max_len=4096", f"-artifact_prefix=fuzz-{name}-"]
        atheris.Setup([sys.argv[0], *limits, seeds], lambda data: TARGETS[name](data.ljust(3, b"\0")))
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
