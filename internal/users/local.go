package users

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"idms/internal/fault"
)

// CheckLocal finds every problem of a local person, whom somebody types in: a
// username without blanks, and an e-mail address that could be one.
func (p Profile) CheckLocal() fault.Problems {
	var problems fault.Problems
	long := func(field, value string) bool {
		if len(value) > MaxField || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
			problems.Add(field, "Write one line of at most %d bytes.", MaxField)
			return true
		}
		return false
	}
	if !long("username", p.Username) {
		switch {
		case p.Username == "":
			problems.Add("username", "Choose a username.")
		case strings.ContainsFunc(p.Username, unicode.IsSpace):
			problems.Add("username", "Choose a username without blanks.")
		}
	}
	if !long("email", p.Email) {
		if address, err := mail.ParseAddress(p.Email); err != nil || address.Address != p.Email {
			problems.Add("email", "Write an e-mail address, such as ada@example.com.")
		}
	}
	long("first_name", p.FirstName)
	long("last_name", p.LastName)
	long("phone", p.Phone)
	return problems
}
