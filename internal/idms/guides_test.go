package idms

import (
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"idms/internal/samltest"
)

const guides = "../../docs/identity-providers/"

// guideFiles are the guides of providers, by name.
func guideFiles(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(guides + "*.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if name := strings.TrimSuffix(filepath.Base(path), ".md"); name != "README" {
			all[name] = string(text)
		}
	}
	return all
}

// Whoever follows a guide ends with a record that is accepted: every record in
// them is read, with the files that it names, by the code that reads files.
func TestTheRecordsOfTheGuidesAreReady(t *testing.T) {
	idp := samltest.NewIdP("https://idp.company.example/saml")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: idp.Keys[0].Certificate.Raw})
	open := func(path string) ([]byte, error) {
		switch filepath.Ext(path) {
		case ".xml":
			return idp.Metadata(), nil
		case ".pem":
			return certificate, nil
		}
		return nil, fmt.Errorf("no file %s", path)
	}
	for name, text := range guideFiles(t) {
		blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1)
		if len(blocks) == 0 {
			t.Errorf("%s has no record", name)
		}
		for _, block := range blocks {
			file, problems := ParseFile([]byte(block[1]), open)
			if problems.Any() || len(file.Records) == 0 {
				t.Errorf("%s: %d records\n%s\n%s", name, len(file.Records), problems, block[1])
			}
			for _, record := range file.Records {
				if problems := record.Check(); problems.Any() {
					t.Errorf("%s: %s", name, problems)
				}
				if _, err := Compile(record); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if record.Key != "company" {
					t.Errorf("%s: the record's key is %s, and the guide's addresses say company", name, record.Key)
				}
				// What a guide recommends is not what a check warns of.
				for _, warning := range record.SAML.Warnings(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)) {
					t.Errorf("%s: the record warns: %s: %s", name, warning.Field, warning.Message)
				}
			}
		}
	}
}

// Every guide has one outline, so that somebody who knows one knows all.
func TestTheGuidesHaveOneOutline(t *testing.T) {
	index, err := os.ReadFile(guides + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	outline := []string{"Here: the record", "There: …", "Attributes and groups", "Logins that begin there",
		"When the certificate changes", "Test", "Five mistakes", "Sources"}
	for name, text := range guideFiles(t) {
		var found []string
		for _, match := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(text, -1) {
			heading := match[1]
			if strings.HasPrefix(heading, "There: ") {
				heading = "There: …"
			}
			found = append(found, heading)
		}
		if !slices.Equal(found, outline) {
			t.Errorf("%s has the headings %q", name, found)
		}
		_, mistakes, _ := strings.Cut(text, "## Five mistakes\n")
		mistakes, _, _ = strings.Cut(mistakes, "\n## ")
		rows := regexp.MustCompile(`(?m)^\| .* \|$`).FindAllString(mistakes, -1)
		if len(rows) != 1+1+5 { // with the heading and the line below it
			t.Errorf("%s has %d rows of mistakes", name, len(rows)-2)
		}
		if codes := strings.Count(mistakes, "../reference/codes.md#"); codes < 3 {
			t.Errorf("%s: %d mistakes lead to a code", name, codes)
		}
		if !strings.Contains(text, "https://HOST/saml/company/metadata") {
			t.Errorf("%s does not say who we are", name)
		}
		if !strings.Contains(string(index), "("+name+".md)") {
			t.Errorf("the index does not name %s", name)
		}
	}
}

// TestTheLinksOfTheDocumentationResolve: of guides, glossary and conformance,
// each link within the documentation leads to a file, and to a heading in it.
func TestTheLinksOfTheDocumentationResolve(t *testing.T) {
	pages, err := filepath.Glob(guides + "*.md")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, page := range append(pages, "../../docs/glossary.md", "../../docs/conformance.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			checked++
			file, anchor, _ := strings.Cut(link[1], "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			there, err := os.ReadFile(target)
			if err != nil {
				t.Errorf("%s: %s leads nowhere: %v", page, link[1], err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(string(there)), anchor) {
				t.Errorf("%s: %s has no heading %s", page, target, anchor)
			}
		}
	}
	if checked < 50 {
		t.Errorf("%d links: the pages are no longer read", checked)
	}
}

// anchors are the names that a page's headings get where it is shown: small
// letters, digits, - and _, with a hyphen for each space.
func anchors(page string) []string {
	var names []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		name := strings.ReplaceAll(strings.ToLower(heading[1]), " ", "-")
		names = append(names, regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(name, ""))
	}
	return names
}

// The records of the how-tos about directories are accepted as they stand there.
func TestTheRecordsOfTheDirectoryGuidesAreReady(t *testing.T) {
	idp := samltest.NewIdP("https://idp.company.example/saml")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: idp.Keys[0].Certificate.Raw})
	found := 0
	for _, name := range []string{"active-directory", "openldap", "freeipa", "when-a-sync-is-held"} {
		text, err := os.ReadFile("../../docs/how-to/" + name + ".md")
		if err != nil {
			t.Fatal(err)
		}
		blocks := regexp.MustCompile(`(?m)(?:^    .*\n)+`).FindAllString(string(text), -1)
		for _, block := range blocks {
			if !strings.Contains(block, "association_type: ldap") {
				continue
			}
			found++
			record := "records:\n  - key: company\n    name: Company\n    state: active\n    saml: {metadata_file: idp.xml}\n" +
				"    mapping: {username: uid, email: mail, names_optional: true}\n" + block
			file, problems := ParseFile([]byte(record), func(path string) ([]byte, error) {
				if filepath.Ext(path) == ".xml" {
					return idp.Metadata(), nil
				}
				return certificate, nil
			})
			if problems.Any() {
				t.Errorf("%s: %s\n%s", name, problems, record)
				continue
			}
			if problems := file.Records[0].Check(); problems.Any() || file.Records[0].Directory == nil {
				t.Errorf("%s: %s", name, problems)
			}
		}
	}
	if found < 3 {
		t.Errorf("%d records: the how-tos are no longer read", found)
	}
}
