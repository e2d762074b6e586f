CREATE TABLE state_binding (
    id INTEGER NOT NULL,
    entity TEXT NOT NULL,
    crm_org TEXT NOT NULL,
    crm_id TEXT NOT NULL,
    erp_org TEXT NOT NULL,
    erp_id TEXT NOT NULL,
    gone TEXT NOT NULL,
    regardless BOOLEAN NOT NULL,
    crm_version TEXT NOT NULL,
    erp_version TEXT NOT NULL,
    crm_hash BLOB NOT NULL,
    erp_hash BLOB NOT NULL,
    crm_form TEXT NOT NULL,
    erp_form TEXT NOT NULL,
    crm_wrote TEXT NOT NULL,
    erp_wrote TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (entity, crm_org, crm_id),
    UNIQUE (entity, erp_org, erp_id)
);

CREATE TABLE state_due (
    mapping TEXT NOT NULL,
    side TEXT NOT NULL,
    id TEXT NOT NULL,
    why TEXT NOT NULL,
    since TEXT NOT NULL,
    regardless BOOLEAN NOT NULL,
    force BOOLEAN NOT NULL,
    resolution TEXT,
    PRIMARY KEY (mapping, side, id),
    CHECK (side IN ('crm', 'erp'))
);

CREATE TABLE state_intent (
    id INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    mapping TEXT NOT NULL,
    side TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    body TEXT NOT NULL,
    settled_at TEXT,
    PRIMARY KEY (id),
    CHECK (side IN ('crm', 'erp'))
);

CREATE INDEX state_intent_open ON state_intent (mapping, side) WHERE settled_at IS NULL;

CREATE TABLE state_lease (
    name TEXT NOT NULL,
    holder TEXT,
    token INTEGER NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE state_mapping (
    name TEXT NOT NULL,
    entity TEXT NOT NULL,
    hash TEXT,
    accepted_hash TEXT,
    accepted_by TEXT,
    accepted_why TEXT,
    accepted_at TEXT,
    paused_by TEXT,
    paused_why TEXT,
    paused_at TEXT,
    crm_org TEXT,
    erp_org TEXT,
    crm_print TEXT,
    erp_print TEXT,
    full_wanted TEXT,
    PRIMARY KEY (name)
);

CREATE TABLE state_note (
    mapping TEXT NOT NULL,
    id TEXT NOT NULL,
    status TEXT NOT NULL,
    message TEXT,
    shown BOOLEAN NOT NULL,
    PRIMARY KEY (mapping, id)
);

CREATE TABLE state_run (
    id INTEGER NOT NULL,
    mapping TEXT NOT NULL,
    who TEXT NOT NULL,
    kind TEXT NOT NULL,
    mapping_hash TEXT NOT NULL,
    program TEXT NOT NULL,
    token INTEGER NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    status TEXT NOT NULL,
    report TEXT,
    error TEXT,
    PRIMARY KEY (id)
);

CREATE TABLE state_watermark (
    mapping TEXT NOT NULL,
    side TEXT NOT NULL,
    position TEXT,
    resume TEXT,
    moved_at TEXT NOT NULL,
    PRIMARY KEY (mapping, side),
    CHECK (side IN ('crm', 'erp'))
);

CREATE TABLE state_worklist (
    id INTEGER NOT NULL,
    mapping TEXT NOT NULL,
    side TEXT NOT NULL,
    source_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    "where" TEXT NOT NULL,
    what TEXT NOT NULL,
    remedy TEXT NOT NULL,
    version TEXT NOT NULL,
    since TEXT NOT NULL,
    seen TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    waits_for TEXT,
    detail TEXT,
    dismissed_by TEXT,
    dismissed_why TEXT,
    PRIMARY KEY (id),
    UNIQUE (mapping, side, source_id),
    CHECK (reason IN ('invalid', 'waiting', 'refused', 'ambiguous', 'conflict', 'in_doubt', 'held')),
    CHECK (side IN ('crm', 'erp'))
);

CREATE INDEX state_worklist_waits ON state_worklist (waits_for);

CREATE TABLE state_alias (
    entity TEXT NOT NULL,
    org TEXT NOT NULL,
    id TEXT NOT NULL,
    binding_id INTEGER NOT NULL,
    PRIMARY KEY (entity, org, id),
    FOREIGN KEY(binding_id) REFERENCES state_binding (id)
);

CREATE TABLE state_page (
    id INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    mapping TEXT NOT NULL,
    side TEXT NOT NULL,
    number INTEGER NOT NULL,
    read INTEGER NOT NULL,
    outcomes TEXT NOT NULL,
    answered TEXT NOT NULL,
    complete_to TEXT,
    committed_at TEXT NOT NULL,
    previous TEXT NOT NULL,
    link TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (mapping, number),
    CHECK (side IN ('crm', 'erp')),
    FOREIGN KEY(run_id) REFERENCES state_run (id)
);

CREATE TABLE state_audit (
    id INTEGER NOT NULL,
    page_id INTEGER NOT NULL,
    entity TEXT NOT NULL,
    side TEXT NOT NULL,
    source_id TEXT NOT NULL,
    target_id TEXT,
    outcome TEXT NOT NULL,
    version TEXT NOT NULL,
    digest BLOB NOT NULL,
    salt BLOB,
    payload TEXT,
    PRIMARY KEY (id),
    FOREIGN KEY(page_id) REFERENCES state_page (id)
);

CREATE INDEX state_audit_page ON state_audit (page_id);

CREATE INDEX state_audit_source ON state_audit (entity, source_id);
