package session

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"idms/internal/console"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestAnElevationAddsAndEndsBeforeTheSessionS26(t *testing.T) {
	elevated := Session{Level: console.Restricted, Elevated: console.Full, ElevatedUntil: noon}
	for _, tt := range []struct {
		name    string
		session Session
		now     time.Time
		want    console.Level
	}{
		{"never elevated", Session{Level: console.Restricted}, noon, console.Restricted},
		{"during", elevated, noon.Add(-time.Microsecond), console.Full},
		{"the end itself is after it", elevated, noon, console.Restricted},
		{"it never lowers", Session{Level: console.Full, Elevated: console.Restricted, ElevatedUntil: noon}, noon.Add(-time.Hour), console.Full},
		{"nothing decided is no access", Session{}, noon, console.NoAccess},
	} {
		if got := tt.session.LevelAt(tt.now); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestASessionIsOverAtItsEndOrWhenLeftAlone(t *testing.T) {
	s := Session{Seen: noon, Expires: noon.Add(time.Hour)}
	for _, tt := range []struct {
		name string
		now  time.Time
		idle time.Duration
		want bool
	}{
		{"in use", noon.Add(10 * time.Minute), 15 * time.Minute, false},
		{"left alone for exactly the idle time", noon.Add(15 * time.Minute), 15 * time.Minute, true},
		{"without an idle end", noon.Add(59 * time.Minute), 0, false},
		{"at its expiry, however busy", noon.Add(time.Hour), 2 * time.Hour, true},
	} {
		if got := s.Over(tt.now, tt.idle); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	if !(Session{}).Over(noon, 0) {
		t.Error("a session that nobody opened is not over")
	}
}

func TestATokenIsFoundByItsHashAlone(t *testing.T) {
	token, stored := NewToken()
	found, ok := Hash(token)
	if !ok || !bytes.Equal(found, stored) {
		t.Fatalf("the hash of a fresh token is %x, %v; stored is %x", found, ok, stored)
	}
	random, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(random) != 32 {
		t.Fatalf("the token holds %d bytes (%v), want 32", len(random), err)
	}
	if bytes.Contains(stored, random[:8]) || len(stored) != sha256.Size {
		t.Error("what is stored gives the token away")
	}
	if again, _ := NewToken(); again == token {
		t.Error("two tokens are the same")
	}
}

func TestWhatIsNoTokenHasNoHash(t *testing.T) {
	token, _ := NewToken()
	for name, text := range map[string]string{
		"nothing":             "",
		"too short":           token[:42],
		"too long":            token + "A",
		"padded":              token[:42] + "=",
		"not base64url":       strings.Repeat("+", 43),
		"a line break inside": token[:20] + "\n" + token[21:],
		// The last character carries four bits: two more must be zero.
		"another spelling of the same bytes": strings.Repeat("A", 42) + "B",
	} {
		if _, ok := Hash(text); ok {
			t.Errorf("%s: %q was taken for a token", name, text)
		}
	}
}
