-- Letters that went out, so that their number is bounded for all processes together.

-- +goose Up

-- address_hash is the SHA-256 of the e-mail address, folded.
CREATE TABLE letters (
    id           TEXT    NOT NULL PRIMARY KEY,
    address_hash BLOB    NOT NULL,
    sent         INTEGER NOT NULL
) STRICT;
CREATE INDEX letters_sent ON letters (sent);
