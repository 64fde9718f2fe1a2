package store

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/users"
)

// Local people, who belong to the built-in record (S40): their accounts and what
// they prove themselves with.

// Credential is what a local person proves themselves with.
type Credential struct {
	Account       users.Account
	Role          roles.Role
	PasswordHash  string    // "" before one was chosen
	Authenticator string    // secret of the app; "" without one
	Step          int64     // of the last one-time code that counted
	Failures      int       // in a row
	Failed        time.Time // the last of them
	Recoveries    int       // codes that are left
	Passkeys      []Passkey // the oldest first
	Exempt        *Exemption
}

// Exemption lets a person in with a password while single sign-on is enforced
// (S51).
type Exemption struct {
	Reason  string
	By      string
	Granted time.Time
	Ends    time.Time
}

type credentialRow struct {
	UserID        string `gorm:"primaryKey"`
	PasswordHash  string
	Authenticator []byte
	Step          int64
	Failures      int
	Failed        int64
	Changed       int64
}

func (credentialRow) TableName() string { return "credentials" }

type exemptionRow struct {
	UserID    string `gorm:"primaryKey"`
	Reason    string
	GrantedBy string
	Granted   int64
	Ends      int64
}

func (exemptionRow) TableName() string { return "exemptions" }

func authenticatorPlace(userID string) []byte { return []byte("credentials/authenticator/" + userID) }

// Credential finds a local person by username, case aside, or fault.NotFound.
func (s *Store) Credential(ctx context.Context, username string) (Credential, error) {
	if len(username) > users.MaxField || !storable(username) {
		return Credential{}, errNoLocal
	}
	return s.credential(s.read.WithContext(ctx), "u.username_folded = ?", users.Fold(username))
}

// CredentialOf finds a local person by account ID, or fault.NotFound.
func (s *Store) CredentialOf(ctx context.Context, userID string) (Credential, error) {
	if !isID(userID) {
		return Credential{}, errNoLocal
	}
	return s.credential(s.read.WithContext(ctx), "u.id = ?", userID)
}

var errNoLocal = fault.New(fault.NotFound, "There is no such local person.")

func (s *Store) credential(db *gorm.DB, which string, is any) (Credential, error) {
	var row struct {
		User       userRow       `gorm:"embedded;embeddedPrefix:u_"`
		Credential credentialRow `gorm:"embedded;embeddedPrefix:c_"`
		Exemption  exemptionRow  `gorm:"embedded;embeddedPrefix:e_"`
		Recoveries int
	}
	found := db.Raw(`SELECT `+userColumns+`,
			COALESCE(c.password_hash, '') AS c_password_hash, c.authenticator AS c_authenticator,
			COALESCE(c.step, 0) AS c_step, COALESCE(c.failures, 0) AS c_failures, COALESCE(c.failed, 0) AS c_failed,
			COALESCE(e.reason, '') AS e_reason, COALESCE(e.granted_by, '') AS e_granted_by,
			COALESCE(e.granted, 0) AS e_granted, COALESCE(e.ends, 0) AS e_ends,
			(SELECT count(*) FROM recovery_codes k WHERE k.user_id = u.id) AS recoveries
		FROM users u JOIN records r ON r.id = u.record_id
			LEFT JOIN credentials c ON c.user_id = u.id
			LEFT JOIN exemptions e ON e.user_id = u.id
		WHERE r.key = ? AND `+which, idms.LocalKey, is).Scan(&row)
	if found.Error != nil {
		return Credential{}, wrap(found.Error, "find a local person")
	}
	if found.RowsAffected == 0 {
		return Credential{}, errNoLocal
	}
	c := Credential{
		Account: row.User.account(), PasswordHash: row.Credential.PasswordHash, Step: row.Credential.Step,
		Failures: row.Credential.Failures, Failed: instant(row.Credential.Failed), Recoveries: row.Recoveries,
	}
	if row.Exemption.Ends > 0 {
		c.Exempt = new(row.Exemption.exemption())
	}
	if row.Credential.Authenticator != nil {
		secret, err := s.box.Unseal(row.Credential.Authenticator, authenticatorPlace(c.Account.ID))
		if err != nil {
			return Credential{}, wrap(err, "read an authenticator")
		}
		c.Authenticator = string(secret)
	}
	var err error
	if c.Passkeys, err = passkeysOf(db, c.Account.ID); err != nil {
		return Credential{}, err
	}
	list, err := memberships(db, c.Account.ID)
	if err != nil {
		return Credential{}, err
	}
	keys := make([]string, len(list))
	for i, membership := range list {
		keys[i] = membership.Group
	}
	c.Role = roles.Of(keys)
	return c, nil
}

// CreateLocal makes a local person, without a password yet, and a member of the
// group of a role, if one is given: for that the author must be an owner. A
// username that is taken is fault.Conflict.
func (s *Store) CreateLocal(ctx context.Context, profile users.Profile, role roles.Role, by Author) (userID string, err error) {
	if role != roles.None && !by.Role.May(roles.Owner) {
		return "", errOwnersOnly
	}
	err = s.InTx(ctx, func(tx *Tx) error {
		userID, err = tx.createLocal(profile, role, by)
		return err
	})
	return userID, err
}

func (tx *Tx) createLocal(profile users.Profile, role roles.Role, by Author) (userID string, err error) {
	local, err := tx.localRecord()
	if err != nil {
		return "", err
	}
	account := users.Account{ID: NewID(), RecordID: local, Profile: profile, State: users.Enabled, Created: by.Now}
	if err := tx.CreateUser(account); err != nil {
		return "", err
	}
	err = tx.Audit(audit.Event{At: by.Now, Action: audit.LocalPersonCreated, Who: by.Who, Reason: by.Reason,
		Record: idms.LocalKey, User: account.ID, Changes: []audit.Change{{Field: "username", To: profile.Username}}})
	if err != nil || role == roles.None {
		return account.ID, err
	}
	return account.ID, tx.grant(account.ID, role.Group(), by)
}

var errOwnersOnly = fault.New(fault.Denied, "Who is an administrator is for owners to say.")

func (tx *Tx) localRecord() (id string, err error) {
	err = tx.db.Model(&recordRow{}).Where("key = ?", idms.LocalKey).Pluck("id", &id).Error
	return id, wrap(err, "find the built-in record")
}

// grant is a manual membership (S36), told to the audit trail.
func (tx *Tx) grant(userID, group string, by Author) error {
	err := tx.ApplyChanges(userID, []groups.Change{{Group: group, Source: groups.Source{Kind: groups.Manual, By: by.Who, Since: by.Now}}}, by.Now)
	if err != nil {
		return err
	}
	return tx.Audit(audit.Event{At: by.Now, Action: audit.MemberAdded, Who: by.Who, Reason: by.Reason, User: userID, Group: group})
}

// SetRole makes a person an administrator of this role, and of no other; with
// roles.None of none. Only the manual memberships of the built-in groups change:
// what an association gives, it gives again. The last owner who can log in stays
// one (S44): fault.Conflict.
func (s *Store) SetRole(ctx context.Context, userID string, role roles.Role, by Author) error {
	if !by.Role.May(roles.Owner) {
		return errOwnersOnly
	}
	return s.InTx(ctx, func(tx *Tx) error {
		return tx.keepingAnOwner(func() error {
			list, err := memberships(tx.db, userID)
			if err != nil {
				return err
			}
			for _, membership := range list {
				if given, ok := roles.OfGroup(membership.Group); !ok || given == role {
					continue
				}
				var going []groups.Change
				for _, source := range membership.Sources {
					if source.Kind == groups.Manual {
						going = append(going, groups.Change{Group: membership.Group, Source: source, Remove: true})
					}
				}
				if len(going) == 0 {
					continue
				}
				if err := tx.ApplyChanges(userID, going, by.Now); err != nil {
					return err
				}
				if err := tx.Audit(audit.Event{At: by.Now, Action: audit.MemberRemoved, Who: by.Who, Reason: by.Reason, User: userID, Group: membership.Group}); err != nil {
					return err
				}
			}
			if role == roles.None {
				return nil
			}
			return tx.grant(userID, role.Group(), by)
		})
	})
}

// ableOwners counts the owners who can log in: enabled, and either local with a
// password, or of an active record.
const ableOwners = `SELECT count(DISTINCT u.id) FROM users u
	JOIN membership_sources m ON m.user_id = u.id AND m.group_key = ?
	JOIN records r ON r.id = u.record_id
	LEFT JOIN credentials c ON c.user_id = u.id
	WHERE u.state IN ('', 'enabled') AND r.state = 'active' AND (r.key <> ? OR c.password_hash <> '')`

// withoutAPassword narrows ableOwners to those whom a shut back door does not keep out.
const withoutAPassword = " AND (r.key <> '" + idms.LocalKey + `' OR NOT EXISTS
	(SELECT 1 FROM settings s WHERE s.name = '` + doorShutSetting + "' AND s.value = 'true'))"

// owners are those who can log in, the usernames of the first few.
type owners struct {
	names []string
	// behind is true when the back door is shut, and all of them are behind it: nobody
	// comes in before idms admin unlock.
	behind bool
}

func (tx *Tx) ableOwners() (owners, error) {
	query := strings.Replace(ableOwners, "count(DISTINCT u.id)", "DISTINCT u.id, u.username", 1)
	var found owners
	for _, narrowed := range []string{withoutAPassword, ""} {
		var rows []struct{ ID, Username string }
		if err := tx.db.Raw(query+narrowed+" ORDER BY u.id LIMIT 3", roles.Owner.Group(), idms.LocalKey).Scan(&rows).Error; err != nil {
			return owners{}, wrap(err, "find the owners")
		}
		for _, row := range rows {
			found.names = append(found.names, row.Username)
		}
		if found.behind = narrowed == "" && len(rows) > 0; len(rows) > 0 {
			break
		}
	}
	return found, nil
}

// lastOwner is true when nobody but this person is an owner who can log in, until
// the transaction ends.
func (tx *Tx) lastOwner(userID string) (bool, error) {
	if err := tx.lockOwners(); err != nil {
		return false, err
	}
	others, err := tx.count(ableOwners+withoutAPassword+" AND u.id <> ?", roles.Owner.Group(), idms.LocalKey, userID)
	return others == 0, err
}

// keepingAnOwner makes a change that could take the last owner away: when there
// was one who can log in and there is none afterwards, nothing changes and the
// error is fault.Conflict (S44).
func (tx *Tx) keepingAnOwner(change func() error) error {
	if err := tx.lockOwners(); err != nil {
		return err
	}
	before, err := tx.ableOwners()
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	return tx.stillAnOwner(before)
}

// ErrLastOwner is in the chain of the error for a change after which no owner could
// log in (S44); its kind is fault.Conflict.
var ErrLastOwner = errors.New("store: nobody could administer idms")

// stillAnOwner is the second half of keepingAnOwner, for who knows the first. It
// names who was the last one: whoever reads it has to know whom to ask.
func (tx *Tx) stillAnOwner(before owners) error {
	if len(before.names) == 0 {
		return nil
	}
	after, err := tx.ableOwners()
	if err == nil && (len(after.names) == 0 || after.behind && !before.behind) {
		who := before.names[0] + " is the last owner who can log in"
		if len(before.names) > 1 {
			who = strings.Join(before.names, ", ") + " are the last owners who can log in"
		}
		if after.behind {
			who += " while the back door is shut"
		}
		err = fault.Hide(ErrLastOwner, fault.Conflict, "After this, no owner of idms could log in any more: "+who+". Make somebody else an owner first.")
	}
	return err
}

// HasOwner is true when somebody who is an owner can log in.
func (s *Store) HasOwner(ctx context.Context) (bool, error) {
	var n int
	err := s.read.WithContext(ctx).Raw(ableOwners, roles.Owner.Group(), idms.LocalKey).Row().Scan(&n)
	return n > 0, wrap(err, "count owners")
}

// SetPassword keeps a new password's hash, forgets failures, and ends the person's
// sessions and one-time addresses: whoever had the old one has nothing now.
func (s *Store) SetPassword(ctx context.Context, userID, hash string, by Author) error {
	return s.InTx(ctx, func(tx *Tx) error { return tx.setPassword(userID, hash, spared{}, by) })
}

// spared is what goes on beside a new password.
type spared struct {
	session  string // in which its person has changed it; "" ends all
	failures bool   // at the door: whoever has changed the password proved no more than before
}

func (tx *Tx) setPassword(userID, hash string, keep spared, by Author) error {
	row := credentialRow{UserID: userID, PasswordHash: hash, Changed: micros(by.Now)}
	written := []string{"password_hash", "failures", "failed", "changed"}
	if keep.failures {
		written = []string{"password_hash", "changed"}
	}
	err := tx.db.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "user_id"}},
		DoUpdates: clause.AssignmentColumns(written),
	}).Create(&row).Error
	if err != nil {
		return wrap(err, "keep a password")
	}
	which, is := "user_id = ?", []any{userID}
	if keep.session != "" {
		which, is = which+" AND id <> ?", append(is, keep.session)
	}
	ended, err := endSessions(tx.db, which, is...)
	if err != nil {
		return err
	}
	if _, err := tx.endOneTime(userID); err != nil {
		return err
	}
	return tx.Audit(audit.Event{At: by.Now, Action: audit.PasswordChanged, Who: by.Who, Address: by.Address, Reason: by.Reason, Record: idms.LocalKey, User: userID,
		Changes: []audit.Change{{Field: "sessions", From: strconv.Itoa(ended), To: "0"}}})
}

// NoteFailure counts a wrong password or code, and returns how many there are in a
// row: of any number of processes, each gets another number.
func (s *Store) NoteFailure(ctx context.Context, userID string, now time.Time) (failures int, err error) {
	err = s.write.WithContext(ctx).Raw("UPDATE credentials SET failures = failures + 1, failed = ? WHERE user_id = ? RETURNING failures",
		micros(now), userID).Scan(&failures).Error
	return failures, wrap(err, "count a failure")
}

// SetAuthenticator keeps the secret of an app that has proved itself with the code
// of a step; "" takes it away. codes are the hashes of the recovery codes that take
// the place of the former ones; none leaves those, as long as there is a second
// factor that they stand in for.
func (s *Store) SetAuthenticator(ctx context.Context, userID, secret string, step int64, codes [][]byte, by Author) error {
	var sealed []byte
	action := audit.AuthenticatorRemoved
	if secret != "" {
		var err error
		if sealed, err = s.box.Seal([]byte(secret), authenticatorPlace(userID)); err != nil {
			return wrap(err, "seal an authenticator")
		}
		action = audit.AuthenticatorAdded
	}
	return s.InTx(ctx, func(tx *Tx) error {
		done := tx.db.Model(&credentialRow{}).Where("user_id = ?", userID).
			Updates(map[string]any{"authenticator": sealed, "step": step, "changed": micros(by.Now)})
		if done.Error != nil {
			return wrap(done.Error, "keep an authenticator")
		}
		if done.RowsAffected == 0 {
			return errNoLocal
		}
		renew := tx.dropRecoveries
		if len(codes) > 0 {
			renew = func(string) error { return tx.setRecoveries(userID, codes) }
		}
		if err := renew(userID); err != nil {
			return err
		}
		return tx.Audit(audit.Event{At: by.Now, Action: action, Who: by.Who, Reason: by.Reason, Record: idms.LocalKey, User: userID})
	})
}

type recoveryRow struct {
	UserID   string `gorm:"primaryKey"`
	CodeHash []byte `gorm:"primaryKey"`
}

func (recoveryRow) TableName() string { return "recovery_codes" }

func (tx *Tx) setRecoveries(userID string, codes [][]byte) error {
	if err := tx.db.Delete(&recoveryRow{}, "user_id = ?", userID).Error; err != nil {
		return wrap(err, "forget recovery codes")
	}
	for _, hash := range codes {
		if err := tx.db.Create(&recoveryRow{userID, hash}).Error; err != nil {
			return wrap(err, "keep recovery codes")
		}
	}
	return nil
}

// UseRecovery uses a recovery code up, in the login's transaction. Of any number
// of tries one gets true.
func (tx *Tx) UseRecovery(userID string, hash []byte) (bool, error) {
	done := tx.db.Delete(&recoveryRow{}, "user_id = ? AND code_hash = ?", userID, hash)
	return done.RowsAffected == 1, wrap(done.Error, "use a recovery code")
}

// UseStep uses a one-time code up, in the login's transaction: no code of this
// step or before counts any more. Of any number of tries one gets true.
func (tx *Tx) UseStep(userID string, step int64) (bool, error) {
	done := tx.db.Model(&credentialRow{}).Where("user_id = ? AND step < ?", userID, step).Update("step", step)
	return done.RowsAffected == 1, wrap(done.Error, "use a code")
}

// ForgetFailures is what a login that worked does, in its transaction. It is false
// when there are others than were seen before the password was looked at: somebody
// else was guessing meanwhile, and guesses made at once must not each be free.
func (tx *Tx) ForgetFailures(userID string, seen int) (bool, error) {
	done := tx.db.Exec("UPDATE credentials SET failures = 0 WHERE user_id = ? AND failures = ?", userID, seen)
	return done.RowsAffected == 1, wrap(done.Error, "forget failures")
}

// SameFailures is ForgetFailures without forgetting them: for who has proved a part of
// what they must.
func (tx *Tx) SameFailures(userID string, seen int) (bool, error) {
	done := tx.db.Exec("UPDATE credentials SET failures = failures WHERE user_id = ? AND failures = ?", userID, seen)
	return done.RowsAffected == 1, wrap(done.Error, "look at failures")
}

// maxExemptionReason bounds a reason, in characters.
const maxExemptionReason = 500

// CheckExemption finds every problem of an exemption that somebody is about to
// grant, at "reason" and "ends".
func CheckExemption(reason string, ends, now time.Time) fault.Problems {
	var problems fault.Problems
	if reason == "" || utf8.RuneCountInString(reason) > maxExemptionReason || !utf8.ValidString(reason) || strings.ContainsFunc(reason, unicode.IsControl) {
		problems.Add("reason", "Give the reason in one line of at most %d characters: an exemption that nobody can explain is not one.", maxExemptionReason)
	}
	if !ends.After(now) {
		problems.Add("ends", "Give an instant that is still to come.")
	}
	return problems
}

// Exempt lets a local or other person in by password until an end (S51); it takes
// the place of a former exemption. It is for owners: fault.Denied. What CheckExemption
// finds is fault.Invalid.
func (s *Store) Exempt(ctx context.Context, userID, reason string, ends time.Time, by Author) error {
	if !by.Role.May(roles.Owner) {
		return errExemptions
	}
	return s.InTx(ctx, func(tx *Tx) error { return tx.exempt(userID, reason, ends, by) })
}

func (tx *Tx) exempt(userID, reason string, ends time.Time, by Author) error {
	if problems := CheckExemption(reason, ends, by.Now); problems.Any() {
		return problems.Err()
	}
	row := exemptionRow{UserID: userID, Reason: reason, GrantedBy: by.Who, Granted: micros(by.Now), Ends: micros(ends)}
	if err := tx.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
		return wrap(err, "exempt a person")
	}
	return tx.Audit(audit.Event{At: by.Now, Action: audit.Exempted, Who: by.Who, Reason: reason, User: userID,
		Changes: []audit.Change{{Field: "ends", To: ends.UTC().Format(time.RFC3339)}}})
}

// CreateExempt makes a local person who is exempt until an end (S51), in one step:
// somebody whom no identity provider knows. It is for owners: fault.Denied. A username
// that is taken is fault.Conflict, and what CheckExemption finds fault.Invalid.
func (s *Store) CreateExempt(ctx context.Context, profile users.Profile, reason string, ends time.Time, by Author) (userID string, err error) {
	if !by.Role.May(roles.Owner) {
		return "", errExemptions
	}
	err = s.InTx(ctx, func(tx *Tx) error {
		if userID, err = tx.createLocal(profile, roles.None, by); err != nil {
			return err
		}
		return tx.exempt(userID, reason, ends, by)
	})
	return userID, err
}

var errExemptions = fault.New(fault.Denied, "Exemptions are for owners to grant and to end.")

// Exempted is a person with an exemption, which may have ended.
type Exempted struct {
	Listed
	Exemption
}

// Exemptions are all of them, the first to end first.
func (s *Store) Exemptions(ctx context.Context) ([]Exempted, error) {
	return s.exempted(ctx, " ORDER BY e.ends, u.id")
}

// exempted are those that a condition and an order choose.
func (s *Store) exempted(ctx context.Context, which string, args ...any) ([]Exempted, error) {
	var rows []struct {
		User      userRow      `gorm:"embedded;embeddedPrefix:u_"`
		Record    recordRow    `gorm:"embedded;embeddedPrefix:r_"`
		Exemption exemptionRow `gorm:"embedded;embeddedPrefix:e_"`
	}
	err := s.read.WithContext(ctx).Raw(`SELECT `+userColumns+`, `+recordColumns+`, `+columns("e", "user_id", "reason", "granted_by", "granted", "ends")+`
		FROM exemptions e JOIN users u ON u.id = e.user_id JOIN records r ON r.id = u.record_id`+which, args...).Scan(&rows).Error
	list := make([]Exempted, len(rows))
	for i, row := range rows {
		list[i] = Exempted{Listed{row.User.account(), row.Record.edition()}, row.Exemption.exemption()}
	}
	return list, wrap(err, "list the exemptions")
}

func (row exemptionRow) exemption() Exemption {
	return Exemption{Reason: row.Reason, By: row.GrantedBy, Granted: instant(row.Granted), Ends: instant(row.Ends)}
}

// EndExemption takes an exemption back. Without one it is nothing. It is for
// owners: fault.Denied.
func (s *Store) EndExemption(ctx context.Context, userID string, by Author) error {
	if !by.Role.May(roles.Owner) {
		return errExemptions
	}
	return s.InTx(ctx, func(tx *Tx) error {
		done := tx.db.Delete(&exemptionRow{}, "user_id = ?", userID)
		if done.Error != nil || done.RowsAffected == 0 {
			return wrap(done.Error, "end an exemption")
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.ExemptionEnded, Who: by.Who, Reason: by.Reason, User: userID})
	})
}

// Administrator is a person with a role.
type Administrator struct {
	Account      users.Account
	Role         roles.Role
	Record       string // key of the record through which they come
	Local        bool
	Able         bool // to log in, as far as idms knows
	SecondFactor bool
	ByHand       bool      // the role, or some role, was given by an administrator and not by a rule
	Address      time.Time // end of the one-time address that is outstanding; zero without one
}

// Administrators are all people with a role, owners first, then by username.
func (s *Store) Administrators(ctx context.Context) ([]Administrator, error) {
	return s.administrators(ctx)
}

// Administrator is one person as an administrator; without a role it is roles.None.
// Nobody is fault.NotFound.
func (s *Store) Administrator(ctx context.Context, userID string) (Administrator, error) {
	person, err := s.Person(ctx, userID)
	if err != nil {
		return Administrator{}, err
	}
	list, err := s.administrators(ctx, person.Account.ID)
	if err != nil || len(list) > 0 {
		return append(list, Administrator{})[0], err
	}
	one := Administrator{Account: person.Account, Record: person.Record.Key, Local: person.Record.Key == idms.LocalKey}
	if !one.Local {
		return one, nil
	}
	has, err := s.CredentialOf(ctx, one.Account.ID)
	one.SecondFactor = has.Authenticator != "" || len(has.Passkeys) > 0
	if err == nil {
		one.Address, err = s.OutstandingAddress(ctx, one.Account.ID)
	}
	return one, err
}

// administrators are those, or some of them by account.
func (s *Store) administrators(ctx context.Context, some ...string) ([]Administrator, error) {
	var rows []struct {
		User          userRow `gorm:"embedded;embeddedPrefix:u_"`
		Record        string
		RecordState   string
		GroupKey      string
		Password      bool
		Authenticator bool
		Kind          string
		Address       int64
	}
	which, args := "", []any{micros(s.clock()), string(Forgotten), roles.Groups()}
	if len(some) > 0 {
		which, args = " AND u.id IN ?", append(args, some)
	}
	err := s.read.WithContext(ctx).Raw(`SELECT DISTINCT `+userColumns+`, r.key AS record, r.state AS record_state, m.group_key, m.kind,
			COALESCE(c.password_hash, '') <> '' AS password, c.authenticator IS NOT NULL OR EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id) AS authenticator,
			COALESCE((SELECT max(o.expires) FROM one_time_addresses o WHERE o.user_id = CAST(u.id AS TEXT) AND o.expires > ? AND o.purpose <> ?), 0) AS address
		FROM membership_sources m JOIN users u ON u.id = m.user_id JOIN records r ON r.id = u.record_id
			LEFT JOIN credentials c ON c.user_id = u.id
		WHERE m.group_key IN ?`+which+` ORDER BY u_username, u_id`, args...).Scan(&rows).Error
	if err != nil {
		return nil, wrap(err, "list the administrators")
	}
	byID := map[string]int{}
	var list []Administrator
	for _, row := range rows {
		role, _ := roles.OfGroup(row.GroupKey)
		if i, there := byID[row.User.ID]; there {
			if role.May(list[i].Role) {
				list[i].Role = role
			}
			list[i].ByHand = list[i].ByHand || row.Kind == string(groups.Manual)
			continue
		}
		local := row.Record == idms.LocalKey
		one := Administrator{Account: row.User.account(), Role: role, Record: row.Record, Local: local, SecondFactor: row.Authenticator,
			ByHand: row.Kind == string(groups.Manual), Address: instant(row.Address)}
		one.Able = (one.Account.State == "" || one.Account.State == users.Enabled) &&
			row.RecordState == string(idms.Active) && (!local || row.Password)
		byID[row.User.ID] = len(list)
		list = append(list, one)
	}
	slices.SortStableFunc(list, func(a, b Administrator) int {
		switch {
		case a.Role == b.Role:
			return 0
		case a.Role.May(b.Role):
			return -1
		}
		return 1
	})
	return list, nil
}

// UserID finds the account of a person by record and username, case aside, or
// fault.NotFound.
func (s *Store) UserID(ctx context.Context, record, username string) (string, error) {
	notFound := fault.New(fault.NotFound, "Nobody by this username has come through the record %s.", record)
	if !storable(record) || !storable(username) {
		return "", notFound
	}
	var ids []string
	err := s.read.WithContext(ctx).Raw(`SELECT u.id FROM users u JOIN records r ON r.id = u.record_id
		WHERE r.key = ? AND u.username_folded = ?`, record, users.Fold(username)).Scan(&ids).Error
	if err != nil {
		return "", wrap(err, "find a person")
	}
	if len(ids) == 0 {
		return "", notFound
	}
	return ids[0], nil
}
