// Package docs lets the program say what its documentation says: the glossary of
// our words and of what others call the same things, which the pages of
// administrators show beside their fields. It owns reading the glossary's tables;
// where a word is shown is for the pages.
package docs

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"
)

//go:embed glossary.md
var glossary string

// Words is the glossary, as docs/glossary.md has it.
var Words = parse(glossary)

// Glossary is what we call things, and what others do.
type Glossary struct {
	Terms     []Term     // in the order of the page
	Providers []Provider // likewise
}

// Term is one row of a table.
type Term struct {
	Word    string
	Field   string // path in the record file; "" of what is no field
	Meaning string
	Also    []Synonym
	Note    string // a sentence behind the synonyms; mostly none
}

// Synonym is what others call it.
type Synonym struct {
	Text string
	By   []string // keys of the providers whose word it is; none: anybody's
}

// Provider is an identity provider that has a guide and a row in the table of
// consoles.
type Provider struct {
	Key   string // of its guide: docs/identity-providers/KEY.md
	Name  string
	words map[string]string // what it calls things, by our word
}

// Field is the term of a field of the record file; the zero Term when there is none.
func (g Glossary) Field(path string) Term {
	return g.term(func(t Term) bool { return t.Field != "" && t.Field == path })
}

// Word is the term of one of our words; the zero Term when there is none.
func (g Glossary) Word(word string) Term { return g.term(func(t Term) bool { return t.Word == word }) }

func (g Glossary) term(is func(Term) bool) Term {
	if i := slices.IndexFunc(g.Terms, is); i >= 0 {
		return g.Terms[i]
	}
	return Term{}
}

// Provider is the one with a key.
func (g Glossary) Provider(key string) (Provider, bool) {
	if i := slices.IndexFunc(g.Providers, func(p Provider) bool { return p.Key == key }); i >= 0 {
		return g.Providers[i], true
	}
	return Provider{}, false
}

// Calls is what a provider calls a thing: its word in the table of consoles, or
// else those that the glossary says are its own. None for a provider without any.
func (p Provider) Calls(t Term) []string {
	if word := p.words[t.Word]; word != "" {
		return []string{word}
	}
	var words []string
	for _, one := range t.Also {
		if slices.Contains(one.By, p.Key) {
			words = append(words, one.Text)
		}
	}
	return words
}

var (
	heading = regexp.MustCompile(`^\| Our (?:word|field) \| (In the record file \| )?`)
	console = regexp.MustCompile(`^\[(.+)\]\(identity-providers/([a-z0-9-]+)\.md\)$`)
	field   = regexp.MustCompile("^`([a-z0-9_.]+)`$")
	mark    = strings.NewReplacer("**", "", "`", "")
)

func parse(page string) Glossary {
	var g Glossary
	// The consoles first: a synonym's provider is known by them.
	var columns []string
	for _, cells := range rows(page) {
		if cells[0] == "Provider" {
			columns = cells
		} else if at := console.FindStringSubmatch(cells[0]); at != nil && len(cells) == len(columns) {
			p := Provider{Key: at[2], Name: at[1], words: map[string]string{}}
			for i, word := range cells[1:] {
				p.words[columns[i+1]] = word
			}
			g.Providers = append(g.Providers, p)
		}
	}
	fields := false // the table has a column of fields
	for _, cells := range rows(page) {
		if at := heading.FindStringSubmatch("| " + strings.Join(cells, " | ") + " |"); at != nil {
			fields = at[1] != ""
			continue
		}
		if !strings.HasPrefix(cells[0], "**") || len(cells) < 3 {
			continue
		}
		t := Term{Word: mark.Replace(cells[0])}
		if fields {
			if at := field.FindStringSubmatch(cells[1]); at != nil {
				t.Field = at[1]
			}
			cells = cells[1:]
		}
		t.Meaning = mark.Replace(cells[1])
		t.Also, t.Note = g.synonyms(mark.Replace(cells[2]))
		g.Terms = append(g.Terms, t)
	}
	return g
}

// rows are the cells of every row of every table.
func rows(page string) [][]string {
	var list [][]string
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		list = append(list, cells)
	}
	return list
}

// synonyms reads a list such as "Audience, Reply URL (Entra ID), Client ID
// (Keycloak). Some put it elsewhere".
func (g Glossary) synonyms(cell string) (list []Synonym, note string) {
	if at := sentence.FindStringIndex(cell); at != nil {
		cell, note = cell[:at[0]+1], strings.TrimSpace(cell[at[0]+2:])
	}
	for _, text := range outsideBrackets(cell) {
		one := Synonym{Text: text}
		if before, within, ok := lastBrackets(text); ok {
			for part := range strings.SplitSeq(within, ",") {
				if key := g.providerIn(part); key != "" {
					one.Text = before
					one.By = append(one.By, key)
				}
			}
		}
		list = append(list, one)
	}
	return list, note
}

// sentence finds where the list ends and a sentence begins.
var sentence = regexp.MustCompile(`[a-z)]\. [A-Z]`)

// providerIn is the key of the provider that words begin with. AD FS is written
// without its space too.
func (g Glossary) providerIn(words string) string {
	words = strings.ReplaceAll(strings.TrimSpace(words), " ", "")
	for _, p := range g.Providers {
		if strings.HasPrefix(words, strings.ReplaceAll(p.Name, " ", "")) {
			return p.Key
		}
	}
	return ""
}

// outsideBrackets splits at the commas that stand in no brackets.
func outsideBrackets(text string) []string {
	var parts []string
	depth, begin := 0, 0
	for i, r := range text + "," {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			if part := strings.TrimSpace(text[begin:i]); part != "" {
				parts = append(parts, part)
			}
			begin = i + 1
		}
	}
	return parts
}

func lastBrackets(text string) (before, within string, ok bool) {
	open := strings.LastIndexByte(text, '(')
	if open < 0 || !strings.HasSuffix(text, ")") {
		return text, "", false
	}
	return strings.TrimSpace(text[:open]), text[open+1 : len(text)-1], true
}
