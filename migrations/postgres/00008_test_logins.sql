-- Test logins: a real round trip to an identity provider against one version of a
-- record, that lets nobody in. docs/how-to/test-login.md says what they are for.

-- +goose Up

-- The row is the invitation, then what one browser waits for, then how it ended.
-- Of the secret in the address, and of that in the browser's cookie, only the
-- SHA-256 is here. ref is the reference of the trace that it ends with.
CREATE TABLE test_logins (
    ref         TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    secret_hash BYTEA   NOT NULL UNIQUE,
    record_id   UUID    NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    version     INTEGER NOT NULL,
    author      TEXT    NOT NULL,
    created     BIGINT  NOT NULL,
    expires     BIGINT  NOT NULL,
    handle      TEXT   COLLATE "C" NOT NULL,
    cookie_hash BYTEA,
    request_id  TEXT    NOT NULL,
    force_authn BOOLEAN NOT NULL,
    begun       BIGINT  NOT NULL,
    ended       BIGINT  NOT NULL,
    passed      BOOLEAN NOT NULL
);
CREATE INDEX test_logins_record ON test_logins (record_id, ended);
CREATE INDEX test_logins_created ON test_logins (created);

-- A trace of a test is no login and is counted as none.
ALTER TABLE traces ADD COLUMN test BOOLEAN NOT NULL DEFAULT FALSE;
