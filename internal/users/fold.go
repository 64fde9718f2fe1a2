package users

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold is the form of a username under which accounts are compared (S40): two
// usernames are the same person's when they fold to the same text. Folding is
// done here and not in the database, whose idea of letters depends on its
// locale.
//
// Letters count without regard to case and to how their accents are encoded:
// canonical equivalence (NFC, Unicode 15 section 3.11) and simple case folding
// (Unicode 5.18; status C and S). Both are deliberately the narrow forms.
// Full case folding would make one account of weiß and weiss, compatibility
// forms one of ⓐda and ada, and a Turkish fold one of sıla and sila: each pair
// may be two people of one provider, and the second would get the first one's
// access.
//
// Fold(Fold(x)) is Fold(x).
func Fold(username string) string {
	if isASCII(username) {
		return strings.ToLower(username)
	}
	// Taken apart first: İ is I and a dot, and only so does its case fold alone.
	return norm.NFC.String(strings.Map(foldLetter, norm.NFD.String(username)))
}

// foldLetter is the same for all letters that differ only in case: the
// smallest lower-case one among them, or the smallest where none is.
func foldLetter(r rune) rune {
	smallest, lower := r, rune(-1)
	for letter := r; ; {
		smallest = min(smallest, letter)
		if unicode.IsLower(letter) && (lower < 0 || letter < lower) {
			lower = letter
		}
		if letter = unicode.SimpleFold(letter); letter == r {
			break
		}
	}
	if lower >= 0 {
		return lower
	}
	return smallest
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
