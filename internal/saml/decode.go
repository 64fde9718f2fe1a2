package saml

import (
	"encoding/base64"
	"strconv"

	"idms/internal/trace"
)

// DecodePost turns the SAMLResponse field of a posted form into a message of at
// most limit bytes (M01, M02): base64 with the standard alphabet and padding,
// line breaks allowed, nothing else. Nothing is ever inflated: only the redirect
// binding compresses (SAML bindings 3.4.4.1). What cannot be decoded is refused
// by the step that comes back instead.
func DecodePost(field string, limit int) ([]byte, *trace.Step) {
	const name = "SAMLResponse field"
	if field == "" {
		return nil, &trace.Step{Name: name, Rule: "M02", State: trace.Refused, Code: trace.MessageEncoding,
			Looked: "base64", Found: "an empty field", Fix: fixField("")}
	}
	// Line breaks make a field longer, by at most a quarter: lines of eight
	// characters.
	if len(field) > base64.StdEncoding.EncodedLen(limit)/4*5 {
		return nil, tooLarge(name, limit, "a field of "+strconv.Itoa(len(field))+" bytes")
	}
	message, err := base64.StdEncoding.Strict().DecodeString(field)
	if err != nil {
		found := err.Error()
		for i := range len(field) {
			if field[i] == '-' || field[i] == '_' {
				found = "the URL-safe alphabet of base64, which SAML does not use"
				break
			}
		}
		return nil, &trace.Step{Name: name, Rule: "M02", State: trace.Refused, Code: trace.MessageEncoding,
			Looked: "base64", Found: found, Fix: fixField(field)}
	}
	if len(message) > limit {
		return nil, tooLarge(name, limit, strconv.Itoa(len(message))+" bytes")
	}
	return message, nil
}

func tooLarge(name string, limit int, found string) *trace.Step {
	return &trace.Step{Name: name, Rule: "M01", State: trace.Refused, Code: trace.MessageTooLarge,
		Looked: "at most " + strconv.Itoa(limit) + " bytes", Found: found, Fix: fixSize()}
}
