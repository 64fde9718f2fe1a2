package idms

import (
	"time"

	"idms/internal/groups"
	"idms/internal/saml"
	"idms/internal/trace"
	"idms/internal/users"
)

// Recorded is a person and the last assertion about them that was admitted: what
// rules can be applied to between two logins (S43).
type Recorded struct {
	Account     users.Account
	Memberships []groups.Membership
	LastOwner   bool // as in Known (S44)

	// Of the assertion there is what a decision reads: NameID, context, issuer,
	// session index and attributes. It proves nothing any more.
	Assertion saml.Assertion
	At        time.Time // of the login; zero when nothing is recorded
	Until     time.Time // when it is too old to decide by
}

// Usable is true when there is an assertion that is not too old at now.
func (r Recorded) Usable(now time.Time) bool { return !r.At.IsZero() && now.Before(r.Until) }

// SamePerson is true when the policy maps the recorded assertion to the account
// that it was recorded for. When the mapping has changed, a login may reach
// another account, and this one is out of its reach (S40).
func (p *Policy) SamePerson(r Recorded) bool {
	username, named := p.Username(r.Assertion)
	return !named || users.Fold(username) == users.Fold(r.Account.Username)
}

// Apply decides about a recorded person as a login at now would (S43). A record
// that takes its groups from a directory changes none: the next sync does (S37).
func (p *Policy) Apply(r Recorded, directory *Directory, now time.Time) Decision {
	decision := p.Decide(r.Assertion, Known{
		Now: now, Purpose: Reapply, Account: &r.Account, Memberships: r.Memberships, LastOwner: r.LastOwner, Directory: directory,
	})
	if p.record.Association == FromDirectory && decision.Admitted {
		decision.Changes, decision.Groups = nil, nil
		for i := range decision.Steps {
			if step := &decision.Steps[i]; step.Name == stepGroups {
				*step = trace.Step{Name: stepGroups, Rule: "S37", State: trace.Passed, Found: "nothing changes: they come from the directory, at its next sync"}
			}
		}
	}
	return decision
}

// GroupReason is a group that a decision changes something about, and why.
type GroupReason struct {
	Group   string         `json:"group"` // key
	Verdict groups.Verdict `json:"verdict"`
	Rule    string         `json:"rule,omitempty"` // key of the association that decided
	Why     string         `json:"why,omitempty"`  // what it found, in words; it may show a value of the person's
}

// Reasons are the groups that a decision changes something about, in the order
// of its outcomes. A group in which others keep the person up is among them when
// a source of theirs goes (groups.Held).
func (p *Policy) Reasons(d Decision) []GroupReason {
	changed := map[string]bool{}
	for _, change := range d.Changes {
		changed[change.Group] = true
	}
	var reasons []GroupReason
	for _, outcome := range d.Groups {
		if !changed[outcome.Group] {
			continue
		}
		reason := GroupReason{Group: outcome.Group, Verdict: outcome.Verdict, Rule: outcome.Rule}
		for i, association := range p.record.Associations {
			if association.Key == outcome.Rule && association.Group == outcome.Group && i < len(d.Associations) {
				reason.Why = found(association.Rule, d.Associations[i], d.Facts)
			}
		}
		reasons = append(reasons, reason)
	}
	return reasons
}
