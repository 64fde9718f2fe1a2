package saml

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/beevik/etree"

	"idms/internal/trace"
)

// What an assertion means, and for whom (M12 to M19). Everything read here is
// proven, but for the Response around an assertion that alone is signed: of
// that, what is there must agree, and nothing is believed because of it.

const (
	version2     = "2.0"
	methodBearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
)

// checkVersion is M12 but for the issuers.
func (r *run) checkVersion() bool {
	for _, element := range [...]*etree.Element{r.response.element, r.assertion.element} {
		version, _ := attribute(element, "Version")
		id, _ := attribute(element, "ID")
		issued, _ := attribute(element, "IssueInstant")
		at, ok := parseInstant(issued)
		switch {
		case version != version2:
			return r.refuse(checkVersion, trace.Version, version2, element.Tag+" with Version "+shown(version), nil)
		case id == "" || len(id) > r.v.limits.Name:
			return r.refuse(checkVersion, trace.Version, "an ID", element.Tag+" with ID "+shown(id), nil)
		case issued == "":
			return r.refuse(checkVersion, trace.Version, "an IssueInstant", element.Tag+" without one", nil)
		case !ok:
			return r.refuse(checkVersion, trace.TimeFormat, "an IssueInstant with a time zone", element.Tag+" with "+shown(issued), nil)
		}
		if element == r.assertion.element {
			r.result.ID, r.result.IssueInstant = id, at
		}
	}
	return r.pass(checkVersion, version2, version2)
}

// checkIssuer: the assertion names the record's provider; so does the Response
// when it says so, and it has to when it is signed or carries an encrypted
// assertion (profiles 4.1.4.2, errata E17).
func (r *run) checkIssuer() bool {
	want := r.v.idp.EntityID
	if r.assertion.issuer == nil {
		return r.refuse(checkIssuer, trace.IssuerMismatch, shown(want), "an assertion without Issuer", nil)
	}
	issuer, simple := trimmedContent(r.assertion.issuer)
	r.result.Issuer = issuer
	if !simple || issuer != want {
		return r.refuse(checkIssuer, trace.IssuerMismatch, shown(want), shown(issuer), r.fixIssuer(issuer))
	}
	if r.response.issuer == nil {
		if r.responseProven || r.result.Encrypted {
			return r.refuse(checkIssuer, trace.IssuerMismatch, shown(want),
				"a Response without Issuer, although it is signed or its assertion encrypted", nil)
		}
	} else if outer, simple := trimmedContent(r.response.issuer); !simple || outer != want {
		return r.refuse(checkIssuer, trace.IssuerMismatch, shown(want), "a Response with Issuer "+shown(outer), &trace.Fix{
			Say:   difference(outer, want) + "The Response and the assertion in it name different issuers: let the provider write one and the same.",
			There: &trace.Setting{Name: "issuer (entity ID of the provider)", Value: want},
		})
	}
	return r.pass(checkIssuer, want, want)
}

// checkDestination: a Response that says where it goes goes here; a signed one
// has to say it (bindings 3.5.5.2).
func (r *run) checkDestination() bool {
	destination, has := attribute(r.response.element, "Destination")
	switch {
	case r.acs != r.v.sp.ACS && !slices.Contains(r.v.sp.PreviousACS, r.acs):
		return r.refuse(checkDestination, trace.DestinationMismatch, shown(r.v.sp.ACS), "posted to "+shown(r.acs), r.fixPlace())
	case !has && !r.responseProven:
		return r.pass(checkDestination, r.acs, "none, which only a signed response must have")
	case !has:
		return r.refuse(checkDestination, trace.DestinationMismatch, shown(r.acs), "a signed Response without Destination", r.enterACS(""))
	case destination != r.acs:
		return r.refuse(checkDestination, trace.DestinationMismatch, shown(r.acs), shown(destination), r.enterACS(destination))
	}
	return r.pass(checkDestination, r.acs, destination)
}

// confirmation is how far one SubjectConfirmation came.
type confirmation struct {
	failed        check // checkCount: nothing failed
	code          trace.Code
	looked, found string
	fix           *trace.Fix

	request *Request // nil: unsolicited
	window  window
	until   string // NotOnOrAfter as it came
}

// checkConfirmation: one single bearer confirmation passes all its checks (M13,
// M14, M15); what others say adds nothing to it. Of several that fail, the
// trace shows the one that came furthest.
func (r *run) checkConfirmation() bool {
	if r.assertion.subject == nil {
		return r.refuse(checkConfirmation, trace.SubjectConfirmation, "a bearer confirmation", "an assertion without Subject", fixProfile("Subject"))
	}
	best := confirmation{failed: checkConfirmation, code: trace.SubjectConfirmation,
		looked: "a bearer confirmation", found: "none", fix: fixProfile("bearer confirmation")}
	var others []string
	for child := range r.assertion.subject.ChildElementsSeq() {
		if !is(child, assertionNamespace, "SubjectConfirmation") {
			continue
		}
		if method, _ := attribute(child, "Method"); method != methodBearer {
			others = append(others, method)
			continue
		}
		this := r.confirm(child)
		// The assertion is good for as long as its most patient confirmation.
		if this.window.notOnOrAfter.After(r.bearerUntil) {
			r.bearerUntil = this.window.notOnOrAfter
		}
		if this.failed > best.failed || best.found == "none" {
			best = this
		}
	}
	if best.found == "none" && len(others) > 0 {
		best.found = "others alone: " + shownAll(others)
	}
	for c := checkConfirmation; c < best.failed && c <= checkRequest; c++ {
		r.pass(c, "", "")
	}
	if best.failed != checkCount {
		return r.refuse(best.failed, best.code, best.looked, best.found, best.fix)
	}
	r.pass(checkRecipient, r.acs, r.acs)
	r.pass(checkConfirmationTime, "", "until "+best.until)
	r.request = best.request
	if r.request == nil {
		return r.pass(checkRequest, "", "unsolicited, which the record allows")
	}
	r.result.InResponseTo = r.request.ID
	return r.pass(checkRequest, r.request.ID, r.request.ID)
}

func (r *run) confirm(element *etree.Element) (c confirmation) {
	data, several := only(element, assertionNamespace, "SubjectConfirmationData")
	if data == nil || several {
		return confirmation{failed: checkConfirmation, code: trace.SubjectConfirmation,
			looked: "one SubjectConfirmationData", found: "none, or several"}
	}
	fail := func(failed check, code trace.Code, looked, found string, fix *trace.Fix) confirmation {
		c.failed, c.code, c.looked, c.found, c.fix = failed, code, looked, found, fix
		return c
	}

	// The window is read first and judged later: replay needs to know it (M17).
	begins, hasBegin := attribute(data, "NotBefore")
	ends, hasEnd := attribute(data, "NotOnOrAfter")
	var beginOK, endOK bool
	c.window.notBefore, beginOK = parseInstant(begins)
	c.window.notOnOrAfter, endOK = parseInstant(ends)
	c.until = ends

	if recipient, _ := attribute(data, "Recipient"); recipient != r.acs {
		return fail(checkRecipient, trace.RecipientMismatch, shown(r.acs), shown(recipient), r.enterACS(recipient))
	}
	now, skew := r.want.Now, r.v.settings.ClockSkew
	switch {
	case !hasEnd:
		return fail(checkConfirmationTime, trace.SubjectConfirmation, "NotOnOrAfter", "none", nil)
	case !endOK || hasBegin && !beginOK:
		return fail(checkConfirmationTime, trace.TimeFormat, "instants with a time zone", shown(begins)+", "+shown(ends), nil)
	case c.window.early(now, skew): // the profile forbids NotBefore here; in the past it does no harm
		return fail(checkConfirmationTime, trace.TooEarly, "NotBefore in the past", clocks(now, c.window.notBefore, skew), r.fixClock(c.window.notBefore))
	case c.window.late(now, skew):
		return fail(checkConfirmationTime, trace.TooLate, "NotOnOrAfter in the future", clocks(now, c.window.notOnOrAfter, skew), r.fixClock(c.window.notOnOrAfter))
	}
	inner, hasInner := attribute(data, "InResponseTo")
	outer, hasOuter := attribute(r.response.element, "InResponseTo")
	if !hasInner && !hasOuter {
		switch {
		case r.v.settings.ForceAuthn: // S54
			return fail(checkRequest, trace.Unsolicited, "the answer to a request", "no InResponseTo", &trace.Fix{
				Field: "saml.force_authn", Present: "true", Suggested: "false",
				Say: "With ForceAuthn every login begins here: begin at " + r.v.sp.LoginURL + ", or switch ForceAuthn off.",
			})
		case !r.v.settings.AllowUnsolicited:
			return fail(checkRequest, trace.Unsolicited, "the answer to a request", "no InResponseTo", &trace.Fix{
				Field: "saml.allow_unsolicited", Present: "false", Suggested: "true",
				Say: "If people start at the provider's portal, allow unsolicited responses; otherwise begin at " + r.v.sp.LoginURL + ".",
			})
		}
		c.failed = checkCount
		return c
	}
	for i := range r.want.Requests {
		if request := &r.want.Requests[i]; request.ID != "" && hasInner && inner == request.ID && (!hasOuter || outer == inner) {
			c.request, c.failed = request, checkCount
			return c
		}
	}
	looked := "a request of this browser"
	if len(r.want.Requests) > 0 {
		waiting := make([]string, len(r.want.Requests))
		for i, request := range r.want.Requests {
			waiting[i] = request.ID
		}
		looked += ": " + shownAll(waiting)
	}
	found := "confirmation " + shown(inner)
	say := "The browser waits for another answer, as it does when an old tab or the back button is used: begin again at " + r.v.sp.LoginURL + "."
	if !hasInner {
		say = "The confirmation has to repeat InResponseTo (profiles 4.1.4.2). " + say
		found = "confirmation without InResponseTo"
	}
	if hasOuter {
		found += ", Response " + shown(outer)
	}
	return fail(checkRequest, trace.RequestMismatch, looked, found, &trace.Fix{Say: say})
}

// checkConditions: exactly one Conditions, none in it that we do not know (SAML
// core 2.5.1), its window open, every audience restriction naming us.
func (r *run) checkConditions() bool {
	if len(r.assertion.conditions) != 1 {
		return r.refuse(checkConditions, trace.Conditions, "one Conditions", "none, or several", fixProfile("Conditions"))
	}
	conditions := r.assertion.conditions[0]
	var restrictions []*etree.Element
	for child := range conditions.ChildElementsSeq() {
		if child.NamespaceURI() == assertionNamespace {
			switch child.Tag {
			case "AudienceRestriction":
				restrictions = append(restrictions, child)
				continue
			case "OneTimeUse", "ProxyRestriction": // every assertion is used once, none is passed on
				continue
			}
		}
		return r.refuse(checkConditions, trace.Conditions, "conditions that we know", shown(child.Tag), nil)
	}
	r.pass(checkConditions, "", "")
	return r.checkValidity(conditions) && r.checkAudience(restrictions)
}

func (r *run) checkValidity(conditions *etree.Element) bool {
	begins, hasBegin := attribute(conditions, "NotBefore")
	ends, hasEnd := attribute(conditions, "NotOnOrAfter")
	var valid window
	var beginOK, endOK bool
	valid.notBefore, beginOK = parseInstant(begins)
	valid.notOnOrAfter, endOK = parseInstant(ends)
	now, skew := r.want.Now, r.v.settings.ClockSkew
	switch {
	case hasBegin && !beginOK || hasEnd && !endOK:
		return r.refuse(checkValidity, trace.TimeFormat, "instants with a time zone", shown(begins)+", "+shown(ends), nil)
	case valid.early(now, skew):
		return r.refuse(checkValidity, trace.TooEarly, "NotBefore in the past", clocks(now, valid.notBefore, skew), r.fixClock(valid.notBefore))
	case valid.late(now, skew):
		return r.refuse(checkValidity, trace.TooLate, "NotOnOrAfter in the future", clocks(now, valid.notOnOrAfter, skew), r.fixClock(valid.notOnOrAfter))
	}
	// M17: the skew may be widened while the ID is remembered.
	until := r.bearerUntil
	if !valid.notOnOrAfter.IsZero() && valid.notOnOrAfter.Before(until) {
		until = valid.notOnOrAfter
	}
	r.result.Until = until.Add(MaxClockSkew)
	return r.pass(checkValidity, "", "from "+begins+" until "+ends)
}

// checkAudience: at least one AudienceRestriction, and we are in each of them
// (SAML core 2.5.1.4).
func (r *run) checkAudience(restrictions []*etree.Element) bool {
	want := r.v.sp.Audience
	if len(restrictions) == 0 {
		return r.refuse(checkAudience, trace.AudienceMissing, shown(want), "no AudienceRestriction", r.enterIdentifier())
	}
	for _, restriction := range restrictions {
		var came []string
		for child := range restriction.ChildElementsSeq() {
			if is(child, assertionNamespace, "Audience") {
				if audience, simple := trimmedContent(child); simple {
					came = append(came, audience)
				}
			}
		}
		if !slices.Contains(came, want) {
			return r.refuse(checkAudience, trace.AudienceMismatch, shown(want), shownAll(came), r.fixAudience(came))
		}
	}
	return r.pass(checkAudience, want, want)
}

// checkAuthentication: one AuthnStatement says when, and until when, and how the
// person authenticated (M16, M18). Of two we would have to choose one.
func (r *run) checkAuthentication() bool {
	if len(r.assertion.authn) != 1 {
		return r.refuse(checkAuthentication, trace.AuthnStatement, "one AuthnStatement", "none, or several", fixProfile("AuthnStatement"))
	}
	statement := r.assertion.authn[0]
	instant, has := attribute(statement, "AuthnInstant")
	at, ok := parseInstant(instant)
	now, skew := r.want.Now, r.v.settings.ClockSkew
	switch {
	case !has:
		return r.refuse(checkAuthentication, trace.AuthnStatement, "an AuthnInstant", "none", nil)
	case !ok:
		return r.refuse(checkAuthentication, trace.TimeFormat, "an AuthnInstant with a time zone", shown(instant), nil)
	case at.After(now.Add(skew)):
		return r.refuse(checkAuthentication, trace.AuthnInFuture, "AuthnInstant in the past", clocks(now, at, skew), r.fixClock(at))
	}
	r.result.AuthnInstant = at
	r.result.SessionIndex, _ = attribute(statement, "SessionIndex")
	if len(r.result.SessionIndex) > r.v.limits.Name {
		return r.refuse(checkAuthentication, trace.AuthnStatement, "a SessionIndex of at most "+strconv.Itoa(r.v.limits.Name)+" bytes", shown(r.result.SessionIndex), nil)
	}
	r.pass(checkAuthentication, "", instant)
	return r.checkFreshness(at) && r.checkSession(statement) && r.checkContext(statement)
}

// checkFreshness: who was asked to authenticate anew has done so since (S54).
// SimpleSAMLphp, pysaml2 and others tell whole seconds: the second of the request
// is soon enough, or whoever types fast would be refused.
func (r *run) checkFreshness(at time.Time) bool {
	if r.request == nil || !r.request.ForceAuthn && !r.v.settings.ForceAuthn {
		return r.pass(checkFreshness, "", "not asked for")
	}
	skew := r.v.settings.ClockSkew
	if at.Before(r.request.Issued.Truncate(time.Second).Add(-skew)) {
		return r.refuse(checkFreshness, trace.AuthnTooOld, "AuthnInstant after the request of "+moment(r.request.Issued),
			moment(at)+", with a skew of "+skew.String()+" allowed", &trace.Fix{
				Field: "saml.force_authn", Present: "true", Suggested: "false",
				Say: "The provider answered from an old session: let it honour ForceAuthn, or switch ForceAuthn off.",
			})
	}
	return r.pass(checkFreshness, "", "after the request")
}

// checkSession: the provider's session, which caps ours, has not ended.
func (r *run) checkSession(statement *etree.Element) bool {
	ends, has := attribute(statement, "SessionNotOnOrAfter")
	if !has {
		return r.pass(checkSession, "", "no end named")
	}
	at, ok := parseInstant(ends)
	now, skew := r.want.Now, r.v.settings.ClockSkew
	switch {
	case !ok:
		return r.refuse(checkSession, trace.TimeFormat, "a SessionNotOnOrAfter with a time zone", shown(ends), nil)
	case window{notOnOrAfter: at}.late(now, skew):
		return r.refuse(checkSession, trace.SessionOver, "SessionNotOnOrAfter in the future", clocks(now, at, skew), r.fixClock(at))
	}
	r.result.SessionUntil = at
	return r.pass(checkSession, "", ends)
}

// checkContext reads the context from the verified assertion, and from nowhere
// else (M18). Whether it is good enough is not the protocol's to say (S20).
func (r *run) checkContext(statement *etree.Element) bool {
	const looked = "at most one AuthnContextClassRef"
	contexts, several := only(statement, assertionNamespace, "AuthnContext")
	if contexts == nil || several { // the schema wants it, though nothing need be in it that we read
		return r.refuse(checkContext, trace.AuthnStatement, "one AuthnContext", "none, or several", nil)
	}
	class, several := only(contexts, assertionNamespace, "AuthnContextClassRef")
	if several {
		return r.refuse(checkContext, trace.AuthnStatement, looked, "several", nil)
	}
	if class == nil {
		return r.pass(checkContext, looked, "none")
	}
	context, simple := trimmedContent(class)
	if !simple || len(context) > r.v.limits.Name {
		return r.refuse(checkContext, trace.AuthnStatement, looked, "one with markup, or of more than "+strconv.Itoa(r.v.limits.Name)+" bytes", nil)
	}
	r.result.AuthnContext = context
	return r.pass(checkContext, looked, context)
}

// checkNameID reads the subject's identifier (M19).
func (r *run) checkNameID() bool {
	const looked = "one NameID"
	var name *etree.Element
	if r.assertion.subject == nil { // only in an examination, which has refused that already
		return r.refuse(checkNameID, trace.NameID, looked, "no Subject", nil)
	}
	for child := range r.assertion.subject.ChildElementsSeq() {
		if child.NamespaceURI() != assertionNamespace {
			continue
		}
		switch child.Tag {
		case "NameID", "EncryptedID":
			if name != nil {
				return r.refuse(checkNameID, trace.NameID, looked, "several", nil)
			}
			name = child
		case "BaseID":
			return r.refuse(checkNameID, trace.NameID, looked, "a BaseID", nil)
		}
	}
	if name != nil && name.Tag == "EncryptedID" {
		var bad *malformed
		if name, bad = r.open(name, "NameID"); bad != nil {
			return r.refuse(checkNameID, bad.code, "a NameID that can be decrypted", bad.why, bad.fix)
		}
	}
	if name == nil {
		return r.refuse(checkNameID, trace.NameID, looked, "none", r.fixNameID())
	}
	text, simple := content(name)
	id := NameID{Value: strings.TrimFunc(text, unicode.IsSpace)}
	id.Format, _ = attribute(name, "Format")
	id.NameQualifier, _ = attribute(name, "NameQualifier")
	id.SPNameQualifier, _ = attribute(name, "SPNameQualifier")
	switch {
	case !simple:
		return r.refuse(checkNameID, trace.NameID, looked, "a NameID with markup", nil)
	case max(len(id.Value), len(id.Format), len(id.NameQualifier)) > r.v.limits.Name:
		return r.refuse(checkNameID, trace.NameID, "a NameID of at most "+strconv.Itoa(r.v.limits.Name)+" bytes", shown(id.Value), nil)
	case id.Value == "":
		return r.refuse(checkNameID, trace.NameID, "a NameID with text", "an empty one", r.fixNameID())
	case id.SPNameQualifier != "" && id.SPNameQualifier != r.v.sp.EntityID && id.SPNameQualifier != r.v.sp.Audience:
		return r.refuse(checkNameID, trace.NameID, "an SPNameQualifier that is "+shown(r.v.sp.EntityID), shown(id.SPNameQualifier), &trace.Fix{
			Say:   difference(id.SPNameQualifier, r.v.sp.EntityID) + "The identifier was made for another service: at the provider, enter " + r.v.sp.EntityID + " as entity ID of this one.",
			There: &trace.Setting{Name: settingIdentifier, Value: r.v.sp.EntityID},
		})
	}
	r.result.NameID = id
	return r.pass(checkNameID, looked, id.Format)
}
