"""What is joined → the text of a mapping file, always the same for the same vocabularies. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from isthmus.kernel.errors import Misconfigured
from isthmus.kernel.units import SIDES, Side
from isthmus.mapping.load import read_mapping
from isthmus.vocabulary.examples import tests
from isthmus.vocabulary.join import Joined, Joint, Pair
from isthmus.vocabulary.layout import comment, entry, item
from isthmus.vocabulary.words import Naming, Tree


def write(pair: Pair, *, schema: str | None = None) -> dict[str, str]:
    """The mapping files of a pair of systems: names and texts. ``schema`` is where editors find the files' schema, as
    seen from them.

    Raises Misconfigured, with the places in the generated text, when a vocabulary says what no mapping may say.
    """
    files = {}
    for joined in pair.joined:
        name = f"{joined.entity.name}.yaml"
        files[name] = "\n".join(_file(joined, pair, schema)) + "\n"
        try:
            read_mapping(files[name].encode(), f"{pair.folder}/{name}")
        except Misconfigured as error:
            remedy = f"correct {pair.crm.file} or {pair.erp.file}"
            raise Misconfigured(error.fault.where, error.fault.what, remedy, faults=error.faults) from None
    return files


def _file(joined: Joined, pair: Pair, schema: str | None) -> Iterator[str]:
    if schema:
        yield f"# yaml-language-server: $schema={schema}"
        yield "#"
    yield from comment([joined.outline.note, *(joined.names[side].note for side in SIDES)])
    yield from comment([_origin(pair)])
    yield from _head(joined)
    for side in SIDES:
        yield ""
        yield from _system(joined.names[side], side)
    if not joined.outline.same_as:
        yield ""
        yield from _match(joined)
    yield ""
    yield "fields:"
    yield from _rows(joined, joined.rows)
    yield from _left_out(joined)
    if joined.lines:
        yield ""
        yield "lines:                              # all lines of a record are merged as one value"
        yield from _rows(joined, joined.lines)
        yield from _sum(joined)
    yield ""
    yield "tests:"
    for test in tests(joined):
        yield from item(test, indent=2, whole=True)


def _origin(pair: Pair) -> str:
    return (
        f"Written by `isthmus init --crm {pair.crm.word} --erp {pair.erp.word}`. It is yours to change: try a change "
        "with `isthmus test` and `isthmus plan`."
    )


# --- the head -----------------------------------------------------------------------------------------------------


def _head(joined: Joined) -> Iterator[str]:
    outline = joined.outline
    yield from entry("mapping", joined.entity.name)
    yield from entry("about", _about(joined))
    yield from entry("entity", joined.entity.name)
    yield from entry("maintainer", outline.maintainer)
    yield from entry("schedule", outline.schedule)
    if outline.same_as:
        yield _noted(entry("same_as", outline.same_as), "the records are those of this entity, on both sides")
    yield _noted(entry("owner", outline.born), "of every row that does not say otherwise")
    if not outline.same_as:
        yield _noted(entry("creates", list(joined.creates)), f"records are born in the {outline.born.upper()}")
        gone = {side: joined.gone[side] for side in SIDES}
        yield _noted(entry("gone", gone), "what becomes of the other side's record when one vanishes there")


def _noted(lines: Iterable[str], note: str) -> str:
    (line,) = lines
    return f"{line.ljust(35)} # {note}"


def _about(joined: Joined) -> str:
    """The mapping in a sentence."""
    names, outline = joined.names, joined.outline
    if outline.same_as:
        told = f"{names['erp'].record} is shown on {names['crm'].record} in {joined.systems['crm']}"
    elif outline.born == "erp":
        told = f"{names['erp'].record} is shown in {joined.systems['crm']} as {names['crm'].record}"
    else:
        back = [row.path.replace("_", " ") for row in joined.rows if row.two_sided and row.owner == "erp"]
        told = f"{names['crm'].record} becomes {names['erp'].record}"
        told += f"; {_listed(back)} come{'' if len(back) > 1 else 's'} back" if back else ""
    return f"{told[0].upper()}{told[1:]}."


def _listed(words: list[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _system(naming: Naming, side: Side) -> Iterator[str]:
    parts: tuple[tuple[str, Any], ...] = (
        ("stream", naming.stream), ("where", naming.where), ("moved_by", naming.moved_by), ("lines", naming.lines_at),
    )  # fmt: skip
    yield f"{side}:"
    for name, value in parts:
        if value is not None:
            yield from comment([naming.notes.get(name)], indent=2)
            yield from entry(name, value, indent=2)


def _match(joined: Joined) -> Iterator[str]:
    if not joined.match:
        yield "match: []                           # such records are never guessed"
        return
    told = (
        "Going live on two filled systems: the first rule whose fields are filled on both sides decides. Equal after "
        'folding case and blanks, never "nearly equal". Several hits wait for a person.'
    )
    yield from comment([told])
    yield "match:"
    for rule in joined.match:
        yield from item(list(rule), indent=2)


def _sum(joined: Joined) -> Iterator[str]:
    total = joined.outline.lines_sum_to
    if not total:
        return
    both = (joined.row(total["field"]), next((row for row in joined.lines if row.path == total["of"]), None))
    if all(both):
        yield ""
        yield from entry("lines_sum_to", {**total, "tolerance_minor": 0})


# --- the rows -----------------------------------------------------------------------------------------------------


def _rows(joined: Joined, rows: tuple[Joint, ...]) -> Iterator[str]:
    for group, members in groupby(rows, key=lambda row: row.path.partition(".")[0] if "." in row.path else None):
        if group is None:
            yield from _aligned(joined, list(members), indent=2)
        else:
            yield f"  {group}:{' ' * (32 - len(group))} # a group is merged as one value"
            yield from _aligned(joined, list(members), indent=4)


def _aligned(joined: Joined, rows: list[Joint], *, indent: int) -> Iterator[str]:
    """Rows whose values stand under each other, each below its comments."""
    names = [row.path.rpartition(".")[2] for row in rows]
    width = max(len(name) for name in names)
    for name, row in zip(names, rows, strict=True):
        notes = [row.rule.note, *(row.words[side].note for side in SIDES if side in row.words)]
        if not row.two_sided:
            notes.append("One side only: read and compared, never written.")
        yield from comment(
            [note if note is None or note.endswith(".") else f"{note}." for note in notes], indent=indent
        )
        yield from entry(name, _row(joined, row), indent=indent, width=width)


def _row(joined: Joined, row: Joint) -> Tree:
    found: Tree = {side: row.words[side].side for side in SIDES if side in row.words}
    found |= {"as": row.known.type} if row.known.type != "text" else {}
    found |= _reference(row)
    found |= {"required": True} if row.rule.required else {}
    found |= {"owner": row.owner} if row.two_sided and row.owner != joined.outline.born else {}
    return found | ({"volatile": True} if row.rule.volatile else {})


def _reference(row: Joint) -> Tree:
    if not row.known.refers_to:
        return {}
    found: Tree = {"refers_to": row.known.refers_to}
    found |= {"pull": True} if row.rule.pull else {}
    return found if row.known.required else {**found, "required": False}


def _left_out(joined: Joined) -> Iterator[str]:
    if not joined.left_out:
        return
    yield "  # Not carried, and why:"
    for one in joined.left_out:
        first, *more = comment([f"{one.path}: {one.why}"], indent=2)
        yield first.replace("# ", "#   ", 1)
        yield from (line.replace("# ", "#     ", 1) for line in more)
