CREATE VIEW erp_receivable AS
        WITH items AS (
            SELECT customer_id, currency, total_minor - coalesce((SELECT sum(amount_minor) FROM erp_allocation WHERE invoice_id = i.id), 0) AS open_minor,
                0 AS unapplied_minor, CAST(julianday(CURRENT_DATE) - julianday(due_date) AS INTEGER) AS days FROM erp_invoice i WHERE kind = 'invoice'
            UNION ALL
            SELECT customer_id, currency, 0, total_minor - coalesce((SELECT sum(amount_minor) FROM erp_allocation WHERE credit_note_id = n.id), 0), NULL
                FROM erp_invoice n WHERE kind = 'credit_note'
            UNION ALL
            SELECT customer_id, currency, 0, amount_minor - coalesce((SELECT sum(amount_minor) FROM erp_allocation WHERE payment_id = p.id), 0), NULL FROM erp_payment p
        )
        SELECT c.id AS customer_id, c.number, c.name, items.currency,
            CAST(sum(open_minor - unapplied_minor) AS BIGINT) AS outstanding_minor,
            CAST(sum(unapplied_minor) AS BIGINT) AS unapplied_minor, CAST(sum(CASE WHEN days <= 0 THEN open_minor ELSE 0 END) AS BIGINT) AS not_due_minor, CAST(sum(CASE WHEN days > 0 THEN open_minor ELSE 0 END) AS BIGINT) AS overdue_minor, CAST(sum(CASE WHEN days BETWEEN 1 AND 30 THEN open_minor ELSE 0 END) AS BIGINT) AS age_0_30_minor, CAST(sum(CASE WHEN days BETWEEN 31 AND 60 THEN open_minor ELSE 0 END) AS BIGINT) AS age_31_60_minor, CAST(sum(CASE WHEN days BETWEEN 61 AND 90 THEN open_minor ELSE 0 END) AS BIGINT) AS age_61_90_minor, CAST(sum(CASE WHEN days > 90 THEN open_minor ELSE 0 END) AS BIGINT) AS age_over_90_minor
        FROM items JOIN erp_customer c ON c.id = items.customer_id GROUP BY c.id, c.number, c.name, items.currency;

CREATE VIEW erp_credit AS
        SELECT customer_id, number, name, currency, limit_minor, exposure_minor,
            limit_minor - exposure_minor AS available_minor,
            CASE WHEN held OR (limit_minor IS NOT NULL AND unrated IS NOT NULL) OR (limit_minor IS NOT NULL AND exposure_minor > limit_minor) OR date(oldest_due_date, '+' || grace_days || ' days') < CURRENT_DATE THEN 'hold'
                WHEN limit_minor IS NOT NULL AND exposure_minor > 0 AND exposure_minor >= limit_minor - limit_minor / 5 THEN 'warning' ELSE 'ok' END AS status,
            CASE WHEN held THEN 'held by hand' WHEN limit_minor IS NOT NULL AND unrated IS NOT NULL THEN 'no rate for ' || unrated
                WHEN date(oldest_due_date, '+' || grace_days || ' days') < CURRENT_DATE THEN 'overdue beyond the grace days' WHEN limit_minor IS NOT NULL AND exposure_minor > limit_minor THEN 'over the limit'
                WHEN limit_minor IS NOT NULL AND exposure_minor > 0 AND exposure_minor >= limit_minor - limit_minor / 5 THEN 'near the limit' END AS reason
        FROM (
WITH amounts AS (
    SELECT customer_id, currency, CAST(sum(amount_minor) AS BIGINT) AS amount_minor FROM (
        SELECT customer_id, currency, amount_minor FROM erp_posting WHERE account = '1100'
        UNION ALL
        SELECT customer_id, currency, to_invoice_minor FROM erp_order WHERE status IN ('confirmed', 'partly_invoiced')
    ) owed GROUP BY customer_id, currency
), rated AS (
    SELECT a.customer_id, a.currency, a.amount_minor,
        CASE WHEN a.currency = coalesce(t.currency, c.currency) THEN 1000000000 ELSE (SELECT minor_rate_nanos FROM erp_rate r
        WHERE r.source = a.currency AND r.target = coalesce(t.currency, c.currency)
        AND r.day <= CURRENT_DATE ORDER BY r.day DESC LIMIT 1) END AS rate
    FROM amounts a JOIN erp_customer c ON c.id = a.customer_id
    LEFT JOIN erp_credit_term t ON t.customer_id = a.customer_id
), worth AS (
    SELECT customer_id, currency, amount_minor, CASE WHEN amount_minor < 0
        THEN -((-amount_minor) * (rate / 1000000000) + ((-amount_minor) / 1000000000) * (rate % 1000000000) + (((-amount_minor) % 1000000000) * (rate % 1000000000) + 500000000) / 1000000000) ELSE (amount_minor * (rate / 1000000000) + (amount_minor / 1000000000) * (rate % 1000000000) + ((amount_minor % 1000000000) * (rate % 1000000000) + 500000000) / 1000000000)
    END AS worth_minor FROM rated
), exposures AS (
    SELECT customer_id, CAST(coalesce(sum(worth_minor), 0) AS BIGINT) AS exposure_minor,
        min(CASE WHEN worth_minor IS NULL AND amount_minor <> 0 THEN currency END) AS unrated
    FROM worth GROUP BY customer_id
), dues AS (
    SELECT customer_id, min(due_date) AS oldest_due_date FROM erp_invoice i
    WHERE kind = 'invoice' AND total_minor > coalesce(
        (SELECT sum(amount_minor) FROM erp_allocation WHERE invoice_id = i.id), 0)
    GROUP BY customer_id
)
SELECT c.id AS customer_id, c.number, c.name, coalesce(t.currency, c.currency) AS currency, t.limit_minor,
    coalesce(e.exposure_minor, 0) AS exposure_minor, e.unrated, coalesce(t.held, 0) AS held, t.held_why,
    d.oldest_due_date,
    coalesce(t.grace_days, k.grace_days) AS grace_days
FROM erp_customer c
JOIN erp_company k ON k.code = c.company
LEFT JOIN erp_credit_term t ON t.customer_id = c.id
LEFT JOIN exposures e ON e.customer_id = c.id
LEFT JOIN dues d ON d.customer_id = c.id
) facts;

CREATE VIEW erp_address AS SELECT 'customer' AS owner, id AS owner_id, 'billing' AS kind, billing_street AS street, billing_city AS city, billing_state AS state, billing_postal_code AS postal_code, billing_country AS country FROM erp_customer UNION ALL SELECT 'customer' AS owner, id AS owner_id, 'shipping' AS kind, shipping_street AS street, shipping_city AS city, shipping_state AS state, shipping_postal_code AS postal_code, shipping_country AS country FROM erp_customer UNION ALL SELECT 'order' AS owner, id AS owner_id, 'bill_to' AS kind, bill_to_street AS street, bill_to_city AS city, bill_to_state AS state, bill_to_postal_code AS postal_code, bill_to_country AS country FROM erp_order UNION ALL SELECT 'order' AS owner, id AS owner_id, 'ship_to' AS kind, ship_to_street AS street, ship_to_city AS city, ship_to_state AS state, ship_to_postal_code AS postal_code, ship_to_country AS country FROM erp_order;
