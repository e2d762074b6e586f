"""The mapping files' own tests: a record in, what is written to the other side out. No system is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from isthmus.kernel.errors import Refused
from isthmus.kernel.money import parse_decimal
from isthmus.kernel.records import Fields, Record
from isthmus.kernel.units import SIDES, Side, other_side
from isthmus.mapping.compile import CompiledMapping, compile_mapping
from isthmus.mapping.grammar import suggest
from isthmus.mapping.spec import Case, MappingSpec
from isthmus.merge import Forms, Merged, merge


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test of a mapping file. ``message`` says why it failed; ``where`` is its place in the file."""

    __test__ = False  # not a test of ours, whatever pytest thinks of the name

    name: str
    passed: bool
    message: str
    where: str


class _Failed(Exception):
    """The test did not show what it says; the text says what came instead."""


def run_tests(spec: MappingSpec, *, time_zone: str = "UTC") -> list[TestResult]:
    """Runs the tests of one file. Amounts are written as people write them; a business day ends in ``time_zone``."""
    mapping = compile_mapping(spec, crm_numbers="decimal", erp_numbers="decimal", time_zone=time_zone)
    return [_run(mapping, case) for case in spec.tests]


def _run(mapping: CompiledMapping, case: Case) -> TestResult:
    try:
        _run_case(mapping, case)
    except _Failed as failure:
        return TestResult(case.name, False, str(failure), str(case.place))
    return TestResult(case.name, True, "", str(case.place))


def _run_case(mapping: CompiledMapping, case: Case) -> None:
    if case.before is not None and case.after is not None:
        _run_merge(mapping, case)
        return
    if case.before is not None or case.after is not None:
        raise _Failed("gives only one of before and after; give both")
    if len(case.given) != 1:
        raise _Failed("gives no record, or two; give crm or erp, or before and after with both")
    if sum(one is not None for one in (case.expects, case.refuses, case.filtered)) != 1:
        raise _Failed("says not what is to happen; say one of expects, refuses and filtered")
    side, fields = next(iter(case.given.items()))
    record = _record(mapping, side, fields)
    if case.filtered is not None:
        _expect_filtered(mapping, side, record, field=case.filtered)
    elif case.refuses is not None:
        _expect_refused(mapping, side, record, text=case.refuses)
    else:
        _expect_written(mapping, side, record, expects=case.expects or {})


def _record(mapping: CompiledMapping, side: Side, given: Fields) -> Record:
    """The record of a test; a line without a key is named by its position."""
    fields = {name: value for name, value in given.items() if name != "lines"}
    lines = given.get("lines")
    selection = mapping.selection(side)
    _check_names(fields, selection.fields, side)
    if lines is not None:
        _check_lines(mapping, side, lines)
        key = selection.lines.key if selection.lines else "key"
        lines = [{key: str(number), **line} for number, line in enumerate(lines, 1)]
    return Record("test", "", fields, lines)


def _check_lines(mapping: CompiledMapping, side: Side, lines: Any) -> None:
    selection = mapping.selection(side)
    if selection.lines is None or not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise _Failed(f"{side}: 'lines' must be a list of records, and the mapping must have lines")
    for line in lines:
        _check_names(line, (*selection.lines.fields, selection.lines.key, "key"), side)


def _check_names(given: Fields, known: tuple[str, ...], side: str) -> None:
    """A test that names a field nobody reads would test nothing."""
    for path in _paths(given):
        if path not in known and not any(name.startswith(f"{path}.") for name in known):
            raise _Failed(f"{side}: no row reads '{path}'; {suggest(path, known, 'rows read')}")


def _paths(given: Fields, prefix: str = "") -> Iterator[str]:
    for name, value in given.items():
        if isinstance(value, dict) and value:
            yield from _paths(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def _expect_filtered(mapping: CompiledMapping, side: Side, record: Record, *, field: str) -> None:
    term = mapping.inside(side, record)
    if term is None:
        raise _Failed("the record passes 'where'")
    if term.field != field:
        raise _Failed(f"the first term it fails is {term.field}, not {field}")


def _faults(mapping: CompiledMapping, side: Side, record: Record) -> tuple[Fields, list[str]]:
    translated = mapping.to_entity(side, record)
    faults = translated.faults or mapping.validate(translated.form, partial=True)
    return translated.form, [str(fault) for fault in faults]


def _expect_refused(mapping: CompiledMapping, side: Side, record: Record, *, text: str) -> None:
    form, faults = _faults(mapping, side, record)
    if not faults:
        try:
            mapping.to_fields(other_side(side), form, _writable(mapping, other_side(side)))
        except Refused as refusal:
            faults = [str(refusal)]
    if text not in faults:
        raise _Failed(f"refused with: {' | '.join(faults)}" if faults else "the record is not refused")


def _expect_written(mapping: CompiledMapping, side: Side, record: Record, *, expects: dict[str, Any]) -> None:
    target = other_side(side)
    if set(expects) != {target}:
        raise _Failed(f"a record of the {side.upper()} is written to the {target.upper()}: expect {target}")
    form, faults = _faults(mapping, side, record)
    if faults:
        raise _Failed(f"refused with: {' | '.join(faults)}")
    _compare_written(_write(mapping, target, form, units=_writable(mapping, target)), expects[target], target)


def _writable(mapping: CompiledMapping, side: Side) -> frozenset[str] | None:
    """All rows where records are created, else those that an update may write."""
    return None if side in mapping.spec.creates else mapping.writable_units(side)


def _write(mapping: CompiledMapping, side: Side, form: Fields, *, units: frozenset[str] | None) -> Fields:
    try:
        fields, lines = mapping.to_fields(side, form, units)
    except Refused as refusal:
        raise _Failed(f"refused with: {refusal}") from None
    return fields if lines is None else {**fields, "lines": lines}


def _compare_written(written: Any, expected: Any, path: str) -> None:
    """Every value that is expected is there; what is not mentioned may be anything."""
    if isinstance(expected, dict) and isinstance(written, dict):
        for name, value in expected.items():
            if name not in written:
                raise _Failed(f"{path}.{name} is not written")
            _compare_written(written[name], value, f"{path}.{name}")
    elif isinstance(expected, list) and isinstance(written, list):
        if len(expected) != len(written):
            raise _Failed(f"{path} has {len(written)} entries, not {len(expected)}")
        for number, (one, other) in enumerate(zip(written, expected, strict=True), 1):
            _compare_written(one, other, f"{path}[{number}]")
    elif not _equal(written, expected):
        raise _Failed(f"{path} is {_shown(written)}, not {_shown(expected)}")


def _equal(written: Any, expected: Any) -> bool:
    if isinstance(written, (int, Decimal)) and not isinstance(written, bool) and isinstance(expected, str):
        try:
            return parse_decimal(expected) == written
        except ValueError:
            return False
    return bool(written == expected) and isinstance(written, bool) is isinstance(expected, bool)


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"'{value}'" if isinstance(value, str) else str(value)


# --- merges -------------------------------------------------------------------------------------------------------


def _run_merge(mapping: CompiledMapping, case: Case) -> None:
    before, after = (_forms(mapping, pair or {}) for pair in (case.before, case.after))
    merged = merge(mapping.units, before, after)
    expects = case.expects or {}
    for side in SIDES:
        _expect_merged_side(mapping, side, (merged, after), expected=expects.get(side))
    lists = (
        ("conflicts", [one.unit for one in merged.conflicts]),
        ("overruled", [one.unit for one in merged.overruled]),
        ("agreed", list(merged.agreed)),
    )
    for name, found in lists:
        if sorted(found) != sorted(expects.get(name, ())):
            raise _Failed(f"{name}: {', '.join(sorted(found)) or 'none'}")


def _forms(mapping: CompiledMapping, pair: dict[Side, Fields]) -> Forms:
    forms: dict[Side, Fields] = {}
    for side in SIDES:
        form, faults = _faults(mapping, side, _record(mapping, side, pair.get(side, {})))
        if faults:
            raise _Failed(f"{side}: refused with: {' | '.join(faults)}")
        forms[side] = form
    return forms


def _expect_merged_side(
    mapping: CompiledMapping, side: Side, outcome: tuple[Merged, Forms], *, expected: Fields | None
) -> None:
    merged, after = outcome
    units = merged.writes[side]
    if not units and expected is None:
        return
    if not units:
        raise _Failed(f"nothing is written to the {side.upper()}")
    if expected is None:
        raise _Failed(f"{', '.join(sorted(units))} is written to the {side.upper()}")
    _compare_written(_write(mapping, side, after[other_side(side)], units=frozenset(units)), expected, side)
