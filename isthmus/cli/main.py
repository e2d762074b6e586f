"""The command line: ``isthmus``. Each word is in a module of its own and pays only for what it does."""

from __future__ import annotations

import gc
from typing import Annotated

import typer

from isthmus import __version__
from isthmus.cli import (
    accounts,
    auditing,
    backing,
    checking,
    clerk,
    connecting,
    database,
    deciding,
    matching,
    planning,
    playground,
    prices,
    reconciling,
    running,
    standing,
    starting,
    telling,
)
from isthmus.cli import worklist as worklist_words
from isthmus.cli.arguments import take_texts_as_given

app = typer.Typer(
    name="isthmus",
    help="Joins a CRM and an ERP, and proves that both agree.",
    epilog="Exit codes: 0 done; 1 refused, or with --strict something is not through; 2 misconfigured; "
    "70 broken; 75 try later.",
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"isthmus {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Joins a CRM and an ERP, and proves that both agree."""


take_texts_as_given()
accounts.register(clerk.app)
prices.register(clerk.app)
backing.register(database.app)
for module in (starting, checking, matching, planning, running, reconciling, deciding, standing, telling, playground):
    module.register(app)
app.add_typer(worklist_words.app, name="worklist")
app.add_typer(clerk.app, name="erp")
app.add_typer(database.app, name="db")
app.add_typer(auditing.app, name="audit")
app.add_typer(connecting.app, name="connector")


def main() -> None:
    """The entry point of the installed command."""
    gc.disable()  # until everything is imported: a fifth of the start would go into looking for garbage in modules
    app()


if __name__ == "__main__":
    main()
