package web

import (
	"fmt"
	"strings"
	"time"

	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/store"
	"idms/internal/trace"
	"idms/internal/users"
)

// sampleName is written from right to left and is longer than a telephone is wide: "the
// foundation of the regional hospitals and emergency services in the north, the south and the
// east".
const sampleName = "مؤسسة المستشفيات الإقليمية وخدمات الطوارئ في الشمال والجنوب والشرق"

// sampleRecord has a rule of every kind.
func sampleRecord() idms.Record {
	rule := func(key, attribute, pattern string) rules.Rule {
		parsed, err := rules.ParsePattern(pattern, rules.Options{})
		if err != nil {
			panic(err) // it is written below
		}
		return rules.Rule{Key: key, Attribute: attribute, Pattern: parsed}
	}
	off := rule("former", "groups", "^cloud-users$")
	off.Disabled = true
	return idms.Record{
		Key: "acme", Version: 7, Name: "Acme", State: idms.Active, CreateUsers: true,
		Mapping:    users.Mapping{Username: "username", Email: "email", FirstName: "first_name", LastName: "last_name"},
		Validation: []rules.Rule{rule("employees", "employment", "^employee$")},
		Access: []console.Grant{
			{Rule: rule("staff", "groups", "^staff$"), Level: console.Restricted},
			{Rule: rule("cloud-admins", "groups", "^cloud-admins$"), Level: console.Full},
			{Rule: off, Level: console.Full},
		},
		Associations: []groups.Association{
			{Rule: rule("platform", "groups", "^platform$"), Group: "platform", UpdateOnLogin: true},
			{Rule: rule("everyone", "@name_id", "."), Group: "everyone"},
		},
	}
}

// renamed is a record under the name that is hard to show.
func renamed(record idms.Record) idms.Record {
	record.Name = sampleName
	return record
}

// sampleLogin is a login as the record above decides it.
func sampleLogin(now time.Time, employment string) login.Trace {
	policy, err := idms.Compile(sampleRecord())
	if err != nil {
		panic(err) // it is written above
	}
	crowd := make([]string, 80)
	for i := range crowd {
		crowd[i] = fmt.Sprintf("team-%02d", i+1)
	}
	decision := policy.Decide(saml.Assertion{NameID: saml.NameID{Value: "ada"}, Attributes: rules.Attributes{
		{Name: "username", Values: []string{"ada"}}, {Name: "email", Values: []string{"ada@acme.example"}},
		{Name: "first_name", Values: []string{"Ada"}}, {Name: "last_name", Values: []string{"Okafor"}},
		{Name: "employment", Values: []string{employment}}, {Name: "groups", Values: append([]string{"staff", "cloud-admins", "platform"}, crowd...)},
		{Name: "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/" + strings.Repeat("department", 12), Values: []string{""}},
	}}, idms.Known{Now: now, Purpose: idms.LogIn})
	kept := store.Trace{Ref: sampleRefused, Record: "acme", Version: 7, At: now, Verified: true, Admitted: decision.Admitted, Code: decision.Code}
	if decision.Admitted {
		kept.UserID = samplePerson
	}
	return login.Trace{Trace: kept, Purpose: idms.LogIn, Decision: &decision, Policy: policy, Protocol: trace.Steps{
		{Name: "message size", Rule: "M01", State: trace.Passed, Found: "6102 bytes"},
		{Name: "audience", Rule: "M16", State: trace.Passed, Looked: "https://login.example.com/saml/acme/metadata", Found: "the same"},
		{Name: "certificate dates", Rule: "M09", State: trace.Noted, Found: "the certificate ended 3 days ago"},
	}}
}

// sampling is what samples of administrators' pages are made with.
type sampling struct {
	around func(title string) frame
	now    time.Time
}

// framed is the frame of a page in a section, as grace of a role sees it.
func (s sampling) framed(title, here string, role roles.Role) adminFrame {
	return adminFrameOf(s.around(title), here, "grace", role)
}

// adminSamples are the states of the administrators' pages, section by section, in
// the order of the bar.
func adminSamples(around func(string) frame, now time.Time) []sample {
	var list []sample
	for _, of := range []func(sampling) []sample{
		loginsSamples,
		peopleSamples,
		recordSamples,
		setUpSamples,
		rulesSamples,
		groupSamples,
		directorySamples,
		auditSamples,
		administratorsSamples,
	} {
		list = append(list, of(sampling{around, now})...)
	}
	return list
}
