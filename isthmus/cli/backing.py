"""``isthmus db backup``: a copy of a SQLite database, whole and consistent, also while runs go on."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from isthmus.cli.call import Call, command
from isthmus.kernel.errors import Broken, Misconfigured, Unavailable


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


def register(app: typer.Typer) -> None:
    command(app)(backup)
