package store

import (
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/roles"
	"idms/internal/tokens"
)

func TestATokenIsFoundByItsHashUntilItEnds(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		_, hash := tokens.New()
		made, err := s.CreateToken(ctx, tokens.Token{Name: "ci", Role: roles.Editor, Expires: noon.Add(day)}, hash, bob)
		must(t, err)
		found, err := s.Token(ctx, hash, noon)
		if err != nil || found != made || found.By != "bob" || found.Role != roles.Editor || !found.Used.IsZero() {
			t.Errorf("found %+v (%v), made %+v", found, err, made)
		}
		if _, err := s.Token(ctx, hash, noon.Add(day)); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a token that has ended: %v", err)
		}
		_, other := tokens.New()
		if _, err := s.Token(ctx, other, noon); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a token that nobody made: %v", err)
		}
		if _, err := s.CreateToken(ctx, tokens.Token{Name: "ci", Role: roles.Reader, Expires: noon.Add(day)}, other, bob); fault.KindOf(err) != fault.Conflict {
			t.Errorf("a second token of the name: %v", err)
		}
		for _, nobody := range []string{"", "x", "a\x00b", "\xff", NewID()} {
			if _, err := s.RevokeToken(ctx, nobody, bob); fault.KindOf(err) != fault.NotFound {
				t.Errorf("revoking %q: %v", nobody, err)
			}
		}
		_, err = s.RevokeToken(ctx, "ci", bob)
		must(t, err)
		if _, err := s.Token(ctx, hash, noon); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a token that was revoked: %v", err)
		}
		events, _, err := s.Events(ctx, EventFilter{Action: audit.TokenRevoked}, "", 10)
		if err != nil || len(events) != 1 || events[0].Who != "bob" || events[0].Reason != "ticket 7" {
			t.Errorf("the events are %+v (%v)", events, err)
		}
	})
}

func TestTheLastUseOfATokenIsExactToAMinute(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		_, hash := tokens.New()
		_, err := s.CreateToken(ctx, tokens.Token{Name: "ci", Role: roles.Reader, Expires: noon.Add(day)}, hash, bob)
		must(t, err)
		for _, step := range []struct{ at, want time.Duration }{{0, 0}, {59 * time.Second, 0}, {time.Minute, time.Minute}} {
			now := noon.Add(step.at)
			token, err := s.Token(ctx, hash, now)
			must(t, err)
			must(t, s.TouchToken(ctx, token, now))
			if token, err = s.Token(ctx, hash, now); err != nil || !token.Used.Equal(noon.Add(step.want)) {
				t.Errorf("after %v it was used at %v (%v)", step.at, token.Used, err)
			}
		}
	})
}
