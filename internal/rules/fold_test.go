package rules

import (
	"strings"
	"testing"
	"unicode"
)

// Two runes fold to the same one exactly if (?i) takes them for the same.
func TestFoldIsUnicodes(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		want := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			want = min(want, next)
		}
		if 'A' <= want && want <= 'Z' {
			want = unicode.ToLower(want)
		}
		if got := fold(r); got != want {
			t.Errorf("%U folds to %U, want %U", r, got, want)
		}
	}
	for _, r := range "kK\u212a" {
		if fold(r) != 'k' {
			t.Errorf("%U is no k", r)
		}
	}
	for _, r := range "sSſ" {
		if fold(r) != 's' {
			t.Errorf("%U is no s", r)
		}
	}
}

// Eight bytes at a time, one by one, or as runes: a text folds the same wherever
// its first letter outside ASCII stands.
func TestAppendFolded(t *testing.T) {
	ascii := make([]byte, 128)
	for i := range ascii {
		ascii[i] = byte(i)
	}
	for _, text := range []string{"", "A", "ABCDEFG", "ABCDEFGH", "@AZ[`az{", string(ascii), strings.Repeat("Platform ", 9), "\xff", "A\xc3", "Straße ÜBER"} {
		for pad := range 18 {
			value := strings.Repeat("X", pad) + text + "É" + strings.Repeat("Y", pad)
			for _, value := range []string{value, strings.ReplaceAll(value, "É", "")} {
				var want strings.Builder
				for _, r := range value {
					want.WriteRune(fold(r))
				}
				if got := string(appendFolded([]byte("before"), value)); got != "before"+want.String() {
					t.Errorf("%q folds to %q, want %q", value, got, want.String())
				}
			}
		}
	}
}
