-- Who asked for a run, and how far it is: what the pages of directory sync tell.

-- +goose Up

-- Of the last time that somebody asked; kept until the run that follows has begun
-- and nobody has asked again.
ALTER TABLE jobs ADD COLUMN asked_by TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN asked_via TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN asked_why TEXT NOT NULL DEFAULT '';

-- One row for each run under way, in whichever process; seen is when it was last
-- written. The row of a process that died goes when the next run begins.
CREATE TABLE directory_progress (
    run_id      UUID    NOT NULL PRIMARY KEY,
    record_id   UUID    NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    rehearsal   BOOLEAN NOT NULL,
    cause       TEXT    NOT NULL,
    who         TEXT    NOT NULL,
    began       BIGINT  NOT NULL,
    phase       TEXT    NOT NULL,
    phase_began BIGINT  NOT NULL,
    entries     INTEGER NOT NULL,
    expected    INTEGER NOT NULL,
    seen        BIGINT  NOT NULL
);
CREATE INDEX directory_progress_record ON directory_progress (record_id);
