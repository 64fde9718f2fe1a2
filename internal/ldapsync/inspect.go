package ldapsync

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

// Bounds of what a test shows.
const (
	testDeadline = 30 * time.Second
	shownValues  = 10
	shownBytes   = 256 // of one value
	shownMembers = 20
	maxClimb     = 50  // groups around groups
	maxAround    = 500 // groups of one person
)

// Connection is what a test of the connection found.
type Connection struct {
	Host   string `json:"host,omitempty"`
	Steps  Steps  `json:"steps"`
	People Sample `json:"people"`
	Groups Sample `json:"groups"`
}

// Sample is the first page of a search.
type Sample struct {
	Entries int      `json:"entries"`
	Usable  int      `json:"usable"`
	More    bool     `json:"more"` // there are further pages
	Names   []string `json:"names,omitempty"`
}

// TestConnection connects, binds and reads one page of people and of groups. An
// error is a *Fault; the Connection has the steps up to it.
func TestConnection(ctx context.Context, s Settings, password string) (Connection, error) {
	ctx, cancel := context.WithTimeout(ctx, testDeadline)
	defer cancel()
	var c Connection
	d, err := connect(ctx, s, password, &c.Steps)
	if err != nil {
		return c, err
	}
	defer d.close()
	c.Host = d.host

	mapper := newMapper(d.settings, time.Now())
	err = d.sample(ctx, &c.People, question{ReadingPeople, d.settings.UserBase, ldap.ScopeWholeSubtree, d.settings.UserFilter, personAttributes(d.settings)},
		func(e entry) (string, bool) {
			_, fields, problem := mapper.person(e)
			return string(fields[0].value), problem == nil
		})
	if err != nil {
		return c, err
	}
	err = d.sample(ctx, &c.Groups, question{ReadingGroups, d.settings.GroupBase, ldap.ScopeWholeSubtree, d.settings.GroupFilter, named(d.settings.ExternalID, d.settings.GroupNameAttribute)},
		func(e entry) (string, bool) {
			_, problem := mapper.id(e)
			name := string(e.first(d.settings.GroupNameAttribute))
			return name, problem == nil && name != ""
		})
	return c, err
}

func (d *directory) sample(ctx context.Context, into *Sample, q question, look func(entry) (name string, usable bool)) error {
	did := fmt.Sprintf("Read the first page of %s below %s with %s", q.phase, q.base, q.filter)
	paging := ldap.NewControlPaging(uint32(d.settings.PageSize))
	cookie, err := d.page(ctx, q, paging, func(e entry) error {
		into.Entries++
		if name, usable := look(e); usable {
			into.Usable++
			if len(into.Names) < shownValues {
				into.Names = append(into.Names, bounded(name, shownBytes))
			}
		}
		return nil
	})
	if err != nil {
		err = blame(ctx, err, q.phase, 1, d.host)
		d.steps.failed(did, err)
		return err
	}
	into.More = len(cookie) > 0
	d.steps.done(did, fmt.Sprintf("%d entries, %d of them usable", into.Entries, into.Usable))
	return nil
}

// Found is what a test of one user or group found.
type Found struct {
	Steps      Steps        `json:"steps"`
	DN         string       `json:"dn,omitempty"`
	ExternalID string       `json:"external_id,omitempty"` // as text where it is text, otherwise in hexadecimal
	InScope    bool         `json:"in_scope"`              // a sync would find it
	Why        string       `json:"why"`                   // in or out of scope, usable or not
	Attributes []Attribute  `json:"attributes,omitempty"`  // that a sync reads
	Mapped     []MappedFrom `json:"mapped,omitempty"`
	Off        Off          `json:"off,omitempty"`
	Groups     []string     `json:"groups,omitempty"`  // of a user: names, nested ones included
	Members    []Member     `json:"members,omitempty"` // of a group: the first few
	Total      int          `json:"total,omitempty"`   // of a group: its own members
}

// Attribute is one attribute of an entry, with its first few values.
type Attribute struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
	More   int      `json:"more,omitempty"` // values that are not shown
}

// MappedFrom is one field of a person or a group and where it comes from.
type MappedFrom struct {
	Field string `json:"field"`
	From  string `json:"from"`
	Value string `json:"value"`
}

// Member is one member of a group.
type Member struct {
	DN   string `json:"dn"`
	Kind string `json:"kind"` // "person", "group" or "nobody": not in scope
}

// TestUser looks one user up, by username, by DN or by e-mail address. That
// there is no such user is a Found that says so; an error is a *Fault.
func TestUser(ctx context.Context, s Settings, password, name string) (Found, error) {
	return inspect(ctx, s, password, func(ctx context.Context, d *directory, f *Found) error {
		s := d.settings
		q := question{LookingUp, s.UserBase, ldap.ScopeWholeSubtree, s.UserFilter, personAttributes(s)}
		e, err := d.find(ctx, f, q, name, s.UsernameAttribute, s.EmailAttribute)
		if err != nil || e == nil {
			return err
		}
		mapper := newMapper(s, time.Now())
		person, fields, problem := mapper.person(*e)
		for _, field := range fields {
			if field.attribute != None && len(field.value) > 0 {
				f.Mapped = append(f.Mapped, MappedFrom{field.name, field.attribute, shown(field.value)})
			}
		}
		if problem != nil {
			f.Why += " It cannot be used: " + problem.why
			return nil
		}
		f.Off = person.Off
		switch person.Off {
		case SwitchedOff:
			f.Why += " The account is disabled there."
		case Expired:
			f.Why += " The account has expired there."
		}
		return d.groupsAround(ctx, f, *e)
	})
}

// TestGroup looks one group up, by name or by DN, as TestUser does a user.
func TestGroup(ctx context.Context, s Settings, password, name string) (Found, error) {
	return inspect(ctx, s, password, func(ctx context.Context, d *directory, f *Found) error {
		s := d.settings
		q := question{LookingUp, s.GroupBase, ldap.ScopeWholeSubtree, s.GroupFilter, groupAttributes(s)}
		e, err := d.find(ctx, f, q, name, s.GroupNameAttribute)
		if err != nil || e == nil {
			return err
		}
		if _, problem := newMapper(s, time.Now()).id(*e); problem != nil {
			f.Why += " It cannot be used: " + problem.why
		}
		f.Mapped = append(f.Mapped, MappedFrom{"group_name", s.GroupNameAttribute, shown(e.first(s.GroupNameAttribute))})
		return d.membersOf(ctx, f, *e)
	})
}

func inspect(ctx context.Context, s Settings, password string, look func(context.Context, *directory, *Found) error) (Found, error) {
	ctx, cancel := context.WithTimeout(ctx, testDeadline)
	defer cancel()
	f := Found{}
	d, err := connect(ctx, s, password, &f.Steps)
	if err != nil {
		return f, err
	}
	defer d.close()
	if err := look(ctx, d, &f); err != nil {
		err = blame(ctx, err, LookingUp, 0, d.host)
		d.steps.failed("Look it up", err)
		return f, err
	}
	return f, nil
}

// find looks an entry up in scope, and then everywhere, to say why it is not.
func (d *directory) find(ctx context.Context, f *Found, q question, name string, by ...string) (*entry, error) {
	if dn, err := ldap.ParseDN(name); err == nil && len(dn.RDNs) > 0 && strings.Contains(name, "=") {
		return d.findDN(ctx, f, q, name)
	}
	var terms strings.Builder
	for _, attribute := range by {
		fmt.Fprintf(&terms, "(%s=%s)", attribute, ldap.EscapeFilter(name))
	}
	wanted := "(|" + terms.String() + ")"
	inScope := q
	inScope.filter = "(&" + q.filter + wanted + ")"
	entries, err := d.few(ctx, inScope)
	if err != nil {
		return nil, err
	}
	if len(entries) > 0 {
		f.InScope = true
		f.Why = "It is in scope: below the base, and the filter finds it."
		if len(entries) > 1 {
			f.Why += fmt.Sprintf(" There are %d entries of this name; the first is shown.", len(entries))
		}
		return f.show(entries[0]), nil
	}
	root, err := d.root(ctx)
	if err != nil {
		return nil, err
	}
	outside := q
	outside.base, outside.filter = root, wanted
	if entries, err = d.few(ctx, outside); err != nil && !isAbsent(err) {
		return nil, err
	}
	if len(entries) == 0 {
		f.Why = "The directory has no entry of this name, or the bind DN may not see it."
		return nil, nil
	}
	d.whyOutside(f, q, entries[0])
	return f.show(entries[0]), nil
}

func (d *directory) findDN(ctx context.Context, f *Found, q question, dn string) (*entry, error) {
	inScope := q
	inScope.base, inScope.scope = dn, ldap.ScopeBaseObject
	matching, err := d.few(ctx, inScope)
	if isAbsent(err) {
		f.Why = "The directory has no entry of this name, or the bind DN may not see it."
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(matching) > 0 && isBelow(matching[0].dn, q.base) {
		f.InScope = true
		f.Why = "It is in scope: below the base, and the filter finds it."
		return f.show(matching[0]), nil
	}
	anyway := inScope
	anyway.filter = "(objectClass=*)"
	entries, err := d.few(ctx, anyway)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	d.whyOutside(f, q, entries[0])
	return f.show(entries[0]), nil
}

func (d *directory) whyOutside(f *Found, q question, e entry) {
	if !isBelow(e.dn, q.base) {
		f.Why = fmt.Sprintf("It is out of scope: it is not below %s.", q.base)
		return
	}
	f.Why = fmt.Sprintf("It is out of scope: the filter %s does not find it.", q.filter)
}

func isBelow(name []byte, base string) bool {
	one, err := appendDN(nil, name)
	if err != nil {
		return false
	}
	two, err := appendDN(nil, []byte(base))
	return err == nil && below(one, two)
}

// few reads a page of entries and keeps them.
func (d *directory) few(ctx context.Context, q question) ([]entry, error) {
	var entries []entry
	_, err := d.page(ctx, q, ldap.NewControlPaging(uint32(d.settings.PageSize)), func(e entry) error {
		entries = append(entries, e.clone())
		return nil
	})
	if err != nil {
		return nil, blame(ctx, err, q.phase, 0, d.host)
	}
	d.steps.done(fmt.Sprintf("Search below %s with %s", q.base, bounded(q.filter, shownBytes)), fmt.Sprintf("%d entries", len(entries)))
	return entries, nil
}

// clone copies an entry out of the reader's room.
func (e entry) clone() entry {
	copied := entry{dn: append([]byte(nil), e.dn...)}
	for _, one := range e.attributes {
		twin := attribute{name: append([]byte(nil), one.name...)}
		for _, value := range one.values {
			twin.values = append(twin.values, append([]byte(nil), value...))
		}
		copied.attributes = append(copied.attributes, twin)
	}
	return copied
}

// show notes what an entry has.
func (f *Found) show(e entry) *entry {
	f.DN = bounded(string(e.dn), maxDN)
	for _, one := range e.attributes {
		shownAttribute := Attribute{Name: bounded(string(one.name), shownBytes)}
		for i, value := range one.values {
			if i == shownValues {
				shownAttribute.More = len(one.values) - i
				break
			}
			shownAttribute.Values = append(shownAttribute.Values, shown(value))
		}
		f.Attributes = append(f.Attributes, shownAttribute)
	}
	return &e
}

// shown is a value for people: text as it is, anything else in hexadecimal.
func shown(value []byte) string {
	if utf8.Valid(value) && printable(value) {
		return bounded(string(value), shownBytes)
	}
	return bounded(fmt.Sprintf("0x%x", value), shownBytes)
}

// Text is an external id for people: text as it is, anything else in hexadecimal.
func (id ID) Text() string { return shown([]byte(id)) }

// groupsAround climbs from a person to the groups they are in, and the groups
// that those are in. Upwards, since for one person that is the short way.
func (d *directory) groupsAround(ctx context.Context, f *Found, e entry) error {
	s := d.settings
	if id, problem := newMapper(s, time.Now()).id(e); problem == nil {
		f.ExternalID = id.Text()
	}
	seen := map[string]bool{}
	var found []entry
	climb := func(filter string) error {
		entries, err := d.few(ctx, question{LookingUp, s.GroupBase, ldap.ScopeWholeSubtree,
			"(&" + s.GroupFilter + filter + ")", named(s.GroupNameAttribute)})
		if err != nil {
			return err
		}
		for _, one := range entries {
			if dn := string(one.dn); !seen[dn] && len(found) < maxAround {
				seen[dn] = true
				found = append(found, one)
			}
		}
		return nil
	}
	memberIs := func(dn []byte) string {
		return fmt.Sprintf("(%s=%s)", s.MemberAttribute, ldap.EscapeFilter(string(dn)))
	}
	if err := climb(memberIs(e.dn)); err != nil {
		return err
	}
	if s.isActiveDirectory() {
		if sid, problem := primaryGroup(e, ""); problem == nil {
			if err := climb(fmt.Sprintf("(objectSid=%s)", escapeBytes(string(sid)))); err != nil {
				return err
			}
		}
	}
	for climbed := 0; climbed < len(found) && climbed < maxClimb && !s.DirectMembersOnly; climbed++ {
		if err := climb(memberIs(found[climbed].dn)); err != nil {
			return err
		}
	}
	for _, one := range found {
		f.Groups = append(f.Groups, shown(one.first(s.GroupNameAttribute)))
	}
	return nil
}

// membersOf says of the first few members who they are.
func (d *directory) membersOf(ctx context.Context, f *Found, e entry) error {
	s := d.settings
	if id, problem := newMapper(s, time.Now()).id(e); problem == nil {
		f.ExternalID = id.Text()
	}
	for _, one := range e.attributes {
		name, option, _ := strings.Cut(string(one.name), ";")
		if !strings.EqualFold(name, s.MemberAttribute) {
			continue
		}
		f.Total += len(one.values)
		if option != "" && !strings.HasSuffix(option, "*") {
			f.Why += " Its members come in parts; only the first part is counted here."
		}
		for _, value := range one.values[:min(len(one.values), shownMembers)] {
			kind, err := d.kindOf(ctx, string(value))
			if err != nil {
				return err
			}
			f.Members = append(f.Members, Member{shown(value), kind})
		}
	}
	return nil
}

// kindOf says what a sync would take a member for.
func (d *directory) kindOf(ctx context.Context, dn string) (string, error) {
	s := d.settings
	for _, one := range []struct{ kind, base, filter string }{
		{"person", s.UserBase, s.UserFilter},
		{"group", s.GroupBase, s.GroupFilter},
	} {
		if !isBelow([]byte(dn), one.base) {
			continue
		}
		entries, err := d.few(ctx, question{LookingUp, dn, ldap.ScopeBaseObject, one.filter, named(s.ExternalID)})
		if err != nil && !isAbsent(err) && !isCode(err, Refused) {
			return "", err
		}
		if len(entries) > 0 {
			return one.kind, nil
		}
	}
	return "nobody", nil
}
