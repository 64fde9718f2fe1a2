package store

import (
	"context"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/users"
)

// OneTime is an address that works once: it makes the first administrator, invites
// a person, or lets them choose a new password.
type OneTime struct {
	Purpose OneTimePurpose
	UserID  string // "" for the first administrator, who is nobody yet
	MadeBy  string
	Expires time.Time
}

// OneTimePurpose is what a one-time address is for.
type OneTimePurpose string

const (
	FirstOwner  OneTimePurpose = "first_owner"
	NewPassword OneTimePurpose = "new_password"
	// Forgotten is asked for by anybody at the door, in the name of a person who reads
	// the letter. It changes the password and lets nobody in.
	Forgotten OneTimePurpose = "forgotten_password"
)

// MaxForgotten is how many addresses of the purpose Forgotten one person has at a
// time. Each is sent, so it is how many letters strangers can make one person get
// while an address lasts.
const MaxForgotten = 3

type oneTimeRow struct {
	TokenHash []byte `gorm:"primaryKey"`
	Purpose   string
	UserID    string
	MadeBy    string
	Expires   int64
}

func (oneTimeRow) TableName() string { return "one_time_addresses" }

// KeepOneTime remembers a one-time address by the hash of its token
// (session.NewToken). An earlier one of the same purpose and person counts no
// more. The audit trail gets events.
func (s *Store) KeepOneTime(ctx context.Context, address OneTime, tokenHash []byte, events ...audit.Event) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.db.Delete(&oneTimeRow{}, "purpose = ? AND user_id = ?", string(address.Purpose), address.UserID).Error; err != nil {
			return wrap(err, "forget a one-time address")
		}
		return tx.keepOneTime(address, tokenHash, events...)
	})
}

func (tx *Tx) keepOneTime(address OneTime, tokenHash []byte, events ...audit.Event) error {
	row := oneTimeRow{TokenHash: tokenHash, Purpose: string(address.Purpose), UserID: address.UserID, MadeBy: address.MadeBy, Expires: micros(address.Expires)}
	if err := tx.db.Create(&row).Error; err != nil {
		return wrap(err, "keep a one-time address")
	}
	return tx.Audit(events...)
}

// KeepForgotten remembers the one-time address of a person who says that they have
// forgotten their password, and is false without doing so when MaxForgotten of them
// are outstanding already, over all processes. Earlier ones go on: a stranger who
// asks again must not end the one that the person has before them.
func (s *Store) KeepForgotten(ctx context.Context, userID string, ends time.Time, tokenHash []byte, event audit.Event) (kept bool, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		if err := tx.lock("SELECT pg_advisory_xact_lock(?)", lockNumber("forgotten", userID)); err != nil {
			return err
		}
		outstanding, err := tx.count("SELECT count(*) FROM one_time_addresses WHERE purpose = ? AND user_id = ? AND expires > ?",
			string(Forgotten), userID, micros(event.At))
		if err != nil || outstanding >= MaxForgotten {
			return err
		}
		kept = true
		return tx.keepOneTime(OneTime{Purpose: Forgotten, UserID: userID, Expires: ends}, tokenHash, event)
	})
	return kept && err == nil, err
}

var errNoOneTime = fault.New(fault.NotFound, "This address has been used already, or its time is over. Ask for a new one.")

// OneTime finds a one-time address without using it up, or fault.NotFound.
func (s *Store) OneTime(ctx context.Context, tokenHash []byte, now time.Time) (OneTime, error) {
	var row oneTimeRow
	found := s.read.WithContext(ctx).Limit(1).Find(&row, "token_hash = ? AND expires > ?", tokenHash, micros(now))
	if found.Error != nil {
		return OneTime{}, wrap(found.Error, "find a one-time address")
	}
	if found.RowsAffected == 0 {
		return OneTime{}, errNoOneTime
	}
	return row.oneTime(), nil
}

func (row oneTimeRow) oneTime() OneTime {
	return OneTime{Purpose: OneTimePurpose(row.Purpose), UserID: row.UserID, MadeBy: row.MadeBy, Expires: instant(row.Expires)}
}

// useOneTime uses a one-time address up. Of any number of tries one gets it; the
// others get fault.NotFound.
func (tx *Tx) useOneTime(tokenHash []byte, now time.Time) (OneTime, error) {
	var rows []oneTimeRow
	err := tx.db.Raw(`DELETE FROM one_time_addresses WHERE token_hash = ? AND expires > ?
		RETURNING token_hash, purpose, user_id, made_by, expires`, tokenHash, micros(now)).Scan(&rows).Error
	if err != nil {
		return OneTime{}, wrap(err, "use a one-time address")
	}
	if len(rows) == 0 {
		return OneTime{}, errNoOneTime
	}
	return rows[0].oneTime(), nil
}

// ChooseFirstOwner uses the first administrator's address: a local owner
// with this password's hash. Where an owner can log in already it is fault.Conflict.
func (s *Store) ChooseFirstOwner(ctx context.Context, tokenHash []byte, profile users.Profile, passwordHash string, by Author) (userID string, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		if err := tx.lockChanges(); err != nil { // two of them at once would both be the first
			return err
		}
		address, err := tx.useOneTime(tokenHash, by.Now)
		if err != nil {
			return err
		}
		if address.Purpose != FirstOwner {
			return errNoOneTime
		}
		if able, err := tx.ableOwners(); err != nil || len(able.names) > 0 {
			if err == nil {
				err = fault.New(fault.Conflict, "There is an owner already, who can make further administrators.")
			}
			return err
		}
		if userID, err = tx.createLocal(profile, roles.Owner, by); err != nil {
			return err
		}
		return tx.setPassword(userID, passwordHash, spared{}, by)
	})
	return userID, err
}

// ChoosePassword uses the address of a purpose that lets its person choose a
// password. Failures at the door are forgotten, but for the purpose Forgotten: who
// reads a letter has proved no second factor, and each letter would give away as many
// wrong codes as are free.
func (s *Store) ChoosePassword(ctx context.Context, purpose OneTimePurpose, tokenHash []byte, passwordHash string, by Author) (userID string, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		address, err := tx.useOneTime(tokenHash, by.Now)
		if err != nil {
			return err
		}
		if address.Purpose != purpose || address.UserID == "" {
			return errNoOneTime
		}
		userID = address.UserID
		return tx.setPassword(userID, passwordHash, spared{failures: purpose == Forgotten}, by)
	})
	return userID, err
}

// endOneTime ends the one-time addresses of a person, and says whether one was
// still to be used.
func (tx *Tx) endOneTime(userID string) (bool, error) {
	done := tx.db.Delete(&oneTimeRow{}, "user_id = ?", userID)
	return done.RowsAffected > 0, wrap(done.Error, "end one-time addresses")
}

// EndOneTime ends the one-time addresses of a person, who has to ask for another.
// Without one it is nothing. It is for owners: fault.Denied.
func (s *Store) EndOneTime(ctx context.Context, userID string, by Author) error {
	if !by.Role.May(roles.Owner) {
		return fault.New(fault.Denied, "One-time addresses are for owners to make and to end.")
	}
	return s.InTx(ctx, func(tx *Tx) error {
		ended, err := tx.endOneTime(userID)
		if err != nil || !ended {
			return err
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.PasswordAddressEnded, Who: by.Who, Reason: by.Reason, Record: idms.LocalKey, User: userID})
	})
}

// OutstandingAddress is when the one-time address of a person ends that somebody made
// for them, and the zero time without one. What strangers had sent is not told: it
// lets nobody in, and anybody may ask for it.
func (s *Store) OutstandingAddress(ctx context.Context, userID string) (time.Time, error) {
	var ends int64
	err := s.read.WithContext(ctx).Raw("SELECT COALESCE(max(expires), 0) FROM one_time_addresses WHERE user_id = ? AND expires > ? AND purpose <> ?",
		userID, micros(s.clock()), string(Forgotten)).Scan(&ends).Error
	return instant(ends), wrap(err, "find a one-time address")
}
