"""The one door to the terminal. Everything that passes is made visible text first; nobody else prints.

Results go to stdout, progress and faults to stderr. With ``--json`` stdout carries one JSON document and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import orjson

from isthmus.cli.visible import visible, visible_json
from isthmus.kernel.columns import aligned
from isthmus.kernel.errors import Fault

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

OnPage = Callable[[str, str, int], None]


class Screen:
    """Words for people on a terminal, plain lines in a pipe, JSON for scripts."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    def line(self, text: str = "", *, style: str = "") -> None:
        """One line on stdout; ``style`` is rich's and shows on a terminal only."""
        _write(sys.stdout, visible(text), style)

    def lines(self, text: str) -> None:
        """A text of our own that has several lines."""
        for line in text.splitlines():
            self.line(line)

    def hint(self, text: str) -> None:
        """One line on stderr: what is going on, never a result."""
        _write(sys.stderr, visible(text), "dim")

    def fault(self, fault: Fault) -> None:
        """``where: what; remedy`` on stderr."""
        _write(sys.stderr, visible(str(fault)), "red")

    def document(self, value: object) -> None:
        """The one JSON document on stdout."""
        self._json(value, orjson.OPT_INDENT_2)

    def json_line(self, value: object) -> None:
        """One JSON document on a line of its own, for commands that tell of record after record."""
        self._json(value, 0)

    def _json(self, value: object, option: int) -> None:
        text = orjson.dumps(value, default=str, option=option).decode()
        _write(sys.stdout, visible_json(text), "")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
        """Rows under a head; the columns named in ``right`` hold numbers."""
        cells = [[visible(cell) for cell in row] for row in rows]
        if sys.stdout.isatty():
            _draw_table(head, cells, right)
            return
        for line in aligned((head, *cells), right={place for place, name in enumerate(head) if name in right}):
            _write(sys.stdout, line, "")

    @contextmanager
    def progress(self) -> Iterator[OnPage]:
        """Something that is told (mapping, direction, records so far): bars on a terminal, else a line a page."""
        if self.as_json:
            yield lambda *_: None
        elif sys.stderr.isatty():
            with _bars() as bars:
                yield _Bars(bars)
        else:
            yield lambda mapping, direction, passed: self.hint(f"{mapping} {direction}: {passed} records")


def _write(stream: TextIO, text: str, style: str) -> None:
    if style and stream.isatty():
        from rich.text import Text

        _console(stream).print(Text(text, style=style), soft_wrap=True)
        return
    try:
        stream.write(text + "\n")
    except UnicodeEncodeError:  # a terminal of another alphabet
        stream.write(text.encode("ascii", "backslashreplace").decode() + "\n")


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, markup=False, emoji=False, highlight=False)


def _draw_table(head: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in head:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    _console(sys.stdout).print(table)


def _bars() -> Progress:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns: tuple[Any, ...] = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24, pulse_style="cyan"),
        TextColumn("{task.completed:,.0f} records", markup=False),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=_console(sys.stderr), transient=True)


class _Bars:
    """One bar for each direction of each mapping; how many records come is not known beforehand, so it pulses."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, mapping: str, direction: str, passed: int) -> None:
        name = f"{mapping} {direction}"
        if name not in self._tasks:
            for task in self._tasks.values():
                self._progress.stop_task(task)
            self._tasks[name] = self._progress.add_task(name, total=None)
        self._progress.update(self._tasks[name], completed=passed)
