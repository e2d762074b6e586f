"""Whole processes: started, waited for and weighed by the operating system; nothing is timed from within."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import Any


@dataclass(frozen=True, slots=True)
class Timed:
    """One process: its time from start to end, its own user and system time, its largest memory, and what it said.

    ``cpu_seconds`` is without the database's own. ``peak_mb`` cannot be less than this program's own.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    said: Any
    database_cpu_seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


#: What is installed has its bytecode, whatever this machine's environment says: the first run of several writes it.
_COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}


def time_module(module: str, *arguments: str, environ: Mapping[str, str] | None = None) -> Timed:
    """Runs ``python -m module`` to its end. It must end well, and its last line must be JSON."""
    command = [sys.executable, "-m", module, *arguments]
    environ = {**os.environ, **_COMPILED, **(environ or {})}  # noqa: TID251
    started = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environ)  # noqa: S603
    said = process.stdout.read() if process.stdout else b""
    _, status, used = os.wait4(process.pid, 0)
    seconds = perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{module} ended with {process.returncode}; its own words are above")
    return Timed(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, json.loads(said))


def in_turn(first: Callable[[], Timed], second: Callable[[], Timed], pairs: int) -> list[tuple[Timed, Timed]]:
    """A B A B …: both see the same moods of the machine."""
    return [(first(), second()) for _ in range(pairs)]


def ratio_of(pairs: Sequence[tuple[Timed, Timed]]) -> float:
    """How many times as long the second takes: the median of the ratios, pair by pair."""
    return median(second.seconds / first.seconds for first, second in pairs)


def middle(timed: Sequence[Timed]) -> Timed:
    """The run with the median time (of an even number, the slower of the middle two)."""
    return sorted(timed, key=lambda one: one.seconds)[len(timed) // 2]
