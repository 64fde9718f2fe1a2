package demo

import (
	"crypto/x509"
	"net/http"
	"strconv"

	"idms/internal/saml"
)

// Single logout, seen from the provider. The library has no part in it that
// signs and verifies, so the service's own messages are used with the parts
// exchanged: whom the service calls provider is here the service.

// towards is this provider's connection with a record, the other way round.
func (p *IdP) towards(record demoRecord) (saml.Settings, saml.IdP, saml.SP) {
	service := saml.Settings{}.SP(record.Key, p.ServiceURL, nil)
	address := p.provider.LogoutURL.String()
	to := []saml.Endpoint{{Binding: record.LogoutBinding, URL: service.SLO}}
	return saml.Settings{ClockSkew: saml.DefaultClockSkew},
		saml.IdP{EntityID: service.EntityID, Certificates: []*x509.Certificate{p.serviceKey.Certificate}, Logout: to, LogoutAnswers: to},
		saml.SP{EntityID: p.EntityID(), Audience: p.EntityID(), ACS: address, SLO: address, Keys: []saml.Key{p.ownKey}}
}

// TrustServiceKey tells the provider the certificate by which the records sign
// logout messages, when they do not use ServiceKey. Before the first request.
func (p *IdP) TrustServiceKey(certificate *x509.Certificate) {
	p.serviceKey = saml.Key{Certificate: certificate}
}

// singleLogout takes a record's wish to log somebody out, or its answer to ours.
// Which record it is shows in who has signed for what: the first that proves it.
func (p *IdP) singleLogout(w http.ResponseWriter, r *http.Request) {
	arrival := saml.LogoutArrival{Binding: saml.Redirect, Query: r.URL.RawQuery}
	if r.Method == http.MethodPost {
		arrival = saml.LogoutArrival{Binding: saml.POST, Request: r.PostFormValue("SAMLRequest"),
			Response: r.PostFormValue("SAMLResponse"), RelayState: r.PostFormValue("RelayState")}
	}
	for _, record := range records {
		settings, service, own := p.towards(record)
		verifier, err := saml.NewVerifier(settings, service, own)
		if err != nil {
			break
		}
		found := verifier.VerifyLogout(arrival, p.Clock())
		switch {
		case !found.Accepted:
			continue
		case found.Answers:
			next, err := strconv.Atoi(found.RelayState)
			if err != nil || next < 0 {
				next = len(records)
			}
			p.logOutAt(w, r, next)
			return
		}
		forget(w)
		reply, err := saml.BuildLogoutResponse(settings, service, own, saml.LogoutAnswer{
			ID: newID(), Now: p.Clock(), InResponseTo: found.Request.ID, RelayState: found.RelayState, Binding: arrival.Binding,
		})
		if err != nil {
			break
		}
		p.carry(w, r, reply)
		return
	}
	p.sorry(w, http.StatusBadRequest, "There is no logout here that a service of this provider has signed.")
}

// logOutEverywhere begins at the provider: it asks the records one after the
// other to end the person's sessions.
func (p *IdP) logOutEverywhere(w http.ResponseWriter, r *http.Request) { p.logOutAt(w, r, 0) }

// logOutAt asks the record of this number, or ends here after the last one.
func (p *IdP) logOutAt(w http.ResponseWriter, r *http.Request, number int) {
	known, ok := p.remembered(r)
	for ok && number < len(records) && records[number].LogoutBinding == "" {
		number++
	}
	if !ok || number >= len(records) {
		p.logout(w, r)
		return
	}
	settings, service, own := p.towards(records[number])
	request, err := saml.BuildLogoutRequest(settings, service, own, saml.LogoutOptions{
		ID: newID(), Now: p.Clock(), NameID: saml.NameID{Value: known.Person.Username, Format: persistent}, RelayState: strconv.Itoa(number + 1),
	})
	if err != nil {
		p.sorry(w, http.StatusInternalServerError, "The logout could not be signed.")
		return
	}
	p.carry(w, r, request)
}

// carry sends the browser on with a message.
func (p *IdP) carry(w http.ResponseWriter, r *http.Request, message saml.Outgoing) {
	if message.Binding != saml.POST {
		http.Redirect(w, r, message.URL, http.StatusSeeOther)
		return
	}
	page := logoutPage{Title: "Back to the service", Action: message.URL, Fields: message.Fields}
	p.show(w, http.StatusOK, "logout.html", page)
}

// logoutPage carries a logout message by POST; scripts post it at once.
type logoutPage struct {
	Title  string
	Action string
	Fields []saml.Field
}
