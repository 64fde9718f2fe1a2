-- Who was refused and has no account is found by name, too: a help desk is called
-- before there is one. Only a response that was proved is about anybody (S61).

-- +goose Up

-- name_hash is an HMAC of the username as it is compared (S40), under a key that is
-- sealed in meta: nobody who reads the database alone can try usernames on it. The
-- username itself is sealed for the row. Both are NULL of everybody else's logins.
ALTER TABLE traces ADD COLUMN name_hash BYTEA;
ALTER TABLE traces ADD COLUMN name_sealed BYTEA;
CREATE INDEX traces_named ON traces (name_hash, at, ref) WHERE name_hash IS NOT NULL;
