"""Strict YAML: the text of a file becomes nodes that know their line and column, or faults that say what to change.

Only texts, true, false, null, lists and tables exist. Whether a text is a number is decided by the grammar, where a
number belongs; so ``NO``, ``0012`` and ``12:30`` stay what was typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from isthmus.kernel.errors import Fault

BYTES_MAX = 1_000_000
DEPTH_MAX = 32
NODES_MAX = 20_000

#: Control characters, the line separators that only YAML counts as line breaks, and the marks of no character.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_TAB_INDENT = re.compile(r"^ *\t", re.MULTILINE)
_PLAIN = {"true": True, "false": False, "null": None, "~": None, "": None}
#: The C parser is ten times faster and says the same; without libyaml the other one serves.
_PARSER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file; line and column count from 1, as editors do."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. ``plain`` is false when it was quoted: quoted values are always text."""

    value: str | bool | None
    plain: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Listing:
    """``[a, b]`` or lines that begin with a dash."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Table:
    """``name: value`` lines, each name once."""

    entries: tuple[tuple[Scalar, Node], ...]
    place: Place


Node = Scalar | Listing | Table


class _Unreadable(Exception):
    """The text cannot be read on from here."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def read_document(content: bytes, file: str) -> tuple[Node | None, list[Fault]]:
    """The node tree of a file and everything wrong with its YAML. No tree when it could not be read to its end."""
    faults: list[Fault] = []
    try:
        text = _decode(content, file)
        return _Builder(text, file, faults).document(), faults
    except _Unreadable as error:
        return None, [*faults, error.fault]


def _decode(content: bytes, file: str) -> str:
    if len(content) >= BYTES_MAX:
        raise _Unreadable(Fault(f"{file}:1:1", f"the file has {len(content)} bytes", "keep it below 1 MB"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        raise _Unreadable(Fault(_spot(file, before, len(before)), "not UTF-8 text", "save the file as UTF-8")) from None
    if found := _FORBIDDEN.search(text):
        what = f"the character U+{ord(found[0]):04X} cannot be in a mapping"
        raise _Unreadable(Fault(_spot(file, text, found.start()), what, "remove it"))
    if found := _TAB_INDENT.search(text):
        where = _spot(file, text, found.end() - 1)
        raise _Unreadable(Fault(where, "a tab stands where blanks are needed", "indent with blanks"))
    return text


def _spot(file: str, text: str, index: int) -> str:
    line = text.count("\n", 0, index) + 1
    return f"{file}:{line}:{index - (text.rfind(chr(10), 0, index) + 1) + 1}"


class _Builder:
    """Turns the parser's events into nodes, one document, nothing clever."""

    def __init__(self, text: str, file: str, faults: list[Fault]) -> None:
        self._file = file
        self._faults = faults
        self._nodes = 0
        self._events: Iterator[Any] = yaml.parse(text, Loader=_PARSER)

    def document(self) -> Node:
        self._next()
        start = self._next()
        if isinstance(start, yaml.StreamEndEvent):
            raise _Unreadable(Fault(f"{self._file}:1:1", "the file is empty", "write a mapping or remove the file"))
        if start.version or start.tags:
            raise self._refuse(start, "directives have no meaning here", "remove the line that begins with %")
        node = self._node(self._next(), 1)
        self._next()
        if not isinstance(extra := self._next(), yaml.StreamEndEvent):
            raise self._refuse(extra, "a second document begins", "keep one mapping per file, without ---")
        return node

    def _next(self) -> Any:
        try:
            return next(self._events)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"{self._file}:{mark.line + 1}:{mark.column + 1}" if mark else f"{self._file}:1:1"
            what = f"not readable as YAML: {error.problem or error.context}"
            raise _Unreadable(
                Fault(where, what, "check indentation, quotes and brackets here and just before")
            ) from None
        except yaml.YAMLError as error:
            what = f"not readable as YAML: {error}"
            raise _Unreadable(Fault(f"{self._file}:1:1", what, "save the file as plain UTF-8 text")) from None

    def _place(self, event: Any) -> Place:
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refuse(self, event: Any, what: str, remedy: str) -> _Unreadable:
        return _Unreadable(Fault(str(self._place(event)), what, remedy))

    def _node(self, event: Any, depth: int) -> Node:
        self._check(event, depth)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._listing(event, depth)
        return self._table(event, depth)

    def _check(self, event: Any, depth: int) -> None:
        self._nodes += 1
        if isinstance(event, yaml.AliasEvent):
            raise self._refuse(event, f"*{event.anchor} refers to another place", "write the value here")
        if event.anchor is not None:
            raise self._refuse(event, f"&{event.anchor} names a value for use elsewhere", "remove it")
        if event.tag is not None:
            raise self._refuse(
                event, f"{event.tag} is a tag", "remove it; a number is a text, quotes keep a text a text"
            )
        if depth > DEPTH_MAX:
            raise self._refuse(event, f"more than {DEPTH_MAX} levels deep", "a mapping needs six")
        if self._nodes > NODES_MAX:
            raise self._refuse(event, f"more than {NODES_MAX} values", "split the mapping")

    def _scalar(self, event: Any) -> Scalar:
        plain = event.style is None or event.style == ""
        value = _PLAIN.get(event.value, event.value) if plain else event.value
        return Scalar(value, plain, self._place(event))

    def _listing(self, start: Any, depth: int) -> Listing:
        items: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Listing(tuple(items), self._place(start))

    def _table(self, start: Any, depth: int) -> Table:
        entries: list[tuple[Scalar, Node]] = []
        seen: dict[str | bool | None, Place] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, depth)
            value = self._node(self._next(), depth + 1)
            if key.value in seen:
                first = seen[key.value]
                what = f"{show(key.value)} is written twice, first in line {first.line}"
                self._faults.append(Fault(str(key.place), what, "keep one of them"))
                continue
            seen[key.value] = key.place
            entries.append((key, value))
        return Table(tuple(entries), self._place(start))

    def _key(self, event: Any, depth: int) -> Scalar:
        self._check(event, depth + 1)
        if not isinstance(event, yaml.ScalarEvent):
            raise self._refuse(event, "a list or table stands where a name is needed", "write 'name: value'")
        key = self._scalar(event)
        if key.plain and key.value == "<<":
            raise self._refuse(event, "<< merges another table into this one", "write the keys here")
        return key


def show(value: str | bool | None) -> str:
    """A value as the file spells it: texts in quotes, so that 'true' and true differ."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}'" if len(value) <= 80 else f"'{value[:77]}…'"
