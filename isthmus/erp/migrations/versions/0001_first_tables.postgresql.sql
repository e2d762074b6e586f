CREATE TABLE erp_account (
    code VARCHAR(20) NOT NULL,
    name VARCHAR(255) NOT NULL,
    kind VARCHAR(20) NOT NULL,
    CONSTRAINT pk_erp_account PRIMARY KEY (code)
);

CREATE TABLE erp_change (
    stream VARCHAR(20) NOT NULL,
    transaction BIGINT NOT NULL,
    number BIGINT NOT NULL,
    record_id BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    by VARCHAR(80) NOT NULL,
    CONSTRAINT pk_erp_change PRIMARY KEY (stream, transaction, number)
);

CREATE TABLE erp_company (
    code VARCHAR(20) NOT NULL,
    identity VARCHAR(80) NOT NULL,
    name VARCHAR(255) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    grace_days BIGINT NOT NULL,
    CONSTRAINT pk_erp_company PRIMARY KEY (code)
);

CREATE TABLE erp_entry (
    id BIGINT NOT NULL,
    company VARCHAR(20) NOT NULL,
    entry_date DATE NOT NULL,
    kind VARCHAR(20) NOT NULL,
    text VARCHAR(255) NOT NULL,
    reverses_id BIGINT,
    posted_at TIMESTAMP WITH TIME ZONE,
    posted_by VARCHAR(80),
    CONSTRAINT pk_erp_entry PRIMARY KEY (id),
    CONSTRAINT fk_erp_entry_reverses_id FOREIGN KEY(reverses_id) REFERENCES erp_entry (id)
);

CREATE TABLE erp_external_key (
    stream VARCHAR(20) NOT NULL,
    key VARCHAR(255) NOT NULL,
    record_id BIGINT NOT NULL,
    status VARCHAR(20) NOT NULL,
    CONSTRAINT pk_erp_external_key PRIMARY KEY (stream, key),
    CONSTRAINT ck_erp_external_key_status CHECK (status IN ('live', 'alias', 'buried'))
);

CREATE TABLE erp_order_transition (
    before VARCHAR(20) NOT NULL,
    after VARCHAR(20) NOT NULL,
    CONSTRAINT pk_erp_order_transition PRIMARY KEY (before, after)
);

CREATE TABLE erp_period (
    company VARCHAR(20) NOT NULL,
    month VARCHAR(20) NOT NULL,
    closed BOOLEAN NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    closed_by VARCHAR(80),
    CONSTRAINT pk_erp_period PRIMARY KEY (company, month)
);

CREATE TABLE erp_product (
    id BIGINT NOT NULL,
    company VARCHAR(20) NOT NULL,
    number VARCHAR(20) NOT NULL,
    name VARCHAR(255) NOT NULL,
    sku VARCHAR(255),
    description VARCHAR(4000),
    unit VARCHAR(80),
    tax_category VARCHAR(20) NOT NULL,
    active BOOLEAN NOT NULL,
    custom VARCHAR(4000),
    match_sku TEXT,
    version BIGINT NOT NULL,
    changed_by VARCHAR(80) NOT NULL,
    CONSTRAINT pk_erp_product PRIMARY KEY (id),
    CONSTRAINT ck_erp_product_category CHECK (tax_category IN ('standard', 'reduced', 'zero')),
    CONSTRAINT uq_erp_product_number UNIQUE (number)
);

CREATE INDEX ix_erp_product_match_sku ON erp_product (match_sku);

CREATE TABLE erp_rate (
    source VARCHAR(3) NOT NULL,
    target VARCHAR(3) NOT NULL,
    day DATE NOT NULL,
    rate_nanos BIGINT NOT NULL,
    minor_rate_nanos BIGINT NOT NULL,
    CONSTRAINT pk_erp_rate PRIMARY KEY (source, target, day),
    CONSTRAINT ck_erp_rate_rate CHECK (rate_nanos > 0 AND minor_rate_nanos BETWEEN 1 AND 1000000000000000),
    CONSTRAINT ck_erp_rate_pair CHECK (source <> target)
);

CREATE TABLE erp_sequence (
    name VARCHAR(20) NOT NULL,
    last BIGINT NOT NULL,
    CONSTRAINT pk_erp_sequence PRIMARY KEY (name)
);

CREATE TABLE erp_tax_code (
    code VARCHAR(20) NOT NULL,
    country VARCHAR(20) NOT NULL,
    category VARCHAR(20) NOT NULL,
    rate_micros BIGINT NOT NULL,
    valid_from DATE NOT NULL,
    CONSTRAINT pk_erp_tax_code PRIMARY KEY (code),
    CONSTRAINT ck_erp_tax_code_rate CHECK (rate_micros BETWEEN 0 AND 100000000),
    CONSTRAINT ck_erp_tax_code_rate_micros_range CHECK (rate_micros BETWEEN -1000000000000000 AND 1000000000000000)
);

CREATE TABLE erp_term (
    code VARCHAR(20) NOT NULL,
    name VARCHAR(255) NOT NULL,
    days BIGINT NOT NULL,
    CONSTRAINT pk_erp_term PRIMARY KEY (code)
);

CREATE TABLE erp_customer (
    id BIGINT NOT NULL,
    company VARCHAR(20) NOT NULL,
    number VARCHAR(20) NOT NULL,
    name VARCHAR(255) NOT NULL,
    tax_id VARCHAR(80),
    currency VARCHAR(3) NOT NULL,
    terms VARCHAR(20),
    email VARCHAR(255),
    phone VARCHAR(80),
    website VARCHAR(255),
    parent_id BIGINT,
    active BOOLEAN NOT NULL,
    billing_street VARCHAR(255),
    billing_city VARCHAR(80),
    billing_state VARCHAR(80),
    billing_postal_code VARCHAR(20),
    billing_country VARCHAR(20),
    shipping_street VARCHAR(255),
    shipping_city VARCHAR(80),
    shipping_state VARCHAR(80),
    shipping_postal_code VARCHAR(20),
    shipping_country VARCHAR(20),
    contact_first_name VARCHAR(80),
    contact_last_name VARCHAR(80),
    contact_email VARCHAR(255),
    contact_phone VARCHAR(80),
    custom VARCHAR(4000),
    match_name TEXT NOT NULL,
    match_tax_id TEXT,
    version BIGINT NOT NULL,
    changed_by VARCHAR(80) NOT NULL,
    CONSTRAINT pk_erp_customer PRIMARY KEY (id),
    CONSTRAINT uq_erp_customer_number UNIQUE (number),
    CONSTRAINT fk_erp_customer_terms FOREIGN KEY(terms) REFERENCES erp_term (code),
    CONSTRAINT fk_erp_customer_parent_id FOREIGN KEY(parent_id) REFERENCES erp_customer (id)
);

CREATE INDEX ix_erp_customer_match_name ON erp_customer (match_name);

CREATE INDEX ix_erp_customer_match_tax_id ON erp_customer (match_tax_id);

CREATE TABLE erp_price (
    product_id BIGINT NOT NULL,
    key VARCHAR(255) NOT NULL,
    position BIGINT NOT NULL,
    price_list VARCHAR(255) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    minimum_quantity_micros BIGINT NOT NULL,
    unit_price_micros BIGINT NOT NULL,
    valid_from DATE,
    active BOOLEAN NOT NULL,
    CONSTRAINT pk_erp_price PRIMARY KEY (product_id, key),
    CONSTRAINT ck_erp_price_minimum CHECK (minimum_quantity_micros > 0),
    CONSTRAINT ck_erp_price_price CHECK (unit_price_micros >= 0),
    CONSTRAINT fk_erp_price_product_id FOREIGN KEY(product_id) REFERENCES erp_product (id),
    CONSTRAINT ck_erp_price_minimum_quantity_micros_range CHECK (minimum_quantity_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_price_unit_price_micros_range CHECK (unit_price_micros BETWEEN -1000000000000000 AND 1000000000000000)
);

CREATE TABLE erp_credit_term (
    customer_id BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    limit_minor BIGINT,
    grace_days BIGINT,
    held BOOLEAN NOT NULL,
    held_why VARCHAR(255),
    held_by VARCHAR(80),
    held_on DATE,
    CONSTRAINT pk_erp_credit_term PRIMARY KEY (customer_id),
    CONSTRAINT fk_erp_credit_term_customer_id FOREIGN KEY(customer_id) REFERENCES erp_customer (id),
    CONSTRAINT ck_erp_credit_term_limit_minor_range CHECK (limit_minor BETWEEN -9000000000000 AND 9000000000000)
);

CREATE TABLE erp_payment (
    id BIGINT NOT NULL,
    company VARCHAR(20) NOT NULL,
    number VARCHAR(20) NOT NULL,
    customer_id BIGINT NOT NULL,
    payment_date DATE NOT NULL,
    currency VARCHAR(3) NOT NULL,
    amount_minor BIGINT NOT NULL,
    reference VARCHAR(255),
    entry_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    changed_by VARCHAR(80) NOT NULL,
    CONSTRAINT pk_erp_payment PRIMARY KEY (id),
    CONSTRAINT ck_erp_payment_amount CHECK (amount_minor > 0),
    CONSTRAINT uq_erp_payment_number UNIQUE (number),
    CONSTRAINT fk_erp_payment_customer_id FOREIGN KEY(customer_id) REFERENCES erp_customer (id),
    CONSTRAINT fk_erp_payment_entry_id FOREIGN KEY(entry_id) REFERENCES erp_entry (id),
    CONSTRAINT ck_erp_payment_amount_minor_range CHECK (amount_minor BETWEEN -9000000000000 AND 9000000000000)
);

CREATE INDEX ix_erp_payment_customer_id ON erp_payment (customer_id);

CREATE TABLE erp_posting (
    entry_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    account VARCHAR(20) NOT NULL,
    customer_id BIGINT,
    currency VARCHAR(3) NOT NULL,
    amount_minor BIGINT NOT NULL,
    CONSTRAINT pk_erp_posting PRIMARY KEY (entry_id, position),
    CONSTRAINT ck_erp_posting_customer CHECK (account <> '1100' OR customer_id IS NOT NULL),
    CONSTRAINT fk_erp_posting_entry_id FOREIGN KEY(entry_id) REFERENCES erp_entry (id),
    CONSTRAINT fk_erp_posting_account FOREIGN KEY(account) REFERENCES erp_account (code),
    CONSTRAINT fk_erp_posting_customer_id FOREIGN KEY(customer_id) REFERENCES erp_customer (id),
    CONSTRAINT ck_erp_posting_amount_minor_range CHECK (amount_minor BETWEEN -9000000000000 AND 9000000000000)
);

CREATE INDEX ix_erp_posting_customer_id_account_currency ON erp_posting (customer_id, account, currency);

CREATE TABLE erp_quote (
    id BIGINT NOT NULL,
    company VARCHAR(20) NOT NULL,
    number VARCHAR(20) NOT NULL,
    status VARCHAR(20) NOT NULL,
    customer_id BIGINT NOT NULL,
    quote_date DATE,
    valid_until DATE,
    currency VARCHAR(3) NOT NULL,
    customer_reference VARCHAR(255),
    salesperson VARCHAR(255),
    freight_minor BIGINT NOT NULL,
    discount_minor BIGINT NOT NULL,
    tax_minor BIGINT NOT NULL,
    total_minor BIGINT NOT NULL,
    custom VARCHAR(4000),
    version BIGINT NOT NULL,
    changed_by VARCHAR(80) NOT NULL,
    CONSTRAINT pk_erp_quote PRIMARY KEY (id),
    CONSTRAINT ck_erp_quote_status CHECK (status IN ('draft', 'open', 'accepted', 'expired', 'cancelled')),
    CONSTRAINT ck_erp_quote_signs CHECK (freight_minor >= 0 AND discount_minor >= 0),
    CONSTRAINT uq_erp_quote_number UNIQUE (number),
    CONSTRAINT fk_erp_quote_customer_id FOREIGN KEY(customer_id) REFERENCES erp_customer (id),
    CONSTRAINT ck_erp_quote_freight_minor_range CHECK (freight_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_quote_discount_minor_range CHECK (discount_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_quote_tax_minor_range CHECK (tax_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_quote_total_minor_range CHECK (total_minor BETWEEN -9000000000000 AND 9000000000000)
);

CREATE TABLE erp_order (
    id BIGINT NOT NULL,
    company VARCHAR(20) NOT NULL,
    number VARCHAR(20) NOT NULL,
    status VARCHAR(20) NOT NULL,
    hold_reason VARCHAR(255),
    customer_id BIGINT NOT NULL,
    quote_id BIGINT,
    order_date DATE NOT NULL,
    currency VARCHAR(3) NOT NULL,
    customer_reference VARCHAR(255),
    salesperson VARCHAR(255),
    bill_to_street VARCHAR(255),
    bill_to_city VARCHAR(80),
    bill_to_state VARCHAR(80),
    bill_to_postal_code VARCHAR(20),
    bill_to_country VARCHAR(20),
    ship_to_street VARCHAR(255),
    ship_to_city VARCHAR(80),
    ship_to_state VARCHAR(80),
    ship_to_postal_code VARCHAR(20),
    ship_to_country VARCHAR(20),
    freight_minor BIGINT NOT NULL,
    discount_minor BIGINT NOT NULL,
    tax_minor BIGINT NOT NULL,
    total_minor BIGINT NOT NULL,
    custom VARCHAR(4000),
    to_invoice_minor BIGINT NOT NULL,
    freight_tax_minor BIGINT NOT NULL,
    version BIGINT NOT NULL,
    changed_by VARCHAR(80) NOT NULL,
    CONSTRAINT pk_erp_order PRIMARY KEY (id),
    CONSTRAINT ck_erp_order_status CHECK (status IN ('draft', 'confirmed', 'held', 'partly_invoiced', 'invoiced', 'closed', 'cancelled')),
    CONSTRAINT ck_erp_order_signs CHECK (freight_minor >= 0 AND discount_minor >= 0),
    CONSTRAINT ck_erp_order_to_invoice CHECK (to_invoice_minor BETWEEN 0 AND total_minor),
    CONSTRAINT ck_erp_order_reason CHECK ((status = 'held') = (hold_reason IS NOT NULL)),
    CONSTRAINT uq_erp_order_number UNIQUE (number),
    CONSTRAINT fk_erp_order_customer_id FOREIGN KEY(customer_id) REFERENCES erp_customer (id),
    CONSTRAINT fk_erp_order_quote_id FOREIGN KEY(quote_id) REFERENCES erp_quote (id),
    CONSTRAINT ck_erp_order_freight_minor_range CHECK (freight_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_discount_minor_range CHECK (discount_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_tax_minor_range CHECK (tax_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_total_minor_range CHECK (total_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_to_invoice_minor_range CHECK (to_invoice_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_freight_tax_minor_range CHECK (freight_tax_minor BETWEEN -9000000000000 AND 9000000000000)
);

CREATE INDEX ix_erp_order_customer_id_status ON erp_order (customer_id, status);

CREATE UNIQUE INDEX uq_erp_order_quote_id ON erp_order (quote_id) WHERE status <> 'cancelled';

CREATE TABLE erp_quote_line (
    quote_id BIGINT NOT NULL,
    key VARCHAR(255) NOT NULL,
    position BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    quantity_micros BIGINT NOT NULL,
    unit_price_micros BIGINT NOT NULL,
    discount_percent_micros BIGINT NOT NULL,
    description VARCHAR(4000),
    amount_minor BIGINT NOT NULL,
    discount_share_minor BIGINT NOT NULL,
    tax_code VARCHAR(20) NOT NULL,
    tax_minor BIGINT NOT NULL,
    CONSTRAINT pk_erp_quote_line PRIMARY KEY (quote_id, key),
    CONSTRAINT ck_erp_quote_line_quantity CHECK (quantity_micros > 0),
    CONSTRAINT ck_erp_quote_line_discount CHECK (discount_percent_micros BETWEEN 0 AND 100000000),
    CONSTRAINT fk_erp_quote_line_quote_id FOREIGN KEY(quote_id) REFERENCES erp_quote (id),
    CONSTRAINT fk_erp_quote_line_product_id FOREIGN KEY(product_id) REFERENCES erp_product (id),
    CONSTRAINT fk_erp_quote_line_tax_code FOREIGN KEY(tax_code) REFERENCES erp_tax_code (code),
    CONSTRAINT ck_erp_quote_line_quantity_micros_range CHECK (quantity_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_quote_line_unit_price_micros_range CHECK (unit_price_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_quote_line_discount_percent_micros_range CHECK (discount_percent_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_quote_line_amount_minor_range CHECK (amount_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_quote_line_discount_share_minor_range CHECK (discount_share_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_quote_line_tax_minor_range CHECK (tax_minor BETWEEN -9000000000000 AND 9000000000000)
);

CREATE TABLE erp_invoice (
    id BIGINT NOT NULL,
    company VARCHAR(20) NOT NULL,
    number VARCHAR(20) NOT NULL,
    kind VARCHAR(20) NOT NULL,
    order_id BIGINT,
    customer_id BIGINT NOT NULL,
    credits_id BIGINT,
    invoice_date DATE NOT NULL,
    due_date DATE NOT NULL,
    currency VARCHAR(3) NOT NULL,
    freight_minor BIGINT NOT NULL,
    net_minor BIGINT NOT NULL,
    tax_minor BIGINT NOT NULL,
    total_minor BIGINT NOT NULL,
    entry_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    changed_by VARCHAR(80) NOT NULL,
    CONSTRAINT pk_erp_invoice PRIMARY KEY (id),
    CONSTRAINT ck_erp_invoice_kind CHECK (kind IN ('invoice', 'credit_note')),
    CONSTRAINT ck_erp_invoice_credits CHECK ((kind = 'credit_note') = (credits_id IS NOT NULL)),
    CONSTRAINT ck_erp_invoice_total CHECK (net_minor >= 0 AND tax_minor >= 0 AND total_minor = net_minor + tax_minor),
    CONSTRAINT ck_erp_invoice_due CHECK (due_date >= invoice_date),
    CONSTRAINT uq_erp_invoice_number UNIQUE (number),
    CONSTRAINT fk_erp_invoice_order_id FOREIGN KEY(order_id) REFERENCES erp_order (id),
    CONSTRAINT fk_erp_invoice_customer_id FOREIGN KEY(customer_id) REFERENCES erp_customer (id),
    CONSTRAINT fk_erp_invoice_credits_id FOREIGN KEY(credits_id) REFERENCES erp_invoice (id),
    CONSTRAINT fk_erp_invoice_entry_id FOREIGN KEY(entry_id) REFERENCES erp_entry (id),
    CONSTRAINT ck_erp_invoice_freight_minor_range CHECK (freight_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_invoice_net_minor_range CHECK (net_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_invoice_tax_minor_range CHECK (tax_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_invoice_total_minor_range CHECK (total_minor BETWEEN -9000000000000 AND 9000000000000)
);

CREATE INDEX ix_erp_invoice_credits_id ON erp_invoice (credits_id);

CREATE INDEX ix_erp_invoice_customer_id ON erp_invoice (customer_id);

CREATE INDEX ix_erp_invoice_order_id ON erp_invoice (order_id);

CREATE TABLE erp_order_line (
    order_id BIGINT NOT NULL,
    key VARCHAR(255) NOT NULL,
    position BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    quantity_micros BIGINT NOT NULL,
    unit_price_micros BIGINT NOT NULL,
    discount_percent_micros BIGINT NOT NULL,
    description VARCHAR(4000),
    amount_minor BIGINT NOT NULL,
    discount_share_minor BIGINT NOT NULL,
    tax_code VARCHAR(20) NOT NULL,
    tax_minor BIGINT NOT NULL,
    invoiced_micros BIGINT NOT NULL,
    CONSTRAINT pk_erp_order_line PRIMARY KEY (order_id, key),
    CONSTRAINT ck_erp_order_line_quantity CHECK (quantity_micros > 0),
    CONSTRAINT ck_erp_order_line_discount CHECK (discount_percent_micros BETWEEN 0 AND 100000000),
    CONSTRAINT ck_erp_order_line_invoiced CHECK (invoiced_micros BETWEEN 0 AND quantity_micros),
    CONSTRAINT fk_erp_order_line_order_id FOREIGN KEY(order_id) REFERENCES erp_order (id),
    CONSTRAINT fk_erp_order_line_product_id FOREIGN KEY(product_id) REFERENCES erp_product (id),
    CONSTRAINT fk_erp_order_line_tax_code FOREIGN KEY(tax_code) REFERENCES erp_tax_code (code),
    CONSTRAINT ck_erp_order_line_quantity_micros_range CHECK (quantity_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_order_line_unit_price_micros_range CHECK (unit_price_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_order_line_discount_percent_micros_range CHECK (discount_percent_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_order_line_amount_minor_range CHECK (amount_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_line_discount_share_minor_range CHECK (discount_share_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_line_tax_minor_range CHECK (tax_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_line_invoiced_micros_range CHECK (invoiced_micros BETWEEN -1000000000000000 AND 1000000000000000)
);

CREATE TABLE erp_allocation (
    id BIGINT NOT NULL,
    invoice_id BIGINT NOT NULL,
    payment_id BIGINT,
    credit_note_id BIGINT,
    amount_minor BIGINT NOT NULL,
    allocated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    allocated_by VARCHAR(80) NOT NULL,
    CONSTRAINT pk_erp_allocation PRIMARY KEY (id),
    CONSTRAINT ck_erp_allocation_amount CHECK (amount_minor > 0),
    CONSTRAINT ck_erp_allocation_source CHECK ((payment_id IS NULL) <> (credit_note_id IS NULL)),
    CONSTRAINT fk_erp_allocation_invoice_id FOREIGN KEY(invoice_id) REFERENCES erp_invoice (id),
    CONSTRAINT fk_erp_allocation_payment_id FOREIGN KEY(payment_id) REFERENCES erp_payment (id),
    CONSTRAINT fk_erp_allocation_credit_note_id FOREIGN KEY(credit_note_id) REFERENCES erp_invoice (id),
    CONSTRAINT ck_erp_allocation_amount_minor_range CHECK (amount_minor BETWEEN -9000000000000 AND 9000000000000)
);

CREATE INDEX ix_erp_allocation_credit_note_id ON erp_allocation (credit_note_id);

CREATE INDEX ix_erp_allocation_invoice_id ON erp_allocation (invoice_id);

CREATE INDEX ix_erp_allocation_payment_id ON erp_allocation (payment_id);

CREATE TABLE erp_invoice_line (
    invoice_id BIGINT NOT NULL,
    key VARCHAR(255) NOT NULL,
    position BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    quantity_micros BIGINT NOT NULL,
    unit_price_micros BIGINT NOT NULL,
    description VARCHAR(4000),
    net_minor BIGINT NOT NULL,
    tax_code VARCHAR(20) NOT NULL,
    tax_minor BIGINT NOT NULL,
    CONSTRAINT pk_erp_invoice_line PRIMARY KEY (invoice_id, key),
    CONSTRAINT fk_erp_invoice_line_invoice_id FOREIGN KEY(invoice_id) REFERENCES erp_invoice (id),
    CONSTRAINT fk_erp_invoice_line_product_id FOREIGN KEY(product_id) REFERENCES erp_product (id),
    CONSTRAINT fk_erp_invoice_line_tax_code FOREIGN KEY(tax_code) REFERENCES erp_tax_code (code),
    CONSTRAINT ck_erp_invoice_line_quantity_micros_range CHECK (quantity_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_invoice_line_unit_price_micros_range CHECK (unit_price_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_invoice_line_net_minor_range CHECK (net_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_invoice_line_tax_minor_range CHECK (tax_minor BETWEEN -9000000000000 AND 9000000000000)
);
