"""What PostgreSQL itself refuses since allocations can end, money can go back, and currencies may differ."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus.erp.migrations.guards_postgresql import HEAD, no, refusal, trigger
from isthmus.erp.migrations.settlement_guards_sqlite import STAYING, TOO_MUCH, UNEQUAL

#: (table, trigger) of the first guards that stand back while the new columns are filled.
RESTING = (("erp_invoice_line", "erp_invoice_line_fixed"), ("erp_order_transition", "erp_order_transition_ever"))

_SPENT = "(SELECT coalesce(sum({0}), 0) FROM erp_allocation WHERE {1} = NEW.{1})"
BODIES = {
    "erp_guard_allocation": (
        "PERFORM 1 FROM erp_invoice WHERE id IN (NEW.invoice_id, NEW.credit_note_id) ORDER BY id FOR NO KEY UPDATE; "
        "PERFORM 1 FROM erp_payment WHERE id IN (NEW.payment_id, NEW.refund_id) ORDER BY id FOR NO KEY UPDATE; "
        "IF NEW.ends_id IS NOT NULL THEN IF NOT EXISTS (SELECT 1 FROM erp_allocation WHERE id = NEW.ends_id "
        "AND ends_id IS NULL AND (invoice_id, refund_id, payment_id, credit_note_id) IS NOT DISTINCT FROM "
        "(NEW.invoice_id, NEW.refund_id, NEW.payment_id, NEW.credit_note_id) "
        "AND amount_minor = -NEW.amount_minor AND source_minor = -NEW.source_minor) THEN "
        + no("an allocation ends whole")
        + "END IF; RETURN NEW; END IF; "
        "SELECT customer_id, currency, CASE WHEN kind = 'invoice' THEN total_minor ELSE 0 END AS most INTO target "
        "FROM erp_invoice WHERE id = NEW.invoice_id UNION ALL SELECT customer_id, currency, -amount_minor "
        "FROM erp_payment p WHERE id = NEW.refund_id "
        "AND NOT EXISTS (SELECT 1 FROM erp_reversal WHERE payment_id = p.id); "
        "SELECT customer_id, currency, CASE WHEN kind = 'credit_note' THEN total_minor ELSE 0 END AS most INTO source "
        "FROM erp_invoice WHERE id = NEW.credit_note_id UNION ALL SELECT customer_id, currency, amount_minor "
        "FROM erp_payment p WHERE id = NEW.payment_id "
        "AND NOT EXISTS (SELECT 1 FROM erp_reversal WHERE payment_id = p.id); "
        f"IF NEW.amount_minor + {_SPENT.format('amount_minor', 'invoice_id')} "
        f"+ {_SPENT.format('amount_minor', 'refund_id')} > coalesce(target.most, 0) "
        f"OR NEW.source_minor + {_SPENT.format('source_minor', 'payment_id')} "
        f"+ {_SPENT.format('source_minor', 'credit_note_id')} > coalesce(source.most, 0) THEN "
        + no(TOO_MUCH)
        + "END IF; IF source.customer_id <> target.customer_id OR (source.currency = target.currency "
        "AND NEW.amount_minor <> NEW.source_minor) OR (source.currency <> target.currency AND "
        "(NEW.entry_id IS NULL OR NEW.payment_id IS NULL OR NEW.invoice_id IS NULL)) THEN "
        + no(UNEQUAL)
        + "END IF; RETURN NEW;"
    ),
    "erp_guard_reversal": (
        "PERFORM 1 FROM erp_payment WHERE id = NEW.payment_id FOR NO KEY UPDATE; "
        "IF (SELECT coalesce(sum(source_minor), 0) FROM erp_allocation WHERE payment_id = NEW.payment_id) <> 0 "
        "OR (SELECT coalesce(sum(amount_minor), 0) FROM erp_allocation WHERE refund_id = NEW.payment_id) <> 0 THEN "
        + no("end its allocations first")
        + "END IF; IF NOT EXISTS (SELECT 1 FROM erp_entry e JOIN erp_payment p ON p.entry_id = e.reverses_id "
        "WHERE e.id = NEW.entry_id AND p.id = NEW.payment_id) THEN "
        + no("its entry reverses another one")
        + "END IF; RETURN NEW;"
    ),
}


def function(name: str, body: str, schema: str) -> str:
    """The statement that makes a guard's function."""
    head = HEAD.format(name=name, schema=schema)
    if name == "erp_guard_allocation":
        head = head.replace("AS $$ BEGIN", "AS $$ DECLARE source record; target record; BEGIN")
    return head + body + " END $$"


def guards(schema: str) -> Iterator[str]:
    """The statements, in order, for tables in this (quoted) schema."""
    for name, body in BODIES.items():
        yield function(name, body, schema)
    yield "DROP TRIGGER erp_invoice_fixed ON erp_invoice"
    new, old = (", ".join(f"{side}.{column}" for column in STAYING["erp_invoice"]) for side in ("NEW", "OLD"))
    moved = f"({new}) IS DISTINCT FROM ({old})"
    yield from trigger("erp_invoice", "fixed", "UPDATE", when=moved, runs="erp_guard_document()")
    yield from trigger("erp_allocation", "sums", "INSERT", runs="erp_guard_allocation()")
    yield from refusal("erp_allocation", "ever", "UPDATE OR DELETE", says="an allocation stays as it is")
    yield from trigger("erp_reversal", "sums", "INSERT", runs="erp_guard_reversal()")
    yield from refusal("erp_reversal", "ever", "UPDATE OR DELETE", says="a reversal stays as it is")
    yield from refusal("erp_reversal", "whole", "TRUNCATE", says="this table is never emptied")
