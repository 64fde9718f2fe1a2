package users

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestUsernamesOfOnePersonFoldAlike(t *testing.T) {
	for _, tt := range []struct{ name, a, b string }{
		{"case", "Ada.Lovelace@Example.COM", "ada.lovelace@example.com"},
		{"case beyond ASCII", "ÉMILIE", "émilie"},
		{"an accent in one piece and in two", "\u00e9milie", "e\u0301milie"},
		{"the letter and the sign", "\u212bngström", "ångström"}, // ANGSTROM SIGN
		{"Kelvin's sign", "\u212aelvin", "kelvin"},
		{"the long s", "Weiſs", "weiss"},
		{"both forms of sigma", "ΟΔΥΣΣΕΥΣ", "οδυσσευς"},
		{"the capital sharp s", "WEIẞ", "weiß"},
		{"Cherokee", "ᎠᏂ", "ꭰꮒ"},
	} {
		if Fold(tt.a) != Fold(tt.b) {
			t.Errorf("%s: %q and %q fold to %q and %q", tt.name, tt.a, tt.b, Fold(tt.a), Fold(tt.b))
		}
	}
}

// S40: what a provider may keep apart stays apart, or one person would get
// another's account.
func TestUsernamesOfTwoPeopleStayApart(t *testing.T) {
	for _, tt := range []struct{ name, a, b string }{
		{"sharp s and two s", "weiß", "weiss"},
		{"dotless i", "sıla", "sila"},
		{"dotted capital I", "İLA", "ila"},
		{"an accent", "émilie", "emilie"},
		{"a ligature", "ﬁona", "fiona"},
		{"a circled letter", "ⓐda", "ada"},
		{"full width", "ａda", "ada"},
		{"another alphabet", "аda", "ada"}, // Cyrillic а
		{"an invisible joiner", "a\u200dda", "ada"},
		{"white space within", "ada l", "adal"},
	} {
		if Fold(tt.a) == Fold(tt.b) {
			t.Errorf("%s: %q and %q are one account, %q", tt.name, tt.a, tt.b, Fold(tt.a))
		}
	}
}

// Every character alone: folding is stable, and blind to case as the standard
// library is.
func TestEveryCharacterFoldsOnce(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		folded := Fold(string(r))
		if again := Fold(folded); again != folded {
			t.Errorf("%U folds to %+q, and that to %+q", r, folded, again)
		}
		if other := unicode.SimpleFold(r); other != r && Fold(string(other)) != folded {
			t.Errorf("%U and %U fold to %+q and %+q", r, other, folded, Fold(string(other)))
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, seed := range []string{"", "Ada", "ÅNGSTRÖM", "weiß", "İstanbul", "ᾳ\u0301", "\u0345\u0301\u0399", "ǅ", "Ⓐ", "각", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		folded := Fold(name)
		if again := Fold(folded); again != folded {
			t.Errorf("%q folds to %q, and that to %q", name, folded, again)
		}
		if !utf8.ValidString(name) {
			return
		}
		for _, same := range []string{norm.NFC.String(name), norm.NFD.String(name)} {
			if Fold(same) != folded {
				t.Errorf("%q and its equivalent %q fold to %q and %q", name, same, folded, Fold(same))
			}
		}
		// The standard library's idea of equal case, on canonical text.
		taken := norm.NFD.String(name)
		for _, other := range []string{strings.ToUpper(taken), strings.ToLower(taken)} {
			if strings.EqualFold(other, taken) && Fold(other) != folded {
				t.Errorf("%q and %q differ in case and fold to %q and %q", taken, other, folded, Fold(other))
			}
		}
	})
}
