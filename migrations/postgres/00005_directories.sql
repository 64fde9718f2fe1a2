-- Directory sync: what earlier runs left of each directory, who may run now, and
-- the history. docs/reference/storage.md explains the tables.

-- +goose Up

-- One row for each record with a directory. holder, token and until are the
-- lease: whoever applies must still have the token that it took (a fence).
CREATE TABLE directory_states (
    record_id     UUID NOT NULL PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
    first_applied BIGINT NOT NULL,
    fingerprint   TEXT NOT NULL,
    last_run      BIGINT NOT NULL,
    last_good     BIGINT NOT NULL,
    approved_hash TEXT NOT NULL,
    approved_by   TEXT NOT NULL,
    approved_why  TEXT NOT NULL,
    holder        TEXT NOT NULL,
    token         BIGINT NOT NULL,
    until         BIGINT NOT NULL
);

-- A person of a directory: the entry's own id for ever (L1), the account, and a
-- digest of what was read, so that an entry that did not change needs no write.
CREATE TABLE directory_people (
    record_id   UUID NOT NULL,
    external_id BYTEA NOT NULL,
    user_id     UUID NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    mark        BYTEA NOT NULL,
    off         TEXT NOT NULL,
    dn          TEXT NOT NULL,
    PRIMARY KEY (record_id, external_id)
);

CREATE TABLE directory_groups (
    record_id   UUID NOT NULL,
    external_id BYTEA NOT NULL,
    group_key   TEXT COLLATE "C" NOT NULL REFERENCES groups (key) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    made        BOOLEAN NOT NULL,
    mark        BYTEA NOT NULL,
    off         TEXT NOT NULL,
    members     INTEGER NOT NULL,
    PRIMARY KEY (record_id, external_id),
    UNIQUE (record_id, group_key)
);
CREATE INDEX directory_groups_key ON directory_groups (group_key);

-- The history. A run names its record by key: it outlives the record.
CREATE TABLE directory_runs (
    id          UUID NOT NULL PRIMARY KEY,
    record_key  TEXT COLLATE "C" NOT NULL,
    began       BIGINT NOT NULL,
    ended       BIGINT NOT NULL,
    applied     BIGINT NOT NULL,
    cause       TEXT NOT NULL,
    who         TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    host        TEXT NOT NULL,
    people      INTEGER NOT NULL,
    groups_read INTEGER NOT NULL,
    skipped     INTEGER NOT NULL,
    referrals   INTEGER NOT NULL,
    hash        TEXT NOT NULL,
    stops       TEXT NOT NULL,
    counts      TEXT NOT NULL,
    code        TEXT NOT NULL,
    error       TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    written     INTEGER NOT NULL,
    sessions    INTEGER NOT NULL
);
CREATE INDEX directory_runs_record ON directory_runs (record_key, began, id);
CREATE INDEX directory_runs_began ON directory_runs (began);

-- What a run changed or would change: lines of JSON, packed, in the plan's order.
CREATE TABLE directory_run_changes (
    run_id UUID NOT NULL REFERENCES directory_runs (id) ON DELETE CASCADE,
    n      INTEGER NOT NULL,
    kind   TEXT COLLATE "C" NOT NULL,
    lines  INTEGER NOT NULL,
    packed BYTEA NOT NULL,
    PRIMARY KEY (run_id, n)
);
