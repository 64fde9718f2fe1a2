package demo

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jimlambrt/gldap"
)

// Umbrella is the record whose people and groups come from the demo's directory.
const Umbrella = "umbrella"

const directoryBase = "dc=umbrella,dc=example"

// Directory is the demonstration's LDAP directory: the cast and some colleagues,
// in groups. It answers searches on a loopback port, to anybody and without TLS,
// and can be read by nothing but a sync: every search is answered on one page.
type Directory struct {
	Address string // host:port

	server *gldap.Server
	mu     sync.Mutex
	people []*directoryEntry
	groups []*directoryEntry
}

// Who of the cast is in which group besides field service, which has everybody,
// when the demonstration has begun.
var (
	laboratory = []string{"ada", "chen"}
	sales      = []string{"emil", "goro", "layla"}
)

// directoryGroups are the keys of the groups that the directory gives somebody.
func directoryGroups(username string) []string {
	groups := []string{"field-service"}
	if slices.Contains(laboratory, username) {
		groups = append(groups, "laboratory")
	}
	if slices.Contains(sales, username) {
		groups = append(groups, "sales")
	}
	return groups
}

// HugoMoves is a usual day: Hugo leaves the laboratory, and somebody is new.
func (d *Directory) HugoMoves() {
	d.SetGroup("Laboratory", laboratory...)
	d.AddPerson("newcomer", "Noor", "Rahman")
}

// HalfLeaves is what nobody should believe at once: seven people are gone.
func (d *Directory) HalfLeaves() {
	for i := range 7 {
		d.RemovePerson(fmt.Sprintf("colleague%02d", i+1))
	}
}

// directoryEntry is an entry as a search gives it.
type directoryEntry struct {
	dn         string
	attributes []Attribute
}

// StartDirectory starts the directory on a free port of loopback.
func StartDirectory() (*Directory, error) {
	d := &Directory{}
	for _, person := range Cast() {
		d.AddPerson(person.Username, person.First, person.Last)
	}
	for i, last := range []string{"Abara", "Bianchi", "Castro", "Dubois", "Eze", "Fischer", "Garcia", "Haddad", "Ivanova", "Jensen", "Kowalski", "Larsen"} {
		d.AddPerson(fmt.Sprintf("colleague%02d", i+1), "Kim", last)
	}
	d.SetGroup("Field service", d.usernames()...)
	d.SetGroup("Laboratory", append(slices.Clone(laboratory), "hugo")...)
	d.SetGroup("Sales", sales...)

	mux, err := gldap.NewMux()
	if err == nil {
		err = errors.Join(mux.Bind(d.bind), mux.Search(d.search))
	}
	if err != nil {
		return nil, err
	}
	if d.server, err = gldap.NewServer(); err == nil {
		err = d.server.Router(mux)
	}
	if err != nil {
		return nil, err
	}
	return d, d.listen()
}

// listen starts the server on a free port. The library takes an address alone,
// so that somebody else may take the port in between: then another one is tried.
func (d *Directory) listen() error {
	var failure error
	for range 5 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		d.Address = free.Addr().String()
		if err := free.Close(); err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- d.server.Run(d.Address) }()
		for failure = nil; failure == nil; {
			if connection, err := net.DialTimeout("tcp", d.Address, time.Second); err == nil {
				return connection.Close()
			}
			select {
			case failure = <-ended:
			case <-time.After(time.Millisecond):
			}
		}
	}
	return fmt.Errorf("demo: the directory cannot listen: %w", failure)
}

// Close stops the directory. Connections must have been closed before.
func (d *Directory) Close() error { return d.server.Stop() }

// AddPerson adds somebody, or calls them otherwise.
func (d *Directory) AddPerson(username, first, last string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.people = append(d.people, &directoryEntry{"uid=" + username + ",ou=people," + directoryBase, []Attribute{
		{"objectClass", []string{"inetOrgPerson"}}, {"entryUUID", []string{"person-" + username}}, {"uid", []string{username}},
		{"mail", []string{username + "@umbrella.example"}}, {"givenName", []string{first}}, {"sn", []string{last}},
	}})
}

// RemovePerson takes somebody away, also out of all groups.
func (d *Directory) RemovePerson(username string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dn := "uid=" + username + ",ou=people," + directoryBase
	d.people = slices.DeleteFunc(d.people, func(e *directoryEntry) bool { return e.dn == dn })
	for _, group := range d.groups {
		for i, attribute := range group.attributes {
			if attribute.Name == "member" {
				group.attributes[i].Values = slices.DeleteFunc(slices.Clone(attribute.Values), func(member string) bool { return member == dn })
			}
		}
	}
}

// SetGroup makes a group of these people.
func (d *Directory) SetGroup(name string, usernames ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dn := "cn=" + name + ",ou=groups," + directoryBase
	d.groups = slices.DeleteFunc(d.groups, func(e *directoryEntry) bool { return e.dn == dn })
	members := make([]string, len(usernames))
	for i, username := range usernames {
		members[i] = "uid=" + username + ",ou=people," + directoryBase
	}
	d.groups = append(d.groups, &directoryEntry{dn, []Attribute{
		{"objectClass", []string{"groupOfNames"}}, {"entryUUID", []string{"group-" + name}}, {"cn", []string{name}}, {"member", members},
	}})
}

func (d *Directory) usernames() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for _, person := range d.people {
		names = append(names, person.values("uid")...)
	}
	return names
}

func (e *directoryEntry) values(name string) []string {
	for _, attribute := range e.attributes {
		if strings.EqualFold(attribute.Name, name) {
			return attribute.Values
		}
	}
	return nil
}

func (d *Directory) bind(w *gldap.ResponseWriter, r *gldap.Request) {
	_ = w.Write(r.NewBindResponse(gldap.WithResponseCode(gldap.ResultSuccess)))
}

// search answers with every entry below the base that the filter takes, on one
// page.
func (d *Directory) search(w *gldap.ResponseWriter, r *gldap.Request) {
	done := r.NewSearchDoneResponse(gldap.WithResponseCode(gldap.ResultOperationsError))
	defer func() { _ = w.Write(done) }()
	question, err := r.GetSearchMessage()
	if err != nil {
		return
	}
	filter, rest, ok := parseFilter(question.Filter)
	if !ok || rest != "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	entries := append([]*directoryEntry{
		{"", []Attribute{{"objectClass", []string{"top"}}, {"namingContexts", []string{directoryBase}}}},
		{directoryBase, []Attribute{{"objectClass", []string{"domain"}}}},
	}, slices.Concat(d.people, d.groups)...)
	for _, entry := range entries {
		if !within(entry.dn, question.BaseDN, question.Scope) || !filter(entry) {
			continue
		}
		answer := r.NewSearchResponseEntry(entry.dn)
		for _, attribute := range entry.attributes {
			asked := len(question.Attributes) == 0 || slices.ContainsFunc(question.Attributes, func(name string) bool { return strings.EqualFold(name, attribute.Name) })
			if asked && len(attribute.Values) > 0 {
				answer.AddAttribute(attribute.Name, attribute.Values)
			}
		}
		if w.Write(answer) != nil {
			return
		}
	}
	for _, control := range question.Controls {
		if control.GetControlType() == gldap.ControlTypePaging {
			if last, err := gldap.NewControlPaging(0); err == nil {
				done.SetControls(last)
			}
		}
	}
	done.SetResultCode(gldap.ResultSuccess)
}

func within(dn, base string, scope gldap.Scope) bool {
	switch {
	case scope == gldap.BaseObject:
		return strings.EqualFold(dn, base)
	case dn == "":
		return false
	}
	return strings.EqualFold(dn, base) || base == "" || strings.HasSuffix(strings.ToLower(dn), ","+strings.ToLower(base))
}

// matcher is a filter (RFC 4515), as far as a sync uses them.
type matcher func(*directoryEntry) bool

// parseFilter reads one filter at the beginning of a text.
func parseFilter(text string) (match matcher, rest string, ok bool) {
	text, ok = strings.CutPrefix(text, "(")
	if !ok || text == "" {
		return nil, text, false
	}
	if sign := text[0]; strings.IndexByte("&|!", sign) >= 0 {
		var parts []matcher
		for rest = text[1:]; strings.HasPrefix(rest, "("); {
			var part matcher
			if part, rest, ok = parseFilter(rest); !ok {
				return nil, rest, false
			}
			parts = append(parts, part)
		}
		rest, ok = strings.CutPrefix(rest, ")")
		return func(e *directoryEntry) bool {
			is := func(m matcher) bool { return m(e) }
			switch sign {
			case '|':
				return slices.ContainsFunc(parts, is)
			case '!':
				return !slices.ContainsFunc(parts, is)
			}
			return !slices.ContainsFunc(parts, func(m matcher) bool { return !m(e) })
		}, rest, ok
	}
	term, rest, ok := strings.Cut(text, ")")
	name, escaped, isEqual := strings.Cut(term, "=")
	value, valid := unescape(escaped)
	return func(e *directoryEntry) bool {
		return slices.ContainsFunc(e.values(name), func(has string) bool { return escaped == "*" || strings.EqualFold(has, value) })
	}, rest, ok && isEqual && valid
}

// unescape reads \ and two hexadecimal digits for each byte that is written so.
func unescape(text string) (string, bool) {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out.WriteByte(text[i])
			continue
		}
		if i+2 >= len(text) {
			return "", false
		}
		value, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		out.WriteByte(byte(value))
		i += 2
	}
	return out.String(), true
}

// DirectoryRecord is the record file of the record that is synced from d.
func (p *IdP) DirectoryRecord(d *Directory) ([]byte, error) {
	metadata, err := p.Metadata()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(d.Address)
	return fmt.Appendf(nil, `records:
  - key: %s
    name: Umbrella
    state: active
    saml:
      metadata: |
%s
    mapping: {username: username, email: email, first_name: first_name, last_name: last_name}
    association_type: ldap
    directory:
      preset: openldap
      hosts: [%s]
      port: %s
      security: insecure-plaintext
      base_dn: %q
`, Umbrella, indent(8, string(metadata)), host, port, directoryBase), err
}
