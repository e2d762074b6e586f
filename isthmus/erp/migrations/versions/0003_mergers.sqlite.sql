DROP VIEW erp_receivable;

DROP VIEW erp_credit;

DROP TRIGGER erp_allocation_insert_unequal;

CREATE TABLE erp_merger (
    customer_id INTEGER NOT NULL,
    into_id INTEGER NOT NULL,
    merged_on TEXT NOT NULL,
    merged_by TEXT NOT NULL,
    CONSTRAINT pk_erp_merger PRIMARY KEY (customer_id),
    CONSTRAINT ck_erp_merger_other CHECK (into_id <> customer_id),
    CONSTRAINT fk_erp_merger_customer_id FOREIGN KEY(customer_id) REFERENCES erp_customer (id),
    CONSTRAINT fk_erp_merger_into_id FOREIGN KEY(into_id) REFERENCES erp_customer (id),
    CONSTRAINT ck_erp_merger_merged_on_day CHECK (merged_on IS date(merged_on)),
    CONSTRAINT ck_erp_merger_merged_by_length CHECK (length(merged_by) <= 80 AND instr(merged_by, char(0)) = 0)
)
 STRICT;

CREATE INDEX ix_erp_merger_into_id ON erp_merger (into_id);
