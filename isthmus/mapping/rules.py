"""What must hold within one mapping: rows against the entity, owners, groups, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from isthmus.kernel.errors import Fault
from isthmus.kernel.selection import Term
from isthmus.kernel.units import SIDES, Side
from isthmus.mapping.document import Place, show
from isthmus.mapping.entities import Entity, EntityField, entity_names, load_entity
from isthmus.mapping.formula import BadFormula, parse_formula
from isthmus.mapping.functions import function_table
from isthmus.mapping.grammar import suggest
from isthmus.mapping.spec import MappingSpec, Row, Source


def check_spec(spec: MappingSpec, schemas: Path, *, complete: bool) -> list[Fault]:
    """All faults of one mapping. When parts were left out, ``complete`` is false: missing rows are no news then."""
    if spec.entity not in entity_names(schemas):
        remedy = suggest(spec.entity, entity_names(schemas), "the entities are")
        return [Fault(str(spec.place), f"there is no entity '{spec.entity}'", remedy)]
    entity = load_entity(spec.entity, schemas)
    faults = [*_rows_fit(spec, entity), *_sources(spec), *_writable(spec, entity), *_terms(spec), *_owners(spec)]
    if complete:
        faults += [*_missing_rows(spec, entity), *_match(spec), *_sums(spec), *_same_as(spec), *_restores(spec)]
    return faults


def _fault(place: Place, what: str, remedy: str) -> Fault:
    return Fault(str(place), what, remedy)


def _rows_fit(spec: MappingSpec, entity: Entity) -> Iterator[Fault]:
    """Each row is a field of the entity, of its type, and refers to what the entity says."""
    if spec.lines and entity.lines is None:
        yield _fault(spec.lines[0].place, f"{entity.name} has no lines", "take 'lines' out")
    for row in spec.rows:
        yield from _row_fits(row, entity, entity.fields, path=row.path)
    for row in spec.lines if entity.lines is not None else ():
        yield from _row_fits(row, entity, entity.lines or {}, path=row.name)


def _row_fits(row: Row, entity: Entity, fields: dict[str, EntityField], *, path: str) -> Iterator[Fault]:
    known = fields.get(path)
    if known is None and row.group in entity.open_groups and row.refers_to is None:
        return
    if known is None:
        yield _unknown_row(row, entity, fields, path=path)
        return
    if not row.whole:
        return
    if row.type != known.type:
        remedy = "take 'as' out" if known.type == "text" else f"say 'as: {known.type}'"
        yield _fault(row.place, f"'{path}' of {entity.name} is {known.type}, not {row.type}", remedy)
    if row.refers_to != known.refers_to:
        what = f"'{path}' of {entity.name} refers to " + (f"a {known.refers_to}" if known.refers_to else "nothing")
        remedy = f"say 'refers_to: {known.refers_to}'" if known.refers_to else "take 'refers_to' out"
        yield _fault(row.place, what, remedy)
    if known.read_only and row.erp is not None and row.owner != "erp":
        yield _fault(row.place, f"'{path}' is given by the ERP", "say 'owner: erp'")
    for side in SIDES:
        yield from _values_fit(row, row.source(side), known)


def _unknown_row(row: Row, entity: Entity, fields: dict[str, EntityField], *, path: str) -> Fault:
    if path in entity.groups and row.group is None:
        return _fault(
            row.place, f"'{path}' of {entity.name} is a group", f"write its rows below it: {path}: {{…: {{crm: …}}}}"
        )
    remedy = suggest(path, tuple(fields), "it has")
    if entity.open_groups and row.group is None and not remedy.startswith("did you mean"):
        remedy += f"; a field of your own stands below '{entity.open_groups[0]}:'"
    return _fault(row.place, f"{entity.name} has no '{path}'", remedy)


def _values_fit(row: Row, source: Source | None, known: EntityField) -> Iterator[Fault]:
    if source is None or not source.values:
        return
    wanted = {"text": str, "boolean": bool}.get(row.type)
    if wanted is None:
        yield _fault(
            source.place, f"'values' cannot give a value of type {row.type}", "use it for texts and true/false"
        )
        return
    for _, value in source.values:
        if not isinstance(value, wanted):
            kind = "a text" if wanted is str else "true or false"
            yield _fault(
                source.place, f"'values' of '{row.path}' gives {_show(value)}", f"give {kind}; quotes make a text"
            )
        elif known.values and value not in known.values:
            remedy = suggest(str(value), known.values)
            yield _fault(
                source.place, f"'values' of '{row.path}' gives {_show(value)}, which the entity does not have", remedy
            )


def _show(value: str | bool | int) -> str:
    return show(value) if isinstance(value, (str, bool)) else str(value)


def _sources(spec: MappingSpec) -> Iterator[Fault]:
    """Formulas can be read, functions and values stand where they can work."""
    for row in spec.all_rows():
        for side in SIDES:
            source = row.source(side)
            if source is None:
                continue
            if source.formula is not None:
                yield from _formula(source)
            if row.refers_to and (source.via or source.values):
                yield _fault(source.place, f"'{row.path}' is an id", "take 'via' and 'values' out")


def _formula(source: Source) -> Iterator[Fault]:
    try:
        parse_formula(source.formula or "")
    except BadFormula as error:
        yield _fault(source.place, f"{error.what} (character {error.column})", error.remedy)


def must_write(spec: MappingSpec, row: Row, side: Side) -> bool:
    """Whether the mapping may ever write this row to this side, by owner or by creating records there."""
    return row.two_sided and (row.owner != side or side in spec.creates)


def cannot_write(source: Source) -> tuple[str, str] | None:
    """Why a value cannot go back to where it was read from, and the remedy; None when it can."""
    if source.formula is not None:
        return "is a formula", "use a field"
    if len(source.fields) > 1:
        return "is the first filled of a list", "name one field"
    if source.when:
        return "has a condition", "take 'when' out"
    for call in source.via:
        if function_table()[call.function].backward is None:
            return f"goes through '{call.function}', which has no way back", "take it out"
    seen: dict[object, object] = {}
    for system_value, value in source.values:
        if value in seen:
            what = f"maps {_show_any(seen[value])} and {_show_any(system_value)} both to {_show_any(value)}"
            return what, "map one system value to each"
        seen[value] = system_value
    return None


def _show_any(value: object) -> str:
    return _show(value) if isinstance(value, (str, bool, int)) else str(value)


def _writable(spec: MappingSpec, entity: Entity) -> Iterator[Fault]:
    """A row that must be written back can be."""
    for row in spec.all_rows():
        known = (entity.lines or {}).get(row.name) if row in spec.lines else entity.fields.get(row.path)
        for side in SIDES:
            source = row.source(side)
            given_there = known is not None and known.read_only and side == "erp"
            if source is None or given_there or not row.whole or not must_write(spec, row, side):
                continue
            if reason := cannot_write(source):
                why = "records are created there" if side in spec.creates else f"its owner is {row.owner}"
                remedy = reason[1] if side in spec.creates else f"{reason[1]}, or make {side} its only owner"
                yield _fault(
                    source.place, f"'{row.path}' must be written to the {side.upper()} ({why}) but {reason[0]}", remedy
                )


def _terms(spec: MappingSpec) -> Iterator[Fault]:
    for side in SIDES:
        system = spec.system(side)
        for term in system.where:
            yield from _term(term, system.place)
        for row in spec.all_rows():
            source = row.source(side)
            for term in source.when if source else ():
                yield from _term(term, source.place if source else row.place)


def _term(term: Term, place: Place) -> Iterator[Fault]:
    value = term.values[0] if term.values else None
    if term.operator in {"before", "after"} and (isinstance(value, bool) or not isinstance(value, (str, int))):
        yield _fault(place, f"'{term.field}' is compared with {_show_any(value)}", "compare with a date or a number")


def _owners(spec: MappingSpec) -> Iterator[Fault]:
    """A group, and the lines, have one owner: they are won or lost as one value."""
    groups: dict[str, list[Row]] = {"the lines": list(spec.lines)}
    for row in spec.rows:
        if row.group:
            groups.setdefault(row.group, []).append(row)
    for name, rows in groups.items():
        yield from _one_owner(name, [row for row in rows if row.two_sided])
    for row in spec.all_rows():
        yield from _ruled(row, in_lines=row in spec.lines)


def _ruled(row: Row, *, in_lines: bool) -> Iterator[Fault]:
    if row.if_both_changed != "ask" and row.owner != "both":
        what = f"'{row.path}' has 'if_both_changed', but its owner is {row.owner}"
        yield _fault(row.place, what, "say 'owner: both'")
    if row.volatile and row.owner == "both":
        yield _fault(row.place, f"'{row.path}' is volatile and has two owners", "say which side gives it")
    if row.volatile and in_lines:
        yield _fault(row.place, f"'{row.path}' of the lines is volatile", "only rows of the header can be")


def _one_owner(name: str, rows: list[Row]) -> Iterator[Fault]:
    for row in rows[1:]:
        if row.whole and rows[0].whole and _ownership(row) != _ownership(rows[0]):
            what = f"'{row.path}' and '{rows[0].path}' are won as one value but differ in owner or volatile"
            yield _fault(row.place, what, f"say the same in all rows of {name}")


def _ownership(row: Row) -> tuple[str, str, bool]:
    return row.owner, row.if_both_changed, row.volatile


def _missing_rows(spec: MappingSpec, entity: Entity) -> Iterator[Fault]:
    present = {row.path for row in spec.rows}
    wanted = [(name, present, "fields") for name, one in entity.fields.items() if one.required and "." not in name]
    if spec.lines:
        in_lines = {row.name for row in spec.lines}
        wanted += [(name, in_lines, "lines") for name, one in (entity.lines or {}).items() if one.required]
    elif "lines" in entity.schema.get("required", ()):
        yield _fault(
            spec.place, f"the mapping of {entity.name} has no 'lines'", "add the rows of a line below 'lines:'"
        )
    for name, rows, where in wanted:
        if name not in rows:
            yield _fault(spec.place, f"{entity.name} needs '{name}', and no row in '{where}' gives it", f"add '{name}'")
    yield from _one_sided(spec, {name for name, rows, _ in wanted if name in rows})


def _one_sided(spec: MappingSpec, needed: set[str]) -> Iterator[Fault]:
    """What a new record must have crosses from one side to the other."""
    for row in spec.all_rows():
        if spec.creates and row.whole and row.group is None and row.name in needed and not row.two_sided:
            side = "crm" if row.crm is None else "erp"
            yield _fault(row.place, f"'{row.name}' has no {side} side, but a new record needs it", f"add '{side}: …'")


#: Functions that change nothing of what `match_text` compares.
_AS_MATCHED = frozenset({"trim", "collapse_blanks", "upper", "lower"})


def _match(spec: MappingSpec) -> Iterator[Fault]:
    usable = {row.path: row for row in spec.rows if row.two_sided and row.type == "text" and not row.refers_to}
    for name in (name for rule in spec.match for name in rule):
        if name not in usable:
            what = f"'match' names '{name}', which is no text row with both sides"
            yield _fault(spec.place, what, suggest(name, tuple(usable)))
            continue
        for source in filter(None, (usable[name].source(side) for side in spec.creates)):
            if source.values or any(call.function not in _AS_MATCHED for call in source.via):
                what = f"'match' looks for '{name}' in the system, where it is spelled in another way"
                remedy = f"take {name} out of 'match', or 'via' and 'values' out of this row"
                yield _fault(source.place, what, remedy)


def _sums(spec: MappingSpec) -> Iterator[Fault]:
    total = spec.lines_sum_to
    if total is None:
        return
    pairs = ((total.field, spec.rows, "'fields'"), (total.of, spec.lines, "'lines'"))
    for name, rows, where in pairs:
        money = tuple(row.name for row in rows if row.type == "money" and row.group is None)
        if name not in money:
            yield _fault(
                total.place, f"'lines_sum_to' needs '{name}', a money row in {where}", suggest(name, money, "it has")
            )


def _same_as(spec: MappingSpec) -> Iterator[Fault]:
    """Records that are bound as those of another entity have no birth, match or end of their own."""
    if spec.same_as is None:
        return
    given = {"creates": bool(spec.creates), "match": bool(spec.match), "lines": bool(spec.lines)}
    given["gone"] = any(policy != "keep" for policy in spec.gone.values())
    for name, is_given in given.items():
        if is_given:
            what = f"'{name}' has no meaning where the records are the same as those of {spec.same_as}"
            yield _fault(spec.place, what, f"take '{name}' out")
    if spec.same_as == spec.entity:
        yield _fault(spec.place, f"{spec.entity} is the same as itself", "name the entity whose pairs it shares")


def _restores(spec: MappingSpec) -> Iterator[Fault]:
    """Only a copy can be made again: a side that owns something has the only original of it."""
    for side in SIDES:
        owns = any(row.two_sided and row.owner in (side, "both") for row in spec.all_rows())
        if spec.gone[side] == "restore" and (side not in spec.creates or owns):
            remedy = f"say ask or keep, or let this mapping create in the {side.upper()} and own nothing there"
            yield _fault(spec.place, f"what vanishes from the {side.upper()} cannot be restored", remedy)
