-- Test logins: a real round trip to an identity provider against one version of a
-- record, that lets nobody in. docs/how-to/test-login.md says what they are for.

-- +goose Up

-- The row is the invitation, then what one browser waits for, then how it ended.
-- Of the secret in the address, and of that in the browser's cookie, only the
-- SHA-256 is here. ref is the reference of the trace that it ends with.
CREATE TABLE test_logins (
    ref         TEXT    NOT NULL PRIMARY KEY,
    secret_hash BLOB    NOT NULL UNIQUE,
    record_id   TEXT    NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    version     INTEGER NOT NULL,
    author      TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    handle      TEXT    NOT NULL,
    cookie_hash BLOB,
    request_id  TEXT    NOT NULL,
    force_authn INTEGER NOT NULL,
    begun       INTEGER NOT NULL,
    ended       INTEGER NOT NULL,
    passed      INTEGER NOT NULL
) STRICT;
CREATE INDEX test_logins_record ON test_logins (record_id, ended);
CREATE INDEX test_logins_created ON test_logins (created);

-- A trace of a test is no login and is counted as none.
ALTER TABLE traces ADD COLUMN test INTEGER NOT NULL DEFAULT 0;
