package login_test

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/secret"
	"idms/internal/store"
	"idms/internal/users"
	"idms/test/needs"
)

// BenchmarkRehearse measures what an administrator waits for who changes a record
// through which 10,000 people come, each in 20 groups (docs/performance.md).
func BenchmarkRehearse(b *testing.B) {
	for _, dialect := range []struct {
		name     string
		database func(testing.TB) string
	}{{"SQLite", func(testing.TB) string { return "" }}, {"PostgreSQL", needs.PostgreSQL}} {
		for _, many := range []int{10, 10_000} {
			b.Run(fmt.Sprintf("%s/rules=%d", dialect.name, many), func(b *testing.B) { benchmarkRehearse(b, dialect.database(b), many) })
		}
	}
}

func benchmarkRehearse(b *testing.B, database string, many int) {
	const people = 10_000
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	need := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	box, err := secret.Open(filepath.Join(b.TempDir(), "keyset.json"))
	need(err)
	s, err := store.Open(b.Context(), store.Config{Path: filepath.Join(b.TempDir(), "idms.sqlite"), URL: database, Box: box, Clock: clock,
		Retention: store.Retention{Assertions: 30 * 24 * time.Hour}})
	need(err)
	b.Cleanup(func() { _ = s.Close() })

	rule := func(key, attribute, pattern string) rules.Rule {
		parsed, err := rules.ParsePattern(pattern, rules.Options{})
		need(err)
		return rules.Rule{Key: key, Attribute: attribute, Pattern: parsed}
	}
	record := idms.Record{
		Key: "acme", Name: "Acme", State: idms.Active, CreateUsers: true,
		Mapping: users.Mapping{Username: "username", Email: "email", FirstName: "first_name", LastName: "last_name"},
		Access:  []console.Grant{{Rule: rule("staff", "groups", "^staff$"), Level: console.Full}},
	}
	file := idms.File{}
	for i := range many {
		key := fmt.Sprintf("team-%05d", i)
		if i < 200 {
			file.Groups = append(file.Groups, groups.Group{Key: key, Name: key})
		}
		record.Associations = append(record.Associations, groups.Association{Rule: rule(key, "groups", "^"+key+"$"), Group: fmt.Sprintf("team-%05d", i%200), UpdateOnLogin: true})
	}
	file.Records = []idms.Record{record}
	_, err = s.Apply(b.Context(), file, store.Author{Role: roles.Owner, Who: "test", Now: now})
	need(err)
	edition, err := s.Edition(b.Context(), "acme")
	need(err)
	for from := 0; from < people; from += 500 {
		need(s.InTx(b.Context(), func(tx *store.Tx) error {
			for i := from; i < from+500; i++ {
				name := fmt.Sprintf("person-%05d", i)
				id := store.NewID()
				if err := tx.CreateUser(users.Account{ID: id, RecordID: edition.ID, Profile: users.Profile{Username: name}, Created: now, LastSeen: now}); err != nil {
					return err
				}
				assertion := saml.Assertion{NameID: saml.NameID{Value: name}, Attributes: rules.Attributes{
					{Name: "username", Values: []string{name}}, {Name: "email", Values: []string{name + "@acme.example"}},
					{Name: "first_name", Values: []string{"P"}}, {Name: "last_name", Values: []string{"Q"}}, {Name: "groups", Values: []string{"staff"}},
				}}
				var joined []groups.Change
				for j := range 20 {
					key := fmt.Sprintf("team-%05d", (i+j*7)%min(many, 200))
					assertion.Attributes[4].Values = append(assertion.Attributes[4].Values, key)
					if j < min(many, 20) {
						joined = append(joined, groups.Change{Group: key, Source: groups.Source{Kind: groups.FromAssociation, Record: "acme", By: key, Since: now}})
					}
				}
				if err := tx.ApplyChanges(id, joined, now); err != nil {
					return err
				}
				if err := tx.RecordAssertion(id, assertion, now); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	flow := login.New(login.Config{Store: s, Clock: clock})
	candidate := record
	candidate.Access = []console.Grant{{Rule: rule("staff", "groups", "^cloud-admins$"), Level: console.Full}}
	before := processorTime(b)
	for b.Loop() {
		r, err := flow.Rehearse(b.Context(), candidate)
		if err != nil || r.LoseLogin.Count != people {
			b.Fatalf("%d people would lose the login, want %d: %v", r.LoseLogin.Count, people, err)
		}
	}
	b.ReportMetric(float64((processorTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/op")
}

// processorTime is what the process has used so far, as user and system.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
