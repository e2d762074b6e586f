CREATE TABLE state_grave (
    entity TEXT NOT NULL,
    org TEXT NOT NULL,
    id TEXT NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (entity, org, id)
);

DELETE FROM state_intent WHERE settled_at IS NOT NULL;

DROP INDEX state_intent_open;
