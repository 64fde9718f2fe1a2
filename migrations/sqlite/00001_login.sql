-- Everything a login reads and writes. The columns are the same in both
-- dialects. An instant is an integer, microseconds since 1970 in UTC: one form
-- everywhere, without a zone to get wrong. An id is a UUIDv7 made by idms.
-- docs/reference/storage.md explains the tables.

-- +goose Up

-- What the database must remember about itself.
CREATE TABLE meta (
    name   TEXT NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;

-- A record is its current version; the columns beside it are copied from that
-- version's document, so that the login page need not parse documents.
CREATE TABLE records (
    id      TEXT    NOT NULL PRIMARY KEY,
    key     TEXT    NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    state   TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    label   TEXT    NOT NULL,
    icon    BLOB
) STRICT;

CREATE TABLE record_versions (
    record_id TEXT    NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    version   INTEGER NOT NULL,
    document  TEXT    NOT NULL,
    author    TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (record_id, version)
) STRICT;

-- What a record must keep to itself: keys, passwords.
CREATE TABLE secrets (
    record_id TEXT    NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    purpose   TEXT    NOT NULL,
    n         INTEGER NOT NULL,
    sealed    BLOB    NOT NULL,
    created   INTEGER NOT NULL,
    PRIMARY KEY (record_id, purpose, n)
) STRICT;

CREATE TABLE groups (
    id   TEXT NOT NULL PRIMARY KEY,
    key  TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE users (
    id              TEXT    NOT NULL PRIMARY KEY,
    record_id       TEXT    NOT NULL REFERENCES records (id),
    username        TEXT    NOT NULL,
    username_folded TEXT    NOT NULL,
    email           TEXT    NOT NULL,
    first_name      TEXT    NOT NULL,
    last_name       TEXT    NOT NULL,
    phone           TEXT    NOT NULL,
    name_id         TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    created         INTEGER NOT NULL,
    last_seen       INTEGER NOT NULL,
    UNIQUE (record_id, username_folded)
) STRICT;

-- A membership exists as long as it has a source; there is no other row for it.
-- Groups and records are named by their keys, which never change.
CREATE TABLE membership_sources (
    user_id    TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_key  TEXT    NOT NULL REFERENCES groups (key) ON DELETE CASCADE,
    kind       TEXT    NOT NULL,
    record_key TEXT    NOT NULL,
    granted_by TEXT    NOT NULL,
    since      INTEGER NOT NULL,
    PRIMARY KEY (user_id, group_key, kind, record_key, granted_by)
) STRICT, WITHOUT ROWID;
CREATE INDEX membership_sources_group ON membership_sources (group_key);

CREATE TABLE sessions (
    id             TEXT    NOT NULL PRIMARY KEY,
    token_hash     BLOB    NOT NULL UNIQUE,
    user_id        TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    record_id      TEXT    NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    name_id        TEXT    NOT NULL,
    session_index  TEXT    NOT NULL,
    level          INTEGER NOT NULL,
    why            TEXT     NOT NULL,
    elevated       INTEGER NOT NULL,
    elevated_until INTEGER NOT NULL,
    opened         INTEGER NOT NULL,
    seen           INTEGER NOT NULL,
    expires        INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE pending_requests (
    handle      TEXT    NOT NULL PRIMARY KEY,
    cookie_hash BLOB    NOT NULL UNIQUE,
    record_id   TEXT    NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    request_id  TEXT    NOT NULL,
    purpose     TEXT    NOT NULL,
    session_id  TEXT    NOT NULL,
    user_id     TEXT    NOT NULL,
    return_to   TEXT    NOT NULL,
    force_authn INTEGER NOT NULL,
    issued      INTEGER NOT NULL,
    expires     INTEGER NOT NULL
) STRICT;
CREATE INDEX pending_requests_expires ON pending_requests (expires);

-- The digest of issuer and assertion ID, so that a row has one size.
CREATE TABLE used_assertions (
    digest  BLOB    NOT NULL PRIMARY KEY,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_assertions_expires ON used_assertions (expires);

CREATE TABLE traces (
    ref            TEXT    NOT NULL PRIMARY KEY,
    record_key     TEXT    NOT NULL,
    record_version INTEGER NOT NULL,
    at             INTEGER NOT NULL,
    verified       INTEGER NOT NULL,
    admitted       INTEGER NOT NULL,
    code           TEXT    NOT NULL,
    user_id        TEXT    NOT NULL,
    sealed         BLOB    NOT NULL
) STRICT;
CREATE INDEX traces_at ON traces (at);
CREATE INDEX traces_unverified ON traces (at) WHERE NOT verified;
CREATE INDEX traces_user ON traces (user_id, at) WHERE user_id <> '';

CREATE TABLE audit_events (
    id         TEXT    NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    action     TEXT    NOT NULL,
    alarm      INTEGER NOT NULL,
    who        TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    record_key TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    group_key  TEXT    NOT NULL,
    trace      TEXT    NOT NULL,
    code       TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    changes    TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_events_at ON audit_events (at, id);
CREATE INDEX audit_events_user ON audit_events (user_id, at, id) WHERE user_id <> '';
