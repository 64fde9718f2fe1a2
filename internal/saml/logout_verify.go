package saml

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"idms/internal/trace"
)

// A provider's messages of single logout (M24). Both kinds take one way: plain
// XML, structure, signature, and then only what the signature covers. A message
// without one is refused by either binding: it would let anybody end anybody's
// session, or believe a logout that did not happen.

// MaxLogout bounds a decoded logout message, in bytes. It holds one identifier
// and a handful of session indexes, so it may be much smaller than a response.
const MaxLogout = 256 << 10

// maxSessionIndexes bounds those of one request.
const maxSessionIndexes = 1000

// LogoutArrival is a logout message as a browser brought it.
type LogoutArrival struct {
	Binding Binding
	Query   string // redirect: the query exactly as received, without "?"
	// POST: the fields as posted, "" for those that were not there exactly once.
	Request, Response, RelayState string
	// At is the address it came to: SP.SLO or one of SP.PreviousSLO. "" means
	// SP.SLO.
	At string
}

// LogoutRequest is a provider's wish to end sessions.
type LogoutRequest struct {
	ID     string
	NameID NameID
	// SessionIndexes are the sessions meant; none means all of that name (SAML
	// core 3.7.3.1).
	SessionIndexes []string
	// Until is when the request can no longer be accepted, skew included: its ID is
	// remembered until then.
	Until time.Time
}

// LogoutResponse is a provider's answer to a request of ours.
type LogoutResponse struct {
	InResponseTo string
	End          LogoutEnd
	Status       string // the codes and the message as they came, fit to be shown to an administrator
}

// LogoutEnd is what became of a logout elsewhere.
type LogoutEnd string

const (
	LogoutUnknown LogoutEnd = ""        // no answer yet
	LogoutDone    LogoutEnd = "done"    // everywhere
	LogoutPartial LogoutEnd = "partial" // at the provider, and not at every service (core 3.7.3.2)
	LogoutFailed  LogoutEnd = "failed"  // the provider says no
)

// LogoutVerification is what a message was found to be.
type LogoutVerification struct {
	Accepted bool
	// Request and Response: one of them is set when the message is accepted. A
	// Request without Accepted is one that is proven and fresh, whose content is not
	// what we can act on: its sender is owed an answer.
	Request    *LogoutRequest
	Response   *LogoutResponse
	RelayState string
	Answers    bool // it came as a LogoutResponse
	Steps      trace.Steps
}

// The steps, in the order in which they are taken.
const (
	logoutMessage check = iota
	logoutXML
	logoutStructure
	logoutSigned
	logoutForm
	logoutSignature
	logoutQuery
	logoutCertificate
	logoutVersion
	logoutIssuer
	logoutDestination
	logoutTime
	logoutStatus
	logoutName
	logoutCount
)

var logoutProtocol = [logoutCount]trace.Step{
	logoutMessage:     {Name: "logout message", Rule: "M02"},
	logoutXML:         {Name: "plain XML", Rule: "M03"},
	logoutStructure:   {Name: "logout structure", Rule: "M24"},
	logoutSigned:      {Name: "logout signed", Rule: "M24"},
	logoutForm:        {Name: "signature form", Rule: "M06"},
	logoutSignature:   {Name: "signature", Rule: "M09"},
	logoutQuery:       {Name: "query signature", Rule: "M24"},
	logoutCertificate: {Name: "certificate dates", Rule: "M09"},
	logoutVersion:     {Name: "version", Rule: "M12"},
	logoutIssuer:      {Name: "issuer", Rule: "M24"},
	logoutDestination: {Name: "destination", Rule: "M24"},
	logoutTime:        {Name: "validity", Rule: "M24"},
	logoutStatus:      {Name: "status", Rule: "M21"},
	logoutName:        {Name: "name id", Rule: "M19"},
}

// logoutRun is one verification.
type logoutRun struct {
	run
	arrival LogoutArrival
	query   *queryMessage // nil by POST
	at      string
	root    *etree.Element // once proven: as it was signed
	parts   logoutParts
	answers bool
	issued  time.Time

	outcome LogoutVerification
}

// VerifyLogout proves a logout message and reads it, or refuses it. It never
// panics, and uses time and memory in proportion to the message. Whether the ID
// of a request is new, and whether an answer is awaited, is the caller's to find
// out.
func (v *Verifier) VerifyLogout(arrival LogoutArrival, now time.Time) (verification LogoutVerification) {
	r := &logoutRun{arrival: arrival, at: arrival.At}
	r.v, r.want, r.ids = v, Expect{Now: now}, idSet{}
	r.steps = append(trace.Steps{}, logoutProtocol[:]...)
	if r.at == "" {
		r.at = v.sp.SLO
	}
	defer func() {
		if cause := recover(); cause != nil { // M05
			r.refuse(min(r.journal.at, logoutCount-1), trace.VerifierFailed, "", shown(fmt.Sprint(cause)), nil)
			verification = LogoutVerification{Answers: r.answers, Steps: r.steps}
		}
	}()
	accepted := r.verify()
	r.outcome.Accepted, r.outcome.Answers, r.outcome.Steps = accepted, r.answers, r.steps
	if !accepted {
		r.outcome.Response = nil
	}
	return r.outcome
}

func (r *logoutRun) verify() bool {
	message, ok := r.read()
	return ok &&
		r.scan(message) &&
		r.checkStructure() &&
		r.prove() &&
		r.checkCertificates(logoutCertificate) &&
		r.checkVersion() &&
		r.checkIssuer() &&
		r.checkDestination() &&
		r.checkTime() &&
		r.understand()
}

// read decodes what came (M01, M02).
func (r *logoutRun) read() ([]byte, bool) {
	const looked = "one SAMLRequest or SAMLResponse"
	if r.arrival.Binding != POST {
		query, bad := readQuery(r.arrival.Query, MaxLogout)
		r.answers = query.answers
		if bad != nil {
			return nil, r.refuse(logoutMessage, bad.code, looked, bad.why, nil)
		}
		r.query, r.outcome.RelayState = &query, query.relayState
		return query.message, r.pass(logoutMessage, looked, strconv.Itoa(len(query.message))+" bytes, by redirect")
	}
	field := r.arrival.Request
	r.answers = r.arrival.Response != ""
	if (field != "") == r.answers {
		return nil, r.refuse(logoutMessage, trace.MessageEncoding, looked, "none, or several", nil)
	}
	if r.answers {
		field = r.arrival.Response
	}
	if len(r.arrival.RelayState) > maxEchoed {
		return nil, r.refuse(logoutMessage, trace.MessageEncoding, looked, "a RelayState of "+strconv.Itoa(len(r.arrival.RelayState))+" bytes", nil)
	}
	r.outcome.RelayState = r.arrival.RelayState
	message, refused := DecodePost(field, MaxLogout)
	if refused != nil {
		return nil, r.refuse(logoutMessage, refused.Code, looked, refused.Found, nil)
	}
	return message, r.pass(logoutMessage, looked, strconv.Itoa(len(message))+" bytes, by POST")
}

func (r *logoutRun) scan(message []byte) bool {
	root, refused := parse(message, r.v.limits.scan(), nil, r.ids)
	if refused.refused() {
		return r.refuse(logoutXML, refused.code, "", refused.String(), nil)
	}
	r.root = root
	return r.pass(logoutXML, "", "")
}

// logoutParts are the direct children of a LogoutRequest or LogoutResponse
// (SAML core 3.7.1, 3.7.2).
type logoutParts struct {
	issuer, signature, status, name *etree.Element
	indexes                         []*etree.Element
}

// tag is the element that was announced.
func (r *logoutRun) tag() string {
	if r.answers {
		return "LogoutResponse"
	}
	return "LogoutRequest"
}

func (r *logoutRun) checkStructure() bool {
	if !is(r.root, protocolNamespace, r.tag()) {
		return r.refuse(logoutStructure, trace.WrongMessage, "a "+r.tag()+" of SAML 2.0", shown(r.root.Tag)+" of "+shown(r.root.NamespaceURI()), nil)
	}
	var why string
	if r.parts, why = readLogout(r.root); why == "" {
		why = misplaced(r.root, r.parts.signature, nil, nil)
	}
	if why == "" && r.answers != (r.parts.status != nil) {
		why = "a Status in a request, or none in a response"
	}
	if why != "" {
		return r.refuse(logoutStructure, trace.ResponseStructure, "the elements of a "+r.tag()+", each in its place", why, nil)
	}
	return r.pass(logoutStructure, "", r.tag())
}

// readLogout sorts the children in the order of the schema. why says what is
// wrong, "" nothing.
func readLogout(element *etree.Element) (parts logoutParts, why string) {
	if hidesID(element) {
		return parts, "an ID attribute under a prefix"
	}
	if strewn(element) {
		return parts, "text between the elements"
	}
	const (
		atStart = iota
		atIssuer
		atSignature
		atExtensions
		atContent
		atIndex
	)
	last := atStart
	for child := range element.ChildElementsSeq() {
		var place int
		switch namespace := child.NamespaceURI(); {
		case namespace == assertionNamespace && child.Tag == "Issuer":
			place, parts.issuer = atIssuer, child
		case is(child, dsig.Namespace, dsig.SignatureTag):
			place, parts.signature = atSignature, child
		case namespace == protocolNamespace && child.Tag == "Extensions":
			place = atExtensions
		case namespace == protocolNamespace && child.Tag == "Status":
			place, parts.status = atContent, child
		case namespace == assertionNamespace && (child.Tag == "NameID" || child.Tag == "EncryptedID" || child.Tag == "BaseID"):
			place, parts.name = atContent, child
		case namespace == protocolNamespace && child.Tag == "SessionIndex":
			place = atIndex
			parts.indexes = append(parts.indexes, child)
		default:
			return parts, "an element that no logout message has"
		}
		if place < last || place == last && place != atIndex {
			return parts, "a second " + child.Tag + ", or one out of its place"
		}
		last = place
	}
	return parts, ""
}

// prove verifies the message's own signature, and that of the query. By redirect
// the query must be signed, by POST the message; a signature that is there must
// verify even where it need not be.
func (r *logoutRun) prove() bool {
	byQuery := r.query != nil
	fix := &trace.Fix{Say: "Let the provider sign logout requests and responses. Some have a switch for it, of its own or for this service."}
	switch {
	case byQuery && r.query.signed == "":
		return r.refuse(logoutSigned, trace.Unsigned, "SigAlg and Signature in the query", "none", fix)
	case !byQuery && r.parts.signature == nil:
		return r.refuse(logoutSigned, trace.Unsigned, "a signed "+r.tag(), "not signed", fix)
	}
	r.pass(logoutSigned, "", "signed")
	if r.parts.signature == nil {
		r.pass(logoutForm, "", "in the query")
		r.pass(logoutSignature, "", "in the query")
	} else {
		proven, _, ok := r.run.prove(r.root, nil, r.parts.signature, logoutForm, logoutSignature)
		if !ok {
			return false
		}
		parts, why := readLogout(proven)
		if why == "" && (!is(proven, protocolNamespace, r.tag()) || parts.signature != nil || r.answers != (parts.status != nil)) {
			why = "another element"
		}
		if why == "" {
			why = misplaced(proven, nil, nil, nil)
		}
		if why != "" {
			return r.refuse(logoutSignature, trace.ResponseStructure, "the "+r.tag()+" as it was signed", why, nil)
		}
		r.root, r.parts = proven, parts
	}
	if !byQuery {
		return r.pass(logoutQuery, "", "by POST")
	}
	return r.checkQuery()
}

// checkQuery verifies the octets as received (SAML bindings 3.4.4.1).
func (r *logoutRun) checkQuery() bool {
	legacy := false
	switch signatureMethods[r.query.algorithm] {
	case goodAlgorithm:
	case legacySHA1:
		if !r.v.settings.LegacySHA1 {
			return r.refuse(logoutQuery, trace.SignatureAlgorithm, "RSA with SHA-256 or more", shown(r.query.algorithm), &trace.Fix{
				Field: "saml.legacy.sha1", Present: "false", Suggested: "true",
				Say: "Set the provider to SHA-256; until it is, the legacy switch lets SHA-1 pass."})
		}
		legacy = true
	default:
		return r.refuse(logoutQuery, trace.SignatureAlgorithm, "RSA with SHA-256 or more", shown(r.query.algorithm), &trace.Fix{
			Say: "Set the provider to RSA-SHA256."})
	}
	key, err := r.v.proveQuery(*r.query)
	switch {
	case errors.Is(err, errUnknownKey):
		known := make([]string, len(r.v.signers))
		for i, signer := range r.v.signers {
			known[i] = signer.fingerprint
		}
		return r.refuse(logoutQuery, trace.UnknownKey, "a signature over the query by "+shownAll(known),
			"no key of the record has made it for this query", &trace.Fix{Field: "saml.certificates",
				Say: "If the provider has a new signing key, import its current metadata or add its certificate. Otherwise something on the way has rewritten the address."})
	case err != nil:
		return r.refuse(logoutQuery, trace.SignatureAlgorithm, "RSA with SHA-256 or more", err.Error(), nil)
	case key.weak:
		return r.refuse(logoutQuery, trace.SignatureAlgorithm, "a key of "+strconv.Itoa(minRSABits)+" bits or more", "a shorter one: "+key.fingerprint, &trace.Fix{
			Field: "saml.certificates", Say: "Let the provider sign with an RSA key of 2048 bits or more, and import its certificate."})
	}
	r.signers = append(r.signers, key)
	if legacy {
		return r.note(logoutQuery, "", "SHA-1, by a legacy switch of the record", &trace.Fix{Say: "Set the provider to SHA-256, then switch the legacy algorithm off."})
	}
	return r.pass(logoutQuery, "", key.fingerprint)
}

func (r *logoutRun) checkVersion() bool {
	version, _ := attribute(r.root, "Version")
	id, _ := attribute(r.root, "ID")
	issued, _ := attribute(r.root, "IssueInstant")
	at, ok := parseInstant(issued)
	switch {
	case version != version2:
		return r.refuse(logoutVersion, trace.Version, version2, shown(version), nil)
	case id == "" || len(id) > r.v.limits.Name:
		return r.refuse(logoutVersion, trace.Version, "an ID", shown(id), nil)
	case issued == "":
		return r.refuse(logoutVersion, trace.Version, "an IssueInstant", "none", nil)
	case !ok:
		return r.refuse(logoutVersion, trace.TimeFormat, "an IssueInstant with a time zone", shown(issued), nil)
	}
	r.issued = at
	return r.pass(logoutVersion, version2, version2)
}

// checkIssuer: the profile wants the Issuer in both messages (4.4.4).
func (r *logoutRun) checkIssuer() bool {
	want := r.v.idp.EntityID
	if r.parts.issuer == nil {
		return r.refuse(logoutIssuer, trace.IssuerMismatch, shown(want), "none", nil)
	}
	issuer, simple := trimmedContent(r.parts.issuer)
	if !simple || issuer != want {
		return r.refuse(logoutIssuer, trace.IssuerMismatch, shown(want), shown(issuer), nil)
	}
	return r.pass(logoutIssuer, want, want)
}

// checkDestination: a signed message says where it goes (bindings 3.4.5.2,
// 3.5.5.2).
func (r *logoutRun) checkDestination() bool {
	fix := &trace.Fix{Say: "At the provider, enter " + r.v.sp.SLO + " as this service's single logout URL, letter for letter."}
	if r.at != r.v.sp.SLO && !slices.Contains(r.v.sp.PreviousSLO, r.at) {
		return r.refuse(logoutDestination, trace.DestinationMismatch, shown(r.v.sp.SLO), "sent to "+shown(r.at), fix)
	}
	destination, has := attribute(r.root, "Destination")
	switch {
	case !has:
		return r.refuse(logoutDestination, trace.DestinationMismatch, shown(r.at), "none", fix)
	case destination != r.at:
		return r.refuse(logoutDestination, trace.DestinationMismatch, shown(r.at), shown(destination), fix)
	}
	return r.pass(logoutDestination, r.at, destination)
}

// checkTime: a message is good for five minutes, or until its own NotOnOrAfter
// if that is sooner, so that its ID need not be remembered for long.
func (r *logoutRun) checkTime() bool {
	now, skew := r.want.Now, r.v.settings.ClockSkew
	r.result.IssueInstant = r.issued
	valid := window{r.issued, r.issued.Add(LogoutMessageFor)}
	if ends, has := attribute(r.root, "NotOnOrAfter"); has && !r.answers {
		at, ok := parseInstant(ends)
		if !ok {
			return r.refuse(logoutTime, trace.TimeFormat, "a NotOnOrAfter with a time zone", shown(ends), nil)
		}
		if at.Before(valid.notOnOrAfter) {
			valid.notOnOrAfter = at
		}
	}
	switch {
	case valid.early(now, skew):
		return r.refuse(logoutTime, trace.TooEarly, "an IssueInstant in the past", clocks(now, valid.notBefore, skew), r.fixClock(valid.notBefore))
	case valid.late(now, skew):
		return r.refuse(logoutTime, trace.TooLate, "an IssueInstant of the last "+LogoutMessageFor.String(), clocks(now, valid.notOnOrAfter, skew), r.fixClock(valid.notOnOrAfter))
	}
	if !r.answers {
		id, _ := attribute(r.root, "ID")
		// The skew may be widened while the ID is remembered.
		r.outcome.Request = &LogoutRequest{ID: id, Until: valid.notOnOrAfter.Add(MaxClockSkew)}
	}
	return r.pass(logoutTime, "", moment(r.issued))
}

// understand reads what a proven message says.
func (r *logoutRun) understand() bool {
	if r.answers {
		return r.readStatus() && r.pass(logoutName, "", "an answer has none")
	}
	return r.pass(logoutStatus, "", "a request has none") && r.readName()
}

// readStatus: an answer that says no is an answer. The second level says whether
// the provider reached everybody (SAML core 3.7.3.2).
func (r *logoutRun) readStatus() bool {
	top, several := only(r.parts.status, protocolNamespace, "StatusCode")
	if top == nil || several {
		return r.refuse(logoutStatus, trace.ResponseStructure, "one StatusCode", "none, or several", nil)
	}
	code, _ := attribute(top, "Value")
	response := LogoutResponse{End: LogoutFailed, Status: shown(code)}
	response.InResponseTo, _ = attribute(r.root, "InResponseTo")
	explained := code
	if code == statusSuccess {
		response.End = LogoutDone
	}
	if second, _ := only(top, protocolNamespace, "StatusCode"); second != nil {
		explained, _ = attribute(second, "Value")
		response.Status += ", " + shown(explained)
		if explained == statusPrefix+"PartialLogout" {
			response.End = LogoutPartial
		}
	}
	if message, _ := only(r.parts.status, protocolNamespace, "StatusMessage"); message != nil {
		if text, simple := trimmedContent(message); simple && text != "" {
			response.Status += ": " + shown(text)
		}
	}
	r.outcome.Response = &response
	if response.End == LogoutDone {
		return r.pass(logoutStatus, "Success", "Success")
	}
	fix := &trace.Fix{Say: "The provider's log says more about this code."}
	if meaning, known := statusMeanings[strings.TrimPrefix(explained, statusPrefix)]; known {
		fix.Say = meaning.say
	}
	return r.note(logoutStatus, "Success", response.Status, fix)
}

// readName reads who is to be logged out, and of which sessions (M19, M11).
func (r *logoutRun) readName() bool {
	const looked = "one NameID"
	name := r.parts.name
	if name != nil && name.Tag == "EncryptedID" {
		var bad *malformed
		if name, bad = r.open(name, "NameID"); bad != nil {
			return r.refuse(logoutName, bad.code, "a NameID that can be decrypted", bad.why, bad.fix)
		}
	}
	if name == nil || name.Tag != "NameID" {
		return r.refuse(logoutName, trace.NameID, looked, "none", nil)
	}
	text, simple := content(name)
	id := NameID{Value: strings.TrimFunc(text, unicode.IsSpace)}
	id.Format, _ = attribute(name, "Format")
	id.NameQualifier, _ = attribute(name, "NameQualifier")
	id.SPNameQualifier, _ = attribute(name, "SPNameQualifier")
	switch {
	case !simple || id.Value == "":
		return r.refuse(logoutName, trace.NameID, "a NameID with text", "one without, or with markup", nil)
	case max(len(id.Value), len(id.Format), len(id.NameQualifier)) > r.v.limits.Name:
		return r.refuse(logoutName, trace.NameID, "a NameID of at most "+strconv.Itoa(r.v.limits.Name)+" bytes", shown(id.Value), nil)
	case id.SPNameQualifier != "" && id.SPNameQualifier != r.v.sp.EntityID && id.SPNameQualifier != r.v.sp.Audience:
		return r.refuse(logoutName, trace.NameID, "an SPNameQualifier that is "+shown(r.v.sp.EntityID), shown(id.SPNameQualifier), nil)
	case len(r.parts.indexes) > maxSessionIndexes:
		return r.refuse(logoutName, trace.NameID, "at most "+strconv.Itoa(maxSessionIndexes)+" session indexes", strconv.Itoa(len(r.parts.indexes)), nil)
	}
	request := r.outcome.Request
	for _, element := range r.parts.indexes {
		index, simple := trimmedContent(element)
		if !simple || index == "" || len(index) > r.v.limits.Name {
			// Left out, it might be the only one, and then all sessions would end.
			return r.refuse(logoutName, trace.NameID, "session indexes with text", shown(index), nil)
		}
		request.SessionIndexes = append(request.SessionIndexes, index)
	}
	request.NameID = id
	return r.pass(logoutName, looked, id.Format)
}

// Same says whether two identifiers name the same person at this provider (M24):
// the value and the format byte for byte, and qualifiers that say no more than
// what is implied when they are missing (SAML core 8.3.7: the provider's own name
// and ours). A format that is missing is "unspecified" (8.3.1).
func (v *Verifier) Same(a, b NameID) bool { return v.implied(a) == v.implied(b) }

func (v *Verifier) implied(id NameID) NameID {
	if id.Format == "" {
		id.Format = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
	}
	if id.NameQualifier == v.idp.EntityID {
		id.NameQualifier = ""
	}
	if id.SPNameQualifier == v.sp.EntityID || id.SPNameQualifier == v.sp.Audience {
		id.SPNameQualifier = ""
	}
	return id
}

// Means says whether a request is about a session with this index.
func (r LogoutRequest) Means(sessionIndex string) bool {
	return len(r.SessionIndexes) == 0 || slices.Contains(r.SessionIndexes, sessionIndex)
}
