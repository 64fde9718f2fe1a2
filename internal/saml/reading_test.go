package saml

import (
	"crypto/rand"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"idms/internal/fault"
)

// M25: what is kept of metadata read from an address is what it means.
func TestAProviderWrittenDownIsReadAgainAsItWas(t *testing.T) {
	for _, name := range []string{"keycloak.xml", "shibboleth.xml", "entra.xml", "okta.xml", "adfs.xml"} {
		doc := metadataFile(t, name)
		read, err := ReadMetadata(doc, "", nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		written := read.IdP.Metadata()
		again, err := ReadMetadata([]byte(written), "", nil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, written)
		}
		read.IdP.ValidUntil = time.Time{}
		if got, want := summary(again.IdP), summary(read.IdP); got != want {
			t.Errorf("%s: it comes back as\n%swant\n%s", name, got, want)
		}
		if !slices.Equal(again.IdP.LogoutAnswers, read.IdP.LogoutAnswers) {
			t.Errorf("%s: answers go to %v, want %v", name, again.IdP.LogoutAnswers, read.IdP.LogoutAnswers)
		}
		if again.IdP.Metadata() != written {
			t.Errorf("%s: the same provider is not always the same bytes", name)
		}
	}
}

func TestWhereLogoutAnswersGoIsWrittenDownToo(t *testing.T) {
	doc := metadataOf("", goodRole(t)+`<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/out" ResponseLocation="https://idp.example/answer"/>`)
	read, err := ReadMetadata([]byte(doc), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadMetadata([]byte(read.IdP.Metadata()), "", nil)
	if want := (Endpoint{POST, "https://idp.example/answer"}); err != nil || !slices.Contains(again.IdP.LogoutAnswers, want) || !slices.Equal(again.IdP.LogoutAnswers, read.IdP.LogoutAnswers) {
		t.Errorf("answers go to %v (%v)", again.IdP.LogoutAnswers, err)
	}
}

func TestDurationsOfMetadataAreRead(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT1H": time.Hour, "P1D": 24 * time.Hour, "P1DT2H3M4.5S": 26*time.Hour + 3*time.Minute + 4*time.Second,
		"P1Y": 365 * 24 * time.Hour, "P999999999Y": 3650 * 24 * time.Hour, " PT604800S ": 7 * 24 * time.Hour,
		"": 0, "P": 0, "PT": 0, "-PT1H": 0, "1h": 0, "P1H": 0, "PT99999999999999999999S": 0,
	} {
		if got := parseDuration(text); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

func TestCacheDurationIsTheShortestAround(t *testing.T) {
	doc := strings.Replace(metadataOf("", goodRole(t)), "<md:EntityDescriptor ", `<md:EntityDescriptor cacheDuration="PT6H" `, 1)
	for _, tt := range []struct {
		around string
		want   time.Duration
	}{{"PT1H", time.Hour}, {"P1D", 6 * time.Hour}, {"soon", 6 * time.Hour}} {
		all := `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" cacheDuration="` + tt.around + `">` + doc + `</md:EntitiesDescriptor>`
		reading, err := ReadMetadata([]byte(all), "", nil)
		if err != nil || reading.Fresh != tt.want {
			t.Errorf("%s around: %v (%v)", tt.around, reading.Fresh, err)
		}
	}
}

// goodRole is what an IDPSSODescriptor without anything to complain of holds.
func goodRole(t testing.TB) string {
	reading, err := ReadMetadata(metadataFile(t, "keycloak.xml"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(reading.IdP.Metadata(), "<md:IDPSSODescriptor")
	_, text, _ = strings.Cut(text, ">")
	text, _, _ = strings.Cut(text, "</md:IDPSSODescriptor>")
	return text
}

// signedMetadata signs a document as its publisher does.
func signedMetadata(t testing.TB, doc string, key Key) string {
	t.Helper()
	document := etree.NewDocument()
	if err := document.ReadFromString(doc); err != nil {
		t.Fatal(err)
	}
	root := document.Root()
	root.CreateAttr("ID", "_published")
	context, err := dsig.NewSigningContext(key.Private, [][]byte{key.Certificate.Raw})
	if err != nil {
		t.Fatal(err)
	}
	context.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	signature, err := context.ConstructSignature(root, true)
	if err != nil {
		t.Fatal(err)
	}
	root.InsertChildAt(0, signature)
	text, err := document.WriteToString()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The families of saml.md, on metadata: nothing but what the pinned key signed
// is ever read.
func TestPinnedMetadataIsBelievedAsItWasSignedAndNotOtherwise(t *testing.T) {
	publisher := serviceKey()
	pinned := []*x509.Certificate{publisher.Certificate}
	plain := metadataOf("", goodRole(t))
	good := signedMetadata(t, plain, publisher)
	reading, err := ReadMetadata([]byte(good), "", pinned)
	if err != nil || reading.SignedBy != Fingerprint(publisher.Certificate) {
		t.Fatalf("signed by %q (%v)\n%s", reading.SignedBy, err, good)
	}
	if unasked, err := ReadMetadata([]byte(good), "", nil); err != nil || unasked.SignedBy != "" {
		t.Errorf("a signature nobody asked about counts for something: %q (%v)", unasked.SignedBy, err)
	}
	stranger, err := NewKey(rand.Reader, "stranger", keyMadeAt)
	if err != nil {
		t.Fatal(err)
	}
	evil := strings.ReplaceAll(good, "keycloak.example", "evil.example")
	for _, tt := range []struct{ name, doc, say string }{
		{"unsigned", plain, "not signed"},
		{"signed by a stranger", signedMetadata(t, plain, stranger), "not signed with a key"},
		{"changed since", evil, "not signed with a key"},
		{"wrapped: the signed one inside of another", `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">` + plain + good + `</md:EntitiesDescriptor>`, "not signed"},
		{"the signature of the one, around the other", `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_outer">` + signatureIn(good) + evil + `</md:EntitiesDescriptor>`, "refused"},
		{"an ID twice", strings.Replace(good, "<md:IDPSSODescriptor", `<md:IDPSSODescriptor ID="_published"`, 1), "cannot be read"},
	} {
		_, err := ReadMetadata([]byte(tt.doc), "", pinned)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.Sentence(err), tt.say) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.say)
		}
	}
}

func signatureIn(doc string) string {
	doc = doc[strings.Index(doc, "<ds:Signature"):]
	return doc[:strings.Index(doc, "</ds:Signature>")+len("</ds:Signature>")]
}

func TestAPreviewShowsWhatARecordWouldBeMadeOf(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	preview, err := PreviewMetadata(metadataFile(t, "keycloak.xml"), "", nil, now)
	if err != nil {
		t.Fatal(err)
	}
	if preview.EntityID == "" || len(preview.SSO) == 0 || len(preview.Certificates) == 0 || len(preview.Certificates[0].Fingerprint) != 64 ||
		preview.Certificates[0].NotAfter.IsZero() || len(preview.IdentityProviders) != 1 {
		t.Errorf("%+v", preview)
	}
	federation := metadataFile(t, "federation.xml")
	all, err := PreviewMetadata(federation, "", nil, now)
	if err != nil || all.EntityID != "" || len(all.IdentityProviders) < 2 {
		t.Fatalf("of a federation: %+v (%v)", all, err)
	}
	one, err := PreviewMetadata(federation, all.IdentityProviders[1], nil, now)
	if err != nil || one.EntityID != all.IdentityProviders[1] {
		t.Errorf("chosen: %+v (%v)", one, err)
	}
	if _, err := PreviewMetadata([]byte("<html>"), "", nil, now); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a web page: %v", err)
	}
	old := strings.Replace(metadataOf("", goodRole(t)), "<md:EntityDescriptor ", `<md:EntityDescriptor validUntil="2020-01-01T00:00:00Z" `, 1)
	ended, err := PreviewMetadata([]byte(old), "", nil, now)
	if err != nil || !slices.ContainsFunc(ended.Warnings, func(w string) bool { return strings.Contains(w, "valid until 2020-01-01") }) {
		t.Errorf("%q (%v)", ended.Warnings, err)
	}
}

func TestOurMetadataAnnouncesTheNextKeyAndIsSignedWhenTheRecordSaysSo(t *testing.T) {
	next, err := NewKey(rand.Reader, "idms acme 2027", keyMadeAt.AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	next.Next = true
	s := Settings{SignMetadata: true}
	text, role := spMetadata(t, s, s.SP("acme", "https://idms.example", []Key{serviceKey(), next}))
	signing := 0
	for _, descriptor := range role.KeyDescriptors {
		if descriptor.Use == "signing" {
			signing++
		}
	}
	if signing != 2 {
		t.Errorf("%d keys are announced for signatures, want both", signing)
	}
	if !strings.Contains(text, `validUntil="`+keyMadeAt.UTC().Add(14*24*time.Hour).Format("2006-01-02T15:04:05Z")) {
		t.Errorf("it does not end in two weeks:\n%s", text)
	}
	root, err := metadataRoot([]byte(text), idSet{})
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := readSignedRoot(root, []*x509.Certificate{serviceKey().Certificate})
	if err != nil || key != Fingerprint(serviceKey().Certificate) {
		t.Errorf("the signature: %v", err)
	}
	if _, err := SPMetadata(s, s.SP("acme", "https://idms.example", nil), keyMadeAt); err == nil {
		t.Error("it is signed with no key")
	}
}
