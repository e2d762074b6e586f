"""What SQLite itself refuses. `REPLACE` deletes the row it meets, so each insert that could meet one is guarded."""

from __future__ import annotations

from collections.abc import Iterator

FROZEN = {  # what stays of a document once its entry is posted: everything but who saw it last
    "erp_invoice": (
        "id company number kind order_id customer_id credits_id invoice_date due_date currency freight_minor net_minor "
        "tax_minor total_minor entry_id"
    ).split(),
    "erp_payment": "id company number customer_id payment_date currency amount_minor reference entry_id".split(),
}
POSTED = "EXISTS (SELECT 1 FROM erp_entry WHERE id = {0} AND posted_at IS NOT NULL)"
STAYS = "a posted entry and its documents stay as they are; reverse the entry instead"


def refusal(event: str, table: str, what: str, *, when: str, says: str) -> str:
    name = f"{table}_{event.split(maxsplit=1)[0].lower()}_{what}"
    return (
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{table}: {says}'); END"
    )


def _entries() -> Iterator[str]:
    table = "erp_entry"
    posting = "NEW.posted_at IS NOT NULL AND OLD.posted_at IS NULL AND "
    count = "(SELECT count(*) FROM erp_posting WHERE entry_id = NEW.id) < 2"
    sums = "SELECT 1 FROM erp_posting WHERE entry_id = NEW.id GROUP BY currency HAVING sum(amount_minor) <> 0"
    closed = "SELECT 1 FROM erp_period WHERE company = NEW.company AND closed AND month >= substr(NEW.entry_date, 1, 7)"
    yield refusal("INSERT", table, "posted", when="NEW.posted_at IS NOT NULL", says="write a draft, then post it")
    there = "EXISTS (SELECT 1 FROM erp_entry WHERE id = NEW.id)"
    yield refusal("INSERT", table, "again", when=there, says="this entry exists")
    yield refusal("UPDATE", table, "posted", when="OLD.posted_at IS NOT NULL", says=STAYS)
    yield refusal("UPDATE", table, "id", when="NEW.id <> OLD.id", says="an entry keeps its id")
    yield refusal("UPDATE", table, "short", when=posting + count, says="an entry needs two postings or more")
    yield refusal("UPDATE", table, "sum", when=f"{posting} EXISTS ({sums})", says="debits and credits differ")
    yield refusal("UPDATE", table, "period", when=f"{posting} EXISTS ({closed})", says="the period is closed")
    yield refusal("DELETE", table, "posted", when="OLD.posted_at IS NOT NULL", says=STAYS)


def _postings() -> Iterator[str]:
    new, old = POSTED.format("NEW.entry_id"), POSTED.format("OLD.entry_id")
    yield refusal("INSERT", "erp_posting", "posted", when=new, says=STAYS)
    yield refusal("UPDATE", "erp_posting", "posted", when=f"{new} OR {old}", says=STAYS)
    yield refusal("DELETE", "erp_posting", "posted", when=old, says=STAYS)


def _documents() -> Iterator[str]:
    for table, columns in FROZEN.items():
        draft = "NOT EXISTS (SELECT 1 FROM erp_entry WHERE id = NEW.entry_id AND posted_at IS NULL)"
        yield refusal("INSERT", table, "draft", when=draft, says="its entry must be a draft")
        there = f"EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id OR number = NEW.number)"
        yield refusal("INSERT", table, "again", when=there, says="this document exists")
        posted = POSTED.format("OLD.entry_id")
        moved = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in columns)
        yield refusal("UPDATE", table, "posted", when=f"({moved}) AND {posted}", says=STAYS)
        taken = f"EXISTS (SELECT 1 FROM {table} WHERE number = NEW.number AND id <> OLD.id) OR NEW.id <> OLD.id"
        yield refusal("UPDATE", table, "again", when=taken, says="this document exists")
        yield refusal("DELETE", table, "posted", when=posted, says=STAYS)
    of = "EXISTS (SELECT 1 FROM erp_invoice i JOIN erp_entry e ON e.id = i.entry_id WHERE i.id = {0}.invoice_id "
    new, old = (of.format(side) + "AND e.posted_at IS NOT NULL)" for side in ("NEW", "OLD"))
    yield refusal("INSERT", "erp_invoice_line", "posted", when=new, says=STAYS)
    yield refusal("UPDATE", "erp_invoice_line", "posted", when=f"{new} OR {old}", says=STAYS)
    yield refusal("DELETE", "erp_invoice_line", "posted", when=old, says=STAYS)


def _allocations() -> Iterator[str]:
    table = "erp_allocation"
    spent = "NEW.amount_minor + (SELECT coalesce(sum(amount_minor), 0) FROM erp_allocation WHERE {0} = NEW.{0})"
    same = "customer_id = (SELECT customer_id FROM erp_invoice WHERE id = NEW.invoice_id) AND currency = "
    same += "(SELECT currency FROM erp_invoice WHERE id = NEW.invoice_id)"
    invoice = "SELECT total_minor FROM erp_invoice WHERE id = NEW.invoice_id AND kind = 'invoice'"
    payment = f"SELECT amount_minor FROM erp_payment WHERE id = NEW.payment_id AND {same}"
    note = f"SELECT total_minor FROM erp_invoice WHERE id = NEW.credit_note_id AND kind = 'credit_note' AND {same}"
    for column, source, unless in (
        ("invoice_id", invoice, "0"),
        ("payment_id", payment, "NEW.payment_id IS NULL"),
        ("credit_note_id", note, "NEW.credit_note_id IS NULL"),
    ):
        too_much = f"NOT ({unless}) AND {spent.format(column)} > coalesce(({source}), 0)"
        yield refusal("INSERT", table, column, when=too_much, says="more than is left to allocate")
    there = "EXISTS (SELECT 1 FROM erp_allocation WHERE id = NEW.id)"
    yield refusal("INSERT", table, "again", when=there, says="this allocation exists")
    yield refusal("UPDATE", table, "ever", when="1", says="an allocation stays as it is")
    yield refusal("DELETE", table, "ever", when="1", says="an allocation stays as it is")


def _periods() -> Iterator[str]:
    there = "EXISTS (SELECT 1 FROM erp_period WHERE company = NEW.company AND month = NEW.month)"
    yield refusal("INSERT", "erp_period", "again", when=there, says="this period exists")
    renamed = "NEW.company <> OLD.company OR NEW.month <> OLD.month"
    yield refusal("UPDATE", "erp_period", "name", when=renamed, says="a period keeps its name")
    yield refusal("UPDATE", "erp_period", "closed", when="OLD.closed", says="a closed period stays closed")
    yield refusal("DELETE", "erp_period", "ever", when="1", says="a period stays")


def _keys() -> Iterator[str]:
    table = "erp_external_key"
    there = "EXISTS (SELECT 1 FROM erp_external_key WHERE stream = NEW.stream AND key = NEW.key)"
    yield refusal("INSERT", table, "again", when=there, says="this key has its record already")
    renamed = "NEW.stream <> OLD.stream OR NEW.key <> OLD.key"
    yield refusal("UPDATE", table, "name", when=renamed, says="a key keeps its name")
    yield refusal("UPDATE", table, "buried", when="OLD.status = 'buried'", says="a buried key never comes back")
    revived = "NEW.status = 'live' AND (OLD.status <> 'live' OR NEW.record_id <> OLD.record_id)"
    yield refusal("UPDATE", table, "live", when=revived, says="a key has one live record, for ever")
    yield refusal("DELETE", table, "ever", when="1", says="a key is never forgotten")


def _orders() -> Iterator[str]:
    table = "erp_order"
    first = "NEW.status NOT IN ('draft', 'confirmed', 'held')"
    yield refusal("INSERT", table, "status", when=first, says="no order begins in this status")
    taken = "quote_id = NEW.quote_id AND status <> 'cancelled' AND NEW.status <> 'cancelled'"
    there = f"EXISTS (SELECT 1 FROM erp_order WHERE id = NEW.id OR number = NEW.number OR ({taken}))"
    yield refusal("INSERT", table, "again", when=there, says="this order, or another of its quote, exists")
    step = "SELECT 1 FROM erp_order_transition WHERE before = OLD.status AND after = NEW.status"
    wrong = f"NEW.status <> OLD.status AND NOT EXISTS ({step})"
    yield refusal("UPDATE", table, "status", when=wrong, says="an order does not go from its status to that one")
    invoiced = "OLD.status = 'cancelled' AND NEW.status <> 'cancelled' AND EXISTS (SELECT 1 FROM erp_invoice "
    invoiced += "WHERE order_id = NEW.id)"
    yield refusal("UPDATE", table, "invoiced", when=invoiced, says="an invoiced order does not come back")
    renamed = "NEW.id <> OLD.id OR NEW.number <> OLD.number"
    yield refusal("UPDATE", table, "name", when=renamed, says="an order keeps its number")
    other = f"EXISTS (SELECT 1 FROM erp_order WHERE id <> NEW.id AND {taken})"
    yield refusal("UPDATE", table, "quote", when=other, says="another live order has this quote")
    yield refusal("DELETE", table, "ever", when="1", says="an order is cancelled, never deleted")
    for event in ("INSERT", "UPDATE", "DELETE"):
        yield refusal(event, "erp_order_transition", "ever", when="1", says="the steps of an order are fixed")
    for event in ("UPDATE", "DELETE"):
        yield refusal(event, "erp_change", "ever", when="1", says="the log of changes stays as it is")


GUARDS = (
    *_entries(),
    *_postings(),
    *_documents(),
    *_allocations(),
    *_periods(),
    *_keys(),
    *_orders(),
)
