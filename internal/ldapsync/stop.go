package ldapsync

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// StopCode names a safety stop: why a plan waits for somebody. Codes are public
// and never change their meaning; docs/how-to/when-a-sync-is-held.md has a part
// for each.
type StopCode string

const (
	StopNoPeople    StopCode = "no_people"           // never approved: an empty answer is a broken one
	StopFirst       StopCode = "first_run"           // nobody has looked at what this directory holds
	StopSettings    StopCode = "settings_changed"    // base, filter, key or hosts are not those of the last good sync
	StopDisables    StopCode = "deactivations"       // too many people would be shut out
	StopGroups      StopCode = "group_removals"      // too many groups would lose all their members
	StopMemberships StopCode = "membership_removals" // too many people would leave groups
	StopHalved      StopCode = "group_halved"        // one group would lose too many: it waits alone
	StopLink        StopCode = "group_linked"        // a group that is here already would be joined by the directory's: it waits alone
)

// StopCodes are all of them.
var StopCodes = []StopCode{StopNoPeople, StopFirst, StopSettings, StopDisables, StopGroups, StopMemberships, StopHalved, StopLink}

// Stop is one reason for which a plan, or one group of it, is held (L6).
type Stop struct {
	Code  StopCode `json:"code"`
	Group string   `json:"group,omitempty"` // key; "" holds the whole plan
	Count int      `json:"count,omitempty"` // what the plan would do
	Of    int      `json:"of,omitempty"`    // of so many
	Limit int      `json:"limit,omitempty"` // the most that goes by itself
	Why   string   `json:"why"`             // a sentence
}

// Stops are the reasons of one plan.
type Stops []Stop

// Whole is true when the whole plan is held.
func (s Stops) Whole() bool {
	for _, stop := range s {
		if stop.Group == "" {
			return true
		}
	}
	return false
}

// Approvable is false when nobody may let the plan through.
func (s Stops) Approvable() bool {
	for _, stop := range s {
		if stop.Code == StopNoPeople {
			return false
		}
	}
	return true
}

// Standing is what earlier syncs of the record leave a plan to be measured by.
type Standing struct {
	First   bool // no sync of this record was ever applied
	Changed bool // base, filter, key or hosts differ from those of the last one applied
}

// BlastStop says what stands in the way of applying a plan by itself (L6).
func BlastStop(p *Plan, s Snapshot, h Holdings, limits BlastLimits, standing Standing) Stops {
	limits = limits.defaults()
	var stops Stops
	hold := func(code StopCode, count, of, limit int, why string, args ...any) {
		stops = append(stops, Stop{Code: code, Count: count, Of: of, Limit: limit, Why: fmt.Sprintf(why, args...)})
	}
	if len(s.People) == 0 {
		hold(StopNoPeople, 0, len(h.People), 0, "The directory holds nobody by this base and filter.")
	}
	switch {
	case standing.First && p.Any():
		hold(StopFirst, 0, 0, 0, "This is the first sync of this directory.")
	case standing.Changed && p.Any():
		hold(StopSettings, 0, 0, 0, "The hosts, a base, a filter or the external id are not those of the last sync.")
	}

	people, groups, members := 0, 0, 0
	for _, held := range h.People {
		if held.Off == On {
			people++
		}
	}
	for _, held := range h.Groups {
		if held.Off == On {
			groups++
		}
		members += held.Members
	}
	shut, gone, leaving := 0, 0, 0
	for _, c := range p.People {
		switch c.Kind {
		case DisablePerson, OutPerson, GonePerson:
			if held, ok := h.Held(c.ID); ok && held.Off == On {
				shut++
			}
		case LinkPerson:
			if c.Off != On {
				shut++
			}
		}
	}
	for _, leave := range p.Leaves {
		leaving += len(leave.Users)
		if leave.Kind == GroupGone {
			gone++
		}
	}
	for _, one := range []struct {
		code  StopCode
		limit Limit
		n, of int
		why   string
	}{
		{StopDisables, *limits.Deactivations, shut, people, "%d of %d people would be shut out; up to %d go by themselves."},
		{StopGroups, *limits.GroupRemovals, gone, groups, "%d of %d groups would lose the directory's members; up to %d go by themselves."},
		{StopMemberships, *limits.MembershipRemovals, leaving, members, "%d of %d memberships would end; up to %d go by themselves."},
	} {
		if most := one.limit.most(one.of); one.n > most {
			hold(one.code, one.n, one.of, most, one.why, one.n, one.of, most)
		}
	}

	for i := range p.Leaves {
		leave := &p.Leaves[i]
		leave.Held = ""
		if leave.Of >= limits.OneGroup.Count && len(leave.Users)*100 > leave.Of*limits.OneGroup.Percent {
			leave.Held = fmt.Sprintf("%d of %d members would leave.", len(leave.Users), leave.Of)
			stops = append(stops, Stop{Code: StopHalved, Group: leave.Group, Count: len(leave.Users), Of: leave.Of,
				Limit: leave.Of * limits.OneGroup.Percent / 100, Why: "The group " + leave.Group + ": " + leave.Held})
		}
	}
	for i := range p.Groups {
		change := &p.Groups[i]
		change.Held = ""
		if change.Kind == LinkGroup {
			change.Held = "It is here already, and whoever is in the directory's group would join it."
			stops = append(stops, Stop{Code: StopLink, Group: change.Key, Why: "The group " + change.Key + ": " + change.Held})
		}
	}
	return stops
}

// most is how much goes by itself, of so many.
func (l Limit) most(of int) int { return max(l.Count, of*l.Percent/100) }

// Split parts a plan into what may go and what waits: the groups that the stops
// hold alone, with whoever would join or leave them.
func (p *Plan) Split(stops Stops) (goes, waits *Plan) {
	alone := map[string]bool{}
	for _, stop := range stops {
		if stop.Group != "" {
			alone[stop.Group] = true
		}
	}
	free, held := *p, *p
	held.People, held.Notes = nil, nil
	free.Groups, held.Groups = parted(p.Groups, func(c GroupChange) bool { return alone[c.Key] })
	free.Joins, held.Joins = parted(p.Joins, func(m Members) bool { return alone[m.Group] })
	free.Leaves, held.Leaves = parted(p.Leaves, func(m Members) bool { return alone[m.Group] })
	free.marks, held.marks = parted(p.marks, func(m groupMark) bool { return alone[m.Key] })
	return &free, &held
}

func parted[T any](all []T, second func(T) bool) (a, b []T) {
	for _, one := range all {
		if second(one) {
			b = append(b, one)
		} else {
			a = append(a, one)
		}
	}
	return a, b
}

// SendsPasswordAs is true when these settings send the bind password to the same
// servers as others do, with the same proof of who they are. Otherwise whoever may
// change the settings, and may not see the password, could have it sent to a server
// of theirs.
func (s Settings) SendsPasswordAs(other Settings) bool {
	s, other = s.Defaults(), other.Defaults()
	return slices.Equal(s.Hosts, other.Hosts) && s.Port == other.Port &&
		s.Security == other.Security && s.CACertificate == other.CACertificate
}

// Fingerprint is a digest of the settings that say who is read from where: hosts,
// bases, filters and the external id. When it changes, the next plan waits for
// approval (L6).
func (s Settings) Fingerprint() string {
	s = s.Defaults()
	text, err := json.Marshal([]any{
		s.Hosts, s.Port, strings.ToLower(s.BaseDN), strings.ToLower(s.UserBase), strings.ToLower(s.GroupBase),
		s.UserFilter, s.GroupFilter, strings.ToLower(s.ExternalID),
		// Another attribute for the username or the members is another key too: of
		// the account, and of who is in a group.
		strings.ToLower(s.UsernameAttribute), strings.ToLower(s.MemberAttribute), s.DirectMembersOnly,
	})
	if err != nil {
		panic(err) // texts and numbers
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
