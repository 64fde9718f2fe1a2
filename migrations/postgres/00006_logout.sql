-- Single logout (M24): sessions are found by what the provider calls the person,
-- and a logout that a provider was told of waits for its answer.

-- +goose Up

-- The SHA-256 of the NameID's text, so that the index has one size. NULL in
-- sessions that a release without this column has opened.
ALTER TABLE sessions ADD COLUMN name_digest BYTEA;
CREATE INDEX sessions_name ON sessions (record_id, name_digest);

-- The session itself is gone: what its LogoutRequest says stands here.
CREATE TABLE pending_logouts (
    handle        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    request_id    TEXT COLLATE "C" NOT NULL UNIQUE,
    record_id     UUID    NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    user_id       UUID    NOT NULL,
    name_id       TEXT    NOT NULL,
    session_index TEXT    NOT NULL,
    others        INTEGER NOT NULL,
    sent          BOOLEAN NOT NULL,
    answer        TEXT    NOT NULL,
    issued        BIGINT  NOT NULL,
    expires       BIGINT  NOT NULL
);
CREATE INDEX pending_logouts_expires ON pending_logouts (expires);
