"""A spec becomes functions: record → entity and entity → record, for both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.kernel.errors import Fault, Misconfigured
from isthmus.kernel.records import Fields, Record, form_hash
from isthmus.kernel.selection import Lines, Selection, Term
from isthmus.kernel.units import SIDES, Side, Unit, other_side
from isthmus.mapping.entities import Entity, load_entity, schemas_folder
from isthmus.mapping.filters import compile_terms
from isthmus.mapping.formula import parse_formula
from isthmus.mapping.generate import Plan, ReadFunction, WriteFunction, generate_reader, generate_writer
from isthmus.mapping.meaning import Meanings, meanings
from isthmus.mapping.rules import cannot_write
from isthmus.mapping.spec import MappingSpec, Row, Source, lines_stream
from isthmus.mapping.steps import Setting
from isthmus.mapping.values import Numbers

if TYPE_CHECKING:
    from jsonschema_rs import Validator


@dataclass(slots=True)
class Translated:
    """A record's form and what is wrong with it; with faults the form is not to be used."""

    form: Fields
    faults: list[Fault]


@dataclass(frozen=True, slots=True)
class Reference:
    """A row that holds another record's id. ``row`` is its path in the form, or its name within a line."""

    row: str
    refers_to: str
    pull: bool
    required: bool
    in_lines: bool


class CompiledMapping:
    """A mapping ready to run. It holds no state: the same record always gives the same form.

    Its functions are made at their first use: a run that finds nothing to do, or concerns another mapping, needs none.
    """

    def __init__(self, spec: MappingSpec, settings: dict[Side, Setting], entity: Entity) -> None:
        self.spec = spec
        self.name = spec.name
        self.entity = spec.entity
        self._settings = settings
        self._entity = entity

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """What is merged as one value each: rows, groups, the lines."""
        return _units(self.spec)

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """The rows that hold another record's id."""
        return _references(self.spec)

    @cached_property
    def hash(self) -> str:
        """What the mapping does, in 32 hex digits."""
        return _meaning_hash(self.spec, self._settings)

    @cached_property
    def meanings(self) -> Meanings:
        """Where each unit stands in both systems, and how it is spelled there."""
        return meanings(self.spec, self._settings["crm"].time_zone)

    @cached_property
    def _valid(self) -> Validator:
        from jsonschema_rs import validator_for

        return validator_for(self._entity.schema)

    @cached_property
    def _read(self) -> dict[Side, ReadFunction]:
        return {side: generate_reader(self._plan(side)) for side in SIDES}

    @cached_property
    def _write(self) -> dict[Side, WriteFunction]:
        return {
            side: generate_writer(self._plan(side), _writable_rows(self.spec, side, self._entity)) for side in SIDES
        }

    @cached_property
    def _outside(self) -> dict[Side, Callable[[Fields], Term | None]]:
        return {side: compile_terms(self.spec.system(side).where) for side in SIDES}

    @cached_property
    def _selections(self) -> dict[Side, Selection]:
        return {side: _selection(self.spec, side) for side in SIDES}

    def _plan(self, side: Side) -> Plan:
        return _plan(self.spec, self._settings[side], self._entity)

    def selection(self, side: Side) -> Selection:
        """What is read from a side: fields of all rows, and of ``where`` and the lines."""
        return self._selections[side]

    def to_entity(self, side: Side, record: Record) -> Translated:
        """The record's form as the entity. What does not fit is a fault whose ``where`` is the row."""
        faults: list[Fault] = []
        return Translated(self._read[side](record.fields, record.lines, faults), faults)

    def to_fields(
        self, side: Side, form: Fields, units: frozenset[str] | set[str] | None = None
    ) -> tuple[Fields, list[Fields] | None]:
        """The form as a side's own fields and lines: of these units only, or all two-sided rows (None: a creation).

        Rows that the ERP gives are never written to it. Raises Refused for a value that has no way back.
        """
        return self._write[side](form, units if units is None else frozenset(units))

    def inside(self, side: Side, record: Record) -> Term | None:
        """None when the record passes ``where``, else the first term that it fails."""
        return self._outside[side](record.fields)

    def is_sound(self, form: Fields) -> bool:
        """Whether the entity's schema has nothing against a form."""
        return self._valid.is_valid(form)

    def validate(self, form: Fields, *, partial: bool = False) -> list[Fault]:
        """What the entity's schema says against a form; ``partial`` forgives what is missing."""
        if self.is_sound(form):
            return []
        from isthmus.mapping.validity import explain  # jsonschema is slow to import and seldom needed

        return explain(self._entity, form, partial=partial)

    def writable_units(self, side: Side) -> frozenset[str]:
        """The units that an update may write to a side: those it does not own alone."""
        return frozenset(unit.name for unit in self.units if len(unit.sides) == 2 and unit.owner != side)

    @cached_property
    def match_fields(self) -> dict[Side, tuple[tuple[str, ...], ...]]:
        """The rules of ``match`` in each side's own field names, as ``Connector.find`` takes them."""
        found: dict[Side, tuple[tuple[str, ...], ...]] = {}
        for side in SIDES:
            found[side] = tuple(tuple(self._field(side, name) for name in rule) for rule in self.spec.match)
        return found

    def _field(self, side: Side, path: str) -> str:
        row = self.spec.row(path)
        source = row.source(side) if row else None
        return source.fields[0] if source and source.fields else path


def compile_mapping(
    spec: MappingSpec, *, crm_numbers: Numbers, erp_numbers: Numbers, time_zone: str, schemas: Path | None = None
) -> CompiledMapping:
    """Compiles a spec once per run. ``numbers`` say how a side spells amounts; ``time_zone`` is where a day begins."""
    entity = load_entity(spec.entity, schemas or schemas_folder())
    settings: dict[Side, Setting] = {
        "crm": Setting("crm", crm_numbers, time_zone),
        "erp": Setting("erp", erp_numbers, time_zone),
    }
    return CompiledMapping(spec, settings, entity)


def named(mappings: Iterable[CompiledMapping], name: str) -> CompiledMapping:
    """The mapping of this name. Raises Misconfigured when there is none."""
    known = {mapping.name: mapping for mapping in mappings}
    if name not in known:
        raise Misconfigured(f"mapping {name}", "there is no such mapping", f"use one of {', '.join(known)}")
    return known[name]


def _plan(spec: MappingSpec, setting: Setting, entity: Entity) -> Plan:
    lines_at = spec.system(setting.side).lines

    def known(row: Row) -> tuple[str, ...]:
        across = row.source(other_side(setting.side))
        if across is not None and across.values and row.type == "text":
            return tuple(dict.fromkeys(str(value) for _, value in across.values))
        fields = (entity.lines or {}) if row in spec.lines else entity.fields
        described = fields.get(row.path)
        return described.values if described else ()

    return Plan(setting, spec.rows, spec.lines, lines_at.key if lines_at else "key", known, spec.lines_sum_to)


def _writable_rows(spec: MappingSpec, side: Side, entity: Entity) -> Any:
    def writable(row: Row) -> bool:
        source = row.source(side)
        known = (entity.lines or {}).get(row.name) if row in spec.lines else entity.fields.get(row.path)
        given_there = known is not None and known.read_only and side == "erp"
        return row.two_sided and source is not None and not given_there and cannot_write(source) is None

    return writable


def _units(spec: MappingSpec) -> tuple[Unit, ...]:
    gathered: dict[str, list[Row]] = {}
    for row in spec.rows:
        gathered.setdefault(row.group or row.name, []).append(row)
    if spec.lines:
        gathered["lines"] = list(spec.lines)
    return tuple(_unit(name, rows) for name, rows in gathered.items())


def _unit(name: str, rows: list[Row]) -> Unit:
    shared = [row for row in rows if row.two_sided]
    first = shared[0] if shared else rows[0]
    sides = frozenset(side for side in SIDES if any(row.source(side) for row in shared or rows))
    single = len(rows) == 1 and rows[0].group is None and name != "lines"
    members = None if single else frozenset(row.name for row in shared)
    return Unit(name, first.owner, first.if_both_changed, sides, first.volatile, members)


def _references(spec: MappingSpec) -> tuple[Reference, ...]:
    return tuple(
        Reference(row.path, row.refers_to, row.pull, row.required, row in spec.lines)
        for row in spec.all_rows()
        if row.refers_to
    )


def _source_fields(source: Source) -> list[str]:
    fields = list(source.fields)
    if source.formula is not None:
        fields += parse_formula(source.formula).fields
    return fields + [term.field for term in source.when]


def _selection(spec: MappingSpec, side: Side) -> Selection:
    system = spec.system(side)

    def fields_of(rows: tuple[Row, ...]) -> list[str]:
        return [name for row in rows if (source := row.source(side)) for name in _source_fields(source)]

    fields = dict.fromkeys([*fields_of(spec.rows), *(term.field for term in system.where)])
    lines = None
    if spec.lines:
        names = tuple(dict.fromkeys(fields_of(spec.lines)))
        at = system.lines
        # Lines that stand inside their own records have no stream; their key is called "key".
        within = Lines(lines_stream(system.stream), "", "key", None, names)
        lines = Lines(at.stream, at.parent, at.key, at.sort, names) if at else within
    return Selection(system.stream, tuple(fields), lines, system.where, system.moved_by)


def _meaning_hash(spec: MappingSpec, settings: dict[Side, Setting]) -> str:
    """32 hex digits of what the mapping does; comments, blanks, order of rows, tests and prose do not count."""

    def source(one: Source | None) -> Any:
        if one is None:
            return None
        calls = [[call.function, dict(call.arguments)] for call in one.via]
        return [
            one.fields,
            one.formula,
            calls,
            sorted((str(k), str(v), type(k).__name__) for k, v in one.values),
            _terms(one.when),
        ]

    def row(one: Row) -> Any:
        rules = [one.type, one.owner, one.if_both_changed, one.refers_to, one.pull, one.required, one.volatile]
        return [source(one.crm), source(one.erp), rules]

    def system(side: Side) -> Any:
        one = spec.system(side)
        at = one.lines and [one.lines.stream, one.lines.parent, one.lines.key, one.lines.sort]
        return [one.stream, _terms(one.where), at, sorted([moved.stream, moved.parent] for moved in one.moved_by)]

    total = spec.lines_sum_to
    meaning: Fields = {
        "entity": spec.entity,
        "creates": sorted(spec.creates),
        "gone": dict(spec.gone),
        "systems": [system("crm"), system("erp")],
        "match": spec.match,
        "rows": {one.path: row(one) for one in spec.rows},
        "lines": {one.name: row(one) for one in spec.lines},
        "sum": total and [total.field, total.of, total.tolerance_minor],
        "time_zone": settings["crm"].time_zone if any(one.type == "date" for one in spec.all_rows()) else None,
    }
    if spec.same_as:
        meaning["same_as"] = spec.same_as
    return form_hash(meaning).hex()


def _terms(terms: tuple[Term, ...]) -> list[list[Any]]:
    return sorted(([one.field, one.operator, list(one.values)] for one in terms), key=str)
