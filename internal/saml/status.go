package saml

import (
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"idms/internal/trace"
)

const (
	statusPrefix  = "urn:oasis:names:tc:SAML:2.0:status:"
	statusSuccess = statusPrefix + "Success"
)

// statusMeanings explain the status codes of SAML core 3.2.2.2 to somebody who
// can change the record. Field is what to change here; "" when the cause is at
// the provider.
var statusMeanings = map[string]struct{ field, say, there, value string }{
	"Requester":                {"", "The provider calls our request wrong: compare its settings for this service with the SP metadata of the record.", settingIdentifier, identifierHere},
	"Responder":                {"", "The provider failed by itself: its log says why.", "", ""},
	"VersionMismatch":          {"", "The provider does not speak SAML 2.0 at this address.", "", ""},
	"AuthnFailed":              {"", "The provider could not authenticate the person: a wrong password, a cancelled login, or a policy of its own.", settingAssigned, "the person, under every policy that applies to them"},
	"InvalidAttrNameOrValue":   {"", "The provider does not know an attribute that was asked for.", "", ""},
	"InvalidNameIDPolicy":      {"saml.name_id_format", "The provider cannot give the NameID format that the record asks for: choose one it lists in its metadata, or ask for none.", settingNameID, ""},
	"NoAuthnContext":           {"saml.request_auth_contexts", "The provider cannot authenticate as strongly as the record asks: change the allowed auth contexts, or do not ask for them in the request.", "", ""},
	"NoAvailableIDP":           {"", "No provider behind the provider could be reached.", "", ""},
	"NoPassive":                {"", "The provider would have had to show a page, and was told not to. This service never asks for that: look for a policy there that forbids a prompt.", "passive or silent sign-on", "off"},
	"NoSupportedIDP":           {"", "The provider supports none of the providers behind it that were asked for.", "", ""},
	"PartialLogout":            {"", "The provider could not end every session.", "", ""},
	"ProxyCountExceeded":       {"", "The provider would have to ask another one, and may not.", "", ""},
	"RequestDenied":            {"", "The provider does not want to answer: often the person is not assigned to this application there. Assign them, or a group of theirs.", settingAssigned, "the person, or a group of theirs"},
	"RequestUnsupported":       {"", "The provider does not support this request: often the binding, or ForceAuthn.", "", ""},
	"RequestVersionDeprecated": {"", "The provider does not speak SAML 2.0 at this address.", "", ""},
	"RequestVersionTooHigh":    {"", "The provider does not speak SAML 2.0 at this address.", "", ""},
	"RequestVersionTooLow":     {"", "The provider does not speak SAML 2.0 at this address.", "", ""},
	"ResourceNotRecognized":    {"", "The provider does not know what was asked for.", "", ""},
	"TooManyResponses":         {"", "The provider would have had to send several answers.", "", ""},
	"UnknownAttrProfile":       {"", "The provider does not know the attribute profile.", "", ""},
	"UnknownPrincipal":         {"", "The provider does not know the person.", settingAssigned, "the person"},
	"UnsupportedBinding":       {"saml.request_binding", "The provider does not support the binding: try the other request binding, and let it answer by HTTP-POST.", settingBinding, "HTTP-POST"},
}

// identifierHere stands for this service's own entity ID.
const identifierHere = "\x00"

func (r *run) fill(there *trace.Setting) *trace.Setting {
	if there != nil && there.Value == identifierHere {
		there.Value = r.v.sp.EntityID
	}
	return there
}

// otherFormat is the first NameID format that the provider's metadata lists and
// the record does not ask for, or "".
func otherFormat(listed []string, asked string) string {
	for _, format := range listed {
		if format != asked {
			return suggestible(format)
		}
	}
	return ""
}

// checkStatus is first of all that is read (M21): a provider that answers with
// an error sends no assertion, and often no signature. Only the top level
// decides; what is below it explains.
func (r *run) checkStatus(status *etree.Element) bool {
	top, several := only(status, protocolNamespace, "StatusCode")
	if top == nil || several {
		return r.refuse(checkStatus, trace.ResponseStructure, "one StatusCode", "none, or several", nil)
	}
	code, _ := attribute(top, "Value")
	if code == statusSuccess {
		return r.pass(checkStatus, "Success", "Success")
	}
	explained, found := code, shown(code)
	second, _ := only(top, protocolNamespace, "StatusCode")
	if second != nil {
		below, _ := attribute(second, "Value")
		found += ", " + shown(below)
		if strings.HasPrefix(below, statusPrefix) {
			explained = below
		}
	}
	if message, _ := only(status, protocolNamespace, "StatusMessage"); message != nil {
		if text, simple := trimmedContent(message); simple && text != "" {
			found += ": " + shown(text)
		}
	}
	fix := &trace.Fix{Say: "The provider's log says more about this code."}
	if meaning, known := statusMeanings[strings.TrimPrefix(explained, statusPrefix)]; known {
		fix.Field, fix.Say = meaning.field, meaning.say
		switch meaning.field {
		case "saml.name_id_format":
			fix.Present = r.v.settings.NameIDFormat
			fix.Suggested = otherFormat(r.v.idp.NameIDFormats, fix.Present)
		case "saml.request_binding":
			fix.Present, fix.Suggested = string(r.v.settings.RequestBinding), string(POST)
			if r.v.settings.RequestBinding == POST {
				fix.Suggested = string(Redirect)
			}
		case "saml.request_auth_contexts":
			if fix.Present = strconv.FormatBool(r.v.settings.RequestContexts); r.v.settings.RequestContexts {
				fix.Suggested = "false"
			}
		}
		if meaning.there != "" {
			fix.There = &trace.Setting{Name: meaning.there, Value: meaning.value}
		}
		fix.There = r.fill(fix.There)
		if explained == statusPrefix+"Requester" && r.v.idp.WantRequestsSigned && !r.v.settings.SignRequests {
			fix.Field, fix.Present, fix.Suggested = "saml.sign_requests", "false", "true"
			fix.Say = "The provider's metadata wants signed requests, and the record does not sign them: switch signing on."
		}
	}
	return r.refuse(checkStatus, trace.IdPStatus, shown(statusSuccess), found, fix)
}
