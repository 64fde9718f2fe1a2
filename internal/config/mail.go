package config

import (
	"net/mail"
	"os"
	"strings"

	"idms/internal/fault"
)

// maxSecret bounds a file that holds a password, in bytes.
const maxSecret = 4 << 10

// readPassword reads the password from its file; an end of line is no part of it.
func (m *Mail) readPassword() error {
	if m.Password != "" {
		return fault.New(fault.Invalid, "Give either mail.password or mail.password_file.")
	}
	info, err := os.Stat(m.PasswordFile)
	if err == nil && info.Size() > maxSecret {
		return fault.New(fault.Invalid, "The file of mail.password_file is over %d bytes.", maxSecret)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(m.PasswordFile)
	}
	if err != nil {
		return fault.New(fault.Invalid, "The file of mail.password_file cannot be read: %v", err)
	}
	m.Password = strings.TrimRight(string(text), "\r\n")
	return nil
}

// check finds what cannot be obeyed. Letters hold addresses that let people in, so
// they never cross a network in the clear.
func (m Mail) check(problems *fault.Problems) {
	oneOf(problems, "mail.tls", m.TLS, "starttls", "implicit", "none")
	between(problems, "mail.port", m.Port, 0, 65535)
	if m.Host == "" {
		for _, one := range []struct{ field, value string }{
			{"mail.username", m.Username}, {"mail.password", m.Password}, {"mail.from", m.From}, {"mail.ca_file", m.CAFile},
		} {
			if one.value != "" {
				problems.Add(one.field, "needs mail.host, the server that takes the mail")
			}
		}
		return
	}
	if strings.ContainsAny(m.Host, " /:@\r\n\t") && !strings.Contains(m.Host, "::") {
		problems.Add("mail.host", "write the name of the server alone; mail.port has the port")
	}
	if m.TLS == "none" && !loopback(m.Host) {
		problems.Add("mail.tls", "none would send addresses that let people in over the network in the clear; it is for a server on this machine alone")
	}
	if (m.Username == "") != (m.Password == "") {
		problems.Add("mail.username", "give both mail.username and mail.password, or neither")
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		problems.Add("mail.from", "write an address, such as idms@example.com or Portal <idms@example.com>")
	}
}
