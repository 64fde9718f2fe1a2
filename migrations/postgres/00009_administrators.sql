-- Local people: how they prove who they are, who is exempt from single sign-on,
-- and what an owner can set. An administrator is a person in a built-in group;
-- docs/decisions/0020 says why.

-- +goose Up

-- password_hash is '' for somebody who has not chosen one yet. step is that of the
-- last one-time code that counted (RFC 6238); failures are in a row.
CREATE TABLE credentials (
    user_id       UUID   NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    password_hash TEXT   NOT NULL,
    authenticator BYTEA,
    step          BIGINT NOT NULL,
    failures      BIGINT NOT NULL,
    failed        BIGINT NOT NULL,
    changed       BIGINT NOT NULL
);

CREATE TABLE recovery_codes (
    user_id   UUID  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash BYTEA NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

-- Addresses that work once: the first administrator's, invitations, new passwords.
-- user_id is '' for the one that makes the first administrator.
CREATE TABLE one_time_addresses (
    token_hash BYTEA  NOT NULL PRIMARY KEY,
    purpose    TEXT   COLLATE "C" NOT NULL,
    user_id    TEXT   COLLATE "C" NOT NULL,
    made_by    TEXT   NOT NULL,
    expires    BIGINT NOT NULL
);
CREATE INDEX one_time_addresses_expires ON one_time_addresses (expires);
CREATE INDEX one_time_addresses_user ON one_time_addresses (user_id);

CREATE TABLE exemptions (
    user_id    UUID   NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    reason     TEXT   NOT NULL,
    granted_by TEXT   NOT NULL,
    granted    BIGINT NOT NULL,
    ends       BIGINT NOT NULL
);

CREATE TABLE settings (
    name       TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    value      TEXT   NOT NULL,
    changed    BIGINT NOT NULL,
    changed_by TEXT   NOT NULL
);
