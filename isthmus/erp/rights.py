"""What the program's own role may do on PostgreSQL, where the tables belong to somebody else."""

from __future__ import annotations

from sqlalchemy import Connection, text

from isthmus.erp.sequences import STREAMS
from isthmus.erp.tables import metadata

#: The only columns of what is posted that may still be written: posting itself, and who changed it last.
_COLUMNS = {
    "erp_entry": "posted_at, posted_by",
    "erp_invoice": "version, changed_by",
    "erp_payment": "version, changed_by",
    "erp_external_key": "record_id, status",
    "erp_period": "closed, closed_at, closed_by",
    "erp_order_line": "invoiced_micros",
    "erp_merger": "into_id",
}
_ADDED_ONLY = ("erp_posting", "erp_invoice_line", "erp_allocation", "erp_reversal", "erp_change")
_READ_ONLY = ("erp_company", "erp_account", "erp_term", "erp_tax_code", "erp_order_transition", "erp_sequence")
_REWRITTEN = ("erp_price", "erp_quote_line", "erp_order_line")  # whole sets of lines are replaced


def grant(connection: Connection, role: str) -> None:
    """Gives a role what the ERP needs and no more: it owns nothing, empties nothing and never unposts.

    Call it as the owner of the tables, after each upgrade. On SQLite there are no roles and nothing is done.
    """
    if connection.dialect.name != "postgresql":
        return
    query = text("SELECT quote_ident(:role), quote_ident(current_schema())")
    name, schema = connection.execute(query, {"role": role}).one()
    for statement in _statements(name, schema):
        connection.execute(text(statement))


def _statements(role: str, schema: str) -> list[str]:
    statements = [f"GRANT USAGE ON SCHEMA {schema} TO {role}", f"REVOKE CREATE ON SCHEMA {schema} FROM {role}"]
    for table in metadata.tables:
        statements += (f"REVOKE ALL ON {table} FROM {role}", f"GRANT {', '.join(_rights(table))} ON {table} TO {role}")
    views = ("erp_receivable", "erp_credit", "erp_address", "erp_version")
    statements += [f"GRANT SELECT ON {view} TO {role}" for view in views]
    statements += [f"GRANT USAGE ON SEQUENCE erp_{stream}_number TO {role}" for stream in STREAMS]
    return statements


def _rights(table: str) -> list[str]:
    rights = ["SELECT"]
    if table in _READ_ONLY:
        return rights
    rights.append("INSERT")
    if table in _COLUMNS:
        rights.append(f"UPDATE ({_COLUMNS[table]})")
    elif table not in _ADDED_ONLY:
        rights.append("UPDATE")
    if table in _REWRITTEN:
        rights.append("DELETE")
    return rights
