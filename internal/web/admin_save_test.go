package web

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"idms/internal/idms"
	"idms/internal/saml"
)

// A full house keeps a rehearsal waiting until its time is over, and not a moment
// of the logins' time is spent on it: the flow, which is not there, is never asked.
func TestARehearsalWaitsForItsPlace(t *testing.T) {
	site := &Site{rehearsals: make(chan struct{}, rehearsalsAtOnce)}
	for range rehearsalsAtOnce {
		site.rehearsals <- struct{}{}
	}
	over, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := site.inTurn(over, idms.Record{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a place it ends with %v", err)
	}
	if len(site.rehearsals) != rehearsalsAtOnce {
		t.Errorf("%d places are taken, want the same %d", len(site.rehearsals), rehearsalsAtOnce)
	}
}

// What was read at one provider's address must not stand at another's: its people
// could come in there.
func TestMetadataGoesWithItsAddress(t *testing.T) {
	at := func(url, metadata string) idms.Record {
		return idms.Record{Key: "acme", SAML: saml.Settings{MetadataURL: url, Metadata: metadata}}
	}
	const one, other, third = "https://one.example/", "https://other.example/", "https://third.example/"
	for _, tt := range []struct {
		name               string
		base, theirs, mine idms.Record
		takeMine           bool
		want               idms.Record
		collide            string
	}{
		{"I name another address, while the former one is read anew", at(one, "<one/>"), at(one, "<one new/>"), at(other, ""), false, at(other, ""), ""},
		{"I write the text, while the address is read anew", at(one, "<one/>"), at(one, "<one new/>"), at("", "<mine/>"), false, at("", "<mine/>"), ""},
		{"both name another, and theirs stands", at(one, "<one/>"), at(other, "<other/>"), at(third, ""), false, at(other, "<other/>"), "saml.metadata_url"},
		{"both name another, and I choose mine", at(one, "<one/>"), at(other, "<other/>"), at(third, ""), true, at(third, ""), "saml.metadata_url"},
		{"both name the same", at(one, "<one/>"), at(other, "<other/>"), at(other, ""), false, at(other, "<other/>"), ""},
		{"I change something else", at(one, "<one/>"), at(other, "<other/>"), at(one, "<one/>"), false, at(other, "<other/>"), ""},
		{"text that both wrote", at("", "<one/>"), at("", "<theirs/>"), at("", "<mine/>"), false, at("", "<theirs/>"), "saml.metadata"},
	} {
		merged, collisions, err := putTogether(tt.base, tt.theirs, idms.DocumentOf(tt.mine), func(string) bool { return tt.takeMine })
		if err != nil {
			t.Fatal(err)
		}
		if merged.SAML.MetadataURL != tt.want.SAML.MetadataURL || merged.SAML.Metadata != tt.want.SAML.Metadata {
			t.Errorf("%s: %q with %q", tt.name, merged.SAML.MetadataURL, merged.SAML.Metadata)
		}
		var fields []string
		for _, one := range collisions {
			fields = append(fields, one.Field)
		}
		if got := strings.Join(fields, ", "); got != tt.collide {
			t.Errorf("%s: to choose are %q, want %q", tt.name, got, tt.collide)
		}
	}
}
