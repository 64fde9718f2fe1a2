-- The last assertion of each person, so that changed rules can be applied before
-- they log in again, and the context in which each session authenticated, so that
-- it can be decided anew. docs/how-to/apply-rules-now.md says what it is for.

-- +goose Up

CREATE TABLE recorded_assertions (
    user_id UUID   NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    at      BIGINT NOT NULL,
    sealed  BYTEA  NOT NULL
);
CREATE INDEX recorded_assertions_at ON recorded_assertions (at);

-- Empty for the sessions of a former release, which count as weak ones.
ALTER TABLE sessions ADD COLUMN auth_context TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN elevated_context TEXT NOT NULL DEFAULT '';
