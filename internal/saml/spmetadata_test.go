package saml

import (
	"crypto/rand"
	"encoding/xml"
	"slices"
	"strings"
	"testing"

	crewjam "github.com/crewjam/saml"

	"idms/internal/fault"
)

func spMetadata(t testing.TB, s Settings, sp SP) (string, crewjam.SPSSODescriptor) {
	t.Helper()
	text, err := SPMetadata(s, sp, keyMadeAt)
	if err != nil {
		t.Fatal(err)
	}
	var entity crewjam.EntityDescriptor
	if err := xml.Unmarshal(text, &entity); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if entity.EntityID != sp.EntityID || len(entity.SPSSODescriptors) != 1 {
		t.Fatalf("entity %q with %d roles", entity.EntityID, len(entity.SPSSODescriptors))
	}
	return string(text), entity.SPSSODescriptors[0]
}

func TestOurMetadataSaysWhoWeAreAndWhereToAnswer(t *testing.T) {
	s := Settings{PreviousOrigins: []string{"https://old.example"}, NameIDFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"}
	sp := s.SP("acme", "https://idms.example", []Key{serviceKey()})
	text, role := spMetadata(t, s, sp)

	var acs []string
	for _, one := range role.AssertionConsumerServices {
		if one.Binding != crewjam.HTTPPostBinding || one.IsDefault == nil || *one.IsDefault != (one.Index == 0) {
			t.Errorf("ACS %+v", one)
		}
		acs = append(acs, one.Location)
	}
	if want := []string{"https://idms.example/saml/acme/acs", "https://old.example/saml/acme/acs"}; !slices.Equal(acs, want) {
		t.Errorf("ACS %q", acs)
	}
	if got := role.NameIDFormats; len(got) != 1 || string(got[0]) != s.NameIDFormat {
		t.Errorf("formats %q", got)
	}
	if role.ProtocolSupportEnumeration != "urn:oasis:names:tc:SAML:2.0:protocol" {
		t.Errorf("protocols %q", role.ProtocolSupportEnumeration)
	}
	if len(role.SingleLogoutServices) != 0 {
		t.Error("advertises single logout, which we do not take part in")
	}
	if !strings.Contains(text, `cacheDuration="P1D"`) || strings.Contains(text, "validUntil") {
		t.Error("an uploaded file would end by itself")
	}
	if strings.Contains(text, "PRIVATE") {
		t.Error("the private key leaves the house")
	}
}

func TestOurMetadataAsksForWhatTheRecordDemands(t *testing.T) {
	for _, tt := range []struct {
		signed     Signed
		sign       bool
		assertions bool
	}{
		{"", false, true},
		{SignedEither, true, true}, // a provider that signs nothing unasked would be refused
		{SignedResponse, false, false},
		{SignedAssertion, false, true},
		{SignedBoth, true, true},
	} {
		s := Settings{Signed: tt.signed, SignRequests: tt.sign}
		_, role := spMetadata(t, s, s.SP("acme", "https://idms.example", []Key{serviceKey()}))
		if *role.WantAssertionsSigned != tt.assertions || *role.AuthnRequestsSigned != tt.sign {
			t.Errorf("%q: WantAssertionsSigned %v, AuthnRequestsSigned %v", tt.signed, *role.WantAssertionsSigned, *role.AuthnRequestsSigned)
		}
	}
}

func TestOurMetadataNamesTheKeyThatSignsAndTheNewestToEncryptForFirst(t *testing.T) {
	newer, err := NewKey(rand.Reader, "idms acme 2027", keyMadeAt.AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	sp := Settings{}.SP("acme", "https://idms.example", []Key{serviceKey(), newer})
	_, role := spMetadata(t, Settings{}, sp)
	var got []string
	for _, descriptor := range role.KeyDescriptors {
		parsed, err := ParseCertificates(descriptor.KeyInfo.X509Data.X509Certificates[0].Data)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, descriptor.Use+" "+parsed[0].Subject.CommonName)
	}
	if want := []string{"signing idms acme", "encryption idms acme 2027", "encryption idms acme"}; !slices.Equal(got, want) {
		t.Errorf("keys %q", got)
	}
}

// M10, M11: nothing is offered that the verifier would refuse.
func TestOurMetadataOffersOnlyEncryptionWeTake(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		s := Settings{LegacyCBC: legacy}
		text, role := spMetadata(t, s, s.SP("acme", "https://idms.example", []Key{serviceKey()}))
		if got := strings.Contains(text, "-cbc"); got != legacy {
			t.Errorf("legacy %v: CBC offered %v", legacy, got)
		}
		for _, never := range []string{"rsa-1_5", "tripledes"} {
			if strings.Contains(text, never) {
				t.Errorf("offers %s", never)
			}
		}
		first := role.KeyDescriptors[1].EncryptionMethods[0].Algorithm
		if first != "http://www.w3.org/2009/xmlenc11#aes256-gcm" {
			t.Errorf("prefers %s", first)
		}
	}
}

// IIP-MD09, M06: what is named is what the verifier takes, all of it and no more.
func TestOurMetadataNamesTheSignaturesWeTake(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		s := Settings{LegacySHA1: legacy}
		text, _ := spMetadata(t, s, s.SP("acme", "https://idms.example", []Key{serviceKey()}))
		for tag, methods := range map[string]map[string]strength{"DigestMethod": digestMethods, "SigningMethod": signatureMethods} {
			named := 0
			for method, strength := range methods {
				named += strings.Count(text, `<alg:`+tag+` Algorithm="`+method+`"/>`)
				if want := strength == goodAlgorithm || legacy && strength == legacySHA1; strings.Contains(text, `<alg:`+tag+` Algorithm="`+method+`"/>`) != want {
					t.Errorf("legacy %v: %s %s named: %v", legacy, tag, method, !want)
				}
			}
			if all := strings.Count(text, "<alg:"+tag+" "); all != named {
				t.Errorf("legacy %v: %d of %s, and %d are known", legacy, all, tag, named)
			}
		}
	}
}

func TestOurMetadataWithoutKeysIsStillMetadata(t *testing.T) {
	sp := Settings{}.SP("acme", "https://idms.example", nil)
	if _, role := spMetadata(t, Settings{}, sp); len(role.KeyDescriptors) != 0 {
		t.Error("keys out of nowhere")
	}
	sp.Keys = []Key{{Private: serviceKey().Private}}
	if _, err := SPMetadata(Settings{}, sp, keyMadeAt); err == nil {
		t.Error("a key without a certificate was published")
	}
}

// A frequent mistake at set-up: pasting ours where the provider's belongs.
func TestOurOwnMetadataIsRecognisedWhenPastedBack(t *testing.T) {
	text, _ := spMetadata(t, Settings{}, Settings{}.SP("acme", "https://idms.example", []Key{serviceKey()}))
	_, err := parseMetadata([]byte(text), "")
	if !strings.Contains(fault.Sentence(err), "perhaps our own") {
		t.Errorf("says %v", err)
	}
}
