"""What PostgreSQL itself refuses, also to a session in replica mode.

The functions name their schema and put temporary tables last: a temporary `erp_posting` must not stand in for ours.
Row locks in them keep a concurrent transaction from adding to an entry while it is being posted.
"""

from __future__ import annotations

from collections.abc import Iterator

from isthmus.erp.migrations.guards_sqlite import FROZEN, STAYS

HEAD = "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$ BEGIN "


def no(says: str) -> str:
    """The statement that refuses with these words."""
    return f"RAISE EXCEPTION '%: %', TG_TABLE_NAME, '{says}' USING ERRCODE = 'check_violation'; "


BODIES = {
    "erp_refuse": "RAISE EXCEPTION '%: %', TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'check_violation';",
    "erp_post_entry": (
        "IF current_setting('transaction_isolation') <> 'read committed' THEN "
        + no("an entry is posted in a read committed transaction")
        + "END IF; PERFORM pg_advisory_xact_lock_shared(73510, hashtext(NEW.company)); "
        "IF (SELECT count(*) FROM erp_posting WHERE entry_id = NEW.id) < 2 THEN "
        + no("an entry needs two postings or more")
        + "END IF; IF EXISTS (SELECT 1 FROM erp_posting WHERE entry_id = NEW.id "
        "GROUP BY currency HAVING sum(amount_minor) <> 0) THEN "
        + no("debits and credits differ")
        + "END IF; IF EXISTS (SELECT 1 FROM erp_period WHERE company = NEW.company AND closed "
        "AND month >= to_char(NEW.entry_date, 'YYYY-MM')) THEN " + no("the period is closed") + "END IF; "
        "RETURN NEW;"
    ),
    "erp_close_period": "PERFORM pg_advisory_xact_lock(73510, hashtext(NEW.company)); RETURN NEW;",
    "erp_guard_posting": (
        "PERFORM 1 FROM erp_entry WHERE id = CASE WHEN TG_OP = 'DELETE' THEN OLD.entry_id ELSE NEW.entry_id END "
        "FOR SHARE; IF TG_OP <> 'INSERT' THEN IF EXISTS (SELECT 1 FROM erp_entry WHERE id = OLD.entry_id "
        "AND posted_at IS NOT NULL) THEN " + no(STAYS) + "END IF; END IF; "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; "
        "IF EXISTS (SELECT 1 FROM erp_entry WHERE id = NEW.entry_id AND posted_at IS NOT NULL) THEN "
        + no(STAYS)
        + "END IF; RETURN NEW;"
    ),
    "erp_guard_document": (
        "IF TG_OP = 'INSERT' THEN PERFORM 1 FROM erp_entry WHERE id = NEW.entry_id AND posted_at IS NULL FOR SHARE; "
        "IF NOT FOUND THEN " + no("its entry must be a draft") + "END IF; RETURN NEW; END IF; "
        "IF EXISTS (SELECT 1 FROM erp_entry WHERE id = OLD.entry_id AND posted_at IS NOT NULL) THEN "
        + no(STAYS)
        + "END IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW;"
    ),
    "erp_guard_invoice_line": (
        "PERFORM 1 FROM erp_entry e JOIN erp_invoice i ON e.id = i.entry_id WHERE i.id = "
        "CASE WHEN TG_OP = 'DELETE' THEN OLD.invoice_id ELSE NEW.invoice_id END FOR SHARE OF e; "
        "IF TG_OP <> 'INSERT' THEN IF EXISTS (SELECT 1 FROM erp_entry e JOIN erp_invoice i ON e.id = i.entry_id "
        "WHERE i.id = OLD.invoice_id AND e.posted_at IS NOT NULL) THEN " + no(STAYS) + "END IF; END IF; "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; "
        "IF EXISTS (SELECT 1 FROM erp_entry e JOIN erp_invoice i ON e.id = i.entry_id "
        "WHERE i.id = NEW.invoice_id AND e.posted_at IS NOT NULL) THEN " + no(STAYS) + "END IF; RETURN NEW;"
    ),
    "erp_guard_allocation": (
        "PERFORM 1 FROM erp_invoice WHERE id IN (NEW.invoice_id, NEW.credit_note_id) ORDER BY id FOR NO KEY UPDATE; "
        "PERFORM 1 FROM erp_payment WHERE id = NEW.payment_id FOR NO KEY UPDATE; "
        "IF NEW.amount_minor + (SELECT coalesce(sum(amount_minor), 0) FROM erp_allocation "
        "WHERE invoice_id = NEW.invoice_id) > coalesce((SELECT total_minor FROM erp_invoice "
        "WHERE id = NEW.invoice_id AND kind = 'invoice'), 0) OR NEW.amount_minor + (SELECT "
        "coalesce(sum(amount_minor), 0) FROM erp_allocation WHERE payment_id = NEW.payment_id "
        "OR credit_note_id = NEW.credit_note_id) > coalesce((SELECT p.amount_minor FROM erp_payment p "
        "JOIN erp_invoice i USING (customer_id, currency) WHERE p.id = NEW.payment_id AND i.id = NEW.invoice_id), "
        "(SELECT n.total_minor FROM erp_invoice n JOIN erp_invoice i USING (customer_id, currency) "
        "WHERE n.id = NEW.credit_note_id AND n.kind = 'credit_note' AND i.id = NEW.invoice_id), 0) THEN "
        + no("more than is left to allocate")
        + "END IF; RETURN NEW;"
    ),
    "erp_guard_order": (
        "IF NOT EXISTS (SELECT 1 FROM erp_order_transition WHERE before = OLD.status AND after = NEW.status) THEN "
        + no("an order does not go from its status to that one")
        + "END IF; IF OLD.status = 'cancelled' AND EXISTS (SELECT 1 FROM erp_invoice WHERE order_id = NEW.id) THEN "
        + no("an invoiced order does not come back")
        + "END IF; RETURN NEW;"
    ),
}


def trigger(table: str, name: str, event: str, *, runs: str, when: str = "") -> Iterator[str]:
    level = "STATEMENT" if event == "TRUNCATE" else "ROW"
    condition = f" WHEN ({when})" if when else ""
    trigger = f"{table}_{name}"
    yield f"CREATE TRIGGER {trigger} BEFORE {event} ON {table} FOR EACH {level}{condition} EXECUTE FUNCTION {runs}"
    yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"


def refusal(table: str, name: str, event: str, *, says: str, when: str = "") -> Iterator[str]:
    yield from trigger(table, name, event, runs=f"erp_refuse('{says}')", when=when)


def _ledger() -> Iterator[str]:
    table, posting = "erp_entry", "OLD.posted_at IS NULL AND NEW.posted_at IS NOT NULL"
    born = "write a draft, then post it"
    yield from refusal(table, "drafted", "INSERT", when="NEW.posted_at IS NOT NULL", says=born)
    yield from refusal(table, "fixed", "UPDATE OR DELETE", when="OLD.posted_at IS NOT NULL", says=STAYS)
    yield from refusal(table, "id", "UPDATE", when="NEW.id <> OLD.id", says="an entry keeps its id")
    yield from trigger(table, "posting", "UPDATE", when=posting, runs="erp_post_entry()")
    yield from trigger("erp_posting", "fixed", "INSERT OR UPDATE OR DELETE", runs="erp_guard_posting()")
    table = "erp_period"
    yield from trigger(table, "closing", "INSERT OR UPDATE", when="NEW.closed", runs="erp_close_period()")
    yield from refusal(table, "closed", "UPDATE", when="OLD.closed", says="a closed period stays closed")
    renamed = "(NEW.company, NEW.month) <> (OLD.company, OLD.month)"
    yield from refusal(table, "name", "UPDATE", when=renamed, says="a period keeps its name")
    yield from refusal(table, "ever", "DELETE", says="a period stays")


def _documents() -> Iterator[str]:
    for table, columns in FROZEN.items():
        yield from trigger(table, "drafted", "INSERT OR DELETE", runs="erp_guard_document()")
        new, old = (", ".join(f"{side}.{column}" for column in columns) for side in ("NEW", "OLD"))
        moved = f"({new}) IS DISTINCT FROM ({old})"
        yield from trigger(table, "fixed", "UPDATE", when=moved, runs="erp_guard_document()")
    yield from trigger("erp_invoice_line", "fixed", "INSERT OR UPDATE OR DELETE", runs="erp_guard_invoice_line()")
    yield from trigger("erp_allocation", "sums", "INSERT", runs="erp_guard_allocation()")
    yield from refusal("erp_allocation", "ever", "UPDATE OR DELETE", says="an allocation stays as it is")


def _orders() -> Iterator[str]:
    table = "erp_order"
    first = "NEW.status NOT IN ('draft', 'confirmed', 'held')"
    yield from refusal(table, "first", "INSERT", when=first, says="no order begins in this status")
    yield from trigger(table, "step", "UPDATE", when="OLD.status <> NEW.status", runs="erp_guard_order()")
    renamed = "NEW.id <> OLD.id OR NEW.number <> OLD.number"
    yield from refusal(table, "name", "UPDATE", when=renamed, says="an order keeps its number")
    yield from refusal(table, "ever", "DELETE", says="an order is cancelled, never deleted")
    steps = "the steps of an order are fixed"
    yield from refusal("erp_order_transition", "ever", "INSERT OR UPDATE OR DELETE", says=steps)
    yield from refusal("erp_change", "ever", "UPDATE OR DELETE", says="the log of changes stays as it is")


def _keys() -> Iterator[str]:
    table = "erp_external_key"
    renamed = "(NEW.stream, NEW.key) <> (OLD.stream, OLD.key)"
    yield from refusal(table, "name", "UPDATE", when=renamed, says="a key keeps its name")
    yield from refusal(table, "buried", "UPDATE", when="OLD.status = 'buried'", says="a buried key never comes back")
    revived = "NEW.status = 'live' AND (OLD.status <> 'live' OR NEW.record_id <> OLD.record_id)"
    yield from refusal(table, "live", "UPDATE", when=revived, says="a key has one live record, for ever")
    yield from refusal(table, "ever", "DELETE", says="a key is never forgotten")


KEPT = (
    *("erp_entry", "erp_posting", "erp_period", "erp_invoice", "erp_invoice_line", "erp_payment", "erp_allocation"),
    *("erp_order", "erp_order_transition", "erp_change", "erp_external_key"),
)


def guards(schema: str) -> Iterator[str]:
    """The statements, in order, for tables in this (quoted) schema."""
    for name, body in BODIES.items():
        yield HEAD.format(name=name, schema=schema) + body + " END $$"
    yield from _ledger()
    yield from _documents()
    yield from _orders()
    yield from _keys()
    for table in KEPT:
        yield from refusal(table, "whole", "TRUNCATE", says="this table is never emptied")
