package door

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"idms/internal/fault"
)

// Bounds of passkeys.
const (
	MaxPasskeys    = 10       // of one person
	MaxPasskeyName = 60       // characters
	MaxAnswer      = 16 << 10 // bytes: an answer is at most 3 KiB where no attestation was asked for
	maxCredential  = 1023     // bytes of a credential ID (WebAuthn Level 2, 4)
)

// Passkey is the public half of a WebAuthn credential.
type Passkey struct {
	Credential []byte // ID, which the authenticator chose
	Key        []byte // public, as COSE (RFC 9052)
	Counter    uint32 // of the authenticator's signatures, 0 when it counts none
	Synced     bool   // may be copied to other devices of its person
}

// Keyholder is who a passkey belongs to.
type Keyholder struct {
	ID       string // of the account: the user handle, which holds nothing of the person (14.6.1)
	Username string
	Passkeys []Passkey // those of the party's host
}

// Party is this service at one of its addresses, as passkeys know it. Its host is
// the RP ID: a passkey made there is never shown to another one.
type Party struct {
	Host string
	web  *webauthn.WebAuthn
}

// PartyAt is the service at a base URL, scheme://host[:port]. It is false where there
// can be no passkeys: an IP address is no RP ID (5.1.2, step 7).
func PartyAt(portal, base string) (Party, bool) {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" {
		return Party{}, false
	}
	host := strings.ToLower(u.Hostname())
	if _, err := netip.ParseAddr(host); err == nil {
		return Party{}, false
	}
	web, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: cmp.Or(portal, host), RPOrigins: []string{base},
		AttestationPreference: protocol.PreferNoAttestation,
		// We ask for no extension and read none; some password managers answer unasked.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	return Party{Host: host, web: web}, err == nil
}

// Known is true of a party that passkeys can know.
func (p Party) Known() bool { return p.web != nil }

// holder is a Keyholder as the library asks for it.
type holder struct{ Keyholder }

func (h holder) WebAuthnID() []byte          { return []byte(h.ID) }
func (h holder) WebAuthnName() string        { return h.Username }
func (h holder) WebAuthnDisplayName() string { return h.Username }
func (h holder) WebAuthnCredentials() []webauthn.Credential {
	list := make([]webauthn.Credential, len(h.Passkeys))
	for i, one := range h.Passkeys {
		list[i] = webauthn.Credential{
			ID: one.Credential, PublicKey: one.Key,
			Flags:         webauthn.CredentialFlags{BackupEligible: one.Synced},
			Authenticator: webauthn.Authenticator{SignCount: one.Counter},
		}
	}
	return list
}

// challengeOf is the challenge that goes with the secret in a browser's cookie: who
// has the challenge, which scripts see, cannot make the cookie of it.
func challengeOf(token string) []byte {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("idms passkey challenge"))
	return mac.Sum(nil)
}

// Making are the options with which a browser makes a passkey, as JSON
// (PublicKeyCredentialCreationOptions): one that its device keeps, that asks for a
// finger, a face or a PIN, and that says nothing of the device's maker. token is
// the secret that binds the answer to this browser.
func (p Party) Making(who Keyholder, token string) ([]byte, error) {
	creation, _, err := p.web.BeginRegistration(holder{who},
		webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired),
		webauthn.WithCredentialParameters(webauthn.CredentialParametersRecommendedL3()),
		webauthn.WithExclusions(webauthn.Credentials(holder{who}.WebAuthnCredentials()).CredentialDescriptors()),
		func(options *protocol.PublicKeyCredentialCreationOptions) error {
			options.AuthenticatorSelection.UserVerification = protocol.VerificationRequired
			options.Challenge = challengeOf(token)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("offering a passkey: %w", err)
	}
	return json.Marshal(creation.Response)
}

// Made is the passkey of a browser's answer to Making (WebAuthn Level 2, 7.1). The
// error says what is wrong with the answer, for a log.
func (p Party) Made(who Keyholder, token string, answer []byte) (Passkey, error) {
	if len(answer) > MaxAnswer {
		return Passkey{}, fmt.Errorf("an answer of %d bytes", len(answer))
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Passkey{}, err
	}
	session := p.session(token, true)
	session.UserID = []byte(who.ID)
	session.CredParams = webauthn.CredentialParametersRecommendedL3()
	made, err := p.web.CreateCredential(holder{who}, session, parsed)
	if err != nil {
		return Passkey{}, err
	}
	if len(made.ID) == 0 || len(made.ID) > maxCredential {
		return Passkey{}, fmt.Errorf("a credential ID of %d bytes", len(made.ID))
	}
	return Passkey{Credential: made.ID, Key: made.PublicKey, Counter: made.Authenticator.SignCount, Synced: made.Flags.BackupEligible}, nil
}

func (p Party) session(token string, verified bool) webauthn.SessionData {
	session := webauthn.SessionData{
		Challenge:      base64.RawURLEncoding.EncodeToString(challengeOf(token)),
		RelyingPartyID: p.Host, UserVerification: protocol.VerificationPreferred,
	}
	if verified {
		session.UserVerification = protocol.VerificationRequired
	}
	return session
}

// Asking are the options with which a browser uses a passkey, as JSON
// (PublicKeyCredentialRequestOptions). Without allowed ones the person chooses
// among those that the device has for this host, and is verified by it; with them
// the device need not, since something else has proved the person.
func (p Party) Asking(token string, allowed []Passkey) ([]byte, error) {
	options := []webauthn.LoginOption{
		webauthn.WithUserVerification(protocol.VerificationRequired),
		func(options *protocol.PublicKeyCredentialRequestOptions) error {
			options.Challenge = challengeOf(token)
			return nil
		},
	}
	if len(allowed) > 0 {
		known := webauthn.Credentials(holder{Keyholder{Passkeys: allowed}}.WebAuthnCredentials()).CredentialDescriptors()
		options = append(options, webauthn.WithAllowedCredentials(known), webauthn.WithUserVerification(protocol.VerificationPreferred))
	}
	asked, _, err := p.web.BeginDiscoverableLogin(options...)
	if err != nil {
		return nil, fmt.Errorf("asking for a passkey: %w", err)
	}
	return json.Marshal(asked.Response)
}

// Claim is what a browser answers to Asking, before anything of it is believed.
type Claim struct {
	Credential []byte // ID of the passkey that it says it used
	parsed     *protocol.ParsedCredentialAssertionData
}

// ReadClaim reads an answer of at most MaxAnswer bytes.
func ReadClaim(answer []byte) (Claim, error) {
	if len(answer) > MaxAnswer {
		return Claim{}, fmt.Errorf("an answer of %d bytes", len(answer))
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Claim{}, err
	}
	return Claim{Credential: parsed.RawID, parsed: parsed}, nil
}

// Proof is what a claim that is true tells.
type Proof struct {
	Counter uint32
	// Fell is true when the counter did not rise: two devices may have one private
	// key (6.1.1).
	Fell bool
}

// Proves checks a claim against the passkey that it names, which is who's alone
// (WebAuthn Level 2, 7.2). alone is true when nothing else has proved the person:
// then the answer must say who it is, and the device must have verified them.
func (p Party) Proves(claim Claim, token string, who Keyholder, alone bool) (Proof, error) {
	if alone && len(claim.parsed.Response.UserHandle) == 0 {
		return Proof{}, fmt.Errorf("the answer names no user")
	}
	session := p.session(token, alone)
	session.UserID = []byte(who.ID)
	used, err := p.web.ValidateLogin(holder{who}, session, claim.parsed)
	if err != nil {
		return Proof{}, err
	}
	return Proof{Counter: claim.parsed.Response.AuthenticatorData.Counter, Fell: used.Authenticator.CloneWarning}, nil
}

// CheckPasskeyName finds what is wrong with the name that a person gives to a
// passkey.
func CheckPasskeyName(name string) fault.Problems {
	var problems fault.Problems
	switch {
	case strings.TrimSpace(name) == "":
		problems.Add("name", "Give the passkey a name by which you will know it, for example that of the device.")
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		problems.Add("name", "Use characters that can be typed.")
	case utf8.RuneCountInString(name) > MaxPasskeyName:
		problems.Add("name", "Use a shorter name: at most %d characters.", MaxPasskeyName)
	}
	return problems
}
