package idms

import (
	"time"

	"idms/internal/groups"
	"idms/internal/ldapsync"
	"idms/internal/users"
)

// Purpose is what a login is for.
type Purpose string

const (
	LogIn   Purpose = "login" // what "" means
	Elevate Purpose = "elevate"
	Reapply Purpose = "reapply" // no login: an administrator applies changed rules to the last one (S43)
	Test    Purpose = "test"    // of a login that lets nobody in; what would be decided is what a LogIn would
)

// Known is everything besides the assertion that a decision may look at (S3).
type Known struct {
	Now         time.Time
	Purpose     Purpose
	Account     *users.Account      // nil: nobody by this username
	Memberships []groups.Membership // of that account
	Directory   *Directory          // the last good sync; nil: none was approved yet (S37)
	LastOwner   bool                // no other owner of idms could log in (S44)
	Elevating   string              // ID of the account whose session asks to be elevated
}

// Directory is what the last good directory sync holds about this person.
type Directory struct {
	Known  bool         // the person is in it, or was
	Off    ldapsync.Off // why it lets them in no longer (L3)
	Groups []string     // keys
}
