"""A mapping against a system's own description: what the file cannot know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from isthmus.kernel.description import FieldDescription, StreamDescription
from isthmus.kernel.errors import Fault, Misconfigured
from isthmus.kernel.selection import Term
from isthmus.kernel.units import Side, other_side
from isthmus.mapping.document import Place
from isthmus.mapping.entities import EntityField, load_entity, schemas_folder
from isthmus.mapping.formula import parse_formula
from isthmus.mapping.grammar import suggest
from isthmus.mapping.rules import must_write
from isthmus.mapping.spec import MappingSpec, Row, Source, lines_stream

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
    rights to write, and keys that are not unique.

    ``describe`` raises Misconfigured for a stream it does not have. Lines that stand inside their records are the
    stream ``<stream>.lines``.
    """
    checker = _Checker(spec, side, _Streams(describe))
    faults = list(checker.faults())
    return [*checker.streams.faults, *faults]


@dataclass(frozen=True, slots=True)
class _Checker:
    """One mapping against one side."""

    spec: MappingSpec
    side: Side
    streams: _Streams

    def faults(self) -> Iterator[Fault]:
        system = self.spec.system(self.side)
        header = self.streams.get(system.stream, system.place)
        if header is not None:
            yield from self._rows(self.spec.rows, header)
            yield from self._terms(system.where, header, system.place)
        if self.spec.lines:
            yield from self._lines()
        for moved in system.moved_by:
            stream = self.streams.get(moved.stream, system.place)
            if stream is not None:
                yield from self._is_there(stream, moved.parent)

    def _lines(self) -> Iterator[Fault]:
        system = self.spec.system(self.side)
        at = system.lines
        stream = self.streams.get(at.stream if at else lines_stream(system.stream), system.place)
        if stream is None:
            return
        for name in filter(None, (at.parent, at.key, at.sort)) if at else ():
            yield from self._is_there(stream, name)
        yield from self._rows(self.spec.lines, stream)

    def _is_there(self, stream: StreamDescription, name: str) -> Iterator[Fault]:
        place = self.spec.system(self.side).place
        if self.streams.find(stream, name, place) is None:
            yield _unknown(str(place), stream, name)

    def _rows(self, rows: tuple[Row, ...], stream: StreamDescription) -> Iterator[Fault]:
        entity = load_entity(self.spec.entity, schemas_folder())
        fields = (entity.lines or {}) if rows is self.spec.lines else entity.fields
        for row in rows:
            source = row.source(self.side)
            if source is not None:
                yield from self._row(_Use(row, source, self.side, fields.get(row.path)), stream)

    def _row(self, use: _Use, stream: StreamDescription) -> Iterator[Fault]:
        names = use.source.fields or parse_formula(use.source.formula or "null").fields
        for name in names:
            field = self.streams.find(stream, name, use.source.place)
            if field is None:
                yield _unknown(use.where, stream, name)
            elif use.source.formula is None:
                yield from _check_type(use, field)
                yield from _check_values(use, field)
                yield from self._writing(use, stream, name)
        yield from self._terms(use.source.when, stream, use.source.place)

    def _writing(self, use: _Use, stream: StreamDescription, name: str) -> Iterator[Fault]:
        field = self.streams.find(stream, name, use.source.place)
        given_there = use.known is not None and use.known.read_only and self.side == "erp"
        if field is None or given_there or not must_write(self.spec, use.row, self.side):
            return
        first = name.partition(".")[0]
        if name not in stream.fields and any(one.relationship == first for one in stream.fields.values()):
            what = f"'{name}' belongs to another record and cannot be written here"
            yield Fault(use.where, what, f"make {self.side} the owner")
            return
        created = self.side in self.spec.creates
        if (use.row.owner != self.side and not field.updatable) or (created and not field.creatable):
            what = f"'{field.name}' cannot be written by our user, but '{use.row.path}' must be"
            yield Fault(use.where, what, "give our user the right to edit it, or map another field")
        if use.row.type == "date" and field.type == "datetime":
            what = f"'{field.name}' is an instant, and '{use.row.path}' has only the day"
            yield Fault(use.where, what, "map a date field, or make the other side the owner")
        yield from _check_room(use, field)

    def _terms(self, terms: tuple[Term, ...], stream: StreamDescription, place: Place) -> Iterator[Fault]:
        for term in terms:
            field = self.streams.find(stream, term.field, place)
            if field is None:
                yield _unknown(str(place), stream, term.field)
            elif term.operator != "is_empty":
                yield from _check_term(term, field, place)


def _unknown(where: str, stream: StreamDescription, name: str) -> Fault:
    near = get_close_matches(name, tuple(stream.fields), n=1, cutoff=0.7)
    remedy = f"did you mean '{near[0]}'?" if near else "correct the name, or give our user the right to read it"
    return Fault(where, f"{stream.stream} has no field '{name}', or our user may not see it", remedy)


def _check_type(use: _Use, field: FieldDescription) -> Iterator[Fault]:
    kind = "reference" if use.row.refers_to else use.row.type
    if not use.source.values and field.type not in _FITTING[kind]:
        what = f"'{field.name}' is a {field.type} field, and '{use.row.path}' reads it as {kind}"
        yield Fault(use.where, what, "map another field, or correct 'as'")


def _check_values(use: _Use, field: FieldDescription) -> Iterator[Fault]:
    """Every value that a restricted picklist may show is known, and every value that is named is there."""
    if field.type != "picklist" or not field.values or not field.restricted:
        return
    if use.source.values:
        mapped = [str(system) for system, _ in use.source.values]
        missing = [value for value in field.values if value not in mapped]
        if missing:
            what = f"'values' does not cover {', '.join(missing)} of {field.name}"
            yield Fault(use.where, what, "add them to 'values'")
        for value in mapped:
            if value not in field.values:
                what = f"'values' names '{value}', which {field.name} does not have"
                yield Fault(use.where, what, suggest(value, field.values))
    elif use.known and use.known.values and not use.source.via:
        strange = [value for value in field.values if value not in use.known.values]
        if strange:
            what = f"{field.name} may be {', '.join(strange)}, which '{use.row.path}' does not know"
            yield Fault(use.where, what, f"map them with 'values' to {', '.join(use.known.values)}")


def _check_room(use: _Use, field: FieldDescription) -> Iterator[Fault]:
    """Enough length for what the other side may hold; unique where it is a key."""
    longest = use.known.length if use.known and not use.known.values and not use.row.refers_to else None
    across = use.row.source(other_side(use.side))
    is_cut = across is not None and any(call.function == "truncate" for call in across.via)
    if field.length and longest and field.length < longest and not (is_cut or use.source.values):
        what = f"'{field.name}' takes {field.length} characters, and '{use.row.path}' may have {longest}"
        remedy = f"make the field longer, or cut openly with 'via: [{{truncate: {field.length}}}]' on the other side"
        yield Fault(use.where, what, remedy)
    if field.external_id and not field.unique:
        what = f"'{field.name}' is an external id that is not unique"
        yield Fault(use.where, what, "make it unique, or two records may share it")


def _check_term(term: Term, field: FieldDescription, place: Place) -> Iterator[Fault]:
    for value in term.values:
        if remedy := _wrong_value(value, field):
            shown = f"'{value}'" if isinstance(value, str) else str(value).lower()
            yield Fault(str(place), f"'{field.name}' is a {field.type} field, compared with {shown}", remedy)
        elif field.type == "picklist" and field.restricted and value not in field.values:
            what = f"'{field.name}' is never '{value}'"
            yield Fault(str(place), what, suggest(str(value), field.values))


def _wrong_value(value: str | int | bool, field: FieldDescription) -> str | None:
    if field.type == "boolean":
        return None if isinstance(value, bool) else "write true or false, without quotes"
    if field.type == "number":
        return (
            None if isinstance(value, int) and not isinstance(value, bool) else "write a whole number, without quotes"
        )
    return None if isinstance(value, str) else "write it in quotes"
