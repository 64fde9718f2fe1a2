package ldapsync_test

import (
	"context"
	"testing"

	"idms/internal/ldapsync"
	"idms/test/directories"
)

// both runs a test with the fast reader and with plain go-ldap: they must not
// differ.
func both(t *testing.T, s ldapsync.Settings, test func(t *testing.T, s ldapsync.Settings)) {
	for _, one := range []struct {
		name  string
		plain bool
	}{{"fast", false}, {"plain", true}} {
		t.Run(one.name, func(t *testing.T) {
			s.PlainReader = one.plain
			test(t, s)
		})
	}
}

func read(t *testing.T, s ldapsync.Settings, password string) ldapsync.Snapshot {
	t.Helper()
	snapshot, err := ldapsync.Read(context.Background(), s, password, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func TestAGeneratedDirectoryIsReadWhole(t *testing.T) {
	cast := directories.Cast{Seed: 1, People: 5000, Groups: 100, Memberships: 20_000}
	d := directories.OpenLDAP(t, cast.LDIF())
	both(t, d.Settings(), func(t *testing.T, s ldapsync.Settings) {
		snapshot := read(t, s, d.Password)
		if len(snapshot.People) != cast.People || len(snapshot.Groups) != cast.Groups || len(snapshot.Skipped) != 0 {
			t.Fatalf("read %d people, %d groups, %d skipped", len(snapshot.People), len(snapshot.Groups), len(snapshot.Skipped))
		}
		memberships := 0
		for _, group := range snapshot.Groups {
			memberships += len(group.Members)
		}
		if memberships != cast.Memberships {
			t.Errorf("read %d memberships, want %d", memberships, cast.Memberships)
		}
	})
}
