package idms

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/trace"
	"idms/internal/users"
)

// chooser makes a case out of bytes, so that the fuzzer can turn every choice.
type chooser struct{ bytes []byte }

func (c *chooser) number(below int) int {
	if len(c.bytes) == 0 {
		return 0
	}
	first := c.bytes[0]
	c.bytes = c.bytes[1:]
	return int(first) % below
}

func (c *chooser) yes() bool { return c.number(2) == 1 }

func pick[T any](c *chooser, from ...T) T { return from[c.number(len(from))] }

const (
	password  = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
	smartcard = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"
)

var somePatterns = []rules.Pattern{mustPattern("^x$"), mustPattern("(?i)x|y"), mustPattern("."), mustPattern("^never$")}

func (c *chooser) rule(key string) rules.Rule {
	return rules.Rule{
		Key: key, Attribute: pick(c, "a", "b", "c", "@auth_context"), Pattern: pick(c, somePatterns...),
		Values: pick(c, rules.Any, rules.Any, rules.All, rules.None), Disabled: c.number(5) == 4,
	}
}

func (c *chooser) record() Record {
	r := Record{
		Key: "acme", CreateUsers: c.yes(),
		Mapping:     users.Mapping{Username: "uid", Email: pick(c, "uid", "mail"), NamesOptional: true},
		Association: pick(c, ByRules, ByRules, FromDirectory),
	}
	r.SAML.AllowedContexts = pick(c, nil, nil, []string{password, smartcard}, []string{smartcard})
	r.SAML.ElevationContexts = pick(c, nil, []string{smartcard})
	for i := range c.number(4) {
		r.Validation = append(r.Validation, c.rule(fmt.Sprint("v", i)))
	}
	for i := range c.number(4) {
		r.Access = append(r.Access, console.Grant{Rule: c.rule(fmt.Sprint("a", i)), Level: pick(c, console.Full, console.Restricted, console.NoAccess)})
	}
	for i := range c.number(4) {
		r.Associations = append(r.Associations, groups.Association{
			Rule: c.rule(fmt.Sprint("g", i)), Group: pick(c, "one", "two"),
			UpdateOnLogin: c.yes(), OnlyOwn: c.number(4) == 3, OnMissing: pick(c, groups.Remove, groups.Keep),
		})
	}
	return r
}

func (c *chooser) assertion() saml.Assertion {
	a := saml.Assertion{AuthnContext: pick(c, "", password, smartcard), Issuer: "i", NameID: saml.NameID{Value: "n", Format: pick(c, "", persistent)}}
	if c.number(8) > 0 {
		a.Attributes = append(a.Attributes, rules.Attribute{Name: "uid", Values: []string{"ada"}})
	}
	for _, name := range []string{"mail", "a", "b", "c"} {
		switch c.number(4) {
		case 0:
			a.Attributes = append(a.Attributes, rules.Attribute{Name: name, Values: []string{pick(c, "x", "y", "z")}})
		case 1:
			a.Attributes = append(a.Attributes, rules.Attribute{Name: name, Values: []string{"z", pick(c, "X", "y")}})
		case 2:
			a.Attributes = append(a.Attributes, rules.Attribute{Name: name, Incomplete: true})
		}
	}
	return a
}

func (c *chooser) known() Known {
	known := Known{Now: scenarioNow, Purpose: pick(c, LogIn, LogIn, Elevate), Elevating: pick(c, "1", "2", "")}
	if c.yes() {
		known.Account = &users.Account{ID: "1", NameID: "old", State: pick(c, "", users.Enabled, users.Blocked, users.Disabled, "odd")}
		for _, group := range []string{"one", "two", "three"} {
			var sources []groups.Source
			for _, source := range []groups.Source{
				{Kind: groups.Manual, By: "grace"}, {Kind: groups.FromSCIM, By: "hr"},
				{Kind: groups.FromAssociation, Record: "acme", By: "g0"}, {Kind: groups.FromAssociation, Record: "globex", By: "g0"},
				{Kind: groups.FromDirectory, Record: "acme", By: "acme"}, {Kind: groups.FromDirectory, Record: "globex", By: "globex"},
			} {
				if c.number(4) == 3 {
					sources = append(sources, source)
				}
			}
			if sources != nil {
				known.Memberships = append(known.Memberships, groups.Membership{Group: group, Sources: sources})
			}
		}
	}
	if c.yes() {
		known.Directory = &Directory{Known: c.number(4) > 0, Groups: pick(c, nil, []string{"one"}, []string{"one", "three"})}
	}
	return known
}

func compile(t testing.TB, r Record) *Policy {
	t.Helper()
	policy, err := Compile(r)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// laws are what holds for every record, assertion and person.
func laws(t *testing.T, bytes []byte) {
	t.Helper()
	c := &chooser{bytes}
	record, a, known := c.record(), c.assertion(), c.known()
	policy := compile(t, record)
	d := policy.Decide(a, known)
	fail := func(law string) {
		t.Helper()
		var text strings.Builder
		policy.Print(&text, d)
		t.Fatalf("%s\nrecord %+v\nassertion %+v\nknown %+v\n%s", law, record, a, known, text.String())
	}

	if !reflect.DeepEqual(d, compile(t, record).Decide(a, known)) {
		fail("S3: the same three give the same decision")
	}
	if d.Admitted != (d.Code == "") || d.Code != d.Steps.Code() || d.Admitted != (d.Steps.Refusal() == nil) {
		fail("S62: admitted is having no refused step, and the code is that of the first")
	}
	if !d.Admitted && (d.Level != console.NoAccess || d.Changes != nil || d.CreatesUser || d.FormerNameID != "") {
		fail("S1: a refused login does nothing")
	}
	if d.Admitted && (d.Level == console.NoAccess || d.Profile.Username == "" || d.Profile.Email == "") {
		fail("S21, S24: who is admitted has a level, a username and an e-mail address")
	}
	if ordered := slices.IsSortedFunc(positions(d.Steps), func(a, b int) int { return a - b }); !ordered {
		fail("the steps are not in the order of a login")
	}
	if policy.Explain(d).Code() != d.Code {
		fail("S61: the whole trace has another code")
	}

	if name, ok := policy.Username(a); ok && name != d.Profile.Username {
		fail("S40: the account was locked under another username")
	}
	if account := known.Account; d.Admitted && account != nil && account.State != "" && account.State != users.Enabled {
		fail("S41: admitted though the account is not enabled")
	}
	if d.Admitted && known.Account == nil && (!record.CreateUsers || known.Purpose == Elevate) {
		fail("S41, S26: admitted an unknown person")
	}
	if d.Admitted && known.Purpose == Elevate && (known.Account.ID != known.Elevating) {
		fail("S26: elevated somebody else")
	}
	if contexts := record.SAML.AllowedContexts; d.Admitted && contexts != nil && !slices.Contains(contexts, a.AuthnContext) {
		fail("S20: admitted another context")
	}
	if contexts := record.SAML.ElevationContexts; contexts != nil && !slices.Contains(contexts, a.AuthnContext) && d.Level > console.Restricted {
		fail("S25: above the cap")
	}
	if d.Level > d.Console.Level {
		fail("S25: a cap raised the level")
	}
	for i, rule := range record.Validation {
		finding := rule.Test(d.Facts)
		if finding != d.Validation[i] {
			fail("the findings are not those of the rules")
		}
		if d.Admitted && !rule.Disabled && !finding.True {
			fail("S22: admitted though a validation rule is not true")
		}
	}
	refusing, admitting := false, len(record.Access) == 0
	for _, grant := range record.Access {
		finding := grant.Test(d.Facts)
		refusing = refusing || grant.Level == console.NoAccess && (finding.True || finding.Outcome == rules.Incomplete)
		admitting = admitting || grant.Level > console.NoAccess && finding.True
	}
	if d.Admitted && (refusing || !admitting) {
		fail("S24: admitted against the access rules")
	}

	for _, change := range d.Changes {
		source := change.Source
		own := source.Record == "acme" && (source.Kind == groups.FromAssociation || source.Kind == groups.FromDirectory)
		if !own && !(change.Remove && source.Kind == groups.Manual) {
			fail("S31, S36: changed what is not this record's to change")
		}
		if policy.followsDirectory(known) != (source.Kind == groups.FromDirectory) {
			fail("S37: the wrong one of directory and associations decided")
		}
	}

	// S14: to know less about a person removes nobody and admits nobody.
	vague := a
	vague.Attributes = slices.Clone(a.Attributes)
	for i := range vague.Attributes {
		if vague.Attributes[i].Name != "uid" && vague.Attributes[i].Name != "mail" {
			vague.Attributes[i].Incomplete = true
		}
	}
	v := policy.Decide(vague, known)
	if v.Level > d.Level {
		d = v
		fail("S14: a higher level for knowing less")
	}
	for _, change := range v.Changes {
		if change.Remove && change.Source.Kind != groups.FromDirectory && incompleteFor(record, v, change.Group) {
			d = v
			fail("S14: removed though an attribute is incomplete")
		}
	}

	// Without NOT and without No Access rules, to lack an attribute gives
	// nobody more.
	positive := func(r rules.Rule) bool { return r.Values != rules.None }
	if !slices.ContainsFunc(record.rules(), func(r rules.Rule) bool { return !positive(r) }) &&
		!slices.ContainsFunc(record.Access, func(g console.Grant) bool { return g.Level == console.NoAccess }) {
		for i, lost := range a.Attributes {
			less := a
			less.Attributes = slices.Delete(slices.Clone(a.Attributes), i, i+1)
			if l := policy.Decide(less, known); l.Level > d.Level {
				d = l
				fail("S11: a higher level for lacking " + lost.Name)
			}
		}
	}
}

func incompleteFor(r Record, d Decision, group string) bool {
	for i, as := range r.Associations {
		if as.Group == group && len(d.Associations) > 0 && d.Associations[i].Outcome == rules.Incomplete {
			return true
		}
	}
	return false
}

// positions of steps in the order of semantics.
func positions(steps trace.Steps) []int {
	order := []string{stepContext, stepLengths, "username", "e-mail", "first name", "last name", "phone", stepAccount, stepNameID, stepDirectory, stepValidation, stepAccess, stepElevation, stepGroups}
	var at []int
	for _, step := range steps {
		at = append(at, slices.Index(order, step.Name))
	}
	return at
}

func TestTheLawsOfADecision(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 42))
	admitted := 0
	for range 5_000 {
		bytes := make([]byte, 120)
		for i := range bytes {
			bytes[i] = byte(random.Uint32())
		}
		laws(t, bytes)
		c := &chooser{bytes}
		if record := c.record(); compile(t, record).Decide(c.assertion(), c.known()).Admitted {
			admitted++
		}
	}
	if admitted < 100 {
		t.Errorf("only %d of 5000 random logins are admitted: the laws hold for want of cases", admitted)
	}
}

func FuzzDecide(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("a record, an assertion and a person, all made of this sentence, byte by byte, until there is no more of it to read"))
	f.Fuzz(func(t *testing.T, bytes []byte) { laws(t, bytes) })
}

// The zero Policy and a refused Compile must not be a way in.
func TestARecordNobodyCheckedDoesNotCompile(t *testing.T) {
	good := (&chooser{[]byte("some record")}).record()
	good.Validation = []rules.Rule{{Key: "k", Attribute: "a", Pattern: mustPattern("x")}}
	for name, spoil := range map[string]func(r *Record){
		"no username mapped":          func(r *Record) { r.Mapping.Username = "" },
		"an unknown pseudo-attribute": func(r *Record) { r.Mapping.Email = "@mail" },
		"a rule without a pattern":    func(r *Record) { r.Validation[0].Pattern = rules.Pattern{} },
		"a rule without an attribute": func(r *Record) { r.Validation[0].Attribute = "" },
		"a rule without a key":        func(r *Record) { r.Validation[0].Key = "" },
		"two rules of one key":        func(r *Record) { r.Access = []console.Grant{{Rule: r.Validation[0]}} },
		"a level nobody knows": func(r *Record) {
			r.Access = []console.Grant{{Rule: rules.Rule{Key: "z", Attribute: "a", Pattern: mustPattern("x")}, Level: 3}}
		},
		"an association type nobody knows": func(r *Record) { r.Association = "scim" },
	} {
		record := good
		record.Validation = slices.Clone(good.Validation)
		spoil(&record)
		if policy, err := Compile(record); err == nil || policy != nil {
			t.Errorf("%s: %v, %v", name, policy, err)
		}
	}
	if _, err := Compile(good); err != nil {
		t.Errorf("the record before spoiling: %v", err)
	}
}

func mustPattern(text string) rules.Pattern {
	pattern, err := rules.ParsePattern(text, rules.Options{})
	if err != nil {
		panic(err)
	}
	return pattern
}

// BenchmarkDecide is a login of a person in 200 groups. Of the rules a few are
// validation and access rules and all others associations, as in real records.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{20, 1_000, 10_000} {
		b.Run(fmt.Sprint("rules=", n), func(b *testing.B) {
			record := Record{
				Key: "acme", CreateUsers: true,
				Mapping:    users.Mapping{Username: "uid", Email: "mail", NamesOptional: true},
				Validation: []rules.Rule{{Key: "employees", Attribute: "affiliation", Pattern: mustPattern("^employee$")}},
				Access:     []console.Grant{{Rule: rules.Rule{Key: "admins", Attribute: "groups", Pattern: mustPattern("^group-7$")}, Level: console.Full}},
			}
			for i := range n - 2 {
				text := fmt.Sprintf("^group-%d$", i)
				if i%3 == 1 {
					text = fmt.Sprintf("group-%d-", i)
				}
				record.Associations = append(record.Associations, groups.Association{
					Rule:  rules.Rule{Key: fmt.Sprint("r", i), Attribute: "groups", Pattern: mustPattern(text)},
					Group: fmt.Sprint("g", i), UpdateOnLogin: true,
				})
			}
			a := saml.Assertion{Attributes: rules.Attributes{
				{Name: "uid", Values: []string{"ada"}}, {Name: "mail", Values: []string{"ada@example.com"}},
				{Name: "affiliation", Values: []string{"employee"}}, {Name: "groups"},
			}}
			known := Known{Now: scenarioNow, Account: &users.Account{ID: "1"}}
			for i := range 200 {
				a.Attributes[3].Values = append(a.Attributes[3].Values, fmt.Sprintf("group-%d", i))
				if i < n-2 && i%3 != 1 {
					known.Memberships = append(known.Memberships, groups.Membership{Group: fmt.Sprint("g", i), Sources: []groups.Source{
						{Kind: groups.FromAssociation, Record: "acme", By: fmt.Sprint("r", i)}}})
				}
			}
			policy := compile(b, record)
			if d := policy.Decide(a, known); !d.Admitted || d.Level != console.Full || len(d.Changes) != 0 {
				b.Fatalf("%v", d)
			}
			b.ReportAllocs()
			for b.Loop() {
				policy.Decide(a, known)
			}
		})
	}
}
