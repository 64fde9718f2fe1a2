-- Everything a login reads and writes. The columns are the same in both
-- dialects. An instant is an integer, microseconds since 1970 in UTC: one form
-- everywhere, without a zone to get wrong. An id is a UUIDv7 made by idms.
-- docs/reference/storage.md explains the tables.
--
-- Text in an index is COLLATE "C": the same order as in SQLite, and an index
-- that a newer collation library of the system cannot corrupt.

-- +goose Up

-- What the database must remember about itself.
CREATE TABLE meta (
    name   TEXT  COLLATE "C" NOT NULL PRIMARY KEY,
    sealed BYTEA NOT NULL
);

-- A record is its current version; the columns beside it are copied from that
-- version's document, so that the login page need not parse documents.
CREATE TABLE records (
    id      UUID    NOT NULL PRIMARY KEY,
    key     TEXT    COLLATE "C" NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    state   TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    label   TEXT    NOT NULL,
    icon    BYTEA
);

CREATE TABLE record_versions (
    record_id UUID    NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    version   INTEGER NOT NULL,
    document  TEXT    NOT NULL,
    author    TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    at        BIGINT  NOT NULL,
    PRIMARY KEY (record_id, version)
);

-- What a record must keep to itself: keys, passwords.
CREATE TABLE secrets (
    record_id UUID    NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    purpose   TEXT    COLLATE "C" NOT NULL,
    n         INTEGER NOT NULL,
    sealed    BYTEA   NOT NULL,
    created   BIGINT  NOT NULL,
    PRIMARY KEY (record_id, purpose, n)
);

CREATE TABLE groups (
    id   UUID NOT NULL PRIMARY KEY,
    key  TEXT COLLATE "C" NOT NULL UNIQUE,
    name TEXT NOT NULL
);

CREATE TABLE users (
    id              UUID   NOT NULL PRIMARY KEY,
    record_id       UUID   NOT NULL REFERENCES records (id),
    username        TEXT   NOT NULL,
    username_folded TEXT   COLLATE "C" NOT NULL,
    email           TEXT   NOT NULL,
    first_name      TEXT   NOT NULL,
    last_name       TEXT   NOT NULL,
    phone           TEXT   NOT NULL,
    name_id         TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    created         BIGINT NOT NULL,
    last_seen       BIGINT NOT NULL,
    UNIQUE (record_id, username_folded)
);

-- A membership exists as long as it has a source; there is no other row for it.
-- Groups and records are named by their keys, which never change.
CREATE TABLE membership_sources (
    user_id    UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_key  TEXT   COLLATE "C" NOT NULL REFERENCES groups (key) ON DELETE CASCADE,
    kind       TEXT   COLLATE "C" NOT NULL,
    record_key TEXT   COLLATE "C" NOT NULL,
    granted_by TEXT   COLLATE "C" NOT NULL,
    since      BIGINT NOT NULL,
    PRIMARY KEY (user_id, group_key, kind, record_key, granted_by)
);
CREATE INDEX membership_sources_group ON membership_sources (group_key);

CREATE TABLE sessions (
    id             UUID     NOT NULL PRIMARY KEY,
    token_hash     BYTEA    NOT NULL UNIQUE,
    user_id        UUID     NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    record_id      UUID     NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    name_id        TEXT     NOT NULL,
    session_index  TEXT     NOT NULL,
    level          SMALLINT NOT NULL,
    why            TEXT     NOT NULL,
    elevated       SMALLINT NOT NULL,
    elevated_until BIGINT   NOT NULL,
    opened         BIGINT   NOT NULL,
    seen           BIGINT   NOT NULL,
    expires        BIGINT   NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE pending_requests (
    handle      TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
    cookie_hash BYTEA   NOT NULL UNIQUE,
    record_id   UUID    NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    request_id  TEXT    NOT NULL,
    purpose     TEXT    NOT NULL,
    session_id  TEXT    NOT NULL,
    user_id     TEXT    NOT NULL,
    return_to   TEXT    NOT NULL,
    force_authn BOOLEAN NOT NULL,
    issued      BIGINT  NOT NULL,
    expires     BIGINT  NOT NULL
);
CREATE INDEX pending_requests_expires ON pending_requests (expires);

-- The digest of issuer and assertion ID, so that a row has one size.
CREATE TABLE used_assertions (
    digest  BYTEA  NOT NULL PRIMARY KEY,
    expires BIGINT NOT NULL
);
CREATE INDEX used_assertions_expires ON used_assertions (expires);

CREATE TABLE traces (
    ref            TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
    record_key     TEXT    NOT NULL,
    record_version INTEGER NOT NULL,
    at             BIGINT  NOT NULL,
    verified       BOOLEAN NOT NULL,
    admitted       BOOLEAN NOT NULL,
    code           TEXT    NOT NULL,
    user_id        TEXT    COLLATE "C" NOT NULL,
    sealed         BYTEA   NOT NULL
);
CREATE INDEX traces_at ON traces (at);
CREATE INDEX traces_unverified ON traces (at) WHERE NOT verified;
CREATE INDEX traces_user ON traces (user_id, at) WHERE user_id <> '';

CREATE TABLE audit_events (
    id         UUID    NOT NULL PRIMARY KEY,
    at         BIGINT  NOT NULL,
    action     TEXT    NOT NULL,
    alarm      BOOLEAN NOT NULL,
    who        TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    record_key TEXT    NOT NULL,
    user_id    TEXT    COLLATE "C" NOT NULL,
    group_key  TEXT    NOT NULL,
    trace      TEXT    NOT NULL,
    code       TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    changes    TEXT    NOT NULL
);
CREATE INDEX audit_events_at ON audit_events (at, id);
CREATE INDEX audit_events_user ON audit_events (user_id, at, id) WHERE user_id <> '';
