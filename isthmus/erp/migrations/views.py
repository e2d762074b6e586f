"""The views of what customers owe and what credit they have, for people and BI tools."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus.erp.credit_facts import facts_sql

_DAYS = {
    "postgresql": "(CURRENT_DATE - due_date)",
    "sqlite": "CAST(julianday(CURRENT_DATE) - julianday(due_date) AS INTEGER)",
}
_BEYOND = {
    "postgresql": "oldest_due_date + CAST(grace_days AS INTEGER) < CURRENT_DATE",
    "sqlite": "date(oldest_due_date, '+' || grace_days || ' days') < CURRENT_DATE",
}


def _total(condition: str, name: str) -> str:
    return f"CAST(sum(CASE WHEN {condition} THEN open_minor ELSE 0 END) AS BIGINT) AS {name}"


def _receivable(dialect: str) -> str:
    spent = "coalesce((SELECT sum(amount_minor) FROM erp_allocation WHERE {0} = {1}.id), 0)"
    given = spent.replace("amount_minor", "source_minor")
    buckets = ", ".join(
        (
            _total("days <= 0", "not_due_minor"),
            _total("days > 0", "overdue_minor"),
            _total("days BETWEEN 1 AND 30", "age_0_30_minor"),
            _total("days BETWEEN 31 AND 60", "age_31_60_minor"),
            _total("days BETWEEN 61 AND 90", "age_61_90_minor"),
            _total("days > 90", "age_over_90_minor"),
        )
    )
    return f"""CREATE VIEW erp_receivable AS
        WITH items AS (
            SELECT customer_id, currency, total_minor - {spent.format("invoice_id", "i")} AS open_minor,
                0 AS unapplied_minor, {_DAYS[dialect]} AS days FROM erp_invoice i WHERE kind = 'invoice'
            UNION ALL
            SELECT customer_id, currency, 0, total_minor - {given.format("credit_note_id", "n")}, NULL
                FROM erp_invoice n WHERE kind = 'credit_note'
            UNION ALL
            SELECT customer_id, currency, 0,
                amount_minor - {given.format("payment_id", "p")} + {spent.format("refund_id", "p")}, NULL
                FROM erp_payment p WHERE id NOT IN (SELECT payment_id FROM erp_reversal)
        )
        SELECT c.id AS customer_id, c.number, c.name, items.currency,
            CAST(sum(open_minor - unapplied_minor) AS BIGINT) AS outstanding_minor,
            CAST(sum(unapplied_minor) AS BIGINT) AS unapplied_minor, {buckets}
        FROM items LEFT JOIN erp_merger m ON m.customer_id = items.customer_id
        JOIN erp_customer c ON c.id = coalesce(m.into_id, items.customer_id)
        GROUP BY c.id, c.number, c.name, items.currency"""


def _credit(dialect: str) -> str:
    over = "limit_minor IS NOT NULL AND exposure_minor > limit_minor"
    unrated = "limit_minor IS NOT NULL AND unrated IS NOT NULL"
    near = "limit_minor IS NOT NULL AND exposure_minor > 0 AND exposure_minor >= limit_minor - limit_minor / 5"
    return f"""CREATE VIEW erp_credit AS
        SELECT customer_id, number, name, currency, limit_minor, exposure_minor,
            limit_minor - exposure_minor AS available_minor,
            CASE WHEN held OR root_held OR ({unrated}) OR ({over}) OR {_BEYOND[dialect]} THEN 'hold'
                WHEN {near} THEN 'warning' ELSE 'ok' END AS status,
            CASE WHEN held THEN 'held by hand' WHEN root_held THEN 'its parent is held by hand'
                WHEN {unrated} THEN 'no rate for ' || unrated
                WHEN {_BEYOND[dialect]} THEN 'overdue beyond the grace days' WHEN {over} THEN 'over the limit'
                WHEN {near} THEN 'near the limit' END AS reason
        FROM ({facts_sql(dialect, today="CURRENT_DATE")}) facts"""


def views(dialect: str) -> Iterator[str]:
    """The statements that make the views on a database."""
    yield _receivable(dialect)
    yield _credit(dialect)
