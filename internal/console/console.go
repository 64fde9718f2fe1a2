// Package console owns the cloud-console access level of a login: the grants
// of a record, which of them wins, and the cap of privilege elevation (S23 to
// S25). A console is never a screen here. It leaves matching to rules and
// refusing to idms.
package console

import (
	"fmt"
	"slices"

	"idms/internal/rules"
)

// Level is what a session may do with cloud consoles. The zero value is the
// safe one.
type Level uint8

const (
	NoAccess   Level = iota // may not log in at all (S24)
	Restricted              // may log in, may not open cloud consoles
	Full                    // may open cloud consoles
)

// Grant is one access rule: who it matches gets its level.
type Grant struct {
	rules.Rule
	Level Level
}

// Outcome is the level that a record's grants give one login, and why.
type Outcome struct {
	Level  Level  `json:"level"`
	Reason Reason `json:"reason"`
	Winner int    `json:"winner"`           // index of the grant that decided; -1 when none did
	Losers []int  `json:"losers,omitempty"` // the other grants that were true, in the record's order
}

// Reason is why a level was given. The zero value is a reason to give none.
type Reason uint8

const (
	ByDefault    Reason = iota // there are grants, and none is true: No Access (S24)
	ByGrant                    // the winner is true
	ByUnreadable               // the winner is a No Access grant that could not be read (S14)
	ByNoGrants                 // there are no grants: Full Access (S23)
)

// Decide gives the level of one login. findings are what each grant found, in
// the order of the grants.
//
// Without a grant everyone has Full Access (S23). The first one, even when it
// is switched off, makes No Access the default (S24).
func Decide(grants []Grant, findings []rules.Finding) Outcome {
	if len(grants) == 0 {
		return Outcome{Level: Full, Reason: ByNoGrants, Winner: -1}
	}

	winner, strongest := -1, silent
	var spoke []int
	for i, grant := range grants {
		if findings[i].True {
			spoke = append(spoke, i)
		}
		if voice := grant.voice(findings[i]); voice > strongest {
			winner, strongest = i, voice
		}
	}

	losers := slices.DeleteFunc(spoke, func(i int) bool { return i == winner })
	switch strongest {
	case silent:
		return Outcome{Level: NoAccess, Reason: ByDefault, Winner: -1}
	case unreadable:
		return Outcome{Level: NoAccess, Reason: ByUnreadable, Winner: winner, Losers: losers}
	}
	return Outcome{Level: grants[winner].Level, Reason: ByGrant, Winner: winner, Losers: losers}
}

// voice is how strongly a grant speaks in one login.
type voice uint8

const (
	silent     voice = iota // not true
	restricts               //
	allows                  // Full over Restricted
	unreadable              // perhaps a No Access: nobody is let in on a perhaps (S14)
	refuses                 // No Access over everything
)

func (g Grant) voice(f rules.Finding) voice {
	switch {
	case g.Level == Full && f.True:
		return allows
	case g.Level == Restricted && f.True:
		return restricts
	case g.Level == NoAccess && f.True:
		return refuses
	case g.Level == NoAccess && f.Outcome == rules.Incomplete:
		return unreadable
	}
	return silent
}

// Cap limits a level to Restricted unless the person authenticated in one of
// the contexts for privilege elevation. No contexts are no cap, and no context
// ever raises a level (S25).
func Cap(level Level, elevation []string, context string) Level {
	if len(elevation) == 0 || slices.Contains(elevation, context) {
		return level
	}
	return min(level, Restricted)
}

var (
	words  = [...]string{NoAccess: "none", Restricted: "restricted", Full: "full"}
	labels = [...]string{NoAccess: "No Access", Restricted: "Restricted", Full: "Full Access"}
)

// String is none, restricted or full: the word of files and interfaces.
func (l Level) String() string {
	if int(l) < len(words) {
		return words[l]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// Label is the level's name among people.
func (l Level) Label() string {
	if int(l) < len(labels) {
		return labels[l]
	}
	return l.String()
}

// ParseLevel reads none, restricted or full, and nothing else.
func ParseLevel(word string) (Level, error) {
	for level, known := range words {
		if known == word {
			return Level(level), nil
		}
	}
	return NoAccess, fmt.Errorf("write full, restricted or none, not %q", word)
}

// MarshalText writes the word of String.
func (l Level) MarshalText() ([]byte, error) {
	if int(l) < len(words) {
		return []byte(words[l]), nil
	}
	return nil, fmt.Errorf("there is no console level with number %d", uint8(l))
}

// UnmarshalText reads what MarshalText wrote. After an error the level is
// NoAccess.
func (l *Level) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLevel(string(text))
	return err
}
