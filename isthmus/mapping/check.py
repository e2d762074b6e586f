"""A mapping against a system's own description: what the file cannot know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from isthmus.kernel.description import FieldDescription, StreamDescription
from isthmus.kernel.errors import Fault, Misconfigured
from isthmus.kernel.selection import Term
from isthmus.kernel.units import Side, other_side
from isthmus.mapping.document import Place
from isthmus.mapping.entities import EntityField, load_entity, schemas_folder
from isthmus.mapping.formula import parse_formula
from isthmus.mapping.grammar import suggest
from isthmus.mapping.rules import must_write
from isthmus.mapping.spec import MappingSpec, Row, Source

Describe = Callable[[str], StreamDescription]

#: What a field must be for a row of a type. A text may be read from anything that is shown as text.
_FITTING: dict[str, frozenset[str]] = {
    "text": frozenset({"text", "picklist", "reference", "id", "other"}),
    "reference": frozenset({"reference", "id", "text", "other"}),
    "date": frozenset({"date", "datetime", "other"}),
    "datetime": frozenset({"datetime", "other"}),
    "boolean": frozenset({"boolean", "other"}),
    **dict.fromkeys(("money", "price", "decimal", "integer"), frozenset({"number", "other"})),
}


@dataclass(frozen=True, slots=True)
class _Use:
    """A row's use of one field of one side."""

    row: Row
    source: Source
    side: Side
    known: EntityField | None

    @property
    def where(self) -> str:
        return str(self.source.place)


class _Streams:
    """Descriptions by stream, each asked for once; an unknown stream is one fault."""

    def __init__(self, describe: Describe) -> None:
        self._describe = describe
        self._known: dict[str, StreamDescription | None] = {}
        self.faults: list[Fault] = []

    def get(self, stream: str, place: Place) -> StreamDescription | None:
        if stream not in self._known:
            try:
                self._known[stream] = self._describe(stream)
            except Misconfigured as error:
                self._known[stream] = None
                self.faults.append(Fault(str(place), error.fault.what, error.fault.remedy))
        return self._known[stream]

    def find(self, stream: StreamDescription, path: str, place: Place) -> FieldDescription | None:
        """The field at a path: by its whole name, or through relationships."""
        if path in stream.fields:
            return stream.fields[path]
        first, _, rest = path.partition(".")
        if not rest:
            return None
        for field in stream.fields.values():
            if field.relationship == first and field.refers_to:
                across = self.get(field.refers_to[0], place)
                return self.find(across, rest, place) if across else None
        inside = stream.fields.get(first)
        return inside if inside is not None and inside.type == "other" else None


def check_against(spec: MappingSpec, side: Side, describe: Describe) -> list[Fault]:
    """All faults of a mapping against one side: fields that are not there or not visible, types, lengths, values,
    rights to write, and keys that are not unique. ``describe`` raises Misconfigured for a stream it does not have.
    """
    streams = _Streams(describe)
    system = spec.system(side)
    header = streams.get(system.stream, system.place)
    faults: list[Fault] = []
    if header is not None:
        for use in _uses(spec, side, spec.rows):
            faults.extend(_check_use(spec, use, header, streams))
        faults.extend(_check_terms(system.where, header, streams, system.place))
    faults.extend(_check_lines(spec, side, streams))
    for moved in system.moved_by:
        stream = streams.get(moved.stream, system.place)
        if stream is not None and streams.find(stream, moved.parent, system.place) is None:
            faults.append(_unknown(str(system.place), stream, moved.parent))
    return [*streams.faults, *faults]


def _uses(spec: MappingSpec, side: Side, rows: tuple[Row, ...]) -> Iterator[_Use]:
    entity = load_entity(spec.entity, schemas_folder())
    fields = (entity.lines or {}) if rows is spec.lines else entity.fields
    for row in rows:
        source = row.source(side)
        if source is not None:
            yield _Use(row, source, side, fields.get(row.path))


def _check_lines(spec: MappingSpec, side: Side, streams: _Streams) -> Iterator[Fault]:
    """Lines with a stream of their own; lines inside a record are fields called ``lines.…``."""
    system = spec.system(side)
    at = system.lines
    if at is None:
        header = streams.get(system.stream, system.place) if spec.lines else None
        within = (
            {name.partition(".")[2]: one for name, one in header.fields.items() if name.startswith("lines.")}
            if header
            else {}
        )
        if header is not None and within:
            inside = StreamDescription(f"{header.stream} lines", within)
            for use in _uses(spec, side, spec.lines):
                yield from _check_use(spec, use, inside, streams)
        return
    stream = streams.get(at.stream, system.place)
    if stream is None:
        return
    for name in filter(None, (at.parent, at.key, at.sort)):
        if streams.find(stream, name, system.place) is None:
            yield _unknown(str(system.place), stream, name)
    for use in _uses(spec, side, spec.lines):
        yield from _check_use(spec, use, stream, streams)


def _unknown(where: str, stream: StreamDescription, name: str) -> Fault:
    remedy = suggest(name, tuple(stream.fields), "or give our user the right to see it; its fields are")
    if remedy.startswith("did you mean"):
        remedy += " If not, give our user the right to see it"
    return Fault(where, f"{stream.stream} shows our user no field '{name}'", remedy)


def _check_use(spec: MappingSpec, use: _Use, stream: StreamDescription, streams: _Streams) -> Iterator[Fault]:
    names = use.source.fields or parse_formula(use.source.formula or "null").fields
    for name in names:
        field = streams.find(stream, name, use.source.place)
        if field is None:
            yield _unknown(use.where, stream, name)
            continue
        if use.source.formula is not None:
            continue
        yield from _check_type(use, field)
        yield from _check_values(use, field)
        if _written(spec, use):
            yield from _check_write(spec, use, (stream, field), name)
    yield from _check_terms(use.source.when, stream, streams, use.source.place)


def _written(spec: MappingSpec, use: _Use) -> bool:
    given_there = use.known is not None and use.known.read_only and use.side == "erp"
    return must_write(spec, use.row, use.side) and not given_there


def _check_type(use: _Use, field: FieldDescription) -> Iterator[Fault]:
    kind = "reference" if use.row.refers_to else use.row.type
    if use.source.values:
        return  # the map says what each value means
    if field.type not in _FITTING[kind]:
        what = f"'{field.name}' is a {field.type} field, and '{use.row.path}' reads it as {kind}"
        yield Fault(
            use.where,
            what,
            "map another field" if use.row.refers_to else "say its type with 'as', or map another field",
        )


def _check_values(use: _Use, field: FieldDescription) -> Iterator[Fault]:
    """Every value that the system may show, and that we may write, is known."""
    if field.type != "picklist" or not field.values:
        return
    shown = set(field.values)
    if use.source.values:
        mapped = {str(system) for system, _ in use.source.values}
        missing = [value for value in field.values if value not in mapped] if field.restricted else []
        if missing:
            yield Fault(
                use.where, f"'values' does not cover {', '.join(missing)} of {field.name}", "add them to 'values'"
            )
        extra = sorted(mapped - shown)
        if extra and field.restricted:
            what = f"'values' names {', '.join(extra)}, which {field.name} does not have"
            yield Fault(use.where, what, suggest(extra[0], field.values))
    elif use.known and use.known.values and not use.source.via and field.restricted:
        strange = sorted(shown - set(use.known.values))
        if strange:
            what = f"{field.name} may be {', '.join(strange)}, which '{use.row.path}' does not know"
            yield Fault(use.where, what, f"map them with 'values' to {', '.join(use.known.values)}")


def _check_write(
    spec: MappingSpec, use: _Use, found: tuple[StreamDescription, FieldDescription], name: str
) -> Iterator[Fault]:
    stream, field = found
    first = name.partition(".")[0]
    if any(one.relationship == first for one in stream.fields.values()) and name not in stream.fields:
        yield Fault(
            use.where, f"'{name}' belongs to another record and cannot be written here", f"make {use.side} the owner"
        )
        return
    if use.row.owner != use.side and not field.updatable:
        what = f"'{field.name}' cannot be changed by our user, but '{use.row.path}' must be written to it"
        yield Fault(use.where, what, "give our user the right to edit it, or map another field")
    elif use.side in spec.creates and not field.creatable:
        what = f"'{field.name}' cannot be given when a record is created, but '{use.row.path}' must be"
        yield Fault(use.where, what, "give our user the right to edit it, or map another field")
    yield from _check_room(use, field)


def _check_room(use: _Use, field: FieldDescription) -> Iterator[Fault]:
    """Enough length and decimals for what the entity may hold; unique where it is to be a key."""
    longest = use.known.length if use.known else None
    across = use.row.source(other_side(use.side))
    is_cut = across is not None and any(call.function == "truncate" for call in across.via)
    enumerated = use.known is not None and bool(use.known.values)
    if field.length and longest and field.length < longest and not (is_cut or enumerated or use.source.values):
        what = f"'{field.name}' takes {field.length} characters, and '{use.row.path}' may have {longest}"
        yield Fault(
            use.where,
            what,
            f"make the field longer, or cut it openly with 'via: [{{truncate: {field.length}}}]' on the other side",
        )
    if field.external_id and not field.unique:
        yield Fault(
            use.where,
            f"'{field.name}' is an external id that is not unique",
            "make it unique, or two records may share it",
        )


def _check_terms(
    terms: tuple[Term, ...], stream: StreamDescription, streams: _Streams, place: Place
) -> Iterator[Fault]:
    for term in terms:
        field = streams.find(stream, term.field, place)
        if field is None:
            yield _unknown(str(place), stream, term.field)
        elif term.operator != "is_empty":
            yield from _check_term(term, field, place)


_TERM_VALUES: dict[str, type | tuple[type, ...]] = {"number": int, "boolean": bool}


def _check_term(term: Term, field: FieldDescription, place: Place) -> Iterator[Fault]:
    wanted = _TERM_VALUES.get(field.type, str)
    for value in term.values:
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            hint = {int: "write a number without quotes", bool: "write true or false"}.get(wanted, "write it in quotes")  # type: ignore[arg-type]
            yield Fault(str(place), f"'{field.name}' is a {field.type} field, compared with {value!r}", hint)
        elif field.type == "picklist" and field.restricted and value not in field.values:
            what = f"'{field.name}' is never '{value}'"
            yield Fault(str(place), what, suggest(str(value), field.values))
