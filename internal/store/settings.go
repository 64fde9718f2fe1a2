package store

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"idms/internal/audit"
	"idms/internal/config"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/roles"
)

// Settings are what owners set while the service runs. All else is configuration.
// The zero value is how a new database begins.
type Settings struct {
	Enforced bool // single sign-on: passwords are for administrators and exempt people alone (S50)
	DoorShut bool // nobody logs in with a password (S52); a one-time address does
	// Adjusted are settings of the configuration as owners typed them, by name
	// (config.Adjustable). Where a process's own configuration sets one, that counts.
	Adjusted map[string]string
}

// The rows of the settings that are no configuration.
const (
	enforcedSetting = "single_sign_on_enforced"
	doorShutSetting = "back_door_shut"
)

// rows are the settings as they are kept: what is not there is as it was at the
// beginning.
func (s Settings) rows() map[string]string {
	rows := maps.Clone(s.Adjusted)
	if rows == nil {
		rows = map[string]string{}
	}
	rows[enforcedSetting], rows[doorShutSetting] = strconv.FormatBool(s.Enforced), strconv.FormatBool(s.DoorShut)
	return rows
}

type settingRow struct {
	Name      string `gorm:"primaryKey"`
	Value     string
	Changed   int64
	ChangedBy string
}

func (settingRow) TableName() string { return "settings" }

// Settings are as they are now.
func (s *Store) Settings(ctx context.Context) (Settings, error) {
	return settings(s.read.WithContext(ctx))
}

func settings(db *gorm.DB) (Settings, error) {
	var rows []settingRow
	if err := db.Find(&rows).Error; err != nil {
		return Settings{}, wrap(err, "read the settings")
	}
	read := Settings{Adjusted: map[string]string{}}
	for _, row := range rows {
		switch {
		case row.Name == enforcedSetting:
			read.Enforced = row.Value == "true"
		case row.Name == doorShutSetting:
			read.DoorShut = row.Value == "true"
		case config.IsAdjustable(row.Name):
			read.Adjusted[row.Name] = row.Value
		}
	}
	return read, nil
}

// SetSettings makes the settings so. Only an owner may; single sign-on is enforced
// only when a login through a record and one at the back door have both been seen
// within ProofLasts, so that nobody locks everybody out (fault.Conflict, with what
// is missing). An adjusted setting that cannot be obeyed is fault.Invalid at its
// name.
func (s *Store) SetSettings(ctx context.Context, to Settings, by Author) error {
	return s.ChangeSettings(ctx, by, func(now *Settings) error {
		*now = to
		return nil
	})
}

// ChangeSettings is SetSettings for who changes some of them: nobody else changes
// any between what change is given and what it leaves. An error of change changes
// nothing. Its processes obey at once, all others within settingsAge.
func (s *Store) ChangeSettings(ctx context.Context, by Author, change func(*Settings) error) error {
	if !by.Role.May(roles.Owner) {
		return fault.New(fault.Denied, "The settings are for owners to change.")
	}
	err := s.InTx(ctx, func(tx *Tx) error {
		if err := tx.lockChanges(); err != nil {
			return err
		}
		now, err := settings(tx.db)
		if err != nil {
			return err
		}
		to := now
		to.Adjusted = maps.Clone(now.Adjusted)
		if err := change(&to); err != nil {
			return err
		}
		if _, problems := config.ReadAdjusted(to.Adjusted); problems.Any() {
			return problems.Err()
		}
		if to.Enforced && !now.Enforced {
			if err := tx.provedBothWays(by.Now); err != nil {
				return err
			}
		}
		return tx.saveSettings(now.rows(), to.rows(), by)
	})
	if last := s.settled.Load(); err == nil && last != nil {
		old := *last
		old.at = time.Time{}
		s.settled.Store(&old)
	}
	return err
}

// saveSettings writes what is different, each with its event.
func (tx *Tx) saveSettings(before, after map[string]string, by Author) error {
	names := slices.Sorted(maps.Keys(after))
	for name := range before {
		if _, stays := after[name]; !stays {
			names = append(names, name)
		}
	}
	for _, name := range names {
		from, was := before[name]
		to, stays := after[name]
		if was == stays && from == to {
			continue
		}
		var err error
		if stays {
			row := settingRow{Name: name, Value: to, Changed: micros(by.Now), ChangedBy: by.Who}
			err = tx.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error
		} else {
			err = tx.db.Delete(&settingRow{}, "name = ?", name).Error
		}
		if err != nil {
			return wrap(err, "save a setting")
		}
		if err := tx.Audit(audit.Event{At: by.Now, Action: audit.SettingChanged, Who: by.Who, Reason: by.Reason,
			Changes: []audit.Change{{Field: name, From: from, To: to}}}); err != nil {
			return err
		}
	}
	return nil
}

// settingsAge bounds how long a process goes on by settings that another one has
// changed. Within it a login asks the database nothing about them.
const settingsAge = 2 * time.Second

// settled are the settings as this process last read them.
type settled struct {
	Settings
	counting config.Adjusted // without what this process's configuration sets
	at       time.Time
}

// Current are the settings as they were within settingsAge, at no cost: for what
// is asked at every login and on every page. Where the database does not answer,
// it is those that it answered last.
func (s *Store) Current(ctx context.Context) Settings { return s.current(ctx).Settings }

// Adjusted are the settings of the configuration that owners have changed, as far
// as this process's configuration leaves them to the database; like Current.
func (s *Store) Adjusted(ctx context.Context) config.Adjusted { return s.current(ctx).counting }

func (s *Store) current(ctx context.Context) settled {
	now := s.clock()
	last := s.settled.Load()
	if last != nil && now.Sub(last.at).Abs() < settingsAge {
		return *last
	}
	// One of those who come at once asks; the others go on with what is known.
	if last != nil && !s.settling.TryLock() {
		return *last
	}
	if last == nil {
		s.settling.Lock()
	}
	defer s.settling.Unlock()
	read, err := s.Settings(ctx)
	if err != nil {
		if last != nil {
			return *last
		}
		return settled{}
	}
	fresh := &settled{Settings: read, at: now}
	adjusted, _ := config.ReadAdjusted(read.Adjusted) // what an older version wrote and this one cannot obey is not obeyed
	fresh.counting = adjusted.Without(s.fixed...)
	s.settled.Store(fresh)
	return *fresh
}

// keeping is how long things are kept, with adjustments.
func (s *Store) keeping(a config.Adjusted) Retention {
	kept := s.retention
	kept.Traces = a.Duration("retention.traces", kept.Traces)
	kept.Unverified = a.Number("retention.unverified", kept.Unverified)
	kept.Audit = a.Duration("retention.audit", kept.Audit)
	kept.Assertions = a.Duration("retention.assertions", kept.Assertions)
	kept.Idle = a.Duration("session.idle", kept.Idle)
	return kept
}

// Adjusted are those of the Store, for use inside of a transaction: it asks nobody.
func (tx *Tx) Adjusted() config.Adjusted { return tx.store.lately() }

// lately are the adjustments as they were last read, which InTx sees to: inside of a
// transaction there may be no further connection to ask with.
func (s *Store) lately() config.Adjusted {
	if last := s.settled.Load(); last != nil {
		return last.counting
	}
	return config.Adjusted{}
}

// ProofLasts is how long a login proves that its way works.
const ProofLasts = 7 * 24 * time.Hour

// Proof is a login that shows that a way in works.
type Proof struct {
	At     time.Time // zero: there is none
	Test   bool      // it was a test login
	Record string    // key; of the back door ""
	Who    string    // username; of a test login who asked for it
}

// Proofs are the last logins on both ways in, at most ProofLasts before now: through
// a record that is active, a passed test login of one included, and of an
// administrator at the back door with a password. Enforcing single sign-on needs both.
type Proofs struct{ Provider, BackDoor Proof }

// Proofs that count at now.
func (s *Store) Proofs(ctx context.Context, now time.Time) (Proofs, error) {
	return proofs(s.read.WithContext(ctx), now)
}

func proofs(db *gorm.DB, now time.Time) (Proofs, error) {
	since := micros(now.Add(-ProofLasts))
	var found Proofs
	for _, way := range []struct {
		into  *Proof
		which string
		args  []any
	}{
		{&found.Provider, `e.at > ? AND e.action IN (?, ?) AND e.code = '' AND e.record_key <> ?
			AND EXISTS (SELECT 1 FROM records r WHERE r.key = e.record_key AND r.state = 'active')`,
			[]any{since, string(audit.LoggedIn), string(audit.LoginTested), idms.LocalKey}},
		{&found.BackDoor, "e.at > ? AND e.alarm AND e.action = ? AND e.code = '' AND e.reason = ''", []any{since, string(audit.BackDoorUsed)}},
	} {
		var rows []struct {
			At                             int64
			Action, RecordKey, Who, UserID string
		}
		err := db.Raw(`SELECT e.at, e.action, e.record_key, e.who, e.user_id
			FROM audit_events e WHERE `+way.which+` ORDER BY e.at DESC LIMIT 1`, way.args...).Scan(&rows).Error
		if err != nil {
			return Proofs{}, wrap(err, "look for a login")
		}
		for _, row := range rows {
			var names []string
			if isID(row.UserID) {
				if err := db.Raw("SELECT username FROM users WHERE id = ?", row.UserID).Scan(&names).Error; err != nil {
					return Proofs{}, wrap(err, "find who logged in")
				}
			}
			who := row.Who
			if len(names) > 0 {
				who = names[0]
			}
			*way.into = Proof{At: instant(row.At), Test: row.Action == string(audit.LoginTested), Record: row.RecordKey, Who: who}
		}
	}
	found.BackDoor.Record = ""
	return found, nil
}

func (tx *Tx) provedBothWays(now time.Time) error {
	found, err := proofs(tx.db, now)
	switch {
	case err != nil:
		return err
	case found.Provider.At.IsZero():
		return fault.New(fault.Conflict, "Nobody has logged in through an identity provider in the last 7 days, and no test login of an active record has passed. Log in through one first, or test it.")
	case found.BackDoor.At.IsZero():
		return fault.New(fault.Conflict, "No administrator has logged in with a password in the last 7 days. Prove that the back door works first: when the provider fails, it is the only way in.")
	}
	return nil
}
