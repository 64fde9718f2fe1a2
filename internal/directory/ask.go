package directory

import (
	"context"
	"errors"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/store"
)

// Approve lets the plan of a held run through, once, at the next run (L6). by is
// the administrator in whose name.
func (s *Sync) Approve(ctx context.Context, key, hash string, by store.Author) error {
	edition, _, err := s.record(ctx, key)
	if err != nil {
		return err
	}
	if by.Who == "" {
		return fault.New(fault.Denied, "Only somebody with a name approves a plan.")
	}
	return s.Store.ApproveRun(ctx, edition, hash, by)
}

// TestConnection says what a record's directory answers, step by step.
func (s *Sync) TestConnection(ctx context.Context, key string) (ldapsync.Connection, error) {
	settings, password, err := s.access(ctx, key)
	if err != nil {
		return ldapsync.Connection{}, err
	}
	return ldapsync.TestConnection(ctx, settings, password)
}

// TestUser shows what the directory has of a person, what maps to what, and
// whether they are in scope.
func (s *Sync) TestUser(ctx context.Context, key, name string) (ldapsync.Found, error) {
	settings, password, err := s.access(ctx, key)
	if err != nil {
		return ldapsync.Found{}, err
	}
	return ldapsync.TestUser(ctx, settings, password, name)
}

// TestGroup shows what the directory has of a group.
func (s *Sync) TestGroup(ctx context.Context, key, name string) (ldapsync.Found, error) {
	settings, password, err := s.access(ctx, key)
	if err != nil {
		return ldapsync.Found{}, err
	}
	return ldapsync.TestGroup(ctx, settings, password, name)
}

func (s *Sync) access(ctx context.Context, key string) (ldapsync.Settings, string, error) {
	edition, record, err := s.record(ctx, key)
	if err != nil {
		return ldapsync.Settings{}, "", err
	}
	password, err := s.Store.BindPassword(ctx, edition.ID)
	return *record.Directory, password, err
}

// JobName is what the schedule of a record goes by.
func JobName(key string) string { return "directory " + key }

// Scheduled are the records that are synced by themselves.
func (s *Sync) Scheduled(ctx context.Context) ([]idms.Connection, error) {
	all, err := s.Store.Connections(ctx)
	if err != nil {
		return nil, err
	}
	var list []idms.Connection
	for _, record := range all {
		if record.State == idms.Active && record.Association == idms.FromDirectory && record.Directory != nil && !record.Directory.Schedule.Paused {
			list = append(list, record)
		}
	}
	return list, nil
}

// Blame is the code and the sentence of a directory that failed, and false when
// something else did.
func Blame(err error) (code, sentence string, ok bool) {
	of, ok := errors.AsType[*ldapsync.Fault](err)
	if !ok {
		return "", "", false
	}
	return string(of.Code), of.Sentence, true
}
