"""``isthmus playground``: a local Salesforce to try things with."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus.cli.call import Call, collect_again, command
from isthmus.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from isthmus.kernel.connection import Connection

PORT = 8703  # where `make run` has its own
_FILE = "playground.sqlite"


def playground(
    call: Call,
    *,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Where it listens, on this machine only.")] = PORT,
    folder: Annotated[
        Path | None, typer.Option(help="Where its data is; else var/playground beside isthmus.yaml.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The number that the invented data grows from.")] = 1,
    size: Annotated[
        str | None, typer.Option(metavar="ACCOUNTS,PRODUCTS,QUOTES,ORDERS", help="How much data to invent.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the folder's data and start anew.")] = False,
) -> None:
    """Serve a local Salesforce with invented data until Ctrl-C.

    Example: isthmus playground --fresh --size 100,20,50,200
    """
    from isthmus.playground import SeedSizes, connection_to, serve

    at = folder or call.settings.file.parent / "var" / "playground"
    sizes = replace(SeedSizes(seed=seed), **_sizes(size))
    _refuse_taken(port)  # first: a running playground must not lose its data to --fresh
    if fresh:
        _forget(at)
    variable = f"AIRFLOW_CONN_{call.settings.crm.upper()}"
    value = _spell(connection_to(f"http://127.0.0.1:{port}"))
    document = {"url": f"http://127.0.0.1:{port}", "folder": str(at), "variable": variable, "value": value}
    call.finish(document, lambda: _tell(call, document))
    collect_again()
    with suppress(KeyboardInterrupt):
        serve(at, port, seed=sizes)


def _sizes(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    names = ("accounts", "products", "quotes", "orders")
    numbers = text.split(",")
    if len(numbers) != len(names) or not all(one.isascii() and one.isdigit() for one in numbers):
        raise Misconfigured("--size", f"{text!r} is not four whole numbers", "write it as 300,60,200,500")
    return dict(zip(names, map(int, numbers), strict=True))


def _forget(folder: Path) -> None:
    """Removes the playground's own file and what SQLite keeps beside it; nothing else in the folder is touched."""
    for ending in ("", "-wal", "-shm"):
        (folder / f"{_FILE}{ending}").unlink(missing_ok=True)


def _refuse_taken(port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            remedy = "end what listens there, or choose another: --port 8800"
            raise Misconfigured(f"port {port}", f"cannot be used: {error.strerror}", remedy) from None


def _spell(connection: Connection) -> str:
    return json.dumps({"conn_type": connection.type, "extra": dict(connection.extra)})


def _tell(call: Call, document: dict[str, str]) -> None:
    screen = call.screen
    screen.line(f"a local Salesforce listens at {document['url']}; its data is in {document['folder']}", style="bold")
    screen.line("To connect, set this in another terminal, or write it into var/connections.env without the quotes:")
    screen.line(f"export {document['variable']}='{document['value']}'")
    screen.line("Then try `isthmus check` and `isthmus sync`. Ctrl-C here ends it and keeps the data.")


def register(app: typer.Typer) -> None:
    command(app)(playground)
