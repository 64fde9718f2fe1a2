package saml

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/beevik/etree"
	saml2 "github.com/russellhaering/gosaml2"
	dsig "github.com/russellhaering/goxmldsig"

	"idms/internal/fault"
)

// Our own messages of single logout (SAML core 3.7, profiles 4.4). They are
// always signed, whatever the record says of AuthnRequests: a provider must not
// log anybody out because a stranger says so, and the profile asks for it
// (4.4.4.1, 4.4.4.2).

// LogoutMessageFor is how long a LogoutRequest or LogoutResponse is good after
// its IssueInstant: it goes through one browser, without a person in between.
const LogoutMessageFor = 5 * time.Minute

// LogoutOptions are what is particular to one LogoutRequest.
type LogoutOptions struct {
	ID           string    // from NewRequestID; the answer names it
	Now          time.Time // IssueInstant
	NameID       NameID    // as the assertion had it, qualifiers and all
	SessionIndex string    // "" ends every session of that name there
	RelayState   string    // comes back with the answer, at most MaxRelayState bytes; "" sends none
}

// LogoutAnswer are what is particular to one LogoutResponse.
type LogoutAnswer struct {
	ID           string
	Now          time.Time
	InResponseTo string  // the ID of the request
	Failed       bool    // we understood who asks, and not what
	RelayState   string  // goes back as it came (SAML bindings 3.4.3, 3.5.3)
	Binding      Binding // that the request came by: the answer takes the same, if the provider offers it
}

// SLO is where logout requests to an identity provider go, and where the answers
// to its own do. The binding is the record's, else the preferred one, else
// redirect before POST. ok is false when the provider offers none.
func (s Settings) SLO(idp IdP, preferred Binding) (requests, answers Endpoint, ok bool) {
	wanted := []Binding{preferred, Redirect, POST}
	if s.SLOBinding != "" {
		wanted = []Binding{s.SLOBinding}
	}
	for _, binding := range wanted {
		for i, endpoint := range idp.Logout {
			if endpoint.Binding == binding {
				return endpoint, idp.LogoutAnswers[i], true
			}
		}
	}
	return Endpoint{}, Endpoint{}, false
}

// BuildLogoutRequest makes a signed LogoutRequest (SAML core 3.7.1) for settings
// that have passed Check. Errors are Internal.
func BuildLogoutRequest(s Settings, idp IdP, sp SP, o LogoutOptions) (Outgoing, error) {
	out, err := buildLogoutRequest(s, idp, sp, o)
	if err != nil {
		return Outgoing{}, fault.Hide(fmt.Errorf("build a logout request: %w", err), fault.Internal,
			"Your identity provider could not be told.")
	}
	return out, nil
}

func buildLogoutRequest(s Settings, idp IdP, sp SP, o LogoutOptions) (Outgoing, error) {
	to, _, ok := s.SLO(idp, "")
	switch {
	case !ok:
		return Outgoing{}, errNoLogout
	case len(o.RelayState) > MaxRelayState:
		return Outgoing{}, fmt.Errorf("RelayState is longer than %d bytes", MaxRelayState)
	}
	builder, err := logoutBuilder(s, to, sp, o.ID, o.Now)
	if err != nil {
		return Outgoing{}, err
	}
	document, err := builder.BuildLogoutRequestDocumentNoSig(o.NameID.Value, o.SessionIndex)
	if err != nil {
		return Outgoing{}, err
	}
	request := document.Root()
	request.CreateAttr("ID", o.ID) // replaces gosaml2's own
	request.CreateAttr("NotOnOrAfter", o.Now.Add(LogoutMessageFor).UTC().Format(time.RFC3339))
	name := request.SelectElement("NameID")
	name.RemoveAttr("Format") // gosaml2 writes an empty one
	for _, part := range []struct{ name, value string }{
		{"NameQualifier", o.NameID.NameQualifier}, {"SPNameQualifier", o.NameID.SPNameQualifier}, {"Format", o.NameID.Format},
	} {
		if part.value != "" {
			name.CreateAttr(part.name, part.value)
		}
	}
	if o.SessionIndex == "" {
		request.RemoveChild(request.SelectElement("SessionIndex"))
	}
	return sendLogout(builder, document, "SAMLRequest", to, o.RelayState)
}

// BuildLogoutResponse makes a signed LogoutResponse (SAML core 3.7.2) for
// settings that have passed Check. Errors are Internal.
func BuildLogoutResponse(s Settings, idp IdP, sp SP, o LogoutAnswer) (Outgoing, error) {
	out, err := buildLogoutResponse(s, idp, sp, o)
	if err != nil {
		return Outgoing{}, fault.Hide(fmt.Errorf("build a logout response: %w", err), fault.Internal,
			"Your identity provider could not be told.")
	}
	return out, nil
}

func buildLogoutResponse(s Settings, idp IdP, sp SP, o LogoutAnswer) (Outgoing, error) {
	_, to, ok := s.SLO(idp, o.Binding)
	if !ok {
		return Outgoing{}, errNoLogout
	}
	builder, err := logoutBuilder(s, to, sp, o.ID, o.Now)
	if err != nil {
		return Outgoing{}, err
	}
	status := statusSuccess
	if o.Failed {
		status = statusPrefix + "Requester"
	}
	document, err := builder.BuildLogoutResponseDocumentNoSig(status, o.InResponseTo)
	if err != nil {
		return Outgoing{}, err
	}
	document.Root().CreateAttr("ID", o.ID)
	return sendLogout(builder, document, "SAMLResponse", to, o.RelayState)
}

var errNoLogout = errors.New("the identity provider has no address for single logout by this binding")

// logoutBuilder sets gosaml2 up so that none of its defaults comes to bear.
func logoutBuilder(s Settings, to Endpoint, sp SP, id string, now time.Time) (*saml2.SAMLServiceProvider, error) {
	switch {
	case sp.EntityID == "": // gosaml2 would send the provider's own ID
		return nil, errors.New("the service provider has no issuer")
	case !isNCName(id):
		return nil, errors.New("the message's ID is not an xs:ID")
	case len(sp.Keys) == 0 || sp.Keys[0].Private == nil || sp.Keys[0].Certificate == nil:
		return nil, errNoKey // gosaml2 would panic
	}
	canonicalizer, ok := canonicalizers[s.Canonicalizer]
	if !ok {
		return nil, errors.New("unknown canonicalizer")
	}
	builder := &saml2.SAMLServiceProvider{
		IdentityProviderSLOURL:         to.URL,
		ServiceProviderIssuer:          sp.EntityID,
		Clock:                          dsig.NewFakeClockAt(now),
		SignAuthnRequests:              true,
		SignAuthnRequestsAlgorithm:     dsig.RSASHA256SignatureMethod,
		SignAuthnRequestsCanonicalizer: canonicalizer(),
	}
	return builder, builder.SetSPSigningKeyStore(&saml2.KeyStore{
		Signer: sp.Keys[0].Private,
		Cert:   sp.Keys[0].Certificate.Raw,
	})
}

// sendLogout signs a message as its binding wants it: in the query for redirect
// (SAML bindings 3.4.4.1), in the document for POST (3.5.4).
func sendLogout(builder *saml2.SAMLServiceProvider, document *etree.Document, parameter string, to Endpoint, relayState string) (Outgoing, error) {
	if to.Binding != POST {
		return sendByRedirect(builder, document, parameter, to, relayState)
	}
	signed, err := builder.SignLogoutRequest(document.Root()) // does for a response what it does for a request
	if err != nil {
		return Outgoing{}, err
	}
	document.SetRoot(signed)
	message, err := document.WriteToBytes()
	if err != nil {
		return Outgoing{}, err
	}
	out := Outgoing{Binding: POST, URL: to.URL, Fields: []Field{{parameter, base64.StdEncoding.EncodeToString(message)}}}
	if relayState != "" {
		out.Fields = append(out.Fields, Field{"RelayState", relayState})
	}
	return out, nil
}

// sendByRedirect writes the query itself, since gosaml2 knows no LogoutResponse
// by redirect and writes another order than it signs.
func sendByRedirect(builder *saml2.SAMLServiceProvider, document *etree.Document, parameter string, to Endpoint, relayState string) (Outgoing, error) {
	message, err := document.WriteToBytes()
	if err != nil {
		return Outgoing{}, err
	}
	compressed, err := deflate(message)
	if err != nil {
		return Outgoing{}, err
	}
	signing := builder.SigningContext()
	query := parameter + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(compressed))
	if relayState != "" {
		query += "&RelayState=" + url.QueryEscape(relayState)
	}
	query += "&SigAlg=" + url.QueryEscape(signing.GetSignatureMethodIdentifier())
	signature, err := signing.SignString(query)
	if err != nil {
		return Outgoing{}, err
	}
	query += "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature))
	return Outgoing{Binding: Redirect, URL: to.URL + querySeparator(to.URL) + query}, nil
}
