package ldapsync_test

import (
	"testing"

	"idms/test/directories"
)

func TestSmoke(t *testing.T) {
	d := directories.Samba(t)
	snapshot := read(t, d.Settings(), d.Password)
	for _, g := range snapshot.Groups {
		t.Log(g.Name, g.Members)
	}
	t.Logf("%+v", snapshot.Skipped)
	for _, g := range snapshot.People {
		t.Logf("%+v", g)
	}
}
