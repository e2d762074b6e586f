"""What SQLite itself refuses since allocations can end, money can go back, and currencies may differ."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus.erp.migrations.guards_sqlite import FROZEN, POSTED, STAYS, refusal

#: What stays of a posted document, with what these tables have got since.
STAYING = {**FROZEN, "erp_invoice": [*FROZEN["erp_invoice"], "discount_minor"]}
#: Guards of the first tables that are made anew.
REPLACED = (
    *("erp_invoice_update_posted", "erp_invoice_line_update_posted"),
    *("erp_order_transition_insert_ever",),
)
TOO_MUCH = "more than is left to allocate"
UNEQUAL = "source and target are not of one customer, or not in one currency"


def _payments() -> Iterator[str]:
    table = "erp_payment"
    draft = "NOT EXISTS (SELECT 1 FROM erp_entry WHERE id = NEW.entry_id AND posted_at IS NULL)"
    yield refusal("INSERT", table, "draft", when=draft, says="its entry must be a draft")
    there = f"EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id OR number = NEW.number)"
    yield refusal("INSERT", table, "again", when=there, says="this document exists")
    yield posted_stays(table)
    taken = f"EXISTS (SELECT 1 FROM {table} WHERE number = NEW.number AND id <> OLD.id) OR NEW.id <> OLD.id"
    yield refusal("UPDATE", table, "again", when=taken, says="this document exists")
    yield refusal("DELETE", table, "posted", when=POSTED.format("OLD.entry_id"), says=STAYS)


def posted_stays(table: str) -> str:
    """The guard that refuses to change a posted document."""
    moved = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in STAYING[table])
    return refusal("UPDATE", table, "posted", when=f"({moved}) AND {POSTED.format('OLD.entry_id')}", says=STAYS)


def _allocations() -> Iterator[str]:
    table = "erp_allocation"
    for target, source in (("invoice_id", "amount_minor"), ("refund_id", "amount_minor")):
        yield _within(target, source)
    for source in ("payment_id", "credit_note_id"):
        yield _within(source, "source_minor")
    yield refusal("INSERT", table, "unequal", when=f"NEW.ends_id IS NULL AND NOT ({_EQUAL})", says=UNEQUAL)
    columns = "invoice_id refund_id payment_id credit_note_id".split()
    mirrored = " AND ".join(f"{column} IS NEW.{column}" for column in columns)
    mirrored += " AND amount_minor = -NEW.amount_minor AND source_minor = -NEW.source_minor AND ends_id IS NULL"
    first = f"SELECT 1 FROM erp_allocation WHERE id = NEW.ends_id AND {mirrored}"
    unlike = f"NEW.ends_id IS NOT NULL AND NOT EXISTS ({first})"
    yield refusal("INSERT", table, "end", when=unlike, says="an allocation ends whole")
    there = "EXISTS (SELECT 1 FROM erp_allocation WHERE id = NEW.id OR ends_id = NEW.ends_id)"
    yield refusal("INSERT", table, "again", when=there, says="this allocation exists, or has ended")
    yield refusal("UPDATE", table, "ever", when="1", says="an allocation stays as it is")
    yield refusal("DELETE", table, "ever", when="1", says="an allocation stays as it is")


_OF = "(SELECT customer_id{0} FROM {1} WHERE id = NEW.{2})"
_CURRENCY = " || ' ' || currency"


def _side(*tables: tuple[str, str], more: str = "") -> str:
    return "coalesce(" + ", ".join(_OF.format(more, table, column) for table, column in tables) + ")"


_SOURCE = (("erp_payment", "payment_id"), ("erp_invoice", "credit_note_id"))
_TARGET = (("erp_invoice", "invoice_id"), ("erp_payment", "refund_id"))
_SAME_CURRENCY = f"{_side(*_SOURCE, more=_CURRENCY)} = {_side(*_TARGET, more=_CURRENCY)}"
#: One customer; and one amount in one currency, unless a payment settles an invoice through an entry of its own.
_EQUAL = (
    f"{_side(*_SOURCE)} = {_side(*_TARGET)} AND CASE WHEN {_SAME_CURRENCY} THEN NEW.amount_minor = NEW.source_minor "
    "ELSE NEW.entry_id IS NOT NULL AND NEW.payment_id IS NOT NULL AND NEW.invoice_id IS NOT NULL END"
)
_LIMITS = {
    "invoice_id": "SELECT total_minor FROM erp_invoice WHERE id = NEW.invoice_id AND kind = 'invoice'",
    "refund_id": "SELECT -amount_minor FROM erp_payment WHERE id = NEW.refund_id AND {0}",
    "payment_id": "SELECT amount_minor FROM erp_payment WHERE id = NEW.payment_id AND {0}",
    "credit_note_id": "SELECT total_minor FROM erp_invoice WHERE id = NEW.credit_note_id AND kind = 'credit_note'",
}
_ALIVE = "NOT EXISTS (SELECT 1 FROM erp_reversal WHERE payment_id = erp_payment.id)"


def _within(column: str, amount: str) -> str:
    spent = f"NEW.{amount} + (SELECT coalesce(sum({amount}), 0) FROM erp_allocation WHERE {column} = NEW.{column})"
    most = _LIMITS[column].format(_ALIVE)
    too_much = f"NEW.{column} IS NOT NULL AND NEW.ends_id IS NULL AND {spent} > coalesce(({most}), 0)"
    return refusal("INSERT", "erp_allocation", column, when=too_much, says=TOO_MUCH)


def _reversals() -> Iterator[str]:
    table = "erp_reversal"
    left = "(SELECT coalesce(sum({0}), 0) FROM erp_allocation WHERE {1} = NEW.payment_id) <> 0"
    held = f"{left.format('source_minor', 'payment_id')} OR {left.format('amount_minor', 'refund_id')}"
    yield refusal("INSERT", table, "settled", when=held, says="end its allocations first")
    entry = "SELECT 1 FROM erp_entry e JOIN erp_payment p ON p.entry_id = e.reverses_id "
    entry += "WHERE e.id = NEW.entry_id AND p.id = NEW.payment_id"
    yield refusal("INSERT", table, "entry", when=f"NOT EXISTS ({entry})", says="its entry reverses another one")
    there = f"EXISTS (SELECT 1 FROM {table} WHERE payment_id = NEW.payment_id)"
    yield refusal("INSERT", table, "again", when=there, says="this payment is reversed already")
    for event in ("UPDATE", "DELETE"):
        yield refusal(event, table, "ever", when="1", says="a reversal stays as it is")


def _steps() -> str:
    return refusal("INSERT", "erp_order_transition", "ever", when="1", says="the steps of an order are fixed")


def _lines() -> str:
    of = "EXISTS (SELECT 1 FROM erp_invoice i JOIN erp_entry e ON e.id = i.entry_id WHERE i.id = {0}.invoice_id "
    new, old = (of.format(side) + "AND e.posted_at IS NOT NULL)" for side in ("NEW", "OLD"))
    return refusal("UPDATE", "erp_invoice_line", "posted", when=f"{new} OR {old}", says=STAYS)


def guards() -> Iterator[str]:
    """The statements, in order."""
    yield posted_stays("erp_invoice")
    yield _lines()
    yield _steps()
    yield from _payments()
    yield from _allocations()
    yield from _reversals()
