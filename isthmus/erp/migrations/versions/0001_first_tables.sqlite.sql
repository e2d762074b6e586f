CREATE TABLE erp_account (
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    CONSTRAINT pk_erp_account PRIMARY KEY (code),
    CONSTRAINT ck_erp_account_code_length CHECK (length(code) <= 20 AND instr(code, char(0)) = 0),
    CONSTRAINT ck_erp_account_name_length CHECK (length(name) <= 255 AND instr(name, char(0)) = 0),
    CONSTRAINT ck_erp_account_kind_length CHECK (length(kind) <= 20 AND instr(kind, char(0)) = 0)
)
 STRICT;

CREATE TABLE erp_change (
    stream TEXT NOT NULL,
    "transaction" INTEGER NOT NULL,
    number INTEGER NOT NULL,
    record_id INTEGER NOT NULL,
    at TEXT NOT NULL,
    "by" TEXT NOT NULL,
    CONSTRAINT pk_erp_change PRIMARY KEY (stream, "transaction", number),
    CONSTRAINT ck_erp_change_stream_length CHECK (length(stream) <= 20 AND instr(stream, char(0)) = 0),
    CONSTRAINT ck_erp_change_by_length CHECK (length(by) <= 80 AND instr(by, char(0)) = 0)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE erp_company (
    code TEXT NOT NULL,
    identity TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    grace_days INTEGER NOT NULL,
    CONSTRAINT pk_erp_company PRIMARY KEY (code),
    CONSTRAINT ck_erp_company_code_length CHECK (length(code) <= 20 AND instr(code, char(0)) = 0),
    CONSTRAINT ck_erp_company_identity_length CHECK (length(identity) <= 80 AND instr(identity, char(0)) = 0),
    CONSTRAINT ck_erp_company_name_length CHECK (length(name) <= 255 AND instr(name, char(0)) = 0),
    CONSTRAINT ck_erp_company_currency_length CHECK (length(currency) <= 3 AND instr(currency, char(0)) = 0)
)
 STRICT;

CREATE TABLE erp_entry (
    id INTEGER NOT NULL,
    company TEXT NOT NULL,
    entry_date TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    reverses_id INTEGER,
    posted_at TEXT,
    posted_by TEXT,
    CONSTRAINT pk_erp_entry PRIMARY KEY (id),
    CONSTRAINT fk_erp_entry_reverses_id FOREIGN KEY(reverses_id) REFERENCES erp_entry (id),
    CONSTRAINT ck_erp_entry_company_length CHECK (length(company) <= 20 AND instr(company, char(0)) = 0),
    CONSTRAINT ck_erp_entry_entry_date_day CHECK (entry_date IS date(entry_date)),
    CONSTRAINT ck_erp_entry_kind_length CHECK (length(kind) <= 20 AND instr(kind, char(0)) = 0),
    CONSTRAINT ck_erp_entry_text_length CHECK (length(text) <= 255 AND instr(text, char(0)) = 0),
    CONSTRAINT ck_erp_entry_posted_by_length CHECK (length(posted_by) <= 80 AND instr(posted_by, char(0)) = 0)
)
 STRICT;

CREATE TABLE erp_external_key (
    stream TEXT NOT NULL,
    "key" TEXT NOT NULL,
    record_id INTEGER NOT NULL,
    status TEXT NOT NULL,
    CONSTRAINT pk_erp_external_key PRIMARY KEY (stream, "key"),
    CONSTRAINT ck_erp_external_key_status CHECK (status IN ('live', 'alias', 'buried')),
    CONSTRAINT ck_erp_external_key_stream_length CHECK (length(stream) <= 20 AND instr(stream, char(0)) = 0),
    CONSTRAINT ck_erp_external_key_key_length CHECK (length(key) <= 255 AND instr(key, char(0)) = 0),
    CONSTRAINT ck_erp_external_key_status_length CHECK (length(status) <= 20 AND instr(status, char(0)) = 0)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE erp_order_transition (
    "before" TEXT NOT NULL,
    "after" TEXT NOT NULL,
    CONSTRAINT pk_erp_order_transition PRIMARY KEY ("before", "after"),
    CONSTRAINT ck_erp_order_transition_before_length CHECK (length(before) <= 20 AND instr(before, char(0)) = 0),
    CONSTRAINT ck_erp_order_transition_after_length CHECK (length(after) <= 20 AND instr(after, char(0)) = 0)
)
 STRICT;

CREATE TABLE erp_period (
    company TEXT NOT NULL,
    month TEXT NOT NULL,
    closed INTEGER NOT NULL,
    closed_at TEXT,
    closed_by TEXT,
    CONSTRAINT pk_erp_period PRIMARY KEY (company, month),
    CONSTRAINT ck_erp_period_company_length CHECK (length(company) <= 20 AND instr(company, char(0)) = 0),
    CONSTRAINT ck_erp_period_month_length CHECK (length(month) <= 20 AND instr(month, char(0)) = 0),
    CONSTRAINT ck_erp_period_closed_flag CHECK (closed IN (0, 1)),
    CONSTRAINT ck_erp_period_closed_by_length CHECK (length(closed_by) <= 80 AND instr(closed_by, char(0)) = 0)
)
 STRICT;

CREATE TABLE erp_product (
    id INTEGER NOT NULL,
    company TEXT NOT NULL,
    number TEXT NOT NULL,
    name TEXT NOT NULL,
    sku TEXT,
    description TEXT,
    unit TEXT,
    tax_category TEXT NOT NULL,
    active INTEGER NOT NULL,
    custom TEXT,
    match_sku TEXT,
    version INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    CONSTRAINT pk_erp_product PRIMARY KEY (id),
    CONSTRAINT ck_erp_product_category CHECK (tax_category IN ('standard', 'reduced', 'zero')),
    CONSTRAINT uq_erp_product_number UNIQUE (number),
    CONSTRAINT ck_erp_product_company_length CHECK (length(company) <= 20 AND instr(company, char(0)) = 0),
    CONSTRAINT ck_erp_product_number_length CHECK (length(number) <= 20 AND instr(number, char(0)) = 0),
    CONSTRAINT ck_erp_product_name_length CHECK (length(name) <= 255 AND instr(name, char(0)) = 0),
    CONSTRAINT ck_erp_product_sku_length CHECK (length(sku) <= 255 AND instr(sku, char(0)) = 0),
    CONSTRAINT ck_erp_product_description_length CHECK (length(description) <= 4000 AND instr(description, char(0)) = 0),
    CONSTRAINT ck_erp_product_unit_length CHECK (length(unit) <= 80 AND instr(unit, char(0)) = 0),
    CONSTRAINT ck_erp_product_tax_category_length CHECK (length(tax_category) <= 20 AND instr(tax_category, char(0)) = 0),
    CONSTRAINT ck_erp_product_active_flag CHECK (active IN (0, 1)),
    CONSTRAINT ck_erp_product_custom_length CHECK (length(custom) <= 4000 AND instr(custom, char(0)) = 0),
    CONSTRAINT ck_erp_product_changed_by_length CHECK (length(changed_by) <= 80 AND instr(changed_by, char(0)) = 0)
)
 STRICT;

CREATE INDEX ix_erp_product_match_sku ON erp_product (match_sku);

CREATE TABLE erp_rate (
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    day TEXT NOT NULL,
    rate_nanos INTEGER NOT NULL,
    minor_rate_nanos INTEGER NOT NULL,
    CONSTRAINT pk_erp_rate PRIMARY KEY (source, target, day),
    CONSTRAINT ck_erp_rate_rate CHECK (rate_nanos > 0 AND minor_rate_nanos BETWEEN 1 AND 1000000000000000),
    CONSTRAINT ck_erp_rate_pair CHECK (source <> target),
    CONSTRAINT ck_erp_rate_source_length CHECK (length(source) <= 3 AND instr(source, char(0)) = 0),
    CONSTRAINT ck_erp_rate_target_length CHECK (length(target) <= 3 AND instr(target, char(0)) = 0),
    CONSTRAINT ck_erp_rate_day_day CHECK (day IS date(day))
)
 STRICT;

CREATE TABLE erp_sequence (
    name TEXT NOT NULL,
    last INTEGER NOT NULL,
    CONSTRAINT pk_erp_sequence PRIMARY KEY (name),
    CONSTRAINT ck_erp_sequence_name_length CHECK (length(name) <= 20 AND instr(name, char(0)) = 0)
)
 STRICT;

CREATE TABLE erp_tax_code (
    code TEXT NOT NULL,
    country TEXT NOT NULL,
    category TEXT NOT NULL,
    rate_micros INTEGER NOT NULL,
    valid_from TEXT NOT NULL,
    CONSTRAINT pk_erp_tax_code PRIMARY KEY (code),
    CONSTRAINT ck_erp_tax_code_rate CHECK (rate_micros BETWEEN 0 AND 100000000),
    CONSTRAINT ck_erp_tax_code_code_length CHECK (length(code) <= 20 AND instr(code, char(0)) = 0),
    CONSTRAINT ck_erp_tax_code_country_length CHECK (length(country) <= 20 AND instr(country, char(0)) = 0),
    CONSTRAINT ck_erp_tax_code_category_length CHECK (length(category) <= 20 AND instr(category, char(0)) = 0),
    CONSTRAINT ck_erp_tax_code_rate_micros_range CHECK (rate_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_tax_code_valid_from_day CHECK (valid_from IS date(valid_from))
)
 STRICT;

CREATE TABLE erp_term (
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    days INTEGER NOT NULL,
    CONSTRAINT pk_erp_term PRIMARY KEY (code),
    CONSTRAINT ck_erp_term_code_length CHECK (length(code) <= 20 AND instr(code, char(0)) = 0),
    CONSTRAINT ck_erp_term_name_length CHECK (length(name) <= 255 AND instr(name, char(0)) = 0)
)
 STRICT;

CREATE TABLE erp_customer (
    id INTEGER NOT NULL,
    company TEXT NOT NULL,
    number TEXT NOT NULL,
    name TEXT NOT NULL,
    tax_id TEXT,
    currency TEXT NOT NULL,
    terms TEXT,
    email TEXT,
    phone TEXT,
    website TEXT,
    parent_id INTEGER,
    active INTEGER NOT NULL,
    billing_street TEXT,
    billing_city TEXT,
    billing_state TEXT,
    billing_postal_code TEXT,
    billing_country TEXT,
    shipping_street TEXT,
    shipping_city TEXT,
    shipping_state TEXT,
    shipping_postal_code TEXT,
    shipping_country TEXT,
    contact_first_name TEXT,
    contact_last_name TEXT,
    contact_email TEXT,
    contact_phone TEXT,
    custom TEXT,
    match_name TEXT NOT NULL,
    match_tax_id TEXT,
    version INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    CONSTRAINT pk_erp_customer PRIMARY KEY (id),
    CONSTRAINT uq_erp_customer_number UNIQUE (number),
    CONSTRAINT fk_erp_customer_terms FOREIGN KEY(terms) REFERENCES erp_term (code),
    CONSTRAINT fk_erp_customer_parent_id FOREIGN KEY(parent_id) REFERENCES erp_customer (id),
    CONSTRAINT ck_erp_customer_company_length CHECK (length(company) <= 20 AND instr(company, char(0)) = 0),
    CONSTRAINT ck_erp_customer_number_length CHECK (length(number) <= 20 AND instr(number, char(0)) = 0),
    CONSTRAINT ck_erp_customer_name_length CHECK (length(name) <= 255 AND instr(name, char(0)) = 0),
    CONSTRAINT ck_erp_customer_tax_id_length CHECK (length(tax_id) <= 80 AND instr(tax_id, char(0)) = 0),
    CONSTRAINT ck_erp_customer_currency_length CHECK (length(currency) <= 3 AND instr(currency, char(0)) = 0),
    CONSTRAINT ck_erp_customer_terms_length CHECK (length(terms) <= 20 AND instr(terms, char(0)) = 0),
    CONSTRAINT ck_erp_customer_email_length CHECK (length(email) <= 255 AND instr(email, char(0)) = 0),
    CONSTRAINT ck_erp_customer_phone_length CHECK (length(phone) <= 80 AND instr(phone, char(0)) = 0),
    CONSTRAINT ck_erp_customer_website_length CHECK (length(website) <= 255 AND instr(website, char(0)) = 0),
    CONSTRAINT ck_erp_customer_active_flag CHECK (active IN (0, 1)),
    CONSTRAINT ck_erp_customer_billing_street_length CHECK (length(billing_street) <= 255 AND instr(billing_street, char(0)) = 0),
    CONSTRAINT ck_erp_customer_billing_city_length CHECK (length(billing_city) <= 80 AND instr(billing_city, char(0)) = 0),
    CONSTRAINT ck_erp_customer_billing_state_length CHECK (length(billing_state) <= 80 AND instr(billing_state, char(0)) = 0),
    CONSTRAINT ck_erp_customer_billing_postal_code_length CHECK (length(billing_postal_code) <= 20 AND instr(billing_postal_code, char(0)) = 0),
    CONSTRAINT ck_erp_customer_billing_country_length CHECK (length(billing_country) <= 20 AND instr(billing_country, char(0)) = 0),
    CONSTRAINT ck_erp_customer_shipping_street_length CHECK (length(shipping_street) <= 255 AND instr(shipping_street, char(0)) = 0),
    CONSTRAINT ck_erp_customer_shipping_city_length CHECK (length(shipping_city) <= 80 AND instr(shipping_city, char(0)) = 0),
    CONSTRAINT ck_erp_customer_shipping_state_length CHECK (length(shipping_state) <= 80 AND instr(shipping_state, char(0)) = 0),
    CONSTRAINT ck_erp_customer_shipping_postal_code_length CHECK (length(shipping_postal_code) <= 20 AND instr(shipping_postal_code, char(0)) = 0),
    CONSTRAINT ck_erp_customer_shipping_country_length CHECK (length(shipping_country) <= 20 AND instr(shipping_country, char(0)) = 0),
    CONSTRAINT ck_erp_customer_contact_first_name_length CHECK (length(contact_first_name) <= 80 AND instr(contact_first_name, char(0)) = 0),
    CONSTRAINT ck_erp_customer_contact_last_name_length CHECK (length(contact_last_name) <= 80 AND instr(contact_last_name, char(0)) = 0),
    CONSTRAINT ck_erp_customer_contact_email_length CHECK (length(contact_email) <= 255 AND instr(contact_email, char(0)) = 0),
    CONSTRAINT ck_erp_customer_contact_phone_length CHECK (length(contact_phone) <= 80 AND instr(contact_phone, char(0)) = 0),
    CONSTRAINT ck_erp_customer_custom_length CHECK (length(custom) <= 4000 AND instr(custom, char(0)) = 0),
    CONSTRAINT ck_erp_customer_changed_by_length CHECK (length(changed_by) <= 80 AND instr(changed_by, char(0)) = 0)
)
 STRICT;

CREATE INDEX ix_erp_customer_match_name ON erp_customer (match_name);

CREATE INDEX ix_erp_customer_match_tax_id ON erp_customer (match_tax_id);

CREATE TABLE erp_price (
    product_id INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    position INTEGER NOT NULL,
    price_list TEXT NOT NULL,
    currency TEXT NOT NULL,
    minimum_quantity_micros INTEGER NOT NULL,
    unit_price_micros INTEGER NOT NULL,
    valid_from TEXT,
    active INTEGER NOT NULL,
    CONSTRAINT pk_erp_price PRIMARY KEY (product_id, "key"),
    CONSTRAINT ck_erp_price_minimum CHECK (minimum_quantity_micros > 0),
    CONSTRAINT ck_erp_price_price CHECK (unit_price_micros >= 0),
    CONSTRAINT fk_erp_price_product_id FOREIGN KEY(product_id) REFERENCES erp_product (id),
    CONSTRAINT ck_erp_price_key_length CHECK (length(key) <= 255 AND instr(key, char(0)) = 0),
    CONSTRAINT ck_erp_price_price_list_length CHECK (length(price_list) <= 255 AND instr(price_list, char(0)) = 0),
    CONSTRAINT ck_erp_price_currency_length CHECK (length(currency) <= 3 AND instr(currency, char(0)) = 0),
    CONSTRAINT ck_erp_price_minimum_quantity_micros_range CHECK (minimum_quantity_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_price_unit_price_micros_range CHECK (unit_price_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_price_valid_from_day CHECK (valid_from IS date(valid_from)),
    CONSTRAINT ck_erp_price_active_flag CHECK (active IN (0, 1))
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE erp_credit_term (
    customer_id INTEGER NOT NULL,
    currency TEXT NOT NULL,
    limit_minor INTEGER,
    grace_days INTEGER,
    held INTEGER NOT NULL,
    held_why TEXT,
    held_by TEXT,
    held_on TEXT,
    CONSTRAINT pk_erp_credit_term PRIMARY KEY (customer_id),
    CONSTRAINT fk_erp_credit_term_customer_id FOREIGN KEY(customer_id) REFERENCES erp_customer (id),
    CONSTRAINT ck_erp_credit_term_currency_length CHECK (length(currency) <= 3 AND instr(currency, char(0)) = 0),
    CONSTRAINT ck_erp_credit_term_limit_minor_range CHECK (limit_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_credit_term_held_flag CHECK (held IN (0, 1)),
    CONSTRAINT ck_erp_credit_term_held_why_length CHECK (length(held_why) <= 255 AND instr(held_why, char(0)) = 0),
    CONSTRAINT ck_erp_credit_term_held_by_length CHECK (length(held_by) <= 80 AND instr(held_by, char(0)) = 0),
    CONSTRAINT ck_erp_credit_term_held_on_day CHECK (held_on IS date(held_on))
)
 STRICT;

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
    CONSTRAINT ck_erp_payment_amount CHECK (amount_minor > 0),
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

CREATE TABLE erp_posting (
    entry_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    account TEXT NOT NULL,
    customer_id INTEGER,
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    CONSTRAINT pk_erp_posting PRIMARY KEY (entry_id, position),
    CONSTRAINT ck_erp_posting_customer CHECK (account <> '1100' OR customer_id IS NOT NULL),
    CONSTRAINT fk_erp_posting_entry_id FOREIGN KEY(entry_id) REFERENCES erp_entry (id),
    CONSTRAINT fk_erp_posting_account FOREIGN KEY(account) REFERENCES erp_account (code),
    CONSTRAINT fk_erp_posting_customer_id FOREIGN KEY(customer_id) REFERENCES erp_customer (id),
    CONSTRAINT ck_erp_posting_account_length CHECK (length(account) <= 20 AND instr(account, char(0)) = 0),
    CONSTRAINT ck_erp_posting_currency_length CHECK (length(currency) <= 3 AND instr(currency, char(0)) = 0),
    CONSTRAINT ck_erp_posting_amount_minor_range CHECK (amount_minor BETWEEN -9000000000000 AND 9000000000000)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX ix_erp_posting_customer_id_account_currency ON erp_posting (customer_id, account, currency);

CREATE TABLE erp_quote (
    id INTEGER NOT NULL,
    company TEXT NOT NULL,
    number TEXT NOT NULL,
    status TEXT NOT NULL,
    customer_id INTEGER NOT NULL,
    quote_date TEXT,
    valid_until TEXT,
    currency TEXT NOT NULL,
    customer_reference TEXT,
    salesperson TEXT,
    freight_minor INTEGER NOT NULL,
    discount_minor INTEGER NOT NULL,
    tax_minor INTEGER NOT NULL,
    total_minor INTEGER NOT NULL,
    custom TEXT,
    version INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    CONSTRAINT pk_erp_quote PRIMARY KEY (id),
    CONSTRAINT ck_erp_quote_status CHECK (status IN ('draft', 'open', 'accepted', 'expired', 'cancelled')),
    CONSTRAINT ck_erp_quote_signs CHECK (freight_minor >= 0 AND discount_minor >= 0),
    CONSTRAINT uq_erp_quote_number UNIQUE (number),
    CONSTRAINT fk_erp_quote_customer_id FOREIGN KEY(customer_id) REFERENCES erp_customer (id),
    CONSTRAINT ck_erp_quote_company_length CHECK (length(company) <= 20 AND instr(company, char(0)) = 0),
    CONSTRAINT ck_erp_quote_number_length CHECK (length(number) <= 20 AND instr(number, char(0)) = 0),
    CONSTRAINT ck_erp_quote_status_length CHECK (length(status) <= 20 AND instr(status, char(0)) = 0),
    CONSTRAINT ck_erp_quote_quote_date_day CHECK (quote_date IS date(quote_date)),
    CONSTRAINT ck_erp_quote_valid_until_day CHECK (valid_until IS date(valid_until)),
    CONSTRAINT ck_erp_quote_currency_length CHECK (length(currency) <= 3 AND instr(currency, char(0)) = 0),
    CONSTRAINT ck_erp_quote_customer_reference_length CHECK (length(customer_reference) <= 255 AND instr(customer_reference, char(0)) = 0),
    CONSTRAINT ck_erp_quote_salesperson_length CHECK (length(salesperson) <= 255 AND instr(salesperson, char(0)) = 0),
    CONSTRAINT ck_erp_quote_freight_minor_range CHECK (freight_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_quote_discount_minor_range CHECK (discount_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_quote_tax_minor_range CHECK (tax_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_quote_total_minor_range CHECK (total_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_quote_custom_length CHECK (length(custom) <= 4000 AND instr(custom, char(0)) = 0),
    CONSTRAINT ck_erp_quote_changed_by_length CHECK (length(changed_by) <= 80 AND instr(changed_by, char(0)) = 0)
)
 STRICT;

CREATE TABLE erp_order (
    id INTEGER NOT NULL,
    company TEXT NOT NULL,
    number TEXT NOT NULL,
    status TEXT NOT NULL,
    hold_reason TEXT,
    customer_id INTEGER NOT NULL,
    quote_id INTEGER,
    order_date TEXT NOT NULL,
    currency TEXT NOT NULL,
    customer_reference TEXT,
    salesperson TEXT,
    bill_to_street TEXT,
    bill_to_city TEXT,
    bill_to_state TEXT,
    bill_to_postal_code TEXT,
    bill_to_country TEXT,
    ship_to_street TEXT,
    ship_to_city TEXT,
    ship_to_state TEXT,
    ship_to_postal_code TEXT,
    ship_to_country TEXT,
    freight_minor INTEGER NOT NULL,
    discount_minor INTEGER NOT NULL,
    tax_minor INTEGER NOT NULL,
    total_minor INTEGER NOT NULL,
    custom TEXT,
    to_invoice_minor INTEGER NOT NULL,
    freight_tax_minor INTEGER NOT NULL,
    version INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    CONSTRAINT pk_erp_order PRIMARY KEY (id),
    CONSTRAINT ck_erp_order_status CHECK (status IN ('draft', 'confirmed', 'held', 'partly_invoiced', 'invoiced', 'closed', 'cancelled')),
    CONSTRAINT ck_erp_order_signs CHECK (freight_minor >= 0 AND discount_minor >= 0),
    CONSTRAINT ck_erp_order_to_invoice CHECK (to_invoice_minor BETWEEN 0 AND total_minor),
    CONSTRAINT ck_erp_order_reason CHECK ((status = 'held') = (hold_reason IS NOT NULL)),
    CONSTRAINT uq_erp_order_number UNIQUE (number),
    CONSTRAINT fk_erp_order_customer_id FOREIGN KEY(customer_id) REFERENCES erp_customer (id),
    CONSTRAINT fk_erp_order_quote_id FOREIGN KEY(quote_id) REFERENCES erp_quote (id),
    CONSTRAINT ck_erp_order_company_length CHECK (length(company) <= 20 AND instr(company, char(0)) = 0),
    CONSTRAINT ck_erp_order_number_length CHECK (length(number) <= 20 AND instr(number, char(0)) = 0),
    CONSTRAINT ck_erp_order_status_length CHECK (length(status) <= 20 AND instr(status, char(0)) = 0),
    CONSTRAINT ck_erp_order_hold_reason_length CHECK (length(hold_reason) <= 255 AND instr(hold_reason, char(0)) = 0),
    CONSTRAINT ck_erp_order_order_date_day CHECK (order_date IS date(order_date)),
    CONSTRAINT ck_erp_order_currency_length CHECK (length(currency) <= 3 AND instr(currency, char(0)) = 0),
    CONSTRAINT ck_erp_order_customer_reference_length CHECK (length(customer_reference) <= 255 AND instr(customer_reference, char(0)) = 0),
    CONSTRAINT ck_erp_order_salesperson_length CHECK (length(salesperson) <= 255 AND instr(salesperson, char(0)) = 0),
    CONSTRAINT ck_erp_order_bill_to_street_length CHECK (length(bill_to_street) <= 255 AND instr(bill_to_street, char(0)) = 0),
    CONSTRAINT ck_erp_order_bill_to_city_length CHECK (length(bill_to_city) <= 80 AND instr(bill_to_city, char(0)) = 0),
    CONSTRAINT ck_erp_order_bill_to_state_length CHECK (length(bill_to_state) <= 80 AND instr(bill_to_state, char(0)) = 0),
    CONSTRAINT ck_erp_order_bill_to_postal_code_length CHECK (length(bill_to_postal_code) <= 20 AND instr(bill_to_postal_code, char(0)) = 0),
    CONSTRAINT ck_erp_order_bill_to_country_length CHECK (length(bill_to_country) <= 20 AND instr(bill_to_country, char(0)) = 0),
    CONSTRAINT ck_erp_order_ship_to_street_length CHECK (length(ship_to_street) <= 255 AND instr(ship_to_street, char(0)) = 0),
    CONSTRAINT ck_erp_order_ship_to_city_length CHECK (length(ship_to_city) <= 80 AND instr(ship_to_city, char(0)) = 0),
    CONSTRAINT ck_erp_order_ship_to_state_length CHECK (length(ship_to_state) <= 80 AND instr(ship_to_state, char(0)) = 0),
    CONSTRAINT ck_erp_order_ship_to_postal_code_length CHECK (length(ship_to_postal_code) <= 20 AND instr(ship_to_postal_code, char(0)) = 0),
    CONSTRAINT ck_erp_order_ship_to_country_length CHECK (length(ship_to_country) <= 20 AND instr(ship_to_country, char(0)) = 0),
    CONSTRAINT ck_erp_order_freight_minor_range CHECK (freight_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_discount_minor_range CHECK (discount_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_tax_minor_range CHECK (tax_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_total_minor_range CHECK (total_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_custom_length CHECK (length(custom) <= 4000 AND instr(custom, char(0)) = 0),
    CONSTRAINT ck_erp_order_to_invoice_minor_range CHECK (to_invoice_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_freight_tax_minor_range CHECK (freight_tax_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_changed_by_length CHECK (length(changed_by) <= 80 AND instr(changed_by, char(0)) = 0)
)
 STRICT;

CREATE INDEX ix_erp_order_customer_id_status ON erp_order (customer_id, status);

CREATE UNIQUE INDEX uq_erp_order_quote_id ON erp_order (quote_id) WHERE status <> 'cancelled';

CREATE TABLE erp_quote_line (
    quote_id INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    position INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    quantity_micros INTEGER NOT NULL,
    unit_price_micros INTEGER NOT NULL,
    discount_percent_micros INTEGER NOT NULL,
    description TEXT,
    amount_minor INTEGER NOT NULL,
    discount_share_minor INTEGER NOT NULL,
    tax_code TEXT NOT NULL,
    tax_minor INTEGER NOT NULL,
    CONSTRAINT pk_erp_quote_line PRIMARY KEY (quote_id, "key"),
    CONSTRAINT ck_erp_quote_line_quantity CHECK (quantity_micros > 0),
    CONSTRAINT ck_erp_quote_line_discount CHECK (discount_percent_micros BETWEEN 0 AND 100000000),
    CONSTRAINT fk_erp_quote_line_quote_id FOREIGN KEY(quote_id) REFERENCES erp_quote (id),
    CONSTRAINT fk_erp_quote_line_product_id FOREIGN KEY(product_id) REFERENCES erp_product (id),
    CONSTRAINT fk_erp_quote_line_tax_code FOREIGN KEY(tax_code) REFERENCES erp_tax_code (code),
    CONSTRAINT ck_erp_quote_line_key_length CHECK (length(key) <= 255 AND instr(key, char(0)) = 0),
    CONSTRAINT ck_erp_quote_line_quantity_micros_range CHECK (quantity_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_quote_line_unit_price_micros_range CHECK (unit_price_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_quote_line_discount_percent_micros_range CHECK (discount_percent_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_quote_line_description_length CHECK (length(description) <= 4000 AND instr(description, char(0)) = 0),
    CONSTRAINT ck_erp_quote_line_amount_minor_range CHECK (amount_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_quote_line_discount_share_minor_range CHECK (discount_share_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_quote_line_tax_code_length CHECK (length(tax_code) <= 20 AND instr(tax_code, char(0)) = 0),
    CONSTRAINT ck_erp_quote_line_tax_minor_range CHECK (tax_minor BETWEEN -9000000000000 AND 9000000000000)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE erp_invoice (
    id INTEGER NOT NULL,
    company TEXT NOT NULL,
    number TEXT NOT NULL,
    kind TEXT NOT NULL,
    order_id INTEGER,
    customer_id INTEGER NOT NULL,
    credits_id INTEGER,
    invoice_date TEXT NOT NULL,
    due_date TEXT NOT NULL,
    currency TEXT NOT NULL,
    freight_minor INTEGER NOT NULL,
    net_minor INTEGER NOT NULL,
    tax_minor INTEGER NOT NULL,
    total_minor INTEGER NOT NULL,
    entry_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
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
    CONSTRAINT ck_erp_invoice_company_length CHECK (length(company) <= 20 AND instr(company, char(0)) = 0),
    CONSTRAINT ck_erp_invoice_number_length CHECK (length(number) <= 20 AND instr(number, char(0)) = 0),
    CONSTRAINT ck_erp_invoice_kind_length CHECK (length(kind) <= 20 AND instr(kind, char(0)) = 0),
    CONSTRAINT ck_erp_invoice_invoice_date_day CHECK (invoice_date IS date(invoice_date)),
    CONSTRAINT ck_erp_invoice_due_date_day CHECK (due_date IS date(due_date)),
    CONSTRAINT ck_erp_invoice_currency_length CHECK (length(currency) <= 3 AND instr(currency, char(0)) = 0),
    CONSTRAINT ck_erp_invoice_freight_minor_range CHECK (freight_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_invoice_net_minor_range CHECK (net_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_invoice_tax_minor_range CHECK (tax_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_invoice_total_minor_range CHECK (total_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_invoice_changed_by_length CHECK (length(changed_by) <= 80 AND instr(changed_by, char(0)) = 0)
)
 STRICT;

CREATE INDEX ix_erp_invoice_credits_id ON erp_invoice (credits_id);

CREATE INDEX ix_erp_invoice_customer_id ON erp_invoice (customer_id);

CREATE INDEX ix_erp_invoice_order_id ON erp_invoice (order_id);

CREATE TABLE erp_order_line (
    order_id INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    position INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    quantity_micros INTEGER NOT NULL,
    unit_price_micros INTEGER NOT NULL,
    discount_percent_micros INTEGER NOT NULL,
    description TEXT,
    amount_minor INTEGER NOT NULL,
    discount_share_minor INTEGER NOT NULL,
    tax_code TEXT NOT NULL,
    tax_minor INTEGER NOT NULL,
    invoiced_micros INTEGER NOT NULL,
    CONSTRAINT pk_erp_order_line PRIMARY KEY (order_id, "key"),
    CONSTRAINT ck_erp_order_line_quantity CHECK (quantity_micros > 0),
    CONSTRAINT ck_erp_order_line_discount CHECK (discount_percent_micros BETWEEN 0 AND 100000000),
    CONSTRAINT ck_erp_order_line_invoiced CHECK (invoiced_micros BETWEEN 0 AND quantity_micros),
    CONSTRAINT fk_erp_order_line_order_id FOREIGN KEY(order_id) REFERENCES erp_order (id),
    CONSTRAINT fk_erp_order_line_product_id FOREIGN KEY(product_id) REFERENCES erp_product (id),
    CONSTRAINT fk_erp_order_line_tax_code FOREIGN KEY(tax_code) REFERENCES erp_tax_code (code),
    CONSTRAINT ck_erp_order_line_key_length CHECK (length(key) <= 255 AND instr(key, char(0)) = 0),
    CONSTRAINT ck_erp_order_line_quantity_micros_range CHECK (quantity_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_order_line_unit_price_micros_range CHECK (unit_price_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_order_line_discount_percent_micros_range CHECK (discount_percent_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_order_line_description_length CHECK (length(description) <= 4000 AND instr(description, char(0)) = 0),
    CONSTRAINT ck_erp_order_line_amount_minor_range CHECK (amount_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_line_discount_share_minor_range CHECK (discount_share_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_line_tax_code_length CHECK (length(tax_code) <= 20 AND instr(tax_code, char(0)) = 0),
    CONSTRAINT ck_erp_order_line_tax_minor_range CHECK (tax_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_order_line_invoiced_micros_range CHECK (invoiced_micros BETWEEN -1000000000000000 AND 1000000000000000)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE erp_allocation (
    id INTEGER NOT NULL,
    invoice_id INTEGER NOT NULL,
    payment_id INTEGER,
    credit_note_id INTEGER,
    amount_minor INTEGER NOT NULL,
    allocated_at TEXT NOT NULL,
    allocated_by TEXT NOT NULL,
    CONSTRAINT pk_erp_allocation PRIMARY KEY (id),
    CONSTRAINT ck_erp_allocation_amount CHECK (amount_minor > 0),
    CONSTRAINT ck_erp_allocation_source CHECK ((payment_id IS NULL) <> (credit_note_id IS NULL)),
    CONSTRAINT fk_erp_allocation_invoice_id FOREIGN KEY(invoice_id) REFERENCES erp_invoice (id),
    CONSTRAINT fk_erp_allocation_payment_id FOREIGN KEY(payment_id) REFERENCES erp_payment (id),
    CONSTRAINT fk_erp_allocation_credit_note_id FOREIGN KEY(credit_note_id) REFERENCES erp_invoice (id),
    CONSTRAINT ck_erp_allocation_amount_minor_range CHECK (amount_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_allocation_allocated_by_length CHECK (length(allocated_by) <= 80 AND instr(allocated_by, char(0)) = 0)
)
 STRICT;

CREATE INDEX ix_erp_allocation_credit_note_id ON erp_allocation (credit_note_id);

CREATE INDEX ix_erp_allocation_invoice_id ON erp_allocation (invoice_id);

CREATE INDEX ix_erp_allocation_payment_id ON erp_allocation (payment_id);

CREATE TABLE erp_invoice_line (
    invoice_id INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    position INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    quantity_micros INTEGER NOT NULL,
    unit_price_micros INTEGER NOT NULL,
    description TEXT,
    net_minor INTEGER NOT NULL,
    tax_code TEXT NOT NULL,
    tax_minor INTEGER NOT NULL,
    CONSTRAINT pk_erp_invoice_line PRIMARY KEY (invoice_id, "key"),
    CONSTRAINT fk_erp_invoice_line_invoice_id FOREIGN KEY(invoice_id) REFERENCES erp_invoice (id),
    CONSTRAINT fk_erp_invoice_line_product_id FOREIGN KEY(product_id) REFERENCES erp_product (id),
    CONSTRAINT fk_erp_invoice_line_tax_code FOREIGN KEY(tax_code) REFERENCES erp_tax_code (code),
    CONSTRAINT ck_erp_invoice_line_key_length CHECK (length(key) <= 255 AND instr(key, char(0)) = 0),
    CONSTRAINT ck_erp_invoice_line_quantity_micros_range CHECK (quantity_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_invoice_line_unit_price_micros_range CHECK (unit_price_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_invoice_line_description_length CHECK (length(description) <= 4000 AND instr(description, char(0)) = 0),
    CONSTRAINT ck_erp_invoice_line_net_minor_range CHECK (net_minor BETWEEN -9000000000000 AND 9000000000000),
    CONSTRAINT ck_erp_invoice_line_tax_code_length CHECK (length(tax_code) <= 20 AND instr(tax_code, char(0)) = 0),
    CONSTRAINT ck_erp_invoice_line_tax_minor_range CHECK (tax_minor BETWEEN -9000000000000 AND 9000000000000)
)
 WITHOUT ROWID,
 STRICT;
