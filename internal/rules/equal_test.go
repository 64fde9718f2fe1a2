package rules

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// wantEqual holds the index against the meaning of every rule and, for Any, the
// meaning against regexp alone.
func wantEqual(t *testing.T, list []Rule, a Attributes) {
	t.Helper()
	set := Compile(list)
	got := set.Evaluate(a, nil)
	if len(got) != len(list) {
		t.Fatalf("%d findings for %d rules", len(got), len(list))
	}
	for i, rule := range list {
		if want := rule.Test(a); got[i] != want {
			t.Errorf("%s\n got  %+v\n want %+v", shown(rule, a), got[i], want)
		}
		if !rule.Disabled && !rule.Pattern.IsZero() {
			wantPlain(t, rule, a, got[i])
		}
	}
	for situation, set := range map[string]*Set{
		"on a used desk":          set,
		"on a very old desk":      withOldDesk(Compile(list)),
		"with no room for states": withoutRoom(Compile(list)),
	} {
		for i, again := range set.Evaluate(a, nil) {
			if again != got[i] {
				t.Errorf("%s\n got %+v\n %s %+v", shown(list[i], a), got[i], situation, again)
			}
		}
	}
}

// withOldDesk gives the set a desk whose moments are about to come round, with
// notes on it that must not be taken for new ones.
func withOldDesk(s *Set) *Set {
	d := newDesk(s.indexes)
	d.moment = math.MaxUint32 - 1
	for _, notes := range [][]uint32{d.read, d.met, d.tried} {
		for i := range notes {
			notes[i] = uint32(1 + i%3)
		}
	}
	for _, x := range s.indexes {
		if x.automaton == nil {
			continue
		}
		w := d.walk(x)
		w.moment = math.MaxUint32 - 2
		for _, notes := range [][]uint32{w.seen, w.matched} {
			for i := range notes {
				notes[i] = uint32(1 + i%3)
			}
		}
	}
	s.desks.Put(d)
	return s
}

// withoutRoom makes the set's automata forget everything.
func withoutRoom(s *Set) *Set {
	for _, x := range s.indexes {
		if x.automaton != nil {
			x.automaton.room = -1
		}
	}
	return s
}

// wantPlain does by hand what the package does, with regexp and no other code of
// its own.
func wantPlain(t *testing.T, rule Rule, a Attributes, got Finding) {
	t.Helper()
	for _, attribute := range a {
		if attribute.Name != rule.Attribute {
			continue
		}
		if attribute.Incomplete || len(attribute.Values) == 0 {
			return
		}
		plain := plainMatch(rule.Pattern)
		matches, first := 0, -1
		for i, value := range attribute.Values {
			if plain(value) {
				if matches++; first < 0 {
					first = i
				}
			}
		}
		want := Finding{Outcome: NoMatch, Value: int32(first)}
		if matches > 0 {
			want.Outcome = Matched
		}
		switch rule.Values {
		case Any:
			want.True = matches > 0
		case All:
			want.True = matches == len(attribute.Values)
			want.Value = got.Value // wantEqual has compared it
		case None:
			want.True = matches == 0
		}
		if got != want {
			t.Errorf("%s\n got    %+v\n regexp %+v", shown(rule, a), got, want)
		}
		return
	}
}

// plainMatch is regexp, with the options written in another way than the package's
// where that is possible.
func plainMatch(p Pattern) func(string) bool {
	text := p.String()
	if p.Options().Full && strings.Contains(text, `\Q`) {
		return p.Match
	}
	if p.Options().IgnoreCase {
		text = "(?i)" + text
	}
	if p.Options().Full {
		text = `\A(?:` + text + `)\z`
	}
	return regexp.MustCompile(text).MatchString
}

func shown(rule Rule, a Attributes) string {
	attribute, ok := a.Get(rule.Attribute)
	return fmt.Sprintf("pattern %q %+v, %s; present %v, values %q", rule.Pattern, rule.Pattern.Options(), rule.Values, ok, attribute.Values)
}

// The texts of which the random patterns and values are made: few enough that
// they meet, and among them all that has ever made two matchers disagree.
var (
	words = []string{
		"a", "b", "k", "K", "\u212a", "s", "S", "ſ", "ß", "ẞ", "µ", "μ", "Ω", "\u2126", "é", "É", "İ", "ı", "i", "I", "ǅ", "ǆ",
		"app", "App", "team", "admin", "Admin", "ADMIN", "ops", "skat", "SKAT", "CN=", ",OU=", "DC=", "group-", "00", "0", "1", "7", "-", "_", " ", "@", "=", "/",
		"日本", "\ufffd", "🙂", "xyzzy",
	}
	strange = []string{"\n", "\r\n", "\t", "\x00", "\xff", "\xc3", "\xe2\x84", "\x80", "\xed\xa0\x80", "\xff\xff\xff"}
)

// dice make patterns and values: the same for the same seeds, always.
type dice struct{ *rand.Rand }

func newDice(a, b uint64) dice { return dice{rand.New(rand.NewPCG(a, b))} }

func (d dice) one(of ...string) string { return of[d.IntN(len(of))] }
func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

func (d dice) value() string {
	var b strings.Builder
	for range d.IntN(6) {
		if d.chance(8) {
			b.WriteString(d.one(strange...))
		} else {
			b.WriteString(d.one(words...))
		}
	}
	return b.String()
}

// pattern writes an expression as people do, and sometimes as they never would.
func (d dice) pattern(depth int) string {
	var b strings.Builder
	if depth == 0 && d.chance(15) {
		b.WriteString(d.one("(?i)", "(?s)", "(?m)", "(?im)", "(?is)", "(?U)", "(?-i)"))
	}
	if d.chance(25) {
		b.WriteString(d.one("^", "^", "^", `\A`, `\b`, ".*", "^.*"))
	}
	for range 1 + d.IntN(4) {
		b.WriteString(d.piece(depth))
	}
	if d.chance(25) {
		b.WriteString(d.one("$", "$", "$", `\z`, `\b`, ".*", ".*$", ".+$"))
	}
	return b.String()
}

func (d dice) piece(depth int) string {
	if depth < 3 && d.chance(20) {
		switch d.IntN(6) {
		case 0:
			return "(" + d.pattern(depth+1) + "|" + d.pattern(depth+1) + ")" + d.repeat()
		case 1:
			return "(?:" + d.pattern(depth+1) + "|" + d.pattern(depth+1) + "|)"
		case 2:
			return "(?i:" + d.pattern(depth+1) + ")" + d.repeat()
		case 3:
			return d.one("(?s:", "(?m:", "(?-i:", "(?i-s:") + d.pattern(depth+1) + ")"
		case 4:
			return "(?:" + d.pattern(depth+1) + ")" + d.repeat()
		case 5:
			return "|" + d.pattern(depth+1)
		}
	}
	switch d.IntN(12) {
	case 0:
		return d.one(".", ".*", ".+", ".?", ".*?", ".{2}", "(?s:.*)", "(?s:.)")
	case 1:
		return d.one("[a-c]", "[0-9]", `\d`, `\w`, `\W`, `\s`, "[^a]", "[^-]", "[kK]", "[Ss]", "[^\\n]", "[[:alpha:]]", `\pL`, `\PL`, "[aA]", "[a-z]", "[\u212ak]", "[é-í]", `[^\x00-\x{10FFFF}]`, `[\x{FFFC}-\x{FFFE}]`) + d.repeat()
	case 2:
		return d.one(`\b`, `\B`, "^", "$", `\A`, `\z`, "(?m:^)", "(?m:$)", "()", `\x{FFFD}`, `\n`, `\x00`)
	case 3:
		return "(?i:" + regexp.QuoteMeta(d.one(words...)) + ")" + d.repeat()
	case 4:
		return `\Q` + d.one(words...) + `\E`
	}
	return regexp.QuoteMeta(d.one(words...)) + d.repeat()
}

func (d dice) repeat() string {
	if d.chance(80) {
		return ""
	}
	return d.one("*", "+", "?", "*?", "{2}", "{1,3}", "{0}", "{2,}", "{0,1}", "{33}")
}

// valueFor makes a value that has a fair chance to match: a stroll through the
// pattern's own text.
func (d dice) valueFor(pattern string) string {
	clean := strings.NewReplacer("^", "", "$", "", ".*", d.one("", "x", "\n"), `\`, "", "(", "", ")", "", "?", "", "+", "", "*", "", "[", "", "]", "").Replace(pattern)
	if d.chance(50) {
		clean = strings.ToUpper(clean)
	}
	if d.chance(30) {
		clean = d.value() + clean
	}
	if d.chance(30) {
		clean += d.value()
	}
	return clean
}

func (d dice) rules(n int) []Rule {
	var list []Rule
	for len(list) < n {
		text := d.pattern(0)
		if d.chance(3) && len(list) > 0 {
			text = list[0].Pattern.String()
		}
		p, err := ParsePattern(text, Options{Full: d.chance(20), IgnoreCase: d.chance(20)})
		if err != nil {
			continue // an empty one, or one that repeats a repetition
		}
		list = append(list, Rule{
			Attribute: d.one("groups", "groups", "groups", "mail", "absent"),
			Pattern:   p,
			Values:    Quantifier(max(0, d.IntN(5)-2)),
			Disabled:  d.chance(3),
		})
	}
	return list
}

// TestSetEqualsPlain: every finding of the index is that of the plain meaning
// (S10, S11, S14, S15), for thousands of patterns of every shape.
func TestSetEqualsPlain(t *testing.T) {
	rounds := 600
	if testing.Short() {
		rounds = 40
	}
	matched := 0
	for round := range rounds {
		d := newDice(7, uint64(round))
		list := d.rules(1 + d.IntN(40))
		var a Attributes
		for _, name := range []string{"groups", "mail", "other", "groups"} {
			attribute := Attribute{Name: name, Incomplete: d.chance(3)}
			for range d.IntN(12) {
				if d.chance(60) {
					attribute.Values = append(attribute.Values, d.valueFor(list[d.IntN(len(list))].Pattern.String()))
				} else {
					attribute.Values = append(attribute.Values, d.value())
				}
			}
			a = append(a, attribute)
		}
		wantEqual(t, list, a)
		for _, f := range Compile(list).Evaluate(a, nil) {
			if f.Outcome == Matched {
				matched++
			}
		}
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	if matched < rounds {
		t.Errorf("only %d rules matched in %d rounds: the values are not hard enough", matched, rounds)
	}
	t.Logf("%d matches", matched)
}

// TestLargeSetsEqualPlain: so is every finding among thousands of rules, where
// grams are shared and the automaton has many patterns.
func TestLargeSetsEqualPlain(t *testing.T) {
	for _, shape := range shapes {
		list := benchRules(t, 2_000, shape.pattern)
		for i := range list {
			list[i].Values = Quantifier(i % 7 / 5 * (1 + i%2)) // mostly any, sometimes all or none
		}
		a := benchValues(40, len(list))
		groups := &a[1].Values
		for i, value := range *groups {
			switch i % 6 {
			case 1:
				(*groups)[i] = "CN=" + value + ",OU=Groups,OU=IT,DC=example,DC=com"
			case 2:
				(*groups)[i] = strings.ToUpper(value)
			case 3:
				(*groups)[i] = value + "-17"
			case 4:
				(*groups)[i] = "über-" + value
			}
		}
		found := Compile(list).Evaluate(a, nil)
		matched := 0
		for i, rule := range list {
			if want := rule.Test(a); found[i] != want {
				t.Errorf("%s\n got  %+v\n want %+v", shown(rule, a), found[i], want)
			}
			if found[i].Outcome == Matched {
				matched++
			}
		}
		if matched == 0 {
			t.Errorf("%s: nothing matched, so nothing was tested", shape.name)
		}
	}
}
