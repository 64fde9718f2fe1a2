package web

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestNoValueCanEndAHeaderOrBeginAnother(t *testing.T) {
	for text, want := range map[string]string{
		"ada@acme.example":          "ada@acme.example",
		"Ada Okafor":                "Ada%20Okafor",
		"ليلى":                      "%D9%84%D9%8A%D9%84%D9%89",
		"x\r\nX-Idms-Console: full": "x%0D%0AX-Idms-Console:%20full",
		"100%":                      "100%25",
		"a+b":                       "a+b",
		"\x00\x7f\xff":              "%00%7F%FF",
	} {
		got := encodeHeader(text, "")
		if got != want {
			t.Errorf("%q is sent as %q, want %q", text, got, want)
		}
		if back, err := url.PathUnescape(got); err != nil || back != text {
			t.Errorf("%q comes back as %q (%v)", text, back, err)
		}
	}
	if got := encodeHeader("a,b", ","); got != "a%2Cb" {
		t.Errorf("a comma in a key is sent as %q", got)
	}
}

func TestGroupsAreCutBetweenKeysAndTheCutIsMarked(t *testing.T) {
	var all []string
	for i := range 1000 {
		all = append(all, fmt.Sprintf("team-%04d", i))
	}
	list, cut := groupList(all)
	keys := strings.Split(list, ",")
	if !cut || len(list) > maxGroupsHeader || len(list) < maxGroupsHeader-20 || keys[len(keys)-1] != fmt.Sprintf("team-%04d", len(keys)-1) {
		t.Errorf("cut %v, %d bytes, ends with %q", cut, len(list), keys[len(keys)-1])
	}
	if list, cut := groupList(all[:2]); cut || list != "team-0000,team-0001" {
		t.Errorf("two groups: %q, cut %v", list, cut)
	}
	if list, cut := groupList(nil); cut || list != "" {
		t.Errorf("no group: %q, cut %v", list, cut)
	}
}
