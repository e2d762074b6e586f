"""Plain values → the YAML that the strict loader reads back as the same: one line where it fits, else one each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Any

WIDTH = 120
#: What may stand without quotes, alone or inside brackets.
_BARE = re.compile(r"(?:[A-Za-z0-9_.$€]|-(?=[0-9]))(?:[ !$%&'()*+./0-9;<=>?@A-Z^_`a-z|~€–-]|:(?=[\w/]))*")
_TAKEN = re.compile(r"true|false|null|0|-?[1-9][0-9]*|.* ")  # a word of YAML, a whole number, a blank at the end
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def flow(value: Any, *, alone: bool = False) -> str:
    """A value on one line; ``alone`` is not inside brackets, where a comma means nothing."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(name)}: {flow(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, int) else _text(str(value), alone=alone)


def _text(text: str, *, alone: bool) -> str:
    if _BARE.fullmatch(text.replace(",", "~") if alone else text) and not _TAKEN.fullmatch(text):  # none begins it
        return text
    return '"' + "".join(_ESCAPES.get(letter, letter) for letter in text) + '"'


def entry(name: Any, value: Any, *, indent: int = 0, width: int = 0) -> Iterator[str]:
    """``name: value``, the value beginning after ``width`` letters of name; broken up where the line is too long."""
    key = " " * indent + f"{flow(name)}:"
    line = f"{key.ljust(indent + width + 1)} {flow(value, alone=True)}"
    if not value or (len(line) <= WIDTH and not _holds_tables(value)) or isinstance(value, int):
        yield line
        return
    if isinstance(value, str):
        yield from _folded(key, value, indent=indent) if value == " ".join(value.split()) else [line]
        return
    yield key
    if isinstance(value, Mapping):
        for inner, one in value.items():
            yield from entry(inner, one, indent=indent + 2)
        return
    for one in value:
        yield from item(one, indent=indent + 2)


def _holds_tables(value: Any) -> bool:
    """A list of tables reads better one below the other."""
    return isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value)


def _folded(key: str, text: str, *, indent: int) -> Iterator[str]:
    """A long text over several lines."""
    start = " " * (indent + 2)
    yield f"{key} >-"
    yield from (start + line for line in wrap(text, WIDTH - len(start), break_long_words=False, break_on_hyphens=False))


def item(value: Any, *, indent: int, whole: bool = False) -> Iterator[str]:
    """``- value``, one line, or with ``whole`` always one line a name."""
    line = f"{' ' * indent}- {flow(value)}"
    if not isinstance(value, Mapping) or (len(line) <= WIDTH and not whole):
        yield line
        return
    lines = [line for name, one in value.items() for line in entry(name, one, indent=indent + 2)]
    yield " " * indent + "- " + lines[0].lstrip()
    yield from lines[1:]


def comment(texts: Iterable[str | None], *, indent: int = 0) -> Iterator[str]:
    """Sentences as lines of comment, wrapped; those that are not given are left out."""
    told = " ".join(text for text in texts if text)
    start = " " * indent + "# "
    yield from (start + line for line in wrap(told, WIDTH - len(start), break_long_words=False, break_on_hyphens=False))
