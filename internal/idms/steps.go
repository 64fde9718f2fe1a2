package idms

import (
	"fmt"
	"slices"
	"strings"

	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/ldapsync"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/trace"
	"idms/internal/users"
)

// The steps of Decide by name. Those of the mapped fields are named by users.
const (
	stepContext    = "allowed auth context"
	stepLengths    = "length of values"
	stepAccount    = "account"
	stepNameID     = "NameID"
	stepDirectory  = "directory"
	stepValidation = "validation rules"
	stepAccess     = "access rules"
	stepElevation  = "privilege elevation"
	stepGroups     = "groups"
)

// settingContext is a setting of the provider, in the words of most of them.
const settingContext = "authentication context (AuthnContextClassRef)"

// authContext is S20: when contexts are listed, the assertion's must be one of
// them, and an assertion without one is refused.
func (p *Policy) authContext(came string) trace.Step {
	allowed := p.record.SAML.AllowedContexts
	step := trace.Step{Name: stepContext, Rule: "S20", State: trace.Passed, Looked: "any or none", Found: orNone(came)}
	if len(allowed) == 0 {
		return step
	}
	step.Looked = oneOf(allowed)
	if slices.Contains(allowed, came) {
		return step
	}

	step.State = trace.Refused
	fix := trace.Fix{Field: "saml.allowed_auth_contexts", Present: strings.Join(allowed, ", ")}
	if came == "" {
		step.Code = trace.AuthContextMissing
		fix.Say = "The assertion names no authentication context. Let the provider send one, or empty Allowed Auth Context."
		fix.There = &trace.Setting{Name: settingContext, Value: allowed[0]}
	} else {
		step.Code = trace.AuthContextNotAllowed
		fix.Suggested = orNone(came)
		fix.Say = "Add the context that came to Allowed Auth Context, if it is strong enough."
		fix.There = &trace.Setting{Name: settingContext, Value: allowed[0]}
	}
	step.Fix = &fix
	return step
}

// lengths is S10: a value too long for a rule refuses the login. It is not cut,
// and no rule reads it: the attribute counts as incomplete from here on.
func (p *Policy) lengths(facts rules.Attributes, reads map[string]bool) trace.Step {
	step := trace.Step{Name: stepLengths, Rule: "S10", State: trace.Passed, Looked: fmt.Sprintf("at most %d bytes in every value that a rule reads", rules.MaxValue)}
	for i := range facts {
		fact := &facts[i]
		long := slices.IndexFunc(fact.Values, func(v string) bool { return len(v) > rules.MaxValue })
		if long < 0 || !reads[fact.Name] {
			continue
		}
		fact.Incomplete = true
		if step.State == trace.Refused {
			continue
		}
		step.State, step.Code = trace.Refused, trace.ValueTooLong
		step.Found = fmt.Sprintf("a value of %q with %d bytes", fact.Name, len(fact.Values[long]))
		step.Fix = &trace.Fix{
			Say:   fmt.Sprintf("Let the provider send shorter values of %q, or let no rule read it.", fact.Name),
			There: &trace.Setting{Name: settingAttributes, Value: fmt.Sprintf("values of %q of at most %d bytes", fact.Name, rules.MaxValue)},
		}
	}
	return step
}

// account is S26, S40 and S41: who this is to us, and whether they may come in
// at all. An elevation must name the person whose session asks for it; that
// comes first, since the account found may be somebody else's.
func (p *Policy) account(known Known) trace.Step {
	account := known.Account
	step := trace.Step{Name: stepAccount, Rule: "S40", State: trace.Passed, Found: "nobody by this username"}
	if account != nil {
		step.Found = fmt.Sprintf("known as %q", account.Username)
	}
	refuse := func(rule string, code trace.Code, looked string, fix *trace.Fix) trace.Step {
		if fix == nil {
			fix = trace.Remedy(code)
		}
		step.Rule, step.State, step.Code, step.Looked, step.Fix = rule, trace.Refused, code, looked, fix
		return step
	}

	switch {
	case known.Purpose == Elevate && (account == nil || account.ID != known.Elevating || known.Elevating == ""):
		return refuse("S26", trace.OtherUser, "the person whose session asks to be elevated", nil)
	case account == nil && !p.record.CreateUsers:
		return refuse("S41", trace.UserUnknown, "a known person", &trace.Fix{
			Field: "create_users", Present: "false", Suggested: "true",
			Say: "Create the person, or let logins create people.",
		})
	case account == nil:
		step.Rule, step.Looked = "S41", "a known person, or leave to create one"
	case account.State == users.Blocked:
		step.Found += ", blocked by an administrator"
		return refuse("S41", trace.AccountDisabled, "an enabled account", &trace.Fix{Say: "Unblock the person."})
	case account.State == users.Disabled && p.followsDirectory(known) && known.Directory.Known:
		step.Found += ", disabled by the directory" // which refuses below, with its own code
	case account.State == users.Disabled:
		step.Found += ", disabled by the directory"
		return refuse("S41", trace.AccountDisabled, "an enabled account", &trace.Fix{Say: "Enable the person in the directory and sync again."})
	case account.State != "" && account.State != users.Enabled:
		step.Found += fmt.Sprintf(", in the unknown state %q", account.State)
		return refuse("S41", trace.AccountDisabled, "an enabled account", nil)
	}
	return step
}

// persistent is the NameID format that promises one value for one person, for
// good (SAML core 8.3.7).
const persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"

// formerNameID is the persistent NameID of a known person that another one has
// come in place of, or "" (S42).
func formerNameID(came saml.NameID, account *users.Account) string {
	if account == nil || came.Format != persistent || account.NameID == came.Value {
		return ""
	}
	return account.NameID
}

// nameID is S42: a known username with another persistent NameID may be
// another person, whom the provider gave a username that had become free.
func (p *Policy) nameID(came saml.NameID, account *users.Account) trace.Steps {
	former := formerNameID(came, account)
	if former == "" {
		return nil
	}
	return trace.Steps{{Name: stepNameID, Rule: "S42", State: trace.Noted,
		Looked: show(former) + ", as at the last login",
		Found:  show(came.Value) + ": the provider may have given this username to somebody else"}}
}

// directory is S37: once the record follows its directory, a person must be in
// it.
func (p *Policy) directory(known Known) trace.Steps {
	step := trace.Step{Name: stepDirectory, Rule: "S37", State: trace.Passed, Looked: "the person in the last good sync"}
	switch {
	case p.record.Association != FromDirectory:
		return nil
	case known.Directory == nil:
		step.State, step.Found = trace.Noted, "no sync has been approved yet; until then the associations decide"
	case !known.Directory.Known:
		step.State, step.Code, step.Found = trace.Refused, trace.DirectoryUnknown, "nobody by this username"
		step.Fix = &trace.Fix{Say: "Add the person to the directory, or widen the sync's filter, and sync again."}
	case known.Directory.Off == ldapsync.SwitchedOff || known.Directory.Off == ldapsync.Expired:
		step.State, step.Code = trace.Refused, trace.DirectoryDisabled
		step.Found = "there, and disabled"
		if known.Directory.Off == ldapsync.Expired {
			step.Found = "there, and expired"
		}
		step.Fix = &trace.Fix{Say: "Enable the person in the directory and sync again."}
	case known.Directory.Off == ldapsync.OutOfScope:
		step.State, step.Code, step.Found = trace.Refused, trace.DirectoryOutOfScope, "there, but outside of the base or the filter"
		step.Fix = &trace.Fix{Field: "directory.user_filter", Say: "Widen the base or the filter, or move the person back, and sync again."}
	case known.Directory.Off == ldapsync.Gone:
		step.State, step.Code, step.Found = trace.Refused, trace.DirectoryUnknown, "there once, and gone since"
		step.Fix = &trace.Fix{Say: "Add the person to the directory again, and sync. A new entry is another person: remove or rename the former account first."}
	case known.Account != nil && known.Account.State == users.Disabled:
		// Let in by the directory, and disabled all the same: no sync did that.
		step.State, step.Code, step.Found = trace.Refused, trace.DirectoryDisabled, "there, but the account is disabled"
		step.Fix = &trace.Fix{Say: "Sync again; if that does not help, enable the account."}
	default:
		step.Found = "there, in " + count(len(known.Directory.Groups), "group", "groups")
	}
	return trace.Steps{step}
}

// validation is S22: all enabled rules must be true; none is as good as all. A
// rule that could not be read refuses too, by a code of its own (S14), which
// counts only when no rule is plainly false.
func (p *Policy) validation(findings []rules.Finding, facts rules.Attributes) trace.Step {
	step := trace.Step{Name: stepValidation, Rule: "S22", State: trace.Passed, Looked: "every rule true"}
	of, untrue := enabled(findings), 0
	refusing := -1 // the first false rule or, without one, the first unread one
	for i, finding := range findings {
		if finding.True || finding.Outcome == rules.Disabled {
			continue
		}
		untrue++
		if refusing < 0 || finding.Outcome != rules.Incomplete && findings[refusing].Outcome == rules.Incomplete {
			refusing = i
		}
	}
	step.Found = fmt.Sprintf("%d of %d true", of-untrue, of)
	if of == 0 {
		step.Found = "no rules"
	}
	if untrue == 0 {
		return step
	}

	rule, finding := p.record.Validation[refusing], findings[refusing]
	step.State, step.Code = trace.Refused, trace.ValidationFailed
	if finding.Outcome == rules.Incomplete {
		step.Rule, step.Code = "S14", trace.ValidationIncomplete
	}
	step.Found += fmt.Sprintf("; %s is not, since %s", rule.Key, found(rule, finding, facts))
	step.Fix = fix(fmt.Sprintf("validation_rules[%d]", refusing), rule, finding, facts)
	return step
}

// access is S23 and S24 in words, of what console.Decide made of the findings.
func (p *Policy) access(outcome console.Outcome, findings []rules.Finding, facts rules.Attributes) trace.Step {
	step := trace.Step{Name: stepAccess, Rule: "S24", State: trace.Passed, Looked: "a rule that is true, the highest level first and No Access before all"}
	var winner console.Grant
	if outcome.Winner >= 0 {
		winner = p.record.Access[outcome.Winner]
	}
	because := func() string {
		return fmt.Sprintf("%s (%s), since %s", winner.Key, winner.Level.Label(), found(winner.Rule, findings[outcome.Winner], facts))
	}

	switch outcome.Reason {
	case console.ByNoGrants:
		step.Rule, step.Found = "S23", "no rules, so everyone has Full Access"
	case console.ByDefault:
		step.State, step.Code = trace.Refused, trace.NoAccess
		step.Found = fmt.Sprintf("0 of %d true, so the default: No Access", enabled(findings))
		if enabled(findings) == 0 {
			step.Found = "rules, but none that is switched on, so the default: No Access"
		}
		step.Fix = p.fixNoAccess(findings, facts)
	case console.ByUnreadable:
		step.Rule, step.State, step.Code = "S14", trace.Refused, trace.AccessIncomplete
		step.Found = because()
		step.Fix = fix(fmt.Sprintf("access_rules[%d]", outcome.Winner), winner.Rule, findings[outcome.Winner], facts)
	case console.ByGrant:
		step.Found = because()
		if outcome.Level == console.NoAccess {
			step.State, step.Code = trace.Refused, trace.NoAccessRule
			step.Fix = &trace.Fix{
				Field: fmt.Sprintf("access_rules[%d].pattern", outcome.Winner), Present: winner.Pattern.String(),
				Say: fmt.Sprintf("Change the rule %s, or the person's %q at the provider.", winner.Key, winner.Attribute),
			}
		}
	}
	if len(outcome.Losers) > 0 {
		step.Found += "; also true: " + p.grants(outcome.Losers)
	}
	return step
}

func enabled(findings []rules.Finding) int {
	n := 0
	for _, finding := range findings {
		if finding.Outcome != rules.Disabled {
			n++
		}
	}
	return n
}

// grants names a few of the record's grants.
func (p *Policy) grants(which []int) string {
	return few(len(which), func(i int) string {
		grant := p.record.Access[which[i]]
		return fmt.Sprintf("%s (%s)", grant.Key, grant.Level.Label())
	})
}

// nearMisses is how many rules fixNoAccess looks at: to try a rule otherwise
// means to compile its pattern anew, and a refusal should stay cheap.
const nearMisses = 20

// fixNoAccess looks among the rules that would admit for one that nearly did.
func (p *Policy) fixNoAccess(findings []rules.Finding, facts rules.Attributes) *trace.Fix {
	general := &trace.Fix{Field: "access_rules", Say: "Let one of the access rules match this person, or change the person's attributes at the provider."}
	for i, grant := range p.record.Access[:min(len(p.record.Access), nearMisses)] {
		if grant.Level == console.NoAccess || grant.Disabled {
			continue
		}
		near := fix(fmt.Sprintf("access_rules[%d]", i), grant.Rule, findings[i], facts)
		if near.Suggested != "" {
			return near
		}
		// What is to be changed at the provider is worth more than nothing, and what
		// the first such rule says is as good as what the next one says.
		if near.There != nil && general.There == nil {
			general = near
		}
	}
	return general
}

// elevation is S25: outside the contexts for privilege elevation nobody has
// more than Restricted.
func (p *Policy) elevation(before, after console.Level, came string) trace.Step {
	step := trace.Step{Name: stepElevation, Rule: "S25", State: trace.Passed, Looked: "any context", Found: after.Label()}
	contexts := p.record.SAML.ElevationContexts
	if len(contexts) > 0 {
		step.Looked = oneOf(contexts)
		step.Found = orNone(came) + ": " + after.Label()
	}
	switch {
	case before == console.NoAccess:
		step.State, step.Found = trace.NotReached, ""
	case after < before:
		step.State = trace.Noted
		step.Found = fmt.Sprintf("%s: capped at %s", orNone(came), after.Label())
	}
	return step
}

// associations is S30 to S37 in words: what changes, and what would have but
// for something that protects it.
func (p *Policy) associations(changes []groups.Change, outcomes []groups.Outcome, known Known) trace.Step {
	step := trace.Step{Name: stepGroups, Rule: "S30", State: trace.Passed, Looked: count(len(p.record.Associations), "association", "associations")}
	if p.followsDirectory(known) {
		step.Rule, step.Looked = "S37", "the directory's last good sync"
	}

	by := map[groups.Verdict][]string{}
	for _, outcome := range outcomes {
		by[outcome.Verdict] = append(by[outcome.Verdict], outcome.Group)
	}
	var said []string
	for _, part := range []struct {
		verdict groups.Verdict
		words   string
	}{
		{groups.Added, "added to"},
		{groups.Removed, "removed from"},
		{groups.Held, "stays, by others' grant, in"},
		{groups.Protected, "stays, since an attribute is not known, in"},
		{groups.Needed, "stays, as the last owner who can log in, in"},
	} {
		if names := by[part.verdict]; len(names) > 0 {
			said = append(said, part.words+" "+few(len(names), func(i int) string { return names[i] }))
		}
	}
	if len(by[groups.Held])+len(by[groups.Protected])+len(by[groups.Needed]) > 0 {
		step.State = trace.Noted
	}
	step.Found = "nothing changes"
	if len(said) > 0 {
		step.Found = strings.Join(said, "; ")
	} else if len(changes) > 0 {
		step.Found = "another reason for " + count(len(changes), "membership", "memberships")
	}
	return step
}
