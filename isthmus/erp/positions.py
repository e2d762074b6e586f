"""How far a reader has come: a position in the log of changes and, where time makes news, the day it was read on.

Positions are texts that others keep for us. A stream that is read by id rather than along the log says in between how
far it has come on its way from one position to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

WIDTH = 19  # digits of a 64-bit number: texts of one width sort like the numbers


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the log. ``day`` is empty in streams whose records move by changes alone."""

    transaction: int
    number: int
    day: str = ""

    def __str__(self) -> str:
        text = f"{max(self.transaction, 0):0{WIDTH}d}.{max(self.number, 0):0{WIDTH}d}"
        return f"{text}.{self.day}" if self.day else text


@dataclass(frozen=True, slots=True)
class Way:
    """What is to be read: what moved after ``since`` (None: everything) up to ``until``, of ids beyond ``after``."""

    since: Position | None
    until: Position
    after: int = 0

    def __str__(self) -> str:
        return f"{self.since or ''}>{self.until}>{self.after}"


START = Position(-1, -1)


def read_position(text: str) -> Position:
    """A position from its text; ValueError for other texts."""
    transaction, number, *days = text.split(".")
    (day,) = days or [""]
    return Position(int(transaction), int(number), day)


def read_way(text: str | None, until: Position) -> Way:
    """The way that goes on where a text stands: between two positions, or from one to ``until``.

    Raises ValueError for other texts.
    """
    if text is None or ">" not in text:
        return Way(None if text is None else read_position(text), until)
    since, end, after = text.split(">")
    return Way(read_position(since) if since else None, read_position(end), int(after))
