CREATE TABLE erp_price_break (
    product_id BIGINT NOT NULL,
    price_list VARCHAR(255) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    minimum_quantity_micros BIGINT NOT NULL,
    valid_from DATE NOT NULL,
    unit_price_micros BIGINT NOT NULL,
    entered_by VARCHAR(80) NOT NULL,
    CONSTRAINT pk_erp_price_break PRIMARY KEY (product_id, price_list, currency, minimum_quantity_micros, valid_from),
    CONSTRAINT ck_erp_price_break_minimum CHECK (minimum_quantity_micros > 0),
    CONSTRAINT ck_erp_price_break_price CHECK (unit_price_micros >= 0),
    CONSTRAINT fk_erp_price_break_product_id FOREIGN KEY(product_id) REFERENCES erp_product (id),
    CONSTRAINT ck_erp_price_break_minimum_quantity_micros_range CHECK (minimum_quantity_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_price_break_unit_price_micros_range CHECK (unit_price_micros BETWEEN -1000000000000000 AND 1000000000000000)
);
