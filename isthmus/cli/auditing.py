"""``isthmus audit``: is what Isthmus says it did still what it said? And what of a person must go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus.cli import erasing
from isthmus.cli.call import BROKEN, Call, command
from isthmus.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from isthmus.state.audit import Verdict
    from isthmus.state.chain import Head

app = typer.Typer(help="The audit: verify it, export its heads, erase a person from it.", no_args_is_help=True)

erasing.register(app)

FILE = "FILE"


@command(app)
def verify(
    call: Call,
    *,
    heads: Annotated[Path | None, typer.Option(help="Heads exported earlier: nothing since may be gone.",
                                               metavar=FILE)] = None,
) -> int:  # fmt: skip
    """Recompute the whole audit; exit 70 when any row of it was changed, removed, inserted, moved or cut off.

    Example: isthmus audit verify --heads heads.json
    """
    from isthmus.app import open_database
    from isthmus.db import reading
    from isthmus.state import audit

    kept = _read(heads) if heads else {}
    engine = open_database(call.settings, prepare=False)
    try:
        with reading(engine, one_moment=True) as connection:  # a run that ends meanwhile has not lost its pages
            verdict = audit.verify(connection, kept, lambda name: call.screen.hint(f"verifying {name}"))
    finally:
        engine.dispose()
    call.finish(_document(verdict), lambda: _tell(call, verdict, against=heads))
    return BROKEN if verdict.breaks else 0


@command(app, "heads")
def export_heads(
    call: Call, *, output: Annotated[Path | None, typer.Option(help="Write it there.", metavar=FILE)] = None
) -> None:
    """Export the newest link of every chain as JSON. Kept where nobody can change it, it shows what is cut off later.

    Example: isthmus audit heads --output heads.json
    """
    from isthmus.app import open_database
    from isthmus.db import reading
    from isthmus.kernel.clock import SystemClock, format_stamp
    from isthmus.state import audit, chain

    engine = open_database(call.settings, prepare=False)
    try:
        with reading(engine) as connection:
            text = audit.write_heads(chain.heads(connection), at=format_stamp(SystemClock().now()))
    finally:
        engine.dispose()
    if output is None:
        call.screen.lines(text)
        return
    _write(output, text)
    call.finish({"written": str(output)}, lambda: call.screen.line(f"wrote {output}"))


def _read(file: Path) -> dict[str, Head]:
    from isthmus.state.audit import read_heads

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"--heads {file}", f"cannot be read: {type(error).__name__}", "name another file") from None
    return read_heads(text, where=str(file))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Misconfigured(f"--output {file}", f"cannot be written: {error.strerror}", "name another file") from None


def _document(verdict: Verdict) -> dict[str, Any]:
    return {
        "whole": not verdict.breaks,
        "rows": verdict.rows,
        "chains": {
            name: {"pages": pages, "entries": entries} for name, (pages, entries) in sorted(verdict.chains.items())
        },
        "breaks": [
            {"chain": name, "page": one.page, "entry": one.entry, "what": one.what} for name, one in verdict.breaks
        ],
    }


def _tell(call: Call, verdict: Verdict, *, against: Path | None) -> None:
    rows = [[name, f"{pages:,}", f"{entries:,}"] for name, (pages, entries) in sorted(verdict.chains.items())]
    call.screen.table(("chain", "pages", "entries"), rows, right=("pages", "entries"))
    for name, one in verdict.breaks:
        row = f" (row {one.entry})" if one.entry is not None else ""
        call.screen.line(f"{name}: {one.what}{row}", style="bold red")
    if verdict.breaks:
        call.screen.line("the audit is not what was written; keep this database and compare it with a backup")
        return
    cut = f", and nothing is gone since {against} was exported" if against else ""
    call.screen.line(f"all {verdict.rows:,} rows are as they were written{cut}", style="bold green")
    if not against:
        call.screen.line("whether the newest rows were cut off shows only against exported heads: see --heads")


def register(outer: typer.Typer) -> None:
    outer.add_typer(app, name="audit")
