package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"idms/internal/audit"
	"idms/internal/door"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/session"
)

// Passkeys of local people, and the challenges that they answer.

// Passkey is one of a local person.
type Passkey struct {
	door.Passkey
	ID   string    // UUIDv7; safe to show
	Host string    // at which it was made, and at which alone it answers
	Name string    // as its person calls it
	Made time.Time // when
	Used time.Time // last; zero: never
}

type passkeyRow struct {
	ID           string `gorm:"primaryKey"`
	UserID       string
	CredentialID []byte
	PublicKey    []byte
	Host         string
	Name         string
	Counter      int64
	Synced       bool
	Made         int64
	Used         int64
}

func (passkeyRow) TableName() string { return "passkeys" }

func (row passkeyRow) passkey() Passkey {
	return Passkey{
		Passkey: door.Passkey{Credential: row.CredentialID, Key: row.PublicKey, Counter: uint32(row.Counter), Synced: row.Synced},
		ID:      row.ID, Host: row.Host, Name: row.Name, Made: instant(row.Made), Used: instant(row.Used),
	}
}

// passkeysOf are those of a person, the oldest first.
func passkeysOf(db *gorm.DB, userID string) ([]Passkey, error) {
	var rows []passkeyRow
	if err := db.Order("made, id").Find(&rows, "user_id = ?", userID).Error; err != nil {
		return nil, wrap(err, "list passkeys")
	}
	var list []Passkey
	for _, row := range rows {
		list = append(list, row.passkey())
	}
	return list, nil
}

// PasskeysAt are the person's passkeys of one host.
func (c Credential) PasskeysAt(host string) []door.Passkey {
	var list []door.Passkey
	for _, one := range c.Passkeys {
		if one.Host == host {
			list = append(list, one.Passkey)
		}
	}
	return list
}

// SecondFactor is true of who has set one up: a password alone lets them in no
// more.
func (c Credential) SecondFactor() bool { return c.Authenticator != "" || len(c.Passkeys) > 0 }

// HolderOf finds the local person whose passkey has this credential ID, and the
// passkey, or fault.NotFound.
func (s *Store) HolderOf(ctx context.Context, credentialID []byte) (Credential, Passkey, error) {
	var rows []passkeyRow
	if err := s.read.WithContext(ctx).Limit(1).Find(&rows, "credential_id = ?", credentialID).Error; err != nil {
		return Credential{}, Passkey{}, wrap(err, "find a passkey")
	}
	if len(rows) == 0 {
		return Credential{}, Passkey{}, fault.New(fault.NotFound, "There is no such passkey.")
	}
	who, err := s.CredentialOf(ctx, rows[0].UserID)
	return who, rows[0].passkey(), err
}

// AddPasskey keeps a passkey, which gets an ID. Of whom has door.MaxPasskeys, and
// of a credential that is kept already, it is fault.Conflict. codes are the hashes
// of recovery codes; they are kept when the person has no others, and kept says so.
func (s *Store) AddPasskey(ctx context.Context, userID string, made Passkey, codes [][]byte, by Author) (kept bool, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		// Of several at once, each waits here for the one before it to be counted.
		locked := tx.db.Exec("UPDATE credentials SET changed = ? WHERE user_id = ?", micros(by.Now), userID)
		if locked.Error != nil || locked.RowsAffected == 0 {
			return orElse(wrap(locked.Error, "keep a passkey"), errNoLocal)
		}
		has, err := passkeysOf(tx.db, userID)
		if err != nil {
			return err
		}
		if len(has) >= door.MaxPasskeys {
			return fault.New(fault.Conflict, "You have %d passkeys, and that is as many as there may be. Remove one first.", door.MaxPasskeys)
		}
		row := passkeyRow{ID: NewID(), UserID: userID, CredentialID: made.Credential, PublicKey: made.Key, Host: made.Host, Name: made.Name,
			Counter: int64(made.Counter), Synced: made.Synced, Made: micros(by.Now)}
		done := tx.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
		if done.Error != nil {
			return wrap(done.Error, "keep a passkey")
		}
		if done.RowsAffected == 0 {
			return fault.New(fault.Conflict, "This passkey is known here already.")
		}
		n, err := tx.count("SELECT count(*) FROM recovery_codes WHERE user_id = ?", userID)
		if err != nil {
			return err
		}
		if kept = n == 0 && len(codes) > 0; kept {
			if err := tx.setRecoveries(userID, codes); err != nil {
				return err
			}
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.PasskeyAdded, Who: by.Who, Reason: by.Reason, Record: idms.LocalKey, User: userID,
			Changes: []audit.Change{{Field: "passkey", To: row.ID}}})
	})
	return kept, err
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// RemovePasskey takes one of a person's passkeys away, and the recovery codes with
// their last second factor. What is not theirs is fault.NotFound.
func (s *Store) RemovePasskey(ctx context.Context, userID, id string, by Author) error {
	notTheirs := fault.New(fault.NotFound, "You have no such passkey. It may have been removed already.")
	if !isID(id) {
		return notTheirs
	}
	return s.InTx(ctx, func(tx *Tx) error {
		done := tx.db.Delete(&passkeyRow{}, "id = ? AND user_id = ?", id, userID)
		if done.Error != nil || done.RowsAffected == 0 {
			return orElse(wrap(done.Error, "remove a passkey"), notTheirs)
		}
		if err := tx.dropRecoveries(userID); err != nil {
			return err
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.PasskeyRemoved, Who: by.Who, Reason: by.Reason, Record: idms.LocalKey, User: userID,
			Changes: []audit.Change{{Field: "passkey", From: id}}})
	})
}

// dropRecoveries takes the recovery codes of a person away who has no second factor
// that they could stand in for.
func (tx *Tx) dropRecoveries(userID string) error {
	return wrap(tx.db.Exec(`DELETE FROM recovery_codes WHERE user_id = ?
		AND NOT EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = recovery_codes.user_id)
		AND NOT EXISTS (SELECT 1 FROM credentials c WHERE c.user_id = recovery_codes.user_id AND c.authenticator IS NOT NULL)`, userID).Error,
		"forget recovery codes")
}

// RemoveSecondFactors takes the app, the passkeys and the recovery codes away, which
// are lost, in an owner's name. It is for owners: fault.Denied.
func (s *Store) RemoveSecondFactors(ctx context.Context, userID string, by Author) error {
	if !by.Role.May(roles.Owner) {
		return fault.New(fault.Denied, "Only an owner may take somebody's second factors away.")
	}
	return s.InTx(ctx, func(tx *Tx) error {
		done := tx.db.Exec("UPDATE credentials SET authenticator = NULL, step = 0, changed = ? WHERE user_id = ? AND authenticator IS NOT NULL",
			micros(by.Now), userID)
		if done.Error != nil {
			return wrap(done.Error, "remove an authenticator")
		}
		event := audit.Event{At: by.Now, Who: by.Who, Reason: by.Reason, Record: idms.LocalKey, User: userID}
		var events []audit.Event
		if event.Action = audit.AuthenticatorRemoved; done.RowsAffected == 1 {
			events = append(events, event)
		}
		var gone []string
		if err := tx.db.Raw("DELETE FROM passkeys WHERE user_id = ? RETURNING id", userID).Scan(&gone).Error; err != nil {
			return wrap(err, "remove passkeys")
		}
		event.Action = audit.PasskeyRemoved
		for _, id := range gone {
			event.Changes = []audit.Change{{Field: "passkey", From: id}}
			events = append(events, event)
		}
		if err := tx.setRecoveries(userID, nil); err != nil {
			return err
		}
		return tx.Audit(events...)
	})
}

// UsePasskey notes in a login's transaction that a passkey has proved its person
// with this count of signatures. It is false when another proof with as high a count
// came before, which a counter that rises cannot give.
func (tx *Tx) UsePasskey(id string, counter uint32, now time.Time) (bool, error) {
	done := tx.db.Exec("UPDATE passkeys SET counter = ?, used = ? WHERE id = ? AND (counter < ? OR counter = 0 AND counter = ?)",
		int64(counter), micros(now), id, int64(counter), int64(counter))
	return done.RowsAffected == 1, wrap(done.Error, "use a passkey")
}

// SetRecoveries keeps the hashes of new recovery codes in the place of the former
// ones.
func (s *Store) SetRecoveries(ctx context.Context, userID string, codes [][]byte, by Author) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.setRecoveries(userID, codes); err != nil {
			return err
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.RecoveryCodesMade, Who: by.Who, Reason: by.Reason, Record: idms.LocalKey, User: userID})
	})
}

// ChangePassword keeps a password that its person has chosen beside the former one:
// their other sessions end, and what one-time addresses they had.
func (s *Store) ChangePassword(ctx context.Context, userID, hash, sessionID string, by Author) error {
	return s.InTx(ctx, func(tx *Tx) error { return tx.setPassword(userID, hash, spared{sessionID, true}, by) })
}

// EndOwnSession ends another session of a person, who has asked for that. One that
// has ended already, or is not theirs, is nothing.
func (s *Store) EndOwnSession(ctx context.Context, of session.Session, id string, now time.Time) error {
	if !isID(id) {
		return nil
	}
	return s.InTx(ctx, func(tx *Tx) error {
		ended, err := endSessions(tx.db, "user_id = ? AND id = ?", of.UserID, id)
		if err != nil || ended == 0 {
			return err
		}
		return tx.Audit(audit.Event{At: now, Action: audit.LoggedOut, Record: of.RecordKey, User: of.UserID, Changes: EndedSessions([]string{id})})
	})
}

// Challenges

// Challenge is what a browser is asked to answer with a passkey.
type Challenge struct {
	Purpose ChallengePurpose
	UserID  string // "" where the passkey says who it is
	Expires time.Time
}

// ChallengePurpose is what a challenge is for; an answer counts for nothing else.
type ChallengePurpose string

const (
	MakePasskey   ChallengePurpose = "make"
	LogIn         ChallengePurpose = "log_in"         // by a passkey alone
	AfterPassword ChallengePurpose = "after_password" // which was right
)

type challengeRow struct {
	TokenHash []byte `gorm:"primaryKey"`
	Purpose   string
	UserID    string
	Expires   int64
}

func (challengeRow) TableName() string { return "passkey_challenges" }

// maxChallenges bounds how many logins by a passkey alone wait at a time: anybody can
// begin one. The oldest are forgotten when there are more; of those whom we know there
// is one for each purpose, and no stranger makes us forget it.
const maxChallenges = 10_000

// KeepChallenge remembers a challenge by the hash of its token (session.NewToken). Of
// one person and purpose there is one: the newest.
func (s *Store) KeepChallenge(ctx context.Context, c Challenge, tokenHash []byte) error {
	return s.InTx(ctx, func(tx *Tx) error { return tx.KeepChallenge(c, tokenHash) })
}

// KeepChallenge is Store.KeepChallenge in a transaction.
func (tx *Tx) KeepChallenge(c Challenge, tokenHash []byte) error {
	if c.UserID != "" {
		if err := tx.db.Delete(&challengeRow{}, "user_id = ? AND purpose = ?", c.UserID, string(c.Purpose)).Error; err != nil {
			return wrap(err, "forget a challenge")
		}
	}
	row := challengeRow{TokenHash: tokenHash, Purpose: string(c.Purpose), UserID: c.UserID, Expires: micros(c.Expires)}
	if err := tx.db.Create(&row).Error; err != nil {
		return wrap(err, "keep a challenge")
	}
	return wrap(tx.db.Exec(`DELETE FROM passkey_challenges WHERE token_hash IN
		(SELECT token_hash FROM passkey_challenges WHERE user_id = '' ORDER BY expires DESC, token_hash LIMIT ? OFFSET ?)`, purgeAtOnce, maxChallenges).Error,
		"forget challenges")
}

// UseChallenge uses a challenge up, whatever becomes of the answer. Of any number of
// tries one gets it; the others, and one that comes too late, get fault.NotFound.
func (s *Store) UseChallenge(ctx context.Context, tokenHash []byte, now time.Time) (Challenge, error) {
	var rows []challengeRow
	err := s.write.WithContext(ctx).Raw("DELETE FROM passkey_challenges WHERE token_hash = ? AND expires > ? RETURNING token_hash, purpose, user_id, expires",
		tokenHash, micros(now)).Scan(&rows).Error
	if err != nil {
		return Challenge{}, wrap(err, "use a challenge")
	}
	if len(rows) == 0 {
		return Challenge{}, fault.New(fault.NotFound, "The time for this is over, or it was done already. Begin again.")
	}
	row := rows[0]
	return Challenge{Purpose: ChallengePurpose(row.Purpose), UserID: row.UserID, Expires: instant(row.Expires)}, nil
}

// ChallengeLasts is how long a browser has for its answer.
const ChallengeLasts = 5 * time.Minute
