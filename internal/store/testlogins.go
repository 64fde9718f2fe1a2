package store

import (
	"context"
	"time"

	"idms/internal/fault"
	"idms/internal/idms"
)

// TestLogin is a test of one version of a record: an invitation, then what one
// browser waits for, then how it ended.
type TestLogin struct {
	Ref        string // of the trace that it ends with (NewRef)
	SecretHash []byte // of the secret in its address
	RecordID   string
	RecordKey  string // comes out, and is not read
	Version    int
	Author     string // who asked for it
	Created    time.Time
	Expires    time.Time // until when it can begin

	// Of the browser that has begun it; Begun is zero when none has.
	Handle     string // names the cookie, and travels as RelayState
	CookieHash []byte
	RequestID  string // of the AuthnRequest
	ForceAuthn bool
	Begun      time.Time

	Ended  time.Time // zero: not yet
	Passed bool      // somebody would have been let in
}

type testLoginRow struct {
	Ref        string `gorm:"primaryKey"`
	SecretHash []byte
	RecordID   string
	RecordKey  string `gorm:"->;-:migration"`
	Version    int
	Author     string
	Created    int64
	Expires    int64
	Handle     string
	CookieHash []byte
	RequestID  string
	ForceAuthn bool
	Begun      int64
	Ended      int64
	Passed     bool
}

func (testLoginRow) TableName() string { return "test_logins" }

func (row testLoginRow) test() TestLogin {
	return TestLogin{
		Ref: row.Ref, SecretHash: row.SecretHash, RecordID: row.RecordID, RecordKey: row.RecordKey, Version: row.Version,
		Author: row.Author, Created: instant(row.Created), Expires: instant(row.Expires),
		Handle: row.Handle, CookieHash: row.CookieHash, RequestID: row.RequestID, ForceAuthn: row.ForceAuthn,
		Begun: instant(row.Begun), Ended: instant(row.Ended), Passed: row.Passed,
	}
}

// maxOpenTests bounds the tests of one record that have not ended and still could
// begin: more of them are a script gone wrong.
const maxOpenTests = 100

// InviteTestLogin remembers a test that may begin. Too many of one record at once
// are fault.Conflict.
func (s *Store) InviteTestLogin(ctx context.Context, t TestLogin) error {
	return s.InTx(ctx, func(tx *Tx) error {
		open, err := tx.count("SELECT count(*) FROM test_logins WHERE record_id = ? AND ended = 0 AND expires > ?", t.RecordID, micros(t.Created))
		if err != nil {
			return err
		}
		if open >= maxOpenTests {
			return fault.New(fault.Conflict, "There are %d test logins of this record that have not begun. Wait until they have ended.", open)
		}
		return wrap(tx.db.Omit("record_key").Create(&testLoginRow{
			Ref: t.Ref, SecretHash: t.SecretHash, RecordID: t.RecordID, Version: t.Version, Author: t.Author,
			Created: micros(t.Created), Expires: micros(t.Expires),
		}).Error, "invite a test login")
	})
}

const testLogins = `SELECT t.*, r.key AS record_key FROM test_logins t JOIN records r ON r.id = t.record_id WHERE r.state <> '` + deleted + `' AND `

var errNoTest = fault.New(fault.NotFound, "There is no such test login. Its address is good for a short time only.")

// TestLogin finds a test by its reference as a person types it, or fault.NotFound.
func (s *Store) TestLogin(ctx context.Context, ref string) (TestLogin, error) {
	parsed, ok := parseRef(ref)
	if !ok {
		return TestLogin{}, fault.New(fault.NotFound, "%q is not a reference. It has ten letters and digits.", ref)
	}
	return s.oneTestLogin(ctx, "t.ref = ?", parsed)
}

// TestLoginAt finds a test by the hash of its address's secret, or fault.NotFound.
func (s *Store) TestLoginAt(ctx context.Context, secretHash []byte) (TestLogin, error) {
	return s.oneTestLogin(ctx, "t.secret_hash = ?", secretHash)
}

func (s *Store) oneTestLogin(ctx context.Context, which string, args ...any) (TestLogin, error) {
	var rows []testLoginRow
	if err := s.read.WithContext(ctx).Raw(testLogins+which, args...).Scan(&rows).Error; err != nil {
		return TestLogin{}, wrap(err, "find a test login")
	}
	if len(rows) == 0 {
		return TestLogin{}, errNoTest
	}
	return rows[0].test(), nil
}

// BeginTestLogin binds a test to the browser that begins it. Of any number that
// try, in any number of processes, one gets true; nobody does after its time.
func (s *Store) BeginTestLogin(ctx context.Context, t TestLogin) (bool, error) {
	done := s.write.WithContext(ctx).Exec(`UPDATE test_logins SET handle = ?, cookie_hash = ?, request_id = ?, force_authn = ?, begun = ?
		WHERE ref = ? AND begun = 0 AND ended = 0 AND expires > ?`,
		t.Handle, t.CookieHash, t.RequestID, t.ForceAuthn, micros(t.Begun), t.Ref, micros(t.Begun))
	return done.RowsAffected == 1, wrap(done.Error, "begin a test login")
}

// WaitingTestLogins are the tests of a record that this browser has begun after
// since and that have not ended, by the hashes of its cookies; the newest first.
func (s *Store) WaitingTestLogins(ctx context.Context, recordID string, cookieHashes [][]byte, since time.Time) ([]TestLogin, error) {
	if len(cookieHashes) == 0 {
		return nil, nil
	}
	var rows []testLoginRow
	err := s.read.WithContext(ctx).Raw(testLogins+"t.record_id = ? AND t.ended = 0 AND t.begun > ? AND t.cookie_hash IN ? ORDER BY t.begun DESC, t.ref",
		recordID, micros(since), cookieHashes[:min(len(cookieHashes), maxCookies)]).Scan(&rows).Error
	tests := make([]TestLogin, len(rows))
	for i, row := range rows {
		tests[i] = row.test()
	}
	return tests, wrap(err, "find test logins")
}

// EndTestLogin notes how a test has ended. Of any number of transactions that try,
// in any number of processes, one gets true.
func (tx *Tx) EndTestLogin(ref string, passed bool, now time.Time) (bool, error) {
	done := tx.db.Exec("UPDATE test_logins SET ended = ?, passed = ? WHERE ref = ? AND ended = 0", micros(now), passed, ref)
	return done.RowsAffected == 1, wrap(done.Error, "end a test login")
}

// testedVersions bounds the versions that a record is compared with when it is
// activated; the newest count.
const testedVersions = 20

// passedTest is true when some version of a record that says the same, its state
// aside, has passed a test login.
func (tx *Tx) passedTest(record idms.Record) (bool, error) {
	var rows []documentRow
	err := tx.db.Raw(documents+` WHERE v.record_id = ? AND EXISTS (SELECT 1 FROM test_logins t
		WHERE t.record_id = v.record_id AND t.version = v.version AND t.ended > 0 AND t.passed)
		ORDER BY v.version DESC LIMIT ?`, record.ID, testedVersions).Scan(&rows).Error
	if err != nil {
		return false, wrap(err, "find passed test logins")
	}
	want, err := stateless(record)
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		tested, err := row.record()
		if err != nil {
			return false, err
		}
		if had, err := stateless(tested); err != nil || had == want {
			return err == nil, err
		}
	}
	return false, nil
}

// stateless is a record's document as it is in every state.
func stateless(record idms.Record) (string, error) {
	record.State = idms.Draft
	document, err := record.MarshalDocument()
	return string(document), err
}

// warnUntested warns of switching on what nobody has tried.
func (tx *Tx) warnUntested(record idms.Record, former idms.State, warnings *fault.Problems) error {
	if record.State != idms.Active || former == idms.Active {
		return nil
	}
	passed := false
	if record.ID != "" {
		var err error
		if passed, err = tx.passedTest(record); err != nil {
			return err
		}
	}
	if !passed {
		warnings.Add("state", "The record is switched on, and no test login of exactly this version has passed. Try it as a draft first: idms test-login %s.", record.Key)
	}
	return nil
}
