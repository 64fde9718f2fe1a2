package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"idms/internal/audit"
	"idms/internal/idms"
	"idms/internal/roles"
)

// Protected are the accounts of a record that no sync touches, and why (L4): people
// who are exempt from single sign-on now, and administrators who can log in. A
// directory that makes a mistake, or that somebody else rules, must not be what
// decides who administers idms.
func (s *Store) Protected(ctx context.Context, recordID string, now time.Time) (map[uuid.UUID]string, error) {
	var rows []struct {
		ID    uuid.UUID
		Group string
	}
	err := s.read.WithContext(ctx).Raw(`SELECT u.id, '' AS "group" FROM users u JOIN exemptions e ON e.user_id = u.id
			WHERE u.record_id = ? AND e.ends > ?
		UNION SELECT u.id, m.group_key AS "group" FROM users u
			JOIN membership_sources m ON m.user_id = u.id AND m.group_key IN ?
			JOIN records r ON r.id = u.record_id
			LEFT JOIN credentials c ON c.user_id = u.id
			WHERE u.record_id = ? AND u.state IN ('', 'enabled') AND r.state = 'active' AND (r.key <> ? OR c.password_hash <> '')`,
		recordID, micros(now), roles.Groups(), recordID, idms.LocalKey).Scan(&rows).Error
	if err != nil {
		return nil, wrap(err, "look for whom no sync touches")
	}
	groupsOf := map[uuid.UUID][]string{}
	for _, row := range rows {
		groupsOf[row.ID] = append(groupsOf[row.ID], row.Group)
	}
	protected := make(map[uuid.UUID]string, len(groupsOf))
	for user, list := range groupsOf {
		protected[user] = "exempt from single sign-on"
		if role := roles.Of(list); role != roles.None {
			protected[user] = "an administrator of idms, of the role " + string(role)
		}
	}
	return protected, nil
}

// mayChangeOf is MayChange by the record's key.
func (s *Store) mayChangeOf(ctx context.Context, key string, by Author) error {
	record, err := s.Record(ctx, key)
	if err != nil {
		return err
	}
	return s.MayChange(ctx, record, by)
}

// AskForDirectory has a record's job run as soon as somebody looks, in the name of
// whoever asks, and notes it. via is a cause of a run.
func (s *Store) AskForDirectory(ctx context.Context, key, job, via string, by Author) error {
	if err := s.mayChangeOf(ctx, key, by); err != nil {
		return err
	}
	return s.ask(ctx, key, job, via, "run", by)
}

// AskForRehearsal is AskForDirectory for a run that changes nothing.
func (s *Store) AskForRehearsal(ctx context.Context, key, job, via string, by Author) error {
	return s.ask(ctx, key, job, via, "rehearsal", by)
}

func (s *Store) ask(ctx context.Context, key, job, via, what string, by Author) error {
	if err := s.MeetJobs(ctx, by.Now, job); err != nil { // the record may be new
		return err
	}
	return s.InTx(ctx, func(tx *Tx) error {
		asked := map[string]any{"asked": micros(by.Now), "asked_by": by.Who, "asked_via": via, "asked_why": by.Reason}
		if err := tx.db.Model(&jobRow{}).Where("name = ?", job).Updates(asked).Error; err != nil {
			return wrap(err, "ask for a run")
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.DirectoryAsked, Who: by.Who, Reason: by.Reason, Record: key,
			Changes: []audit.Change{{Field: "directory." + what, To: via}}})
	})
}

// PauseDirectory keeps a record's job from running by itself, or lets it again,
// and notes who did.
func (s *Store) PauseDirectory(ctx context.Context, key, job string, paused bool, by Author) error {
	if err := s.mayChangeOf(ctx, key, by); err != nil {
		return err
	}
	states, err := s.Jobs(ctx)
	if err != nil {
		return err
	}
	if err := s.PauseJob(ctx, job, paused); err != nil || states[job].Paused == paused {
		return err
	}
	words := map[bool]string{true: "paused", false: "by itself"}
	return s.InTx(ctx, func(tx *Tx) error {
		return tx.Audit(audit.Event{At: by.Now, Action: audit.RecordChanged, Who: by.Who, Reason: by.Reason, Record: key,
			Changes: []audit.Change{{Field: "directory.job", From: words[!paused], To: words[paused]}}})
	})
}

// DirectoryWaits is true when the last run that read a record's directory whole
// left a plan that waits for approval.
func (s *Store) DirectoryWaits(ctx context.Context, recordKey string) (bool, error) {
	var outcome string
	err := s.read.WithContext(ctx).Raw("SELECT outcome FROM directory_runs WHERE record_key = ? AND outcome NOT IN (?, ?) ORDER BY began DESC, id DESC LIMIT 1",
		recordKey, RunFailed, RunRehearsed).Scan(&outcome).Error
	return RunOutcome(outcome) == RunHeld || RunOutcome(outcome) == RunPartly, wrap(err, "look for a plan that waits")
}

// HasBindPassword is true when there is one.
func (s *Store) HasBindPassword(ctx context.Context, recordID string) (bool, error) {
	var n int64
	err := s.read.WithContext(ctx).Model(&secretRow{}).Where("record_id = ? AND purpose = ? AND n = 1", recordID, purposeBind).Count(&n).Error
	return n > 0, wrap(err, "look for a password")
}
