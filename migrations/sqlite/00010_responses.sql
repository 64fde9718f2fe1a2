-- Responses as they arrived, of records that ask for it until a day of theirs.
-- docs/reference/storage.md says how many and for how long.

-- +goose Up

-- verified is that of the trace: what anybody can post must not push out what a
-- provider sent.
CREATE TABLE kept_responses (
    ref        TEXT    NOT NULL PRIMARY KEY REFERENCES traces (ref) ON DELETE CASCADE,
    record_key TEXT    NOT NULL,
    verified   INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    sealed     BLOB    NOT NULL
) STRICT;
CREATE INDEX kept_responses_record ON kept_responses (record_key, verified, at, ref);
CREATE INDEX kept_responses_at ON kept_responses (at);
