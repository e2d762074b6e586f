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
    named: dict[str, MappingSpec] = {}
    creators: dict[tuple[str, str], MappingSpec] = {}
    for spec in specs:
        if (first := named.setdefault(spec.name, spec)) is not spec:
            what = f"the name '{spec.name}' is taken by {first.place.file}"
            faults.append(Fault(str(spec.place), what, "give each mapping its own name"))
        for side in spec.creates:
            for made in {spec.entity, spec.system(side).stream}:
                _claim(creators, (side, made), spec, faults)
    entities = {spec.entity for spec in specs}
    for spec in specs if complete else ():
        faults.extend(_unknown_references(spec, entities))
    return faults


def _claim(
    creators: dict[tuple[str, str], MappingSpec], thing: tuple[str, str], spec: MappingSpec, faults: list[Fault]
) -> None:
    first = creators.setdefault(thing, spec)
    if first is spec or any(fault.where == str(spec.place) and "both create" in fault.what for fault in faults):
        return
    side = "ERP" if thing[0] == "erp" else "CRM"
    what = f"'{first.name}' and '{spec.name}' would both create {thing[1]} records in the {side}"
    faults.append(Fault(str(spec.place), what, f"take {thing[0]} out of 'creates' of one of them"))


def _unknown_references(spec: MappingSpec, entities: set[str]) -> Iterable[Fault]:
    for row in spec.all_rows():
        if row.refers_to and row.refers_to not in entities:
            what = f"'{row.path}' refers to '{row.refers_to}', which no mapping brings"
            yield Fault(str(row.place), what, suggest(row.refers_to, sorted(entities), "add its mapping, or refer to"))


def in_reference_order(specs: Sequence[MappingSpec]) -> tuple[MappingSpec, ...]:
    """Referred-to entities first, else by name; a circle is cut where it is met, since order is only for speed."""
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

    for spec in sorted(specs, key=lambda one: one.name):
        enter(spec)
    return tuple(ordered.values())
