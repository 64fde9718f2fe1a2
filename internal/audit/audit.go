// Package audit owns the vocabulary of the audit trail: what an event is, which
// actions there are, and how a change is told, from what to what. It leaves
// deciding what happened to whoever did it, and keeping events to store.
package audit

import (
	"time"

	"idms/internal/trace"
)

// Event is one thing that happened, for whoever asks later "who did this, and
// why was it allowed?". It names people and things by identifiers; it holds no
// values of an assertion.
type Event struct {
	ID     string    `json:"id"` // UUIDv7, given by store
	At     time.Time `json:"at"`
	Action Action    `json:"action"`
	Alarm  bool      `json:"alarm,omitempty"` // somebody should look now

	// Who did it: an administrator's name, "system", or "" when the person named
	// by User did it themself.
	Who     string `json:"who,omitempty"`
	Address string `json:"address,omitempty"` // of the browser, as far as trusted proxies tell

	// What it touched.
	Record string `json:"record,omitempty"` // key
	User   string `json:"user,omitempty"`   // account ID
	Group  string `json:"group,omitempty"`  // key

	Trace   string     `json:"trace,omitempty"` // reference of the login's trace
	Code    trace.Code `json:"code,omitempty"`  // why a login was refused
	Reason  string     `json:"reason,omitempty"`
	Changes []Change   `json:"changes,omitempty"`
}

// Change is one field that an event changed.
type Change struct {
	Field string `json:"field"`          // path as in the record file
	From  string `json:"from,omitempty"` // "" when it was not there
	To    string `json:"to,omitempty"`   // "" when it is gone
}

// Action is what happened. Actions are public, like codes: they stand in the
// API and in filters, and never change their meaning.
type Action string

const (
	LoggedIn         Action = "logged_in"
	LoginRefused     Action = "login_refused"
	Elevated         Action = "elevated" // a session may do more for a while (S26)
	ElevationRefused Action = "elevation_refused"
	LoginTested      Action = "login_tested" // a test of a version of a record, which let nobody in
	LoggedOut        Action = "logged_out"
	PortalEntered    Action = "portal_entered"    // a session was handed over to a portal's own host
	HandOverRefused  Action = "hand_over_refused" // a code came too late, or from another browser or portal
	SessionsEnded    Action = "sessions_ended"    // by somebody else than their person: an administrator, the system, the identity provider
	LogoutAnswered   Action = "logout_answered"   // the identity provider says how a logout went there (M24)
	LogoutRefused    Action = "logout_refused"    // a logout message on which the verifier failed
	RulesApplied     Action = "rules_applied"     // to a person's last recorded assertion (S43)

	ResponseRead Action = "response_read" // somebody looked at what arrived in a login, as XML

	RecordCreated     Action = "record_created"
	RecordChanged     Action = "record_changed"
	RecordDeleted     Action = "record_deleted"
	DirectorySynced   Action = "directory_synced"   // a plan was applied
	DirectoryHeld     Action = "directory_held"     // a plan waits for approval (L6)
	DirectoryApproved Action = "directory_approved" // and was let through, by whom
	DirectoryAsked    Action = "directory_asked"    // somebody had a run or a rehearsal made
	DirectoryTried    Action = "directory_tried"    // somebody asks a directory by settings that are not saved
	DirectoryState    Action = "directory_state"    // somebody was shut out or let in again by a sync (L3)

	GroupCreated Action = "group_created"
	GroupChanged Action = "group_changed"
	GroupDeleted Action = "group_deleted"

	MemberAdded   Action = "member_added" // by hand; what logins add stands in their traces
	MemberRemoved Action = "member_removed"

	LeftBehindRemoved Action = "left_behind_removed" // what a deleted association left in a group (S34)
	LeftBehindAdopted Action = "left_behind_adopted" // and what became the author's own grant

	UserBlocked   Action = "user_blocked"
	UserUnblocked Action = "user_unblocked"
	PersonErased  Action = "person_erased" // with what was kept of them; the event says no name
	TokenCreated  Action = "token_created"
	TokenRevoked  Action = "token_revoked"

	LocalPersonCreated   Action = "local_person_created"
	PasswordAddressMade  Action = "password_address_made" // at which a local person chooses a password
	PasswordAddressSent  Action = "password_address_sent" // by mail, to the person's address
	PasswordAddressEnded Action = "password_address_ended"
	PasswordForgotten    Action = "password_forgotten" // somebody asked at the door for an address to be sent to this person
	PasswordChanged      Action = "password_changed"
	AuthenticatorAdded   Action = "authenticator_added"
	AuthenticatorRemoved Action = "authenticator_removed"
	PasskeyAdded         Action = "passkey_added"
	PasskeyRemoved       Action = "passkey_removed"
	PasskeyCopied        Action = "passkey_copied" // its counter fell: an alarm
	RecoveryCodesMade    Action = "recovery_codes_made"
	BackDoorUsed         Action = "back_door_used" // an alarm
	BackDoorRefused      Action = "back_door_refused"
	Exempted             Action = "exempted"
	ExemptionEnded       Action = "exemption_ended"
	SettingChanged       Action = "setting_changed"

	MetadataRefreshed Action = "metadata_refreshed" // what a provider's metadata address said was taken over
	MetadataWaits     Action = "metadata_waits"     // and some of it waits for approval
	MetadataApproved  Action = "metadata_approved"

	KeyAnnounced Action = "key_announced" // one of our own, for the next roll-over
	KeySwitched  Action = "key_switched"
	KeyRetired   Action = "key_retired"

	JobFailed Action = "job_failed" // again and again: an alarm
)
