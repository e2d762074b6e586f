"""The command line: ``isthmus``. Each word is in a module of its own and pays only for what it does."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from isthmus import __version__
from isthmus.cli.arguments import take_texts_as_given

#: Word → the module of this folder that knows it, in the order of the help.
WORDS = {
    "init": "starting",
    "check": "checking",
    "test": "checking",
    "functions": "checking",
    "match": "matching",
    "plan": "planning",
    "sync": "running",
    "reconcile": "reconciling",
    "accept": "deciding",
    "pause": "deciding",
    "resume": "deciding",
    "status": "standing",
    "explain": "telling",
    "playground": "playground",
    "worklist": "worklist",
    "erp": "finance",
    "db": "database",
    "audit": "auditing",
    "connector": "connecting",
}


class _Commands(Mapping[str, Any]):
    """Word → its command. A module is imported when one of its words is said: a quiet day's sync needs no clerk."""

    def __getitem__(self, word: str) -> Any:
        module = import_module(f"isthmus.cli.{WORDS[word]}")
        own = typer.Typer()
        module.register(own)
        return get_group(own).commands[word]

    def __iter__(self) -> Iterator[str]:
        return iter(WORDS)

    def __len__(self) -> int:
        return len(WORDS)


class _Group(TyperGroup):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given | {"commands": _Commands()})


app = typer.Typer(
    name="isthmus",
    cls=_Group,
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


def main() -> None:
    """The entry point of the installed command."""
    gc.disable()  # until everything is imported: a fifth of the start would go into looking for garbage in modules
    try:
        app()
    finally:
        gc.freeze()  # nor does it look through what ends with the process


if __name__ == "__main__":
    main()
