-- Passkeys of local people (WebAuthn), and the challenges on their way to one;
-- docs/decisions/0021 says what a passkey counts as.

-- +goose Up

-- host is the RP ID: a passkey answers there alone. counter is the authenticator's,
-- 0 for one that counts nothing. used is 0 until the first login.
CREATE TABLE passkeys (
    id            UUID    NOT NULL PRIMARY KEY,
    user_id       UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    credential_id BYTEA   NOT NULL UNIQUE,
    public_key    BYTEA   NOT NULL,
    host          TEXT    COLLATE "C" NOT NULL,
    name          TEXT    NOT NULL,
    counter       BIGINT  NOT NULL,
    synced        BOOLEAN NOT NULL,
    made          BIGINT  NOT NULL,
    used          BIGINT  NOT NULL
);
CREATE INDEX passkeys_user ON passkeys (user_id);

-- A challenge is derived from the token in the browser's cookie, of which only the
-- hash is here. user_id is '' where the passkey says who it is.
CREATE TABLE passkey_challenges (
    token_hash BYTEA  NOT NULL PRIMARY KEY,
    purpose    TEXT   COLLATE "C" NOT NULL,
    user_id    TEXT   COLLATE "C" NOT NULL,
    expires    BIGINT NOT NULL
);
CREATE INDEX passkey_challenges_expires ON passkey_challenges (expires);
