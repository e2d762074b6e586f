DROP VIEW erp_receivable;

DROP VIEW erp_credit;

ALTER TABLE erp_credit_term ADD COLUMN shares_parent_limit INTEGER NOT NULL DEFAULT 0
    CONSTRAINT ck_erp_credit_term_shares_parent_limit_flag CHECK (shares_parent_limit IN (0, 1));

ALTER TABLE erp_order_line ADD COLUMN list_minor INTEGER
    CONSTRAINT ck_erp_order_line_list_minor_range CHECK (list_minor BETWEEN -9000000000000 AND 9000000000000);

ALTER TABLE erp_invoice ADD COLUMN discount_minor INTEGER NOT NULL DEFAULT 0
    CONSTRAINT ck_erp_invoice_discount_minor_range CHECK (discount_minor BETWEEN -9000000000000 AND 9000000000000);

ALTER TABLE erp_invoice_line ADD COLUMN discount_percent_micros INTEGER NOT NULL DEFAULT 0
    CONSTRAINT ck_erp_invoice_line_discount_percent_micros_range CHECK (discount_percent_micros BETWEEN 0 AND 100000000);

ALTER TABLE erp_invoice_line ADD COLUMN discount_share_minor INTEGER NOT NULL DEFAULT 0
    CONSTRAINT ck_erp_invoice_line_discount_share_minor_range CHECK (discount_share_minor BETWEEN -9000000000000 AND 9000000000000);

CREATE INDEX ix_erp_invoice_due_date ON erp_invoice (due_date);

CREATE INDEX ix_erp_customer_parent_id ON erp_customer (parent_id);

CREATE TEMPORARY TABLE passing_payment AS SELECT * FROM erp_payment;

CREATE TEMPORARY TABLE passing_allocation AS SELECT * FROM erp_allocation;

DROP TABLE erp_allocation;

DROP TABLE erp_payment;

CREATE TABLE erp_payment (
    id INTEGER NOT NULL,
    company TEXT NOT NULL,
    number TEXT NOT NULL,
    customer_id INTEGER NOT NULL,
    payment_date TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    reference TEXT,
    entry_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    CONSTRAINT pk_erp_payment PRIMARY KEY (id),
    CONSTRAINT ck_erp_payment_amount CHECK (amount_minor <> 0),
    CONSTRAINT uq_erp_payment_number UNIQUE (number),
    CONSTRAINT fk_erp_payment_customer_id FOREIGN KEY(customer_id) REFERENCES erp_customer (id),
    CONSTRAINT fk_erp_payment_entry_id FOREIGN KEY(entry_id) REFERENCES erp_entry (id),
    CONSTRAINT ck_erp_payment_company_length CHECK (length(company) <= 20 AND instr(company, char(0)) = 0),
    CONSTRAINT ck_erp_payment_number_length CHECK (length(number) <= 20 AND instr(number, char(0)) = 0),
    CONSTRAINT ck_erp_payment_payment_date_day CHECK (payment_date IS date(payment_date)),
    CONSTRAINT ck_erp_payment_currency_length CHECK (length(currency) <= 3 AND instr(currency, char(0)) = 0),
    CONSTRAINT ck_erp_payment_amount_minor_range CHECK (amount_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_payment_reference_length CHECK (length(reference) <= 255 AND instr(reference, char(0)) = 0),
    CONSTRAINT ck_erp_payment_changed_by_length CHECK (length(changed_by) <= 80 AND instr(changed_by, char(0)) = 0)
)
 STRICT;

CREATE INDEX ix_erp_payment_customer_id ON erp_payment (customer_id);

CREATE TABLE erp_allocation (
    id INTEGER NOT NULL,
    invoice_id INTEGER,
    refund_id INTEGER,
    payment_id INTEGER,
    credit_note_id INTEGER,
    amount_minor INTEGER NOT NULL,
    source_minor INTEGER NOT NULL,
    ends_id INTEGER,
    entry_id INTEGER,
    allocated_at TEXT NOT NULL,
    allocated_by TEXT NOT NULL,
    CONSTRAINT pk_erp_allocation PRIMARY KEY (id),
    CONSTRAINT uq_erp_allocation_ends_id UNIQUE (ends_id),
    CONSTRAINT ck_erp_allocation_source CHECK ((payment_id IS NULL) <> (credit_note_id IS NULL)),
    CONSTRAINT ck_erp_allocation_target CHECK ((invoice_id IS NULL) <> (refund_id IS NULL)),
    CONSTRAINT ck_erp_allocation_amount CHECK (CASE WHEN ends_id IS NULL THEN amount_minor > 0 AND source_minor > 0 ELSE amount_minor < 0 AND source_minor < 0 END),
    CONSTRAINT fk_erp_allocation_invoice_id FOREIGN KEY(invoice_id) REFERENCES erp_invoice (id),
    CONSTRAINT fk_erp_allocation_refund_id FOREIGN KEY(refund_id) REFERENCES erp_payment (id),
    CONSTRAINT fk_erp_allocation_payment_id FOREIGN KEY(payment_id) REFERENCES erp_payment (id),
    CONSTRAINT fk_erp_allocation_credit_note_id FOREIGN KEY(credit_note_id) REFERENCES erp_invoice (id),
    CONSTRAINT fk_erp_allocation_ends_id FOREIGN KEY(ends_id) REFERENCES erp_allocation (id),
    CONSTRAINT fk_erp_allocation_entry_id FOREIGN KEY(entry_id) REFERENCES erp_entry (id),
    CONSTRAINT ck_erp_allocation_amount_minor_range CHECK (amount_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_allocation_source_minor_range CHECK (source_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_allocation_allocated_by_length CHECK (length(allocated_by) <= 80 AND instr(allocated_by, char(0)) = 0)
)
 STRICT;

CREATE INDEX ix_erp_allocation_credit_note_id ON erp_allocation (credit_note_id);

CREATE INDEX ix_erp_allocation_invoice_id ON erp_allocation (invoice_id);

CREATE INDEX ix_erp_allocation_payment_id ON erp_allocation (payment_id);

CREATE INDEX ix_erp_allocation_refund_id ON erp_allocation (refund_id);

INSERT INTO erp_payment SELECT * FROM passing_payment;

INSERT INTO erp_allocation
    SELECT id, invoice_id, NULL, payment_id, credit_note_id, amount_minor, amount_minor, NULL, NULL, allocated_at, allocated_by
    FROM passing_allocation;

DROP TABLE passing_allocation;

DROP TABLE passing_payment;

CREATE TABLE erp_reversal (
    payment_id INTEGER NOT NULL,
    entry_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    CONSTRAINT pk_erp_reversal PRIMARY KEY (payment_id),
    CONSTRAINT ck_erp_reversal_kind CHECK (kind IN ('reversal', 'chargeback')),
    CONSTRAINT fk_erp_reversal_payment_id FOREIGN KEY(payment_id) REFERENCES erp_payment (id),
    CONSTRAINT fk_erp_reversal_entry_id FOREIGN KEY(entry_id) REFERENCES erp_entry (id),
    CONSTRAINT ck_erp_reversal_kind_length CHECK (length(kind) <= 20 AND instr(kind, char(0)) = 0),
    CONSTRAINT ck_erp_reversal_reason_length CHECK (length(reason) <= 255 AND instr(reason, char(0)) = 0)
)
 STRICT;
