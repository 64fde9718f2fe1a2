package web

import (
	"net/http"
	"strings"
	"time"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/store"
	"idms/internal/trace"
)

// setUpSamples are the states of a set-up and of the long form.
func setUpSamples(s sampling) []sample {
	framed := func(title string) adminFrame { return s.framed(title, "records", roles.Editor) }
	okta := vendorAt("okta")
	draft := idms.Record{Key: "globex", Version: 1, Name: "Globex", State: idms.Draft, CreateUsers: true, SAML: saml.Settings{ClockSkew: saml.DefaultClockSkew}}
	sp := draft.SAML.SP("globex", "https://login.example.com", nil)
	page := func(record idms.Record, at vendor, problems ...fault.Problem) adminSetUpPage {
		shown := setUpPageOf(framed("Set up "+record.Name), record, sp, idms.DocumentOf(record), problems, at, s.now)
		for i, one := range shown.Ours {
			if one.ID == "our-certificate" {
				shown.Ours[i].Value = "-----BEGIN CERTIFICATE-----\n" + strings.Repeat(strings.Repeat("MIIDazCC", 8)+"\n", 20) + "-----END CERTIFICATE-----\n"
			}
		}
		return shown
	}
	preview := saml.Preview{EntityID: "http://www.okta.com/exk1fcia6d6EMsf331d8",
		SSO:    []saml.Endpoint{{Binding: saml.POST, URL: "https://globex.okta.com/app/globex/exk1fcia6d6EMsf331d8/sso/saml"}},
		Logout: []saml.Endpoint{{Binding: saml.Redirect, URL: "https://globex.okta.com/app/globex/slo"}},
		Certificates: []saml.CertificatePreview{
			{Subject: "CN=globex,O=Okta", Fingerprint: strings.Repeat("3fa9", 16), NotBefore: s.now.AddDate(-1, 0, 0), NotAfter: s.now.AddDate(5, 0, 0)},
			{Subject: "CN=globex-former,O=Okta", Fingerprint: strings.Repeat("be07", 16), NotBefore: s.now.AddDate(-9, 0, 0), NotAfter: s.now.AddDate(0, 0, 12)}},
		NameIDFormats: []string{usualNameIDFormats[0]}, WantRequestsSigned: true, ValidUntil: s.now.AddDate(0, 0, 14),
		Warnings: []string{"The provider's metadata wants signed requests. Switch signing on, or it may refuse them."}}

	begin := newSetUpOf(framed("Set up a connection"), document{}, nil, vendor{})
	refused := newSetUpOf(framed("Set up a connection"), document{Name: "Globex", Key: "Globex!"}, fault.Problems{{Field: "key", Message: "A key is made of small letters and digits, with hyphens between them."}}, okta)
	for _, one := range []store.Edition{{Key: "globex", Name: strings.Repeat("Regional Hospitals ", 5), State: idms.Draft, Version: 1}, {Key: "initech", Name: "אקמה בע״מ", State: idms.Draft, Version: 12}} {
		row := recordRowOf(one, false)
		row.URL = setUpRoot + "/" + one.Key
		refused.Drafts = append(refused.Drafts, row)
	}

	previewed := page(draft, okta)
	previewed.Preview = cardOf(preview, s.now)
	unread := page(draft, vendor{}, fault.Problem{Field: "saml.metadata_url", Message: "The server at this address did not answer."},
		fault.Problem{Field: "saml.certificates[1]", Message: "This is no certificate."}, fault.Problem{Field: "access_rules[0].pattern", Message: "The pattern has a bracket too many."})
	several := page(draft, vendor{})
	several.Preview = &providerCard{Several: []string{"https://idp.one.example/saml", "https://idp.two.example/" + strings.Repeat("long", 30)}}

	described := func(record idms.Record, at vendor) adminSetUpPage {
		record.Mapping = okta.Mapping
		shown := page(record, at)
		shown.Card = cardOf(preview, s.now)
		shown.Warnings = []warned{{"access_rules", "", "There are no access rules, so everyone who logs in has Full Access."},
			{"saml.sign_requests", editAddress("globex", "saml.sign_requests"), preview.Warnings[0]}}
		return shown
	}
	unmapped := page(draft, okta)
	unmapped.Card = cardOf(preview, s.now)

	kept := sampleLogin(s.now, "employee")
	kept.Decision.Facts = append(kept.Decision.Facts, rules.Attribute{Name: "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/" + strings.Repeat("long", 20), Values: []string{"ليلى", strings.Repeat("unbroken", 40), "3", "4", "5", "6"}})
	test := login.Test{Ref: "EAETGN8VW2", Record: "globex", Version: 1, Expires: s.now.Add(10 * time.Minute)}
	waiting := described(draft, okta)
	waiting.show(test, s.now)
	waiting.Test.Begin = "https://login.example.com/saml/globex/test/k3v9q1x7"
	passed := described(draft, okta)
	test.Begun, test.Ended, test.Passed, test.Trace = true, true, true, &kept
	passed.show(test, s.now)
	failed := described(draft, vendor{})
	test.Passed = false
	kept.Protocol.Refuse(trace.Step{Rule: "M13", Name: "audience", State: trace.Refused, Code: trace.AudienceMismatch,
		Looked: "https://login.example.com/saml/globex/metadata", Found: `"https://login.example.com/saml/globex/acs"`,
		Fix: &trace.Fix{Field: "saml.audience", Suggested: "https://login.example.com/saml/globex/acs", Say: "The audience that came is this record's ACS URL: put it into Audience URI."}})
	failed.show(test, s.now)

	record := sampleRecord()
	record.SAML.MetadataURL, record.SAML.Metadata = "https://idp.example.com/metadata", "<EntityDescriptor/>"
	record.Name, record.SAML.ClockSkew = "אקמה בע״מ "+strings.Repeat("Regional Hospitals ", 3), saml.DefaultClockSkew
	record.SAML.Origin, record.SAML.PreviousOrigins = "https://sso.example.com", []string{"https://old.example.com"}
	edit := editPageOf(framed("Edit"), record, idms.DocumentOf(record), nil, vendor{})
	edit.Reset = resetOf(record, "https://login.example.com", "https://login.example.com")
	edit.Icon.Address = recordURL("acme", "icon")
	wrongly := idms.DocumentOf(sampleRecord())
	wrongly.SAML.ClockSkew, wrongly.SAML.Audience = "soon", "two words"
	wrong := editPageOf(framed("Edit"), sampleRecord(), wrongly, fault.Problems{
		{Field: "saml.clock_skew", Message: "Write a time such as 90s or 3m."}, {Field: iconPath, Message: "The icon is no PNG, JPEG or GIF picture."},
		{Field: "saml.certificates[0]", Message: "This is no certificate."}, {Field: "associations[0].group", Message: "There is no group platform."}}, vendorAt("entra-id"))
	wrong.Icon.Kept = "iVBORw0KGgo="

	back := editPageOf(framed("Edit"), sampleRecord(), idms.DocumentOf(sampleRecord()), fault.Problems{
		{Message: saidBack + " Somebody else has changed the record meanwhile: the form is made of version 8 now, with your changes in it."},
		{Field: "name", Message: "Both changed name. Yours stands here; theirs is " + strings.Repeat("Regional Hospitals ", 5) + "."},
		{Field: "saml.audience", Message: "Both changed saml.audience. Yours stands here; they have taken it away."}}, vendor{})

	return []sample{
		{"admin-set-up", http.StatusOK, begin},
		{"admin-set-up-refused", http.StatusUnprocessableEntity, refused},
		{"admin-set-up-our-values", http.StatusOK, page(draft, okta)},
		{"admin-set-up-preview", http.StatusOK, previewed},
		{"admin-set-up-unread", http.StatusUnprocessableEntity, unread},
		{"admin-set-up-several", http.StatusUnprocessableEntity, several},
		{"admin-set-up-mapping", http.StatusOK, unmapped},
		{"admin-set-up-test-waiting", http.StatusOK, waiting},
		{"admin-set-up-test-passed", http.StatusOK, passed},
		{"admin-set-up-test-not-passed", http.StatusOK, failed},
		{"admin-edit", http.StatusOK, edit},
		{"admin-edit-back", http.StatusOK, back},
		{"admin-edit-refused", http.StatusUnprocessableEntity, wrong},
	}
}
