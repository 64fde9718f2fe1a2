package saml

import (
	"strconv"
	"strings"
	"unicode"

	"idms/internal/trace"
)

// check is one step of a verification.
type check uint8

// The steps, in the order in which they are taken. A verification stops at the
// first that refuses: what stands behind it is not proven.
const (
	checkMessage check = iota
	checkXML
	checkResponse
	checkStatus
	checkOneAssertion
	checkResponseSigned
	checkResponseForm
	checkResponseSignature
	checkDecryption
	checkAssertion
	checkAssertionSigned
	checkAssertionForm
	checkAssertionSignature
	checkCertificate
	checkVersion
	checkIssuer
	checkDestination
	checkConfirmation
	checkRecipient
	checkConfirmationTime
	checkRequest
	checkConditions
	checkValidity
	checkAudience
	checkAuthentication
	checkFreshness
	checkSession
	checkContext
	checkNameID
	checkAttributes
	checkCount
)

// protocol names the steps. Names and rules are public: traces show them.
var protocol = [checkCount]trace.Step{
	checkMessage:            {Name: "message size", Rule: "M01"},
	checkXML:                {Name: "plain XML", Rule: "M03"},
	checkResponse:           {Name: "SAML response", Rule: "M06"},
	checkStatus:             {Name: "status", Rule: "M21"},
	checkOneAssertion:       {Name: "one assertion", Rule: "M06"},
	checkResponseSigned:     {Name: "response signed", Rule: "M10"},
	checkResponseForm:       {Name: "response signature form", Rule: "M06"},
	checkResponseSignature:  {Name: "response signature", Rule: "M09"},
	checkDecryption:         {Name: "decryption", Rule: "M11"},
	checkAssertion:          {Name: "assertion structure", Rule: "M08"},
	checkAssertionSigned:    {Name: "assertion signed", Rule: "M10"},
	checkAssertionForm:      {Name: "assertion signature form", Rule: "M06"},
	checkAssertionSignature: {Name: "assertion signature", Rule: "M09"},
	checkCertificate:        {Name: "certificate dates", Rule: "M09"},
	checkVersion:            {Name: "version", Rule: "M12"},
	checkIssuer:             {Name: "issuer", Rule: "M12"},
	checkDestination:        {Name: "destination", Rule: "M13"},
	checkConfirmation:       {Name: "bearer confirmation", Rule: "M14"},
	checkRecipient:          {Name: "recipient", Rule: "M13"},
	checkConfirmationTime:   {Name: "confirmation time", Rule: "M14"},
	checkRequest:            {Name: "request", Rule: "M15"},
	checkConditions:         {Name: "conditions", Rule: "M16"},
	checkValidity:           {Name: "validity", Rule: "M16"},
	checkAudience:           {Name: "audience", Rule: "M16"},
	checkAuthentication:     {Name: "authentication", Rule: "M16"},
	checkFreshness:          {Name: "new authentication", Rule: "S54"},
	checkSession:            {Name: "provider's session", Rule: "M16"},
	checkContext:            {Name: "authentication context", Rule: "M18"},
	checkNameID:             {Name: "name id", Rule: "M19"},
	checkAttributes:         {Name: "attributes", Rule: "M20"},
}

// journal is what a verification writes its steps into. Every step is there from
// the beginning, not reached.
type journal struct {
	steps trace.Steps
	at    check // the step being taken
}

func newJournal() journal {
	steps := make(trace.Steps, checkCount)
	copy(steps, protocol[:])
	return journal{steps: steps}
}

// pass notes that the step found what it looked for. It is true, for returning.
func (r *journal) pass(c check, looked, found string) bool {
	r.at = c + 1
	step := &r.steps[c]
	step.State, step.Looked, step.Found = trace.Passed, looked, found
	return true
}

// note is pass with something that an administrator should know.
func (r *journal) note(c check, looked, found string, fix *trace.Fix) bool {
	r.pass(c, looked, found)
	r.steps[c].State, r.steps[c].Fix = trace.Noted, fix
	return true
}

// refuse ends the verification. It is false, for returning. Without a fix of its
// own the step has that of the code.
func (r *journal) refuse(c check, code trace.Code, looked, found string, fix *trace.Fix) bool {
	r.at = c
	if fix == nil {
		fix = trace.Remedy(code)
	}
	step := &r.steps[c]
	step.State, step.Code, step.Looked, step.Found, step.Fix = trace.Refused, code, looked, found, fix
	return false
}

// maxShown bounds what a trace shows of one text from outside, in bytes.
const maxShown = 256

// shown makes text from outside fit to be read by an administrator: bounded,
// in quotes, with control characters and those that turn lines around escaped
// (M26).
func shown(text string) string {
	beginning := trace.Beginning(text, maxShown)
	if beginning == text {
		return strconv.Quote(text)
	}
	return strconv.Quote(beginning) + "… (" + strconv.Itoa(len(text)) + " bytes)"
}

// shownAll is shown for a list, of which a trace holds only the beginning.
func shownAll(texts []string) string {
	const most = 8
	var all strings.Builder
	for i, text := range texts {
		if i > 0 {
			all.WriteString(", ")
		}
		if i == most {
			all.WriteString("… (" + strconv.Itoa(len(texts)) + " in all)")
			break
		}
		all.WriteString(shown(text))
	}
	return all.String()
}

// suggestible is text that may be suggested for a field of the record as it is,
// or "" when nobody should copy it.
func suggestible(text string) string {
	if len(text) > maxShown {
		return ""
	}
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return ""
		}
	}
	return text
}
