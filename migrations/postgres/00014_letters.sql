-- Letters that went out, so that their number is bounded for all processes together.

-- +goose Up

-- address_hash is the SHA-256 of the e-mail address, folded.
CREATE TABLE letters (
    id           UUID   NOT NULL PRIMARY KEY,
    address_hash BYTEA  NOT NULL,
    sent         BIGINT NOT NULL
);
CREATE INDEX letters_sent ON letters (sent);
