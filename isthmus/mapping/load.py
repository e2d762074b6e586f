"""Mapping files → specs, or every fault of every file at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from isthmus.kernel.errors import Fault, Misconfigured
from isthmus.mapping.build import build_spec
from isthmus.mapping.document import read_document
from isthmus.mapping.entities import schemas_folder
from isthmus.mapping.grammar import Reader, suggest
from isthmus.mapping.rules import check_spec
from isthmus.mapping.shape import MAPPING
from isthmus.mapping.spec import MappingSpec


def load_mapping(path: Path | str, *, schemas: Path | None = None) -> MappingSpec:
    """One mapping file. Raises Misconfigured whose ``faults`` are all that is wrong with it."""
    file = Path(path)
    try:
        content = file.read_bytes()
    except OSError as error:
        remedy = "name a file that exists and may be read"
        raise Misconfigured(str(file), f"cannot be read: {error.strerror}", remedy) from None
    return read_mapping(content, str(file), schemas=schemas)


def read_mapping(content: bytes, file: str, *, schemas: Path | None = None) -> MappingSpec:
    """A mapping from the bytes of a file; ``file`` is the name that faults give."""
    spec, faults = _read(content, file, schemas or schemas_folder())
    if spec is None or faults:
        raise _misconfigured(faults)
    return spec


def load_mappings(folder: Path | str, *, schemas: Path | None = None) -> tuple[MappingSpec, ...]:
    """All ``*.yaml`` of a folder in reference order: what is referred to comes first.

    Raises Misconfigured whose ``faults`` are all faults of all files.
    """
    place = Path(folder)
    files = sorted(path for path in place.glob("*.y*ml") if path.suffix in {".yaml", ".yml"})
    if not files:
        raise Misconfigured(str(place), "there is no mapping in this folder", "name the folder with the *.yaml files")
    specs: list[MappingSpec] = []
    faults: list[Fault] = []
    for file in files:
        try:
            specs.append(load_mapping(file, schemas=schemas))
        except Misconfigured as error:
            faults.extend(error.faults)
    faults.extend(_check_together(specs, complete=len(specs) == len(files)))
    if faults:
        raise _misconfigured(faults)
    return in_reference_order(specs)


def _read(content: bytes, file: str, schemas: Path) -> tuple[MappingSpec | None, list[Fault]]:
    node, faults = read_document(content, file)
    if node is None:
        return None, faults
    piece = Reader(faults).read(node, MAPPING, "the mapping")
    if piece is None:
        return None, faults
    clean = not faults
    spec = build_spec(piece, faults)
    if spec is not None:
        faults.extend(check_spec(spec, schemas, complete=clean))
    return spec, sorted(faults, key=_position)


def _position(fault: Fault) -> tuple[int, int]:
    _, line, column = fault.where.rsplit(":", 2)
    return int(line), int(column)


def _misconfigured(faults: Sequence[Fault]) -> Misconfigured:
    first = faults[0]
    return Misconfigured(first.where, first.what, first.remedy, faults=tuple(faults))


def _check_together(specs: Sequence[MappingSpec], *, complete: bool) -> list[Fault]:
    """What no file can know alone. When a file did not load, nothing is said about what only it may have."""
    faults: list[Fault] = []
    for index, spec in enumerate(specs):
        for earlier in specs[:index]:
            faults.extend(_rivals(earlier, spec))
    entities = {spec.entity for spec in specs}
    for spec in specs if complete else ():
        faults.extend(_unknown_references(spec, entities))
    return faults


def _rivals(earlier: MappingSpec, spec: MappingSpec) -> Iterable[Fault]:
    """Two files that claim the same thing. Two that create the same records would make each order twice."""
    if spec.name == earlier.name:
        what = f"the name '{spec.name}' is taken by {earlier.place.file}"
        yield Fault(str(spec.place), what, "give each mapping its own name")
    for side in spec.creates:
        made = (spec.entity, spec.system(side).stream)
        if side in earlier.creates and (made[0] == earlier.entity or made[1] == earlier.system(side).stream):
            name = made[0] if made[0] == earlier.entity else made[1]
            what = f"'{earlier.name}' and '{spec.name}' would both create {name} records in the {side.upper()}"
            yield Fault(str(spec.place), what, f"take {side} out of 'creates' of one of them")
            return
    if spec.entity == earlier.entity:
        what = f"'{earlier.name}' and '{spec.name}' both map the entity {spec.entity}"
        yield Fault(str(spec.place), what, "put their rows into one file: it works in both directions")


def _unknown_references(spec: MappingSpec, entities: set[str]) -> Iterable[Fault]:
    for row in spec.all_rows():
        if row.refers_to and row.refers_to not in entities:
            what = f"'{row.path}' refers to '{row.refers_to}', which no mapping brings"
            yield Fault(str(row.place), what, suggest(row.refers_to, sorted(entities), "add its mapping, or refer to"))
    if spec.same_as and spec.same_as not in entities:
        what = f"its records are those of '{spec.same_as}', which no mapping brings"
        yield Fault(str(spec.place), what, suggest(spec.same_as, sorted(entities), "add its mapping, or name"))


def in_reference_order(specs: Sequence[MappingSpec]) -> tuple[MappingSpec, ...]:
    """Referred-to entities first, else by name; a circle is cut where it is met, since order is only for speed.

    What shares another entity's pairs comes last: it tells what all the documents before it came to.
    """
    by_entity: dict[str, list[MappingSpec]] = {}
    for spec in sorted(specs, key=lambda one: one.name):
        by_entity.setdefault(spec.entity, []).append(spec)
    ordered: dict[str, MappingSpec] = {}
    entered: set[str] = set()

    def enter(spec: MappingSpec) -> None:
        if spec.name in entered:
            return
        entered.add(spec.name)
        for entity in spec.references():
            for referred in by_entity.get(entity, ()):
                enter(referred)
        ordered[spec.name] = spec

    for spec in sorted(specs, key=lambda one: (one.same_as is not None, one.name)):
        enter(spec)
    return tuple(ordered.values())
