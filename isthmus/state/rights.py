"""What the program's own role may do with the state on PostgreSQL: the chain only grows."""

from __future__ import annotations

from sqlalchemy import Connection, text

from isthmus.state import decisions, tie_outs  # noqa: F401 - their tables are granted too
from isthmus.state.tables import metadata

#: Rows that are only added. Of an audit entry what may be personal can be emptied; its digest stays.
_ADDED_ONLY = {"state_page": (), "state_audit": ("payload", "salt"), "state_decision": (), "state_tie_out": ()}
_NUMBERED = ("state_audit", "state_binding", "state_intent", "state_page", "state_run", "state_worklist")


def grant(connection: Connection, role: str) -> None:
    """Gives a role what the state needs and no more. Call it as the owner of the tables, after each upgrade.

    On SQLite there are no roles and nothing is done.
    """
    if connection.dialect.name != "postgresql":
        return
    name = connection.execute(text("SELECT quote_ident(:role)"), {"role": role}).scalar_one()
    for statement in _statements(name):
        connection.execute(text(statement))


def _statements(role: str) -> list[str]:
    statements: list[str] = []
    for table in metadata.tables:
        statements += (f"REVOKE ALL ON {table} FROM {role}", f"GRANT {_rights(table)} ON {table} TO {role}")
    statements += [f"GRANT USAGE ON SEQUENCE {table}_id_seq TO {role}" for table in _NUMBERED]
    return [*statements, f"GRANT SELECT ON state_version TO {role}"]


def _rights(table: str) -> str:
    if table not in _ADDED_ONLY:
        return "SELECT, INSERT, UPDATE, DELETE"
    emptied = _ADDED_ONLY[table]
    return "SELECT, INSERT" + (f", UPDATE ({', '.join(emptied)})" if emptied else "")
