package idms

import (
	"slices"

	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/rules"
)

// The sentences that are a warning too.
const (
	sayNoAccessRules = "There are no access rules, so everyone who logs in has Full Access."                                                             // S23
	sayNobodyAllowed = "Nobody can log in: there are access rules, so the default is No Access, and none that is switched on gives more."                // S24
	sayDirectory     = "Once the directory's first sync is approved, these rules are kept but not evaluated: groups come from the directory."            // S37
	sayDefaultNone   = "Whoever matches none of these rules has No Access, which refuses the login."                                                     // S24
	sayWinner        = "A No Access rule that matches wins over everything; otherwise the highest level that matches counts. The order decides nothing." // S24
)

// Defaults say what becomes of who matches no rule, list by list, in words that
// follow from the rules that there are.
type Defaults struct{ Validation, Access, Associations string }

// Defaults of the record as it is.
func (r Record) Defaults() Defaults {
	return Defaults{r.defaultValidation(), r.defaultAccess(), r.defaultGroups()}
}

func (r Record) defaultValidation() string {
	on := func(rule rules.Rule) bool { return !rule.Disabled }
	switch {
	case len(r.Validation) == 0:
		return "There are no validation rules, so everyone passes whom the identity provider vouches for." // S22
	case !slices.ContainsFunc(r.Validation, on):
		return "No validation rule is switched on, so everyone passes whom the identity provider vouches for." // S15, S22
	}
	return "All of these that are switched on must be true. Whoever makes one of them false, or comes without its attribute, is refused." // S22
}

func (r Record) defaultAccess() string {
	said := sayDefaultNone + " " + sayWinner
	switch {
	case len(r.Access) == 0:
		said = sayNoAccessRules
	case !slices.ContainsFunc(r.Access, admits):
		said = sayNobodyAllowed
	}
	if len(r.SAML.ElevationContexts) > 0 { // S25
		said += " Who did not authenticate in one of the contexts for privilege elevation is kept Restricted at most."
	}
	return said
}

// admits is true for an access rule by which somebody may log in.
func admits(g console.Grant) bool { return !g.Disabled && g.Level > console.NoAccess }

func (r Record) defaultGroups() string {
	removes := func(a groups.Association) bool { return !a.Disabled && a.UpdateOnLogin }
	switch {
	case r.Association == FromDirectory:
		return sayDirectory
	case len(r.Associations) == 0:
		return "There are no associations, so a login changes no group." // S30
	case !slices.ContainsFunc(r.Associations, removes):
		return "Whoever matches joins the group at their login. Nobody is removed, since no rule is switched on that updates on login." // S30
	}
	return "Whoever matches joins the group at their login. Whoever does not is removed from it where the rule updates on login, and stays otherwise." // S30, S31
}
