package rules

import "testing"

func TestWhereAPatternCannotBeReadIsShown(t *testing.T) {
	for _, tt := range []struct{ text, piece string }{
		{`^a(?=b)c$`, `(?=`}, {`a[z-a]b`, `z-a`}, {`x\hy`, `\h`}, {`a\`, `\`}, {`a**`, `**`}, {`(?<!a)b`, `(?<!`},
		{`^whole$`, ""}, {`(a`, ""}, // the whole of it is no place
	} {
		from, to, ok := Place(tt.text)
		if ok != (tt.piece != "") || tt.text[from:to] != tt.piece {
			t.Errorf("%s: %q, want %q", tt.text, tt.text[from:to], tt.piece)
		}
	}
}

func FuzzAPlaceIsWithinThePattern(f *testing.F) {
	f.Add(`(?P<a`)
	f.Add("\xff(")
	f.Fuzz(func(t *testing.T, text string) {
		from, to, ok := Place(text)
		if from < 0 || to < from || to > len(text) || ok == (from == to) {
			t.Errorf("%q: %d to %d, %v", text, from, to, ok)
		}
	})
}

func TestFindShowsWhatMatches(t *testing.T) {
	for _, tt := range []struct {
		pattern, value, want string
		options              Options
		ok                   bool
	}{
		{"cloud", "my-cloud-admins", "cloud", Options{}, true},
		{"CLOUD", "my-cloud-admins", "cloud", Options{IgnoreCase: true}, true},
		{"cloud", "my-cloud-admins", "", Options{Full: true}, false},
		{"cloud", "cloud", "cloud", Options{Full: true}, true},
		{"x", "cloud", "", Options{}, false},
	} {
		pattern, err := ParsePattern(tt.pattern, tt.options)
		if err != nil {
			t.Fatal(err)
		}
		from, to, ok := pattern.Find(tt.value)
		if ok != tt.ok || tt.value[from:to] != tt.want || ok != pattern.Match(tt.value) {
			t.Errorf("%s in %s: %q, %v", tt.pattern, tt.value, tt.value[from:to], ok)
		}
	}
	if _, _, ok := (Pattern{}).Find("x"); ok {
		t.Error("the pattern that matches nothing is found")
	}
}
