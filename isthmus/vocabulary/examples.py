"""The tests of a mapping, from the entity's example as both vocabularies spell it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from isthmus.kernel.units import SIDES, Side, other_side
from isthmus.vocabulary.join import Joined, Joint
from isthmus.vocabulary.words import Example, Shown, Tree, Word

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,8}")

Spell = Callable[[Word, Any], Tree]


def tests(joined: Joined) -> list[Tree]:
    """What the file is to show: each direction, what is special, who wins, and what each system's records show."""
    found = [
        *_whole(joined),
        *_special(joined),
        *(
            _shown(joined, side, one)
            for side in SIDES
            for one in joined.names[side].tests
            if _applies(joined, side, one)
        ),
        *(test for path, value in joined.outline.edits.items() for test in _edited(joined, path, value)),
        *_lost_line(joined),
    ]
    return [_loosen(test) for test in found]


# --- one record and what is written to the other side -------------------------------------------------------------


def _whole(joined: Joined) -> Iterator[Tree]:
    """The example in both directions: what is born, with its line, and what comes back."""
    outline, born, copies = joined.outline, joined.outline.born, joined.copies
    across = Example(f"what the {born.upper()} says arrives, whole", outline.example, outline.example_line)
    back = Example(f"what the {copies.upper()} gives comes back", outline.example, {})
    rows = [row for row in _rows(joined) if row.path in outline.example]
    yield from _crossing(joined, born, [row for row in rows if row.owner != copies], example=across, spell=Word.shown)
    yield from _crossing(joined, copies, [row for row in rows if row.owner == copies], example=back, spell=Word.shown)


def _special(joined: Joined) -> Iterator[Tree]:
    """More examples, each as its owner gives it; one whose fields are not all carried shows nothing here."""
    for example in joined.outline.also:
        rows = [row for row in _rows(joined) if row.path in example.of]
        in_line = [row for row in joined.lines if row.two_sided and row.path in example.line]
        is_whole = len(rows) == len(example.of) and len(in_line) == len(example.line.keys() - {"key"})
        for side in SIDES if is_whole else ():
            given = [row for row in rows if row.owner == side]
            if {row.path for row in given} - {"currency"}:
                yield from _crossing(joined, side, given, example=example, spell=Word.spell)


def _rows(joined: Joined) -> list[Joint]:
    return [row for row in joined.rows if row.two_sided]


def _crossing(joined: Joined, source: Side, rows: list[Joint], *, example: Example, spell: Spell) -> Iterator[Tree]:
    """A record of one side, and what is expected of the other."""
    if not rows:
        return
    target = other_side(source)
    record = _record([*rows, *_currency(joined, rows)], source, example.of, spell=spell)
    expected = _record(rows, target, example.of)
    if joined.lines and example.line:
        record |= _record(_compared(joined, source, example), source, example.of, spell=spell)
        record["lines"] = [_shown_line(joined, source, example.line, spell=spell)]
        expected["lines"] = [_written_line(joined, target, example.line)]
    yield {"name": example.name, source: record, "expects": {target: expected}}


def _compared(joined: Joined, side: Side, example: Example) -> list[Joint]:
    """What only one side has: read and compared with the lines."""
    return [row for row in joined.rows if side in row.words and not row.two_sided and row.path in example.of]


def _currency(joined: Joined, rows: Iterable[Joint]) -> list[Joint]:
    """The currency, where amounts need one and it does not come along anyway."""
    known = joined.row("currency")
    is_there = known is None or any(row is known for row in rows)
    return [known] if known and not is_there and any(row.known.type == "money" for row in rows) else []


def _record(rows: Iterable[Joint], side: Side, values: Mapping[str, Any], *, spell: Spell = Word.spell) -> Tree:
    record: Tree = {}
    for row in rows:
        for field, value in spell(row.words[side], values[row.path]).items():
            _put(record, field, value)
    return record


def _shown_line(joined: Joined, side: Side, line: Tree, *, spell: Spell = Word.shown) -> Tree:
    """A line as a system shows it."""
    rows = [row for row in joined.lines if side in row.words and row.path in line]
    key = (joined.names[side].lines_at or {}).get("key", "key")
    return {key: line["key"], **_record(rows, side, line, spell=spell)}


def _written_line(joined: Joined, side: Side, line: Tree) -> Tree:
    """What is written of it, where a word's own example may mean another value than the entity's."""
    rows = [row for row in joined.lines if row.two_sided and row.path in line]
    means = {row.path: word.means for row in rows for word in row.words.values() if word.means is not None}
    return {"key": line["key"], **_record(rows, side, line | means)}


def _put(record: Tree, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        record = record.setdefault(parent, {})
    record[last] = value


# --- what one system's records show -------------------------------------------------------------------------------


def _shown(joined: Joined, side: Side, shown: Shown) -> Tree:
    told: Tree = {"refuses": shown.refuses, "filtered": shown.filtered}
    if shown.means is not None:
        rows = [row for row in _rows(joined) if row.path in shown.means]
        told["expects"] = {other_side(side): _record(rows, other_side(side), shown.means)}
    return {"name": shown.name, side: shown.record, **{name: text for name, text in told.items() if text is not None}}


def _applies(joined: Joined, side: Side, shown: Shown) -> bool:
    """Whether the mapping reads every field that the test gives."""
    naming = joined.names[side]
    header = {*_fields(joined.rows, side), *(naming.where or {})}
    lines = {*_fields(joined.lines, side), "key", (naming.lines_at or {}).get("key", "key")}
    header |= {field.partition(".")[0] for field in header}  # a table in the record holds the rest of the way
    return all(field in header for field in shown.record if field != "lines") and all(
        field in lines for line in shown.record.get("lines", ()) for field in line
    )


def _fields(rows: Iterable[Joint], side: Side) -> set[str]:
    return {field for row in rows if side in row.words for field in row.words[side].fields}


# --- both sides before and after ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Edit:
    """A field of the example that somebody changes."""

    joined: Joined
    row: Joint
    new: Any

    @property
    def old(self) -> Any:
        return self.joined.outline.example.get(self.row.path)

    def say(self, side: Side, value: Any) -> Tree:
        return _record([self.row], side, {self.row.path: value})

    def test(self, name: str, after: Mapping[Side, Any], expects: Tree) -> Tree:
        """Both sides as they were, and with what ``after`` says; an amount comes with its currency."""
        currency = _currency(self.joined, [self.row])
        money = {side: _record(currency, side, self.joined.outline.example) for side in SIDES}
        return {
            "name": name,
            "before": {side: money[side] | self.say(side, self.old) for side in SIDES},
            "after": {side: money[side] | self.say(side, after.get(side, self.old)) for side in SIDES},
            "expects": expects,
        }


def _edited(joined: Joined, path: str, value: Any) -> Iterator[Tree]:
    """What becomes of an edit on one side, and where both sides may change it, on both."""
    row = joined.row(path)
    if row is None or not row.two_sided:
        return
    edit, label = _Edit(joined, row, value), path.replace("_", " ").replace(".", " ")
    if not all(edit.say(side, one) for side in SIDES for one in (edit.old, edit.new)):
        return  # a reader's spelling has no way back
    if row.rule.volatile:
        yield edit.test(f"{label} alone is no reason to write", {row.owner: value}, {})  # type: ignore[dict-item]
    elif row.owner == "both":
        corrected = {"crm": edit.say("crm", value)}
        yield edit.test(f"{label} corrected in the ERP goes to the CRM", {"erp": value}, corrected)
        name = f"{label} corrected on both sides is a conflict"
        yield edit.test(name, {"crm": value, "erp": f"{value}-A"}, {"conflicts": [path]})
    else:
        other = other_side(row.owner)
        name = f"{label} changed in the {other.upper()} is undone, because the {row.owner.upper()} owns it"
        yield edit.test(name, {other: value}, {other: edit.say(other, edit.old), "overruled": [path.partition(".")[0]]})


def _lost_line(joined: Joined) -> Iterator[Tree]:
    """A line that somebody took out of a copy: what every line must have of it is enough to show."""
    born, copies, needed = joined.outline.born, joined.copies, joined.entity.lines or {}
    line = {
        path: value for path, value in joined.outline.example_line.items() if path == "key" or needed[path].required
    }
    if not joined.lines or not line:
        return
    money = _currency(joined, joined.lines)
    header = {side: _record(money, side, joined.outline.example) for side in SIDES}
    before = {side: {**header[side], "lines": [_shown_line(joined, side, line)]} for side in SIDES}
    yield {
        "name": f"a line taken out in the {copies.upper()} comes back, because the {born.upper()} owns the lines",
        "before": before,
        "after": {side: before[side] if side == born else {**header[side], "lines": []} for side in SIDES},
        "expects": {copies: {"lines": [_written_line(joined, copies, line)]}, "overruled": ["lines"]},
    }


def _loosen(value: Any) -> Any:
    """Whole numbers without quotes: in a test, every value is a text."""
    if isinstance(value, dict):
        return {name: _loosen(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_loosen(one) for one in value]
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value
