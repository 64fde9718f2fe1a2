package trace

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Nearest lists those of names that somebody may have meant who wrote name, the
// likeliest first and at most three. Most misspelt names differ in case, in
// punctuation, or in being the last part of a claim URI or the whole of it.
func Nearest(name string, names []string) []string {
	type guess struct {
		name string
		far  int
	}
	var guesses []guess
	for _, other := range names {
		if far := distance(name, other); far <= tooFar {
			guesses = append(guesses, guess{other, far})
		}
	}
	slices.SortStableFunc(guesses, func(a, b guess) int { return cmp.Compare(a.far, b.far) })

	var nearest []string
	for _, g := range guesses[:min(len(guesses), 3)] {
		nearest = append(nearest, g.name)
	}
	return nearest
}

const (
	tooFar      = 5
	longestName = 128 // letters compared; the time grows with their square
)

// distance is 0 for names alike but for case and punctuation, 1 when only their
// last parts are alike, 2 when one contains the other, and otherwise 2 and the
// number of letters to change, of which there may be one in three.
func distance(a, b string) int {
	if plain(a) == plain(b) {
		return 0
	}
	a, b = plain(lastPart(a)), plain(lastPart(b))
	shorter := min(len(a), len(b))
	switch {
	case shorter < 3 || max(len(a), len(b)) > longestName:
		return tooFar + 1
	case a == b:
		return 1
	case strings.Contains(a, b) || strings.Contains(b, a):
		return 2
	}
	if n := edits(a, b); n*3 <= shorter {
		return 2 + n
	}
	return tooFar + 1
}

// lastPart of a claim URI or URN: what the name is called among people.
func lastPart(name string) string {
	return name[strings.LastIndexAny(name, "/:#")+1:]
}

// plain leaves letters and digits, in lower case.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// edits is Levenshtein's distance in bytes: how many to add, remove or replace.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
