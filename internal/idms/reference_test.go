package idms

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// The examples of the reference are read by the code that reads files, and
// every field of the file stands in a table.
func TestTheReferenceOfTheRecordFile(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/record-file.md")
	if err != nil {
		t.Fatal(err)
	}

	files := func(path string) ([]byte, error) {
		return files(strings.NewReplacer("globex", "acme").Replace(path))
	}
	records, known := 0, 0
	for _, example := range regexp.MustCompile("(?s)```yaml( known)?\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if example[1] != "" {
			known++
			if _, err := ParseKnown([]byte(example[2])); err != nil {
				t.Errorf("%v\n%s", err, example[2])
			}
			continue
		}
		file, problems := ParseFile([]byte(example[2]), files)
		if problems.Any() {
			t.Errorf("%s\n%s", problems, example[2])
		}
		for _, record := range file.Records {
			records++
			if _, err := Compile(record); err != nil {
				t.Error(err)
			}
		}
	}
	if records < 2 || known < 1 {
		t.Errorf("%d records and %d examples of what is known: the page is no longer read", records, known)
	}

	for _, document := range []any{fileDocument{}, groupDocument{}, recordDocument{}, buttonDocument{}, samlDocument{}, legacyDocument{}, mappingDocument{},
		grantDocument{}, associationDocument{}, knownDocument{}, accountDocument{}, membershipDocument{}, sourceDocument{}, directoryDocument{}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(document)) {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("%T: the page does not describe %s", document, name)
			}
		}
	}
}

// Whatever number a rule of the law has, it is explained where the code says.
func TestEveryRuleThatCodeCitesStandsInTheLaw(t *testing.T) {
	law, err := os.ReadFile("../../docs/reference/semantics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{".", "../console", "../users", "../groups", "../rules", "../trace"} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if !strings.HasSuffix(entry.Name(), ".go") {
				continue
			}
			code, err := os.ReadFile(folder + "/" + entry.Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, rule := range regexp.MustCompile(`\bS[1-9]\d?\b`).FindAllString(string(code), -1) {
				if !strings.Contains(string(law), "**"+rule+"** ") {
					t.Errorf("%s/%s cites %s, which semantics.md does not have", folder, entry.Name(), rule)
				}
			}
		}
	}
}
