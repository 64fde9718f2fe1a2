// Package users owns who a person is: the mapping from attributes to a profile
// (S21), and the account key under which one record knows them (S40). It
// leaves keeping accounts to store and deciding about them to idms.
package users

import "time"

// Profile is what a login tells about a person.
type Profile struct {
	Username  string `json:"username" yaml:"username"`
	Email     string `json:"email" yaml:"email"`
	FirstName string `json:"first_name,omitempty" yaml:"first_name"`
	LastName  string `json:"last_name,omitempty" yaml:"last_name"`
	Phone     string `json:"phone,omitempty" yaml:"phone"`
}

// Account is a person as one record knows them.
type Account struct {
	ID       string // UUIDv7
	RecordID string
	Profile
	NameID   string // of the last login (S42)
	State    State
	Created  time.Time
	LastSeen time.Time // last admitted login
}

// State says whether an account may log in, and who took that away (L3).
type State string

const (
	Enabled  State = "enabled"  // what "" means
	Blocked  State = "blocked"  // by an administrator
	Disabled State = "disabled" // by the directory
)
