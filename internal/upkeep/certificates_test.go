package upkeep

import (
	"testing"
	"time"

	"idms/internal/store"
)

func TestOneCertificatePressesWhenNoOtherCouldTakeItsPlace(t *testing.T) {
	const day = 24 * time.Hour
	one := func(purpose, name string, left time.Duration) Certificate {
		return Certificate{Purpose: purpose, Fingerprint: name, NotAfter: noon.Add(left), Warn: warning(left), DaysLeft: days(left)}
	}
	current, next := ourPurpose[store.CurrentKey], ourPurpose[store.NextKey]
	for _, tt := range []struct {
		name string
		list []Certificate
		want string
	}{
		{"nothing is known of a draft", nil, ""},
		{"all have time", []Certificate{one(providerSigns, "theirs", 61*day), one(current, "ours", 3650*day)}, ""},
		{"the provider's only one ends", []Certificate{one(providerSigns, "theirs", 9*day), one(current, "ours", 3650*day)}, "theirs"},
		{"another of the provider's goes on", []Certificate{one(providerSigns, "old", 9*day), one(providerSigns, "new", 900*day), one(current, "ours", 3650*day)}, ""},
		{"it has ended", []Certificate{one(providerSigns, "theirs", -time.Hour)}, "theirs"},
		{"of two that end, the later one counts", []Certificate{one(providerSigns, "old", -day), one(providerSigns, "new", 9*day)}, "new"},
		{"ours ends sooner than theirs", []Certificate{one(providerSigns, "theirs", 30*day), one(current, "ours", 5*day)}, "ours"},
		{"a next one of ours helps nobody before the switch", []Certificate{one(current, "ours", 5*day), one(next, "next", 3650*day)}, "ours"},
	} {
		got, ok := Pressing(tt.list)
		if got.Fingerprint != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q presses (%v), want %q", tt.name, got.Fingerprint, ok, tt.want)
		}
	}
}

func TestWhatAListSaysOfAConnectionFollowsItsVersion(t *testing.T) {
	w := newWorld(t)
	w.apply("")
	standing := func() Standing {
		t.Helper()
		edition, err := w.Store.Edition(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		all, err := w.Standings(t.Context(), []store.Edition{edition})
		if err != nil {
			t.Fatal(err)
		}
		return all["acme"]
	}
	if got := standing(); len(got.Certificates) != 2 || got.FromDirectory {
		t.Fatalf("at first it is %+v", got)
	}
	if err := w.AnnounceKey(t.Context(), "acme", w.author()); err != nil {
		t.Fatal(err)
	}
	if got := standing(); len(got.Certificates) != 3 {
		t.Errorf("with a next key there are %d certificates, want 3", len(got.Certificates))
	}
	// What time does needs no new version.
	before := standing().Certificates[0].DaysLeft
	w.now = w.now.Add(48 * time.Hour)
	if got := standing().Certificates[0].DaysLeft; got != before-2 {
		t.Errorf("two days later %d days are left, of %d", got, before)
	}
}
