package idms

import (
	"slices"

	"idms/internal/groups"
	"idms/internal/rules"
	"idms/internal/saml"
)

// Policy is one version of a record, made ready for many logins. It never
// changes and is safe for concurrent use.
type Policy struct {
	record Record
	groups *groups.Set
	all    pass // validation, access and associations
	door   pass // validation and access alone: the directory gives the groups (S37)
}

// pass is a list of rules that one login evaluates in one go.
type pass struct {
	rules *rules.Set
	reads map[string]bool // the attributes that an enabled rule reads
}

// Compile makes a record ready. It fails for a record whose mapping or rules
// Check has problems with, so that nothing half understood ever decides.
func Compile(r Record) (*Policy, error) {
	if err := r.checkDecision().Err(); err != nil {
		return nil, err
	}
	list := r.rules()
	p := &Policy{
		record: r,
		groups: groups.Compile(r.Key, r.Associations),
		all:    newPass(list),
	}
	p.door = p.all
	if r.Association == FromDirectory {
		p.door = newPass(list[:len(r.Validation)+len(r.Access)])
	}
	return p, nil
}

func newPass(list []rules.Rule) pass {
	reads := map[string]bool{}
	for _, rule := range list {
		if !rule.Disabled {
			reads[rule.Attribute] = true
		}
	}
	return pass{rules: rules.Compile(list), reads: reads}
}

// Record is the version that the policy was made of.
func (p *Policy) Record() Record { return p.record }

// Username is who an assertion names, as mapped, and false when it names
// nobody. It is for finding and locking the account before Decide.
func (p *Policy) Username(a saml.Assertion) (string, bool) {
	return p.record.Mapping.UsernameIn(a.Facts())
}

// followsDirectory is true when the record takes groups from its directory and
// the directory has had its first approved sync (S37).
func (p *Policy) followsDirectory(known Known) bool {
	return p.record.Association == FromDirectory && known.Directory != nil
}

// evaluate tests every rule in one pass and deals the findings out to the
// parts of the record.
func (p *Policy) evaluate(known Known, facts rules.Attributes) (validation, access, associations []rules.Finding) {
	set := p.pass(known).rules
	findings := set.Evaluate(facts, make([]rules.Finding, 0, set.Len()))
	v := len(p.record.Validation)
	a := v + len(p.record.Access)
	return slices.Clip(findings[:v]), slices.Clip(findings[v:a]), findings[a:]
}

func (p *Policy) pass(known Known) pass {
	if p.followsDirectory(known) {
		return p.door
	}
	return p.all
}
