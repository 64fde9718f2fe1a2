package saml

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/beevik/etree"
	saml2 "github.com/russellhaering/gosaml2"
	dsig "github.com/russellhaering/goxmldsig"

	"idms/internal/fault"
)

// MaxRelayState is how long a RelayState may be, in bytes (SAML bindings 3.4.3
// and 3.5.3).
const MaxRelayState = 80

// RequestOptions are what is particular to one AuthnRequest.
type RequestOptions struct {
	ID         string    // from NewRequestID; the answer names it (M15)
	Now        time.Time // IssueInstant
	RelayState string    // our opaque handle, at most MaxRelayState bytes; "" sends none
	ForceAuthn bool      // ask for a new authentication though the record does not (S26)
	// Contexts to ask for, each acceptable as it is (Comparison "exact"). Empty
	// asks for what the record says (S20).
	Contexts []string
}

// Outgoing is a message that the browser takes to the identity provider.
type Outgoing struct {
	Binding Binding
	URL     string  // redirect: the whole address; POST: the form's action
	Fields  []Field // POST: the form's hidden fields, in order
}

// Field is a hidden field of a form.
type Field struct{ Name, Value string }

// NewRequestID makes the ID of a request: 160 random bits, so that nobody can
// answer a request they have not seen (SAML core 1.3.4 asks for 128 at least),
// behind an underscore, since an xs:ID may not begin with a digit.
func NewRequestID() string {
	var random [20]byte
	_, _ = rand.Read(random[:]) // crypto/rand ends the process rather than fail
	return "_" + hex.EncodeToString(random[:])
}

// SSO is where requests to an identity provider go: the binding the record
// asks for, or else redirect before POST. ok is false when the provider offers
// no such address.
func (s Settings) SSO(idp IdP) (to Endpoint, ok bool) {
	wanted := []Binding{Redirect, POST}
	if s.RequestBinding != "" {
		wanted = []Binding{s.RequestBinding}
	}
	for _, binding := range wanted {
		for _, endpoint := range idp.SSO {
			if endpoint.Binding == binding {
				return endpoint, true
			}
		}
	}
	return Endpoint{}, false
}

// BuildRequest makes an AuthnRequest (SAML core 3.4.1) for settings that have
// passed Check. A signed one carries its signature where its binding wants it:
// in the query for redirect (SAML bindings 3.4.4.1), in the document for POST
// (3.5.4). Errors are Internal: settings, key or options that cannot be.
func BuildRequest(s Settings, idp IdP, sp SP, o RequestOptions) (Outgoing, error) {
	out, err := buildRequest(s, idp, sp, o)
	if err != nil {
		return Outgoing{}, fault.Hide(fmt.Errorf("build an authentication request: %w", err), fault.Internal,
			"This way to log in is not set up completely.")
	}
	return out, nil
}

func buildRequest(s Settings, idp IdP, sp SP, o RequestOptions) (Outgoing, error) {
	to, ok := s.SSO(idp)
	switch {
	case !ok:
		return Outgoing{}, errors.New("the identity provider has no address for requests by this binding")
	case sp.EntityID == "": // gosaml2 would send the provider's own ID
		return Outgoing{}, errors.New("the service provider has no issuer")
	case !isNCName(o.ID):
		return Outgoing{}, errors.New("the request's ID is not an xs:ID")
	case len(o.RelayState) > MaxRelayState:
		return Outgoing{}, fmt.Errorf("RelayState is longer than %d bytes", MaxRelayState)
	}
	builder, err := requestBuilder(s, to, sp, o)
	if err != nil {
		return Outgoing{}, err
	}
	// Never BuildAuthRequestDocument: it would sign before the ID is ours, and
	// for redirect, where the signature does not belong in the document.
	document, err := builder.BuildAuthRequestDocumentNoSig()
	if err != nil {
		return Outgoing{}, err
	}
	document.Root().CreateAttr("ID", o.ID) // replaces gosaml2's own

	if to.Binding == POST {
		return postRequest(builder, document, to, o.RelayState)
	}
	return redirectRequest(builder, document, to, o.RelayState)
}

// requestBuilder sets gosaml2 up so that none of its defaults comes to bear.
func requestBuilder(s Settings, to Endpoint, sp SP, o RequestOptions) (*saml2.SAMLServiceProvider, error) {
	builder := &saml2.SAMLServiceProvider{
		IdentityProviderSSOURL:      to.URL,
		AssertionConsumerServiceURL: sp.ACS,
		ServiceProviderIssuer:       sp.EntityID,
		NameIdFormat:                s.NameIDFormat,
		ForceAuthn:                  s.ForceAuthn || o.ForceAuthn,
		Clock:                       dsig.NewFakeClockAt(o.Now),
	}
	contexts := o.Contexts
	if len(contexts) == 0 && s.RequestContexts {
		contexts = s.AllowedContexts
	}
	if len(contexts) > 0 {
		builder.RequestedAuthnContext = &saml2.RequestedAuthnContext{
			Comparison: saml2.AuthnPolicyMatchExact,
			Contexts:   contexts,
		}
	}
	if !s.SignRequests {
		return builder, nil
	}
	if len(sp.Keys) == 0 || sp.Keys[0].Private == nil || sp.Keys[0].Certificate == nil {
		return nil, errNoKey // gosaml2 would panic
	}
	canonicalizer, ok := canonicalizers[s.Canonicalizer]
	if !ok {
		return nil, errors.New("unknown canonicalizer")
	}
	builder.SignAuthnRequests = true
	builder.SignAuthnRequestsAlgorithm = dsig.RSASHA256SignatureMethod
	builder.SignAuthnRequestsCanonicalizer = canonicalizer()
	return builder, builder.SetSPSigningKeyStore(&saml2.KeyStore{
		Signer: sp.Keys[0].Private,
		Cert:   sp.Keys[0].Certificate.Raw,
	})
}

// canonicalizers has no Null, which is no algorithm of XML signatures, and no
// prefix lists, which nothing in a request of ours needs.
var canonicalizers = map[Canonicalizer]func() dsig.Canonicalizer{
	"":        func() dsig.Canonicalizer { return dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("") },
	Exclusive: func() dsig.Canonicalizer { return dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("") },
	ExclusiveWithComments: func() dsig.Canonicalizer {
		return dsig.MakeC14N10ExclusiveWithCommentsCanonicalizerWithPrefixList("")
	},
	C14N10:             dsig.MakeC14N10RecCanonicalizer,
	C14N10WithComments: dsig.MakeC14N10WithCommentsCanonicalizer,
	C14N11:             dsig.MakeC14N11Canonicalizer,
	C14N11WithComments: dsig.MakeC14N11WithCommentsCanonicalizer,
}

func postRequest(builder *saml2.SAMLServiceProvider, document *etree.Document, to Endpoint, relayState string) (Outgoing, error) {
	if builder.SignAuthnRequests {
		signed, err := builder.SignAuthnRequest(document.Root())
		if err != nil {
			return Outgoing{}, err
		}
		document.SetRoot(signed)
	}
	message, err := document.WriteToBytes()
	if err != nil {
		return Outgoing{}, err
	}
	out := Outgoing{Binding: POST, URL: to.URL, Fields: []Field{
		{"SAMLRequest", base64.StdEncoding.EncodeToString(message)},
	}}
	if relayState != "" {
		out.Fields = append(out.Fields, Field{"RelayState", relayState})
	}
	return out, nil
}

// redirectRequest puts the parameters behind the address in the order in which
// they were signed (SAML bindings 3.4.4.1), octet by octet as signed, and
// leaves a query that the address already had as it is. gosaml2 would sort
// them all and write that query anew.
func redirectRequest(builder *saml2.SAMLServiceProvider, document *etree.Document, to Endpoint, relayState string) (Outgoing, error) {
	builder.IdentityProviderSSOURL = "" // Destination is in the document by now
	query, err := builder.BuildAuthURLRedirect(relayState, document)
	if err != nil {
		return Outgoing{}, err
	}
	parameters := map[string]string{}
	for _, parameter := range strings.Split(strings.TrimPrefix(query, "?"), "&") {
		name, _, _ := strings.Cut(parameter, "=")
		parameters[name] = parameter
	}
	var ordered []string
	for _, name := range [...]string{"SAMLRequest", "RelayState", "SigAlg", "Signature"} {
		if parameter, ok := parameters[name]; ok {
			ordered = append(ordered, parameter)
		}
	}
	return Outgoing{Binding: Redirect, URL: to.URL + querySeparator(to.URL) + strings.Join(ordered, "&")}, nil
}

// querySeparator is what goes between an address and more of a query.
func querySeparator(address string) string {
	switch {
	case strings.HasSuffix(address, "?") || strings.HasSuffix(address, "&"):
		return ""
	case strings.Contains(address, "?"):
		return "&"
	}
	return "?"
}

// isNCName holds for what NewRequestID makes and for any other ASCII xs:ID.
func isNCName(id string) bool {
	for i := range len(id) {
		c := id[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '-' && c != '.' && (c < '0' || c > '9')) {
			return false
		}
	}
	return id != ""
}
