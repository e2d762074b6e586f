"""``isthmus db``: the tables of state and built-in ERP."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus.cli import backing
from isthmus.cli.call import Call, command
from isthmus.kernel.errors import Misconfigured

app = typer.Typer(
    help="The tables that Isthmus keeps: bring them up to date, or look whether they are.", no_args_is_help=True
)


@command(app)
def upgrade(call: Call) -> None:
    """Bring the database to what this version needs, in one step or not at all.

    Example: isthmus db upgrade
    """
    from isthmus.db import engine_for
    from isthmus.db import upgrade as bring_up

    engine = engine_for(call.settings.database)
    try:
        done = bring_up(engine)
    finally:
        engine.dispose()
    call.finish({"upgraded": done}, lambda: call.screen.lines("\n".join(done) or "the tables are up to date"))


@command(app)
def check(call: Call) -> None:
    """Say whether the database fits this version; exit 2 when it does not.

    Example: isthmus db check
    """
    from isthmus.db import engine_for, require_current

    engine = engine_for(call.settings.database)
    try:
        require_current(engine)
    finally:
        engine.dispose()
    call.finish({"current": True}, lambda: call.screen.line("the tables are up to date"))


@command(app)
def grant(call: Call, role: Annotated[str, typer.Argument(help="The role that Isthmus logs in as.")]) -> None:
    """Give a PostgreSQL role what Isthmus needs and no more; run it as the owner of the tables, after each upgrade.

    Example: isthmus db grant isthmus_program
    """
    from isthmus.db import engine_for, require_current, writing
    from isthmus.erp import rights as erp
    from isthmus.state import rights as state

    engine = engine_for(call.settings.database)
    try:
        if engine.dialect.name != "postgresql":
            raise Misconfigured("database", "SQLite knows no roles", "use PostgreSQL, or the rights of the file")
        require_current(engine)
        with writing(engine) as connection:
            erp.grant(connection, role)
            state.grant(connection, role)
    finally:
        engine.dispose()
    call.finish({"granted": role}, lambda: call.screen.line(f"{role} may do what Isthmus needs, and owns nothing"))


backing.register(app)


def register(outer: typer.Typer) -> None:
    outer.add_typer(app, name="db")
