package saml

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"idms/internal/fault"
)

// endsSoon is how long before its end a certificate is worth a sentence: long
// enough for a change that needs two companies.
const endsSoon = 30 * 24 * time.Hour

// Warnings are what settings without problems should make an administrator
// think about at the instant now, each at its field. None of them refuses
// anything by itself.
//
// validUntil of metadata is among them, and does not end logins: an
// administrator vouched for the metadata by pasting it, and nobody should be
// locked out overnight by a date in a file. Certificate dates likewise (M09),
// unless the record says otherwise.
func (s Settings) Warnings(now time.Time) fault.Problems {
	var warnings fault.Problems
	idp, notes, _ := s.provider()
	for _, note := range notes {
		warnings.Add("metadata", "%s", note)
	}
	if until := idp.ValidUntil; !until.IsZero() && !now.Before(until) {
		warnings.Add("metadata", "The metadata was valid until %s. Logins go on; paste newer metadata, in case the provider changed a key.", instant(until))
	}
	for _, certificate := range idp.Certificates {
		s.warnOfDates(&warnings, s.fieldOf(certificate), certificate, now)
	}
	if strings.HasPrefix(s.MetadataURL, "http://") {
		warnings.Add("metadata_url", "The metadata travels unprotected, so certificates that are new in it wait for approval unless it is signed. Use an address that begins with https://.")
	}
	s.warnOfLegacy(&warnings)
	s.warnOfKeeping(&warnings, now)
	s.warnOfRequests(&warnings, idp)
	if s.RelayState != "" && !s.AllowUnsolicited {
		warnings.Add("relay_state", "The value is looked at only in logins that the provider starts, and those are refused. Allow unsolicited responses to use it.")
	}
	return warnings
}

// fieldOf is where an administrator entered a certificate.
func (s Settings) fieldOf(certificate *x509.Certificate) string {
	for i, text := range s.Certificates {
		parsed, err := ParseCertificates(text)
		if err == nil && slices.ContainsFunc(parsed, certificate.Equal) {
			return fmt.Sprintf("certificates[%d]", i)
		}
	}
	return "metadata"
}

func (s Settings) warnOfDates(warnings *fault.Problems, field string, certificate *x509.Certificate, now time.Time) {
	name := shown(certificate.Subject.String())
	consequence := "Logins go on (certificate dates are not enforced)."
	if s.RefuseExpiredCertificates {
		consequence = "Logins signed with it are refused."
	}
	switch {
	case now.Before(certificate.NotBefore):
		warnings.Add(field, "The certificate %s begins on %s. %s", name, instant(certificate.NotBefore), consequence)
	case now.After(certificate.NotAfter):
		warnings.Add(field, "The certificate %s ended on %s. %s Ask the provider for the new one.", name, instant(certificate.NotAfter), consequence)
	case certificate.NotAfter.Sub(now) < endsSoon:
		warnings.Add(field, "The certificate %s ends on %s. Ask the provider when it changes, and add the new one beside it before that.", name, instant(certificate.NotAfter))
	}
}

func (s Settings) warnOfLegacy(warnings *fault.Problems) {
	if s.LegacySHA1 {
		warnings.Add("legacy.sha1", "Signatures made with SHA-1 are accepted, and those can be forged with effort. Let the provider sign with SHA-256, then switch this off.")
	}
	if s.LegacyCBC {
		warnings.Add("legacy.cbc", "Assertions encrypted with CBC are accepted in unsigned responses, where a patient attacker can read one they caught. Let the provider encrypt with AES-GCM or sign the response, then switch this off.")
	}
	if s.LegacyInclusiveC14N {
		warnings.Add("legacy.inclusive_c14n", "Signatures over inclusive canonical XML are accepted. Let the provider use exclusive canonicalization, then switch this off.")
	}
}

// CheckKeeping is what Check cannot find without a clock: an end of keeping
// responses that is further ahead than any may be. Who saves a record asks it.
func (s Settings) CheckKeeping(now time.Time) fault.Problems {
	var problems fault.Problems
	if s.KeepResponsesUntil.After(now.Add(MaxKeepResponses)) {
		problems.Add("keep_responses_until", "Responses hold everything that is said of a person, so they are kept for 30 days at most. Write an instant before %s.",
			now.Add(MaxKeepResponses).UTC().Format(time.RFC3339))
	}
	return problems
}

func (s Settings) warnOfKeeping(warnings *fault.Problems, now time.Time) {
	switch until := s.KeepResponsesUntil; {
	case until.IsZero():
	case until.After(now.Add(MaxKeepResponses)):
		*warnings = append(*warnings, s.CheckKeeping(now)...)
	case until.After(now):
		warnings.Add("keep_responses_until", "Until %s every response is kept as it arrives, sealed, each for 7 days at most.", instant(until))
	default:
		warnings.Add("keep_responses_until", "This instant has passed, so no response is kept. Empty the field.")
	}
}

func (s Settings) warnOfRequests(warnings *fault.Problems, idp IdP) {
	if s.CustomLoginURL != "" { // S55
		if s.SignRequests {
			warnings.Add("sign_requests", "With a custom login URL no request is sent, so none is signed.")
		}
		if s.RequestContexts {
			warnings.Add("request_auth_contexts", "With a custom login URL no request is sent, so none asks for a context.")
		}
		return
	}
	if idp.WantRequestsSigned && !s.SignRequests {
		warnings.Add("sign_requests", "The provider's metadata wants signed requests. Switch signing on, or it may refuse them.")
	}
	if s.NameIDFormat != "" && len(idp.NameIDFormats) > 0 && !slices.Contains(idp.NameIDFormats, s.NameIDFormat) {
		warnings.Add("name_id_format", "The provider's metadata does not list this format. If logins fail, choose a listed one or ask for none.")
	}
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
