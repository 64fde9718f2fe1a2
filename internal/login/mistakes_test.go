package login_test

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"

	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/store"
	"idms/internal/trace"
	"idms/internal/users"
)

// Every mistake here was made by somebody who set up a connection. Each is made
// again at a test identity provider, somebody logs in, and the trace of the
// refusal must name what to change, and to what where that can be known (S61),
// while the visitor reads a plain sentence (S60).

// mistake is one set-up that is wrong, and what its trace must say.
type mistake struct {
	name   string
	record func(*idms.Record)                                     // how the record is set up
	before func(*house)                                           // what happened earlier
	answer func(h *house, a samltest.Answer) samltest.Answer      // what the provider sends
	come   func(h *house, b *browser, post login.Post) login.Post // how the browser brings it

	code      trace.Code
	field     string // of the fix; "" when nothing is to be changed in the record
	suggested string
	there     string // to enter at the provider
	says      string // in the fix or in what was found
}

const (
	acs      = origin + "/saml/corp/acs"
	entityID = origin + "/saml/corp/metadata"
	statuses = "urn:oasis:names:tc:SAML:2.0:status:"
	claims   = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
)

// says are answers with one field of another kind.
func says(change func(*samltest.Answer)) func(*house, samltest.Answer) samltest.Answer {
	return func(_ *house, a samltest.Answer) samltest.Answer { return a.With(change) }
}

func audience(names ...string) func(*house, samltest.Answer) samltest.Answer {
	return says(func(a *samltest.Answer) { a.Audiences = [][]string{names} })
}

func recipient(address string) func(*house, samltest.Answer) samltest.Answer {
	return says(func(a *samltest.Answer) { a.Confirmations[0].Recipient = address })
}

func destination(address string) func(*house, samltest.Answer) samltest.Answer {
	return says(func(a *samltest.Answer) { a.Destination = address })
}

func issuer(name string) func(*house, samltest.Answer) samltest.Answer {
	return says(func(a *samltest.Answer) { a.Issuer, a.ResponseIssuer = name, name })
}

// status is what a provider answers that lets nobody in: mostly unsigned, and
// without an assertion.
func status(second, message string) func(*house, samltest.Answer) samltest.Answer {
	return func(_ *house, a samltest.Answer) samltest.Answer {
		return a.Sign(samltest.SignNothing).With(func(a *samltest.Answer) {
			a.Status, a.StatusMessage = []string{statuses + "Responder"}, message
			if second != "" {
				a.Status = append(a.Status, statuses+second)
			}
		}).Draft(func(response *etree.Element) {
			response.RemoveChild(response.SelectElement("Assertion"))
		})
	}
}

func encrypted(encryption samltest.Encryption) func(*house, samltest.Answer) samltest.Answer {
	return func(_ *house, a samltest.Answer) samltest.Answer { return a.Encrypt(encryption) }
}

func signedWith(signature samltest.Signature) func(*house, samltest.Answer) samltest.Answer {
	return func(_ *house, a samltest.Answer) samltest.Answer { return a.SignWith(signature) }
}

// clock is a provider whose clock is off by so much.
func clock(off time.Duration) func(*house, samltest.Answer) samltest.Answer {
	return func(h *house, a samltest.Answer) samltest.Answer { return a.At(h.now.Add(off)) }
}

// attribute sends other values under a name, or the values under another name.
func attribute(name string, values ...string) func(*house, samltest.Answer) samltest.Answer {
	return says(func(a *samltest.Answer) {
		i := slices.IndexFunc(a.Attributes, func(one samltest.Attribute) bool { return one.Name == name })
		a.Attributes[i].Values = values
	})
}

func renamed(from string, to samltest.Attribute) func(*house, samltest.Answer) samltest.Answer {
	return says(func(a *samltest.Answer) {
		i := slices.IndexFunc(a.Attributes, func(one samltest.Attribute) bool { return one.Name == from })
		to.Values = a.Attributes[i].Values
		if to.Name == "" {
			a.Attributes = slices.Delete(a.Attributes, i, i+1)
			return
		}
		a.Attributes[i] = to
	})
}

// access gives the record one access rule, so that nobody else comes in (S24).
func access(attribute, pattern string, options rules.Options) func(*idms.Record) {
	return func(r *idms.Record) {
		r.Access = r.Access[:1]
		r.Access[0].Attribute = attribute
		parsed, err := rules.ParsePattern(pattern, options)
		if err != nil {
			panic(err)
		}
		r.Access[0].Pattern = parsed
	}
}

func raw(field string) func(*house, *browser, login.Post) login.Post {
	return func(_ *house, _ *browser, post login.Post) login.Post {
		post.Response = field
		return post
	}
}

func encoded(text string) func(*house, *browser, login.Post) login.Post {
	return raw(base64.StdEncoding.EncodeToString([]byte(text)))
}

func fingerprint(key samltest.KeyName) string { return saml.Fingerprint(samltest.Key(key).Certificate) }

var mistakes = []mistake{
	// Whom the assertion is for.
	{name: "the audience is the ACS URL", answer: audience(acs), code: trace.AudienceMismatch,
		field: "saml.audience", suggested: acs, there: entityID, says: "this record's ACS URL"},
	{name: "the audience has a slash too many", answer: audience(entityID + "/"), code: trace.AudienceMismatch,
		field: "saml.audience", suggested: entityID + "/", there: entityID, says: "only in the slash"},
	{name: "the audience is http in place of https", answer: audience("http://login.example.test/saml/corp/metadata"), code: trace.AudienceMismatch,
		field: "saml.audience", suggested: "http://login.example.test/saml/corp/metadata", there: entityID, says: `only in the scheme: "http" instead of "https"`},
	{name: "the audience differs in case", answer: audience(strings.ToUpper(entityID)), code: trace.AudienceMismatch,
		field: "saml.audience", suggested: strings.ToUpper(entityID), there: entityID, says: "upper and lower case"},
	{name: "the audience is another record's", answer: audience(origin + "/saml/sales/metadata"), code: trace.AudienceMismatch,
		there: entityID, says: `another record, "sales"`},
	{name: "the audience is a name of its own", answer: audience("urn:example:portal"), code: trace.AudienceMismatch,
		field: "saml.audience", suggested: "urn:example:portal", there: entityID},
	{name: "Audience URI is set, and the provider knows the issuer", answer: audience(entityID),
		record: func(r *idms.Record) { r.SAML.Audience = "urn:example:portal" }, code: trace.AudienceMismatch,
		field: "saml.audience", suggested: entityID, there: "urn:example:portal", says: "empty Audience URI"},
	{name: "no audience at all", answer: says(func(a *samltest.Answer) { a.Audiences = nil }), code: trace.AudienceMissing, there: entityID},

	// Where it is sent.
	{name: "the provider has http in place of https", answer: recipient("http://login.example.test/saml/corp/acs"), code: trace.RecipientMismatch,
		there: acs, says: `only in the scheme: "http" instead of "https"`},
	{name: "the provider has another host", answer: recipient("https://portal.example.test/saml/corp/acs"), code: trace.RecipientMismatch,
		there: acs, says: `only in the host: "portal.example.test" instead of "login.example.test"`},
	{name: "the provider has a port", answer: destination("https://login.example.test:8443/saml/corp/acs"), code: trace.DestinationMismatch,
		there: acs, says: `only in the port: "8443" instead of "none"`},
	{name: "the provider has a slash at the end", answer: destination(acs + "/"), code: trace.DestinationMismatch,
		there: acs, says: "only in the slash"},
	{name: "the provider has the metadata address as ACS", answer: destination(entityID), code: trace.DestinationMismatch, there: acs},
	{name: "the provider has the ACS of another record", answer: recipient(origin + "/saml/sales/acs"), code: trace.RecipientMismatch,
		there: acs, says: `another record, "sales"`},
	{name: "the provider posts to an old address that was retired", code: trace.DestinationMismatch,
		answer: says(func(a *samltest.Answer) {
			a.Destination = "https://old.example.test/saml/corp/acs"
			a.Confirmations[0].Recipient = a.Destination
		}),
		come: func(_ *house, _ *browser, post login.Post) login.Post {
			post.Origin = "https://old.example.test"
			return post
		},
		field: "saml.previous_origins", suggested: "https://old.example.test", there: acs, says: "previous origins"},

	// Clocks: both are named, and how far they are apart.
	{name: "the provider's clock is four minutes ahead", answer: clock(4 * time.Minute), code: trace.TooEarly,
		field: "saml.clock_skew", suggested: "4m", says: "4m0s ahead of this one: it said 2026-03-01 12:04:00 UTC when it was 2026-03-01 12:00:00 UTC here"},
	{name: "the provider's clock is an hour ahead", answer: clock(time.Hour), code: trace.TooEarly,
		field: "saml.clock_skew", there: "set by NTP", says: "find out which of the two clocks is wrong"},
	{name: "the provider's clock is nine minutes behind", answer: clock(-9 * time.Minute), code: trace.TooLate,
		field: "saml.clock_skew", suggested: "5m", says: "9m0s behind this one"},
	{name: "the provider's clock is an hour behind", answer: clock(-time.Hour), code: trace.TooLate,
		field: "saml.clock_skew", there: "set by NTP", says: "1h0m0s behind this one: it said 2026-03-01 11:00:00 UTC"},
	{name: "the clocks agree, and the answer was left lying about", code: trace.TooLate,
		come: func(h *house, _ *browser, post login.Post) login.Post {
			h.wait(9 * time.Minute)
			return post
		},
		field: "saml.clock_skew", says: "The clocks seem to agree"},
	{name: "the authentication happens tomorrow", answer: says(func(a *samltest.Answer) { a.AuthnInstant = noon.Add(24 * time.Hour) }),
		code: trace.AuthnInFuture, field: "saml.clock_skew", says: "24h0m0s later than this clock"},
	{name: "instants without a time zone", code: trace.TimeFormat, says: "UTC",
		answer: func(_ *house, a samltest.Answer) samltest.Answer {
			return a.Draft(func(response *etree.Element) {
				response.FindElement("./Assertion/Conditions").CreateAttr("NotOnOrAfter", "2026-03-01T12:05:00")
			})
		}},

	// Keys and signatures.
	{name: "the provider signs with a certificate that nobody told us", answer: signedWith(samltest.Signature{Key: samltest.Key(samltest.Stranger)}),
		code: trace.UnknownKey, field: "saml.certificates", says: fingerprint(samltest.Stranger)},
	{name: "the provider has rolled its key, and the metadata at its address has the new one", answer: signedWith(samltest.Signature{Key: samltest.Key(samltest.NextSigner)}),
		before: func(h *house) {
			h.Published = func(_ context.Context, record, shown string) string {
				if record == "corp" && shown == fingerprint(samltest.NextSigner) {
					return "The metadata at the record's address has it: fetch it."
				}
				return ""
			}
		},
		code: trace.UnknownKey, field: "saml.certificates", says: "The metadata at the record's address has it"},
	{name: "the provider has renewed its certificate under the same name", answer: signedWith(samltest.Signature{Key: samltest.Key(samltest.Impostor)}),
		code: trace.UnknownKey, field: "saml.certificates", says: "probably rolled its key over"},
	{name: "the provider's certificate has ended, and the record refuses that", answer: signedWith(samltest.Signature{Key: samltest.Key(samltest.Expired)}),
		record: func(r *idms.Record) {
			provider := samltest.NewIdP("https://idp.example.test/saml", samltest.Key(samltest.Expired))
			r.SAML.Metadata, r.SAML.RefuseExpiredCertificates = string(provider.Metadata()), true
		},
		code: trace.CertificateExpired, field: "saml.metadata", says: "2015"},
	{name: "nothing is signed", answer: says(func(a *samltest.Answer) { a.Signs = samltest.SignNothing }), code: trace.Unsigned,
		there: "response, assertion, or both", says: "Switch on"},
	{name: "the response must be signed, and only the assertion is", record: func(r *idms.Record) { r.SAML.Signed = saml.SignedResponse },
		code: trace.Unsigned, field: "saml.signed", suggested: "assertion", there: "response"},
	{name: "the assertion must be signed, and only the response is", record: func(r *idms.Record) { r.SAML.Signed = saml.SignedAssertion },
		answer: says(func(a *samltest.Answer) { a.Signs = samltest.SignResponse }),
		code:   trace.Unsigned, field: "saml.signed", suggested: "response", there: "assertion"},
	{name: "the provider signs with SHA-1", answer: signedWith(samltest.Signature{Method: samltest.RSASHA1, Digest: samltest.DigestSHA1}),
		code: trace.SignatureAlgorithm, field: "saml.legacy.sha1", suggested: "true", there: "RSA-SHA256, with exclusive canonicalisation"},
	{name: "the provider canonicalises inclusively", answer: signedWith(samltest.Signature{C14N: samltest.Inclusive10}),
		code: trace.SignatureAlgorithm, field: "saml.legacy.inclusive_c14n", suggested: "true", there: "RSA-SHA256, with exclusive canonicalisation"},
	{name: "the provider signs with MD5", answer: signedWith(samltest.Signature{Method: samltest.RSAMD5}),
		code: trace.SignatureAlgorithm, there: "RSA-SHA256, with exclusive canonicalisation"},
	{name: "a proxy rewrites the message", code: trace.SignatureInvalid, says: "proxy that rewrites",
		answer: func(_ *house, a samltest.Answer) samltest.Answer {
			return a.Replace("ada@example.test", "ada@example.com")
		}},

	// Encryption.
	{name: "the provider encrypts to somebody else's certificate", answer: encrypted(samltest.Encryption{To: samltest.Key(samltest.Stranger), Show: true}),
		code: trace.DecryptionFailed, there: fingerprint(samltest.Service), says: fingerprint(samltest.Stranger)},
	{name: "the provider encrypts to a certificate that was retired", answer: encrypted(samltest.Encryption{To: samltest.Key(samltest.OldService), Show: true}),
		code: trace.DecryptionFailed, there: fingerprint(samltest.Service), says: "not the record's, or no longer"},
	{name: "the provider encrypts with CBC and signs the assertion alone", answer: encrypted(samltest.Encryption{Data: samltest.AES256CBC}),
		code: trace.EncryptionAlgorithm, field: "saml.legacy.cbc", suggested: "true", there: "AES-256-GCM, its key by RSA-OAEP"},
	{name: "the provider wraps the key with RSA-1_5", answer: encrypted(samltest.Encryption{Transport: samltest.RSA15}),
		code: trace.EncryptionAlgorithm, there: "AES-256-GCM, its key by RSA-OAEP", says: "rsa-1_5"},
	{name: "the provider encrypts with Triple DES", answer: encrypted(samltest.Encryption{Data: samltest.TripleDESCBC}),
		code: trace.EncryptionAlgorithm, there: "AES-256-GCM, its key by RSA-OAEP"},
	{name: "the provider wants to encrypt and has no certificate of ours", answer: status("", "no encryption key for the relying party"),
		code: trace.IdPStatus, says: "no encryption key for the relying party"},

	// Who the provider says it is.
	{name: "the issuer has a slash at the end", answer: issuer("https://idp.example.test/saml/"), code: trace.IssuerMismatch,
		field: "saml.issuer", suggested: "https://idp.example.test/saml/", says: "only in the slash"},
	{name: "the issuer is http in place of https", answer: issuer("http://idp.example.test/saml"), code: trace.IssuerMismatch,
		field: "saml.issuer", suggested: "http://idp.example.test/saml", says: "only in the scheme"},
	{name: "the issuer is another tenant", answer: issuer("https://sts.example.test/9d1a3c52-0b5e-4c83-8d3e-0d7c2a4f1b6e/"), code: trace.IssuerMismatch,
		field: "saml.issuer", suggested: "https://sts.example.test/9d1a3c52-0b5e-4c83-8d3e-0d7c2a4f1b6e/"},

	// What the provider says in place of an assertion.
	{name: "the provider cannot give the NameID format", answer: status("InvalidNameIDPolicy", ""),
		record: func(r *idms.Record) { r.SAML.NameIDFormat = samltest.FormatTransient },
		code:   trace.IdPStatus, field: "saml.name_id_format", suggested: samltest.FormatPersistent},
	{name: "the provider may not show a page", answer: status("NoPassive", ""), code: trace.IdPStatus, there: "off", says: "forbids a prompt"},
	{name: "the provider could not authenticate the person", answer: status("AuthnFailed", "account locked"), code: trace.IdPStatus, says: "account locked"},
	{name: "the person is not assigned to the application", answer: status("RequestDenied", ""), code: trace.IdPStatus,
		there: "the person, or a group of theirs", says: "not assigned"},
	{name: "the provider cannot authenticate so strongly", answer: status("NoAuthnContext", ""),
		record: func(r *idms.Record) {
			r.SAML.AllowedContexts, r.SAML.RequestContexts = []string{samltest.ContextSmartcard}, true
		},
		code: trace.IdPStatus, field: "saml.request_auth_contexts", suggested: "false"},
	{name: "the provider wants signed requests", answer: func(h *house, a samltest.Answer) samltest.Answer {
		return status("", "")(h, a).With(func(a *samltest.Answer) { a.Status = []string{statuses + "Requester"} })
	},
		record: func(r *idms.Record) {
			r.SAML.Metadata = strings.Replace(r.SAML.Metadata, `WantAuthnRequestsSigned="false"`, `WantAuthnRequestsSigned="true"`, 1)
		},
		code: trace.IdPStatus, field: "saml.sign_requests", suggested: "true"},
	{name: "the provider does not know this service", answer: func(h *house, a samltest.Answer) samltest.Answer {
		return status("", "unknown relying party")(h, a).With(func(a *samltest.Answer) { a.Status = []string{statuses + "Requester"} })
	}, code: trace.IdPStatus, there: entityID, says: "unknown relying party"},
	{name: "the provider does not take requests by redirect", answer: status("UnsupportedBinding", ""), code: trace.IdPStatus,
		field: "saml.request_binding", suggested: "post", there: "HTTP-POST"},

	// Which message came, and how.
	{name: "the field is not base64", come: raw("!!!"), code: trace.MessageEncoding, there: "HTTP-POST", says: "not base64"},
	{name: "the field is percent-encoded twice", come: raw("PHg%2BPC94Pg%3D%3D"), code: trace.MessageEncoding, there: "HTTP-POST", says: "once too often"},
	{name: "the field is XML as it is", come: raw("<samlp:Response/>"), code: trace.MessageEncoding, there: "HTTP-POST", says: "XML or HTML as it is"},
	{name: "the form has no SAMLResponse", come: raw(""), code: trace.MessageEncoding, there: "HTTP-POST", says: "no field SAMLResponse"},
	{name: "a page of HTML came", come: encoded("<!DOCTYPE html><html><body>Sign in</body></html>"), code: trace.XMLForbidden, says: "an HTML page"},
	{name: "the response is compressed", come: encoded("}\x91AO\xc30\x0c\x85\xff"),
		code: trace.XMLMalformed, there: "HTTP-POST", says: "compressed"},
	{name: "our own request came back", code: trace.WrongMessage, field: "saml.sso_url", there: acs, says: "A request came back",
		come: encoded(`<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_1" Version="2.0"/>`)},
	{name: "the provider answers in the address", code: trace.MessageEncoding, there: "HTTP-POST", says: "HTTP-Redirect",
		come: func(_ *house, _ *browser, post login.Post) login.Post {
			post.InAddress = true
			return post
		}},
	{name: "two assertions", code: trace.ResponseStructure, says: "several Assertions",
		answer: func(_ *house, a samltest.Answer) samltest.Answer {
			return a.Sealed(func(response *etree.Element) {
				second := response.SelectElement("Assertion").Copy()
				second.CreateAttr("ID", "_second")
				response.AddChild(second)
			})
		}},
	{name: "a confirmation by key alone", code: trace.SubjectConfirmation, there: "SAML 2.0 Web Browser SSO, confirmed by bearer", says: "holder-of-key",
		answer: says(func(a *samltest.Answer) { a.Confirmations[0].Method = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key" })},
	{name: "no NameID", answer: says(func(a *samltest.Answer) { a.NameID.Value = samltest.Absent }), code: trace.NameID,
		there: "any value that stays with the person, such as a persistent one"},
	{name: "the NameID was made for another service", answer: says(func(a *samltest.Answer) { a.NameID.SPNameQualifier = entityID + "/" }),
		code: trace.NameID, there: entityID, says: "only in the slash"},
	{name: "more groups than anybody should have", code: trace.AttributeLimit, there: "only those that are needed",
		answer: attribute("groups", make([]string, 30_001)...)},

	// Which request it answers.
	{name: "people start at the provider", code: trace.NoPendingRequest, field: "saml.allow_unsolicited", suggested: "true",
		come: func(_ *house, _ *browser, post login.Post) login.Post {
			post.Tickets = nil
			return post
		}},
	{name: "people start at the provider while a login is on its way", code: trace.Unsolicited, field: "saml.allow_unsolicited", suggested: "true",
		answer: func(_ *house, a samltest.Answer) samltest.Answer { return a.To(saml.Request{}) }},
	{name: "people start at the provider of a record with ForceAuthn", code: trace.Unsolicited, field: "saml.force_authn", suggested: "false",
		record: func(r *idms.Record) { r.SAML.ForceAuthn = true },
		answer: func(_ *house, a samltest.Answer) samltest.Answer { return a.To(saml.Request{}) }},
	{name: "an old tab", code: trace.RequestMismatch, says: origin + "/saml/corp/login",
		answer: func(_ *house, a samltest.Answer) samltest.Answer { return a.To(saml.Request{ID: "_of-another-tab"}) }},
	{name: "a lunch break at the provider's page", code: trace.RequestExpired, says: "session.pending",
		come: func(h *house, _ *browser, post login.Post) login.Post {
			h.wait(11 * time.Minute)
			return post
		}},
	{name: "the back button", code: trace.Replayed, says: "back button",
		come: func(h *house, b *browser, post login.Post) login.Post {
			if outcome, err := h.Complete(h.t.Context(), post); err != nil || outcome.Refusal != nil {
				h.t.Fatalf("the first use: %+v, %v", outcome, err)
			}
			return post
		},
		record: func(r *idms.Record) { r.SAML.AllowUnsolicited = true },
		answer: func(_ *house, a samltest.Answer) samltest.Answer { return a.To(saml.Request{}) }},
	{name: "the provider does not honour ForceAuthn", code: trace.AuthnTooOld, field: "saml.force_authn", suggested: "false",
		record: func(r *idms.Record) { r.SAML.ForceAuthn = true },
		answer: says(func(a *samltest.Answer) { a.AuthnInstant = noon.Add(-8 * time.Hour) })},

	// How the person authenticated.
	{name: "another authentication context", code: trace.AuthContextNotAllowed, field: "saml.allowed_auth_contexts", suggested: samltest.ContextPassword, there: samltest.ContextSmartcard,
		record: func(r *idms.Record) { r.SAML.AllowedContexts = []string{samltest.ContextSmartcard} }},
	{name: "no authentication context", code: trace.AuthContextMissing, field: "saml.allowed_auth_contexts", there: samltest.ContextSmartcard,
		record: func(r *idms.Record) { r.SAML.AllowedContexts = []string{samltest.ContextSmartcard} },
		answer: says(func(a *samltest.Answer) { a.Context = samltest.Absent })},

	// What it says about the person.
	{name: "the username comes in another case", answer: renamed("username", samltest.Attribute{Name: "UserName"}), code: trace.FieldMissing,
		field: "mapping.username", suggested: "UserName", there: "username"},
	{name: "the e-mail comes under a claim URI", answer: renamed("email", samltest.Attribute{Name: claims + "emailaddress"}), code: trace.FieldMissing,
		field: "mapping.email", suggested: claims + "emailaddress", there: "email"},
	{name: "the e-mail's friendly name is mapped, and it comes under its object identifier", code: trace.FieldMissing,
		record: func(r *idms.Record) { r.Mapping.Email = "mail" },
		answer: renamed("email", samltest.Attribute{Name: "urn:oid:0.9.2342.19200300.100.1.3", FriendlyName: "mail"}),
		field:  "mapping.email", suggested: "urn:oid:0.9.2342.19200300.100.1.3", there: "mail"},
	{name: "the first name is mapped by a claim URI, and comes by a short name", code: trace.FieldMissing,
		record: func(r *idms.Record) { r.Mapping.FirstName = claims + "givenname" },
		answer: renamed("first_name", samltest.Attribute{Name: "givenName"}),
		field:  "mapping.first_name", suggested: "givenName", there: claims + "givenname"},
	{name: "the last name does not come", answer: renamed("last_name", samltest.Attribute{}), code: trace.FieldMissing,
		field: "mapping.last_name", there: "last_name", says: "did not come"},
	{name: "an e-mail longer than any", answer: attribute("email", strings.Repeat("e", 2000)), code: trace.ValueTooLong, field: "mapping.email"},
	{name: "a value that a rule reads is too long", answer: attribute("status", strings.Repeat("s", rules.MaxValue+1)), code: trace.ValueTooLong,
		there: `values of "status" of at most 16384 bytes`},

	// Rules.
	{name: "the groups come in another case", record: access("groups", "^Admins$", rules.Options{}), code: trace.NoAccess,
		field: "access_rules[0].ignore_case", suggested: "true"},
	{name: "the pattern must match the whole, and matches a part", record: access("groups", "admin", rules.Options{Full: true}), code: trace.NoAccess,
		field: "access_rules[0].match", suggested: "search"},
	{name: "the groups come joined by commas", record: access("groups", "^admins$", rules.Options{}), answer: attribute("groups", "ops,admins"), code: trace.NoAccess,
		field: "access_rules[0].pattern", there: "one value for each group (multi-valued)", says: `joined by ","`},
	{name: "the groups come as distinguished names", record: access("groups", "^Platform$", rules.Options{}),
		answer: attribute("groups", "CN=Platform,OU=Groups,DC=corp,DC=test"), code: trace.NoAccess,
		field: "access_rules[0].pattern", suggested: "^CN=Platform,OU=Groups,DC=corp,DC=test$", there: "names in place of distinguished names"},
	{name: "the groups come as object IDs", record: access("groups", "^Platform$", rules.Options{}),
		answer: attribute("groups", "9d1a3c52-0b5e-4c83-8d3e-0d7c2a4f1b6e"), code: trace.NoAccess,
		field: "access_rules[0].pattern", there: "names in place of object IDs", says: "object ID"},
	{name: "a value has blanks that nobody sees", record: access("groups", "^admins$", rules.Options{}),
		answer: attribute("groups", "admins\u00a0"), code: trace.NoAccess,
		field: "access_rules[0].pattern", suggested: "^admins\u00a0$", says: "blanks"},
	{name: "the rule names an attribute by its friendly name", record: access("isMemberOf", "^admins$", rules.Options{}),
		answer: renamed("groups", samltest.Attribute{Name: "urn:oid:1.3.6.1.4.1.5923.1.5.1.1", FriendlyName: "isMemberOf"}), code: trace.NoAccess,
		field: "access_rules[0].attribute", suggested: "urn:oid:1.3.6.1.4.1.5923.1.5.1.1"},
	{name: "no groups come, since no filter lets them through", record: access("groups", "^admins$", rules.Options{}),
		answer: renamed("groups", samltest.Attribute{}), code: trace.NoAccess,
		field: "access_rules[0].attribute", there: "groups", says: "a filter"},
	{name: "too many groups for the provider: it sends a link", record: func(r *idms.Record) {
		r.Validation[0].Attribute = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"
	}, answer: renamed("groups", samltest.Attribute{Name: "http://schemas.microsoft.com/claims/groups.link"}), code: trace.ValidationIncomplete,
		there: "groups assigned to the application"},
	{name: "the first access rule shuts everybody else out", record: access("department", "^cloud$", rules.Options{}), code: trace.NoAccess,
		field: "access_rules[0].attribute", there: "department"},
	{name: "a validation rule that nobody meets", record: func(r *idms.Record) { r.Validation[0].Values = rules.Any }, code: trace.ValidationFailed,
		field: "validation_rules[0].pattern", says: "not-suspended"},

	// Who the person is here.
	{name: "nobody is created, and the person is not known", record: func(r *idms.Record) { r.CreateUsers = false }, code: trace.UserUnknown,
		field: "create_users", suggested: "true"},
	{name: "the person is known through another record", code: trace.UserUnknown, field: "create_users", suggested: "true", says: "known through sales",
		before: func(h *house) { h.knownThrough("sales", "ada") },
		record: func(r *idms.Record) { r.CreateUsers = false }},
	{name: "the person is blocked", code: trace.AccountDisabled, says: "Unblock",
		before: func(h *house) {
			var b browser
			h.logIn(&b)
			h.alter("ada", func(a *users.Account) { a.State = users.Blocked })
		}},
	{name: "the record is switched off", record: func(r *idms.Record) { r.State = idms.Disabled }, code: trace.RecordInactive,
		field: "state", suggested: "active"},
	{name: "the record is still a draft", record: func(r *idms.Record) { r.State = idms.Draft }, code: trace.RecordInactive,
		field: "state", suggested: "active", says: "test login"},
}

// alter changes the account of a username, as an administrator does.
func (h *house) alter(username string, change func(*users.Account)) {
	h.t.Helper()
	edition, err := h.store.Edition(h.t.Context(), "corp")
	if err != nil {
		h.t.Fatal(err)
	}
	err = h.store.InTx(h.t.Context(), func(tx *store.Tx) error {
		known, err := tx.Known(edition, username)
		if err != nil {
			return err
		}
		change(known.Account)
		return tx.UpdateUser(*known.Account)
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// knownThrough makes another record, and somebody who came through it.
func (h *house) knownThrough(key, username string) {
	h.t.Helper()
	file := idms.File{Records: []idms.Record{{Key: key, Name: key, State: idms.Draft}}}
	if _, err := h.store.Apply(h.t.Context(), file, store.Author{Who: "test", Now: *h.now}); err != nil {
		h.t.Fatal(err)
	}
	edition, err := h.store.Edition(h.t.Context(), key)
	if err != nil {
		h.t.Fatal(err)
	}
	err = h.store.InTx(h.t.Context(), func(tx *store.Tx) error {
		return tx.CreateUser(users.Account{ID: store.NewID(), RecordID: edition.ID, State: users.Enabled, Created: *h.now,
			Profile: users.Profile{Username: username}})
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func TestS61EveryMistakeIsToldWithWhatToChange(t *testing.T) {
	if len(mistakes) < 40 {
		t.Fatalf("%d mistakes", len(mistakes))
	}
	for _, tt := range mistakes {
		t.Run(tt.name, func(t *testing.T) {
			h := onSQLite(t)
			if tt.before != nil {
				tt.before(h)
			}
			// The browser sets out while the record still takes logins: what is wrong
			// shows when the answer comes.
			if tt.record != nil && tt.code != trace.RecordInactive {
				h.save(tt.record)
			}
			var b browser
			answer := h.answer(h.begin(&b, "/"))
			if tt.code == trace.RecordInactive {
				h.save(tt.record)
			}
			if tt.answer != nil {
				answer = tt.answer(h, answer)
			}
			post := h.posted(&b, answer)
			if tt.come != nil {
				post = tt.come(h, &b, post)
			}
			outcome, err := h.Complete(t.Context(), post)
			if err != nil {
				t.Fatal(err)
			}
			if outcome.Refusal == nil {
				t.Fatal("admitted")
			}
			kept, err := h.Trace(t.Context(), outcome.Reference)
			if err != nil {
				t.Fatal(err)
			}
			tt.check(t, outcome, kept)
		})
	}
}

func (tt mistake) check(t *testing.T, outcome login.Outcome, kept login.Trace) {
	t.Helper()
	refusal := kept.Protocol.Refusal()
	if refusal == nil && kept.Decision != nil {
		refusal = kept.Decision.Steps.Refusal()
	}
	if refusal == nil || refusal.Code != tt.code || outcome.Refusal.Code != tt.code || refusal.Fix == nil {
		t.Fatalf("refused by %+v (%s), want %s with a fix", refusal, outcome.Refusal.Code, tt.code)
	}
	fix := *refusal.Fix
	there := ""
	if fix.There != nil {
		there = fix.There.Value
	}
	if fix.Field != tt.field || fix.Suggested != tt.suggested {
		t.Errorf("the fix is %q in %q, want %q in %q (%s)", fix.Suggested, fix.Field, tt.suggested, tt.field, fix.Say)
	}
	if tt.there != "" && there != tt.there {
		t.Errorf("at the provider it wants %q, not %q", there, tt.there)
	}
	if fix.Say == "" || !strings.Contains(refusal.Found+" "+fix.Say, tt.says) {
		t.Errorf("it says %q and %q, without %q", refusal.Found, fix.Say, tt.says)
	}
	// S60: the visitor reads one of the few sentences, and nothing that came.
	if outcome.Refusal.Sentence != tt.code.Meaning().Visitor || strings.ContainsAny(outcome.Refusal.Sentence, `"/:_`) {
		t.Errorf("the visitor reads %q", outcome.Refusal.Sentence)
	}
}

// S42: not every mistake is a refusal. A username that another person has got
// comes with another persistent NameID, and the trace says so.
func TestS42AnotherNameIDForAKnownUsernameIsTold(t *testing.T) {
	h := onSQLite(t)
	var b browser
	h.logIn(&b)
	outcome := h.post(&b, h.answer(h.begin(&b, "/")).With(func(a *samltest.Answer) { a.NameID.Value = "somebody-else" }))
	if outcome.Refusal != nil {
		t.Fatal(h.told(outcome.Reference))
	}
	if told := h.told(outcome.Reference); !strings.Contains(told, "may have given this username to somebody else") {
		t.Errorf("the trace:\n%s", told)
	}
}
