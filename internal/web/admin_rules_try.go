package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/users"
)

// Rules are tried while they are typed: against what the provider said of the people
// who came last, of one person, or of somebody pasted. Nothing of it is written.

// trial is what the draft would do to some people.
type trial struct {
	Judgement judgement
	Pasted    string
	Person    string
	Problem   string // with what is pasted, or whom to look for
	Unready   string // why nobody can be tried; "" when they can
	Rows      []trialRow
	Recent    int // people among Rows who came last
}

// trialRow is one person.
type trialRow struct {
	Name, URL string // URL is "" of somebody pasted
	Fare      badge
	Why       string // a refusal's cause
	Now       string // how the version in force decides, when otherwise
	Groups    []string
	Marks     []marked
	NoMatch   string // attribute of the open rule that has values and matches none
}

// marked is a value with the part that matches.
type marked struct {
	Attribute, Before, Hit, After string
}

// Bounds of a trial.
const (
	triedPeople = 10
	marksShown  = 8   // values of one person
	maxAround   = 120 // bytes of a value before and behind what matches
)

// tried is a trial, with the attributes that came in it.
type tried struct {
	trial
	attributes []string
}

func (s *Site) try(ctx context.Context, in rulesForm, d draft) (tried, error) {
	out := tried{trial: trial{Pasted: in.Pasted, Person: in.Person}}
	recent, err := s.Flow.Store.RecentlyRecorded(ctx, d.base.ID, triedPeople)
	if err != nil {
		return out, err
	}
	now := s.Clock()
	var asked []idms.Recorded
	if in.Person != "" {
		person, err := s.Flow.Store.RecordedPerson(ctx, d.base.Key, in.Person)
		switch {
		case fault.KindOf(err) == fault.NotFound:
			out.Problem = "Nobody by this username has come through this record."
		case err != nil:
			return out, err
		case !person.Usable(now):
			out.Problem = "Nothing is recorded of a login of this person, or it is too old to decide by."
		default:
			asked = append(asked, person)
		}
	}
	out.attributes = cameIn(append(slices.Clone(asked), recent...))
	out.Judgement = judge(in.Open, d, out.attributes)
	var pasted *saml.Assertion
	if strings.TrimSpace(in.Pasted) != "" {
		assertion, err := parsePasted(in.Pasted)
		if err != nil {
			out.Problem = fault.Sentence(err)
		} else {
			pasted = &assertion
		}
	}
	out.trial = tryOn(out.trial, in.Open, d, asked, recent, pasted, now)
	return out, nil
}

// cameIn are the names of the attributes that came, the most frequent ones of a
// provider being in everything it sends.
func cameIn(people []idms.Recorded) []string {
	names := map[string]bool{}
	for _, person := range people {
		for _, attribute := range person.Assertion.Attributes {
			names[attribute.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// tryOn is the trial itself: what the draft, with the open rule as far as it is
// whole, would do. It is a pure function.
func tryOn(out trial, open openRule, d draft, asked, recent []idms.Recorded, pasted *saml.Assertion, now time.Time) trial {
	record := d.record
	var shown *rules.Rule // whose matches are marked: the open one's, or otherwise of those that are true
	if open.List != "" && !open.blank() {
		with, problems, at := d.withOpen(open)
		if len(problems) == 0 && at >= 0 {
			record = with
			shown = ruleAt(with, open.List, at)
		}
	}
	before, beforeErr := idms.Compile(d.base)
	after, err := idms.Compile(record)
	if err != nil {
		out.Unready = "The record is not whole yet: the mapping or a rule has problems. " + strings.Join(strings.Split(fault.Sentence(err), "\n")[:1], "")
		return out
	}
	if beforeErr != nil {
		before = nil
	}
	if pasted != nil {
		known := idms.Known{Now: now, Purpose: idms.LogIn}
		if username, ok := after.Username(*pasted); ok && !record.CreateUsers {
			known.Account = &users.Account{Profile: users.Profile{Username: username}}
		}
		decision := after.Decide(*pasted, known)
		row := rowOf(decision, nil, shown, record)
		row.Name = "What you pasted"
		out.Rows = append(out.Rows, row)
	}
	for i, person := range append(slices.Clone(asked), recent...) {
		if !person.Usable(now) || i >= len(asked) && slices.ContainsFunc(asked, func(one idms.Recorded) bool { return one.Account.ID == person.Account.ID }) {
			continue
		}
		decision := after.Apply(person, nil, now)
		row := rowOf(decision, person.Memberships, shown, record)
		row.Name, row.URL = person.Account.Username, below("people", person.Account.ID)
		if !after.SamePerson(person) {
			row.Fare, row.Why = badge{"Another account", bad}, "by this mapping the last login names another account"
		}
		if before != nil {
			if was := before.Apply(person, nil, now); was.Admitted != decision.Admitted || was.Level != decision.Level {
				row.Now = fareOf(was.Level).Word
			}
		}
		out.Rows = append(out.Rows, row)
		if i >= len(asked) {
			out.Recent++
		}
	}
	return out
}

func ruleAt(record idms.Record, list string, at int) *rules.Rule {
	switch list {
	case validationRules:
		return &record.Validation[at]
	case accessRules:
		return &record.Access[at].Rule
	}
	return &record.Associations[at].Rule
}

func rowOf(decision idms.Decision, memberships []groups.Membership, shown *rules.Rule, record idms.Record) trialRow {
	row := trialRow{Fare: fareOf(decision.Level)}
	if !decision.Admitted {
		row.Why = refusedBy(decision.Code)
	}
	former := map[string]bool{}
	for _, one := range memberships {
		former[one.Group] = true
	}
	for _, group := range groups.After(memberships, decision.Changes) {
		said := group
		if !former[group] {
			said = "joins " + group
		}
		delete(former, group)
		row.Groups = append(row.Groups, said)
	}
	for _, group := range slices.Sorted(maps.Keys(former)) {
		row.Groups = append(row.Groups, "leaves "+group)
	}
	if shown != nil {
		row.Marks = marksOf(*shown, decision.Facts)
		if attribute, ok := decision.Facts.Get(shown.Attribute); ok && len(row.Marks) == 0 && len(attribute.Values) > 0 {
			row.NoMatch = fmt.Sprintf("%s, with %s, matches nowhere", shown.Attribute, plural("%d value", len(attribute.Values)))
		}
		return row
	}
	for i, finding := range decision.Validation {
		if finding.True && len(row.Marks) < marksShown {
			row.Marks = append(row.Marks, marksOf(record.Validation[i], decision.Facts)...)
		}
	}
	for i, finding := range decision.Access {
		if finding.True && len(row.Marks) < marksShown {
			row.Marks = append(row.Marks, marksOf(record.Access[i].Rule, decision.Facts)...)
		}
	}
	for i, finding := range decision.Associations {
		if finding.True && len(row.Marks) < marksShown {
			row.Marks = append(row.Marks, marksOf(record.Associations[i].Rule, decision.Facts)...)
		}
	}
	row.Marks = row.Marks[:min(len(row.Marks), marksShown)]
	return row
}

// marksOf are the values in which a rule's pattern is found.
func marksOf(rule rules.Rule, facts rules.Attributes) []marked {
	var list []marked
	attribute, _ := facts.Get(rule.Attribute)
	for _, value := range attribute.Values {
		if len(value) > rules.MaxValue {
			continue
		}
		from, to, ok := rule.Pattern.Find(value)
		if !ok {
			continue
		}
		list = append(list, marked{clip(60, rule.Attribute), tail(value[:from]), clip(maxAround, value[from:to]), clip(maxAround, value[to:])})
		if len(list) == marksShown {
			break
		}
	}
	return list
}

// tail is the end of a text that is too long to show.
func tail(text string) string {
	if len(text) <= maxAround {
		return text
	}
	return "…" + strings.ToValidUTF8(text[len(text)-maxAround:], "")
}

// parsePasted reads values to try: one name=value a line, or the attributes of an
// assertion in XML, as a response has it or in base64. Nothing is verified, since
// nothing follows from it.
func parsePasted(text string) (saml.Assertion, error) {
	if len(text) > maxTried {
		return saml.Assertion{}, fault.New(fault.Invalid, "That is more than %d KiB. Paste the attributes alone.", maxTried>>10)
	}
	text = strings.TrimSpace(text)
	if plain, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err == nil && bytes.HasPrefix(bytes.TrimSpace(plain), []byte("<")) {
		text = strings.TrimSpace(string(plain))
	}
	if strings.HasPrefix(text, "<") {
		return parsePastedXML(text)
	}
	assertion := pasting{at: map[string]int{}}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return assertion.Assertion, fault.New(fault.Invalid, "Line %d is no name=value.", i+1)
		}
		if err := assertion.add(name, strings.TrimSpace(value)); err != nil {
			return assertion.Assertion, err
		}
	}
	return assertion.Assertion, nil
}

// maxPastedNames bounds the attributes of what is pasted: each rule looks for its own
// among them, and a provider sends a few dozen.
const maxPastedNames = 1000

// pasting is an assertion that is being read, with the places of its attributes.
type pasting struct {
	saml.Assertion
	at map[string]int
}

// add puts a value to an attribute, or to what a pseudo-attribute stands for (S13).
func (to *pasting) add(name, value string) error {
	switch name {
	case "@name_id":
		to.NameID.Value = value
	case "@name_id_format":
		to.NameID.Format = value
	case "@auth_context":
		to.AuthnContext = value
	case "@issuer":
		to.Issuer = value
	case "@session_index":
		to.SessionIndex = value
	default:
		i, known := to.at[name]
		switch {
		case known:
			to.Attributes[i].Values = append(to.Attributes[i].Values, value)
		case len(to.Attributes) == maxPastedNames:
			return fault.New(fault.Invalid, "There are more than %d attributes in it. Paste those that the rules read.", maxPastedNames)
		default:
			to.at[name] = len(to.Attributes)
			to.Attributes = append(to.Attributes, rules.Attribute{Name: name, Values: []string{value}})
		}
	}
	return nil
}

func parsePastedXML(text string) (saml.Assertion, error) {
	assertion := pasting{at: map[string]int{}}
	decoder := xml.NewDecoder(strings.NewReader(text))
	within, name, value := "", "", strings.Builder{}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return assertion.Assertion, fault.New(fault.Invalid, "The XML cannot be read: %s.", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			within = token.Name.Local
			value.Reset()
			for _, attribute := range token.Attr {
				if within == "Attribute" && attribute.Name.Local == "Name" {
					name = attribute.Value
				}
				if within == "NameID" && attribute.Name.Local == "Format" {
					assertion.NameID.Format = attribute.Value
				}
			}
		case xml.CharData:
			value.Write(token)
		case xml.EndElement:
			said := strings.TrimSpace(value.String())
			switch token.Name.Local {
			case "AttributeValue":
				if name != "" && !strings.HasPrefix(name, "@") { // S13
					if err := assertion.add(name, said); err != nil {
						return assertion.Assertion, err
					}
				}
			case "NameID":
				assertion.NameID.Value = said
			case "AuthnContextClassRef":
				assertion.AuthnContext = said
			}
		}
	}
	if len(assertion.Attributes) == 0 {
		return assertion.Assertion, fault.New(fault.Invalid, "There are no attributes in it to read. An encrypted assertion cannot be tried here.")
	}
	return assertion.Assertion, nil
}
