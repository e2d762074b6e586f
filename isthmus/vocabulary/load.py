"""Vocabulary files → vocabularies, and the outlines of the entities that all of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from isthmus.connect.registry import known_types
from isthmus.kernel.errors import Fault, Misconfigured
from isthmus.kernel.units import Side
from isthmus.mapping.document import read_document
from isthmus.mapping.entities import Entity, entity_names, load_entity, schemas_folder
from isthmus.mapping.grammar import Kind, Piece, Reader, plain, suggest
from isthmus.mapping.shape import SIDE_BLOCK
from isthmus.vocabulary.shape import OUTLINES, VOCABULARY
from isthmus.vocabulary.words import Example, Naming, Outline, Rule, Shown, Vocabulary, Word

_SIDE_KEYS = tuple(key.name for key in SIDE_BLOCK.keys)


# --- finding ------------------------------------------------------------------------------------------------------


def vocabulary_files() -> dict[str, Path]:
    """The vocabularies of the installed connectors: ``vocabulary.yaml`` in its folder, else beside its file."""
    folder = Path(next(iter(import_module("connectors").__path__)))
    found = {}
    for name in known_types():
        for path in (folder / name / "vocabulary.yaml", folder / f"{name}.vocabulary.yaml"):
            if path.is_file():
                found[name] = path
    return found


def find_vocabulary(name: str, side: Side, files: Mapping[str, Path] | None = None) -> Vocabulary:
    """The vocabulary of a system, by its connector's type or another word for it, as one side of a pair.

    Raises Misconfigured for a system that nobody knows, that has none, or that cannot be that side.
    """
    files = vocabulary_files() if files is None else files
    if name in files and side in (found := read_vocabulary(files[name], name)).sides:
        return found  # whatever is wrong with others
    known = [read_vocabulary(path, kind) for kind, path in files.items()]
    words = {word: one for one in known for word in (one.type, *one.called)}
    if name in words and side in words[name].sides:
        return words[name]
    where, others = f"--{side} {name}", sorted(one.word for one in known if side in one.sides)
    remedy = f"use one of {', '.join(others)}"
    if name in words:
        raise Misconfigured(where, f"{words[name].system} is no {side.upper()}", remedy)
    if name in known_types():
        remedy = f"write connectors/{name}.vocabulary.yaml; docs/adding-a-system.md says how"
        raise Misconfigured(where, "its connector has no vocabulary", remedy)
    near = get_close_matches(name.casefold(), words, n=1, cutoff=0.6)
    raise Misconfigured(where, "there is no such system", f"did you mean {near[0]!r}?" if near else remedy)


# --- reading ------------------------------------------------------------------------------------------------------


def read_vocabulary(path: Path, kind: str) -> Vocabulary:
    """One vocabulary. Raises Misconfigured whose ``faults`` are all that is wrong with it."""
    faults: list[Fault] = []
    piece = _read(path, VOCABULARY, faults)
    if piece is None or faults:
        raise _misconfigured(faults)
    entities = {name: _naming(one) for name, one in piece.value["entities"].value.items()}
    faults += _check_names(piece, entities)
    if faults:
        raise _misconfigured(faults)
    connection = piece.piece("connection")
    return Vocabulary(
        type=kind,
        file=str(path),
        system=piece.get("system"),
        sides=tuple(one.value for one in piece.get("sides")),
        called=tuple(one.value for one in piece.get("called") or ()),
        folder=piece.get("folder") or kind,
        connection=plain(connection) if connection else None,
        entities=entities,
        lacks=_plain(piece, "lacks"),
    )


@cache
def outlines() -> dict[str, Outline]:
    """The outline of every entity that pairs of systems can share."""
    faults: list[Fault] = []
    path = Path(__file__).with_name("outlines.yaml")
    piece = _read(path, OUTLINES, faults)
    if piece is None or faults:
        raise _misconfigured(faults)
    return {name: _outline(name, one) for name, one in piece.value.items()}


def _read(path: Path, kind: Kind, faults: list[Fault]) -> Piece | None:
    try:
        content = path.read_bytes()
    except OSError as error:
        faults.append(Fault(str(path), f"cannot be read: {error.strerror}", "restore it, or give the right to read it"))
        return None
    node, found = read_document(content, str(path))
    faults += found
    return None if node is None else Reader(faults).read(node, kind, "the file")


def _misconfigured(faults: Sequence[Fault]) -> Misconfigured:
    return Misconfigured(faults[0].where, faults[0].what, faults[0].remedy, faults=tuple(faults))


def _plain(piece: Piece, name: str) -> dict[str, Any]:
    found = piece.piece(name)
    return plain(found) if found else {}


def _naming(piece: Piece) -> Naming:
    lines = piece.piece("lines")
    lacks = _plain(piece, "lacks")
    if lines:
        lacks |= {f"lines.{name}": why for name, why in _plain(lines, "lacks").items()}
    at = lines.piece("at") if lines else None
    return Naming(
        stream=piece.get("stream"),
        record=piece.get("record"),
        note=piece.get("note"),
        notes=_plain(piece, "notes"),
        where=_plain(piece, "where") or None,
        moved_by=plain(piece.value["moved_by"]) if "moved_by" in piece.value else None,
        withdraws=piece.get("withdraws"),
        given=bool(piece.get("given")),
        fields=_words(piece.value["fields"]),
        lines_at=plain(at) if at else None,
        lines=_words(lines.value["fields"]) if lines else None,
        lacks=lacks,
        tests=tuple(_shown(one) for one in piece.get("tests") or ()),
    )


def _shown(piece: Piece) -> Shown:
    means = piece.piece("means")
    return Shown(
        name=piece.get("name"),
        record=_plain(piece, "record"),
        means=plain(means) if means else None,
        refuses=piece.get("refuses"),
        filtered=piece.get("filtered"),
    )


def _words(piece: Piece) -> dict[str, Word]:
    return {path: _word(one) for path, one in piece.value.items()}


def _word(piece: Piece) -> Word:
    if not isinstance(piece.value, dict):
        return Word(str(piece.value))
    side = {name: plain(one) for name, one in piece.value.items() if name in _SIDE_KEYS}
    without = piece.piece("without")
    example = piece.piece("example")
    return Word(
        side=side["field"] if set(side) == {"field"} and isinstance(side["field"], str) else side,
        given=bool(piece.get("given")),
        note=piece.get("note"),
        example=plain(example) if example else None,
        means=piece.get("means"),
        without=_words(without) if without else {},
    )


def _outline(entity: str, piece: Piece) -> Outline:
    return Outline(
        entity=entity,
        born=piece.get("born"),
        maintainer=piece.get("maintainer"),
        schedule=piece.get("schedule"),
        same_as=piece.get("same_as"),
        match=tuple(tuple(name.value for name in rule.value) for rule in piece.get("match") or ()),
        note=piece.get("note"),
        rules=_rules(piece.piece("fields")),
        line_rules=_rules(piece.piece("lines")),
        lines_sum_to=_plain(piece, "lines_sum_to") or None,
        example=_plain(piece, "example"),
        example_line=_plain(piece, "example_line"),
        also=tuple(Example(one.get("name"), _plain(one, "of"), _plain(one, "line")) for one in piece.get("also") or ()),
        edits=_plain(piece, "edits"),
    )


def _rules(piece: Piece | None) -> dict[str, Rule]:
    return {path: Rule(**plain(one)) for path, one in piece.value.items()} if piece else {}


# --- what the grammar cannot know ---------------------------------------------------------------------------------


def _check_names(piece: Piece, entities: Mapping[str, Naming]) -> list[Fault]:
    """Every entity and every field that is named is one."""
    names = entity_names(schemas_folder())
    faults = []
    for name in (*entities, *_plain(piece, "lacks")):
        if name not in names:
            place = piece.value["entities"].at.get(name, piece.place)
            faults.append(Fault(str(place), f"there is no entity '{name}'", suggest(name, names, "the entities are")))
    for name, naming in entities.items():
        if name in names:
            place = str(piece.value["entities"].at[name])
            faults += _check_fields(naming, load_entity(name, schemas_folder()), place)
    return faults


def _check_fields(naming: Naming, entity: Entity, place: str) -> list[Fault]:
    header, lines = tuple(entity.fields), tuple(entity.lines or ())
    lacked = [path for path in naming.lacks if path != "lines"]
    pairs = [
        (header, [*naming.fields, *(path for path in lacked if not path.startswith("lines."))]),
        (
            lines,
            [*(naming.lines or ()), *(path.removeprefix("lines.") for path in lacked if path.startswith("lines."))],
        ),
    ]
    faults = []
    for known, named in pairs:
        for path in named:
            if path not in known:
                what = f"'{path}' is no field of {entity.name}" + ("'s lines" if known is lines else "")
                faults.append(Fault(place, what, suggest(path, known, "its fields are")))
            elif named.count(path) > 1:
                faults.append(Fault(place, f"'{path}' of {entity.name} is said and lacked", "keep one of them"))
    return list(dict.fromkeys(faults))
