package docs

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestTheGlossaryIsReadRowByRow(t *testing.T) {
	acs, audience := Words.Word("ACS URL"), Words.Field("saml.audience")
	if acs.Field != "" || acs.Meaning != "Where the provider's answer is posted" {
		t.Errorf("the ACS URL is read as %+v", acs)
	}
	if audience.Word != "Audience URI" || audience.Note != "Some providers put the ACS URL here" {
		t.Errorf("the audience is read as %+v", audience)
	}
	for _, tt := range []struct {
		provider string
		term     Term
		want     []string
	}{
		{"entra-id", acs, []string{"Reply URL"}},                // in the table of consoles
		{"onelogin", audience, []string{"Audience (EntityID)"}}, // whose brackets are no provider
		{"entra-id", Words.Field("saml.sso_url"), []string{"Login URL"}},
		{"auth0", Words.Field("saml.metadata_url"), []string{"Metadata URL"}}, // of two providers
		{"adfs", Words.Field("saml.issuer"), []string{"Federation Service identifier"}},
		{"okta", Words.Field("saml.clock_skew"), nil},
	} {
		p, ok := Words.Provider(tt.provider)
		if got := p.Calls(tt.term); !ok || !slices.Equal(got, tt.want) {
			t.Errorf("%s calls %s %q, want %q", tt.provider, tt.term.Word, got, tt.want)
		}
	}
}

// A row that is written carelessly would be shown so on every page.
func TestEveryRowOfTheGlossaryCanBeShown(t *testing.T) {
	if len(Words.Terms) < 60 || len(Words.Providers) < 11 {
		t.Fatalf("%d terms and %d providers: the tables are no longer read", len(Words.Terms), len(Words.Providers))
	}
	fields, words := map[string]bool{}, map[string]bool{}
	for _, term := range Words.Terms {
		if term.Field != "" && fields[term.Field] || words[term.Word] {
			t.Errorf("%s stands there twice", term.Word)
		}
		fields[term.Field], words[term.Word] = true, true
		if term.Word == "" || term.Meaning == "" || strings.ContainsAny(term.Word+term.Meaning+term.Note, "[]*`|") {
			t.Errorf("%q cannot be shown: %q, %q", term.Word, term.Meaning, term.Note)
		}
		for _, one := range term.Also {
			if one.Text == "" || strings.Count(one.Text, "(") != strings.Count(one.Text, ")") || strings.ContainsAny(one.Text, "[]*`|") || strings.HasPrefix(one.Text, "and ") {
				t.Errorf("%s is also called %q", term.Word, one.Text)
			}
		}
	}
}

func TestEveryProviderOfTheGlossaryHasAGuide(t *testing.T) {
	for _, p := range Words.Providers {
		if _, err := os.Stat("identity-providers/" + p.Key + ".md"); err != nil {
			t.Error(err)
		}
		for column, word := range p.words {
			if column != "Groups" && Words.Word(column).Word == "" || word == "" {
				t.Errorf("%s calls %q %q, and that is no word of ours", p.Name, column, word)
			}
		}
	}
}
