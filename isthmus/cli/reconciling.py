"""``isthmus reconcile``: proves that both sides agree, or says exactly where they do not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.cli.call import Call, command, one_of
from isthmus.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from isthmus.reconcile.run import Asked, TieOut

KINDS: dict[str, Asked] = {"totals": "totals", "receivables": "receivables", "credit": "credit"}
DIFFERS = 1  # the exit code of --strict


def reconcile(
    call: Call,
    kind: Annotated[str, typer.Argument(help="totals (all records), receivables or credit.")] = "totals",
    *,
    page: Annotated[Path | None, typer.Option("--html", help="Write a page to be printed.", metavar="FILE")] = None,
    no_repair: Annotated[bool, typer.Option("--no-repair", help="Make nothing due: only look.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when the two sides do not agree.")] = False,
) -> int:
    """Compare both systems: counts and sums, then keys, then fields.

    What differs and has an owner is repaired by the next run. Example: isthmus reconcile receivables --html today.html
    """
    one_of("KIND", kind, KINDS)
    asked = KINDS[kind]
    with call.workshop() as workshop:
        tie_out = workshop.reconcile(asked, call.who, repair=not no_repair)
    if page is not None:
        _write(page, tie_out.html())
    call.finish(tie_out.as_json(), lambda: _tell(call, tie_out))
    return DIFFERS if strict and not tie_out.agrees else 0


def _write(page: Path, told: str) -> None:
    try:
        page.write_text(told, encoding="utf-8")
    except OSError as error:
        raise Misconfigured(f"--html {page}", f"cannot be written: {error.strerror}", "name another file") from None


def _tell(call: Call, tie_out: TieOut) -> None:
    from isthmus.reconcile.report import table, words

    screen = call.screen
    screen.line(words.verdict(tie_out), style="bold green" if tie_out.agrees else "bold red")
    for one in table.tables(tie_out):
        screen.line()
        screen.line(one.title, style="bold")
        screen.table(one.head, one.rows, right=one.right)
    after = table.lines_after(tie_out)
    if after:
        screen.line()
    for line in after:
        screen.line(line)


def register(app: typer.Typer) -> None:
    command(app, audited=True)(reconcile)
