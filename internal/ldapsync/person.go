package ldapsync

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"idms/internal/users"
)

const maxID = 256 // bytes of an external id

// unusable is why one entry cannot be used. The others can.
type unusable struct {
	id  ID
	why string
	// incomplete: nothing is wrong with the entry, it lacks what makes a person
	// here. Service accounts without a mailbox are like that.
	incomplete bool
}

func (u *unusable) Error() string { return u.why }

func unusableFor(id ID, format string, args ...any) *unusable {
	return &unusable{id: id, why: fmt.Sprintf(format, args...)}
}

// mapper makes people and groups of entries, for one run.
type mapper struct {
	settings Settings
	now      time.Time // for accounts that expire
	room     []byte
	ids      IDs
}

func newMapper(s Settings, now time.Time) *mapper { return &mapper{settings: s, now: now} }

// personAttributes are what is asked for of a person.
func personAttributes(s Settings) []string {
	names := named(s.ExternalID, s.UsernameAttribute, s.EmailAttribute, s.FirstNameAttribute, s.LastNameAttribute, s.PhoneAttribute)
	switch s.Disabled {
	case UserAccountControl:
		names = append(names, "userAccountControl", "accountExpires")
	case AccountLock:
		names = append(names, "nsAccountLock")
	case PasswordPolicy:
		names = append(names, "pwdAccountLockedTime")
	case LoginDisabled:
		names = append(names, "loginDisabled")
	}
	if s.isActiveDirectory() {
		names = append(names, "primaryGroupID", "objectSid")
	}
	return unique(names)
}

// groupAttributes are what is asked for of a group.
func groupAttributes(s Settings) []string {
	names := named(s.ExternalID, s.GroupNameAttribute, s.MemberAttribute)
	if s.isActiveDirectory() {
		names = append(names, "objectSid")
	}
	return unique(names)
}

// unique leaves out what is there twice; some directories refuse a list like
// that.
func unique(names []string) []string {
	seen := map[string]bool{}
	kept := names[:0]
	for _, name := range names {
		if lower := strings.ToLower(name); !seen[lower] {
			seen[lower] = true
			kept = append(kept, name)
		}
	}
	return kept
}

// field is one field of a person as it stands in an entry.
type field struct {
	name      string // in the record file, before "_attribute"
	attribute string
	value     []byte // within the entry
	required  bool
}

// fields reads a person's mapped fields off an entry.
func (m *mapper) fields(e entry) [5]field {
	s := m.settings
	fields := [5]field{
		{"username", s.UsernameAttribute, nil, true},
		{"email", s.EmailAttribute, nil, true},
		{"first_name", s.FirstNameAttribute, nil, false},
		{"last_name", s.LastNameAttribute, nil, false},
		{"phone", s.PhoneAttribute, nil, false},
	}
	for i := range fields {
		if f := &fields[i]; f.attribute != None {
			f.value = e.first(f.attribute)
		}
	}
	return fields
}

// person is what a sync keeps of an entry: its id, its mark and whether it is
// on. The profile is made by profile, for those whose mark is new.
func (m *mapper) person(e entry) (Person, [5]field, *unusable) {
	id, problem := m.id(e)
	if problem != nil {
		return Person{}, [5]field{}, problem
	}
	fields := m.fields(e)
	for _, f := range fields {
		switch {
		case len(f.value) == 0 && f.required:
			return Person{}, fields, &unusable{id, fmt.Sprintf("There is no value in %s, so nobody knows the %s.", f.attribute, spaced(f.name)), true}
		case len(f.value) > users.MaxField:
			return Person{}, fields, unusableFor(id, "%s is longer than %d bytes.", f.attribute, users.MaxField)
		case !printable(f.value):
			return Person{}, fields, unusableFor(id, "%s is not UTF-8 text, or has control characters in it.", f.attribute)
		}
	}
	off, problem := m.off(e, id)
	if problem != nil {
		return Person{}, fields, problem
	}
	room := appendPart(m.room[:0], e.dn)
	for _, f := range fields {
		room = appendPart(room, f.value)
	}
	room = appendPart(room, []byte(off))
	m.room = room
	return Person{ID: id, Mark: markOf(room), Off: off}, fields, nil
}

// spaced is a field's name for people.
func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }

// keep adds what is too much to keep of everybody.
func (p *Person) keep(e entry, fields [5]field) {
	p.DN = string(e.dn)
	p.Profile = profile(fields)
}

func profile(fields [5]field) *users.Profile {
	return &users.Profile{
		Username:  string(fields[0].value),
		Email:     string(fields[1].value),
		FirstName: string(fields[2].value),
		LastName:  string(fields[3].value),
		Phone:     string(fields[4].value),
	}
}

// id is L1's: the raw bytes, whatever they mean.
func (m *mapper) id(e entry) (ID, *unusable) {
	values := e.values(m.settings.ExternalID)
	switch {
	case len(e.dn) > maxDN:
		return "", unusableFor("", "Its name is longer than %d bytes.", maxDN)
	case !utf8.Valid(e.dn) || bytes.IndexByte(e.dn, 0) >= 0: // no database keeps that as text
		return "", unusableFor("", "Its name is not UTF-8 text.")
	case len(values) == 0 || len(values[0]) == 0:
		return "", unusableFor("", "There is no value in %s, the external id, or the bind DN may not read it.", m.settings.ExternalID)
	case len(values) > 1:
		return "", unusableFor("", "There are %d values in %s, and an external id is one.", len(values), m.settings.ExternalID)
	case len(values[0]) > maxID:
		return "", unusableFor("", "%s, the external id, is longer than %d bytes.", m.settings.ExternalID, maxID)
	}
	return m.ids.Keep(values[0]), nil
}

// Instants of Active Directory count 100 ns from 1601 on ([MS-DTYP] 2.3.3).
const (
	epochDifference = 11644473600 // seconds from 1601 to 1970
	neverExpires    = 1<<63 - 1
	accountDisabled = 2 // ADS_UF_ACCOUNTDISABLE
)

// off applies the disabled-account rule (L3).
func (m *mapper) off(e entry, id ID) (Off, *unusable) {
	switch m.settings.Disabled {
	case UserAccountControl:
		control, err := strconv.ParseInt(string(e.first("userAccountControl")), 10, 64)
		if err != nil {
			// Not to be read as "enabled": a bind DN that may no longer see it
			// would bring back everybody who was disabled.
			return On, unusableFor(id, "userAccountControl is missing or no number, so nobody knows whether the account is enabled.")
		}
		if control&accountDisabled != 0 {
			return SwitchedOff, nil
		}
		text := e.first("accountExpires")
		if text == nil {
			return On, nil
		}
		expires, err := strconv.ParseInt(string(text), 10, 64)
		switch {
		case err != nil:
			return On, unusableFor(id, "accountExpires is no number.")
		case expires > 0 && expires < neverExpires:
			if instant := time.Unix(expires/1e7-epochDifference, expires%1e7*100); !instant.After(m.now) {
				return Expired, nil
			}
		}
	case AccountLock:
		return switched(e.first("nsAccountLock")), nil
	case LoginDisabled:
		return switched(e.first("loginDisabled")), nil
	case PasswordPolicy:
		// slapo-ppolicy(5): this value is an administrator's lock; any other
		// instant is a lock-out after wrong passwords, which ends by itself.
		if value := e.first("pwdAccountLockedTime"); string(value) == "000001010000Z" || string(value) == "00000101000000Z" {
			return SwitchedOff, nil
		}
	}
	return On, nil
}

// switched reads a boolean (RFC 4517 3.3.3); 389-DS also writes it in lower case.
func switched(value []byte) Off {
	if strings.EqualFold(string(value), "TRUE") {
		return SwitchedOff
	}
	return On
}

// printable is text that can be shown and compared.
func printable(value []byte) bool {
	for i, c := range value {
		if c < ' ' || c == 0x7f || c == 0xc2 && i+1 < len(value) && value[i+1] < 0xa0 { // C0, DEL, C1
			return false
		}
	}
	return utf8.Valid(value)
}

// appendPart appends a part and its length, so that no two lists of parts are
// the same bytes.
func appendPart[T string | ID | []byte](to []byte, part T) []byte {
	return append(binary.AppendUvarint(to, uint64(len(part))), part...)
}

func markOf(data []byte) Mark {
	sum := sha256.Sum256(data)
	return Mark(sum[:16])
}

// relativeSID is the SID of another object of the same domain: all but the last
// four bytes are the domain's ([MS-DTYP] 2.4.2.2).
func relativeSID(sid []byte, relative uint32) []byte {
	if !isSID(sid) {
		return nil
	}
	whole := append([]byte(nil), sid...)
	binary.LittleEndian.PutUint32(whole[len(whole)-4:], relative)
	return whole
}

func isSID(sid []byte) bool {
	return len(sid) >= 12 && sid[0] == 1 && len(sid) == 8+4*int(sid[1])
}
