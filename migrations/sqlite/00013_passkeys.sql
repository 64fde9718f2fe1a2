-- Passkeys of local people (WebAuthn), and the challenges on their way to one;
-- docs/decisions/0021 says what a passkey counts as.

-- +goose Up

-- host is the RP ID: a passkey answers there alone. counter is the authenticator's,
-- 0 for one that counts nothing. used is 0 until the first login.
CREATE TABLE passkeys (
    id            TEXT    NOT NULL PRIMARY KEY,
    user_id       TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    credential_id BLOB    NOT NULL UNIQUE,
    public_key    BLOB    NOT NULL,
    host          TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    counter       INTEGER NOT NULL,
    synced        INTEGER NOT NULL,
    made          INTEGER NOT NULL,
    used          INTEGER NOT NULL
) STRICT;
CREATE INDEX passkeys_user ON passkeys (user_id);

-- A challenge is derived from the token in the browser's cookie, of which only the
-- hash is here. user_id is '' where the passkey says who it is.
CREATE TABLE passkey_challenges (
    token_hash BLOB    NOT NULL PRIMARY KEY,
    purpose    TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    expires    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX passkey_challenges_expires ON passkey_challenges (expires);
