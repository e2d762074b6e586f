CREATE TABLE erp_price_break (
    product_id INTEGER NOT NULL,
    price_list TEXT NOT NULL,
    currency TEXT NOT NULL,
    minimum_quantity_micros INTEGER NOT NULL,
    valid_from TEXT NOT NULL,
    unit_price_micros INTEGER NOT NULL,
    entered_by TEXT NOT NULL,
    CONSTRAINT pk_erp_price_break PRIMARY KEY (product_id, price_list, currency, minimum_quantity_micros, valid_from),
    CONSTRAINT ck_erp_price_break_minimum CHECK (minimum_quantity_micros > 0),
    CONSTRAINT ck_erp_price_break_price CHECK (unit_price_micros >= 0),
    CONSTRAINT fk_erp_price_break_product_id FOREIGN KEY(product_id) REFERENCES erp_product (id),
    CONSTRAINT ck_erp_price_break_price_list_length CHECK (length(price_list) <= 255 AND instr(price_list, char(0)) = 0),
    CONSTRAINT ck_erp_price_break_currency_length CHECK (length(currency) <= 3 AND instr(currency, char(0)) = 0),
    CONSTRAINT ck_erp_price_break_minimum_quantity_micros_range CHECK (minimum_quantity_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_price_break_valid_from_day CHECK (valid_from IS date(valid_from)),
    CONSTRAINT ck_erp_price_break_unit_price_micros_range CHECK (unit_price_micros BETWEEN -1000000000000000 AND 1000000000000000),
    CONSTRAINT ck_erp_price_break_entered_by_length CHECK (length(entered_by) <= 80 AND instr(entered_by, char(0)) = 0)
)
 STRICT;
