DROP VIEW erp_receivable;

DROP VIEW erp_credit;

ALTER TABLE erp_credit_term ADD COLUMN shares_parent_limit BOOLEAN NOT NULL DEFAULT false;

ALTER TABLE erp_order_line ADD COLUMN list_minor BIGINT
    CONSTRAINT ck_erp_order_line_list_minor_range CHECK (list_minor BETWEEN -9000000000000 AND 9000000000000);

ALTER TABLE erp_invoice ADD COLUMN discount_minor BIGINT NOT NULL DEFAULT 0
    CONSTRAINT ck_erp_invoice_discount_minor_range CHECK (discount_minor BETWEEN -9000000000000 AND 9000000000000);

ALTER TABLE erp_invoice_line ADD COLUMN discount_percent_micros BIGINT NOT NULL DEFAULT 0
    CONSTRAINT ck_erp_invoice_line_discount_percent_micros_range CHECK (discount_percent_micros BETWEEN 0 AND 100000000);

ALTER TABLE erp_invoice_line ADD COLUMN discount_share_minor BIGINT NOT NULL DEFAULT 0
    CONSTRAINT ck_erp_invoice_line_discount_share_minor_range CHECK (discount_share_minor BETWEEN -9000000000000 AND 9000000000000);

CREATE INDEX ix_erp_invoice_due_date ON erp_invoice (due_date);

CREATE INDEX ix_erp_customer_parent_id ON erp_customer (parent_id);

ALTER TABLE erp_payment DROP CONSTRAINT ck_erp_payment_amount;

ALTER TABLE erp_payment ADD CONSTRAINT ck_erp_payment_amount CHECK (amount_minor <> 0);

DROP TRIGGER erp_allocation_sums ON erp_allocation;

DROP TRIGGER erp_allocation_ever ON erp_allocation;

DROP FUNCTION erp_guard_allocation();

ALTER TABLE erp_allocation ALTER COLUMN invoice_id DROP NOT NULL;

ALTER TABLE erp_allocation ADD COLUMN refund_id BIGINT;

ALTER TABLE erp_allocation ADD COLUMN source_minor BIGINT;

ALTER TABLE erp_allocation ADD COLUMN ends_id BIGINT;

ALTER TABLE erp_allocation ADD COLUMN entry_id BIGINT;

UPDATE erp_allocation SET source_minor = amount_minor;

ALTER TABLE erp_allocation ALTER COLUMN source_minor SET NOT NULL;

ALTER TABLE erp_allocation DROP CONSTRAINT ck_erp_allocation_amount;

ALTER TABLE erp_allocation ADD CONSTRAINT uq_erp_allocation_ends_id UNIQUE (ends_id);

ALTER TABLE erp_allocation ADD CONSTRAINT ck_erp_allocation_target CHECK ((invoice_id IS NULL) <> (refund_id IS NULL));

ALTER TABLE erp_allocation ADD CONSTRAINT ck_erp_allocation_amount CHECK (CASE WHEN ends_id IS NULL THEN amount_minor > 0 AND source_minor > 0 ELSE amount_minor < 0 AND source_minor < 0 END);

ALTER TABLE erp_allocation ADD CONSTRAINT fk_erp_allocation_refund_id FOREIGN KEY(refund_id) REFERENCES erp_payment (id);

ALTER TABLE erp_allocation ADD CONSTRAINT fk_erp_allocation_ends_id FOREIGN KEY(ends_id) REFERENCES erp_allocation (id);

ALTER TABLE erp_allocation ADD CONSTRAINT fk_erp_allocation_entry_id FOREIGN KEY(entry_id) REFERENCES erp_entry (id);

ALTER TABLE erp_allocation ADD CONSTRAINT ck_erp_allocation_source_minor_range CHECK (source_minor BETWEEN -9000000000000 AND 9000000000000);

CREATE INDEX ix_erp_allocation_refund_id ON erp_allocation (refund_id);

CREATE TABLE erp_reversal (
    payment_id BIGINT NOT NULL,
    entry_id BIGINT NOT NULL,
    kind VARCHAR(20) NOT NULL,
    reason VARCHAR(255) NOT NULL,
    CONSTRAINT pk_erp_reversal PRIMARY KEY (payment_id),
    CONSTRAINT ck_erp_reversal_kind CHECK (kind IN ('reversal', 'chargeback')),
    CONSTRAINT fk_erp_reversal_payment_id FOREIGN KEY(payment_id) REFERENCES erp_payment (id),
    CONSTRAINT fk_erp_reversal_entry_id FOREIGN KEY(entry_id) REFERENCES erp_entry (id)
);
