CREATE TABLE state_decision (
    id INTEGER NOT NULL,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    verb TEXT NOT NULL,
    mapping TEXT NOT NULL,
    item BIGINT,
    record TEXT,
    version TEXT,
    answer TEXT NOT NULL,
    why TEXT NOT NULL,
    outcome TEXT NOT NULL,
    told TEXT NOT NULL,
    PRIMARY KEY (id),
    CHECK (outcome IN ('done', 'asked', 'refused'))
);

CREATE INDEX state_decision_item ON state_decision (item);

CREATE TRIGGER state_decision_changed BEFORE UPDATE ON state_decision BEGIN SELECT RAISE(ABORT, 'what was decided stays'); END;

CREATE TRIGGER state_decision_deleted BEFORE DELETE ON state_decision BEGIN SELECT RAISE(ABORT, 'what was decided stays'); END;

CREATE TABLE state_worklist_numbered (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
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
    UNIQUE (mapping, side, source_id),
    CHECK (reason IN ('invalid', 'waiting', 'refused', 'ambiguous', 'conflict', 'in_doubt', 'held')),
    CHECK (side IN ('crm', 'erp'))
);

INSERT INTO state_worklist_numbered SELECT * FROM state_worklist;

DROP TABLE state_worklist;

ALTER TABLE state_worklist_numbered RENAME TO state_worklist;

CREATE INDEX state_worklist_waits ON state_worklist (waits_for);
