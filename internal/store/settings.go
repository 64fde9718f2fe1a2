package store

import (
	"context"
	"strconv"
	"time"

	"gorm.io/gorm/clause"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/roles"
)

// Settings are what owners set while the service runs. All else is configuration.
// The zero value is how a new database begins.
type Settings struct {
	Enforced bool // single sign-on: passwords are for administrators and exempt people alone (S50)
	DoorShut bool // nobody logs in with a password (S52); a one-time address does
}

// fields are the settings by the name of their row.
func (s *Settings) fields() map[string]*bool {
	return map[string]*bool{"single_sign_on_enforced": &s.Enforced, "back_door_shut": &s.DoorShut}
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
	var rows []settingRow
	if err := s.read.WithContext(ctx).Find(&rows).Error; err != nil {
		return Settings{}, wrap(err, "read the settings")
	}
	var settings Settings
	fields := settings.fields()
	for _, row := range rows {
		if field := fields[row.Name]; field != nil {
			*field = row.Value == "true"
		}
	}
	return settings, nil
}

// SetSettings makes the settings so. Only an owner may; single sign-on is enforced
// only when a login through a record and one at the back door have both been seen
// within ProofLasts, so that nobody locks everybody out (fault.Conflict, with what
// is missing).
func (s *Store) SetSettings(ctx context.Context, to Settings, by Author) error {
	if !by.Role.May(roles.Owner) {
		return fault.New(fault.Denied, "The settings are for owners to change.")
	}
	now, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	return s.InTx(ctx, func(tx *Tx) error {
		if to.Enforced && !now.Enforced {
			if err := tx.provedBothWays(by.Now); err != nil {
				return err
			}
		}
		before := now.fields()
		for name, value := range to.fields() {
			if *value == *before[name] {
				continue
			}
			row := settingRow{Name: name, Value: strconv.FormatBool(*value), Changed: micros(by.Now), ChangedBy: by.Who}
			if err := tx.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
				return wrap(err, "save a setting")
			}
			if err := tx.Audit(audit.Event{At: by.Now, Action: audit.SettingChanged, Who: by.Who, Reason: by.Reason,
				Changes: []audit.Change{{Field: name, From: strconv.FormatBool(*before[name]), To: row.Value}}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// ProofLasts is how long a login proves that its way works.
const ProofLasts = 7 * 24 * time.Hour

func (tx *Tx) provedBothWays(now time.Time) error {
	since := micros(now.Add(-ProofLasts))
	for _, way := range []struct {
		action  audit.Action
		through string
		missing string
	}{
		{audit.LoggedIn, "record_key <> 'local'", "Nobody has logged in through an identity provider in the last 7 days. Log in through one first."},
		{audit.BackDoorUsed, "code = '' AND reason = ''", "No administrator has logged in with a password in the last 7 days. Prove that the back door works first: when the provider fails, it is the only way in."},
	} {
		n, err := tx.count("SELECT count(*) FROM audit_events WHERE at > ? AND action = ? AND "+way.through, since, string(way.action))
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.Conflict, "%s", way.missing)
		}
	}
	return nil
}
