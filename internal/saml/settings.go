package saml

import (
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"time"
)

// Settings are the SAML part of an IDMS record, as an administrator gives it.
// Check finds every problem; IdP and SP derive the two sides from it.
type Settings struct {
	// The identity provider: metadata, or the values by hand. What both say
	// must agree.
	Metadata     string   // EntityDescriptor or EntitiesDescriptor as pasted, at most MaxMetadata bytes
	Issuer       string   // Identity Provider Issuer: its entity ID
	SSOURL       string   // by hand
	SSOBinding   Binding  // by hand: the binding SSOURL speaks; "" is redirect
	SLOURL       string   // by hand: takes logout requests
	SLOAnswerURL string   // by hand: takes logout responses; "" is SLOURL
	SLOBinding   Binding  // that our logout messages take, and SLOURL speaks; "" is redirect where offered, else POST
	Certificates []string // by hand: PEM, or bare base64 of DER

	// Where the metadata is read from, again and again. Metadata is then what was
	// read last, and nobody's to edit.
	MetadataURL          string
	MetadataRefresh      time.Duration // the longest between two readings; 0 is DefaultMetadataRefresh
	MetadataCertificates []string      // pinned: the metadata must be signed with one of these

	ChangePasswordURL string // the provider's page for it, shown to the record's people

	// This service towards that provider.
	SPIssuer        string   // Service Provider Issuer; "" is the metadata address
	Audience        string   // Audience URI; "" is the SP issuer
	Origin          string   // scheme://host[:port] of the ACS; "" is the first configured base URL
	PreviousOrigins []string // still accepted after an ACS reset, until retired here

	// Requests.
	RequestBinding  Binding // how the AuthnRequest travels; "" is redirect where offered, else POST
	SignRequests    bool
	Canonicalizer   Canonicalizer // of signed POST requests and logout messages
	NameIDFormat    string        // "" asks for none
	ForceAuthn      bool          // S54
	SignMetadata    bool          // our own, for providers that hold it against a key of ours
	RequestContexts bool          // ask for AllowedContexts (S20)
	CustomLoginURL  string        // replaces our request (S55)

	// The end of a session.
	SingleLogout bool   // the provider hears of a logout here, and may end sessions here (M24)
	LogoutURL    string // where people go on after logging out; "" is our own page

	// Responses.
	Signed                    Signed
	AllowUnsolicited          bool          // IdP-initiated logins
	RelayState                string        // the value the provider sends when it starts a login
	Landing                   string        // the path on this service where that value lands
	ClockSkew                 time.Duration // 0 to MaxClockSkew
	RefuseExpiredCertificates bool
	LegacySHA1                bool // SHA-1 in signatures and digests
	LegacyCBC                 bool // CBC-encrypted assertions in an unsigned Response
	LegacyInclusiveC14N       bool // inclusive canonicalisation in signatures

	// KeepResponsesUntil is until when what arrives is kept beside the trace, to be
	// looked at as XML; zero keeps nothing. At most MaxKeepResponses ahead.
	KeepResponsesUntil time.Time

	// Who may come, and how strongly they must have authenticated.
	AllowedContexts   []string // S20
	ElevationContexts []string // S25
}

// Bounds of a record's SAML settings.
const (
	MaxMetadata            = 4 << 20 // bytes; a federation's aggregate is cut down to one entity before it is pasted
	DefaultMetadataRefresh = 24 * time.Hour
	MinMetadataRefresh     = 15 * time.Minute
	MaxMetadataRefresh     = 7 * 24 * time.Hour
	DefaultClockSkew       = 3 * time.Minute
	MaxClockSkew           = 5 * time.Minute
	MaxKeepResponses       = 30 * 24 * time.Hour // from the saving of a record on
)

// Binding is how a message travels (SAML bindings 3.4, 3.5).
type Binding string

const (
	Redirect Binding = "redirect" // HTTP-Redirect
	POST     Binding = "post"     // HTTP-POST
)

// Signed is what a record demands to be signed (M10).
type Signed string

const (
	SignedEither    Signed = "either" // the Response or the Assertion; what "" means
	SignedResponse  Signed = "response"
	SignedAssertion Signed = "assertion"
	SignedBoth      Signed = "both"
)

// Canonicalizer is the canonicalisation of our signed POST messages: requests and
// all messages of single logout.
type Canonicalizer string

const (
	Exclusive             Canonicalizer = "exclusive" // what "" means
	ExclusiveWithComments Canonicalizer = "exclusive-with-comments"
	C14N10                Canonicalizer = "c14n10"
	C14N10WithComments    Canonicalizer = "c14n10-with-comments"
	C14N11                Canonicalizer = "c14n11"
	C14N11WithComments    Canonicalizer = "c14n11-with-comments"
)

// Endpoint is an address of a party and the binding it speaks.
type Endpoint struct {
	Binding Binding
	URL     string
}

// IdP is an identity provider as the verifier and the requests need it.
type IdP struct {
	EntityID           string
	SSO, Logout        []Endpoint
	LogoutAnswers      []Endpoint          // one for each of Logout: where the answers to its requests go
	Certificates       []*x509.Certificate // every key that may sign, in order
	WantRequestsSigned bool
	NameIDFormats      []string
	ValidUntil         time.Time // of the metadata; zero is no end
}

// SP is this service towards one identity provider.
type SP struct {
	EntityID    string
	Audience    string
	ACS         string
	PreviousACS []string
	SLO         string
	PreviousSLO []string
	LoginURL    string
	MetadataURL string
	Keys        []Key // the first signs; all decrypt; those of the next roll-over are marked
}

// Key is one of the service's own keys towards one identity provider.
type Key struct {
	Private     *rsa.PrivateKey
	Certificate *x509.Certificate // self-signed; providers read only the key
	Next        bool              // announced, to sign from the next roll-over on
}

// SP derives this service's side. base is the first configured public base
// URL, without a slash at its end; recordKey is the record's immutable key.
func (s Settings) SP(recordKey, base string, keys []Key) SP {
	origin := s.Origin
	if origin == "" {
		origin = base
	}
	at := func(origin, page string) string {
		return strings.TrimSuffix(origin, "/") + "/saml/" + recordKey + "/" + page
	}
	sp := SP{
		EntityID:    s.SPIssuer,
		Audience:    s.Audience,
		ACS:         at(origin, "acs"),
		SLO:         at(origin, "slo"),
		LoginURL:    at(origin, "login"),
		MetadataURL: at(origin, "metadata"),
		Keys:        keys,
	}
	if sp.EntityID == "" {
		sp.EntityID = sp.MetadataURL
	}
	if sp.Audience == "" {
		sp.Audience = sp.EntityID
	}
	for _, previous := range s.PreviousOrigins {
		sp.PreviousACS = append(sp.PreviousACS, at(previous, "acs"))
		sp.PreviousSLO = append(sp.PreviousSLO, at(previous, "slo"))
	}
	return sp
}
