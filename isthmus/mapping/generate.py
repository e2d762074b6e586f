"""Writes the plain Python functions that translate records, row by row, without a rule left to interpret.

The source holds only names and literals made here: field names of the file enter it through ``repr``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from unicodedata import is_normalized

from isthmus.kernel.errors import Fault
from isthmus.kernel.records import ABSENT, Fields
from isthmus.mapping.spec import LinesSum, Row, Source
from isthmus.mapping.steps import (
    Blame,
    Setting,
    is_money,
    is_plain_text,
    read_step,
    row_kind,
    sum_check,
    value_getter,
    write_step,
)

_FEW = 256  # texts of a row that are kept with what they become

ReadFunction = Callable[[Fields, list[Fields] | None, list[Fault]], Fields]
WriteFunction = Callable[[Fields, frozenset[str] | None], tuple[Fields, list[Fields] | None]]


@dataclass(slots=True)
class _Code:
    """Lines of source and the objects they use."""

    setting: Setting
    lines: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)

    def add(self, depth: int, *texts: str) -> None:
        self.lines.extend("    " * depth + text for text in texts)

    def bind(self, thing: Any) -> str:
        name = f"c{len(self.names)}"
        self.names[name] = thing
        return name

    def function(self, name: str) -> Any:
        blame = Blame(self.setting)
        scope: dict[str, Any] = {
            **self.names,
            "A": ABSENT,
            "wrong": blame.wrong,
            "empty": blame.empty,
            "no_currency": blame.no_currency,
            "no_key": blame.no_key,
            "refuse": blame.refuse,
            "inner": _inner,
            "is_normalized": is_normalized,
        }
        exec(compile("\n".join(self.lines), f"<mapping {self.setting.side} {name}>", "exec"), scope)  # noqa: S102
        return scope[name]


def _inner(fields: Fields, name: str) -> Fields:
    inside: Fields = {}
    fields[name] = inside
    return inside


@dataclass(frozen=True, slots=True)
class Plan:
    """What the functions of one side are made of. ``known`` gives the only values that a row may have."""

    setting: Setting
    rows: Sequence[Row]
    lines: Sequence[Row]
    line_key: str
    known: Callable[[Row], tuple[str, ...]]
    total: LinesSum | None


def _sourced(rows: Sequence[Row], plan: Plan) -> Iterator[tuple[Row, Source]]:
    for row in rows:
        source = row.source(plan.setting.side)
        if source is not None:
            yield row, source


def generate_reader(plan: Plan) -> ReadFunction:
    """record fields, lines, a list for faults → form."""
    code = _Code(plan.setting)
    code.add(0, "def read(f, lines_in, faults):")
    code.add(1, "form = {}", "get = f.get", "currency = None")
    header = sorted(_sourced(plan.rows, plan), key=lambda pair: pair[0].name != "currency" or bool(pair[0].group))
    for group, pairs in groupby(header, key=lambda pair: pair[0].group):
        target = "g" if group else "form"
        if group:
            code.add(1, "g = {}")
        for row, source in pairs:
            _read_row(code, plan, (row, source), place=(1, target, repr(row.path)))
            if row.path == "currency":
                code.add(1, "currency = form.get('currency')")
        if group:
            code.add(1, f"if g: form[{group!r}] = g")
    if plan.lines:
        _read_lines(code, plan)
    if plan.total and plan.setting.side in _total_sides(plan):
        code.add(1, f"{code.bind(sum_check(plan.total, plan.setting))}(form, faults)")
    code.add(1, "return form")
    function: ReadFunction = code.function("read")
    return function


def _total_sides(plan: Plan) -> set[str]:
    """The sides that have the header's total: only there can it be compared."""
    rows = [row for row in plan.rows if plan.total and row.name == plan.total.field]
    return {side for row in rows for side in ("crm", "erp") if row.source(side) is not None}


def _read_lines(code: _Code, plan: Plan) -> None:
    code.add(1, "if lines_in is not None:")
    code.add(2, "form['lines'] = lines_out = []", "n = 0")
    code.add(2, "for f in lines_in:")
    code.add(3, "n += 1", "get = f.get", f"k = get({plan.line_key!r})")
    code.add(3, "if k is None: no_key(faults, f'lines[{n}]')")
    code.add(3, "o = {'key': str(k)}", "lines_out.append(o)")
    for row, source in _sourced(plan.lines, plan):
        _read_row(code, plan, (row, source), place=(3, "o", f"f'lines[{{n}}].{row.name}'"))


def _read_row(code: _Code, plan: Plan, pair: tuple[Row, Source], *, place: tuple[int, str, str]) -> None:
    """One row: ``place`` is the depth, the dict it goes into, and the expression that names it in a fault."""
    (row, source), (depth, target, where) = pair, place
    into = f"{target}[{row.name!r}]"
    depth += _read_value(code, depth, source, where=where)
    word = "if"
    known = plan.known(row)
    quick = _quick_test(row, source, known, setting=plan.setting)
    seen = code.bind({}) if _is_of_few(row, source, known) else None
    if quick:
        code.add(depth, f"if {quick}: {into} = v")
        word = "elif"
    elif seen:
        code.add(depth, f"if v.__class__ is str and v in {seen}: {into} = {seen}[v]")
        word = "elif"
    if row.required:
        named = " or ".join(source.fields) or "the fields of the formula"
        code.add(depth, f"{word} v is None or v == '': empty(faults, {where}, {named!r})")
    else:
        code.add(depth, f"{word} v is None: {into} = None")
    step = code.bind(read_step(row, source, known, setting=plan.setting))
    if is_money(row):
        code.add(depth, "elif v is not A and currency is None: " + f"no_currency(faults, {where})")
    call = f"{step}(v, currency)" if is_money(row) else f"{step}(v)"
    code.add(
        depth,
        "elif v is not A:",
        f"    try: {into} = {call}",
        f"    except (ValueError, ArithmeticError) as e: wrong(faults, {where}, e)",
    )
    if seen:
        code.add(depth + 1, "else:", f"    if len({seen}) < {_FEW} and v.__class__ is str: {seen}[v] = {into}")


def _read_value(code: _Code, depth: int, source: Source, *, where: str) -> int:
    """Puts the value into ``v``; answers how much deeper the lines that follow stand."""
    getter = value_getter(source)
    if getter is None:
        _read_path(code, depth, source.fields[0])
        return 0
    if source.formula is None and not source.when and source.fields[0].count(".") < 2:
        _read_path(code, depth, source.fields[0])  # mostly the first field of a list is the one that is filled
        code.add(depth, f"if not v: v = {code.bind(getter)}(f)")
        return 0
    code.add(
        depth,
        "try:",
        f"    v = {code.bind(getter)}(f)",
        "except (ValueError, ArithmeticError) as e:",
        f"    wrong(faults, {where}, e)",
        "else:",
    )
    return 1


def _is_of_few(row: Row, source: Source, known: tuple[str, ...]) -> bool:
    """Whether a row's texts are few and come again and again (a currency, a country): what they become is kept."""
    is_listed = bool(known or source.values or row.name == "currency")
    return is_listed or any(call.function == "country_code" for call in source.via)


def _quick_test(row: Row, source: Source, known: tuple[str, ...], *, setting: Setting) -> str | None:
    """The test that most values pass as they are; everything else takes the step."""
    if is_plain_text(row, source, known):
        filled = "v and " if row.required or row.refers_to else ""
        return f"v.__class__ is str and {filled}v.isprintable() and (v.isascii() or is_normalized('NFC', v))"
    if source.values or source.via:
        return None
    if row.type == "boolean":
        return "v is True or v is False"
    if row_kind(row) in {"price", "decimal"} and setting.numbers == "scaled":
        return "v.__class__ is int"
    return None


def _read_path(code: _Code, depth: int, path: str) -> None:
    parts = path.split(".")
    if len(parts) == 1:
        code.add(depth, f"v = get({path!r}, A)")
        return
    code.add(depth, f"p = get({parts[0]!r}, A)")
    code.add(depth, f"v = p.get({parts[1]!r}, A) if p.__class__ is dict else None if p is None else A")


def generate_writer(plan: Plan, writable: Callable[[Row], bool]) -> WriteFunction:
    """form, names of units (None: all) → the side's own fields and lines."""
    code = _Code(plan.setting)
    code.add(0, "def write(form, units):")
    code.add(1, "out = {}", "lines_out = None", "get = form.get", "currency = get('currency')")
    pairs = [pair for pair in _sourced(plan.rows, plan) if writable(pair[0])]
    for group, members in groupby(pairs, key=lambda pair: pair[0].group):
        if group:
            code.add(1, f"g = get({group!r}) if units is None or {group!r} in units else None", "if g:")
            for row, source in members:
                _write_row(code, (row, source), (2, "g", "out"), where=repr(row.path))
            continue
        for row, source in members:
            code.add(1, f"if units is None or {row.name!r} in units:")
            _write_row(code, (row, source), (2, "form", "out"), where=repr(row.path))
    lines = [pair for pair in _sourced(plan.lines, plan) if writable(pair[0])]
    if lines:
        code.add(1, "lines_in = get('lines') if units is None or 'lines' in units else None")
        code.add(1, "if lines_in is not None:", "    lines_out = []", "    n = 0", "    for line in lines_in:")
        code.add(3, "n += 1", "o = {'key': line['key']}", "lines_out.append(o)")
        for row, source in lines:
            _write_row(code, (row, source), (3, "line", "o"), where=f"f'lines[{{n}}].{row.name}'")
    code.add(1, "return out, lines_out")
    function: WriteFunction = code.function("write")
    return function


def _write_row(code: _Code, pair: tuple[Row, Source], place: tuple[int, str, str], *, where: str) -> None:
    """One row: ``place`` is the depth, the dict it comes from and the one it goes to."""
    (row, source), (depth, origin, target) = pair, place
    *parents, last = source.fields[0].split(".")
    for parent in parents:
        target = f"({target}.get({parent!r}) or inner({target}, {parent!r}))"
    step = write_step(row, source, code.setting)
    code.add(depth, f"v = {origin}.get({row.name!r}, A)")
    if step is None:
        code.add(depth, f"if v is not A: {target}[{last!r}] = v")
        return
    call = f"{code.bind(step)}(v, currency)" if is_money(row) else f"{code.bind(step)}(v)"
    code.add(depth, "if v is not A:")
    code.add(depth + 1, f"try: {target}[{last!r}] = None if v is None else {call}")
    code.add(depth + 1, f"except (ValueError, ArithmeticError) as e: raise refuse({where}, e) from None")
