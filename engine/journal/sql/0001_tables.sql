-- The journal's tables, one per record of engine/records.py, columns in the order of its fields.
--
-- Times are whole microseconds since 1970 in UTC; body, data, shown, answer, detail and attributes are JSON text.
-- Tables keep SQLite's own rowid, which grows: it is "the order in which the rows were made". Only `seen`, which is
-- looked up and never listed, does without. Each index costs every write of its table, so each says which read it serves.

PRAGMA application_id = 1920413745;  -- "rw01": tells our file from any other SQLite file

CREATE TABLE program (
    hash TEXT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL,
    body TEXT NOT NULL,
    file TEXT NOT NULL,
    line INTEGER NOT NULL,
    text TEXT NOT NULL,
    at INTEGER NOT NULL
);

CREATE TABLE rule (
    rule TEXT NOT NULL PRIMARY KEY,
    program TEXT NOT NULL,
    file TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    last_triggered INTEGER
);

CREATE TABLE event (
    id TEXT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL,
    program TEXT NOT NULL,
    "trigger" TEXT NOT NULL,
    key TEXT NOT NULL,
    data TEXT NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    depth INTEGER NOT NULL,
    cause TEXT NOT NULL
);
CREATE INDEX event_new ON event (state) WHERE state = 'new';  -- new_events

CREATE TABLE seen (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;

CREATE TABLE run (
    id TEXT NOT NULL PRIMARY KEY,
    event TEXT NOT NULL,
    rule TEXT NOT NULL,
    program TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    started INTEGER NOT NULL,
    ended INTEGER,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    depth INTEGER NOT NULL
);
CREATE INDEX run_open ON run (rule, key) WHERE state IN ('queued', 'running');  -- open_runs
CREATE INDEX run_rule ON run (rule);  -- newest_runs_of_rule

CREATE TABLE step (
    run TEXT NOT NULL,
    seq INTEGER NOT NULL,
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    result TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (run, seq)
);

CREATE TABLE effect (
    op_id TEXT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL,
    token TEXT NOT NULL,
    rule TEXT NOT NULL,
    connection TEXT NOT NULL,
    operation TEXT NOT NULL,
    body TEXT NOT NULL,
    shown TEXT NOT NULL,
    recipient TEXT NOT NULL,
    idempotent INTEGER NOT NULL,
    reads INTEGER NOT NULL,
    timeout REAL,
    state TEXT NOT NULL,
    created INTEGER NOT NULL,
    send_by INTEGER,
    due INTEGER,
    valid_until INTEGER,
    attempts INTEGER NOT NULL,
    reason TEXT NOT NULL,
    answer TEXT NOT NULL,
    ended INTEGER,
    if_unsure TEXT NOT NULL,
    limits TEXT NOT NULL,
    caps TEXT NOT NULL
);
CREATE INDEX effect_recipient ON effect (recipient, created) WHERE recipient != '';  -- sends_to
CREATE INDEX effect_state ON effect (state);  -- effects_in_state, newest_effects_in_state
CREATE INDEX effect_run ON effect (run);  -- effects_of_run
CREATE INDEX effect_capped ON effect (send_by) WHERE caps <> 'null';  -- capped_effects

CREATE TABLE inbox (
    id TEXT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL,
    token TEXT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL
);

CREATE TABLE due (
    key TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX due_at ON due (at);  -- due_before, next_due

CREATE TABLE memory (
    rule TEXT NOT NULL,
    "trigger" TEXT NOT NULL,
    subject TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (rule, "trigger", subject)
);

CREATE TABLE entity (
    entity TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    attributes TEXT NOT NULL,
    changed INTEGER NOT NULL,
    updated INTEGER NOT NULL
);

CREATE TABLE problem (
    key TEXT NOT NULL PRIMARY KEY,
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    since INTEGER NOT NULL,
    cleared INTEGER
);

CREATE TABLE command (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    at INTEGER NOT NULL
);
