package idms

import (
	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/trace"
	"idms/internal/users"
)

// Decision is how one login ends, with everything that led there.
type Decision struct {
	Admitted bool
	Code     trace.Code  // "" when admitted, otherwise that of the first refused step (S62)
	Steps    trace.Steps // in the order of a login; Policy.Explain adds the rules one by one

	// Profile is the person as mapped: whole when admitted, and what came of it
	// otherwise.
	Profile users.Profile

	// What an admitted login does. A refused one does nothing, and all of these
	// are zero (S1).
	CreatesUser  bool
	Level        console.Level
	Changes      []groups.Change
	Groups       []groups.Outcome // why Changes, and why no more
	FormerNameID string           // the persistent NameID that another one replaces (S42)

	// What was read and found. The findings are in the order of the record's
	// lists; Associations is empty when the directory gives the groups (S37).
	Facts        rules.Attributes
	Validation   []rules.Finding
	Access       []rules.Finding
	Associations []rules.Finding
	Console      console.Outcome // before the elevation cap (S25)
}

// Capped is true when only the elevation cap keeps the session Restricted:
// elevating could raise it (S26).
func (d Decision) Capped() bool { return d.Admitted && d.Level < d.Console.Level }

// Decide says how a login ends: who may log in, as whom, with which console
// level, into which groups. It is a pure function of the policy, the assertion
// and what is known (S3). It takes every step even when an earlier one has
// refused, so that the trace is whole (S4); only groups are left alone then.
func (p *Policy) Decide(a saml.Assertion, known Known) Decision {
	d := Decision{Facts: a.Facts()}
	take := func(steps ...trace.Step) { d.Steps = append(d.Steps, steps...) }

	take(p.authContext(a.AuthnContext))           // S20
	take(p.lengths(d.Facts, p.pass(known).reads)) // S10

	profile, mapped := p.record.Mapping.Map(d.Facts) // S21
	d.Profile = profile
	take(mapped...)

	take(p.account(known))                     // S26, S40, S41
	take(p.nameID(a.NameID, known.Account)...) // S42
	take(p.directory(known)...)                // S37

	d.Validation, d.Access, d.Associations = p.evaluate(known, d.Facts)
	take(p.validation(d.Validation, d.Facts)) // S22, S14

	d.Console = console.Decide(p.record.Access, d.Access) // S23, S24, S14
	take(p.access(d.Console, d.Access, d.Facts))

	level := console.Cap(d.Console.Level, p.record.SAML.ElevationContexts, a.AuthnContext) // S25
	take(p.elevation(d.Console.Level, level, a.AuthnContext))

	if refusal := d.Steps.Refusal(); refusal != nil {
		d.Code = refusal.Code
		take(trace.Step{Name: stepGroups, Rule: "S1", Found: "nothing changes, since the login is refused"})
		return d
	}

	d.Admitted = true
	d.Level = level
	d.CreatesUser = known.Account == nil
	d.FormerNameID = formerNameID(a.NameID, known.Account)
	d.Changes, d.Groups = p.changes(d.Associations, known) // S30–S37
	take(p.associations(d.Changes, d.Groups, known))
	return d
}

// WouldChange is what a refused login would have done to groups, had nothing
// refused it. It is for showing to somebody who mends the refusal; nothing of it
// ever happens (S1).
func (p *Policy) WouldChange(d Decision, known Known) []groups.Change {
	changes, _ := p.changes(d.Associations, known)
	return changes
}

// changes are those of the directory where the record follows one, and those
// of the associations otherwise.
func (p *Policy) changes(findings []rules.Finding, known Known) ([]groups.Change, []groups.Outcome) {
	if p.followsDirectory(known) {
		return groups.FromDirectorySync(p.record.Key, known.Directory.Groups, known.Memberships, known.Now)
	}
	changes, outcomes := p.groups.Changes(findings, known.Memberships, known.Now)
	if known.LastOwner {
		return groups.KeepMember(roles.Owner.Group(), changes, outcomes) // S44
	}
	return changes, outcomes
}
