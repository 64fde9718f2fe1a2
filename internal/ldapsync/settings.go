package ldapsync

import (
	"strconv"
	"strings"
	"time"
)

// Settings are the directory part of an IDMS record, as an administrator gives
// it. An empty field means the value of the preset, or the default; Defaults
// writes them all out, and Check finds every problem. A field that names an
// attribute may be None.
//
// The bind password is no part of it: it hangs beside the record, encrypted.
type Settings struct {
	Preset Preset `json:"preset,omitempty"`

	// The way to the directory.
	Hosts         []string `json:"hosts,omitempty"` // names or addresses, tried in this order; host or host:port
	Port          int      `json:"port,omitempty"`  // of hosts that name none; 0 is 636 for LDAPS and 389 otherwise
	Security      Security `json:"security,omitempty"`
	CACertificate string   `json:"ca_certificate,omitempty"` // PEM; when given, nobody else is trusted
	BindDN        string   `json:"bind_dn,omitempty"`        // a DN, or user@domain at Active Directory; "" asks without a name

	// Whom to read.
	BaseDN      string `json:"base_dn,omitempty"`
	UserBase    string `json:"user_base,omitempty"`  // "" is the base DN
	GroupBase   string `json:"group_base,omitempty"` // "" is the base DN
	UserFilter  string `json:"user_filter,omitempty"`
	GroupFilter string `json:"group_filter,omitempty"`
	PageSize    int    `json:"page_size,omitempty"` // entries, MinPageSize to MaxPageSize

	// What to read of them.
	ExternalID         string `json:"external_id_attribute,omitempty"` // L1
	UsernameAttribute  string `json:"username_attribute,omitempty"`
	EmailAttribute     string `json:"email_attribute,omitempty"`
	FirstNameAttribute string `json:"first_name_attribute,omitempty"`
	LastNameAttribute  string `json:"last_name_attribute,omitempty"`
	PhoneAttribute     string `json:"phone_attribute,omitempty"`
	GroupNameAttribute string `json:"group_name_attribute,omitempty"`
	MemberAttribute    string `json:"member_attribute,omitempty"` // of groups; its values are DNs
	DirectMembersOnly  bool   `json:"direct_members_only,omitempty"`

	Disabled DisabledRule `json:"disabled_rule,omitempty"`

	// When to read, and what may come of it.
	Schedule Schedule    `json:"schedule,omitzero"`
	Limits   BlastLimits `json:"limits,omitzero"`
	Vanished Vanished    `json:"vanished,omitempty"`

	// How long an answer may take: a whole run, and one page of it. Durations
	// as Go writes them, "45m".
	Deadline     string `json:"deadline,omitempty"`
	PageDeadline string `json:"page_deadline,omitempty"`

	// PlainReader decodes entries with go-ldap alone, which is several times
	// slower: for the day when the fast reader is under suspicion.
	PlainReader bool `json:"plain_reader,omitempty"`
}

// None, in place of an attribute's name, is no attribute at all, where an empty
// field would mean the one of the preset.
const None = "-"

// Bounds of the settings.
const (
	MinPageSize     = 10
	MaxPageSize     = 1000 // what Active Directory gives at most
	DefaultPageSize = 1000

	DefaultDeadline     = 30 * time.Minute
	MaxDeadline         = 24 * time.Hour
	DefaultPageDeadline = time.Minute
	MaxPageDeadline     = 10 * time.Minute
	MinDeadline         = time.Second

	DefaultInterval = time.Hour
	MinInterval     = 5 * time.Minute
	MaxInterval     = 7 * 24 * time.Hour

	maxHosts  = 16
	maxFilter = 8 << 10 // bytes
	maxDN     = 1 << 10 // bytes
	maxCA     = 1 << 20 // bytes
)

// Preset is a kind of directory, whose usual settings fill empty fields.
type Preset string

const (
	Custom          Preset = "custom" // what "" means: fills nothing but numbers
	ActiveDirectory Preset = "active-directory"
	OpenLDAP        Preset = "openldap"
	FreeIPA         Preset = "389-ds" // and FreeIPA, which is built on it
)

// Security is how the connection is protected.
type Security string

const (
	LDAPS             Security = "ldaps" // what "" means
	StartTLS          Security = "starttls"
	InsecurePlaintext Security = "insecure-plaintext" // passwords travel readable: for tests and loopback
)

// DisabledRule says how the directory marks somebody who may not log in (L3).
// Being locked out after wrong passwords is never such a mark: whoever guesses
// passwords could otherwise end other people's sessions.
type DisabledRule string

const (
	NeverDisabled      DisabledRule = "none"                 // what "" means without a preset
	UserAccountControl DisabledRule = "user-account-control" // bit 2, and accountExpires that has passed
	AccountLock        DisabledRule = "ns-account-lock"      // nsAccountLock is true
	PasswordPolicy     DisabledRule = "pwd-account-locked"   // pwdAccountLockedTime is 000001010000Z
	LoginDisabled      DisabledRule = "login-disabled"       // loginDisabled is true
)

// Vanished says what becomes of people whom the directory no longer has.
type Vanished string

const (
	DisableVanished Vanished = "disable" // what "" means
	KeepVanished    Vanished = "keep"    // listed in each plan, and left as they are
)

// BlastLimits are how much one plan may take away by itself (L6). A nil Limit is
// the default; one of zeros holds whatever takes anything.
type BlastLimits struct {
	Deactivations      *Limit `json:"deactivations,omitempty"`       // of users; default 5 or 10 %
	GroupRemovals      *Limit `json:"group_removals,omitempty"`      // default 2 or 10 %
	MembershipRemovals *Limit `json:"membership_removals,omitempty"` // default 50 or 20 %
	// OneGroup holds a single group of at least Count people that loses over
	// Percent of them; default 20 and 50 %.
	OneGroup *Limit `json:"one_group,omitempty"`
}

// Limit is exceeded by more than Count and by more than Percent of what there
// is: the larger of both counts.
type Limit struct {
	Count   int `json:"count"`
	Percent int `json:"percent"` // 0 to 100
}

// Defaults returns the settings with every empty field filled: from the preset
// where that has something to say, otherwise with the default. Settings that
// went through it stay the same when they go through it again.
func (s Settings) Defaults() Settings {
	s.fill(presets[s.Preset])
	fill := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	fill((*string)(&s.Preset), string(Custom))
	fill((*string)(&s.Security), string(LDAPS))
	fill((*string)(&s.Disabled), string(NeverDisabled))
	fill((*string)(&s.Vanished), string(DisableVanished))
	fill(&s.UserBase, s.BaseDN)
	fill(&s.GroupBase, s.BaseDN)
	fill(&s.FirstNameAttribute, None)
	fill(&s.LastNameAttribute, None)
	fill(&s.PhoneAttribute, None)
	fill(&s.Deadline, DefaultDeadline.String())
	fill(&s.PageDeadline, DefaultPageDeadline.String())
	if s.Port == 0 {
		s.Port = 389
		if s.Security == LDAPS {
			s.Port = 636
		}
	}
	if s.PageSize == 0 {
		s.PageSize = DefaultPageSize
	}
	s.Schedule = s.Schedule.defaults()
	s.Limits = s.Limits.defaults()
	return s
}

func (l BlastLimits) defaults() BlastLimits {
	for _, one := range []struct {
		field **Limit
		usual Limit
	}{
		{&l.Deactivations, Limit{5, 10}},
		{&l.GroupRemovals, Limit{2, 10}},
		{&l.MembershipRemovals, Limit{50, 20}},
		{&l.OneGroup, Limit{20, 50}},
	} {
		if *one.field == nil {
			*one.field = &one.usual
		}
	}
	return l
}

// presets are the usual settings of each kind of directory.
var presets = map[Preset]Settings{
	// Microsoft, [MS-ADTS] 3.1.1. objectCategory is indexed; objectClass=user
	// alone would also find computers.
	ActiveDirectory: {
		UserFilter:         "(&(objectCategory=person)(objectClass=user))",
		GroupFilter:        "(objectClass=group)",
		ExternalID:         "objectGUID",
		UsernameAttribute:  "sAMAccountName",
		EmailAttribute:     "mail",
		FirstNameAttribute: "givenName",
		LastNameAttribute:  "sn",
		PhoneAttribute:     "telephoneNumber",
		GroupNameAttribute: "cn",
		MemberAttribute:    "member",
		Disabled:           UserAccountControl,
	},
	// inetOrgPerson (RFC 2798), groupOfNames (RFC 4519) and entryUUID (RFC 4530).
	OpenLDAP: {
		UserFilter:         "(objectClass=inetOrgPerson)",
		GroupFilter:        "(objectClass=groupOfNames)",
		ExternalID:         "entryUUID",
		UsernameAttribute:  "uid",
		EmailAttribute:     "mail",
		FirstNameAttribute: "givenName",
		LastNameAttribute:  "sn",
		PhoneAttribute:     "telephoneNumber",
		GroupNameAttribute: "cn",
		MemberAttribute:    "member",
		Disabled:           PasswordPolicy,
	},
	// nsUniqueId is there in each release of 389-DS; FreeIPA's own ipaUniqueID is
	// not, since an older FreeIPA lets only some read it.
	FreeIPA: {
		UserFilter:         "(objectClass=inetOrgPerson)",
		GroupFilter:        "(objectClass=groupOfNames)",
		ExternalID:         "nsUniqueId",
		UsernameAttribute:  "uid",
		EmailAttribute:     "mail",
		FirstNameAttribute: "givenName",
		LastNameAttribute:  "sn",
		PhoneAttribute:     "telephoneNumber",
		GroupNameAttribute: "cn",
		MemberAttribute:    "member",
		Disabled:           AccountLock,
	},
}

// fill takes what is empty from the usual settings.
func (s *Settings) fill(usual Settings) {
	for _, one := range []struct {
		field *string
		value string
	}{
		{&s.UserFilter, usual.UserFilter},
		{&s.GroupFilter, usual.GroupFilter},
		{&s.ExternalID, usual.ExternalID},
		{&s.UsernameAttribute, usual.UsernameAttribute},
		{&s.EmailAttribute, usual.EmailAttribute},
		{&s.FirstNameAttribute, usual.FirstNameAttribute},
		{&s.LastNameAttribute, usual.LastNameAttribute},
		{&s.PhoneAttribute, usual.PhoneAttribute},
		{&s.GroupNameAttribute, usual.GroupNameAttribute},
		{&s.MemberAttribute, usual.MemberAttribute},
		{(*string)(&s.Disabled), string(usual.Disabled)},
	} {
		if *one.field == "" {
			*one.field = one.value
		}
	}
}

// isActiveDirectory: only there do people have a primary group, which no member
// attribute lists.
func (s Settings) isActiveDirectory() bool {
	return s.Preset == ActiveDirectory || strings.EqualFold(s.ExternalID, "objectGUID")
}

// deadline and pageDeadline are of settings that Check has no problem with.
func (s Settings) deadline() time.Duration     { return duration(s.Deadline, DefaultDeadline) }
func (s Settings) pageDeadline() time.Duration { return duration(s.PageDeadline, DefaultPageDeadline) }

func duration(text string, usual time.Duration) time.Duration {
	if d, err := time.ParseDuration(text); err == nil {
		return d
	}
	return usual
}

// named lists the attributes among these that are attributes at all.
func named(attributes ...string) []string {
	var names []string
	for _, name := range attributes {
		if name != "" && name != None {
			names = append(names, name)
		}
	}
	return names
}

// Addresses are where the hosts are asked, each with its port, in their order.
func (s Settings) Addresses() []string {
	s = s.Defaults()
	var list []string
	for _, host := range s.Hosts {
		list = append(list, withPort(host, s.Port))
	}
	return list
}

// withPort adds the port to a host that names none.
func withPort(host string, port int) string {
	if name, own, ok := splitHost(host); ok && own != "" {
		return joinHost(name, own)
	} else if ok {
		return joinHost(name, strconv.Itoa(port))
	}
	return joinHost(host, strconv.Itoa(port))
}
