CREATE VIEW erp_receivable AS
        WITH items AS (
            SELECT customer_id, currency, total_minor - coalesce((SELECT sum(amount_minor) FROM erp_allocation WHERE invoice_id = i.id), 0) AS open_minor,
                0 AS unapplied_minor, CAST(julianday(CURRENT_DATE) - julianday(due_date) AS INTEGER) AS days FROM erp_invoice i WHERE kind = 'invoice'
            UNION ALL
            SELECT customer_id, currency, 0, total_minor - coalesce((SELECT sum(source_minor) FROM erp_allocation WHERE credit_note_id = n.id), 0), NULL
                FROM erp_invoice n WHERE kind = 'credit_note'
            UNION ALL
            SELECT customer_id, currency, 0,
                amount_minor - coalesce((SELECT sum(source_minor) FROM erp_allocation WHERE payment_id = p.id), 0) + coalesce((SELECT sum(amount_minor) FROM erp_allocation WHERE refund_id = p.id), 0), NULL
                FROM erp_payment p WHERE id NOT IN (SELECT payment_id FROM erp_reversal)
        )
        SELECT c.id AS customer_id, c.number, c.name, items.currency,
            CAST(sum(open_minor - unapplied_minor) AS BIGINT) AS outstanding_minor,
            CAST(sum(unapplied_minor) AS BIGINT) AS unapplied_minor, CAST(sum(CASE WHEN days <= 0 THEN open_minor ELSE 0 END) AS BIGINT) AS not_due_minor, CAST(sum(CASE WHEN days > 0 THEN open_minor ELSE 0 END) AS BIGINT) AS overdue_minor, CAST(sum(CASE WHEN days BETWEEN 1 AND 30 THEN open_minor ELSE 0 END) AS BIGINT) AS age_0_30_minor, CAST(sum(CASE WHEN days BETWEEN 31 AND 60 THEN open_minor ELSE 0 END) AS BIGINT) AS age_31_60_minor, CAST(sum(CASE WHEN days BETWEEN 61 AND 90 THEN open_minor ELSE 0 END) AS BIGINT) AS age_61_90_minor, CAST(sum(CASE WHEN days > 90 THEN open_minor ELSE 0 END) AS BIGINT) AS age_over_90_minor
        FROM items JOIN erp_customer c ON c.id = items.customer_id GROUP BY c.id, c.number, c.name, items.currency;

CREATE VIEW erp_credit AS
        SELECT customer_id, number, name, currency, limit_minor, exposure_minor,
            limit_minor - exposure_minor AS available_minor,
            CASE WHEN held OR root_held OR (limit_minor IS NOT NULL AND unrated IS NOT NULL) OR (limit_minor IS NOT NULL AND exposure_minor > limit_minor) OR date(oldest_due_date, '+' || grace_days || ' days') < CURRENT_DATE THEN 'hold'
                WHEN limit_minor IS NOT NULL AND exposure_minor > 0 AND exposure_minor >= limit_minor - limit_minor / 5 THEN 'warning' ELSE 'ok' END AS status,
            CASE WHEN held THEN 'held by hand' WHEN root_held THEN 'its parent is held by hand'
                WHEN limit_minor IS NOT NULL AND unrated IS NOT NULL THEN 'no rate for ' || unrated
                WHEN date(oldest_due_date, '+' || grace_days || ' days') < CURRENT_DATE THEN 'overdue beyond the grace days' WHEN limit_minor IS NOT NULL AND exposure_minor > limit_minor THEN 'over the limit'
                WHEN limit_minor IS NOT NULL AND exposure_minor > 0 AND exposure_minor >= limit_minor - limit_minor / 5 THEN 'near the limit' END AS reason
        FROM (
WITH RECURSIVE up(id, top) AS (
    SELECT c.id, c.id FROM erp_customer c 
    UNION
    SELECT up.id, c.parent_id FROM up JOIN erp_customer c ON c.id = up.top
    JOIN erp_credit_term t ON t.customer_id = c.id WHERE t.shares_parent_limit AND c.parent_id IS NOT NULL
), roots AS (
    SELECT up.id, coalesce(
        max(CASE WHEN c.parent_id IS NULL OR NOT coalesce(t.shares_parent_limit, 0) THEN up.top END), min(up.top)
    ) AS root_id
    FROM up JOIN erp_customer c ON c.id = up.top LEFT JOIN erp_credit_term t ON t.customer_id = up.top GROUP BY up.id
), family(root_id, id) AS (
    SELECT root_id, root_id FROM roots
    UNION
    SELECT f.root_id, c.id FROM family f JOIN erp_customer c ON c.parent_id = f.id
    JOIN erp_credit_term t ON t.customer_id = c.id WHERE t.shares_parent_limit
), owed AS MATERIALIZED (
    SELECT customer_id, currency, CAST(sum(amount_minor) AS BIGINT) AS amount_minor FROM (
        SELECT customer_id, currency, amount_minor FROM erp_posting WHERE account = '1100' 
        UNION ALL
        SELECT customer_id, currency, to_invoice_minor FROM erp_order WHERE status IN ('confirmed', 'partly_invoiced') 
    ) documents GROUP BY customer_id, currency
), amounts AS MATERIALIZED (
    SELECT f.root_id, o.currency, CAST(sum(o.amount_minor) AS BIGINT) AS amount_minor
    FROM family f JOIN owed o ON o.customer_id = f.id GROUP BY f.root_id, o.currency
), rated AS (
    SELECT a.root_id, a.currency, a.amount_minor,
        CASE WHEN a.currency = coalesce(t.currency, c.currency) THEN 1000000000 ELSE (SELECT minor_rate_nanos FROM erp_rate r
        WHERE r.source = a.currency AND r.target = coalesce(t.currency, c.currency)
        AND r.day <= CURRENT_DATE ORDER BY r.day DESC LIMIT 1) END AS rate
    FROM amounts a JOIN erp_customer c ON c.id = a.root_id LEFT JOIN erp_credit_term t ON t.customer_id = a.root_id
), worth AS (
    SELECT root_id, currency, amount_minor, CASE WHEN amount_minor < 0
        THEN -((-amount_minor) * (rate / 1000000000) + ((-amount_minor) / 1000000000) * (rate % 1000000000) + (((-amount_minor) % 1000000000) * (rate % 1000000000) + 500000000) / 1000000000) ELSE (amount_minor * (rate / 1000000000) + (amount_minor / 1000000000) * (rate % 1000000000) + ((amount_minor % 1000000000) * (rate % 1000000000) + 500000000) / 1000000000)
    END AS worth_minor FROM rated
), exposures AS (
    SELECT root_id, CAST(coalesce(sum(worth_minor), 0) AS BIGINT) AS exposure_minor,
        min(CASE WHEN worth_minor IS NULL AND amount_minor <> 0 THEN currency END) AS unrated
    FROM worth GROUP BY root_id
), dues AS (
    SELECT customer_id, min(due_date) AS oldest_due_date FROM erp_invoice i
    WHERE kind = 'invoice' AND total_minor > coalesce(
        (SELECT sum(amount_minor) FROM erp_allocation WHERE invoice_id = i.id), 0) 
    GROUP BY customer_id
)
SELECT c.id AS customer_id, c.number, c.name, r.root_id, top.number AS root_number,
    coalesce(t.currency, top.currency) AS currency, t.limit_minor,
    coalesce(e.exposure_minor, 0) AS exposure_minor, e.unrated,
    coalesce(own.held, 0) AS held, own.held_why,
    coalesce(t.held, 0) AS root_held, t.held_why AS root_held_why,
    d.oldest_due_date, coalesce(own.grace_days, k.grace_days) AS grace_days
FROM roots r
JOIN erp_customer c ON c.id = r.id
JOIN erp_customer top ON top.id = r.root_id
JOIN erp_company k ON k.code = c.company
LEFT JOIN erp_credit_term own ON own.customer_id = c.id
LEFT JOIN erp_credit_term t ON t.customer_id = r.root_id
LEFT JOIN exposures e ON e.root_id = r.root_id
LEFT JOIN dues d ON d.customer_id = c.id

) facts;
