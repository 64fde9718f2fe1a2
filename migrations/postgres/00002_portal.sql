-- The portal on another host: the one-time codes that end a hand-over, and the
-- tokens of the portal's own cookie. docs/decisions/0013 says why.

-- +goose Up

-- A code lives for a minute. It names its session without a reference: a session
-- that ended meanwhile is found out when the code is used.
CREATE TABLE portal_codes (
    code_hash    BYTEA  NOT NULL PRIMARY KEY,
    session_id   UUID   NOT NULL,
    portal       TEXT   COLLATE "C" NOT NULL,
    browser_hash BYTEA  NOT NULL,
    return_to    TEXT   NOT NULL,
    expires      BIGINT NOT NULL
);
CREATE INDEX portal_codes_expires ON portal_codes (expires);

-- A token is another key to the same session, and goes with it.
CREATE TABLE portal_tokens (
    token_hash BYTEA  NOT NULL PRIMARY KEY,
    session_id UUID   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    portal     TEXT   COLLATE "C" NOT NULL,
    opened     BIGINT NOT NULL
);
CREATE INDEX portal_tokens_session ON portal_tokens (session_id);
