package ldapsync

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"idms/internal/fault"
)

// Check finds every problem of the settings, each at its field.
func (s Settings) Check() fault.Problems {
	var problems fault.Problems
	if _, known := presets[s.Preset]; !known && s.Preset != "" && s.Preset != Custom {
		choice(&problems, "preset", s.Preset, Custom, ActiveDirectory, OpenLDAP, FreeIPA)
		s.Preset = OpenLDAP // what it would have filled is no problem of its own
	}
	s = s.Defaults()
	s.checkWay(&problems)
	s.checkScope(&problems)
	s.checkAttributes(&problems)
	checkDuration(&problems, "deadline", s.Deadline, MinDeadline, MaxDeadline)
	checkDuration(&problems, "page_deadline", s.PageDeadline, MinDeadline, MaxPageDeadline)
	problems.Under("schedule", s.Schedule.check())
	problems.Under("limits", s.Limits.check())
	choice(&problems, "disabled_rule", s.Disabled, NeverDisabled, UserAccountControl, AccountLock, PasswordPolicy, LoginDisabled)
	choice(&problems, "vanished", s.Vanished, DisableVanished, KeepVanished)
	return problems
}

func choice[T ~string](problems *fault.Problems, field string, value T, allowed ...T) {
	words := make([]string, len(allowed))
	for i, one := range allowed {
		if value == one {
			return
		}
		words[i] = string(one)
	}
	problems.Add(field, "Choose one of %s.", strings.Join(words, ", "))
}

func (s Settings) checkWay(problems *fault.Problems) {
	choice(problems, "security", s.Security, LDAPS, StartTLS, InsecurePlaintext)
	switch {
	case len(s.Hosts) == 0:
		problems.Add("hosts", "Name at least one host of the directory.")
	case len(s.Hosts) > maxHosts:
		problems.Add("hosts", "Name at most %d hosts.", maxHosts)
	}
	for i, host := range s.Hosts {
		name, port, ok := splitHost(host)
		if number, err := strconv.Atoi(port); port != "" && (err != nil || number < 1 || number > 65535) {
			ok = false
		}
		if !ok || !hostName(name) {
			problems.Add(fmt.Sprintf("hosts[%d]", i), "Write a host name or an address, with or without a port: dc1.example.com, 192.0.2.7:636 or [2001:db8::7]:636. No ldaps:// before it.")
		}
	}
	if s.Port < 1 || s.Port > 65535 {
		problems.Add("port", "A port is between 1 and 65535.")
	}
	if s.CACertificate != "" {
		if s.Security == InsecurePlaintext {
			problems.Add("ca_certificate", "Without TLS no certificate is looked at. Choose ldaps or starttls, or leave the certificate out.")
		}
		if _, err := certificates(s.CACertificate); err != nil {
			problems.AddError("ca_certificate", err)
		}
	}
	if s.BindDN != "" && !strings.ContainsAny(s.BindDN, `@\`) {
		checkDN(problems, "bind_dn", s.BindDN)
	} else if len(s.BindDN) > maxDN {
		problems.Add("bind_dn", "The name is longer than %d bytes.", maxDN)
	}
}

func (s Settings) checkScope(problems *fault.Problems) {
	if s.BaseDN == "" {
		problems.Add("base_dn", "Name the entry below which people and groups are, for example dc=example,dc=com.")
	} else {
		checkDN(problems, "base_dn", s.BaseDN)
		if s.UserBase != s.BaseDN {
			checkDN(problems, "user_base", s.UserBase)
		}
		if s.GroupBase != s.BaseDN {
			checkDN(problems, "group_base", s.GroupBase)
		}
	}
	for _, one := range []struct{ field, filter, example string }{
		{"user_filter", s.UserFilter, "(objectClass=inetOrgPerson)"},
		{"group_filter", s.GroupFilter, "(objectClass=groupOfNames)"},
	} {
		switch _, err := ldap.CompileFilter(one.filter); {
		case one.filter == "":
			problems.Add(one.field, "Write a filter, for example %s, or choose a preset.", one.example)
		case len(one.filter) > maxFilter:
			problems.Add(one.field, "The filter is longer than %d bytes.", maxFilter)
		case err != nil:
			problems.Add(one.field, "This is no LDAP filter: %s.", strings.TrimPrefix(err.Error(), `LDAP Result Code 201 "Filter Compile Error": `))
		}
	}
	if s.PageSize < MinPageSize || s.PageSize > MaxPageSize {
		problems.Add("page_size", "A page has %d to %d entries.", MinPageSize, MaxPageSize)
	}
}

// attributeName is an attribute description without options (RFC 4512 1.4).
var attributeName = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]{0,127}|[0-9]+(\.[0-9]+){1,31})$`)

func (s Settings) checkAttributes(problems *fault.Problems) {
	for _, one := range []struct {
		field, name string
		required    bool
		what        string
	}{
		{"external_id_attribute", s.ExternalID, true, "never changes, such as entryUUID or objectGUID"},
		{"username_attribute", s.UsernameAttribute, true, "holds the username"},
		{"email_attribute", s.EmailAttribute, true, "holds the e-mail address"},
		{"first_name_attribute", s.FirstNameAttribute, false, ""},
		{"last_name_attribute", s.LastNameAttribute, false, ""},
		{"phone_attribute", s.PhoneAttribute, false, ""},
		{"group_name_attribute", s.GroupNameAttribute, true, "holds the name of a group"},
		{"member_attribute", s.MemberAttribute, true, "lists the members of a group"},
	} {
		switch {
		case len(named(one.name)) == 0 && one.required:
			problems.Add(one.field, "Name the attribute that %s, or choose a preset.", one.what)
		case len(named(one.name)) == 1 && !attributeName.MatchString(one.name):
			problems.Add(one.field, "Write the name of an attribute, without options, or %q for none.", None)
		}
	}
}

func (l BlastLimits) check() fault.Problems {
	var problems fault.Problems
	l = l.defaults()
	for _, one := range []struct {
		field string
		limit Limit
	}{
		{"deactivations", *l.Deactivations},
		{"group_removals", *l.GroupRemovals},
		{"membership_removals", *l.MembershipRemovals},
		{"one_group", *l.OneGroup},
	} {
		if one.limit.Count < 0 {
			problems.Add(one.field+".count", "A count is not below 0.")
		}
		if one.limit.Percent < 0 || one.limit.Percent > 100 {
			problems.Add(one.field+".percent", "A percentage is between 0 and 100.")
		}
	}
	return problems
}

func checkDuration(problems *fault.Problems, field, text string, least, most time.Duration) {
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		problems.Add(field, "Write a duration between %s and %s, such as 10m or 1h30m.", least, most)
	}
}

func checkDN(problems *fault.Problems, field, dn string) {
	if len(dn) > maxDN {
		problems.Add(field, "The name is longer than %d bytes.", maxDN)
		return
	}
	if _, err := ldap.ParseDN(dn); err != nil {
		problems.Add(field, "This is no distinguished name such as ou=people,dc=example,dc=com: %s.", err)
	}
}

// certificates reads the PEM of a CA.
func certificates(text string) (*x509.CertPool, error) {
	if len(text) > maxCA {
		return nil, fault.New(fault.Invalid, "The certificates are longer than %d bytes.", maxCA)
	}
	pool := x509.NewCertPool()
	rest, found := []byte(text), 0
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fault.New(fault.Invalid, "This holds a %.64s. Give the certificate of the CA alone.", block.Type)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fault.New(fault.Invalid, "Certificate %d cannot be read: %s.", found+1, err)
		}
		pool.AddCert(certificate)
		found++
	}
	if found == 0 || strings.TrimSpace(string(rest)) != "" {
		return nil, fault.New(fault.Invalid, "Paste the CA's certificate as PEM, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.")
	}
	return pool, nil
}

// splitHost takes host or host:port apart; an IPv6 address with a port is in
// brackets.
func splitHost(host string) (name, port string, ok bool) {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.String(), "", true
	}
	if inner, found := strings.CutPrefix(host, "["); found && strings.HasSuffix(inner, "]") {
		return strings.TrimSuffix(inner, "]"), "", true
	}
	if !strings.Contains(host, ":") {
		return host, "", true
	}
	name, port, err := net.SplitHostPort(host)
	return name, port, err == nil && port != ""
}

func joinHost(name, port string) string { return net.JoinHostPort(name, port) }

var dnsName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$`)

func hostName(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return len(name) <= 253 && dnsName.MatchString(name)
}
