"""Random hostile input, for as long as you like: mapping files, formulas, queries, Salesforce's answers, sheets.

``python -m bench.fuzz`` runs each target for ten seconds; ``--seconds`` and ``--only`` say otherwise. With atheris
installed (Linux; not among our dependencies) ``--atheris TARGET`` goes on with its coverage-guided inputs until it is
stopped. Answers 1 when something else than one of our errors came out; the input is kept as ``fuzz-<target>.bin``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from time import perf_counter

from connectors.salesforce.query import like_pattern, text_literal
from connectors.spreadsheet.cells import disarm, rearm
from connectors.spreadsheet.sheet import Sheet
from isthmus.kernel.errors import IsthmusError
from isthmus.mapping.formula import BadFormula, parse_formula
from isthmus.mapping.functions import Unfit
from isthmus.playground.soql import parse, plain_text
from tests.hostile.answers import CUSTOMERS, ORDERS, answering
from tests.hostile.test_mapping_language import ESCAPES, PLACES, RECORD, planted, use
from tests.scenarios.world import ROOT

Target = Callable[[bytes], None]
_MAPPING = (ROOT / "mappings" / "salesforce_erp" / "order.yaml").read_bytes()


def fuzz_mapping(data: bytes) -> None:
    """A shipped file with some of its bytes exchanged; or a text in one place of a small one."""
    if data[:1] < b"\x80":
        at = int.from_bytes(data[1:3], "big") % len(_MAPPING)
        use(_MAPPING[:at] + data[3:] + _MAPPING[at + len(data[3:]) // 2 :])
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
    value = found.parts[0].value.text  # type: ignore[union-attr]
    if plain_text(value) != text:
        raise AssertionError(f"{text!r} became {value!r}")


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


TARGETS: dict[str, Target] = {
    "mapping": fuzz_mapping, "formula": fuzz_formula, "query": fuzz_query, "answer": fuzz_answer, "sheet": fuzz_sheet,
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
    if given.atheris:
        return _by_coverage(given.atheris)
    return int(any([_at_random(name, Random(given.seed), given.seconds) for name in given.only]))  # noqa: S311, C419


def _at_random(name: str, dice: Random, seconds: float) -> bool:
    """Whether something came out that should not."""
    began, done = perf_counter(), 0
    slowest = 0.0
    while perf_counter() - began < seconds:
        data = _input(dice)
        start = perf_counter()
        if not _survives(name, data):
            return True
        slowest = max(slowest, perf_counter() - start)
        done += 1
    sys.stdout.write(f"{name:8} {done:8} inputs, slowest {slowest * 1000:.0f} ms, nothing but our own errors\n")
    return False


def _input(dice: Random) -> bytes:
    """Bytes, texts and pieces of what is dangerous, at least three bytes."""
    parts = [dice.choice(WORDS) if dice.random() < 0.6 else dice.randbytes(dice.randint(0, 8)) for _ in range(4)]
    return dice.randbytes(3) + b"".join(parts)


def _survives(name: str, data: bytes) -> bool:
    try:
        TARGETS[name](data)
    except Exception:  # noqa: BLE001 - whatever it is, it is what we are looking for
        Path(f"fuzz-{name}.bin").write_bytes(data)
        sys.stdout.write(f"{name}: the input is in fuzz-{name}.bin\n{traceback.format_exc()}")
        return False
    return True


def _by_coverage(name: str) -> int:
    try:
        from importlib import import_module

        atheris = import_module("atheris")
    except ImportError:
        sys.stdout.write("atheris is not installed: uv pip install atheris (Linux wheels only)\n")
        return 2
    atheris.Setup([sys.argv[0]], lambda data: TARGETS[name](data.ljust(3, b"\0")))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
