// Package house holds the test that draws the house: which storey each package
// lives on, who may import whom, and where each library is at home. It owns the
// rules that span packages; docs/architecture.md explains them, and everything
// inside a package is left to that package's own tests.
package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "idms"

// room is one package of the house, with the packages below its folder.
type room struct {
	storey    int
	path      string
	libraries string // which libraries are at home here, by the names of the list below
	visitors  string // the only rooms that may import it; empty: every room above
}

// house is the table of docs/architecture.md, with the places of rooms that are
// not built yet. Imports point down: a room imports lower storeys, never its own
// and never a higher one.
var house = []room{
	{8, "cmd/idms", "kong", ""},

	{7, "internal/web", "echo x/time", ""},
	{7, "internal/api", "echo huma", ""},

	{6, "internal/login", "", ""},
	{6, "internal/upkeep", "", ""},
	{6, "internal/directory", "", ""},
	{6, "internal/jobs", "river gocron cron", ""},

	{5, "internal/store", "gorm sqlite pgx goose", ""},

	{4, "internal/idms", "yaml", ""},

	{3, "internal/ldapsync", "go-ldap cron", ""},
	{3, "internal/tokens", "", ""},

	{2, "internal/groups", "", ""},
	{2, "internal/session", "", ""},
	{2, "internal/demo", "crewjam/saml gldap", "cmd/idms"},
	{2, "internal/samltest", "goxmldsig etree", "cmd/idms"},

	{1, "internal/door", "argon2id otp webauthn", ""},
	{1, "internal/console", "", ""},
	{1, "internal/saml", "gosaml2 goxmldsig etree", ""},
	{1, "internal/users", "", ""},
	{1, "internal/audit", "", ""},
	{1, "internal/secret", "tink", ""},
	{1, "internal/config", "koanf", ""},
	{1, "internal/fetch", "", ""},
	{1, "internal/metrics", "prometheus", ""},
	{1, "internal/mail", "go-mail", ""},

	{0, "internal/rules", "", ""},
	{0, "internal/fault", "", ""},
	{0, "internal/trace", "", ""},
	{0, "internal/roles", "", ""},
	{0, "migrations", "", "internal/store"},
	{0, "docs", "", "internal/web"},
	{0, "examples/portal", "", "cmd/idms"}, // which the demo shows
}

// outside are the folders that are no part of the house: tests that span
// packages and what they need. They import what they like; no room imports them.
var outside = []string{".", "test"}

// library is somebody else's code, known by the beginning of its import paths.
type library struct {
	name     string
	prefixes []string
}

var libraries = []library{
	{"kong", []string{"github.com/alecthomas/kong"}},
	{"koanf", []string{"github.com/knadh/koanf", "github.com/go-viper/mapstructure"}},
	{"echo", []string{"github.com/labstack/echo"}},
	{"huma", []string{"github.com/danielgtaylor/huma"}},
	{"gorm", []string{"gorm.io"}},
	{"sqlite", []string{"modernc.org", "github.com/libtnb/sqlite"}},
	{"pgx", []string{"github.com/jackc/pgx"}},
	{"goose", []string{"github.com/pressly/goose"}},
	{"river", []string{"github.com/riverqueue/river"}},
	{"gocron", []string{"github.com/go-co-op/gocron"}},
	{"prometheus", []string{"github.com/prometheus"}},
	{"cron", []string{"github.com/robfig/cron"}},
	{"go-ldap", []string{"github.com/go-ldap/ldap"}},
	{"crewjam/saml", []string{"github.com/crewjam/saml"}},
	{"gldap", []string{"github.com/jimlambrt/gldap"}},
	{"gosaml2", []string{"github.com/russellhaering/gosaml2"}},
	{"goxmldsig", []string{"github.com/russellhaering/goxmldsig"}},
	{"etree", []string{"github.com/beevik/etree"}},
	{"tink", []string{"github.com/tink-crypto/tink-go"}},
	{"yaml", []string{"github.com/goccy/go-yaml"}},
	{"argon2id", []string{"github.com/alexedwards/argon2id"}},
	{"otp", []string{"github.com/pquerna/otp", "github.com/boombuler/barcode"}},
	{"webauthn", []string{"github.com/go-webauthn/webauthn"}},
	{"go-mail", []string{"github.com/wneessen/go-mail"}},
	{"x/time", []string{"golang.org/x/time"}},

	// Small vocabulary, at home everywhere but on storey 0.
	{everywhere, []string{"github.com/google/uuid", "golang.org/x/text"}},
}

const everywhere = "everywhere"

// listed is what `go list` tells about one package. Imports are those of the
// code alone, not of its tests.
type listed struct {
	Dir                                string
	ImportPath                         string
	Doc                                string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports                            []string
}

// path is the package's folder in the module: "internal/store", or "." for the
// root.
func (p listed) path() string {
	if p.ImportPath == module {
		return "."
	}
	return strings.TrimPrefix(p.ImportPath, module+"/")
}

func TestImportsPointDownAndLibrariesStayAtHome(t *testing.T) {
	packages := list(t)
	for _, complaint := range complaints(packages) {
		t.Error(complaint)
	}
	t.Log("\n" + draw(packages))
}

// TestTheDocumentDrawsTheSameHouse compares the table of docs/architecture.md with
// the rooms that are built.
func TestTheDocumentDrawsTheSameHouse(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (\\d) \\| `(.+)` \\| .+ \\| (.*)\\|$").FindAllStringSubmatch(string(text), -1) {
		drawn[row[2]] = row[1] + ": " + strings.TrimSpace(row[3])
	}
	built := map[string]string{}
	for _, p := range list(t) {
		if r, ok := roomOf(p.path()); ok {
			built[strings.TrimPrefix(r.path, "internal/")] = fmt.Sprintf("%d: %s", r.storey, strings.Join(strings.Fields(r.libraries), ", "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(built)) {
		if drawn[name] != built[name] {
			t.Errorf("docs/architecture.md draws %s as %q, and arch_test.go as %q", name, drawn[name], built[name])
		}
	}
	for name := range drawn {
		if built[name] == "" {
			t.Errorf("docs/architecture.md draws %s, which is not built", name)
		}
	}
}

func TestEveryPackageSaysWhatItOwns(t *testing.T) {
	for _, p := range list(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment: say what it owns and what it leaves to others", p.path())
		}
	}
}

// A test that is skipped proves nothing and looks as if it did. Only test/needs
// may skip, since it alone fails instead when CI=true.
func TestNoTestIsSkippedButByNeeds(t *testing.T) {
	for _, p := range list(t) {
		if p.path() == "test/needs" {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range skips(file) {
				t.Errorf("%s/%s:%d skips a test: ask test/needs for the missing part; a fuzz target returns instead",
					p.path(), name, files.Position(call.Pos()).Line)
			}
		}
	}
}

// skips finds the calls of Skip, Skipf and SkipNow on what is called a testing
// value by custom.
func skips(file *ast.File) []*ast.CallExpr {
	var found []*ast.CallExpr
	ast.Inspect(file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, method.Sel.Name) {
			return true
		}
		if value, ok := method.X.(*ast.Ident); ok && slices.Contains([]string{"t", "b", "f", "tb"}, value.Name) {
			found = append(found, call)
		}
		return true
	})
	return found
}

// A migration is two files of one number, one per dialect.
func TestEveryMigrationHasItsTwinInTheOtherDialect(t *testing.T) {
	read := func(dialect string) []string {
		entries, err := os.ReadDir(filepath.Join("migrations", dialect))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		var names []string
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return names
	}
	for _, complaint := range unpaired(read("sqlite"), read("postgres")) {
		t.Error(complaint)
	}
}

var migrationName = regexp.MustCompile(`^([0-9]{5})_[a-z0-9_]+\.sql$`)

// unpaired compares the file names of both dialects.
func unpaired(sqlite, postgres []string) []string {
	var complaints []string
	for _, side := range []struct {
		dialect, other string
		mine, theirs   []string
	}{
		{"sqlite", "postgres", sqlite, postgres},
		{"postgres", "sqlite", postgres, sqlite},
	} {
		numbers := map[string]string{}
		for _, name := range side.mine {
			parts := migrationName.FindStringSubmatch(name)
			if parts == nil {
				complaints = append(complaints, fmt.Sprintf("migrations/%s/%s: a migration is called NNNNN_what_it_does.sql", side.dialect, name))
				continue
			}
			if first := numbers[parts[1]]; first != "" {
				complaints = append(complaints, fmt.Sprintf("migrations/%s: %s and %s have one number", side.dialect, first, name))
			}
			numbers[parts[1]] = name
			if !slices.Contains(side.theirs, name) {
				complaints = append(complaints, fmt.Sprintf("migrations/%s/%s has no twin of the same name in migrations/%s", side.dialect, name, side.other))
			}
		}
	}
	return complaints
}

// complaints names each import that the house does not allow, and what to move
// where.
func complaints(packages []listed) []string {
	var found []string
	complain := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for _, p := range packages {
		if isOutside(p.path()) {
			continue
		}
		from, ok := roomOf(p.path())
		if !ok {
			complain("%s has no place in the house: give it a storey in the table of arch_test.go and in docs/architecture.md", p.path())
			continue
		}
		for _, imported := range p.Imports {
			switch {
			case isStandard(imported):
			case isOurs(imported):
				complainOfRoom(complain, from, listed{ImportPath: imported}.path())
			default:
				complainOfLibrary(complain, from, imported)
			}
		}
	}
	return found
}

// complainOfRoom looks at an import of one of our own packages.
func complainOfRoom(complain func(string, ...any), from room, imported string) {
	if isOutside(imported) {
		complain("%s imports %s, which only tests may: move what is needed into the house", from.path, imported)
		return
	}
	to, ok := roomOf(imported)
	switch {
	case !ok: // said once, at the package itself
	case to.path == from.path:
	case to.visitors != "" && !slices.Contains(strings.Fields(to.visitors), from.path):
		complain("%s imports %s, which is there for %s and tests alone: do without it", from.path, to.path, to.visitors)
	case to.storey == from.storey:
		complain("%s imports %s on its own storey %d: move what both need to a storey below, or let a storey above pass it in",
			from.path, to.path, from.storey)
	case to.storey > from.storey:
		complain("%s (storey %d) imports %s (storey %d), and imports point down: move what %s needs to storey %d or below, or the code that needs it above storey %d",
			from.path, from.storey, to.path, to.storey, from.path, from.storey-1, to.storey)
	}
}

func complainOfLibrary(complain func(string, ...any), from room, imported string) {
	lib, ok := libraryOf(imported)
	switch {
	case from.storey == 0:
		complain("%s imports %s, but storey 0 stands on the standard library alone: move the code that needs it up", from.path, imported)
	case !ok:
		complain("%s imports %s, which has no home: name one in the table of arch_test.go, or do it with a library that has one", from.path, imported)
	case lib.name == everywhere:
	case !slices.Contains(strings.Fields(from.libraries), lib.name):
		complain("%s imports %s, but %s is at home in %s: move the code that needs it there", from.path, imported, lib.name, homesOf(lib.name))
	}
}

func roomOf(path string) (room, bool) {
	for _, r := range house {
		if within(path, r.path) {
			return r, true
		}
	}
	return room{}, false
}

func libraryOf(imported string) (library, bool) {
	for _, lib := range libraries {
		for _, prefix := range lib.prefixes {
			if within(imported, prefix) {
				return lib, true
			}
		}
	}
	return library{}, false
}

func homesOf(name string) string {
	var homes []string
	for _, r := range house {
		if slices.Contains(strings.Fields(r.libraries), name) {
			homes = append(homes, r.path)
		}
	}
	return strings.Join(homes, " and ")
}

func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func isOutside(path string) bool {
	return slices.ContainsFunc(outside, func(folder string) bool { return within(path, folder) })
}

func isOurs(imported string) bool { return within(imported, module) }

// isStandard knows the standard library by its first element, which has no dot.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") && first != module
}

// draw shows the storeys from the top, with the packages that are there.
func draw(packages []listed) string {
	var drawing strings.Builder
	storey := -1
	for _, r := range house {
		var names []string
		for _, p := range packages {
			if within(p.path(), r.path) {
				names = append(names, p.path())
			}
		}
		if len(names) == 0 {
			continue
		}
		if r.storey != storey {
			storey = r.storey
			fmt.Fprintf(&drawing, "── %d ──\n", storey)
		}
		fmt.Fprintf(&drawing, "   %-20s %s\n", strings.Join(names, " "), r.libraries)
	}
	return drawing.String()
}

func list(t *testing.T) []listed {
	t.Helper()
	command := exec.Command("go", "list", "-e", "-json=Dir,ImportPath,Doc,GoFiles,TestGoFiles,XTestGoFiles,Imports", "./...")
	var problem bytes.Buffer
	command.Stderr = &problem
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, problem.String())
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages = append(packages, p)
	}
}

func TestTheHouseComplains(t *testing.T) {
	for _, tt := range []struct{ name, importer, imported, want string }{
		{"of an import that points up", "internal/users", "idms/internal/store",
			"internal/users (storey 1) imports internal/store (storey 5), and imports point down: move what internal/users needs to storey 0 or below, or the code that needs it above storey 5"},
		{"of a neighbour", "internal/groups", "idms/internal/session",
			"internal/groups imports internal/session on its own storey 2: move what both need to a storey below, or let a storey above pass it in"},
		{"of a library away from home", "internal/web", "gorm.io/gorm/clause",
			"internal/web imports gorm.io/gorm/clause, but gorm is at home in internal/store: move the code that needs it there"},
		{"of a library with two homes elsewhere", "internal/login", "github.com/labstack/echo/v4",
			"internal/login imports github.com/labstack/echo/v4, but echo is at home in internal/web and internal/api: move the code that needs it there"},
		{"of a library nobody knows", "internal/web", "github.com/somebody/handy",
			"internal/web imports github.com/somebody/handy, which has no home: name one in the table of arch_test.go, or do it with a library that has one"},
		{"of any library on the ground floor", "internal/rules", "golang.org/x/text/unicode/norm",
			"internal/rules imports golang.org/x/text/unicode/norm, but storey 0 stands on the standard library alone: move the code that needs it up"},
		{"of the demo in what people run", "internal/web", "idms/internal/demo",
			"internal/web imports internal/demo, which is there for cmd/idms and tests alone: do without it"},
		{"of migrations outside the store", "internal/login", "idms/migrations",
			"internal/login imports migrations, which is there for internal/store and tests alone: do without it"},
		{"of test code in the house", "internal/web", "idms/test/needs",
			"internal/web imports test/needs, which only tests may: move what is needed into the house"},
		{"of a package without a place", "internal/util", "fmt",
			"internal/util has no place in the house: give it a storey in the table of arch_test.go and in docs/architecture.md"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := complaints([]listed{{ImportPath: module + "/" + tt.importer, Imports: []string{tt.imported}}})
			if len(got) != 1 || got[0] != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestTheHouseAllows(t *testing.T) {
	for _, tt := range []struct{ name, importer, imported string }{
		{"an import that points down", "internal/store", "idms/internal/users"},
		{"the standard library everywhere", "internal/rules", "regexp/syntax"},
		{"a library at home", "internal/store", "gorm.io/driver/postgres"},
		{"a room's own inner packages", "internal/web", "idms/internal/web/assets"},
		{"the demo in the command", "cmd/idms", "idms/internal/demo"},
		{"small vocabulary above the ground floor", "internal/users", "github.com/google/uuid"},
		{"tests across packages whatever they like", "test/interop", "gorm.io/gorm"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := complaints([]listed{{ImportPath: module + "/" + tt.importer, Imports: []string{tt.imported}}}); len(got) != 0 {
				t.Errorf("got %q, want no complaint", got)
			}
		})
	}
}

func TestASkippedTestIsFound(t *testing.T) {
	for _, tt := range []struct {
		body string
		want int
	}{
		{"b.Skip()", 1}, {"f.SkipNow()", 1}, {`tb.Skipf("x")`, 1},
		{"decoder.Skip()", 0}, {"t.Log()", 0},
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc F() { "+tt.body+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(skips(file)); got != tt.want {
			t.Errorf("%s: found %d, want %d", tt.body, got, tt.want)
		}
	}
}

func TestAnUnpairedMigrationIsFound(t *testing.T) {
	for _, tt := range []struct {
		name             string
		sqlite, postgres []string
		want             int
	}{
		{"twins are well", []string{"00001_people.sql"}, []string{"00001_people.sql"}, 0},
		{"one dialect alone", []string{"00001_people.sql"}, nil, 1},
		{"two names of one number", []string{"00001_people.sql"}, []string{"00001_persons.sql"}, 2},
		{"one number twice in each", []string{"00001_a.sql", "00001_b.sql"}, []string{"00001_a.sql", "00001_b.sql"}, 2},
		{"a name out of order", []string{"1_people.sql"}, []string{"1_people.sql"}, 2},
	} {
		if got := unpaired(tt.sqlite, tt.postgres); len(got) != tt.want {
			t.Errorf("%s: got %q, want %d complaints", tt.name, got, tt.want)
		}
	}
}
