package rules

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestPatternKeepsWhatWasTyped(t *testing.T) {
	for _, o := range []Options{{}, {Full: true}, {IgnoreCase: true}, {Full: true, IgnoreCase: true}} {
		p := pattern(t, `a|\Qb`, o)
		if p.String() != `a|\Qb` || p.Options() != o || p.IsZero() {
			t.Errorf("got %q with %+v, want what was typed with %+v", p, p.Options(), o)
		}
	}
	a, b := pattern(t, "a", Options{}), pattern(t, "a", Options{})
	if !a.Equal(b) || !reflect.DeepEqual(a, b) {
		t.Error("the same text with the same options is not the same pattern")
	}
	if a.Equal(pattern(t, "a", Options{Full: true})) || a.Equal(pattern(t, "b", Options{})) || a.Equal(Pattern{}) || !(Pattern{}).Equal(Pattern{}) {
		t.Error("another text, other options or no pattern at all is the same pattern")
	}
	var zero Pattern
	if !zero.IsZero() || zero.String() != "" || zero.Options() != (Options{}) || zero.Match("") || zero.Advice() != nil {
		t.Error("the zero pattern is not empty")
	}
}

// S10: a pattern is at most 1,024 bytes, and what is short to type but enormous
// written out is refused as well.
func TestPatternIsBounded(t *testing.T) {
	pattern(t, strings.Repeat("a", MaxPattern), Options{Full: true, IgnoreCase: true})
	for name, text := range map[string]string{
		"the pattern is 1025 bytes long": strings.Repeat("a", MaxPattern+1),
		"the pattern is 1026 bytes long": strings.Repeat("é", MaxPattern/2+1),
		"the pattern is too large":       strings.Repeat(".{1000}", 3),
		"the pattern is empty":           "",
	} {
		if _, err := ParsePattern(text, Options{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want: %s", err, name)
		}
	}
	pattern(t, `^[a-z0-9.]{1,64}@[a-z0-9.-]{1,255}$`, Options{})
	pattern(t, `^(?:[0-9a-f]{8}-){1,20}x{500}$`, Options{})
}

// S10: a refusal names the construct that RE2 does not have and what to write
// instead, or what is wrong and where.
func TestRefusalsSayWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		`^Admin(?=s)`:    `look-ahead, (?=…, is not supported: only whether a value matches counts, so a(?=b) is ab`,
		`^(?!Admin)`:     `negative look-ahead, (?!…, is not supported: write what may stand there, as in (?:[^x]|$), or a rule that asks for none of the values to match`,
		`(?<=CN=)Admin`:  `look-behind, (?<=…, is not supported: only whether a value matches counts, so (?<=a)b is ab`,
		`(?<!CN=)Admin`:  `negative look-behind, (?<!…, is not supported: write what may stand there, as in (?:^|[^x]), or a rule that asks for none of the values to match`,
		`(?>a+)b`:        `an atomic group, (?>…, is not supported: write (?:…); here no text is tried twice anyway`,
		`a++b`:           `a possessive repetition, ++, is not supported: leave out the last +; here no text is tried twice anyway`,
		`a{2}+`:          `a possessive repetition, {2}+, is not supported: leave out the last +; here no text is tried twice anyway`,
		`(a|b)-\1`:       `a back-reference, \1…, is not supported: write out each text that may be repeated, as in (?:a-a|b-b)`,
		`(?<x>a)\k<x>`:   `a back-reference, \k…, is not supported: write out each text that may be repeated, as in (?:a-a|b-b)`,
		`(?P<x>a)(?P=x)`: `a back-reference, (?P=…, is not supported: write out each text that may be repeated, as in (?:a-a|b-b)`,
		`(a(?1)?b)`:      `recursion, (?1…, is not supported: write the part out as often as it may occur`,
		`(?(1)a|b)`:      `a condition, (?(…, is not supported: write both cases as (?:…|…)`,
		`(*FAIL)`:        `a verb, (*…, is not supported: leave it out`,
		`(?x) a`:         `the x flag (free spacing), (?x…, is not supported: write the pattern without spaces and comments`,
		`Admin\Z`:        `\Z is not supported here: write $ for the end of the value`,
		`\u0041`:         `\u is not supported here: write \x{…} with the same digits`,
		`*admin*`:        `there is nothing before * that it could repeat; for any text write .*, to match the character itself write \*`,
		`a**`:            `** repeats a repetition; put the inner one in brackets, as in (?:a+)*`,
		`[a-`:            `a closing ] is missing after [a-`,
		`(a`:             `a closing ) is missing in (a`,
		`a)`:             `there is a ) without its ( in a); to match the character itself write \)`,
		`a)(?:b`:         `there is a ) without its ( in a)(?:b; to match the character itself write \)`,
		`[z-a]`:          `the character range z-a does not exist; a range goes from the lower to the higher character, and a hyphen that is meant as one stands last, as in [a-z-]`,
		`[[:word1:]]`:    `there is no class of characters named [:word1:]; there are [[:alpha:]], \pL and the like`,
		`CORP\groups`:    `a back-reference, \g…, is not supported: write out each text that may be repeated, as in (?:a-a|b-b)`,
		`CORP\jane`:      `\j has no meaning; leave out the backslash, or write \\ to match one`,
		`CORP\`:          `the pattern ends with a single backslash; to match a backslash write \\`,
		"a\xff":          `the pattern is not valid UTF-8 text: "\xff"`,
		`a{1001}`:        `the repetition {1001} is not possible: counts go up to 1000, all nested ones multiplied, and the first is not above the second`,
		`\x{D83D}`:       `the pattern asks for \x{D83D}, half of a character that no text contains alone; write the whole character`,
	} {
		for _, o := range []Options{{}, {Full: true, IgnoreCase: true}} {
			_, err := ParsePattern(text, o)
			if err == nil || err.Error() != want {
				t.Errorf("%s\n got  %v\n want %s", text, err, want)
			}
		}
	}
}

func TestAdvice(t *testing.T) {
	const (
		anywhere = `This matches every value that contains "Admin", with anything before and after it. For the whole value write ^…$ or choose full match.`
		all      = `This matches every value, even an empty one.`
		never    = `No value can ever match this.`
		half     = `The ^ belongs to the first alternative only and the $ to the last. For whole values write ^(?:…|…)$ or choose full match.`
		longer   = `This matches longer values too: anything may stand before and after it. For the whole value write ^…$ or choose full match.`
		longerAt = `This matches longer values too: anything may stand before it. For the whole value begin with ^ or choose full match.`
		goesOn   = `This matches longer values too: anything may follow it. For the whole value end with $ or choose full match.`
		slashes  = `The slashes are part of the pattern and must be in the value. Leave them out; instead of /i choose ignore case.`
	)
	for _, tt := range []struct {
		text    string
		options Options
		want    []string
	}{
		{"^Admin$", Options{}, nil},
		{"Admin", Options{}, []string{anywhere}},
		{"Admin|Owner", Options{}, []string{anywhere}},
		{"Admins*", Options{}, []string{anywhere}},
		{".*Admin.*", Options{}, []string{anywhere}},
		{"Admin", Options{Full: true}, nil},
		{"Admin$", Options{}, []string{longerAt}},
		{"^cloud-admins", Options{}, []string{goesOn}},
		{"^cloud-admins", Options{Full: true}, nil},
		{"^(a|b)", Options{}, []string{goesOn}},
		{"[a-z]+-admins", Options{}, []string{longer}},
		{`@example\.com$`, Options{}, nil}, // where a word begins or ends, more is meant
		{"^team-", Options{}, nil},
		{"^CN=admins,", Options{}, nil},
		{"^admins.*", Options{}, nil},
		{"^admins.+$", Options{}, nil},
		{`\bAdmin\b`, Options{}, nil},
		{"^Admin|Owner$", Options{}, []string{half}},
		{"^Admin|Owner$", Options{Full: true}, nil},
		{"^Admin|Sales|Owner$", Options{}, []string{half}},
		{"^Admin$|^Owner$", Options{}, nil},
		{"^(Admin|Owner)$", Options{}, nil},
		{"^Admin.*|.*Owner$", Options{}, nil},
		{".*", Options{}, []string{all}},
		{"^.*$", Options{}, []string{all}},
		{"a*", Options{}, []string{all}},
		{"Admin|", Options{}, []string{all}},
		{".*", Options{Full: true}, []string{all}},
		{".+", Options{}, nil},
		{"^.+$", Options{}, nil},
		{".", Options{}, nil},
		{"^.", Options{}, nil},
		{"^.$", Options{}, nil},
		{"^$", Options{}, nil},
		{"^CN=Admins$,OU=IT", Options{}, []string{never}},
		{`[^\x00-\x{10FFFF}]`, Options{}, []string{never}},
		{"^ada@example.com$", Options{}, []string{`The dot in "example.com" stands for any character. If a dot is meant, write \. instead.`}},
		{"^CN=ada,DC=a.b,DC=com$", Options{}, []string{`The dot in "a.b" stands for any character. If a dot is meant, write \. instead.`}},
		{"^CN=Dr. Who,OU=x$", Options{}, []string{`The dot in "Dr. " stands for any character. If a dot is meant, write \. instead.`}},
		{"^CN=admins,O=Acme Inc.,C=US$", Options{}, []string{`The dot in "Inc.," stands for any character. If a dot is meant, write \. instead.`}},
		{"(?:^|,)10.0", Options{}, []string{goesOn, `The dot in "10.0" stands for any character. If a dot is meant, write \. instead.`}},
		{`^ada@example\.com$`, Options{}, nil},
		{`^ada@example[.]com$`, Options{}, nil},
		{`^a.*b$`, Options{}, nil},
		{`^CN=.,OU=x$`, Options{}, nil},
		{"/^Admin$/i", Options{}, []string{never, slashes}},
	} {
		got := pattern(t, tt.text, tt.options).Advice()
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s %+v\n got  %q\n want %q", tt.text, tt.options, got, tt.want)
		}
	}
}

// Whatever the first three kinds of advice say of a pattern is so.
func TestAdviceIsTrue(t *testing.T) {
	said := 0
	for round := range 3000 {
		d := newDice(11, uint64(round))
		p, err := ParsePattern(d.pattern(0), Options{Full: d.chance(10), IgnoreCase: d.chance(20)})
		if err != nil {
			continue
		}
		for range 10 {
			value := strings.ReplaceAll(d.valueFor(p.String()), "\n", "")
			switch {
			case len(p.globs) == 0:
				if said++; p.Match(value) {
					t.Errorf("%q can never match, and matches %q", p, value)
				}
			case p.matchesAll():
				if said++; !p.Match(value) {
					t.Errorf("%q matches everything, but not %q", p, value)
				}
			case p.loose() != "":
				if said++; !p.Match(value + p.loose() + value) {
					t.Errorf("%q matches what contains %q, but not within %q", p, p.loose(), value)
				}
			}
		}
	}
	if said < 1000 {
		t.Errorf("only %d claims were tested", said)
	}
}

// A wrapped pattern means what the options say, whatever the text does with
// brackets, flags and quotations.
func TestOptionsEqualRegexp(t *testing.T) {
	for _, text := range []string{`a`, `a|b`, `(?i)a`, `(?-i)a`, `\Qa|b`, `\Qa|b\E`, `\\Qa`, `\Q\`, `a\Q`, `^a|b$`, `(?m)^a$`, `(?s).`, `a*?`} {
		for _, value := range []string{"", "a", "A", "b", "ab", "a|b", "A|B", `\Qa`, `\`, "a\n", "x\na\ny", "\n"} {
			ignoring := pattern(t, text, Options{IgnoreCase: true})
			if got, want := ignoring.Match(value), regexp.MustCompile("(?i)"+text).MatchString(value); got != want {
				t.Errorf("%s ignoring case on %q: %v, want %v", text, value, got, want)
			}
			full := pattern(t, text, Options{Full: true})
			if got, want := full.Match(value), fullMatch(text, value); got != want {
				t.Errorf("%s in full on %q: %v, want %v", text, value, got, want)
			}
		}
	}
}

// fullMatch asks the longest match whether it is the whole value: another way to
// the same answer, as far as the text itself says nothing about the end.
func fullMatch(text, value string) bool {
	re := regexp.MustCompile(text)
	re.Longest()
	at := re.FindStringIndex(value)
	return at != nil && at[0] == 0 && at[1] == len(value)
}
