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
	if known(a) == known(b) {
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

// oids are what people call the attributes that providers of universities and
// directories name by object identifier (RFC 4519, RFC 4524, eduPerson): the
// friendly name, which stands beside the name and is never read (S13).
var oids = map[string]string{
	"urn:oid:0.9.2342.19200300.100.1.1": "uid",
	"urn:oid:0.9.2342.19200300.100.1.3": "mail",
	"urn:oid:2.5.4.3":                   "cn",
	"urn:oid:2.5.4.4":                   "sn",
	"urn:oid:2.5.4.10":                  "o",
	"urn:oid:2.5.4.11":                  "ou",
	"urn:oid:2.5.4.12":                  "title",
	"urn:oid:2.5.4.20":                  "telephonenumber",
	"urn:oid:2.5.4.42":                  "givenname",
	"urn:oid:2.16.840.1.113730.3.1.3":   "employeenumber",
	"urn:oid:2.16.840.1.113730.3.1.4":   "employeetype",
	"urn:oid:2.16.840.1.113730.3.1.241": "displayname",
	"urn:oid:1.2.840.113549.1.9.1":      "email",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.1":  "edupersonaffiliation",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.6":  "edupersonprincipalname",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.7":  "edupersonentitlement",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.9":  "edupersonscopedaffiliation",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.10": "edupersontargetedid",
	"urn:oid:1.3.6.1.4.1.5923.1.5.1.1":  "ismemberof",
	"urn:oid:1.2.840.113556.1.2.102":    "memberof",
}

// known is what people call an attribute.
func known(name string) string {
	if friendly, ok := oids[name]; ok {
		return friendly
	}
	return plain(name)
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
