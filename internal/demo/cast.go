package demo

import (
	"fmt"
	"slices"

	"idms/internal/console"
	"idms/internal/trace"
)

// Person is one of the cast.
type Person struct {
	Username string // also what the provider calls the person, as NameID
	First    string
	Last     string
	Email    string // "" for somebody of whom the provider sends none
	Phone    string
	Story    string // who they are, in one sentence
	Ways     []Way  // how they can log in; the first is their habit
	// Attributes besides those of the profile, for every way.
	Attributes []Attribute
}

// Name is first and last name.
func (p Person) Name() string { return p.First + " " + p.Last }

// Attribute is what the provider sends under one name.
type Attribute struct {
	Name   string
	Values []string
}

// Way is one way for a person to log in, and what comes of it.
type Way struct {
	Key     string
	Button  string // on the provider's login page
	Context string // the AuthnContextClassRef that the provider sends
	// Attributes that differ from the person's.
	Attributes []Attribute
	// Acme is how a login through the record acme ends.
	Acme Ending
}

// Ending is how a login ends.
type Ending struct {
	Say    string        // to expect, in one sentence
	Code   trace.Code    // of the refusal; "" is admitted
	Level  console.Level // when admitted
	Groups []string      // keys, sorted, when admitted
}

// The authentication contexts that the cast uses (SAML authentication context
// 3.4).
const (
	password  = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
	smartCard = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"
	oldPIN    = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
)

// teams is how many groups the person in many groups is in.
const teams = 500

// team is the name of the i-th of them, as the provider sends it and as the
// key of the group.
func team(i int) string { return fmt.Sprintf("team-%03d", i) }

func allTeams() []string {
	names := make([]string, teams)
	for i := range names {
		names[i] = team(i + 1)
	}
	return names
}

func groupsOf(names ...string) Attribute { return Attribute{"groups", names} }

func employment(kind string) Attribute { return Attribute{"employment", []string{kind}} }

// Cast is everybody, in the order of the login page.
func Cast() []Person {
	byPassword := func(ending Ending) []Way {
		return []Way{{Key: "password", Button: "Log in with a password", Context: password, Acme: ending}}
	}
	return []Person{
		{
			Username: "ada", First: "Ada", Last: "Okafor", Email: "ada@acme.example", Phone: "+44 20 7946 0100",
			Story:      "Runs the cloud and always logs in with her smart card.",
			Attributes: []Attribute{employment("employee"), groupsOf("staff", "platform", "cloud-admins")},
			Ways: []Way{{Key: "card", Button: "Log in with the smart card", Context: smartCard, Acme: Ending{
				Say:   "Full Access: an access rule grants it to cloud-admins, and she used a smart card.",
				Level: console.Full, Groups: []string{"cloud", "everyone", "platform"},
			}}},
		},
		{
			Username: "layla", First: "ليلى", Last: "حداد", Email: "layla@acme.example",
			Story:      "Works in sales and has no business in a cloud console.",
			Attributes: []Attribute{employment("employee"), groupsOf("staff", "sales")},
			Ways: byPassword(Ending{
				Say:   "Restricted: the access rule for staff grants no more.",
				Level: console.Restricted, Groups: []string{"everyone"},
			}),
		},
		{
			Username: "chen", First: "Chen", Last: "Wei", Email: "chen@acme.example",
			Story:      "Runs the cloud too, and mostly logs in with a password.",
			Attributes: []Attribute{employment("employee"), groupsOf("staff", "cloud-admins")},
			Ways: []Way{
				{Key: "password", Button: "Log in with a password", Context: password, Acme: Ending{
					Say:   "Restricted until elevated: Full Access is capped without a smart card. Choose “Elevate” afterwards and come back here.",
					Level: console.Restricted, Groups: []string{"cloud", "everyone"},
				}},
				{Key: "card", Button: "Log in with the smart card", Context: smartCard, Acme: Ending{
					Say:   "Full Access: the smart card lifts the cap.",
					Level: console.Full, Groups: []string{"cloud", "everyone"},
				}},
			},
		},
		{
			Username: "hugo", First: "Hugo", Last: "Lindqvist", Email: "hugo@acme.example",
			Story:      "Is about to leave the platform team.",
			Attributes: []Attribute{employment("employee"), groupsOf("staff", "platform")},
			Ways: []Way{
				{Key: "password", Button: "Log in, still on the team", Context: password, Acme: Ending{
					Say:   "Restricted, and a member of Platform team.",
					Level: console.Restricted, Groups: []string{"everyone", "platform"},
				}},
				{Key: "left", Button: "Log in, having left the team", Context: password,
					Attributes: []Attribute{groupsOf("staff")}, Acme: Ending{
						Say:   "Restricted, and removed from Platform team: its rule updates on login.",
						Level: console.Restricted, Groups: []string{"everyone"},
					}},
			},
		},
		{
			Username: "ines", First: "Inês", Last: "Carvalho", Email: "ines@acme.example",
			Story:      fmt.Sprintf("Is in all %d teams. Best seen through Initech, which has a group for each.", teams),
			Attributes: []Attribute{employment("employee"), groupsOf(append([]string{"staff"}, allTeams()...)...)},
			Ways: byPassword(Ending{
				Say:   fmt.Sprintf("Restricted: %d values arrive, and the rules look for one of them.", teams+1),
				Level: console.Restricted, Groups: []string{"everyone"},
			}),
		},
		{
			Username: "dora", First: "Dora", Last: "Marković", Email: "dora@partner.example",
			Story:      "Is a contractor, and Acme admits employees only.",
			Attributes: []Attribute{employment("contractor"), groupsOf("staff")},
			Ways: byPassword(Ending{
				Say:  "Refused: the validation rule about employment is false.",
				Code: trace.ValidationFailed,
			}),
		},
		{
			Username: "emil", First: "Emil", Last: "Novák", Email: "emil@acme.example",
			Story:      "Is suspended, though his other groups are still there.",
			Attributes: []Attribute{employment("employee"), groupsOf("staff", "cloud-admins", "suspended")},
			Ways: byPassword(Ending{
				Say:  "Refused: a No Access rule is true, and it wins over the others.",
				Code: trace.NoAccessRule,
			}),
		},
		{
			Username: "farah", First: "Farah", Last: "Siddiqui", Email: "farah@acme.example",
			Story:      "Started today and is in no group yet.",
			Attributes: []Attribute{employment("employee")},
			Ways: byPassword(Ending{
				Say:  "Refused: no access rule is true, so the default is No Access.",
				Code: trace.NoAccess,
			}),
		},
		{
			Username: "goro", First: "Goro", Last: "Tanaka",
			Story:      "Has no mailbox, so the provider sends no e-mail address.",
			Attributes: []Attribute{employment("employee"), groupsOf("staff")},
			Ways: byPassword(Ending{
				Say:  "Refused: the e-mail address is missing.",
				Code: trace.FieldMissing,
			}),
		},
		{
			Username: "igor", First: "Igor", Last: "Petrov", Email: "igor@acme.example",
			Story:      "Uses an old terminal that asks for a PIN only.",
			Attributes: []Attribute{employment("employee"), groupsOf("staff")},
			Ways: []Way{{Key: "pin", Button: "Log in with the old PIN", Context: oldPIN, Acme: Ending{
				Say:  "Refused: that is not among the allowed authentication contexts.",
				Code: trace.AuthContextNotAllowed,
			}}},
		},
	}
}

// Expect is how a login of p in a way ends at a record of the demonstration.
func (p Person) Expect(record string, way Way) Ending {
	if record == Acme {
		return way.Acme
	}
	if p.Email == "" {
		return Ending{Say: "Refused: the e-mail address is missing.", Code: trace.FieldMissing}
	}
	ending := Ending{Say: "Full Access: this record has no access rules.", Level: console.Full}
	if record == Umbrella {
		ending.Groups = directoryGroups(p.Username)
		ending.Say = fmt.Sprintf("Full Access, and a member of %d groups, as the directory says.", len(ending.Groups))
	}
	if record == Initech {
		for _, name := range p.sent(way, "groups") {
			if slices.Contains(allTeams(), name) {
				ending.Groups = append(ending.Groups, name)
			}
		}
		if count := len(ending.Groups); count > 0 {
			ending.Say = fmt.Sprintf("Full Access, and a member of %d groups.", count)
		}
	}
	return ending
}

// sent are the values that the provider sends of one attribute.
func (p Person) sent(way Way, name string) []string {
	for _, attribute := range p.attributes(way) {
		if attribute.Name == name {
			return attribute.Values
		}
	}
	return nil
}

// attributes are all that the provider sends of a person who logs in a way.
func (p Person) attributes(way Way) []Attribute {
	var list []Attribute
	for _, field := range []Attribute{
		{"username", []string{p.Username}},
		{"email", []string{p.Email}},
		{"first_name", []string{p.First}},
		{"last_name", []string{p.Last}},
		{"phone", []string{p.Phone}},
	} {
		if field.Values[0] != "" {
			list = append(list, field)
		}
	}
	for _, attribute := range p.Attributes {
		if i := slices.IndexFunc(way.Attributes, func(other Attribute) bool { return other.Name == attribute.Name }); i >= 0 {
			attribute = way.Attributes[i]
		}
		list = append(list, attribute)
	}
	return list
}

func (p Person) way(key string) (Way, bool) {
	for _, way := range p.Ways {
		if way.Key == key {
			return way, true
		}
	}
	return Way{}, false
}

func find(username string) (Person, bool) {
	for _, person := range Cast() {
		if person.Username == username {
			return person, true
		}
	}
	return Person{}, false
}
