-- Alarms are few among the events of a busy service, and looked for by themselves: by
-- who reads the audit trail, and for the proof that the back door works.

-- +goose Up

CREATE INDEX audit_events_alarm ON audit_events (at, id) WHERE alarm;
