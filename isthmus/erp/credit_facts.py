"""One query for what the credit gate must know of customers. The view `erp_credit` is made of the same text.

A customer that shares its parent's limit has its *root* there, and so on upwards; the others are their own root. All
whose root is one are a *family*: what they owe together is the root's exposure. (Parents in a circle that all share
have their smallest id as root.) A customer that was merged into another belongs to that one's family, and what is due
of it is due of that one.

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

_FAMILY = """
WITH RECURSIVE up(id, top) AS (
    SELECT c.id, c.id FROM erp_customer c {only}
    UNION
    SELECT up.id, coalesce(m.into_id, c.parent_id) FROM up JOIN erp_customer c ON c.id = up.top
    LEFT JOIN erp_merger m ON m.customer_id = c.id LEFT JOIN erp_credit_term t ON t.customer_id = c.id
    WHERE m.into_id IS NOT NULL OR (t.shares_parent_limit AND c.parent_id IS NOT NULL)
), roots AS (
    SELECT up.id, coalesce(
        max(CASE WHEN c.parent_id IS NULL OR NOT coalesce(t.shares_parent_limit, {no}) THEN up.top END), min(up.top)
    ) AS root_id
    FROM up JOIN erp_customer c ON c.id = up.top LEFT JOIN erp_credit_term t ON t.customer_id = up.top
    WHERE up.top NOT IN (SELECT customer_id FROM erp_merger) GROUP BY up.id
), sharing(root_id, id) AS (
    SELECT root_id, root_id FROM roots
    UNION
    SELECT f.root_id, c.id FROM sharing f JOIN erp_customer c ON c.parent_id = f.id
    JOIN erp_credit_term t ON t.customer_id = c.id WHERE t.shares_parent_limit
), family AS (
    SELECT root_id, id FROM sharing
    UNION ALL
    SELECT s.root_id, m.customer_id FROM sharing s JOIN erp_merger m ON m.into_id = s.id
)"""

_FACTS = f"""{_FAMILY}, owed AS MATERIALIZED (
    SELECT customer_id, currency, CAST(sum(amount_minor) AS BIGINT) AS amount_minor FROM (
        SELECT customer_id, currency, amount_minor FROM erp_posting WHERE account = '{RECEIVABLE}' {{members}}
        UNION ALL
        SELECT customer_id, currency, to_invoice_minor FROM erp_order WHERE status IN {OPEN} {{members}}
    ) documents GROUP BY customer_id, currency
), amounts AS MATERIALIZED (
    SELECT f.root_id, o.currency, CAST(sum(o.amount_minor) AS BIGINT) AS amount_minor
    FROM family f JOIN owed o ON o.customer_id = f.id GROUP BY f.root_id, o.currency
), rated AS MATERIALIZED (
    SELECT a.root_id, a.currency, a.amount_minor,
        CASE WHEN a.currency = coalesce(t.currency, c.currency) THEN {_NANOS} ELSE {_RATE} END AS rate
    FROM amounts a JOIN erp_customer c ON c.id = a.root_id LEFT JOIN erp_credit_term t ON t.customer_id = a.root_id
), worth AS (
    SELECT root_id, currency, amount_minor, CASE WHEN amount_minor < 0
        THEN -{_PRODUCT.format(amount="(-amount_minor)")} ELSE {_PRODUCT.format(amount="amount_minor")}
    END AS worth_minor FROM rated
), exposures AS (
    SELECT root_id, CAST(coalesce(sum(worth_minor), 0) AS BIGINT) AS exposure_minor,
        min(CASE WHEN worth_minor IS NULL AND amount_minor <> 0 THEN currency END) AS unrated
    FROM worth GROUP BY root_id
), dues AS (
    SELECT coalesce(m.into_id, i.customer_id) AS customer_id, min(due_date) AS oldest_due_date
    FROM erp_invoice i LEFT JOIN erp_merger m ON m.customer_id = i.customer_id
    WHERE kind = 'invoice' AND total_minor > coalesce(
        (SELECT sum(amount_minor) FROM erp_allocation WHERE invoice_id = i.id), 0) {{counted}}
    GROUP BY coalesce(m.into_id, i.customer_id)
)
SELECT c.id AS customer_id, c.number, c.name, r.root_id, top.number AS root_number,
    coalesce(t.currency, top.currency) AS currency, t.limit_minor,
    coalesce(e.exposure_minor, 0) AS exposure_minor, e.unrated,
    coalesce(own.held, {{no}}) AS held, own.held_why,
    coalesce(t.held, {{no}}) AS root_held, t.held_why AS root_held_why,
    d.oldest_due_date, coalesce(own.grace_days, k.grace_days) AS grace_days
FROM roots r
JOIN erp_customer c ON c.id = r.id
JOIN erp_customer top ON top.id = r.root_id
JOIN erp_company k ON k.code = c.company
LEFT JOIN erp_credit_term own ON own.customer_id = c.id
LEFT JOIN erp_credit_term t ON t.customer_id = r.root_id
LEFT JOIN exposures e ON e.root_id = r.root_id
LEFT JOIN dues d ON d.customer_id = c.id
{{only}}
"""


def facts_sql(dialect: str, *, today: str, narrow: bool = False) -> str:
    """The query in a database's own words; ``today`` is an SQL day.

    Narrowed, it asks for the customers of the parameter ``ids``, whose families are those of ``members``. The families
    follow from the ids, but a planner that does not know how few they are would read all postings and orders.
    """
    columns = {"members": "customer_id", "counted": "i.customer_id"}
    said = {name: f"AND {_among(dialect, column, 'members')}" if narrow else "" for name, column in columns.items()}
    only = _only(dialect) if narrow else "WHERE c.id NOT IN (SELECT customer_id FROM erp_merger)"
    return _FACTS.format(today=today, only=only, no=_no(dialect), **said)


def family_sql(dialect: str, wanted: str) -> str:
    """A query over the families of the customers of ``ids``: ``wanted`` reads from ``up``, ``roots`` and ``family``."""
    return f"{_FAMILY.format(only=_only(dialect), no=_no(dialect))} {wanted}"


def _only(dialect: str) -> str:
    return f"WHERE {_among(dialect, 'c.id', 'ids')}"


def _among(dialect: str, column: str, name: str) -> str:
    if dialect == "postgresql":
        return f"{column} = ANY(CAST(:{name} AS BIGINT[]))"
    return f"{column} IN (SELECT value FROM json_each(:{name}))"


def _no(dialect: str) -> str:
    return "false" if dialect == "postgresql" else "0"
