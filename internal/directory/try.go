package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/store"
)

// TestConnection says what a record's directory answers, step by step. While another
// test of it goes on it is ErrTesting.
func (s *Sync) TestConnection(ctx context.Context, key string) (ldapsync.Connection, error) {
	return saved(ctx, s, key, ldapsync.TestConnection)
}

// TestUser shows what the directory has of a person, what maps to what, and
// whether they are in scope. While another test goes on it is ErrTesting.
func (s *Sync) TestUser(ctx context.Context, key, name string) (ldapsync.Found, error) {
	return saved(ctx, s, key, func(ctx context.Context, of ldapsync.Settings, password string) (ldapsync.Found, error) {
		return ldapsync.TestUser(ctx, of, password, name)
	})
}

// TestGroup shows what the directory has of a group. While another test goes on it is
// ErrTesting.
func (s *Sync) TestGroup(ctx context.Context, key, name string) (ldapsync.Found, error) {
	return saved(ctx, s, key, func(ctx context.Context, of ldapsync.Settings, password string) (ldapsync.Found, error) {
		return ldapsync.TestGroup(ctx, of, password, name)
	})
}

// saved makes a test with the settings and the password that a record has.
func saved[T any](ctx context.Context, s *Sync, key string, test func(context.Context, ldapsync.Settings, string) (T, error)) (T, error) {
	var none T
	edition, record, err := s.record(ctx, key)
	if err != nil {
		return none, err
	}
	password, err := s.Store.BindPassword(ctx, edition.ID)
	if err != nil {
		return none, err
	}
	leave, err := s.tests.enter(edition.ID)
	if err != nil {
		return none, err
	}
	defer leave()
	return test(ctx, *record.Directory, password)
}

// Trial is a directory as somebody describes it who has saved nothing of it yet.
type Trial struct {
	Record   idms.Record // in force
	Settings ldapsync.Settings
	// Password is as typed. Without one it is the one that is kept, which goes to no
	// other server than before.
	Password      string
	Person, Group string // to look up; without a person it is the first that can be used
}

// Tried is what such a directory answers. What was not come to is nil.
type Tried struct {
	Connection    ldapsync.Connection
	Named         string // the person that was looked up
	Person, Group *ldapsync.Found
}

// trialTime bounds a trial, with all that it looks up: a page that waits for it has
// 30 seconds.
const trialTime = 25 * time.Second

// Try asks a directory by settings that are not saved, and saves nothing; before a
// server is asked, the audit trail says which. It is for who may save them: others are
// fault.Denied. That a password has to be typed comes
// back as a problem at "password". A directory that fails is a *ldapsync.Fault
// (Blame), and Tried has what was found before. While another test of the record
// goes on it is ErrTesting.
func (s *Sync) Try(ctx context.Context, t Trial, by store.Author) (Tried, error) {
	// Nothing is asked of a server on behalf of somebody who may not name it.
	if err := s.Store.MayChange(ctx, t.Record, by); err != nil {
		return Tried{}, err
	}
	password, err := s.passwordOf(ctx, t)
	if err != nil {
		return Tried{}, err
	}
	leave, err := s.tests.enter(t.Record.ID)
	if err != nil {
		return Tried{}, err
	}
	defer leave()
	if err := s.Store.Audit(ctx, triedEvent(t, by)); err != nil {
		return Tried{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	var tried Tried
	if tried.Connection, err = ldapsync.TestConnection(ctx, t.Settings, password); err != nil {
		return tried, err
	}
	tried.Named = t.Person
	if names := tried.Connection.People.Names; tried.Named == "" && len(names) > 0 {
		tried.Named = names[0]
	}
	if tried.Named != "" {
		found, err := ldapsync.TestUser(ctx, t.Settings, password, tried.Named)
		if tried.Person = &found; err != nil {
			return tried, err
		}
	}
	if t.Group != "" {
		found, err := ldapsync.TestGroup(ctx, t.Settings, password, t.Group)
		if tried.Group = &found; err != nil {
			return tried, err
		}
	}
	return tried, nil
}

// triedEvent says what a trial asks, and with whose password. What comes of it nobody
// else learns; but whoever goes through servers or passwords is seen.
func triedEvent(t Trial, by store.Author) audit.Event {
	event := audit.Event{At: by.Now, Action: audit.DirectoryTried, Who: by.Who, Reason: by.Reason, Record: t.Record.Key}
	says := func(field, value string) {
		if value != "" {
			event.Changes = append(event.Changes, audit.Change{Field: "directory." + field, To: value})
		}
	}
	for i, address := range t.Settings.Addresses() {
		says(fmt.Sprintf("hosts[%03d]", i), address)
	}
	says("bind_dn", t.Settings.BindDN)
	says("base_dn", t.Settings.BaseDN)
	switch {
	case t.Settings.BindDN == "": // none is sent
	case t.Password == "":
		says("bind_password", "the one that is kept")
	default:
		says("bind_password", "one that was typed")
	}
	return event
}

// passwordOf is what a trial binds with. Whoever may change the settings may not see
// the password that is kept, and must not have it sent to a server of theirs; and a
// name of a server that is mistyped is somebody else's. So it goes where it went
// before, also for owners, who may change the server and keep the password: to save
// that is to mean it, and a trial is for what may be mistyped.
func (s *Sync) passwordOf(ctx context.Context, t Trial) (string, error) {
	if t.Password != "" || t.Settings.BindDN == "" {
		return t.Password, nil
	}
	// Read before the settings in force: when both are changed at this moment, a new
	// password is not sent to the former server.
	kept, err := s.Store.BindPassword(ctx, t.Record.ID)
	if err != nil {
		return "", err
	}
	now, err := s.Store.Record(ctx, t.Record.Key)
	if err != nil {
		return "", err
	}
	var problems fault.Problems
	switch {
	case kept == "":
		problems.Add("password", "Write the bind password: none is kept.")
	case now.Directory == nil || !t.Settings.SendsPasswordAs(*now.Directory):
		problems.Add("password", "Write the bind password again. The one that is kept goes to the server that is saved alone, and hosts, port, protection or the CA certificate are others here.")
	}
	return kept, problems.Err()
}

// ErrTesting is in the chain of the error for a test that finds no place; its kind is
// fault.Conflict.
var ErrTesting = errors.New("directory: another test goes on")

// testsAtOnce is how many directories a process tests at once, each for one of those
// who wait.
const testsAtOnce = 4

// tests keeps those of one record apart, by its ID: a directory locks an account after
// a few wrong passwords, and nobody reads two answers at once.
type tests struct {
	mu sync.Mutex
	of map[string]bool
}

func (t *tests) enter(record string) (leave func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.of[record]:
		return nil, fault.Hide(ErrTesting, fault.Conflict, "This directory is being tested right now. A test takes 30 seconds at most: try again then.")
	case len(t.of) >= testsAtOnce:
		return nil, fault.Hide(ErrTesting, fault.Conflict, "Several directories are being tested right now. A test takes 30 seconds at most: try again then.")
	}
	if t.of == nil {
		t.of = map[string]bool{}
	}
	t.of[record] = true
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.of, record)
	}, nil
}
