"""The grammar of a mapping file: each key declared once, for the loader, the editor's schema and the documentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from isthmus.kernel.errors import Fault
from isthmus.mapping.document import Listing, Node, Place, Scalar, Table, show

NAME = r"[a-z][a-z0-9_]*"
PATH = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*"


@dataclass(frozen=True, slots=True)
class Text:
    """A text; ``wanted`` says in words what the pattern asks for."""

    about: str = ""
    pattern: str | None = None
    wanted: str = "a text"


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    about: str = ""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number that is not negative."""

    about: str = ""


@dataclass(frozen=True, slots=True)
class Plain:
    """Text, true, false or a whole number: what a term compares with. Quotes keep a number a text."""

    about: str = ""


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value: the fields of a record in a test."""

    about: str = ""


@dataclass(frozen=True, slots=True)
class Never:
    """Nothing fits here; ``wanted`` says what was meant instead."""

    wanted: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]
    about: str = ""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one kind."""

    of: Kind
    about: str = ""
    least: int = 0


@dataclass(frozen=True, slots=True)
class MapOf:
    """A table with names of the author's own choice."""

    of: Kind
    about: str = ""
    pattern: str | None = None
    wanted: str = "a name"
    flags: bool = False  # true and false may be names as well


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a block."""

    name: str
    kind: Kind
    required: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A table with declared keys."""

    title: str
    keys: tuple[Key, ...]
    about: str = ""


@dataclass(frozen=True, slots=True)
class Either:
    """One of several kinds; ``choose`` tells from the node which one was meant."""

    kinds: tuple[Kind, ...]
    choose: Callable[[Node], int]
    about: str = ""


Kind = Text | Flag | Whole | Plain | Anything | Never | Choice | ListOf | MapOf | Block | Either


@dataclass(frozen=True, slots=True)
class Piece:
    """A value read by the grammar, with its place: a scalar, a tuple of pieces or a dict of pieces by name."""

    value: Any
    place: Place
    at: dict[str, Place] = field(default_factory=dict)  # the places of a table's names
    block: bool = False  # a table with declared keys, not one of the author's own names

    def get(self, name: str) -> Any:
        """The plain value under a name, None when it is not given."""
        piece = self.value.get(name)
        return None if piece is None else piece.value

    def piece(self, name: str) -> Piece | None:
        found = self.value.get(name)
        return found if isinstance(found, Piece) else None


def suggest(word: str, options: Sequence[str], otherwise: str = "use one of") -> str:
    """The remedy for a word nobody knows: the nearest one, or all of them."""
    near = get_close_matches(word, options, n=1, cutoff=0.6)
    if not near:
        near = [option for option in options if option.casefold() == word.casefold()]
    if near:
        return f"did you mean '{near[0]}'?"
    if not options:
        return "remove it"
    shown = ", ".join(options[:20]) + (", …" if len(options) > 20 else "")
    return f"{otherwise} {shown}"


class Reader:
    """Reads nodes by kinds; what does not fit becomes a fault and is left out."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults = faults

    def read(self, node: Node, kind: Kind, name: str) -> Piece | None:
        """The piece, or None after at least one fault. ``name`` says what is being read, in words."""
        while isinstance(kind, Either):
            kind = kind.kinds[kind.choose(node)]
        if isinstance(kind, Block):
            return self._block(node, kind, name)
        if isinstance(kind, MapOf):
            return self._map(node, kind, name)
        if isinstance(kind, ListOf):
            return self._list(node, kind, name)
        if isinstance(kind, Anything):
            return _anything(node)
        if isinstance(kind, Never):
            self.fault(node.place, f"{name} is {_form(node)}", f"write {kind.wanted}")
            return None
        return self._scalar(node, kind, name)

    def fault(self, place: Place, what: str, remedy: str) -> None:
        self._faults.append(Fault(str(place), what, remedy))

    def _scalar(self, node: Node, kind: Text | Flag | Whole | Plain | Choice, name: str) -> Piece | None:
        if not isinstance(node, Scalar):
            self.fault(node.place, f"{name} is {_form(node)}", f"write {_wanted(kind)}")
            return None
        value, remedy = _fit(node, kind)
        if remedy is not None:
            self.fault(
                node.place, f"{name} is {show(node.value)}" if node.value is not None else f"{name} is empty", remedy
            )
            return None
        return Piece(value, node.place)

    def _list(self, node: Node, kind: ListOf, name: str) -> Piece | None:
        if not isinstance(node, Listing):
            self.fault(node.place, f"{name} is not a list", "write [first, second]")
            return None
        items = tuple(piece for item in node.items if (piece := self.read(item, kind.of, f"an item of {name}")))
        if len(items) < kind.least and len(items) == len(node.items):
            self.fault(node.place, f"{name} is empty", "name at least one")
            return None
        return Piece(items, node.place)

    def _map(self, node: Node, kind: MapOf, name: str) -> Piece | None:
        if not isinstance(node, Table):
            self.fault(node.place, f"{name} is not a table", "write 'name: value' lines, or {name: value}")
            return None
        values: dict[Any, Piece] = {}
        places: dict[str, Place] = {}
        for key, child in node.entries:
            if not self._name_fits(key, kind, name):
                continue
            piece = self.read(child, kind.of, f"'{_spell(key.value)}' in {name}")
            if piece is not None:
                values[key.value] = piece
                places[_spell(key.value)] = key.place
        return Piece(values, node.place, places)

    def _name_fits(self, key: Scalar, kind: MapOf, name: str) -> bool:
        if isinstance(key.value, str) and (kind.pattern is None or re.fullmatch(kind.pattern, key.value)):
            return True
        if kind.flags and isinstance(key.value, bool):
            return True
        self.fault(key.place, f"{show(key.value)} in {name} is not {kind.wanted}", f"write {kind.wanted}")
        return False

    def _block(self, node: Node, kind: Block, name: str) -> Piece | None:
        if not isinstance(node, Table):
            self.fault(node.place, f"{name} is not a table", f"write {{{kind.keys[0].name}: …}}")
            return None
        keys = {key.name: key for key in kind.keys}
        values: dict[str, Piece] = {}
        places: dict[str, Place] = {}
        for spelled, child in node.entries:
            known = keys.get(spelled.value) if isinstance(spelled.value, str) else None
            if known is None:
                what = f"{name} knows no key {show(spelled.value)}"
                self.fault(spelled.place, what, suggest(_spell(spelled.value), tuple(keys), "it knows"))
                continue
            places[known.name] = spelled.place
            piece = self.read(child, known.kind, f"'{known.name}' of {name}")
            if piece is not None:
                values[known.name] = piece
        for key in kind.keys:
            if key.required and key.name not in places:
                self.fault(node.place, f"{name} has no '{key.name}'", f"add '{key.name}: …'")
        return Piece(values, node.place, places, block=True)


def _spell(value: str | bool | None) -> str:
    return value if isinstance(value, str) else show(value)


def _form(node: Node) -> str:
    return "a list" if isinstance(node, Listing) else "a table" if isinstance(node, Table) else show(node.value)


def _wanted(kind: Kind) -> str:
    match kind:
        case Text():
            return kind.wanted
        case Flag():
            return "true or false"
        case Whole():
            return "a whole number"
        case Choice():
            return "one of " + ", ".join(kind.options)
    return "a text, a whole number, true or false"


def _fit(node: Scalar, kind: Text | Flag | Whole | Plain | Choice) -> tuple[Any, str | None]:
    """The value as its kind wants it, or the remedy."""
    value, wrong = node.value, f"write {_wanted(kind)}"
    match kind:
        case Text():
            fits = isinstance(value, str) and (kind.pattern is None or re.fullmatch(kind.pattern, value) is not None)
            return value, None if fits else wrong
        case Flag():
            return value, None if isinstance(value, bool) else wrong
        case Whole():
            fits = node.plain and isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]{0,8}", value) is not None
            return (int(str(value)), None) if fits else (None, wrong)
        case Choice():
            fits = isinstance(value, str) and value in kind.options
            return value, None if fits else suggest(_spell(value), kind.options)
    if value is None:
        return None, wrong
    if node.plain and isinstance(value, str) and re.fullmatch(r"0|-?[1-9][0-9]{0,17}", value):
        return int(value), None
    return value, None


def _anything(node: Node) -> Piece:
    if isinstance(node, Scalar):
        return Piece(node.value, node.place)
    if isinstance(node, Listing):
        return Piece(tuple(_anything(item) for item in node.items), node.place)
    places = {_spell(key.value): key.place for key, _ in node.entries}
    return Piece({_spell(key.value): _anything(child) for key, child in node.entries}, node.place, places)


def plain(piece: Piece) -> Any:
    """A piece without its places: dicts, lists and scalars."""
    if isinstance(piece.value, dict):
        return {name: plain(child) for name, child in piece.value.items()}
    if isinstance(piece.value, tuple):
        return [plain(child) for child in piece.value]
    return piece.value
