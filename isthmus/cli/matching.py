"""``isthmus match``: proposed pairs as CSV, and the binding of those that a person has confirmed."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.cli.call import Call, command
from isthmus.cli.visible import visible
from isthmus.kernel.errors import Fault, Misconfigured

if TYPE_CHECKING:
    from isthmus.sync.proposals import Pair, Proposal, Proposals

COLUMNS = ("confirm", "source_id", "source_name", "rule", "target_id", "target_name", "note")
YES = frozenset({"yes", "y", "x"})
NO = frozenset({"", "no", "n"})


def match(
    call: Call,
    mapping: Annotated[str, typer.Argument(help="The mapping's name, such as customer.")],
    *,
    confirm: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Bind the rows of this CSV that say yes in 'confirm'.")
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the CSV here, else to stdout.")] = None,
) -> None:
    """Going live on two filled systems: propose which records are the same, for a person to confirm.

    Example: isthmus match customer --output pairs.csv, then: isthmus match customer --confirm pairs.csv
    """
    if confirm is not None:
        _confirm(call, mapping, confirm)
        return
    from isthmus.sync.proposals import propose

    with call.workshop() as workshop:
        found = propose(workshop.ports, workshop.mapping(mapping))
    if call.as_json:
        call.finish({"pairs": [asdict(one) for one in found.pairs], **_counts(found)}, lambda: None)
        return
    text = _csv(found.pairs)
    if output is None:
        sys.stdout.write(text)
    else:
        _write(output, text)
    clear = sum(not one.note for one in found.pairs)
    call.screen.hint(
        f"{found.read} records read: {clear} pairs are clear, {len(found.pairs) - clear} need a closer look"
    )
    call.screen.hint(
        f"{found.unmatched} fit nothing and would be created, {found.invalid} are invalid, "
        f"{found.bound} are bound already, {found.filtered} are outside the filter"
    )
    call.screen.hint(f"write yes into 'confirm' where it is right, then: isthmus match {mapping} --confirm FILE")


def _counts(found: Proposals) -> dict[str, int]:
    names = ("read", "unmatched", "invalid", "bound", "filtered")
    return {name: getattr(found, name) for name in names}


def _csv(pairs: list[Proposal]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in pairs:
        row = ("", one.source_id, one.source_name, one.rule, one.target_id, one.target_name, one.note)
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()


def _cell(value: str) -> str:
    """On one line, and never a formula to a spreadsheet (CWE-1236)."""
    shown = visible(value)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown


def _write(path: Path, text: str) -> None:
    """Never over a file that is there: it may hold what somebody has confirmed."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Misconfigured(str(path), "is there already", "choose another name: it may hold confirmations") from None
    except OSError as error:
        raise Misconfigured(str(path), f"cannot be written: {error.strerror}", "choose another place") from None


# --- confirming ---------------------------------------------------------------------------------------------------


def _confirm(call: Call, mapping: str, path: Path) -> None:
    from isthmus.sync.proposals import bind

    pairs = list(_read(path))
    with call.workshop() as workshop:
        bound = bind(workshop.ports, workshop.mapping(mapping), pairs, who=call.who)
    document = {"mapping": mapping, "confirmed": len(pairs), "bound": bound, "by": call.who}
    call.finish(document, lambda: _tell_bound(call, mapping, len(pairs), bound=bound))


def _tell_bound(call: Call, mapping: str, confirmed: int, *, bound: int) -> None:
    before = f", {confirmed - bound} were bound already" if confirmed > bound else ""
    call.screen.line(f"{bound} pairs are bound{before}; `isthmus plan {mapping}` shows what the next run would merge")


def _read(path: Path) -> Iterator[Pair]:
    """The confirmed rows. Raises Misconfigured with every row that cannot be understood, and when none says yes."""
    from isthmus.sync.proposals import Pair

    rows = _rows(path)
    faults, pairs = [], []
    for line, row in rows:
        where = f"{path.name}:{line}"
        word = (row.get("confirm") or "").strip().lower()
        ids = [(row.get(name) or "").strip() for name in ("source_id", "target_id")]
        if word in NO:
            continue
        if word not in YES:
            faults.append(Fault(where, f"'confirm' says {word!r}", "write yes, or leave it empty"))
        elif not all(ids):
            faults.append(Fault(where, "is confirmed without both ids", "fill in source_id and target_id"))
        else:
            pairs.append(Pair(ids[0], ids[1], where))
    if not faults and not pairs:
        faults.append(Fault(path.name, "no row is confirmed", "write yes into 'confirm' where the pair is right"))
    if faults:
        raise Misconfigured(faults[0].where, faults[0].what, faults[0].remedy, faults=tuple(faults))
    yield from pairs


def _rows(path: Path) -> list[tuple[int, dict[str, str | None]]]:
    """(line, row) of the CSV, whatever a spreadsheet made of its separator and byte-order mark."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise Misconfigured(str(path), "there is no such file", "name the CSV that was filled in") from None
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(str(path), "cannot be read", "save it as CSV in UTF-8") from None
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    missing = {"confirm", "source_id", "target_id"} - set(reader.fieldnames or ())
    if missing:
        what = f"has no column {', '.join(sorted(missing))}"
        raise Misconfigured(f"{path.name}:1", what, "start from what `isthmus match` wrote")
    return [(reader.line_num, row) for row in reader]


def register(app: typer.Typer) -> None:
    command(app, audited=True)(match)
