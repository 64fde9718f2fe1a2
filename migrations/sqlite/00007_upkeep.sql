-- What keeps connections alive by itself: jobs, metadata that is read again from
-- its address, the roll of our own keys, and when a provider's certificate was
-- last of use.

-- +goose Up

-- What is remembered of a job. What it does and when it is due is in the
-- program, and in the records (docs/decisions/0014).
CREATE TABLE jobs (
    name     TEXT    NOT NULL PRIMARY KEY,
    turn     INTEGER NOT NULL, -- counts the runs: who takes a turn is alone with it
    since    INTEGER NOT NULL,
    started  INTEGER NOT NULL,
    ended    INTEGER NOT NULL,
    leased   INTEGER NOT NULL, -- until when the run under way has the job to itself
    failures INTEGER NOT NULL,
    problem  TEXT    NOT NULL,
    paused   INTEGER NOT NULL,
    asked    INTEGER NOT NULL
) STRICT;

-- The address that a record's metadata comes from.
CREATE TABLE metadata_sources (
    record_id     TEXT    NOT NULL PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
    url           TEXT    NOT NULL,
    fetched       INTEGER NOT NULL, -- the last time that it could be read
    fresh         INTEGER NOT NULL, -- for how long it may be kept, in microseconds
    valid_until   INTEGER NOT NULL,
    etag          TEXT    NOT NULL,
    modified      TEXT    NOT NULL,
    asked         INTEGER NOT NULL, -- the last time that a login asked for it
    waiting       TEXT    NOT NULL, -- metadata that waits for approval
    waiting_since INTEGER NOT NULL,
    waiting_for   TEXT    NOT NULL  -- JSON: what it would change
) STRICT;

-- Certificates of providers by their fingerprints, as far as something is
-- remembered of them.
CREATE TABLE certificate_uses (
    record_id   TEXT    NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    fingerprint TEXT    NOT NULL,
    used        INTEGER NOT NULL, -- a login was signed with it, to about an hour
    warned      INTEGER NOT NULL, -- the days before its end that were warned of last
    PRIMARY KEY (record_id, fingerprint)
) STRICT;

-- The part of an SP key in a roll-over: current, next or former; and since when.
ALTER TABLE secrets ADD COLUMN part TEXT NOT NULL DEFAULT 'current';
ALTER TABLE secrets ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
