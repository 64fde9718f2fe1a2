package saml

import (
	"slices"
	"strings"
	"testing"
	"time"

	"idms/internal/fault"
)

const (
	smartcard = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"
	token     = "urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken"
)

// byHand are settings without metadata that nothing is wrong with.
func byHand(t testing.TB) Settings {
	return Settings{
		Issuer:       "https://idp.example/",
		SSOURL:       "https://idp.example/sso",
		Certificates: []string{certificateFile(t, "a")},
		ClockSkew:    DefaultClockSkew,
	}
}

// byMetadata are settings with metadata alone.
func byMetadata(t testing.TB, file string) Settings {
	return Settings{Metadata: string(metadataFile(t, file)), ClockSkew: DefaultClockSkew}
}

func TestGoodSettingsHaveNoProblems(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings Settings
		change   func(*Settings)
	}{
		{"by hand", byHand(t), nil},
		{"by hand with everything", byHand(t), func(s *Settings) {
			s.SSOBinding, s.RequestBinding = POST, POST
			s.LogoutURL, s.ChangePasswordURL = "https://idp.example/logout", "https://idp.example/password"
			s.Certificates = append(s.Certificates, bareCertificate(t, "b"))
			s.SPIssuer, s.Audience = "https://idms.example/saml", "urn:example:idms"
			s.Origin, s.PreviousOrigins = "https://idms.example", []string{"https://old.example:8443", "http://plain.example"}
			s.SignRequests, s.Canonicalizer = true, C14N11WithComments
			s.NameIDFormat = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
			s.RequestContexts, s.AllowedContexts, s.ElevationContexts = true, []string{token, smartcard}, []string{smartcard}
			s.Signed, s.AllowUnsolicited = SignedBoth, true
			s.RelayState, s.Landing = "acme-portal", "/reports?week=1"
			s.ClockSkew = 0
		}},
		{"a provider on this machine, over http", byHand(t), func(s *Settings) { s.SSOURL = "http://127.0.0.1:8080/sso" }},
		{"metadata alone: the issuer comes from it", byMetadata(t, "okta.xml"), nil},
		{"metadata and the same issuer", byMetadata(t, "okta.xml"), func(s *Settings) { s.Issuer = "http://www.okta.example/exk1a2b3c4d5e6f7g8" }},
		{"a federation, from which the issuer chooses", byMetadata(t, "federation.xml"), func(s *Settings) { s.Issuer = "https://south.federation.example/idp" }},
		{"metadata and one of its certificates by hand", byMetadata(t, "entra.xml"), func(s *Settings) { s.Certificates = []string{certificateFile(t, "b")} }},
		{"a custom login URL instead of a sign-on URL (S55)", byHand(t), func(s *Settings) {
			s.SSOURL, s.CustomLoginURL, s.AllowUnsolicited = "", "https://portal.example/apps/idms", true
		}},
		{"elevation without a list of allowed contexts (S25)", byHand(t), func(s *Settings) { s.ElevationContexts = []string{smartcard} }},
		{"ForceAuthn (S54)", byHand(t), func(s *Settings) { s.ForceAuthn = true }},
	} {
		if tt.change != nil {
			tt.change(&tt.settings)
		}
		if problems := tt.settings.Check(); problems.Any() {
			t.Errorf("%s:\n%s", tt.name, problems)
		}
		if _, err := tt.settings.IdP(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestEveryProblemStandsAtItsField(t *testing.T) {
	long := "urn:x:" + strings.Repeat("x", 1024)
	for _, tt := range []struct {
		name   string
		change func(*Settings)
		want   []string // field and part of the message, in order
	}{
		{"nothing at all", func(s *Settings) { *s = Settings{} },
			[]string{"issuer: Enter the identity provider's issuer", "sso_url: Enter the provider's sign-on URL", "certificates: Add the provider's signing certificate"}},
		{"no certificate", func(s *Settings) { s.Certificates = nil }, []string{"certificates: Add"}},
		{"no sign-on URL", func(s *Settings) { s.SSOURL = "" }, []string{"sso_url: Enter"}},
		{"an issuer with a blank at its end", func(s *Settings) { s.Issuer += " " }, []string{"issuer: Remove white space"}},
		{"an issuer too long", func(s *Settings) { s.Issuer = long }, []string{"issuer: An identifier has at most 1024"}},
		{"a sign-on URL by http", func(s *Settings) { s.SSOURL = "http://idp.example/sso" }, []string{"sso_url: The address begins with https://"}},
		{"a sign-on URL that is a script", func(s *Settings) { s.SSOURL = "javascript:alert(1)" }, []string{"sso_url: Write the whole address"}},
		{"a sign-on URL without a host", func(s *Settings) { s.SSOURL = "/sso" }, []string{"sso_url: Write the whole address"}},
		{"a sign-on URL with credentials", func(s *Settings) { s.SSOURL = "https://u:p@idp.example/" }, []string{"sso_url: Remove the user name"}},
		{"a sign-on URL with a fragment", func(s *Settings) { s.SSOURL += "#" }, []string{"sso_url: Remove the part of the address from #"}},
		{"a sign-on URL with a backslash", func(s *Settings) { s.SSOURL = `https://idp.example\@evil.example/` }, []string{"sso_url: Remove white space, control characters and backslashes"}},
		{"a sign-on URL with a line break", func(s *Settings) { s.SSOURL = "https://idp.example/\nx" }, []string{"sso_url: Remove white space"}},
		{"a sign-on URL that has a request already", func(s *Settings) { s.SSOURL += "?SAMLRequest=x" }, []string{"sso_url: Remove SAMLRequest"}},
		{"a sign-on URL too long", func(s *Settings) { s.SSOURL += strings.Repeat("x", 2048) }, []string{"sso_url: The address is longer"}},
		{"a sign-on URL with an odd port", func(s *Settings) { s.SSOURL = "https://idp.example:99999/" }, []string{"sso_url: The port"}},
		{"an unknown sign-on binding", func(s *Settings) { s.SSOBinding = "soap" }, []string{"sso_binding: Choose"}},
		{"a sign-on binding without its URL", func(s *Settings) { *s = byMetadata(t, "okta.xml"); s.SSOBinding = POST }, []string{"sso_binding: Enter the sign-on URL"}},
		{"a logout URL that is a script", func(s *Settings) { s.LogoutURL = "javascript:alert(1)" }, []string{"logout_url: Write"}},
		{"an address for changing passwords that is a script", func(s *Settings) { s.ChangePasswordURL = "javascript:alert(1)" }, []string{"change_password_url: Write"}},
		{"two bad certificates and a good one", func(s *Settings) { s.Certificates = []string{"x", certificateFile(t, "a"), certificateFile(t, "weak")} },
			[]string{"certificates[0]: This is neither", "certificates[2]: The certificate's RSA key"}},
		{"metadata that is none", func(s *Settings) { *s = Settings{Metadata: "<html/>"} }, []string{"metadata: This is a web page"}},
		{"metadata of another provider", func(s *Settings) { *s = byMetadata(t, "okta.xml"); s.Issuer = "https://idp.example/" }, []string{"issuer: The metadata is of"}},
		{"a federation without a choice", func(s *Settings) { *s = byMetadata(t, "federation.xml") }, []string{"issuer: The metadata holds 2"}},
		{"a service that a federation names too", func(s *Settings) {
			*s = byMetadata(t, "federation.xml")
			s.Issuer = "https://wiki.federation.example/sp"
		}, []string{"metadata: This is the metadata of a service provider"}},
		{"a sign-on URL that the metadata contradicts", func(s *Settings) { *s = byMetadata(t, "okta.xml"); s.SSOURL = "https://evil.example/" }, []string{"sso_url: The metadata names other addresses"}},
		{"a certificate that the metadata contradicts", func(s *Settings) {
			*s = byMetadata(t, "okta.xml")
			s.Certificates = []string{certificateFile(t, "b")}
		}, []string{"certificates[0]: The metadata does not hold this certificate"}},
		{"our issuer is theirs", func(s *Settings) { s.SPIssuer = s.Issuer }, []string{"sp_issuer: This is the identity provider's"}},
		{"our issuer with a blank", func(s *Settings) { s.SPIssuer = "a b" }, []string{"sp_issuer: Remove white space"}},
		{"an audience too long", func(s *Settings) { s.Audience = long }, []string{"audience: An identifier"}},
		{"an origin with a path", func(s *Settings) { s.Origin = "https://idms.example/login" }, []string{"origin: Write the scheme, host and port only"}},
		{"an origin in capitals", func(s *Settings) { s.Origin = "https://IDMS.example" }, []string{"origin: Write the host in small letters"}},
		{"an origin with the port that goes without saying", func(s *Settings) { s.Origin = "https://idms.example:443" }, []string{"origin: Write the host in small letters, and leave out the port 443"}},
		{"the same without TLS", func(s *Settings) { s.Origin = "http://idms.example:80" }, []string{"origin: Write the host in small letters, and leave out the port 80"}},
		{"a sign-on URL with a letter that looks like another", func(s *Settings) { s.SSOURL = "https://іdp.example/" }, []string{"sso_url: Write letters beyond ASCII in their encoded form"}},
		{"an origin by ftp", func(s *Settings) { s.Origin = "ftp://idms.example" }, []string{"origin: The address begins with https"}},
		{"previous origins: a path, the present one, one twice", func(s *Settings) {
			s.Origin, s.PreviousOrigins = "https://a.example", []string{"https://b.example/x", "https://a.example/", "https://c.example", "https://c.example"}
		}, []string{"previous_origins[0]: Write the scheme", "previous_origins[1]: This origin is there", "previous_origins[3]: This origin is there"}},
		{"nine previous origins", func(s *Settings) {
			for _, c := range "abcdefghi" {
				s.PreviousOrigins = append(s.PreviousOrigins, "https://"+string(c)+".example")
			}
		}, []string{"previous_origins[8]: At most 8"}},
		{"an unknown request binding", func(s *Settings) { s.RequestBinding = "soap" }, []string{"request_binding: Choose"}},
		{"a request binding that is not offered", func(s *Settings) { *s = byMetadata(t, "simplesamlphp.xml"); s.RequestBinding = POST }, []string{"request_binding: The provider does not take requests by post"}},
		{"a canonicalizer of the library that signs nothing", func(s *Settings) { s.Canonicalizer = "null" }, []string{"canonicalizer: Choose exclusive"}},
		{"a Name ID Format that is a word", func(s *Settings) { s.NameIDFormat = "emailAddress" }, []string{"name_id_format: Write the whole URI"}},
		{"ForceAuthn and logins that the provider starts (S54)", func(s *Settings) { s.ForceAuthn, s.AllowUnsolicited = true, true }, []string{"force_authn: A login that the provider starts"}},
		{"contexts asked for, and none listed (S20)", func(s *Settings) { s.RequestContexts = true }, []string{"request_auth_contexts: There is no allowed auth context"}},
		{"a custom login URL, and unsolicited responses refused (S55)", func(s *Settings) { s.CustomLoginURL = "https://portal.example/" }, []string{"custom_login_url: Logins that begin there"}},
		{"a custom login URL with ForceAuthn and elevation (S55)", func(s *Settings) {
			s.CustomLoginURL, s.AllowUnsolicited, s.ForceAuthn, s.ElevationContexts = "https://portal.example/", true, true, []string{smartcard}
		}, []string{"force_authn: A login", "force_authn: With a custom", "custom_login_url: Privilege elevation"}},
		{"a custom login URL that is a script (S55)", func(s *Settings) { s.CustomLoginURL, s.AllowUnsolicited = "javascript:alert(1)", true }, []string{"custom_login_url: Write"}},
		{"an unknown demand on signatures (M10)", func(s *Settings) { s.Signed = "none" }, []string{"signed: Choose"}},
		{"a RelayState value over 80 bytes (seed 000)", func(s *Settings) { s.RelayState = strings.Repeat("x", 81) }, []string{"relay_state: A RelayState value has at most 80"}},
		{"a RelayState value with a line break (M22)", func(s *Settings) { s.RelayState = "a\nb" }, []string{"relay_state: Remove control"}},
		{"a landing page on another host (M22)", func(s *Settings) { s.RelayState, s.Landing = "x", "//evil.example/" }, []string{"landing: Enter a path on this service"}},
		{"a landing page where nothing lands", func(s *Settings) { s.Landing = "/reports" }, []string{"landing: Nothing would land there"}},
		{"a clock skew below nothing (M16)", func(s *Settings) { s.ClockSkew = -time.Second }, []string{"clock_skew: The clock skew is between 0 and 5 minutes"}},
		{"a clock skew over 5 minutes (M16)", func(s *Settings) { s.ClockSkew = 5*time.Minute + 1 }, []string{"clock_skew: The clock skew"}},
		{"contexts: empty, a blank, no URI, one twice (S20)", func(s *Settings) { s.AllowedContexts = []string{"", token + " ", "SmartcardPKI", token, token} },
			[]string{"allowed_auth_contexts[0]: Enter", "allowed_auth_contexts[1]: Remove white space", "allowed_auth_contexts[2]: Write the whole URI", "allowed_auth_contexts[4]: This context is listed twice"}},
		{"sixty-five contexts", func(s *Settings) {
			for i := range 65 {
				s.AllowedContexts = append(s.AllowedContexts, "urn:x:"+strings.Repeat("x", i+1))
			}
		}, []string{"allowed_auth_contexts[64]: At most 64"}},
		{"an elevation context that is not allowed (S25)", func(s *Settings) {
			s.AllowedContexts, s.ElevationContexts = []string{token}, []string{token, smartcard}
		},
			[]string{"elevation_auth_contexts[1]: Nobody could log in with this context"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := byHand(t)
			tt.change(&s)
			problems := s.Check()
			if len(problems) != len(tt.want) {
				t.Fatalf("got\n%s\nwant\n%s", problems, strings.Join(tt.want, "\n"))
			}
			for i, want := range tt.want {
				field, message, _ := strings.Cut(want, ": ")
				if problems[i].Field != field || !strings.HasPrefix(problems[i].Message, message) {
					t.Errorf("got %s: %s, want %s", problems[i].Field, problems[i].Message, want)
				}
			}
		})
	}
}

// Every problem is a sentence that an administrator can act on, and none
// repeats what it was given at full length.
func TestProblemsAreSentencesOfBearableLength(t *testing.T) {
	s := Settings{
		Metadata: string(metadataFile(t, "federation.xml")),
		Issuer:   strings.Repeat("x", 1000),
		SSOURL:   "https://" + strings.Repeat("x", 5000),
	}
	for _, problem := range s.Check() {
		if !strings.HasSuffix(problem.Message, ".") || len(problem.Message) > 1000 {
			t.Errorf("%s: %s", problem.Field, problem.Message)
		}
	}
}

func TestTheProviderIsPutTogetherFromMetadataAndValuesByHand(t *testing.T) {
	const redirectOnly = "sso redirect https://idp.example/sso\n"
	noSSO := metadataOf("", keyDescriptorOf(bareCertificate(t, "a")))
	noKey := metadataOf("", ssoElement)
	for _, tt := range []struct {
		name     string
		settings Settings
		want     string
	}{
		{"by hand: redirect unless told", byHand(t), "entity https://idp.example/\n" + redirectOnly + "key A\n"},
		{"by hand: POST", func() Settings { s := byHand(t); s.SSOBinding = POST; return s }(), "entity https://idp.example/\nsso post https://idp.example/sso\nkey A\n"},
		{"by hand: a logout page, one certificate given twice", func() Settings {
			s := byHand(t)
			s.LogoutURL, s.Certificates = "https://idp.example/bye", []string{certificateFile(t, "a"), bareCertificate(t, "a") + "\n", certificateFile(t, "b")}
			return s
		}(), "entity https://idp.example/\n" + redirectOnly + "key A\nkey B\n"},
		{"by hand: single logout by POST", func() Settings {
			s := byHand(t)
			s.SingleLogout, s.SLOURL, s.SLOBinding = true, "https://idp.example/slo", POST
			return s
		}(), "entity https://idp.example/\n" + redirectOnly + "logout post https://idp.example/slo\nkey A\n"},
		{"metadata without a sign-on address, the address by hand", Settings{Metadata: noSSO, SSOURL: "https://idp.example/sso"}, "entity https://idp.example/\n" + redirectOnly + "key A\n"},
		{"metadata without a certificate, the certificate by hand", Settings{Metadata: noKey, Certificates: []string{certificateFile(t, "b")}}, "entity https://idp.example/\n" + redirectOnly + "key B\n"},
		{"of two addresses in metadata, the one by hand", Settings{
			Metadata: metadataOf("", manySSO(2)+keyDescriptorOf(bareCertificate(t, "a"))),
			SSOURL:   "https://idp.example/sso/1",
		}, "entity https://idp.example/\nsso redirect https://idp.example/sso/1\nkey A\n"},
		{"a certificate by hand takes no other out of the metadata", func() Settings {
			s := byMetadata(t, "pingfederate.xml")
			s.Certificates = []string{certificateFile(t, "b")}
			return s
		}(), "entity PingFederate-Corp\nsso post https://sso.ping.example/idp/SSO.saml2\nsso redirect https://sso.ping.example/idp/SSO.saml2\nkey A\nkey B\nformat unspecified\n"},
	} {
		idp, err := tt.settings.IdP()
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if got := summary(idp); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

func TestMetadataThatLeavesSomethingOutSaysWhatToAdd(t *testing.T) {
	for _, tt := range []struct{ name, role, field, want string }{
		{"no address", keyDescriptorOf(bareCertificate(t, "a")), "sso_url", "offers no address"},
		{"an address by http alone", keyDescriptorOf(bareCertificate(t, "a")) + strings.Replace(ssoElement, "https:", "http:", 1), "sso_url", "http:// is taken for localhost"},
		{"no key", ssoElement, "certificates", "holds no certificate"},
		{"a key of an elliptic curve alone (M06)", ssoElement + keyDescriptorOf(bareCertificate(t, "ec")), "certificates", "no RSA key"},
	} {
		problems := Settings{Metadata: metadataOf("", tt.role)}.Check()
		if len(problems) != 1 || problems[0].Field != tt.field || !strings.Contains(problems[0].Message, tt.want) {
			t.Errorf("%s: %s", tt.name, problems)
		}
	}
	if _, err := (Settings{}).IdP(); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no settings made a provider: %v", err)
	}
}

func TestWarningsNameWhatToThinkAbout(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	certificate := func(from, to time.Time) string {
		return block("CERTIFICATE", certificateOf(t, "signer", from, to).Raw)
	}
	for _, tt := range []struct {
		name   string
		change func(*Settings)
		want   []string
	}{
		{"nothing to say", func(*Settings) {}, nil},
		{"a certificate that ended (M09)", func(s *Settings) {
			s.Certificates = append(s.Certificates, certificate(now.AddDate(-3, 0, 0), now.AddDate(0, 0, -1)))
		}, []string{`certificates[1]: The certificate "CN=signer" ended on 2026-12-31 00:00 UTC. Logins go on`}},
		{"a certificate that ended, and ended ones are refused (M09)", func(s *Settings) {
			s.RefuseExpiredCertificates = true
			s.Certificates = append(s.Certificates, certificate(now.AddDate(-3, 0, 0), now.AddDate(0, 0, -1)))
		}, []string{`certificates[1]: The certificate "CN=signer" ended on 2026-12-31 00:00 UTC. Logins signed with it are refused.`}},
		{"a certificate that ends in 29 days", func(s *Settings) {
			s.Certificates = []string{certificate(now.AddDate(-3, 0, 0), now.AddDate(0, 0, 29))}
		},
			[]string{`certificates[0]: The certificate "CN=signer" ends on 2027-01-30`}},
		{"a certificate that ends in 31 days", func(s *Settings) {
			s.Certificates = []string{certificate(now.AddDate(-3, 0, 0), now.AddDate(0, 0, 31))}
		}, nil},
		{"a certificate that has not begun", func(s *Settings) { s.Certificates = []string{certificate(now.AddDate(0, 0, 1), now.AddDate(3, 0, 0))} },
			[]string{`certificates[0]: The certificate "CN=signer" begins on 2027-01-02`}},
		{"every legacy switch (M06, M10)", func(s *Settings) { s.LegacySHA1, s.LegacyCBC, s.LegacyInclusiveC14N = true, true, true },
			[]string{"legacy.sha1: Signatures made with SHA-1", "legacy.cbc: Assertions encrypted with CBC", "legacy.inclusive_c14n: Signatures over inclusive"}},
		{"metadata past its validUntil (M25): a warning, not an end", func(s *Settings) {
			*s = Settings{Metadata: metadataOf(` validUntil="2026-12-31T00:00:00Z"`, ssoElement+keyDescriptorOf(bareCertificate(t, "a")))}
		}, []string{"metadata: The metadata was valid until 2026-12-31 00:00 UTC. Logins go on"}},
		{"a key of the metadata that cannot be used (M06)", func(s *Settings) {
			*s = Settings{Metadata: metadataOf("", ssoElement+keyDescriptorOf(bareCertificate(t, "a"))+keyDescriptorOf(bareCertificate(t, "weak")))}
		}, []string{`metadata: The certificate "CN=weak.idp.example" of the metadata is not used.`}},
		{"signed requests are wanted, and ours are not", func(s *Settings) { *s = byMetadata(t, "keycloak.xml") }, []string{"sign_requests: The provider's metadata wants signed requests."}},
		{"a Name ID Format that the metadata does not list", func(s *Settings) {
			*s = byMetadata(t, "simplesamlphp.xml")
			s.NameIDFormat = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
		}, []string{"name_id_format: The provider's metadata does not list"}},
		{"a RelayState value that nothing may bring (seed 000)", func(s *Settings) { s.RelayState = "x" }, []string{"relay_state: The value is looked at only"}},
		{"a custom login URL sends no request to sign (S55)", func(s *Settings) {
			s.CustomLoginURL, s.AllowUnsolicited, s.SignRequests = "https://portal.example/", true, true
			s.RequestContexts, s.AllowedContexts = true, []string{token}
		}, []string{"sign_requests: With a custom login URL", "request_auth_contexts: With a custom login URL"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := byHand(t)
			tt.change(&s)
			if problems := s.Check(); problems.Any() {
				t.Fatalf("a warning for settings that are refused anyway:\n%s", problems)
			}
			var got []string
			for _, one := range s.Warnings(now) {
				got = append(got, one.Field+": "+one.Message)
			}
			if !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}
