package console

import (
	"encoding/json"
	"slices"
	"testing"

	"idms/internal/rules"
)

var (
	yes        = rules.Finding{Outcome: rules.Matched, True: true}
	no         = rules.Finding{Outcome: rules.NoMatch, Value: -1}
	missing    = rules.Finding{Outcome: rules.Missing, Value: -1}
	incomplete = rules.Finding{Outcome: rules.Incomplete, Value: -1}
	off        = rules.Finding{Outcome: rules.Disabled, Value: -1}
)

func TestWhichGrantWins(t *testing.T) {
	const none, restricted, full = NoAccess, Restricted, Full
	type found = []rules.Finding
	for _, tt := range []struct {
		name   string
		levels []Level
		found  found
		want   Outcome
	}{
		{"S23: without an access rule everyone has Full Access",
			nil, nil, Outcome{full, ByNoGrants, -1, nil}},
		{"S24: with any access rule the default is No Access",
			[]Level{full}, found{no}, Outcome{none, ByDefault, -1, nil}},
		{"S24: a rule that is switched off still makes No Access the default",
			[]Level{full}, found{off}, Outcome{none, ByDefault, -1, nil}},
		{"a missing attribute gives nothing",
			[]Level{restricted}, found{missing}, Outcome{none, ByDefault, -1, nil}},
		{"the one that is true wins",
			[]Level{full, restricted}, found{no, yes}, Outcome{restricted, ByGrant, 1, nil}},
		{"S24: Full wins over Restricted, whichever stands first",
			[]Level{restricted, full, restricted}, found{yes, yes, yes}, Outcome{full, ByGrant, 1, []int{0, 2}}},
		{"S24: No Access wins over everything",
			[]Level{full, none, restricted}, found{yes, yes, yes}, Outcome{none, ByGrant, 1, []int{0, 2}}},
		{"of equal grants the first is named",
			[]Level{full, full}, found{yes, yes}, Outcome{full, ByGrant, 0, []int{1}}},
		{"a No Access rule that is false refuses nobody",
			[]Level{none, full}, found{no, yes}, Outcome{full, ByGrant, 1, nil}},
		{"S14: a No Access rule that could not be read refuses",
			[]Level{full, none}, found{yes, incomplete}, Outcome{none, ByUnreadable, 1, []int{0}}},
		{"a No Access rule that is true is named before one that could not be read",
			[]Level{none, none}, found{incomplete, yes}, Outcome{none, ByGrant, 1, nil}},
		{"S14: other grants that could not be read are merely not true",
			[]Level{full, restricted}, found{incomplete, yes}, Outcome{restricted, ByGrant, 1, nil}},
		{"a No Access rule alone admits nobody, since it makes No Access the default",
			[]Level{none}, found{no}, Outcome{none, ByDefault, -1, nil}},
		{"a level nobody knows gives nothing",
			[]Level{9}, found{yes}, Outcome{none, ByDefault, -1, nil}},
	} {
		grants := make([]Grant, len(tt.levels))
		for i, level := range tt.levels {
			grants[i].Level = level
		}
		got := Decide(grants, tt.found)
		if got.Level != tt.want.Level || got.Reason != tt.want.Reason || got.Winner != tt.want.Winner || !slices.Equal(got.Losers, tt.want.Losers) {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestTheZeroOutcomeGivesNothing(t *testing.T) {
	if zero := (Outcome{}); zero.Level != NoAccess || zero.Reason != ByDefault {
		t.Errorf("%+v", zero)
	}
}

// S25: contexts for privilege elevation take away and never give.
func TestTheCapOfPrivilegeElevation(t *testing.T) {
	const password, card = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password", "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"
	for _, tt := range []struct {
		name      string
		level     Level
		elevation []string
		context   string
		want      Level
	}{
		{"no contexts are no cap", Full, nil, password, Full},
		{"the right context keeps Full", Full, []string{card}, card, Full},
		{"one of several is enough", Full, []string{"urn:x", card}, card, Full},
		{"another context is capped", Full, []string{card}, password, Restricted},
		{"no context at all is capped", Full, []string{card}, "", Restricted},
		{"the right context raises nothing", Restricted, []string{card}, card, Restricted},
		{"the cap raises nothing either", NoAccess, []string{card}, password, NoAccess},
		{"a context is an exact URI", Full, []string{card}, card + "/", Restricted},
	} {
		if got := Cap(tt.level, tt.elevation, tt.context); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestALevelIsWrittenAndReadAsAWord(t *testing.T) {
	for _, level := range []Level{NoAccess, Restricted, Full} {
		text, err := json.Marshal(level)
		if err != nil {
			t.Fatal(err)
		}
		var back Level
		if err := json.Unmarshal(text, &back); err != nil || back != level {
			t.Errorf("%s read as %v, %v", text, back, err)
		}
	}
	level := Full
	if err := level.UnmarshalText([]byte("Full Access")); err == nil || level != NoAccess {
		t.Errorf("a word nobody knows gave %v, %v", level, err)
	}
	if _, err := Level(3).MarshalText(); err == nil {
		t.Error("a level nobody knows was written down")
	}
}
