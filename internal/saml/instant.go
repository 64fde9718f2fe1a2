package saml

import (
	"time"
)

// parseInstant reads an xs:dateTime with a time zone (M16): seconds may have a
// fraction of any length, and Z or an offset is needed, because an instant
// without one is wherever the reader happens to be.
func parseInstant(text string) (time.Time, bool) {
	const form = "dddd-dd-ddTdd:dd:dd"
	if len(text) <= len(form) || len(text) > 64 {
		return time.Time{}, false
	}
	for i := range len(form) {
		digit := text[i] >= '0' && text[i] <= '9'
		if form[i] == 'd' != digit || !digit && text[i] != form[i] {
			return time.Time{}, false
		}
	}
	// time.Parse would also take a comma before the fraction.
	if c := text[len(form)]; c != '.' && c != 'Z' && c != '+' && c != '-' {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339, text)
	// The zero instant would mean "none" to everybody after this.
	return at.UTC(), err == nil && !at.IsZero()
}

// window is a half-open span of time: from NotBefore on, and before
// NotOnOrAfter. A zero end is open.
type window struct{ notBefore, notOnOrAfter time.Time }

// early and late say whether now is outside the window when the clocks may
// differ by skew.
func (w window) early(now time.Time, skew time.Duration) bool {
	return !w.notBefore.IsZero() && now.Before(w.notBefore.Add(-skew))
}

func (w window) late(now time.Time, skew time.Duration) bool {
	return !w.notOnOrAfter.IsZero() && !now.Before(w.notOnOrAfter.Add(skew))
}

// clocks tells an administrator both clocks and how far they are apart.
func clocks(now, limit time.Time, skew time.Duration) string {
	difference, way := limit.Sub(now), "later"
	if difference < 0 {
		difference, way = -difference, "earlier"
	}
	return moment(limit) + ", which is " + difference.Round(time.Millisecond).String() + " " + way +
		" than this clock, " + moment(now) + ", with a skew of " + skew.String() + " allowed"
}

func moment(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05.999 UTC") }
