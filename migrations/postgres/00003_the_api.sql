-- The keys of machines, and the orders in which the API lists what can be long.

-- +goose Up

CREATE TABLE api_tokens (
    id         UUID   NOT NULL PRIMARY KEY,
    name       TEXT   COLLATE "C" NOT NULL UNIQUE,
    token_hash BYTEA  NOT NULL UNIQUE,
    role       TEXT   NOT NULL,
    created    BIGINT NOT NULL,
    created_by TEXT   NOT NULL,
    expires    BIGINT NOT NULL,
    used       BIGINT NOT NULL
);

-- A list goes on behind the last row it showed, so each order is an index. That of
-- traces takes the place of the one by instant alone.
DROP INDEX traces_at;
CREATE INDEX traces_at ON traces (at, ref);
CREATE INDEX traces_record ON traces (record_key, at, ref);
CREATE INDEX traces_refused ON traces (at, ref) WHERE NOT admitted;
CREATE INDEX audit_events_record ON audit_events (record_key, at, id) WHERE record_key <> '';
CREATE INDEX users_username ON users (username_folded, id);
DROP INDEX membership_sources_group;
CREATE INDEX membership_sources_group ON membership_sources (group_key, user_id);
