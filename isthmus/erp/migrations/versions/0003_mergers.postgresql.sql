DROP VIEW erp_receivable;

DROP VIEW erp_credit;

CREATE TABLE erp_merger (
    customer_id BIGINT NOT NULL,
    into_id BIGINT NOT NULL,
    merged_on DATE NOT NULL,
    merged_by VARCHAR(80) NOT NULL,
    CONSTRAINT pk_erp_merger PRIMARY KEY (customer_id),
    CONSTRAINT ck_erp_merger_other CHECK (into_id <> customer_id),
    CONSTRAINT fk_erp_merger_customer_id FOREIGN KEY(customer_id) REFERENCES erp_customer (id),
    CONSTRAINT fk_erp_merger_into_id FOREIGN KEY(into_id) REFERENCES erp_customer (id)
);

CREATE INDEX ix_erp_merger_into_id ON erp_merger (into_id);
