-- The portal on another host: the one-time codes that end a hand-over, and the
-- tokens of the portal's own cookie. docs/decisions/0013 says why.

-- +goose Up

-- A code lives for a minute. It names its session without a reference: a session
-- that ended meanwhile is found out when the code is used.
CREATE TABLE portal_codes (
    code_hash    BLOB    NOT NULL PRIMARY KEY,
    session_id   TEXT    NOT NULL,
    portal       TEXT    NOT NULL,
    browser_hash BLOB    NOT NULL,
    return_to    TEXT    NOT NULL,
    expires      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX portal_codes_expires ON portal_codes (expires);

-- A token is another key to the same session, and goes with it.
CREATE TABLE portal_tokens (
    token_hash BLOB    NOT NULL PRIMARY KEY,
    session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    portal     TEXT    NOT NULL,
    opened     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX portal_tokens_session ON portal_tokens (session_id);
