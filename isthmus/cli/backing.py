"""``isthmus db backup`` and ``restored``: copies of a SQLite database, and what follows when one was brought back."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.cli.call import Call, command
from isthmus.cli.deciding import decider
from isthmus.kernel.errors import Broken, Misconfigured, Unavailable
from isthmus.settings import BUILTIN

if TYPE_CHECKING:
    from sqlalchemy import Connection


def backup(call: Call, file: Annotated[Path, typer.Argument(help="The copy; it must not exist yet.")]) -> None:
    """Copy the SQLite database to FILE while Isthmus works on; PostgreSQL has pg_dump for this (docs/operations.md).

    Example: isthmus db backup backup/isthmus-2026-11-23.db
    """
    from sqlalchemy import make_url

    url = make_url(call.settings.database)
    if url.get_backend_name() != "sqlite":
        remedy = "use pg_dump --format=custom; docs/operations.md has the commands"
        raise Misconfigured("database", "PostgreSQL is backed up by its own means", remedy)
    source = Path(url.database or "")
    if not source.is_file():
        raise Misconfigured("database", f"{source} is not there", "there is nothing to copy yet")
    if file.exists():
        raise Misconfigured(str(file), "is there already", "name another file: a backup is never overwritten")
    copy(source, file)
    size = file.stat().st_size
    call.finish({"written": str(file), "bytes": size}, lambda: call.screen.line(f"wrote {file}, {size:,} bytes, sound"))


def copy(source: Path, target: Path) -> None:
    """One consistent copy, checked; under its name only when it is whole. Raises Misconfigured, Unavailable, Broken."""
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        with sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True) as old, sqlite3.connect(partial) as new:
            old.backup(new)
            new.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
            told = new.execute("PRAGMA integrity_check").fetchone()[0]
        old.close()
        new.close()
        if told != "ok":
            raise Broken(str(source), f"is damaged: {told}", "keep the file as it is and bring back the last good copy")
        partial.rename(target)
    except OSError as error:
        raise Misconfigured(str(target), f"cannot be written: {error.strerror}", "check folder and rights") from None
    except sqlite3.Error as error:
        raise Unavailable(str(target), f"was not written: {error}", "look at disk and rights, then try again") from None
    finally:
        partial.unlink(missing_ok=True)


def restored(
    call: Call,
    *,
    why: Annotated[str, typer.Option("--why", help="What happened, and of when the copy is; it is kept.")],
    skip: Annotated[int, typer.Option(min=0, max=1_000_000, help="How many numbers of each kind to leave out.")] = 1000,
) -> None:
    """Say that an older copy was brought back, before the first run on it: numbers that people have seen since are not
    given a second time, and the next run of every mapping reads everything. Also after a move to another server.

    Example: isthmus db restored --why "disk failure at 09:40, copy of 02:00"
    """
    from isthmus.app import open_database
    from isthmus.db import writing
    from isthmus.kernel.clock import SystemClock, format_stamp
    from isthmus.mapping.load import load_mappings
    from isthmus.state import decisions, mappings
    from isthmus.state.decisions import Decided

    act = Decided(format_stamp(SystemClock().now()), decider(call), "restore", why=why.strip())
    if not act.why:
        raise Misconfigured("--why", "says nothing", "say what happened; it is kept")
    specs, engine = load_mappings(call.settings.mappings), open_database(call.settings, prepare=False)
    wanted = f"an older copy was brought back, as was said at {act.at}"  # a run takes back only what it was given
    left_out = skip if call.settings.erp == BUILTIN else 0
    try:
        with writing(engine) as connection:
            _leave_out(connection, left_out)
            _count_anew(connection)
            for spec in specs:
                mappings.store(connection, spec.name, spec.entity, full_wanted=wanted)
            decisions.add(connection, replace(act, answer=f"{left_out} numbers left out"))
    finally:
        engine.dispose()
    told = f"{left_out} numbers of each kind are left out; the next run of every mapping reads everything"
    call.finish({"left_out": left_out, "full": [spec.name for spec in specs]}, lambda: call.screen.line(told))


def _leave_out(connection: Connection, count: int) -> None:
    from isthmus.erp.sequences import STREAMS, take_numbers

    for stream in STREAMS if count else ():
        take_numbers(connection, stream, count)


def _count_anew(connection: Connection) -> None:
    """A copy may come from another PostgreSQL server, which had counted its transactions further than this one."""
    from isthmus.erp import changes
    from isthmus.state.guards import lifted

    if changes.is_of_another_server(connection):
        with lifted(connection, ["erp_change"]):
            changes.count_anew(connection)


def register(app: typer.Typer) -> None:
    command(app)(backup)
    command(app, audited=True)(restored)
