package web

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// sources are the texts of files of this package, the tests' left out.
func sources(t *testing.T, patterns ...string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(names), err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			texts[name] = string(text)
		}
	}
	return texts
}

func TestEveryNoticeIsSaidSomewhere(t *testing.T) {
	var all strings.Builder
	for name, text := range sources(t, "*.go") {
		if name != "notices.go" {
			all.WriteString(text)
		}
	}
	made := []string{"left-remove", "left-adopt"} // of the word that a button sends
	for word := range notices {
		if !slices.Contains(made, word) && !strings.Contains(all.String(), `"`+word+`"`) {
			t.Errorf("nothing says %q: delete the notice", word)
		}
	}
}

func TestEveryTemplateIsShownAndEveryPartOfOneIsUsed(t *testing.T) {
	pages, parts := sources(t, "*.go"), sources(t, "templates/*.html")
	all, shown := "", ""
	for _, text := range pages {
		shown += text
	}
	for _, text := range parts {
		all += text
	}
	define := regexp.MustCompile(`{{-? *define "([^"]+)"`)
	for name, text := range parts {
		base := filepath.Base(name)
		if !slices.Contains(layouts, name) && !strings.Contains(shown, `return "`+base+`"`) {
			t.Errorf("no page is shown by %s", base)
		}
		for _, of := range define.FindAllStringSubmatch(text, -1) {
			if part := of[1]; part != "layout" && !regexp.MustCompile(`{{-? *(template|block) "`+regexp.QuoteMeta(part)+`"`).MatchString(all) {
				t.Errorf("%s defines %q, which nothing uses", base, part)
			}
		}
	}
}

func TestEveryClassOfTheStyleSheetIsOnSomePage(t *testing.T) {
	words := map[string]bool{}
	for _, text := range sources(t, "*.go", "templates/*.html", "static/*.js") {
		for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
			return r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
		}) {
			words[word] = true
		}
	}
	sheet := regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(sources(t, "static/idms.css")["static/idms.css"], "")
	class := regexp.MustCompile(`\.([a-zA-Z][\w-]*)`)
	for _, rule := range regexp.MustCompile(`([^{}]*)\{`).FindAllStringSubmatch(sheet, -1) {
		for _, of := range class.FindAllStringSubmatch(rule[1], -1) {
			// A template may write the end of a class: kind-{{.Kind}}.
			begin, end, _ := strings.Cut(of[1], "-")
			if !words[of[1]] && !(words[begin+"-"] && words[end]) {
				t.Errorf("no page has the class %q of the style sheet", of[1])
			}
		}
	}
}
