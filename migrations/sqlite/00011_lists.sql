-- The orders in which administrators' pages filter what can be long: each is an
-- index, so that a rare word is found among 100,000 events or memberships without
-- reading them all (docs/performance.md).

-- +goose Up

-- What a login writes is in the first alone; the others hold what administrators do.
CREATE INDEX audit_events_action ON audit_events (action, at, id);
CREATE INDEX audit_events_who ON audit_events (who, at, id) WHERE who <> '';
CREATE INDEX audit_events_group ON audit_events (group_key, at, id) WHERE group_key <> '';
CREATE INDEX audit_events_alarm ON audit_events (at, id) WHERE alarm;

CREATE INDEX traces_code ON traces (code, at, ref) WHERE NOT admitted;

-- Which associations are the reason of memberships (S34).
CREATE INDEX membership_sources_association ON membership_sources (group_key, record_key, granted_by) WHERE kind = 'association';
