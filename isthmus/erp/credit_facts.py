"""One query for what the credit gate must know of customers. The view `erp_credit` is made of the same text.

Exposure = receivables, tax included, less unapplied payments and credit notes (what the receivable account says) + what
confirmed and partly invoiced orders still have to invoice. Another currency counts at the latest rate on or before the
day. All arithmetic is in integers: amount × rate is taken apart so that no product passes 64 bits.
"""

from __future__ import annotations

from isthmus.erp.ledger import RECEIVABLE
from isthmus.erp.sales import OPEN

_NANOS = 1_000_000_000

_RATE = """(SELECT minor_rate_nanos FROM erp_rate r
        WHERE r.source = a.currency AND r.target = coalesce(t.currency, c.currency)
        AND r.day <= {today} ORDER BY r.day DESC LIMIT 1)"""
#: amount × rate / 10^9, half up, for an amount of zero or more.
_PRODUCT = (
    f"({{amount}} * (rate / {_NANOS}) + ({{amount}} / {_NANOS}) * (rate % {_NANOS}) "
    f"+ (({{amount}} % {_NANOS}) * (rate % {_NANOS}) + {_NANOS // 2}) / {_NANOS})"
)

FACTS = f"""
WITH amounts AS (
    SELECT customer_id, currency, CAST(sum(amount_minor) AS BIGINT) AS amount_minor FROM (
        SELECT customer_id, currency, amount_minor FROM erp_posting WHERE account = '{RECEIVABLE}' {{only}}
        UNION ALL
        SELECT customer_id, currency, to_invoice_minor FROM erp_order WHERE status IN {OPEN} {{only}}
    ) owed GROUP BY customer_id, currency
), rated AS (
    SELECT a.customer_id, a.currency, a.amount_minor,
        CASE WHEN a.currency = coalesce(t.currency, c.currency) THEN {_NANOS} ELSE {_RATE} END AS rate
    FROM amounts a JOIN erp_customer c ON c.id = a.customer_id
    LEFT JOIN erp_credit_term t ON t.customer_id = a.customer_id
), worth AS (
    SELECT customer_id, currency, amount_minor, CASE WHEN amount_minor < 0
        THEN -{_PRODUCT.format(amount="(-amount_minor)")} ELSE {_PRODUCT.format(amount="amount_minor")}
    END AS worth_minor FROM rated
), exposures AS (
    SELECT customer_id, CAST(coalesce(sum(worth_minor), 0) AS BIGINT) AS exposure_minor,
        min(CASE WHEN worth_minor IS NULL AND amount_minor <> 0 THEN currency END) AS unrated
    FROM worth GROUP BY customer_id
), dues AS (
    SELECT customer_id, min(due_date) AS oldest_due_date FROM erp_invoice i
    WHERE kind = 'invoice' AND total_minor > coalesce(
        (SELECT sum(amount_minor) FROM erp_allocation WHERE invoice_id = i.id), 0) {{only}}
    GROUP BY customer_id
)
SELECT c.id AS customer_id, c.number, c.name, coalesce(t.currency, c.currency) AS currency, t.limit_minor,
    coalesce(e.exposure_minor, 0) AS exposure_minor, e.unrated, coalesce(t.held, {{no}}) AS held, t.held_why,
    d.oldest_due_date,
    coalesce(t.grace_days, k.grace_days) AS grace_days
FROM erp_customer c
JOIN erp_company k ON k.code = c.company
LEFT JOIN erp_credit_term t ON t.customer_id = c.id
LEFT JOIN exposures e ON e.customer_id = c.id
LEFT JOIN dues d ON d.customer_id = c.id
"""


def facts_sql(dialect: str, *, today: str, only: str = "") -> str:
    """The query in a database's own words. ``only`` narrows it (``AND customer_id …``), ``today`` is an SQL day."""
    return FACTS.format(today=today, only=only, no="false" if dialect == "postgresql" else "0")
