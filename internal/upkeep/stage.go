package upkeep

import (
	"crypto/x509"
	"net/url"
	"slices"
	"time"

	"idms/internal/audit"
	"idms/internal/idms"
	"idms/internal/saml"
)

// evidence is what speaks for metadata that was read, apart from what it says.
type evidence struct {
	// trusted: it was signed with a pinned key, or came over https from the
	// address that the record names.
	trusted bool
	used    map[string]time.Time // when each certificate last signed a login, by fingerprint
	keep    time.Duration        // how long one that did is not dropped
	now     time.Time
}

// staged is what becomes of metadata that was read.
type staged struct {
	next    saml.IdP       // to be in force now
	changes []audit.Change // from the one in force; none: they are the same
	waits   []audit.Change // from next to what was read, for somebody to approve
}

// stage decides what of a provider's new metadata is taken over at once, and
// what waits for somebody to approve it. have is in force, found was read.
//
// The keys of a provider change by themselves, and must without a day of refused
// logins: from a trusted document they are taken over. Where people are sent, and
// who vouches for them, does not change by itself: another entity ID, sign-on
// address or host waits, since whoever took over the metadata's address could
// send everybody to a page of their own. A certificate that is gone while logins
// are still signed with it waits too: it may be a mistake.
func stage(have, found saml.IdP, e evidence) staged {
	if have.EntityID != found.EntityID {
		return staged{next: have, waits: idms.ProviderChanges(have, found)}
	}
	next := have
	next.NameIDFormats, next.WantRequestsSigned = found.NameIDFormats, found.WantRequestsSigned
	if known(found.SSO, have.SSO) {
		next.SSO = found.SSO
	}
	if onHostsOf(slices.Concat(found.Logout, found.LogoutAnswers), have) {
		next.Logout, next.LogoutAnswers = found.Logout, found.LogoutAnswers
	}
	next.Certificates = stageCertificates(have.Certificates, found.Certificates, e)
	return staged{next: next, changes: idms.ProviderChanges(have, next), waits: idms.ProviderChanges(next, found)}
}

// stageCertificates are the new ones when they are trusted, those that stay, and
// those that are gone but were of use a short while ago.
func stageCertificates(have, found []*x509.Certificate, e evidence) []*x509.Certificate {
	var next []*x509.Certificate
	for _, certificate := range found {
		if e.trusted || slices.ContainsFunc(have, certificate.Equal) {
			next = append(next, certificate)
		}
	}
	for _, certificate := range have {
		if slices.ContainsFunc(found, certificate.Equal) {
			continue
		}
		used, ok := e.used[saml.Fingerprint(certificate)]
		// Without it nobody could log in: the others all wait.
		if ok && e.now.Before(used.Add(e.keep)) || len(next) == 0 {
			next = append(next, certificate)
		}
	}
	return next
}

// known is true when every address is one that people are sent to already.
func known(found, have []saml.Endpoint) bool {
	return !slices.ContainsFunc(found, func(one saml.Endpoint) bool {
		return !slices.ContainsFunc(have, func(other saml.Endpoint) bool { return other.URL == one.URL })
	})
}

// onHostsOf is true when every address is on a host of the provider already.
func onHostsOf(found []saml.Endpoint, have saml.IdP) bool {
	hosts := map[string]bool{}
	for _, endpoint := range slices.Concat(have.SSO, have.Logout, have.LogoutAnswers) {
		hosts[hostOf(endpoint.URL)] = true
	}
	return !slices.ContainsFunc(found, func(one saml.Endpoint) bool { return !hosts[hostOf(one.URL)] })
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
