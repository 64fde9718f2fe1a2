package saml

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"idms/internal/fault"
)

// Bounds of a record's lists.
const (
	maxContexts        = 64
	maxPreviousOrigins = 8
)

// Check finds every problem of the settings, each at its field. Settings
// without problems make an IdP, an SP and requests.
//
// A provider whose metadata is still to be read from its address is not looked
// at: see [Settings.AwaitsMetadata].
func (s Settings) Check() fault.Problems {
	if s.AwaitsMetadata() {
		return s.CheckOurs()
	}
	idp, _, problems := s.provider()
	s.checkBinding(&problems, idp)
	s.checkLogout(&problems, idp)
	return append(problems, s.CheckOurs()...)
}

// CheckOurs finds the problems of this service's side alone, and of what is only
// shown to people: for a draft that
// says nothing of its provider yet, because the provider is set up first, with
// our values.
func (s Settings) CheckOurs() fault.Problems {
	var problems fault.Problems
	if s.ChangePasswordURL != "" {
		_, err := parseURL(s.ChangePasswordURL)
		problems.AddError("change_password_url", err)
	}
	if s.LogoutURL != "" {
		_, err := parseURL(s.LogoutURL)
		problems.AddError("logout_url", err)
	}
	s.checkMetadataAddress(&problems)
	s.checkService(&problems)
	s.checkRequests(&problems)
	s.checkResponses(&problems)
	s.checkContexts(&problems)
	return problems
}

// NamesProvider is true when anything at all is said of the identity provider.
func (s Settings) NamesProvider() bool {
	return s.MetadataURL != "" || s.Metadata != "" || s.Issuer != "" || s.SSOURL != "" || s.SLOURL != "" || len(s.Certificates) > 0
}

// IdP derives the identity provider from the metadata and the values given by
// hand. It fails only for settings that Check has problems with.
func (s Settings) IdP() (IdP, error) {
	idp, _, problems := s.provider()
	if problems.Any() {
		return IdP{}, problems.Err()
	}
	return idp, nil
}

// provider puts the identity provider together: where the metadata speaks, a
// value given by hand must be one of its values, and stands before the others;
// where it is silent, the value by hand fills the gap. So there is one answer
// to which keys may sign and where people are sent, and it does not depend on
// which of two fields somebody looked at. The notes are for Warnings.
func (s Settings) provider() (idp IdP, notes []string, problems fault.Problems) {
	if s.AwaitsMetadata() {
		problems.Add("metadata_url", "The metadata at this address has not been read yet.")
		return idp, nil, problems
	}
	if s.Metadata != "" {
		idp, notes = s.fromMetadata(&problems)
	} else if s.Issuer == "" {
		problems.Add("issuer", "Enter the identity provider's issuer, or paste its metadata.")
	}
	read := idp.EntityID != "" // the metadata

	problems.AddError("issuer", checkEntityID(s.Issuer))
	if !read {
		idp.EntityID = s.Issuer
	}

	s.addSSO(&idp, &problems)
	if len(idp.SSO) == 0 && s.CustomLoginURL == "" && s.SSOURL == "" && (read || s.Metadata == "") {
		if read {
			problems.Add("sso_url", "%s", strings.TrimSpace("The metadata offers no address for logins by redirect or POST. Enter the provider's sign-on URL. "+strings.Join(notes, " ")))
		} else {
			problems.Add("sso_url", "Enter the provider's sign-on URL, paste its metadata, or give a custom login URL.")
		}
	}

	s.addSLO(&idp, &problems)

	s.addCertificates(&idp, &problems)
	if len(idp.Certificates) == 0 && len(s.Certificates) == 0 && (read || s.Metadata == "") {
		if read {
			problems.Add("certificates", "%s", strings.TrimSpace("The metadata holds no certificate that can verify responses. Add the provider's signing certificate. "+strings.Join(notes, " ")))
		} else {
			problems.Add("certificates", "Add the provider's signing certificate, or paste its metadata.")
		}
	}
	return idp, notes, problems
}

// fromMetadata reports what other metadata would mend at the metadata, and
// what another issuer would mend at the issuer.
func (s Settings) fromMetadata(problems *fault.Problems) (IdP, []string) {
	entities, err := readMetadata([]byte(s.Metadata))
	if err != nil {
		problems.AddError("metadata", err)
		return IdP{}, nil
	}
	one, err := entities.choose(s.Issuer)
	if errors.Is(err, errWhichEntity) {
		problems.AddError("issuer", err)
		return IdP{}, nil
	}
	if err != nil {
		problems.AddError("metadata", err)
		return IdP{}, nil
	}
	idp, notes, err := one.idp()
	problems.AddError("metadata", err)
	return idp, notes
}

func (s Settings) addSSO(idp *IdP, problems *fault.Problems) {
	if s.SSOBinding != "" && !isBinding(s.SSOBinding) {
		problems.Add("sso_binding", "Choose redirect or post.")
	}
	if s.SSOURL == "" {
		if s.SSOBinding != "" {
			problems.Add("sso_binding", "Enter the sign-on URL that speaks this binding, or empty this field: metadata names the bindings itself.")
		}
		return
	}
	if err := parseSSOURL(s.SSOURL); err != nil {
		problems.AddError("sso_url", err)
		return
	}
	byHand := Endpoint{s.SSOBinding, s.SSOURL}
	if byHand.Binding == "" {
		byHand.Binding = Redirect
	}
	if len(idp.SSO) == 0 {
		idp.SSO = []Endpoint{byHand}
		return
	}
	// Of several addresses in the metadata, the one by hand is meant: all
	// others go, unless they are the same address by the other binding.
	var same []Endpoint
	for _, offered := range idp.SSO {
		if offered.URL == s.SSOURL && (s.SSOBinding == "" || s.SSOBinding == offered.Binding) {
			same = append(same, offered)
		}
	}
	if len(same) == 0 {
		problems.Add("sso_url", "The metadata names other addresses (%s). Empty this field, or paste metadata with this address.", endpointNames(idp.SSO))
		return
	}
	idp.SSO = same
}

// addSLO is addSSO for single logout, where one address speaks one binding.
func (s Settings) addSLO(idp *IdP, problems *fault.Problems) {
	if s.SLOBinding != "" && !isBinding(s.SLOBinding) {
		problems.Add("slo_binding", "Choose redirect or post.")
	}
	if s.SLOURL == "" {
		if s.SLOAnswerURL != "" {
			problems.Add("slo_answer_url", "Enter the provider's address for logout requests as well, or empty this field: metadata names both.")
		}
		return
	}
	if err := parseSSOURL(s.SLOURL); err != nil {
		problems.AddError("slo_url", err)
		return
	}
	byHand, answers := Endpoint{cmp.Or(s.SLOBinding, Redirect), s.SLOURL}, Endpoint{cmp.Or(s.SLOBinding, Redirect), s.SLOURL}
	if s.SLOAnswerURL != "" {
		if err := parseSSOURL(s.SLOAnswerURL); err != nil {
			problems.AddError("slo_answer_url", err)
			return
		}
		answers.URL = s.SLOAnswerURL
	}
	if len(idp.Logout) == 0 {
		idp.Logout, idp.LogoutAnswers = []Endpoint{byHand}, []Endpoint{answers}
		return
	}
	var same, sameAnswers []Endpoint
	for i, offered := range idp.Logout {
		if offered.URL == s.SLOURL && (s.SLOBinding == "" || s.SLOBinding == offered.Binding) &&
			(s.SLOAnswerURL == "" || s.SLOAnswerURL == idp.LogoutAnswers[i].URL) {
			same, sameAnswers = append(same, offered), append(sameAnswers, idp.LogoutAnswers[i])
		}
	}
	if len(same) == 0 {
		problems.Add("slo_url", "The metadata names other addresses for single logout (%s). Empty the fields of single logout, or paste metadata with these addresses.", endpointNames(idp.Logout))
		return
	}
	idp.Logout, idp.LogoutAnswers = same, sameAnswers
}

// checkLogout: a provider that cannot be told of a logout makes no single one.
func (s Settings) checkLogout(problems *fault.Problems, idp IdP) {
	if _, _, offered := s.SLO(idp, ""); offered || !s.SingleLogout {
		return
	}
	switch {
	case len(idp.Logout) > 0 && isBinding(s.SLOBinding):
		problems.Add("slo_binding", "The provider does not take logout messages by %s. Choose the other binding, or leave the choice to us.", s.SLOBinding)
	case s.SLOURL == "":
		problems.Add("single_logout", "Nothing says where the provider takes logout requests. Enter its single logout URL, paste metadata that names one, or switch this off.")
	}
}

func endpointNames(endpoints []Endpoint) string {
	const few = 2
	var names []string
	for _, one := range endpoints[:min(few, len(endpoints))] {
		names = append(names, fmt.Sprintf("%s by %s", shown(one.URL), one.Binding))
	}
	return strings.Join(names, ", ")
}

func (s Settings) addCertificates(idp *IdP, problems *fault.Problems) {
	var byHand []*x509.Certificate
	for i, text := range s.Certificates {
		field := fmt.Sprintf("certificates[%d]", i)
		if i == maxCertificates {
			problems.AddError(field, tooManyCertificates())
			return
		}
		parsed, err := ParseCertificates(text)
		if err != nil {
			problems.AddError(field, err)
			continue
		}
		for _, certificate := range parsed {
			if len(idp.Certificates) > 0 && !slices.ContainsFunc(idp.Certificates, certificate.Equal) {
				problems.Add(field, "The metadata does not hold this certificate (%s). Paste newer metadata, or remove the metadata and give every value by hand.", shown(certificate.Subject.String()))
				continue
			}
			if !slices.ContainsFunc(byHand, certificate.Equal) {
				byHand = append(byHand, certificate)
			}
		}
	}
	if len(byHand) > maxCertificates {
		problems.AddError("certificates", tooManyCertificates())
	}
	if len(idp.Certificates) == 0 {
		idp.Certificates = byHand
	}
}

func (s Settings) checkBinding(problems *fault.Problems, idp IdP) {
	_, offered := s.SSO(idp)
	switch {
	case s.RequestBinding == "":
	case !isBinding(s.RequestBinding):
		problems.Add("request_binding", "Choose redirect or post.")
	case !offered && len(idp.SSO) > 0:
		problems.Add("request_binding", "The provider does not take requests by %s. Choose the other binding, or leave the choice to us.", s.RequestBinding)
	}
}

func (s Settings) checkService(problems *fault.Problems) {
	problems.AddError("sp_issuer", checkEntityID(s.SPIssuer))
	if s.SPIssuer != "" && s.SPIssuer == s.Issuer {
		problems.Add("sp_issuer", "This is the identity provider's issuer. Enter this service's own, or leave the field empty.")
	}
	problems.AddError("audience", checkEntityID(s.Audience))
	if s.Origin != "" {
		problems.AddError("origin", parseOrigin(s.Origin))
	}
	known := []string{strings.TrimSuffix(s.Origin, "/")}
	for i, previous := range s.PreviousOrigins {
		field := fmt.Sprintf("previous_origins[%d]", i)
		if i == maxPreviousOrigins {
			problems.Add(field, "At most %d previous origins are kept. Remove those that no provider posts to any more.", maxPreviousOrigins)
			return
		}
		problems.AddError(field, parseOrigin(previous))
		previous = strings.TrimSuffix(previous, "/")
		if slices.Contains(known, previous) {
			problems.Add(field, "This origin is there already. Remove it here.")
		}
		known = append(known, previous)
	}
}

func (s Settings) checkMetadataAddress(problems *fault.Problems) {
	if s.MetadataURL == "" {
		if s.MetadataRefresh != 0 {
			problems.Add("metadata_refresh", "There is no address to read metadata from. Enter it, or empty this field.")
		}
		if len(s.MetadataCertificates) > 0 {
			problems.Add("metadata_certificates", "There is no address to read metadata from. Enter it, or remove these.")
		}
		return
	}
	// http:// is for the configuration of the process to allow.
	address := s.MetadataURL
	if rest, plain := strings.CutPrefix(address, "http://"); plain {
		address = "https://" + rest
	}
	_, err := parseURL(address)
	problems.AddError("metadata_url", err)
	if s.MetadataRefresh != 0 && (s.MetadataRefresh < MinMetadataRefresh || s.MetadataRefresh > MaxMetadataRefresh) {
		problems.Add("metadata_refresh", "Write a time between 15m and 168h, which is seven days.")
	}
	_, part := s.pinnedCertificates()
	*problems = append(*problems, part...)
}

func (s Settings) checkRequests(problems *fault.Problems) {
	if _, known := canonicalizers[s.Canonicalizer]; !known {
		problems.Add("canonicalizer", "Choose exclusive, c14n10 or c14n11, or one of these with -with-comments behind it.")
	}
	if s.NameIDFormat != "" {
		problems.AddError("name_id_format", checkURI(s.NameIDFormat))
	}
	if s.ForceAuthn && s.AllowUnsolicited { // S54
		problems.Add("force_authn", "A login that the provider starts answers no request, so nothing could force a new authentication. Switch one of the two off.")
	}
	if s.RequestContexts && len(s.AllowedContexts) == 0 { // S20
		problems.Add("request_auth_contexts", "There is no allowed auth context to ask for. List them, or switch this off.")
	}
	s.checkCustomLogin(problems)
}

// checkCustomLogin is S55: with a login URL of the provider's there is no
// request of ours that could ask for anything.
func (s Settings) checkCustomLogin(problems *fault.Problems) {
	if s.CustomLoginURL == "" {
		return
	}
	_, err := parseURL(s.CustomLoginURL)
	problems.AddError("custom_login_url", err)
	if !s.AllowUnsolicited {
		problems.Add("custom_login_url", "Logins that begin there answer no request of ours. Allow unsolicited responses, or empty this field.")
	}
	if s.ForceAuthn {
		problems.Add("force_authn", "With a custom login URL there is no request that could force a new authentication. Switch this off, or empty the custom login URL.")
	}
	if len(s.ElevationContexts) > 0 {
		problems.Add("custom_login_url", "Privilege elevation needs requests of ours. Empty this field, or the auth contexts for privilege elevation.")
	}
}

func (s Settings) checkResponses(problems *fault.Problems) {
	switch s.Signed {
	case "", SignedEither, SignedResponse, SignedAssertion, SignedBoth:
	default:
		problems.Add("signed", "Choose either, response, assertion or both.")
	}
	switch {
	case len(s.RelayState) > MaxRelayState:
		problems.Add("relay_state", "A RelayState value has at most %d bytes (SAML bindings 3.4.3), or providers cut it. Choose a shorter one.", MaxRelayState)
	case strings.ContainsFunc(s.RelayState, isControl) || strings.TrimSpace(s.RelayState) != s.RelayState:
		problems.Add("relay_state", "Remove control characters, and white space at the ends, from the value.")
	}
	if s.Landing != "" {
		if _, ok := SafePath(s.Landing); !ok {
			problems.Add("landing", "Enter a path on this service, for example /reports: one slash first, no host, no backslash, no dot segments.")
		}
		if s.RelayState == "" {
			problems.Add("landing", "Nothing would land there. Enter the RelayState value that does, or empty this field.")
		}
	}
	if s.ClockSkew < 0 || s.ClockSkew > MaxClockSkew {
		problems.Add("clock_skew", "The clock skew is between 0 and %d minutes.", MaxClockSkew/time.Minute)
	}
}

func (s Settings) checkContexts(problems *fault.Problems) {
	checkContextList(problems, "allowed_auth_contexts", s.AllowedContexts)
	checkContextList(problems, "elevation_auth_contexts", s.ElevationContexts)
	if len(s.AllowedContexts) == 0 {
		return
	}
	for i, context := range s.ElevationContexts { // S25
		if !slices.Contains(s.AllowedContexts, context) {
			problems.Add(fmt.Sprintf("elevation_auth_contexts[%d]", i), "Nobody could log in with this context, since it is not an allowed one. Add it to the allowed auth contexts, or remove it here.")
		}
	}
}

func checkContextList(problems *fault.Problems, name string, contexts []string) {
	for i, context := range contexts {
		field := fmt.Sprintf("%s[%d]", name, i)
		if i == maxContexts {
			problems.Add(field, "At most %d contexts can be listed.", maxContexts)
			return
		}
		if context == "" {
			problems.Add(field, "Enter the context's URI, or remove this line.")
			continue
		}
		problems.AddError(field, checkURI(context))
		if slices.Contains(contexts[:i], context) {
			problems.Add(field, "This context is listed twice. Remove one.")
		}
	}
}

func isBinding(b Binding) bool { return b == Redirect || b == POST }
