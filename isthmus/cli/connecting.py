"""``isthmus connector``: begin a connector of your own, with its vocabulary and the tests that it has to pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from isthmus.cli.call import Call, command
from isthmus.kernel.errors import Misconfigured

app = typer.Typer(help="Connectors of your own: begin one, with its tests.", no_args_is_help=True)

NAME = Annotated[str, typer.Argument(help="The type that a connection names, such as acme_erp.")]
FOLDER = Annotated[str, typer.Option("--in", metavar="FOLDER", help="Where `connectors` and `tests` are.")]
_HERE = Path(__file__).parent
_SOURCES = ("connector_skeleton.txt", "connector_test_skeleton.txt", "connector_vocabulary_skeleton.txt")


@command(app)
def new(call: Call, name: NAME, *, folder: FOLDER = ".") -> None:
    """Write a connector that keeps every promise, to be filled with your system's calls, its test and its vocabulary.

    Example: isthmus connector new acme_erp
    """
    written = write_skeleton(name, Path(folder))
    words = [f"wrote {path}" for path in written]
    words.append(f"now run: python -m pytest {written[1]}")
    words.append(f"then: isthmus init --crm salesforce --erp {name}")
    call.finish({"written": [str(path) for path in written]}, lambda: call.screen.lines("\n".join(words)))


def write_skeleton(name: str, folder: Path) -> tuple[Path, ...]:
    """The connector, its test and its vocabulary, written.

    Raises Misconfigured for a bad name or a file that is there already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,39}", name, re.ASCII):
        raise Misconfigured("connector", f"{name!r} is no name for a module", "use small letters, digits and _")
    targets = (
        folder / "connectors" / f"{name}.py",
        folder / "tests" / "contract" / f"test_{name}_contract.py",
        folder / "connectors" / f"{name}.vocabulary.yaml",
    )
    taken = [path for path in (*targets, folder / "connectors" / name) if path.exists()]
    if taken:
        raise Misconfigured(str(taken[0]), "is there already", "choose another name, or move it away")
    for path, source in zip(targets, _SOURCES, strict=True):
        text = (_HERE / source).read_text(encoding="utf-8")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("@NAME@", name).replace("@CLASS@", _class_name(name)), encoding="utf-8")
    return targets


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def register(outer: typer.Typer) -> None:
    outer.add_typer(app, name="connector")
