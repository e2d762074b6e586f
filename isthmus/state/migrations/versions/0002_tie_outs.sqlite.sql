CREATE TABLE state_tie_out (
    id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    who TEXT NOT NULL,
    as_of TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    agrees BOOLEAN NOT NULL,
    differences INTEGER NOT NULL,
    at_stake TEXT NOT NULL,
    report TEXT NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX state_tie_out_kind ON state_tie_out (kind, id);

CREATE TABLE state_difference (
    id INTEGER NOT NULL,
    entity TEXT NOT NULL,
    crm_id TEXT NOT NULL,
    erp_id TEXT NOT NULL,
    field TEXT NOT NULL,
    kind TEXT NOT NULL,
    cause TEXT NOT NULL,
    crm_value TEXT,
    erp_value TEXT,
    amount_minor BIGINT NOT NULL,
    currency TEXT,
    repair TEXT NOT NULL,
    remedy TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    closed_at TEXT,
    PRIMARY KEY (id)
);

CREATE UNIQUE INDEX state_difference_open ON state_difference (entity, crm_id, erp_id, field) WHERE closed_at IS NULL;
