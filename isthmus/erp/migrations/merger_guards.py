"""What the database itself refuses since customers are merged: documents of both settle each other, and it stays so."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus.erp.migrations import guards_postgresql, guards_sqlite
from isthmus.erp.migrations.settlement_guards_postgresql import BODIES, function
from isthmus.erp.migrations.settlement_guards_sqlite import UNEQUAL

_STAYS = "customers that were merged stay merged"
_HEAD = "coalesce((SELECT into_id FROM erp_merger WHERE customer_id = {0}), {0})"
_SOURCE = (("erp_payment", "payment_id"), ("erp_invoice", "credit_note_id"))
_TARGET = (("erp_invoice", "invoice_id"), ("erp_payment", "refund_id"))
_TWO = "source.customer_id <> target.customer_id"


def on_sqlite() -> Iterator[str]:
    """The statements, in order."""
    owner = _HEAD.format("{0}.customer_id")
    same = f"{_side(_SOURCE, owner)} = {_side(_TARGET, owner)}"
    one_currency = f"{_side(_SOURCE, 'currency')} = {_side(_TARGET, 'currency')}"
    amounts = (
        f"CASE WHEN {one_currency} THEN NEW.amount_minor = NEW.source_minor "
        "ELSE NEW.entry_id IS NOT NULL AND NEW.payment_id IS NOT NULL AND NEW.invoice_id IS NOT NULL END"
    )
    unequal = f"NEW.ends_id IS NULL AND NOT ({same} AND {amounts})"
    yield guards_sqlite.refusal("INSERT", "erp_allocation", "unequal", when=unequal, says=UNEQUAL)
    there = "EXISTS (SELECT 1 FROM erp_merger WHERE customer_id = NEW.customer_id)"
    yield guards_sqlite.refusal("INSERT", "erp_merger", "again", when=there, says="this customer is merged already")
    renamed = "NEW.customer_id <> OLD.customer_id"
    yield guards_sqlite.refusal("UPDATE", "erp_merger", "ever", when=renamed, says=_STAYS)
    yield guards_sqlite.refusal("DELETE", "erp_merger", "ever", when="1", says=_STAYS)


def _side(documents: tuple[tuple[str, str], ...], wanted: str) -> str:
    """What is asked of the document that an allocation comes from, or goes to."""
    asked = (f"(SELECT {wanted.format(table)} FROM {table} WHERE id = NEW.{column})" for table, column in documents)
    return f"coalesce({', '.join(asked)})"


def on_postgresql(schema: str) -> Iterator[str]:
    """The statements, in order, for tables in this (quoted) schema."""
    two = f"{_HEAD.format('source.customer_id')} <> {_HEAD.format('target.customer_id')}"
    body = BODIES["erp_guard_allocation"].replace(_TWO, two)
    yield function("erp_guard_allocation", body, schema).replace("CREATE", "CREATE OR REPLACE", 1)
    renamed = "NEW.customer_id <> OLD.customer_id"
    yield from guards_postgresql.refusal("erp_merger", "name", "UPDATE", when=renamed, says=_STAYS)
    yield from guards_postgresql.refusal("erp_merger", "ever", "DELETE", says=_STAYS)
    yield from guards_postgresql.refusal("erp_merger", "whole", "TRUNCATE", says="this table is never emptied")
