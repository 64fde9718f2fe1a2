package rules

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzSetEqualsPlain: for any patterns and values the index finds what the plain
// meaning finds, and that is what regexp finds. The patterns, and the values, are
// parted by zero bytes; each pattern takes four bits of the switches: full, ignore
// case, and the quantifier.
func FuzzSetEqualsPlain(f *testing.F) {
	for _, seed := range []struct {
		patterns, values string
		switches         uint64
	}{
		{"^Platform$\x00^platform$\x00form", "Platform\x00platform\x00", 0x240},
		{"^CN=.*,OU=Admins\x00,DC=example,DC=com$\x00(?i)cn=", "CN=a\nb,OU=Admins\x00CN=x,OU=Admins,DC=example,DC=com", 0},
		{"(?i)k\x00(?i)^s$\x00^[kK]$\x00\u212a", "K\x00\u212a\x00ſ\x00s", 0x4488},
		{`^[a-z]+[0-9]$` + "\x00" + `\bops\b` + "\x00" + `(?m)^a$`, "team7\x00the ops team\x00b\na\nc", 0},
		{"a|ab|\x00(a|b)(c|)d\x00x*", "ab\x00acd\x00", 0xff},
		{"\ufffd\x00^.$\x00[^a]", "\xff\x00\xc3\x00\xe2\x84", 0x48},
		{"$^\x00^$\x00a$b\x00\\z\\A", "\x00\n\x00a", 0xc840},
		{`\Qa.b` + "\x00" + `\Q^\E$`, "a.b\x00^\x00axb", 0x35},
		{"İ\x00(?i)ß\x00(?i)ǅ", "i̇\x00ẞ\x00ǆ", 0x222},
		{"(?U)a+\x00a{2,5}b?\x00(?:ab){3}", "aaab\x00ababab", 0},
	} {
		f.Add(seed.patterns, seed.values, seed.switches)
	}
	f.Fuzz(func(t *testing.T, patterns, values string, switches uint64) {
		var list []Rule
		for text := range strings.SplitSeq(patterns, "\x00") {
			bits := switches & 0xf
			switches >>= 4
			if len(list) == 16 {
				break
			}
			p, err := ParsePattern(text, Options{Full: bits&1 != 0, IgnoreCase: bits&2 != 0})
			if err != nil {
				continue
			}
			list = append(list, Rule{Attribute: "groups", Pattern: p, Values: Quantifier(bits >> 2)})
		}
		wantEqual(t, list, Attributes{{Name: "groups", Values: strings.Split(values, "\x00")}})
	})
}

// FuzzParsePattern: a text is refused in words, or it is a pattern that regexp
// accepts too, that keeps what was typed and that can be given advice on.
func FuzzParsePattern(f *testing.F) {
	for _, c := range constructs {
		for _, begin := range c.begins {
			f.Add("a"+begin+"b)", "ab", false, false)
		}
	}
	for _, text := range []string{"", "a", `\Q`, `a\`, "[", "(((", "a{1000}", "^Admin|Owner$", "a.b", "/a/", "x**", "(?i", `\pX`, "a\xff", `\x{d800}`, "[[:no:]]"} {
		f.Add(text, "a", true, true)
	}
	f.Fuzz(func(t *testing.T, text, value string, full, ignoreCase bool) {
		p, err := ParsePattern(text, Options{Full: full, IgnoreCase: ignoreCase})
		if err != nil {
			if !p.IsZero() {
				t.Errorf("%q is refused and given", text)
			}
			if message := err.Error(); !utf8.ValidString(message) || strings.Contains(message, "%!") && !strings.Contains(text, "%") || errors.Unwrap(err) != nil {
				t.Errorf("%q is refused with %q", text, message)
			}
			return
		}
		if p.String() != text || len(text) > MaxPattern {
			t.Errorf("%q became %q", text, p)
		}
		re, err := regexp.Compile(text)
		if err != nil {
			t.Fatalf("%q is accepted, but not by regexp: %v", text, err)
		}
		if len(value) > 1<<10 {
			return // long values teach nothing new
		}
		found := p.Match(value)
		if !full && !ignoreCase && found != re.MatchString(value) {
			t.Errorf("%q on %q: %v", text, value, found)
		}
		if full && !ignoreCase && found && !re.MatchString(value) {
			t.Errorf("%q matches %q in full but not in part", text, value)
		}
		for _, sentence := range p.Advice() {
			if !strings.HasSuffix(sentence, ".") || !utf8.ValidString(sentence) {
				t.Errorf("%q is advised %q", text, sentence)
			}
		}
		if len(p.globs) == 0 && found {
			t.Errorf("%q should never match, and matches %q", text, value)
		}
	})
}
