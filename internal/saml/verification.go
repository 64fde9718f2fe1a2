package saml

import (
	"time"

	"idms/internal/trace"
)

// Request is an AuthnRequest that one browser waits on.
type Request struct {
	ID         string
	Issued     time.Time
	ForceAuthn bool
}

// Expect is what a response must be for. All of it comes from the record and
// from the browser's pending requests, nothing from the message.
type Expect struct {
	Now time.Time
	// ACS is the address the response was posted to: SP.ACS or one of
	// SP.PreviousACS. "" means SP.ACS.
	ACS string
	// Requests are those this browser waits on for this record (M15).
	Requests []Request
}

// Examination is a Verification that went on after a refusal.
type Examination struct {
	Verification
	// Read is true when the message could be read to its end. Claimed is then what
	// it says, which nobody has proved unless Accepted: it may be shown to whoever
	// sent it, and must never let anybody in.
	Read    bool
	Claimed Assertion
}

// Verification is the protocol's part of a login: the assertion when every
// M-rule holds, and every step that was taken.
type Verification struct {
	Accepted  bool
	Assertion Assertion // zero unless Accepted
	Steps     trace.Steps
}
