-- What keeps connections alive by itself: jobs, metadata that is read again from
-- its address, the roll of our own keys, and when a provider's certificate was
-- last of use.

-- +goose Up

-- What is remembered of a job. What it does and when it is due is in the
-- program, and in the records (docs/decisions/0014).
CREATE TABLE jobs (
    name     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    turn     BIGINT NOT NULL, -- counts the runs: who takes a turn is alone with it
    since    BIGINT NOT NULL,
    started  BIGINT NOT NULL,
    ended    BIGINT NOT NULL,
    leased   BIGINT NOT NULL, -- until when the run under way has the job to itself
    failures INTEGER NOT NULL,
    problem  TEXT    NOT NULL,
    paused   BOOLEAN NOT NULL,
    asked    BIGINT NOT NULL
);

-- The address that a record's metadata comes from.
CREATE TABLE metadata_sources (
    record_id     UUID    NOT NULL PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
    url           TEXT    NOT NULL,
    fetched       BIGINT NOT NULL, -- the last time that it could be read
    fresh         BIGINT NOT NULL, -- for how long it may be kept, in microseconds
    valid_until   BIGINT NOT NULL,
    etag          TEXT    NOT NULL,
    modified      TEXT    NOT NULL,
    asked         BIGINT NOT NULL, -- the last time that a login asked for it
    waiting       TEXT    NOT NULL, -- metadata that waits for approval
    waiting_since BIGINT NOT NULL,
    waiting_for   TEXT    NOT NULL  -- JSON: what it would change
);

-- Certificates of providers by their fingerprints, as far as something is
-- remembered of them.
CREATE TABLE certificate_uses (
    record_id   UUID    NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    fingerprint TEXT COLLATE "C" NOT NULL,
    used        BIGINT NOT NULL, -- a login was signed with it, to about an hour
    warned      INTEGER NOT NULL, -- the days before its end that were warned of last
    PRIMARY KEY (record_id, fingerprint)
);

-- The part of an SP key in a roll-over: current, next or former; and since when.
ALTER TABLE secrets ADD COLUMN part TEXT COLLATE "C" NOT NULL DEFAULT 'current';
ALTER TABLE secrets ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
