package samltest

import (
	"fmt"
	"strings"
	"time"

	"github.com/beevik/etree"

	"idms/internal/saml"
	"idms/internal/trace"
)

// responseSaid and responseDrafted are attacks on a signed Response.
func responseSaid(rule, name string, codes []trace.Code, change func(a *Answer)) attack {
	return answered(rule, name, codes, func(_ Scene, a Answer) Answer { return a.Sign(SignResponse).With(change) })
}

func responseDrafted(rule, name string, codes []trace.Code, edit func(response *etree.Element)) attack {
	return answered(rule, name, codes, func(_ Scene, a Answer) Answer { return a.Sign(SignResponse).Draft(edit) })
}

// identities: version, ID, instant and issuer (M12).
func identities() []attack {
	version := codes(trace.Version)
	issuer := codes(trace.IssuerMismatch)
	instant := codes(trace.Version, trace.TimeFormat)
	list := []attack{
		said("M12", "a Response of version 1.1", version, func(a *Answer) { a.Version = "1.1" }),
		said("M12", "a Response of version 2.1", version, func(a *Answer) { a.Version = "2.1" }),
		said("M12", "a Response of version 2", version, func(a *Answer) { a.Version = "2" }),
		said("M12", "a Response without a version", version, func(a *Answer) { a.Version = Absent }),
		said("M12", "an assertion of version 1.1", version, func(a *Answer) { a.AssertionVersion = "1.1" }),
		said("M12", "an assertion without a version", version, func(a *Answer) { a.AssertionVersion = Absent }),
		said("M12", "a Response without an ID", version, func(a *Answer) { a.ID = Absent }),
		responseDrafted("M12", "an assertion without an ID in a signed Response", version, func(response *etree.Element) {
			child(response, "Assertion").RemoveAttr("ID")
		}),
		responseDrafted("M12", "an assertion with an empty ID in a signed Response", version, func(response *etree.Element) {
			child(response, "Assertion").CreateAttr("ID", "")
		}),
		drafted("M12", "a Response without an IssueInstant", instant, func(response *etree.Element) { response.RemoveAttr("IssueInstant") }),
		drafted("M12", "an assertion without an IssueInstant", instant, func(response *etree.Element) {
			child(response, "Assertion").RemoveAttr("IssueInstant")
		}),
		drafted("M12", "an assertion whose IssueInstant is no instant", instant, func(response *etree.Element) {
			child(response, "Assertion").CreateAttr("IssueInstant", "yesterday")
		}),
		said("M12", "no Issuer in the assertion", append(issuer, trace.ResponseStructure), func(a *Answer) { a.Issuer = Absent }),
		said("M12", "an empty Issuer in the assertion", issuer, func(a *Answer) { a.Issuer = " " }),
		responseSaid("M12", "a signed Response without an Issuer", issuer, func(a *Answer) { a.ResponseIssuer = Absent }),
		drafted("M12", "an Issuer with an element in it", append(issuer, trace.ResponseStructure), func(response *etree.Element) {
			issuer := find(response, "Assertion", "Issuer")
			issuer.CreateElement("x:x").CreateAttr("xmlns:x", "urn:x")
		}),
		drafted("M12", "an Issuer of another namespace", append(issuer, trace.ResponseStructure), func(response *etree.Element) {
			issuer := find(response, "Assertion", "Issuer")
			issuer.Space = "x"
			issuer.CreateAttr("xmlns:x", "urn:x")
		}),
	}
	for _, wrong := range []struct {
		name string
		make func(string) string
	}{
		{"another IdP", func(string) string { return "https://other-idp.test/saml" }},
		{"a trailing slash more", func(is string) string { return is + "/" }},
		{"another case", func(is string) string { return strings.ToUpper(is) }},
		{"a longer name", func(is string) string { return is + ".evil.test" }},
		{"a shorter name", func(is string) string { return is[:len(is)-1] }},
		{"a zero-width space at its end", func(is string) string { return is + "\u200b" }},
		{"white space in its middle", func(is string) string { return strings.Replace(is, "idp", "idp ", 1) }},
		{"the same name percent-encoded", func(is string) string { return strings.Replace(is, "i", "%69", 1) }},
	} {
		list = append(list,
			answered("M12", "the assertion's Issuer is "+wrong.name, issuer, func(s Scene, a Answer) Answer {
				return a.With(func(a *Answer) { a.Issuer = wrong.make(s.IdP.EntityID) })
			}),
			answered("M12", "the Response's Issuer is "+wrong.name, issuer, func(s Scene, a Answer) Answer {
				return a.With(func(a *Answer) { a.ResponseIssuer = wrong.make(s.IdP.EntityID) })
			}),
		)
	}
	return list
}

// places: Destination and Recipient (M13).
func places() []attack {
	var list []attack
	for _, wrong := range []struct {
		name string
		make func(string) string
	}{
		{"another service", func(string) string { return "https://evil.test/acs" }},
		{"another record's address here", func(acs string) string { return strings.Replace(acs, "/corp/", "/other/", 1) }},
		{"a trailing slash more", func(acs string) string { return acs + "/" }},
		{"another case", func(acs string) string { return strings.Replace(acs, "https", "HTTPS", 1) }},
		{"plain http", func(acs string) string { return strings.Replace(acs, "https", "http", 1) }},
		{"the port named", func(acs string) string { return strings.Replace(acs, ".test", ".test:443", 1) }},
		{"a query added", func(acs string) string { return acs + "?x=1" }},
		{"a fragment added", func(acs string) string { return acs + "#x" }},
		{"a dot in the path", func(acs string) string { return strings.Replace(acs, "/saml/", "/./saml/", 1) }},
		{"percent-encoding", func(acs string) string { return strings.Replace(acs, "acs", "%61cs", 1) }},
		{"a user name before the host", func(acs string) string { return strings.Replace(acs, "://", "://login@", 1) }},
		{"a longer host", func(acs string) string { return strings.Replace(acs, ".test/", ".test.evil/", 1) }},
		{"white space around it", func(acs string) string { return " " + acs + " " }},
		{"the metadata address", func(acs string) string { return strings.Replace(acs, "/acs", "/metadata", 1) }},
	} {
		list = append(list,
			answered("M13", "the Destination is "+wrong.name, codes(trace.DestinationMismatch), func(s Scene, a Answer) Answer {
				return a.With(func(a *Answer) { a.Destination = wrong.make(a.Destination) })
			}),
			answered("M13", "the Destination of a signed Response is "+wrong.name, codes(trace.DestinationMismatch), func(s Scene, a Answer) Answer {
				return a.Sign(SignResponse).With(func(a *Answer) { a.Destination = wrong.make(a.Destination) })
			}),
			answered("M13", "the Recipient is "+wrong.name, codes(trace.RecipientMismatch, trace.SubjectConfirmation), func(s Scene, a Answer) Answer {
				return a.With(func(a *Answer) { a.Confirmations[0].Recipient = wrong.make(a.Confirmations[0].Recipient) })
			}),
		)
	}
	return append(list,
		responseSaid("M13", "a signed Response without a Destination", codes(trace.DestinationMismatch), func(a *Answer) { a.Destination = Absent }),
		responseDrafted("M13", "a signed Response with an empty Destination", codes(trace.DestinationMismatch), func(response *etree.Element) {
			response.CreateAttr("Destination", "")
		}),
		drafted("M13", "an unsigned Response with an empty Destination", codes(trace.DestinationMismatch), func(response *etree.Element) {
			response.CreateAttr("Destination", "")
		}),
		said("M13", "no Recipient", codes(trace.RecipientMismatch, trace.SubjectConfirmation), func(a *Answer) { a.Confirmations[0].Recipient = Absent }),
		answered("M13", "meant for the present address, posted to the one before the reset", codes(trace.DestinationMismatch, trace.RecipientMismatch), func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.Destination, a.Confirmations[0].Recipient = s.SP.ACS, s.SP.ACS })
		}).under(func(s *Scene) {
			s.Settings.PreviousOrigins = []string{"https://old.example.test"}
			s.SP.PreviousACS = []string{"https://old.example.test/saml/corp/acs"}
			s.Expect.ACS = s.SP.PreviousACS[0]
		}),
		answered("M13", "meant for an address that is not ours at all, though it was posted there", codes(trace.DestinationMismatch, trace.RecipientMismatch, trace.SubjectConfirmation), func(s Scene, a Answer) Answer {
			return a
		}).under(func(s *Scene) { s.Expect.ACS = "https://never.example.test/saml/corp/acs" }),
		answered("M13", "another record's whole message", codes(trace.DestinationMismatch, trace.RecipientMismatch), func(s Scene, a Answer) Answer {
			other := saml.Settings{}.SP("other", "https://login.example.test", s.SP.Keys)
			return For(other).At(s.Expect.Now).Person("ada").With(func(b *Answer) {
				b.InResponseTo, b.Confirmations[0].InResponseTo = a.InResponseTo, a.InResponseTo
			})
		}),
	)
}

// confirmations: one bearer confirmation that passes everything (M14), and
// whose request it answers (M15).
func confirmations() []attack {
	none := codes(trace.SubjectConfirmation)
	mismatch := codes(trace.RequestMismatch)
	confirmation := func(response *etree.Element) *etree.Element {
		return find(response, "Assertion", "Subject", "SubjectConfirmation")
	}
	stolen := func(s Scene) Answer { return s.Answer().To(saml.Request{ID: "_somebody-elses"}) }
	list := []attack{
		said("M14", "no confirmation", none, func(a *Answer) { a.Confirmations = nil }),
		said("M14", "only holder-of-key", none, func(a *Answer) { a.Confirmations[0].Method = confirmHolder }),
		said("M14", "only sender-vouches", none, func(a *Answer) {
			a.Confirmations[0].Method = "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"
		}),
		said("M14", "the bearer method of SAML 1.0", none, func(a *Answer) { a.Confirmations[0].Method = "urn:oasis:names:tc:SAML:1.0:cm:bearer" }),
		said("M14", "a bearer method with white space around it", none, func(a *Answer) { a.Confirmations[0].Method = confirmBearer + " " }),
		drafted("M14", "no method", none, func(response *etree.Element) { confirmation(response).RemoveAttr("Method") }),
		drafted("M14", "no SubjectConfirmationData", none, func(response *etree.Element) {
			confirmation(response).RemoveChild(child(confirmation(response), "SubjectConfirmationData"))
		}),
		drafted("M14", "two SubjectConfirmationData in one confirmation", append(none, trace.ResponseStructure), func(response *etree.Element) {
			confirmation(response).AddChild(child(confirmation(response), "SubjectConfirmationData").Copy())
		}),
		drafted("M14", "SubjectConfirmationData of another namespace", none, func(response *etree.Element) {
			data := child(confirmation(response), "SubjectConfirmationData")
			data.Space = "x"
			data.CreateAttr("xmlns:x", "urn:x")
		}),
		said("M14", "a confirmation that never ends", append(none, trace.TimeFormat, trace.TooLate), func(a *Answer) { a.Confirmations[0].NotOnOrAfter = time.Time{} }),
		answered("M14", "two bearer confirmations, each with half of what is needed", append(none, trace.RecipientMismatch, trace.RequestMismatch, trace.TooLate), func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) {
				late, wrong := a.Confirmations[0], a.Confirmations[0]
				late.NotOnOrAfter = s.Expect.Now.Add(-time.Hour)
				wrong.Recipient = "https://evil.test/acs"
				a.Confirmations = []Confirmation{late, wrong}
			})
		}),
		answered("M14", "a perfect holder-of-key beside an expired bearer", append(none, trace.TooLate), func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) {
				holder, late := a.Confirmations[0], a.Confirmations[0]
				holder.Method = confirmHolder
				late.NotOnOrAfter = s.Expect.Now.Add(-time.Hour)
				a.Confirmations = []Confirmation{holder, late}
			})
		}),
		answered("M14", "a confirmation whose NotBefore is in the future", append(none, trace.TooEarly), func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) {
				a.Confirmations[0].NotBefore = s.Expect.Now.Add(s.skewed() + time.Minute)
				a.Confirmations[0].NotOnOrAfter = s.Expect.Now.Add(time.Hour)
			})
		}),
		answered("M14", "a confirmation that ended an hour ago", append(none, trace.TooLate), func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.Confirmations[0].NotOnOrAfter = s.Expect.Now.Add(-time.Hour) })
		}),
		answered("M14", "a confirmation that ends at this instant, skew included: windows are half-open", append(none, trace.TooLate), func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.Confirmations[0].NotOnOrAfter = s.Expect.Now.Add(-s.skewed()) })
		}),
		answered("M15", "an answer to somebody else's request", mismatch, func(s Scene, _ Answer) Answer { return stolen(s) }),
		answered("M15", "somebody else's assertion in a Response that names our request", mismatch, func(s Scene, a Answer) Answer {
			return stolen(s).With(func(b *Answer) { b.InResponseTo = a.InResponseTo })
		}),
		answered("M15", "our assertion in a Response that names somebody else's request", mismatch, func(s Scene, a Answer) Answer {
			return a.With(func(b *Answer) { b.InResponseTo = "_somebody-elses" })
		}),
		answered("M15", "an unsolicited assertion in a Response that names our request", append(mismatch, trace.Unsolicited), func(s Scene, a Answer) Answer {
			return a.With(func(b *Answer) { b.Confirmations[0].InResponseTo = "" })
		}),
		answered("M15", "unsolicited, and the record does not allow it", codes(trace.Unsolicited), func(s Scene, a Answer) Answer { return a.To(saml.Request{}) }),
		answered("M15", "unsolicited and signed, and the record does not allow it", codes(trace.Unsolicited), func(s Scene, a Answer) Answer {
			return a.To(saml.Request{}).Sign(SignBoth)
		}),
		answered("M15", "an empty InResponseTo on both", append(mismatch, trace.Unsolicited), func(s Scene, a Answer) Answer {
			return a.To(saml.Request{}).Draft(func(response *etree.Element) {
				response.CreateAttr("InResponseTo", "")
				child(confirmation(response), "SubjectConfirmationData").CreateAttr("InResponseTo", "")
			})
		}),
		answered("M15", "our request's ID with white space around it", mismatch, func(s Scene, a Answer) Answer {
			return a.To(saml.Request{ID: " " + a.InResponseTo})
		}),
		answered("M15", "our request's ID in another case", mismatch, func(s Scene, a Answer) Answer {
			return a.To(saml.Request{ID: strings.ToUpper(a.InResponseTo)})
		}),
		answered("M15", "the beginning of our request's ID", mismatch, func(s Scene, a Answer) Answer {
			return a.To(saml.Request{ID: a.InResponseTo[:len(a.InResponseTo)-1]})
		}),
		answered("M15", "an answer while no request waits", append(mismatch, trace.NoPendingRequest), func(s Scene, a Answer) Answer {
			return a.To(saml.Request{ID: "_request-1"})
		}).under(func(s *Scene) { s.Expect.Requests = nil }),
		answered("M15", "unsolicited is allowed, but this answers a request we do not know", mismatch, func(s Scene, _ Answer) Answer { return stolen(s) }).
			under(func(s *Scene) { s.Settings.AllowUnsolicited = true }),
		answered("M15", "unsolicited is allowed and nothing waits, but this answers a request", append(mismatch, trace.NoPendingRequest), func(s Scene, _ Answer) Answer { return stolen(s) }).
			under(func(s *Scene) { s.Settings.AllowUnsolicited, s.Expect.Requests = true, nil }),
		answered("M15", "unsolicited is allowed, the confirmation alone answers somebody else's request", mismatch, func(s Scene, a Answer) Answer {
			return stolen(s).With(func(b *Answer) { b.InResponseTo = "" })
		}).under(func(s *Scene) { s.Settings.AllowUnsolicited = true }),
		answered("M15", "unsolicited is allowed, the unsigned Response alone answers somebody else's request", mismatch, func(s Scene, a Answer) Answer {
			return a.To(saml.Request{}).With(func(b *Answer) { b.InResponseTo = "_somebody-elses" })
		}).under(func(s *Scene) { s.Settings.AllowUnsolicited = true }),
		answered("M15", "unsolicited, where ForceAuthn asks for a fresh authentication (S54)", codes(trace.Unsolicited), func(s Scene, a Answer) Answer {
			return a.To(saml.Request{})
		}).under(func(s *Scene) { s.Settings.AllowUnsolicited, s.Settings.ForceAuthn = true, true }),
		answered("M15", "the answer of one waiting request in a Response for the other", mismatch, func(s Scene, a Answer) Answer {
			return a.To(s.Expect.Requests[1]).With(func(b *Answer) { b.InResponseTo = s.Expect.Requests[0].ID })
		}).under(func(s *Scene) {
			s.Expect.Requests = append(s.Expect.Requests, saml.Request{ID: "_request-2", Issued: s.Expect.Now})
		}),
	}
	return list
}

// windows: Conditions and every other instant (M16).
func windows() []attack {
	late, early, format := codes(trace.TooLate), codes(trace.TooEarly), codes(trace.TimeFormat)
	var list []attack
	list = append(list,
		answered("M16", "Conditions that ended an hour ago", late, func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) {
				a.NotBefore, a.NotOnOrAfter = s.Expect.Now.Add(-2*time.Hour), s.Expect.Now.Add(-time.Hour)
			})
		}),
		answered("M16", "Conditions that end at this instant, skew included: windows are half-open", late, func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.NotOnOrAfter = s.Expect.Now.Add(-s.skewed()) })
		}),
		answered("M16", "Conditions that begin a second too late, skew included", early, func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) {
				a.NotBefore, a.NotOnOrAfter = s.Expect.Now.Add(s.skewed()+time.Second), s.Expect.Now.Add(time.Hour)
			})
		}),
		answered("M16", "Conditions that begin tomorrow", early, func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) {
				a.NotBefore, a.NotOnOrAfter = s.Expect.Now.AddDate(0, 0, 1), s.Expect.Now.AddDate(0, 0, 2)
			})
		}),
		answered("M16", "a window that ends before it begins", append(codes(trace.Conditions), append(early, late...)...), func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) {
				a.NotBefore, a.NotOnOrAfter = s.Expect.Now.Add(s.skewed()), s.Expect.Now.Add(-s.skewed())
			})
		}),
		answered("M16", "a second too late where the record allows no skew", late, func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.NotOnOrAfter = s.Expect.Now.Add(-time.Second) })
		}).under(func(s *Scene) { s.Settings.ClockSkew = 0 }),
		answered("M16", "a second too early where the record allows no skew", early, func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.NotBefore = s.Expect.Now.Add(time.Second) })
		}).under(func(s *Scene) { s.Settings.ClockSkew = 0 }),
		answered("M16", "authenticated in the future", codes(trace.AuthnInFuture), func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.AuthnInstant = s.Expect.Now.Add(s.skewed() + time.Second) })
		}),
		answered("M16", "the provider's session is over", codes(trace.SessionOver), func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.SessionUntil = s.Expect.Now.Add(-time.Hour) })
		}),
		said("M16", "no AuthnInstant", append(codes(trace.AuthnStatement), format...), func(a *Answer) { a.AuthnInstant = time.Time{} }),
		answered("M16", "ForceAuthn, authenticated long before the request", codes(trace.AuthnTooOld), func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.AuthnInstant = s.Expect.Now.Add(-time.Hour) })
		}).under(func(s *Scene) {
			s.Settings.ForceAuthn = true
			s.Expect.Requests[0].ForceAuthn = true
		}),
		answered("M16", "ForceAuthn, authenticated before the request by a second more than the skew", codes(trace.AuthnTooOld), func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.AuthnInstant = s.Expect.Requests[0].Issued.Add(-s.skewed() - time.Second) })
		}).under(func(s *Scene) {
			s.Settings.ForceAuthn = true
			s.Expect.Requests[0].ForceAuthn = true
		}),
	)
	for _, wrong := range []struct{ name, instant string }{
		{"no zone", "2026-03-14T09:26:53"}, {"only a date", "2026-03-14"}, {"a Unix time", "1773480413"}, {"nothing", ""}, {"a word", "never"},
		{"a blank instead of T", "2026-03-14 09:26:53Z"}, {"the 30th of February", "2026-02-30T09:26:53Z"}, {"hour 25", "2026-03-14T25:26:53Z"},
		{"a year of five digits", "12026-03-14T09:26:53Z"}, {"a negative year", "-2026-03-14T09:26:53Z"}, {"a comma", "2026-03-14T09:26:53,5Z"},
		{"a zone by name", "2026-03-14T09:26:53 UTC"}, {"an offset without a colon", "2026-03-14T09:26:53+0000"}, {"an offset of 99 hours", "2026-03-14T09:26:53+99:00"},
	} {
		set := func(path []string, attribute string) func(response *etree.Element) {
			return func(response *etree.Element) { find(response, path...).CreateAttr(attribute, wrong.instant) }
		}
		list = append(list,
			drafted("M16", "Conditions' NotOnOrAfter with "+wrong.name, format, set([]string{"Assertion", "Conditions"}, "NotOnOrAfter")),
			drafted("M16", "Conditions' NotBefore with "+wrong.name, format, set([]string{"Assertion", "Conditions"}, "NotBefore")),
			drafted("M16", "AuthnInstant with "+wrong.name, append(codes(trace.AuthnStatement), format...), set([]string{"Assertion", "AuthnStatement"}, "AuthnInstant")),
			drafted("M16", "SessionNotOnOrAfter with "+wrong.name, format, set([]string{"Assertion", "AuthnStatement"}, "SessionNotOnOrAfter")),
			drafted("M16", "the confirmation's NotOnOrAfter with "+wrong.name, append(codes(trace.SubjectConfirmation), format...),
				set([]string{"Assertion", "Subject", "SubjectConfirmation", "SubjectConfirmationData"}, "NotOnOrAfter")),
		)
	}
	return list
}

// audiences: for whom, under which conditions (M16).
func audiences() []attack {
	mismatch, missing, unknown := codes(trace.AudienceMismatch), codes(trace.AudienceMissing), codes(trace.Conditions)
	conditions := func(edit func(conditions *etree.Element)) func(response *etree.Element) {
		return func(response *etree.Element) { edit(find(response, "Assertion", "Conditions")) }
	}
	list := []attack{
		said("M16", "no AudienceRestriction", missing, func(a *Answer) { a.Audiences = nil }),
		said("M16", "an AudienceRestriction without an Audience", append(missing, trace.AudienceMismatch), func(a *Answer) { a.Audiences = [][]string{{}} }),
		said("M16", "an empty Audience", append(missing, trace.AudienceMismatch), func(a *Answer) { a.Audiences = [][]string{{""}} }),
		answered("M16", "two AudienceRestrictions, the second without us", mismatch, func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.Audiences = [][]string{{s.SP.Audience}, {"https://evil.test"}} })
		}),
		answered("M16", "two AudienceRestrictions, the first without us", mismatch, func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.Audiences = [][]string{{"https://evil.test"}, {s.SP.Audience}} })
		}),
		answered("M16", "our name in an Audience outside of any AudienceRestriction", missing, func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.Audiences = nil }).Draft(conditions(func(conditions *etree.Element) {
				conditions.CreateElement("saml:ProxyRestriction").CreateElement("saml:Audience").SetText(s.SP.Audience)
			}))
		}),
		answered("M16", "our name in an AudienceRestriction of another namespace", append(missing, trace.Conditions), func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.Audiences = nil }).Draft(conditions(func(conditions *etree.Element) {
				restriction := conditions.CreateElement("x:AudienceRestriction")
				restriction.CreateAttr("xmlns:x", "urn:x")
				restriction.CreateElement("saml:Audience").SetText(s.SP.Audience)
			}))
		}),
		drafted("M16", "an Audience with markup in it", append(mismatch, trace.ResponseStructure), conditions(func(conditions *etree.Element) {
			audience := find(conditions, "AudienceRestriction", "Audience")
			audience.CreateElement("x:x").CreateAttr("xmlns:x", "urn:x")
		})),
		answered("M16", "the SP issuer, though the record has an Audience URI of its own", mismatch, func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.Audiences = [][]string{{s.SP.EntityID}} })
		}).under(func(s *Scene) { s.Settings.Audience, s.SP.Audience = "urn:idms:audience", "urn:idms:audience" }),
		drafted("M16", "no Conditions", append(unknown, trace.AudienceMissing), func(response *etree.Element) {
			assertion := child(response, "Assertion")
			assertion.RemoveChild(child(assertion, "Conditions"))
		}),
		drafted("M16", "two Conditions, the second wide open", append(unknown, trace.ResponseStructure), func(response *etree.Element) {
			second := child(child(response, "Assertion"), "Conditions").Copy()
			second.RemoveAttr("NotOnOrAfter")
			insertAfter(child(response, "Assertion"), "Conditions", second)
		}),
		answered("M16", "two Conditions, the first expired", append(unknown, trace.ResponseStructure), func(s Scene, a Answer) Answer {
			return a.Draft(func(response *etree.Element) {
				conditions := child(child(response, "Assertion"), "Conditions")
				insertAfter(child(response, "Assertion"), "Conditions", conditions.Copy())
				conditions.CreateAttr("NotOnOrAfter", "2000-01-01T00:00:00Z")
			})
		}),
		drafted("M16", "a condition of our own namespace that does not exist", unknown, conditions(func(conditions *etree.Element) {
			conditions.CreateElement("saml:Unless")
		})),
		drafted("M16", "a condition of a namespace we do not know", unknown, conditions(func(conditions *etree.Element) {
			conditions.CreateElement("x:Condition").CreateAttr("xmlns:x", "urn:x")
		})),
		drafted("M16", "a Condition extended by xsi:type", unknown, conditions(func(conditions *etree.Element) {
			condition := conditions.CreateElement("saml:Condition")
			condition.CreateAttr("xmlns:xsi", nsXSI)
			condition.CreateAttr("xmlns:x", "urn:x")
			condition.CreateAttr("xsi:type", "x:OnlyOnTuesdays")
		})),
	}
	for _, wrong := range []struct {
		name string
		make func(string) string
	}{
		{"another service", func(string) string { return "https://evil.test/metadata" }},
		{"another record here", func(us string) string { return strings.Replace(us, "/corp/", "/other/", 1) }},
		{"a trailing slash more", func(us string) string { return us + "/" }},
		{"another case", func(us string) string { return strings.ToUpper(us) }},
		{"a longer name", func(us string) string { return us + ".evil.test" }},
		{"a shorter name", func(us string) string { return us[:len(us)-1] }},
		{"the host alone", func(string) string { return "https://login.example.test" }},
		{"two names in one Audience", func(us string) string { return us + " " + us }},
		{"a star", func(string) string { return "*" }},
		{"a no-break space at its end, which is no XML white space", func(us string) string { return us + "\u00a0" }},
	} {
		list = append(list, answered("M16", "the audience is "+wrong.name, mismatch, func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.Audiences = [][]string{{wrong.make(s.SP.Audience)}} })
		}))
	}
	return list
}

// statements: how the person authenticated (M16, M18).
func statements() []attack {
	missing := codes(trace.AuthnStatement)
	return []attack{
		drafted("M16", "no AuthnStatement", missing, func(response *etree.Element) {
			assertion := child(response, "Assertion")
			assertion.RemoveChild(child(assertion, "AuthnStatement"))
		}),
		drafted("M16", "an AuthnStatement of another namespace", append(missing, trace.ResponseStructure), func(response *etree.Element) {
			statement := find(response, "Assertion", "AuthnStatement")
			statement.Space = "x"
			statement.CreateAttr("xmlns:x", "urn:x")
		}),
		drafted("M18", "an AuthnStatement in Advice only", missing, func(response *etree.Element) {
			assertion := child(response, "Assertion")
			statement := child(assertion, "AuthnStatement")
			assertion.RemoveChild(statement)
			advice := etree.NewElement("saml:Advice")
			advice.AddChild(statement)
			insertAfter(assertion, "Conditions", advice)
		}),
		answered("M18", "an unsigned AuthnStatement in Extensions instead of the signed one", missing, func(_ Scene, a Answer) Answer {
			return a.Draft(func(response *etree.Element) {
				assertion := child(response, "Assertion")
				statement := child(assertion, "AuthnStatement")
				assertion.RemoveChild(statement)
				extensions := etree.NewElement("samlp:Extensions")
				declare(extensions, "", "saml", nsAssertion)
				extensions.AddChild(statement)
				insertAfter(response, "Issuer", extensions)
			})
		}),
		drafted("M18", "two AuthnContextClassRefs in one AuthnContext", append(missing, trace.ResponseStructure), func(response *etree.Element) {
			find(response, "Assertion", "AuthnStatement", "AuthnContext").CreateElement("saml:AuthnContextClassRef").SetText(ContextSmartcard)
		}),
		drafted("M18", "two AuthnContexts in one AuthnStatement", append(missing, trace.ResponseStructure), func(response *etree.Element) {
			statement := find(response, "Assertion", "AuthnStatement")
			statement.AddChild(child(statement, "AuthnContext").Copy())
		}),
		drafted("M18", "no AuthnContext", append(missing, trace.ResponseStructure), func(response *etree.Element) {
			statement := find(response, "Assertion", "AuthnStatement")
			statement.RemoveChild(child(statement, "AuthnContext"))
		}),
		answered("M16", "two AuthnStatements, the session of one is over", append(missing, trace.SessionOver, trace.ResponseStructure), func(s Scene, a Answer) Answer {
			return a.Draft(func(response *etree.Element) {
				assertion := child(response, "Assertion")
				second := child(assertion, "AuthnStatement").Copy()
				second.CreateAttr("SessionNotOnOrAfter", "2000-01-01T00:00:00Z")
				insertAfter(assertion, "AuthnStatement", second)
			})
		}),
	}
}

// subjects: the NameID (M19).
func subjects() []attack {
	bad := codes(trace.NameID)
	withNameID := func(edit func(subject, name *etree.Element)) func(response *etree.Element) {
		return func(response *etree.Element) {
			subject := find(response, "Assertion", "Subject")
			edit(subject, child(subject, "NameID"))
		}
	}
	list := []attack{
		said("M19", "no NameID", append(bad, trace.ResponseStructure), func(a *Answer) { a.NameID.Value = Absent }),
		said("M19", "a NameID qualified for another service", bad, func(a *Answer) { a.NameID.SPNameQualifier = "https://evil.test/metadata" }),
		said("M19", "a NameID qualified for us with a trailing slash", bad, func(a *Answer) { a.NameID.SPNameQualifier = a.SP.EntityID + "/" }),
		drafted("M19", "two NameIDs", append(bad, trace.ResponseStructure), withNameID(func(subject, name *etree.Element) {
			second := name.Copy()
			second.SetText("mallory")
			subject.InsertChildAt(name.Index()+1, second)
		})),
		drafted("M19", "a NameID with an element in it", append(bad, trace.ResponseStructure), withNameID(func(_, name *etree.Element) {
			element := name.CreateElement("x:x")
			element.CreateAttr("xmlns:x", "urn:x")
			name.CreateText(".evil.test")
		})),
		drafted("M19", "a NameID cut in two by an element", append(bad, trace.ResponseStructure), withNameID(func(_, name *etree.Element) {
			name.SetText("admin")
			element := name.CreateElement("x:x")
			element.CreateAttr("xmlns:x", "urn:x")
			name.CreateText("@evil.test")
		})),
		drafted("M19", "a NameID of another namespace", append(bad, trace.ResponseStructure), withNameID(func(_, name *etree.Element) {
			name.Space = "x"
			name.CreateAttr("xmlns:x", "urn:x")
		})),
		drafted("M19", "a BaseID instead of a NameID", append(bad, trace.ResponseStructure), withNameID(func(subject, name *etree.Element) {
			name.Tag = "BaseID"
		})),
		drafted("M19", "a NameID in the SubjectConfirmation only", append(bad, trace.ResponseStructure), withNameID(func(subject, name *etree.Element) {
			subject.RemoveChild(name)
			child(subject, "SubjectConfirmation").InsertChildAt(0, name)
		})),
		answered("M19", "an EncryptedID that cannot be decrypted", append(bad, trace.DecryptionFailed), func(s Scene, a Answer) Answer {
			return a.Draft(withNameID(func(subject, name *etree.Element) {
				encryptedID := etree.NewElement("saml:EncryptedID")
				s.IdP.fill(encryptedID, Encryption{To: Key(Stranger)}, s.SP, []byte(`<saml:NameID xmlns:saml="`+nsAssertion+`">ada</saml:NameID>`))
				subject.InsertChildAt(name.Index(), encryptedID)
				subject.RemoveChild(name)
			}))
		}),
		answered("M19", "an EncryptedID that holds an attribute", append(bad, trace.DecryptionFailed), func(s Scene, a Answer) Answer {
			return a.Draft(withNameID(func(_, name *etree.Element) {
				name.Tag = "Attribute"
				s.hide(name, "EncryptedID", Encryption{})
			}))
		}),
		answered("M19", "an EncryptedID that holds a comment", append(bad, trace.DecryptionFailed), func(s Scene, a Answer) Answer {
			return a.Draft(withNameID(func(_, name *etree.Element) {
				name.CreateComment("x")
				s.hide(name, "EncryptedID", Encryption{})
			}))
		}),
		answered("M19", "an EncryptedID whose NameID is qualified for another service", bad, func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.NameID.SPNameQualifier = "https://evil.test" }).Draft(s.encryptNameID)
		}),
		answered("M19", "an EncryptedID beside a NameID", append(bad, trace.ResponseStructure, trace.DecryptionFailed), func(s Scene, a Answer) Answer {
			return a.Draft(withNameID(func(subject, name *etree.Element) {
				encryptedID := etree.NewElement("saml:EncryptedID")
				s.IdP.fill(encryptedID, Encryption{}, s.SP, []byte(`<saml:NameID xmlns:saml="`+nsAssertion+`">mallory</saml:NameID>`))
				subject.InsertChildAt(name.Index(), encryptedID)
			}))
		}),
		drafted("M19", "no Subject", append(bad, trace.SubjectConfirmation, trace.ResponseStructure), func(response *etree.Element) {
			assertion := child(response, "Assertion")
			assertion.RemoveChild(child(assertion, "Subject"))
		}),
	}
	for _, blank := range []struct{ name, value string }{
		{"nothing", ""}, {"blanks", "   "}, {"line breaks", "\n\t\n"}, {"no-break spaces", "\u00a0\u00a0"}, {"an ideographic space", "\u3000"}, {"an em space and a next line", "\u2003\u0085"},
	} {
		list = append(list, said("M19", "a NameID of "+blank.name, bad, func(a *Answer) { a.NameID.Value = blank.value }))
	}
	return list
}

// limits: more than a login needs is refused by name, never cut (M03, M20).
func limits() []attack {
	complex := codes(trace.XMLTooComplex)
	return []attack{
		said("M19", "a NameID of 2 KB", codes(trace.NameID), func(a *Answer) { a.NameID.Value = strings.Repeat("n", 2048) }),
		said("M16", "a SessionIndex of 2 KB", codes(trace.AuthnStatement), func(a *Answer) { a.SessionIndex = strings.Repeat("n", 2048) }),
		said("M18", "an authentication context of 2 KB", codes(trace.AuthnStatement), func(a *Answer) { a.Context = strings.Repeat("n", 2048) }),
		said("M20", "an attribute's Name of 2 KB", codes(trace.AttributeLimit), func(a *Answer) {
			a.Attributes = append(a.Attributes, Attribute{Name: strings.Repeat("n", 2048), Values: []string{"x"}})
		}),
		said("M20", "1,001 different attributes", codes(trace.AttributeLimit), func(a *Answer) {
			a.Attributes = nil
			for i := range 1001 {
				a.Attributes = append(a.Attributes, Attribute{Name: fmt.Sprintf("a%d", i), Values: []string{"x"}})
			}
		}),
		answered("M20", "nine EncryptedAttributes", codes(trace.AttributeLimit), func(s Scene, a Answer) Answer {
			return a.Draft(func(response *etree.Element) {
				statement := find(response, "Assertion", "AttributeStatement")
				for range 9 {
					extra := statement.CreateElement("saml:Attribute")
					extra.CreateAttr("Name", "extra")
					s.hide(extra, "EncryptedAttribute", Encryption{})
				}
			})
		}),
		answered("M20", "an EncryptedAttribute that cannot be decrypted: it might be what refuses", codes(trace.DecryptionFailed), func(s Scene, a Answer) Answer {
			return a.Draft(func(response *etree.Element) {
				extra := find(response, "Assertion", "AttributeStatement").CreateElement("saml:Attribute")
				extra.CreateAttr("Name", "extra")
				s.hide(extra, "EncryptedAttribute", Encryption{To: Key(Stranger)})
			})
		}),
		answered("M20", "an EncryptedAttribute that holds an assertion", codes(trace.DecryptionFailed), func(s Scene, a Answer) Answer {
			return a.Draft(func(response *etree.Element) {
				statement := find(response, "Assertion", "AttributeStatement")
				twin := mallory(child(response, "Assertion"))
				statement.AddChild(twin)
				s.hide(twin, "EncryptedAttribute", Encryption{})
			})
		}),
		drafted("M03", "65 attributes on one element", complex, func(response *etree.Element) {
			subject := find(response, "Assertion", "Subject")
			for i := range 65 {
				subject.CreateAttr(fmt.Sprintf("a%d", i), "x")
			}
		}),
		drafted("M03", "65 namespaces on one element", complex, func(response *etree.Element) {
			subject := find(response, "Assertion", "Subject")
			for i := range 65 {
				subject.CreateAttr(fmt.Sprintf("xmlns:n%d", i), "urn:n")
			}
		}),
		drafted("M03", "a name of 2 KB", complex, func(response *etree.Element) {
			find(response, "Assertion", "Subject").CreateAttr(strings.Repeat("n", 2048), "x")
		}),
		drafted("M03", "an element's name of 2 KB", complex, func(response *etree.Element) {
			find(response, "Assertion", "AttributeStatement", "Attribute", "AttributeValue").CreateElement(strings.Repeat("n", 2048))
		}),
		drafted("M03", "a prefix of 2 KB", complex, func(response *etree.Element) {
			find(response, "Assertion", "Subject").CreateAttr("xmlns:"+strings.Repeat("n", 2048), "urn:n")
		}),
		drafted("M03", "65 levels deep", complex, func(response *etree.Element) {
			deep := find(response, "Assertion", "AttributeStatement", "Attribute", "AttributeValue")
			for range 65 {
				deep = deep.CreateElement("x")
			}
		}),
	}
}

// statuses: only the top level decides, and it decides first (M21).
func statuses() []attack {
	failed := codes(trace.IdPStatus)
	status := func(name string, codes ...string) attack {
		return said("M21", name, failed, func(a *Answer) { a.Status = codes })
	}
	const base = "urn:oasis:names:tc:SAML:2.0:status:"
	list := []attack{
		status("Responder", StatusResponder),
		status("Responder, AuthnFailed", StatusResponder, base+"AuthnFailed"),
		status("Requester, InvalidNameIDPolicy", base+"Requester", base+"InvalidNameIDPolicy"),
		status("Responder, NoPassive", StatusResponder, StatusNoPassive),
		status("Responder, NoAuthnContext", StatusResponder, base+"NoAuthnContext"),
		status("VersionMismatch", base+"VersionMismatch"),
		status("Success only beneath Responder", StatusResponder, StatusSuccess),
		status("Success with white space around it", " "+StatusSuccess),
		status("Success in lower case", base+"success"),
		status("Success of SAML 1.1", "samlp:Success"),
		status("no code", ""),
		answered("M21", "Responder without an assertion, unsigned, as providers send it", failed, func(_ Scene, a Answer) Answer {
			return a.Sign(SignNothing).With(func(a *Answer) {
				a.Status, a.StatusMessage = []string{StatusResponder, StatusNoPassive}, "the person cancelled"
			}).
				Draft(func(response *etree.Element) { response.RemoveChild(child(response, "Assertion")) })
		}),
		answered("M21", "Responder without an assertion, signed", failed, func(_ Scene, a Answer) Answer {
			return a.Sign(SignResponse).With(func(a *Answer) { a.Status = []string{StatusResponder} }).
				Draft(func(response *etree.Element) { response.RemoveChild(child(response, "Assertion")) })
		}),
		said("M21", "a Status without a StatusCode", append(failed, trace.ResponseStructure), func(a *Answer) { a.Status = nil }),
		drafted("M21", "two StatusCodes, the second Success", append(failed, trace.ResponseStructure), func(response *etree.Element) {
			status := child(response, "Status")
			child(status, "StatusCode").CreateAttr("Value", StatusResponder)
			status.CreateElement("samlp:StatusCode").CreateAttr("Value", StatusSuccess)
		}),
		drafted("M21", "two StatusCodes, the first Success", append(failed, trace.ResponseStructure), func(response *etree.Element) {
			child(response, "Status").CreateElement("samlp:StatusCode").CreateAttr("Value", StatusResponder)
		}),
		drafted("M21", "a StatusCode of another namespace", append(failed, trace.ResponseStructure), func(response *etree.Element) {
			code := find(response, "Status", "StatusCode")
			code.Space = "x"
			code.CreateAttr("xmlns:x", "urn:x")
		}),
	}
	return list
}
