-- Runs that wait for a trigger, and how entities stood over time.

CREATE INDEX run_queued ON run (rule, key) WHERE state = 'queued';  -- queued_lanes

CREATE TABLE wait (
    run TEXT NOT NULL,
    token TEXT NOT NULL,
    rule TEXT NOT NULL,
    program TEXT NOT NULL,
    triggers TEXT NOT NULL,
    variables TEXT NOT NULL,
    PRIMARY KEY (run, token)
);

CREATE TABLE history (
    entity TEXT NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    attributes TEXT NOT NULL,
    PRIMARY KEY (entity, id)
) WITHOUT ROWID;
CREATE INDEX history_at ON history (at, id);  -- old_history
