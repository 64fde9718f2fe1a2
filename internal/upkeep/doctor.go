package upkeep

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"idms/internal/fault"
	"idms/internal/fetch"
	"idms/internal/idms"
	"idms/internal/rules"
)

// Gravity is how bad a finding of the doctor is.
type Gravity string

const (
	Healthy Gravity = "ok"
	Warning Gravity = "warning" // logins work; somebody should look
	Problem Gravity = "problem" // logins fail, or will
)

// Finding is what the doctor says of one thing at one record.
type Finding struct {
	Record  string  `json:"record"`  // key
	Check   string  `json:"check"`   // settings, metadata, certificates, clock, address, rules
	Gravity Gravity `json:"gravity"` //
	Say     string  `json:"message"`
}

// maxClockDifference is how far our clock may be from the metadata host's: what
// a record allows its provider by default.
const maxClockDifference = 3 * time.Minute

// Examine looks at every record that is not disabled, or at the one named, and
// says of each check what it found. It reads metadata addresses and changes
// nothing.
func (u *Upkeep) Examine(ctx context.Context, only string) ([]Finding, error) {
	records, err := u.toExamine(ctx, only)
	if err != nil {
		return nil, err
	}
	uses, err := u.Store.CertificateUses(ctx)
	if err != nil {
		return nil, err
	}
	var all []Finding
	for _, record := range records {
		if record.Key == idms.LocalKey || record.State == idms.Disabled && only == "" {
			continue
		}
		e := examination{record: record}
		e.settings(u.Clock())
		if err := u.examineMetadata(ctx, &e); err != nil {
			return nil, err
		}
		list, err := u.certificatesOf(ctx, record.Connection(), uses[record.ID], u.Clock())
		if err != nil {
			return nil, err
		}
		e.certificates(list)
		e.address(u.Bases)
		seen, people, err := u.seen(ctx, record.ID)
		if err != nil {
			return nil, err
		}
		e.rules(seen, people)
		all = append(all, e.findings...)
	}
	return all, nil
}

func (u *Upkeep) toExamine(ctx context.Context, only string) ([]idms.Record, error) {
	if only == "" {
		return u.Store.Records(ctx)
	}
	one, err := u.Store.Record(ctx, only)
	return []idms.Record{one}, err
}

// examination is the findings of one record.
type examination struct {
	record   idms.Record
	findings []Finding
}

func (e *examination) say(gravity Gravity, check, format string, args ...any) {
	e.findings = append(e.findings, Finding{e.record.Key, check, gravity, fmt.Sprintf(format, args...)})
}

// well says that a check found nothing to complain of.
func (e *examination) well(check, format string, args ...any) {
	if !slices.ContainsFunc(e.findings, func(f Finding) bool { return f.Check == check }) {
		e.say(Healthy, check, format, args...)
	}
}

func (e *examination) settings(now time.Time) {
	for _, problem := range e.record.Check() {
		e.say(Problem, "settings", "%s: %s", problem.Field, problem.Message)
	}
	for _, warning := range e.record.Warnings(now) {
		// These two have checks of their own.
		if strings.HasPrefix(warning.Message, "The certificate ") || strings.HasPrefix(warning.Message, "No value can ever match") {
			continue
		}
		e.say(Warning, "settings", "%s: %s", warning.Field, warning.Message)
	}
	e.well("settings", "The record is %s, and its settings are well.", e.record.State)
}

// examineMetadata reads the metadata address as a refresh would, and compares
// clocks with its host.
func (u *Upkeep) examineMetadata(ctx context.Context, e *examination) error {
	address := e.record.SAML.MetadataURL
	if address == "" {
		e.say(Healthy, "metadata", "The record has no metadata address: a new certificate of the provider must be entered by hand.")
		return nil
	}
	source, err := u.Store.MetadataSource(ctx, e.record.ID, address)
	if err != nil {
		return err
	}
	document, err := u.Fetch.Get(ctx, address, fetch.Known{})
	if err == nil {
		_, err = e.record.SAML.ReadMetadataAt(document.Body)
	}
	switch {
	case err != nil && e.record.SAML.Metadata != "":
		e.say(Warning, "metadata", "%s The metadata read last, at %s, serves on.", fault.Sentence(err), moment(source.Fetched))
	case err != nil:
		e.say(Problem, "metadata", "%s", fault.Sentence(err))
	}
	for _, change := range source.WaitingFor {
		e.say(Warning, "metadata", "Since %s this waits for approval: %s.", moment(source.WaitingSince), told(change.Field, change.From, change.To))
	}
	e.well("metadata", "The metadata can be read.")
	if document.Date.IsZero() {
		return nil
	}
	difference := u.Clock().Sub(document.Date).Round(time.Second)
	if difference.Abs() > maxClockDifference {
		e.say(Problem, "clock", "This clock and the metadata host's are %v apart. Responses are held against this clock: synchronise it.", difference.Abs())
	}
	e.well("clock", "This clock and the metadata host's are %v apart.", difference.Abs())
	return nil
}

func moment(at time.Time) string {
	if at.IsZero() {
		return "an unknown time"
	}
	return at.UTC().Format("2006-01-02 15:04 UTC")
}

func told(field, from, to string) string {
	switch {
	case from == "":
		return field + " gains " + to
	case to == "":
		return field + " loses " + from
	}
	return field + " changes from " + from + " to " + to
}

func (e *examination) certificates(list []Certificate) {
	live := 0 // of the provider, within its dates
	for _, one := range list {
		switch {
		case one.DaysLeft < 0:
			e.say(Warning, "certificates", "%s, %s: ended on %s.", one.Purpose, one.Fingerprint, moment(one.NotAfter))
		case one.Warn != 0:
			e.say(Warning, "certificates", "%s, %s: ends on %s, in %d days.", one.Purpose, one.Fingerprint, moment(one.NotAfter), one.DaysLeft)
		}
		if one.Purpose == providerSigns && one.DaysLeft >= 0 {
			live++
		}
	}
	if live == 0 && e.record.SAML.RefuseExpiredCertificates {
		e.say(Problem, "certificates", "Every certificate of the provider has ended, and the record refuses those.")
	}
	e.well("certificates", "None of %d ends within 60 days.", len(list))
}

// address holds the origin of the record's ACS against the public addresses:
// every request for another host is refused.
func (e *examination) address(bases []string) {
	origin := e.record.SAML.Origin
	if origin == "" && len(bases) > 0 {
		origin = bases[0]
	}
	if !slices.Contains(bases, strings.TrimSuffix(origin, "/")) {
		e.say(Problem, "address", "Responses are sent to %s, which is not among the base_urls (%s), so nobody arrives.", origin, strings.Join(bases, ", "))
	}
	for _, previous := range e.record.SAML.PreviousOrigins {
		if !slices.Contains(bases, strings.TrimSuffix(previous, "/")) {
			e.say(Warning, "address", "The previous origin %s is not among the base_urls, so nobody arrives there.", previous)
		}
	}
	if u, err := url.Parse(origin); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		e.say(Warning, "address", "Responses are sent to %s, in the clear.", origin)
	}
	e.well("address", "Responses are sent to %s/saml/%s/acs.", origin, e.record.Key)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
}

const (
	// enoughPeople have to be recorded before an attribute that none of them has
	// is worth a word, and mostPeople are looked at.
	enoughPeople = 10
	mostPeople   = 1000
)

// seen are the names of all attributes in what is recorded of people's last
// logins, and of how many people that is.
func (u *Upkeep) seen(ctx context.Context, recordID string) (names map[string]bool, people int, err error) {
	names = map[string]bool{}
	for person, err := range u.Store.RecordedPeople(ctx, recordID) {
		if err != nil {
			return nil, 0, err
		}
		if person.At.IsZero() {
			continue
		}
		for _, attribute := range person.Assertion.Facts() {
			names[attribute.Name] = true
		}
		if people++; people == mostPeople {
			break
		}
	}
	return names, people, nil
}

// rules finds those that can be known never to be true, by their own words, and
// those whose attribute nobody has brought.
func (e *examination) rules(seen map[string]bool, people int) {
	check := func(kind string, rule rules.Rule) {
		switch {
		case rule.Disabled || rule.Values == rules.None:
		case rule.Pattern.NeverMatches():
			e.say(Warning, "rules", "The %s rule %s can never be true: no value matches %s.", kind, rule.Key, rule.Pattern)
		case people >= enoughPeople && !seen[rule.Attribute]:
			e.say(Warning, "rules", "The %s rule %s reads %s, which none of %d recorded people has brought. Compare the name with what the provider sends.", kind, rule.Key, rule.Attribute, people)
		}
	}
	for _, rule := range e.record.Validation {
		check("validation", rule)
	}
	for _, grant := range e.record.Access {
		check("access", grant.Rule)
	}
	for _, association := range e.record.Associations {
		check("association", association.Rule)
	}
	for i, one := range e.record.Validation {
		for _, other := range e.record.Validation[:i] {
			if contradict(one, other) || contradict(other, one) {
				e.say(Problem, "rules", "The validation rules %s and %s contradict each other about %s, so nobody passes both.", other.Key, one.Key, one.Attribute)
			}
		}
	}
	e.well("rules", "No rule is known to be never true.")
}

// contradict is true when nobody can fulfil both: one leaves the attribute a
// single text for all its values, and for that the other is false.
func contradict(one, other rules.Rule) bool {
	if one.Disabled || other.Disabled || one.Attribute != other.Attribute || one.Values != rules.All {
		return false
	}
	only, ok := one.Pattern.Only()
	if !ok {
		return false
	}
	facts := rules.Attributes{{Name: one.Attribute, Values: []string{only}}}
	return !other.Test(facts).True
}
